"""The control API and page: the truth, faults while it runs, the clock, cutting sockets off."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from trading.venues.delta_server.tests.support import SECRET, Bench, Socket


async def call(bench: Bench, method: str, path: str, body: object = None, **options: Any) -> Any:
    """A control request and its JSON."""
    async with bench.client() as client:
        response = await client.request(method, f"/_control/{path}", json=body, **options)
    assert response.status_code == 200, response.text
    return response.json()


async def test_the_truth_is_what_the_exchange_knows(bench: Bench) -> None:
    await bench.market(bench.call, "sell", 4, client_order_id="t1")
    truth = await call(bench, "GET", "truth")
    assert Decimal(truth["cash"]) == bench.exchange.balance().cash
    assert [(row["client_order_id"], row["state"]) for row in truth["orders"]] == [("t1", "closed")]
    assert sum(fill["size"] for fill in truth["fills"]) == 4
    assert [(row["symbol"], row["size"]) for row in truth["positions"]] == [(bench.call.symbol, -4)]


async def test_faults_are_injected_listed_and_lifted_while_it_runs(bench: Bench) -> None:
    numbers = await call(bench, "POST", "faults", {"name": "rate_limit", "count": 2, "path": "/v2/fills"})
    assert numbers == {"numbers": [1]}
    assert (await bench.send("GET", "/v2/fills")).status_code == 429
    (row,) = await call(bench, "GET", "faults")
    assert row == {"number": 1, "name": "rate_limit", "left": 1, "struck": 1, "count": 2, "path": "/v2/fills"}
    await call(bench, "POST", "faults", {"text": "slow; skew:seconds=3"})
    assert await call(bench, "DELETE", "faults?number=2") == {"lifted": 1}
    assert [item["name"] for item in await call(bench, "GET", "faults")] == ["rate_limit", "skew"]
    assert await call(bench, "DELETE", "faults") == {"lifted": 2}
    assert (await bench.send("GET", "/v2/fills")).status_code == 200


@pytest.mark.parametrize("body", [{}, {"name": "nonsense"}, {"text": "slow:speed=1"}, {"text": " "}])
async def test_a_fault_that_is_not_known_is_refused_with_a_sentence(bench: Bench, body: dict[str, str]) -> None:
    async with bench.client() as client:
        response = await client.post("/_control/faults", json=body)
    assert response.status_code == 400
    assert response.json()["detail"]


async def test_the_venues_clock_can_be_moved_on(bench: Bench) -> None:
    before = (await call(bench, "GET", "clock"))["venue_micros"]
    after = (await call(bench, "POST", "clock", {"advance": 90}))["venue_micros"]
    assert after - before == 90_000_000
    async with bench.client() as client:
        assert (await client.post("/_control/clock", json={"advance": -1})).status_code == 400


async def test_sockets_are_cut_off_by_kind(bench: Bench) -> None:
    async with Socket(bench, "/public") as public, Socket(bench, "/private") as private:
        assert await call(bench, "POST", "disconnect", {"socket": "private"}) == {"disconnected": 1}
        await public.settle()
        assert (public.close_code, private.close_code) == (None, 4011)


async def test_a_foreign_position_can_be_put_into_the_account(bench: Bench) -> None:
    await call(bench, "POST", "positions", {"symbol": bench.put.symbol, "size": -3, "price": "55"})
    found = await bench.result("GET", "/v2/positions", f"?product_id={bench.put.product_id}")
    assert found == {"size": -3, "entry_price": "55"}
    (fill,) = await bench.result("GET", "/v2/fills")
    assert fill["fill_type"] == "otc"


async def test_the_page_shows_the_account_and_no_secret(bench: Bench) -> None:
    await bench.market(bench.call, "sell", 4, client_order_id="t1")
    bench.server.faults.inject("slow:seconds=0")
    async with bench.client() as client:
        page = await client.get("/_control/")
        style = await client.get("/_control/control.css")
    assert page.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert bench.call.symbol in page.text
    assert "slow" in page.text
    assert SECRET not in page.text
    assert "<script" not in page.text
    assert " style=" not in page.text
    assert style.headers["content-type"].startswith("text/css")


async def test_what_the_page_shows_is_escaped(bench: Bench) -> None:
    bench.server.faults.inject("reject:code=<b>bold</b>")
    async with bench.client() as client:
        page = await client.get("/_control/")
    assert "<b>bold" not in page.text
    assert "&lt;b&gt;bold" in page.text


async def test_the_pages_forms_work_without_a_script(bench: Bench) -> None:
    async with bench.client() as client:
        answer = await client.post("/_control/faults", data={"text": "slow:count=1"})
        assert (answer.status_code, answer.headers["location"]) == (303, "/_control/")
        assert len(bench.server.faults.armed) == 1
        await client.post("/_control/faults/lift", data={"x": ""})
        assert bench.server.faults.armed == []


async def test_unknown_controls_are_not_found(bench: Bench) -> None:
    async with bench.client() as client:
        assert (await client.get("/_control/elsewhere")).status_code == 404
