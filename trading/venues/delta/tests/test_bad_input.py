"""Each way the exchange or its door can disappoint is a state an operator can read, with what to do."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from trading.engine.ports import VenueUnavailable
from trading.strategy.types import Outcome
from trading.venues.delta.tests.desk import Desk
from trading.venues.delta.tests.support import KEY, SECRET, bad, fill_row, good, intent, order_row

CASES: list[tuple[httpx.Response, str, str]] = [
    (bad("invalid_api_key", 401), "Invalid api key", "Check the environment setting and the key"),
    (
        bad("ip_not_whitelisted_for_api_key", 401, client_ip="203.0.113.9"),
        "client_ip 203.0.113.9",
        "Add this machine's address to the key's whitelist",
    ),
    (bad("UnauthorizedApiAccess", 401), "HTTP 401", "give it the Trading permission"),
    (bad("insufficient_margin", available_balance="3"), "available_balance 3", "Add funds or lower the quantity"),
    (httpx.Response(503, content=b"<html>Scheduled maintenance</html>"), "maintenance", "trading resumes by itself"),
    (httpx.Response(502, content=b"<html>nginx</html>"), "a page instead of an answer", "fate is read back"),
    (httpx.Response(403, content=b"<html>CloudFront</html>"), "HTTP 403", "User-Agent"),
    (httpx.Response(200, json={"success": False}), "Bad body", "what became of an order is asked"),
    (httpx.Response(200, content=b'{"success":true,"res'), "not JSON", "cut off"),
]


@pytest.mark.parametrize(("answer", "what", "advice"), CASES)
async def test_a_failed_read_says_what_happened_and_what_to_do(answer: httpx.Response, what: str, advice: str) -> None:
    desk = await Desk().ready()
    desk.exchange.on("GET /v2/positions", answer)
    with pytest.raises(VenueUnavailable) as caught:
        await desk.venue.positions()
    assert what in str(caught.value)
    assert advice in str(caught.value)


@pytest.mark.parametrize(("answer", "what", "advice"), CASES)
async def test_a_failed_order_says_what_happened_and_what_to_do(answer: httpx.Response, what: str, advice: str) -> None:
    desk = await Desk().ready()
    desk.exchange.on("POST /v2/orders", answer)
    report = await desk.venue.place(intent())
    assert report.outcome in (Outcome.REJECTED, Outcome.UNKNOWN)
    assert what in report.detail
    assert advice in report.detail
    assert KEY not in report.detail
    assert SECRET not in report.detail


async def test_an_exchange_that_does_not_answer_holds_nothing_up() -> None:
    desk = Desk(connect_wait_seconds=0.02)

    async def hang(_: httpx.Request) -> httpx.Response:
        await asyncio.Event().wait()
        raise AssertionError

    desk.venue.link.transport._http = httpx.MockTransport(hang)
    async with asyncio.timeout(1):
        await desk.venue.connect()
    assert "the account is being caught up" in desk.venue.health().detail
    await desk.venue.close()


async def test_connecting_with_a_wrong_key_does_not_raise_and_is_shown() -> None:
    desk = Desk()
    desk.exchange.on("GET /v2/orders", bad("invalid_api_key", 401))
    await desk.venue.connect()
    health = desk.venue.health()
    await desk.venue.close()
    assert not health.connected
    assert "private stream down" in health.detail
    assert "the account is being caught up" in health.detail


async def test_numbers_as_strings_and_back_change_nothing() -> None:
    desk = await Desk().ready()
    texts: dict[str, Any] = {"id": "34521712", "size": "10", "unfilled_size": "0.0", "product_id": "151043"}
    desk.exchange.on("POST /v2/orders", good(order_row(state="closed", **texts)))
    report = await desk.venue.place(intent())
    assert (report.filled, report.venue_order_id) == (10, "34521712")
    desk.exchange.on("GET /v2/fills", good([fill_row(size="10", price=391.0, order_id=34521712, commission=0.0753148)]))
    (fill,) = await desk.venue.fills(["ds1-PE-e1"], desk.venue.now())
    assert (fill.size, str(fill.commission)) == (10, "0.0753148")


async def test_unknown_fields_and_contract_types_are_skipped_and_named() -> None:
    desk = Desk()
    rows = [{"symbol": "MV-BTC-1", "contract_type": "move_options"}, {"symbol": "Q", "contract_type": "quantum"}]
    desk.exchange.on("GET /v2/products", good(rows))
    chain = await desk.venue.chain("BTC")
    assert chain.rows == ()
    assert "MV-BTC-1: contract type move_options" in chain.skipped
    assert "Q: contract type quantum" in chain.skipped


@pytest.mark.parametrize("result", [{"size": 5}, [{"entry_price": "3"}], [{"product_symbol": "X", "size": "many"}]])
async def test_positions_that_cannot_be_understood_are_unknown_never_flat(result: object) -> None:
    desk = await Desk().ready()
    desk.exchange.on("GET /v2/positions", good(result))
    desk.exchange.on("GET /v2/positions/margined", good([{"size": 1}]))
    with pytest.raises(VenueUnavailable):
        await desk.venue.positions()
