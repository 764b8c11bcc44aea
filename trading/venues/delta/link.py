"""One connection's parts put together, and the chores that keep it warm."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

import httpx

from trading.venues.delta.clock import VenueClock
from trading.venues.delta.config import DeltaConfig
from trading.venues.delta.errors import DeltaError
from trading.venues.delta.fields import BadField, decimal, whole
from trading.venues.delta.inbox import Inbox
from trading.venues.delta.limits import Limits
from trading.venues.delta.market import Market
from trading.venues.delta.rest import Rest
from trading.venues.delta.stream import Waits
from trading.venues.delta.transport import Transport
from trading.venues.delta.troubles import Troubles

log = logging.getLogger("trading.venues.delta")
WARM_CONNECTIONS = 2
SLOW_SECONDS = 1.5
"""What took longer was asked more than once, or waited for the budget: the time says nothing about the way there."""


class Link:
    """Transport, clock, REST, market and inbox of one connection. ``http``, ``wall`` and ``waits`` are injected."""

    def __init__(
        self,
        config: DeltaConfig,
        *,
        http: httpx.AsyncBaseTransport | None = None,
        wall: Callable[[], float] = time.time,
        waits: Waits | None = None,
    ) -> None:
        self.config = config
        self.waits = waits or Waits()
        self.clock = VenueClock(speed=config.clock_speed, wall=wall, mono=self.waits.mono)
        self.limits = Limits(
            budget=config.budget,
            reserve=config.reserve,
            window=config.window_seconds,
            mono=self.waits.mono,
            sleep=self.waits.sleep,
        )
        self.transport = Transport(
            config,
            self.clock,
            self.limits,
            http=http,
            mono=self.waits.mono,
            sleep=self.waits.sleep,
            jitter=self.waits.jitter,
        )
        self.rest = Rest(config, self.transport)
        self.inbox = Inbox()
        self.troubles = Troubles(self.waits.mono)
        self.market = Market(config, self.rest, self.clock, self.inbox, waits=self.waits)
        self.maintenance = False
        self._took = 0.0
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def started(self) -> bool:
        """Whether the chores are running."""
        return bool(self._tasks)

    def start(self, *more: Awaitable[None]) -> None:
        """Run the streams and chores, with ``more`` of them."""
        config = self.config
        chores = (
            self.market.stream.run(),
            self.every(config.warm_seconds, self.warm, what="clock", at_once=not self.clock.synced),
            self.every(config.products_seconds, self.market.products.fresh, what="products"),
            self.every(config.wall(config.fallback_seconds), self._fall_back, what="quotes"),
        )
        self._tasks = [asyncio.ensure_future(chore) for chore in (*chores, *more)]

    async def close(self) -> None:
        """End the chores and the connections."""
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self.market.stream.up = False
        await self.transport.close()

    async def every(
        self, seconds: float, action: Callable[[], Awaitable[object]], *, what: str, at_once: bool = False
    ) -> None:
        """Do ``action``, which reads ``what``, every ``seconds``, for ever, also after a failure, which is told."""
        while True:
            await self.waits.sleep(0.0 if at_once else seconds)
            at_once = False
            try:
                with self.troubles.watching(what):
                    await action()
            except (DeltaError, BadField) as error:
                log.warning("%s", error, extra={"event": "delta_chore_failed"})

    async def warm(self) -> None:
        """Read the server's time on as many connections as a strangle has legs: the clock is set, and an order finds
        an open connection.
        """
        await asyncio.gather(*(self.set_clock() for _ in range(WARM_CONNECTIONS)))

    async def set_clock(self) -> None:
        """Anchor the clock at the exchange's. A slow answer is asked for once more; a second one counts only when
        nothing better is known. Raises DeltaError.
        """
        for last in (False, True):
            sent = self.waits.mono()
            settings = await self.rest.settings()
            received = self.waits.mono()
            server_time = decimal(settings, "server_time")
            if server_time is None:
                raise DeltaError("bad_body", "/v2/settings carries no server_time")
            self.maintenance = settings.get("under_maintenance") in (True, "true")
            took = received - sent
            unrivalled = not self.clock.synced or took <= self._took
            if took <= SLOW_SECONDS or (last and unrivalled):
                self.clock.sync(float(server_time), sent=sent, received=received)
                self._took = took
                return
        log.warning("The clock was not set: the answer took %.1f s", took, extra={"event": "delta_clock_kept"})

    async def read_meter(self) -> None:
        """Count what others on this account spent. Raises DeltaError."""
        self.limits.signed.observe(whole(await self.rest.quota(), "current_quota") or 0)

    async def _fall_back(self) -> None:
        await self.market.fall_back()
