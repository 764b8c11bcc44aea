"""The simulated exchange behind Delta's own protocol, in this process: REST without a network, sockets on loopback."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import httpx

from trading.strategy.events import Event, FillSeen, OrderReported
from trading.strategy.types import ChainRow, Fill, OptionType, OrderIntent, OrderType, Purpose, Side, TimeInForce
from trading.venues.acceptance.loopback import sockets
from trading.venues.delta.config import DeltaConfig
from trading.venues.delta.stream import Waits
from trading.venues.delta.tests.support import until
from trading.venues.delta.venue import DeltaVenue
from trading.venues.delta_server.app import DeltaApp
from trading.venues.delta_server.config import ServerConfig
from trading.venues.delta_server.server import DeltaServer
from trading.venues.simulated.config import SimulatedConfig
from trading.venues.simulated.exchange import SimulatedExchange
from trading.venues.simulated.tests.support import SEED, SHARED_MARKET, START

KEY, SECRET = "wire-key", "wire-secret"


@dataclass
class Wire:
    """A connected venue, the server it talks to, and a call and a put with 15 delta."""

    venue: DeltaVenue
    app: DeltaApp
    legs: tuple[ChainRow, ...] = ()

    @property
    def exchange(self) -> SimulatedExchange:
        return self.app.server.exchange

    def fault(self, text: str) -> None:
        """Put faults of the wire in force."""
        self.app.server.faults.inject(text)

    async def pick(self) -> None:
        """Choose the legs and watch them."""
        chain = await self.venue.chain("BTC")
        nearest = min(row.instrument.settlement_at for row in chain.rows)
        rows = [row for row in chain.rows if row.instrument.settlement_at == nearest and row.quote.delta is not None]
        self.legs = tuple(_closest(rows, kind) for kind in OptionType)
        await self.venue.watch("BTC", [row.instrument.symbol for row in self.legs])

    def intents(self, purpose: Purpose, number: int = 1) -> list[OrderIntent]:
        """Market orders for both legs: sold on entry, bought back on exit."""
        return [_intent(row, purpose, number) for row in self.legs]

    async def events_until(self, fills: int, reports: int = 0) -> list[Event]:
        """Poll until so many fills, and reports of filled orders, came."""
        seen: list[Event] = []
        async with asyncio.timeout(10):
            while len(fills_in(seen)) < fills or filled_reports(seen) < reports:
                await self.venue.wait(0.1)
                seen += await self.venue.poll()
        return seen

    def cash_by(self, fills: list[Fill]) -> Decimal:
        """What these fills leave of the deposit: credits less debits less commissions."""
        size = self.legs[0].instrument.contract_value
        flows = [(1 if f.side is Side.SELL else -1) * f.size * f.price * size - f.commission for f in fills]
        return Decimal(10_000) + sum(flows, Decimal(0))


def fills_in(events: list[Event]) -> list[Fill]:
    """The fills among events."""
    return [event.fill for event in events if isinstance(event, FillSeen)]


def filled_reports(events: list[Event]) -> int:
    """Reports of filled orders among events."""
    return sum(1 for event in events if isinstance(event, OrderReported) and event.report.filled)


def _closest(rows: list[ChainRow], kind: OptionType) -> ChainRow:
    of_kind = [row for row in rows if row.instrument.option_type is kind and row.quote.bid and row.quote.ask]
    return min(of_kind, key=lambda row: abs(abs(row.quote.delta or 0) - 0.15))


def _intent(row: ChainRow, purpose: Purpose, number: int) -> OrderIntent:
    option = row.instrument
    entry = purpose is Purpose.ENTRY
    return OrderIntent(
        client_order_id=f"ds1-{option.option_type.code}-{purpose.code}{number}",
        leg=option.option_type,
        purpose=purpose,
        attempt=number,
        symbol=option.symbol,
        product_id=option.product_id,
        side=Side.SELL if entry else Side.BUY,
        size=10,
        order_type=OrderType.MARKET,
        time_in_force=TimeInForce.IOC,
        limit_price=None,
        reduce_only=not entry,
    )


@asynccontextmanager
async def wired(**changes: Any) -> AsyncIterator[Wire]:
    """A venue connected to a fresh exchange. Reconnects and retries do not pause long."""
    exchange = SimulatedExchange(SimulatedConfig(seed=SEED, start=START, balance=Decimal(10_000)), market=SHARED_MARKET)
    server = DeltaServer(exchange, ServerConfig(api_key=KEY, api_secret=SECRET), sleep=lambda _: asyncio.sleep(0.01))
    app = DeltaApp(server)
    async with sockets(app) as url:
        values: dict[str, Any] = {
            "environment": "custom",
            "rest_url": "http://exchange",
            "ws_public_url": f"{url}/public",
            "ws_private_url": f"{url}/private",
            "api_key": KEY,
            "api_secret": SECRET,
            "backoff_first": 0.01,
            "backoff_last": 0.05,
            "read_backoff_seconds": 0.01,
            "order_wait_seconds": 3.0,
            **changes,
        }
        transport = httpx.ASGITransport(app=app, client=("127.0.0.1", 40_000))
        venue = DeltaVenue(DeltaConfig(**values), http=transport, waits=Waits())
        wire = Wire(venue, app)
        await venue.connect()
        try:
            yield wire
        finally:
            await venue.close()
    await app.close()


async def up(wire: Wire) -> None:
    """Wait until both streams are up and the account is caught up."""
    await until(lambda: wire.venue.health().connected)
