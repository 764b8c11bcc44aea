"""The request budget: weights within any window of five minutes, one bucket for signed and one for unsigned requests,
a slice kept for closes, cancels and the reads they need, and a queue by importance (``spec/delta_exchange.md`` §6).
"""

from __future__ import annotations

import asyncio
import heapq
import time
from collections import deque
from collections.abc import Awaitable, Callable
from enum import IntEnum
from itertools import count

QUEUE_PAUSE = 0.01


class Priority(IntEnum):
    """Who goes first when the budget is short. Closes and cancels may use all of the reserve; ``TRUTH``, the reads
    without which a close cannot be finished (orders, fills, positions), half of it.
    """

    CLOSE = 0
    CANCEL = 1
    TRUTH = 2
    STOP = 3
    READ = 4
    ENTRY = 5


class BudgetSpent(Exception):
    """The request would have to wait longer than it may; it was not sent. ``seconds`` is how long."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"the request budget is spent for another {seconds:.1f} s")
        self.seconds = seconds


class WeightBucket:
    """One bucket. Spends at most ``budget`` in *any* interval of ``window`` seconds, hence in each of the exchange's
    fixed windows however they lie; ``reserve`` of it only for closing (see Priority). ``mono`` and ``sleep`` are
    injected.
    """

    def __init__(
        self,
        *,
        budget: int,
        reserve: int,
        window: float = 300.0,
        mono: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.budget = budget
        self.reserve = reserve
        self.window = window
        self._mono = mono
        self._sleep = sleep
        self._spends: deque[tuple[float, int]] = deque()
        self._used = 0
        self._blocked_until = float("-inf")
        self._waiting: list[tuple[int, int]] = []
        self._numbers = count()

    @property
    def used(self) -> int:
        """Weight spent within the last window."""
        self._expire()
        return self._used

    @property
    def left(self) -> int:
        """Weight that may still be spent now."""
        return max(self.budget - self.used, 0)

    async def acquire(self, weight: int, priority: Priority, *, max_wait: float) -> None:
        """Spend ``weight``, waiting at most ``max_wait`` seconds for it; raises BudgetSpent when that is not enough."""
        if not self._waiting and not self._pause(weight, priority) > 0:
            self._spend(weight)
            return
        ticket = (int(priority), next(self._numbers))
        heapq.heappush(self._waiting, ticket)
        deadline = self._mono() + max_wait
        try:
            while not self._grant(ticket, weight):
                pause = max(self._pause(weight, priority), QUEUE_PAUSE)
                if self._mono() + pause > deadline:
                    raise BudgetSpent(pause)
                await self._sleep(pause)
        finally:
            self._waiting.remove(ticket)
            heapq.heapify(self._waiting)

    def block(self, seconds: float) -> None:
        """The exchange said 429: send nothing for ``seconds`` (its ``X-RATE-LIMIT-RESET``)."""
        self._blocked_until = max(self._blocked_until, self._mono() + seconds)

    def observe(self, used: int) -> None:
        """The exchange's own meter shows ``used``: others on this account spend too, so what we did not count ourselves
        is added.
        """
        if (others := used - self.used) > 0:
            self._spend(others)

    def _grant(self, ticket: tuple[int, int], weight: int) -> bool:
        if self._pause(weight, Priority(ticket[0])) > 0 or self._queued_before(ticket):
            return False
        self._spend(weight)
        return True

    def _queued_before(self, ticket: tuple[int, int]) -> bool:
        """A more important request waits; one that may use the reserve waits for nobody below it."""
        return self._waiting[0] < ticket

    def _spend(self, weight: int) -> None:
        self._spends.append((self._mono(), weight))
        self._used += weight

    def _cap(self, priority: Priority) -> int:
        if priority <= Priority.CANCEL:
            return self.budget
        return self.budget - (self.reserve // 2 if priority is Priority.TRUTH else self.reserve)

    def _pause(self, weight: int, priority: Priority) -> float:
        """Seconds until ``weight`` fits, by what has been spent; 0 when it fits now, infinite when it never will."""
        self._expire()
        now = self._mono()
        blocked = max(self._blocked_until - now, 0.0)
        excess = self._used + weight - self._cap(priority)
        if excess <= 0:
            return blocked
        for at, spent in self._spends:
            excess -= spent
            if excess <= 0:
                return max(blocked, at + self.window - now)
        return float("inf")

    def _expire(self) -> None:
        # Compared as a sum, as _pause computes it: a difference rounds to another float.
        now = self._mono()
        while self._spends and self._spends[0][0] + self.window <= now:
            self._used -= self._spends.popleft()[1]


class Limits:
    """The two buckets of a connection: signed requests count for the user, unsigned ones for the address."""

    def __init__(
        self,
        *,
        budget: int,
        reserve: int,
        window: float = 300.0,
        mono: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.signed = WeightBucket(budget=budget, reserve=reserve, window=window, mono=mono, sleep=sleep)
        self.unsigned = WeightBucket(budget=budget, reserve=reserve, window=window, mono=mono, sleep=sleep)

    def bucket(self, *, signed: bool) -> WeightBucket:
        """The bucket a request counts in."""
        return self.signed if signed else self.unsigned
