"""Stepped time for either end of the wire, which can say when somebody next wants to be woken."""

from __future__ import annotations

from datetime import datetime

from trading.venues.acceptance.stepped import SteppedTime
from trading.venues.simulated.clock import ManualClock, from_micros, micros


class Clockwork(SteppedTime):
    """Time that moves only when told, in whole microseconds, so that two processes agree on it exactly."""

    def __init__(self, at: datetime) -> None:
        super().__init__(ManualClock(at))
        self.sleeping = 0

    @property
    def now(self) -> int:
        """Microseconds since 1970."""
        return micros(self.clock.now())

    def move_to(self, at: int) -> None:
        """Let time pass until ``at`` (microseconds since 1970) and wake those whose hour has come."""
        behind = at - self.now
        if behind > 0:
            self.clock.set(from_micros(at))
        self.advance(0.0)

    async def sleep(self, seconds: float) -> None:
        """Sleep until that many seconds have been told to pass."""
        self.sleeping += 1
        try:
            await super().sleep(seconds)
        finally:
            self.sleeping -= 1

    def next_alarm(self) -> int | None:
        """When the next sleeper wants to be woken, in microseconds since 1970; None when nobody sleeps."""
        due = [at for at, _, alarm in self._sleepers if not alarm.done()]
        return self.now + max(1, round((min(due) - self.mono()) * 1e6)) if due else None
