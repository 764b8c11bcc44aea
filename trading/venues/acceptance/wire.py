"""The Delta client and the simulated exchange behind Delta's protocol, over loopback sockets and in stepped time."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from contextlib import AsyncExitStack
from typing import Any

import httpx

from trading.venues.acceptance.loopback import http, sockets
from trading.venues.acceptance.stepped import SteppedTime
from trading.venues.delta.config import DeltaConfig
from trading.venues.delta.direct import Direct
from trading.venues.delta.stream import Waits
from trading.venues.delta.venue import DeltaVenue
from trading.venues.delta_server.app import DeltaApp
from trading.venues.delta_server.clock import WallClocks
from trading.venues.delta_server.config import ServerConfig
from trading.venues.delta_server.server import DeltaServer
from trading.venues.simulated.clock import ManualClock
from trading.venues.simulated.exchange import SimulatedExchange

KEY, SECRET = "wire-key", "wire-secret"
ANSWER_SECONDS = 0.3
CALM_TURNS = 25
THREAD_SECONDS = 0.02


class Counted(Direct):
    """The client's connections, with a count of the requests that wait for their answers."""

    def __init__(self) -> None:
        super().__init__()
        self.in_flight = 0
        self.requests = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send, and count."""
        self.in_flight += 1
        self.requests += 1
        try:
            return await super().handle_async_request(request)
        finally:
            self.in_flight -= 1


async def never(_seconds: float) -> None:
    """An answer that is withheld until the caller gives up."""
    await asyncio.Event().wait()


class SteppedWire:
    """One account and the way to it. ``open`` before use, ``close`` after."""

    def __init__(self, exchange: SimulatedExchange, clock: ManualClock, **changes: Any) -> None:
        self.exchange = exchange
        self.time = SteppedTime(clock)
        self.server = DeltaServer(
            exchange,
            ServerConfig(api_key=KEY, api_secret=SECRET),
            clocks=WallClocks(self.time.wall, self.time.mono),
            sleep=never,
        )
        self.app = DeltaApp(self.server, pump=False)
        self._changes = changes
        self._stack = AsyncExitStack()

    async def open(self) -> None:
        """Serve, and connect a first client."""
        self._stack.push_async_callback(self.app.close)
        self._rest = await self._stack.enter_async_context(http(self.app))
        self._socket = await self._stack.enter_async_context(sockets(self.app))
        self.connect()

    def connect(self) -> None:
        """A new client, as after a restart of the worker; the one before must have been closed."""
        values: dict[str, Any] = {
            "environment": "custom",
            "rest_url": self._rest,
            "ws_public_url": f"{self._socket}/public",
            "ws_private_url": f"{self._socket}/private",
            "api_key": KEY,
            "api_secret": SECRET,
            "read_timeout": ANSWER_SECONDS,
            **self._changes,
        }
        self.http = Counted()
        waits = Waits(mono=self.time.mono, sleep=self.time.sleep, jitter=lambda: 0.5)
        self.venue = DeltaVenue(DeltaConfig(**values), http=self.http, wall=self.time.wall, waits=waits)

    async def close(self) -> None:
        """End both sides."""
        await self.venue.close()
        await self._stack.aclose()

    def fault(self, text: str) -> None:
        """Put faults of the wire in force."""
        self.server.faults.inject(text)

    async def step(self, seconds: float) -> None:
        """Let time pass, have the server look around, and let everything that follows at that moment arrive."""
        self.time.advance(seconds)
        self.app.hub.step()
        await self.calm()

    async def calm(self) -> None:
        """Wait until nothing is on its way any more: no request, no frame, nobody who is working on one."""
        quiet, before = 0, self._seen()
        while quiet < CALM_TURNS:
            await asyncio.sleep(0)
            now = self._seen()
            busy = now != before or self.http.in_flight or any(s.outbox.qsize() for s in self.app.hub.sessions)
            quiet, before = (0 if busy else quiet + 1), now

    async def until_done(self, tasks: Collection[asyncio.Future[Any]]) -> None:
        """Wait for these; when nothing moves any more and they still wait, it is for time to pass."""
        # Whoever hears of their end hears of it in the next turn of the loop, also when they have ended already.
        await asyncio.sleep(0)
        while pending := [task for task in tasks if not task.done()]:
            await self.calm()
            done, _ = await asyncio.wait(pending, timeout=THREAD_SECONDS, return_when=asyncio.FIRST_COMPLETED)
            if not done:
                self.time.skip()
                self.app.hub.step()

    def _seen(self) -> tuple[int, ...]:
        streams = (self.venue.market.stream, self.venue.account.stream)
        return (self.http.requests, len(self.app.hub.sessions), *(stream.frames for stream in streams))
