"""The pre-flight against an exchange in this process: each thing that can be wrong fails its own check."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from decimal import Decimal
from typing import Any

import httpx
import pytest

from trading.venues.acceptance.loopback import sockets
from trading.venues.delta.config import DeltaConfig
from trading.venues.delta.tests.wire import KEY, SECRET
from trading.venues.delta.venue import DeltaVenue
from trading.venues.delta_server.app import DeltaApp
from trading.venues.delta_server.config import ServerConfig
from trading.venues.delta_server.server import DeltaServer
from trading.venues.delta_tools.preflight import NOBODYS_ORDER, Finding, Preflight
from trading.venues.simulated.config import SimulatedConfig
from trading.venues.simulated.exchange import SimulatedExchange
from trading.venues.simulated.tests.support import SEED, SHARED_MARKET, START

# A simulator in a hurry has a time of its own and judges signatures by the wall's, as the exchange does.
SPEED = 60.0


@asynccontextmanager
async def exchange(balance: int = 10_000, **server: Any) -> AsyncIterator[tuple[DeltaServer, DeltaConfig, Any]]:
    """A server, how to reach it, and the transport that does."""
    config = SimulatedConfig(seed=SEED, start=START, speed=SPEED, balance=Decimal(balance))
    simulated = SimulatedExchange(config, market=SHARED_MARKET)
    running = DeltaServer(simulated, replace(ServerConfig(api_key=KEY, api_secret=SECRET), **server))
    app = DeltaApp(running)
    async with sockets(app) as url:
        reach = DeltaConfig(
            environment="custom",
            rest_url="http://exchange",
            ws_public_url=f"{url}/public",
            ws_private_url=f"{url}/private",
            api_key=KEY,
            api_secret=SECRET,
            clock_speed=SPEED,
            read_backoff_seconds=0.01,
            backoff_first=0.01,
            backoff_last=0.05,
        )
        yield running, reach, httpx.ASGITransport(app=app, client=("127.0.0.1", 40_000))
    await app.close()


async def look(reach: DeltaConfig, transport: Any, *, seconds: float = 5.0) -> dict[str, Finding]:
    """The findings by name."""
    venue = DeltaVenue(reach, http=transport)
    try:
        return {finding.name: finding for finding in await Preflight(venue, stream_seconds=seconds).run()}
    finally:
        await venue.close()


def failed(findings: dict[str, Finding]) -> list[str]:
    """Names of the checks that failed; each of them must say what to do."""
    assert all(finding.advice for finding in findings.values() if not finding.passed)
    return [name for name, finding in findings.items() if not finding.passed]


async def test_a_sound_account_passes_and_nothing_was_ordered() -> None:
    async with exchange() as (server, reach, transport):
        findings = await look(reach, transport)
        assert failed(findings) == []
        assert findings["balance"].found == "10,000.00 USD, 10,000.00 free"
        assert findings["margin mode"].found == "isolated"
        assert server.exchange.orders() == []
        assert server.exchange.find(client_order_id=NOBODYS_ORDER) is None


async def test_a_key_that_may_only_read_fails_the_permissions() -> None:
    async with exchange(read_only=True) as (_, reach, transport):
        findings = await look(reach, transport)
        assert failed(findings) == ["permissions"]
        assert "Trading permission" in findings["permissions"].advice


async def test_an_address_off_the_whitelist_is_told_from_a_bad_key() -> None:
    async with exchange(allowed_ips=("203.0.113.7",)) as (_, reach, transport):
        findings = await look(reach, transport)
        assert failed(findings) == ["whitelist"]
        assert "127.0.0.1" in findings["whitelist"].found


@pytest.mark.parametrize("change", [{"api_key": "unknown-key"}, {"api_secret": "wrong-secret"}])
async def test_a_bad_key_fails_and_is_not_repeated(change: dict[str, Any]) -> None:
    async with exchange() as (_, reach, transport):
        findings = await look(replace(reach, **change), transport)
        assert failed(findings) == ["key", "whitelist"]
        assert not any(value in str(findings) for value in change.values())


async def test_an_empty_account_fails_the_balance() -> None:
    async with exchange(balance=0) as (_, reach, transport):
        assert failed(await look(reach, transport)) == ["balance"]


async def test_a_budget_that_others_have_spent_fails_the_limits() -> None:
    async with exchange() as (_, reach, transport):
        assert failed(await look(replace(reach, weight_limit=1_000), transport)) == []
        other = DeltaVenue(reach, http=transport)
        for _ in range(50):
            await other.link.rest.history(since=0)
        await other.close()
        findings = await look(replace(reach, weight_limit=1_000), transport)
        assert failed(findings) == ["limits"]
        assert findings["limits"].found.endswith(" of 1000 spent in five minutes")


async def test_a_socket_that_nobody_answers_fails_the_streams() -> None:
    async with exchange() as (_, reach, transport):
        findings = await look(replace(reach, ws_private_url="ws://127.0.0.1:9/private"), transport, seconds=0.3)
        assert failed(findings) == ["streams"]
        assert findings["streams"].found.startswith("private: ")


async def test_a_clock_that_is_off_fails_although_it_is_corrected() -> None:
    async with exchange() as (server, reach, transport):
        server.faults.inject("skew:seconds=60")
        findings = await look(reach, transport)
        assert failed(findings) == ["clock skew"]
        assert float(findings["clock skew"].found.split(" s ")[0]) == pytest.approx(60, abs=2)


async def test_maintenance_ends_it_at_once() -> None:
    async with exchange() as (server, reach, transport):
        server.faults.inject("maintenance")
        findings = await asyncio.wait_for(look(reach, transport), 10)
        assert list(findings) == failed(findings) == ["connectivity"]


async def test_an_account_in_another_margin_mode_fails() -> None:
    class Portfolio(httpx.AsyncBaseTransport):
        def __init__(self, network: httpx.AsyncBaseTransport) -> None:
            self.network = network

        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            if request.url.path.endswith("/trading_preferences"):
                return httpx.Response(200, json={"success": True, "result": {"margin_mode": "portfolio"}})
            return await self.network.handle_async_request(request)

    async with exchange() as (_, reach, transport):
        findings = await look(reach, Portfolio(transport))
        assert failed(findings) == ["margin mode"]
        assert findings["margin mode"].found == "portfolio"
