"""Signatures over exactly the bytes that leave (``spec/delta_exchange.md`` §1.2 and §1.4)."""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import re

import httpx
import pytest

from trading.venues.delta.clock import VenueClock
from trading.venues.delta.config import ENVIRONMENTS, DeltaConfig
from trading.venues.delta.limits import Limits
from trading.venues.delta.rest import Rest
from trading.venues.delta.signing import Signer, prehash
from trading.venues.delta.tests.support import KEY, SECRET, WALL, ManualTime, config, good
from trading.venues.delta.transport import Call, Transport


def hexed(text: str) -> str:
    return hmac.new(SECRET.encode(), text.encode(), hashlib.sha256).hexdigest()


def test_it_hashes_the_documented_examples() -> None:
    assert prehash("get", 1542110948, "/v2/orders?product_id=1&state=open") == (
        b"GET1542110948/v2/orders?product_id=1&state=open"
    )
    body = b'{"product_id":27,"size":1,"side":"buy","order_type":"limit_order","limit_price":"59000"}'
    assert prehash("POST", 1542110948, "/v2/orders", body) == (
        b'POST1542110948/v2/orders{"product_id":27,"size":1,"side":"buy","order_type":"limit_order",'
        b'"limit_price":"59000"}'
    )
    assert Signer(KEY, SECRET).signature("POST", 1542110948, "/v2/orders", body) == hexed(
        prehash("POST", 1542110948, "/v2/orders", body).decode()
    )


def test_it_signs_the_socket_over_the_live_path() -> None:
    frame = Signer(KEY, SECRET).ws_auth(1759900000)
    assert frame == {
        "type": "key-auth",
        "payload": {"api-key": KEY, "signature": hexed("GET1759900000/live"), "timestamp": "1759900000"},
    }


async def test_it_signs_the_query_that_is_sent_with_its_percent_signs() -> None:
    sent = Sent([])
    async with client(http=sent) as rest:
        await rest.open_orders(27)
    (request,) = sent.requests
    assert request.url.host == "rest.test"
    target = "/v2/orders?states=open%2Cpending&page_size=50&product_ids=27"
    assert request.url.raw_path == target.encode()
    assert request.headers["signature"] == hexed(f"GET{int(WALL)}{target}")
    assert request.headers["api-key"] == KEY
    assert request.headers["timestamp"] == str(int(WALL))
    assert request.headers["user-agent"].startswith("delta-strangle")


async def test_a_cancel_is_a_delete_with_a_signed_body() -> None:
    sent = Sent({})
    async with client(http=sent) as rest:
        await rest.cancel({"id": 34521712, "product_id": 151043})
    (request,) = sent.requests
    assert request.url.host == "rest.test"
    assert request.method == "DELETE"
    assert request.content == b'{"id":34521712,"product_id":151043}'
    assert request.headers["signature"] == hexed(f"DELETE{int(WALL)}/v2/orders" + request.content.decode())
    assert request.headers["content-type"] == "application/json"


async def test_public_reads_are_not_signed() -> None:
    sent = Sent([])
    async with client(http=sent) as rest:
        await rest.tickers("BTC")
    (request,) = sent.requests
    assert "signature" not in request.headers
    assert b"contract_types=call_options%2Cput_options" in request.url.query


async def test_it_signs_after_the_wait_for_the_budget() -> None:
    time, sent = ManualTime(), Sent([])
    budget = {"weight_limit": 4, "budget_share": 1.0, "reserve_share": 0.0, "window_seconds": 5.0}
    async with client(http=sent, time=time, **budget) as rest:
        await rest.balances()
        await rest.balances()
    first, second = (int(request.headers["timestamp"]) for request in sent.requests)
    assert second - first == 5


async def test_no_secret_is_in_a_repr_or_an_exception(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    settings = config()
    echoing = httpx.MockTransport(
        lambda _: httpx.Response(401, json={"success": False, "error": {"code": f"no {KEY} {SECRET}"}})
    )
    async with client(http=echoing) as rest:
        with pytest.raises(Exception, match=r"\*\*\*") as caught:
            await rest.balances()
    shown = f"{settings!r} {Signer(KEY, SECRET)!r} {caught.value!r} {caught.value} {caplog.text}"
    assert KEY not in shown
    assert SECRET not in shown
    assert not re.search(r"[0-9a-f]{64}", shown)


def test_every_environment_has_its_hosts() -> None:
    for name in ENVIRONMENTS:
        settings = DeltaConfig(environment=name)
        assert settings.rest_url.startswith("https://")
        assert settings.ws_private_url.startswith("wss://")
        assert settings.ws_public_url.startswith("wss://")
    assert DeltaConfig(environment="global_prod").ws_auth == "auth"
    assert DeltaConfig(environment="india_prod").ws_auth == "key-auth"


@pytest.mark.parametrize(
    "changes",
    [{"rest_url": ""}, {"market_orders": "bold"}, {"positions_read": "x"}, {"budget_share": 0.0}, {"clock_speed": 0.0}],
)
def test_a_configuration_that_cannot_work_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"set|must"):
        config(**changes)


class Sent(httpx.MockTransport):
    """A network that keeps what was sent and always answers with ``result``."""

    def __init__(self, result: object) -> None:
        self.requests: list[httpx.Request] = []
        self._result = result
        super().__init__(self._take)

    def _take(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        return good(self._result)


class client:  # noqa: N801 - reads as a verb
    """A REST client for the length of a block."""

    def __init__(
        self, *, http: httpx.AsyncBaseTransport | None = None, time: ManualTime | None = None, **changes: object
    ) -> None:
        time = time or ManualTime()
        settings = config(**changes)
        limits = Limits(
            budget=settings.budget,
            reserve=settings.reserve,
            window=settings.window_seconds,
            mono=time.mono,
            sleep=time.sleep,
        )
        clock = VenueClock(wall=time.wall, mono=time.mono)
        self.transport = Transport(settings, clock, limits, http=http, mono=time.mono, sleep=time.sleep)
        self.rest = Rest(settings, self.transport)

    async def __aenter__(self) -> Rest:
        return self.rest

    async def __aexit__(self, *_: object) -> None:
        await self.transport.close()


async def test_the_body_is_serialised_once_and_compactly() -> None:
    seen: list[bytes] = []

    def take(request: httpx.Request) -> httpx.Response:
        seen.append(request.content)
        return good({})

    async with client(http=httpx.MockTransport(take)) as rest:
        await rest.transport.write(Call("POST", "/v2/orders", 5, body={"size": 1, "limit_price": "59000"}))
    assert seen == [b'{"size":1,"limit_price":"59000"}']
    assert json.loads(seen[0])["size"] == 1
