"""The simulated exchange behind Delta's protocol on ports of this machine, in time that its owner steps."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any, Final

from trading.chaos.clockwork import Clockwork
from trading.chaos.plan import Plan
from trading.venues.acceptance.loopback import http, sockets
from trading.venues.delta_server.app import DeltaApp, Receive, Scope, Send
from trading.venues.delta_server.clock import WallClocks
from trading.venues.delta_server.config import Quirks, ServerConfig
from trading.venues.delta_server.server import DeltaServer
from trading.venues.simulated.config import SimulatedConfig
from trading.venues.simulated.exchange import SimulatedExchange
from trading.venues.simulated.market import Market

KEY: Final = "chaos-key"
SECRET: Final = "chaos-secret"
DEPOSIT: Final = Decimal(100_000)
QUIET_TURNS: Final = 8


class CountedApp(DeltaApp):
    """An application that knows what it is busy with."""

    def __init__(self, server: DeltaServer) -> None:
        super().__init__(server, pump=False)
        self.serving = 0
        self.changes = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection, and count what goes in and out."""

        async def heard() -> Any:
            message = await receive()
            self.changes += 1
            return message

        async def said(message: Any) -> None:
            await send(message)
            self.changes += 1

        request = scope["type"] == "http"
        self.serving += request
        try:
            await super().__call__(scope, heard, said)
        finally:
            self.serving -= request
            self.changes += 1


@cache
def market_of(number: int, underlying: str) -> Market:
    """A market; computed once per process, since it is a function of its seed and of time."""
    return Market(number, (underlying,))


class Stage:
    """One account at the exchange and the doors to it. ``open`` before use, ``close`` after."""

    def __init__(self, plan: Plan, folder: Path) -> None:
        self.time = Clockwork(plan.begins)
        underlying = str(plan.configuration["underlying"])
        config = SimulatedConfig(
            seed=plan.market,
            start=plan.begins,
            balance=DEPOSIT,
            path=str(folder / "exchange.sqlite3"),
            underlyings=(underlying,),
        )
        market = market_of(plan.market, underlying)
        self.exchange = SimulatedExchange(config, self.time.clock, market=market)
        self.server = DeltaServer(
            self.exchange,
            ServerConfig(api_key=KEY, api_secret=SECRET, quirks=Quirks(settlement_price_seconds=plan.price_after)),
            clocks=WallClocks(self.time.wall, self.time.mono),
            sleep=self.time.sleep,
        )
        self.app = CountedApp(self.server)
        self.rest = self.sockets = ""
        self._stack = AsyncExitStack()

    async def open(self) -> None:
        """Listen."""
        self._stack.push_async_callback(self.app.close)
        self.rest = await self._stack.enter_async_context(http(self.app))
        self.sockets = await self._stack.enter_async_context(sockets(self.app))

    async def close(self) -> None:
        """End all connections; the account stays on disk."""
        await self._stack.aclose()

    @property
    def waiting(self) -> int:
        """Requests that get no answer before time passes."""
        return self.time.sleeping

    @property
    def changes(self) -> int:
        """A number that grows with everything that comes in and goes out."""
        return self.app.changes

    def move_to(self, at: int) -> None:
        """Let time pass until ``at`` (microseconds since 1970), and have the exchange look around."""
        self.time.move_to(at)
        self.exchange.catch_up()
        self.app.hub.step()

    async def quiet(self) -> None:
        """Until all that was asked is answered or waits for time, and all that is to be told is told."""
        turns, before = 0, -1
        while turns < QUIET_TURNS:
            await asyncio.sleep(0)
            queued = any(session.outbox.qsize() for session in self.app.hub.sessions)
            busy = queued or self.app.serving > self.waiting or self.changes != before
            turns, before = (0 if busy else turns + 1), self.changes
