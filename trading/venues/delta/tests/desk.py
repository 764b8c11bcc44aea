"""A whole venue over a scripted exchange, for tests."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from trading.strategy.events import Event, FillSeen, OrderReported
from trading.strategy.types import Fill, OrderReport
from trading.venues.delta.clock import from_micros
from trading.venues.delta.tests.support import MICROS, PRODUCTS, PUT, WALL, Exchange, ManualTime, config, good, ticker
from trading.venues.delta.venue import DeltaVenue

SENT: datetime = from_micros(MICROS)
DOLLARS = {"asset_symbol": "USD", "balance": "10000", "available_balance": "9000", "blocked_margin": "1000"}


class Desk:
    """A venue whose exchange is flat and quiet until a test scripts otherwise."""

    def __init__(self, **changes: Any) -> None:
        self.time = ManualTime()
        self.exchange = Exchange()
        for route in ("orders", "orders/history", "fills", "positions", "positions/margined"):
            self.exchange.on(f"GET /v2/{route}", good([]))
        self.exchange.on("GET /v2/products", good(PRODUCTS))
        self.exchange.on("GET /v2/tickers", good([ticker(), ticker(PRODUCTS[1]["symbol"])]))
        self.exchange.on(f"GET /v2/tickers/{PUT}", good(ticker()))
        self.exchange.on("GET /v2/wallet/balances", good([DOLLARS]))
        settings = config(**{"underlyings": ("BTC",), **changes})
        self.venue = DeltaVenue(settings, http=self.exchange.transport, wall=self.time.wall, waits=self.time.waits)

    async def ready(self) -> Desk:
        """The clock set, the products known, the account caught up; no streams."""
        await self.venue.link.set_clock()
        await self.venue.market.products.fresh()
        await self.venue.account.catch_up()
        self.exchange.requests.clear()
        return self

    def at(self, seconds: float) -> int:
        """Microseconds at so many seconds after the start."""
        return int((WALL + seconds) * 1_000_000)

    async def events(self) -> list[Event]:
        """What the engine would poll."""
        return await self.venue.poll()

    async def reports(self) -> list[OrderReport]:
        """Order reports among the events."""
        return [event.report for event in await self.events() if isinstance(event, OrderReported)]

    async def fills(self) -> list[Fill]:
        """Fills among the events."""
        return [event.fill for event in await self.events() if isinstance(event, FillSeen)]
