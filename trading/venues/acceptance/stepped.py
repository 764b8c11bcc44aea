"""Time that passes only when told, for everything on both ends of a wire: venue, server, client and its chores."""

from __future__ import annotations

import asyncio
import heapq
from itertools import count

from trading.venues.simulated.clock import ManualClock


class SteppedTime:
    """Wall, monotonic and venue seconds in one. Who sleeps is woken when ``advance`` reaches the hour."""

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self._start = clock.now()
        self._numbers = count()
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []

    def wall(self) -> float:
        """Unix seconds."""
        return self.clock.now().timestamp()

    def mono(self) -> float:
        """Seconds since the beginning, and some."""
        return 1_000.0 + (self.clock.now() - self._start).total_seconds()

    async def sleep(self, seconds: float) -> None:
        """Sleep until that many seconds have been told to pass."""
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        alarm: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self.mono() + seconds, next(self._numbers), alarm))
        await alarm

    def advance(self, seconds: float) -> None:
        """Let time pass and wake those whose hour has come."""
        self.clock.advance(seconds)
        while self._sleepers and self._sleepers[0][0] <= self.mono() + 1e-6:
            _, _, alarm = heapq.heappop(self._sleepers)
            if not alarm.done():
                alarm.set_result(None)

    def skip(self) -> None:
        """Advance to the next hour that somebody waits for."""
        while self._sleepers and self._sleepers[0][2].done():
            heapq.heappop(self._sleepers)
        if self._sleepers:
            self.advance(max(self._sleepers[0][0] - self.mono(), 0.0))
