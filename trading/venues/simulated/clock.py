"""Clocks of the simulated venue. The engine has no other clock than the venue's."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Protocol

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


def micros(at: datetime) -> int:
    """Microseconds since 1970 of an aware time, exactly."""
    return (at - EPOCH) // MICROSECOND


def from_micros(value: int) -> datetime:
    """The aware UTC time ``value`` microseconds after 1970."""
    return EPOCH + timedelta(microseconds=value)


class VenueClock(Protocol):
    """Something that knows what time it is at the venue."""

    def now(self) -> datetime:
        """Aware UTC; never goes back."""
        ...


class SimulatedClock:
    """Venue time that runs ``speed`` times as fast as the wall, from a persisted pair of epochs, whether or not
    anybody is looking.

    ``wall`` returns Unix seconds; a wall clock that steps back makes venue time stand still, never go back.
    """

    def __init__(
        self, *, venue_epoch: datetime, wall_epoch: float, speed: float, wall: Callable[[], float] = time.time
    ) -> None:
        self.venue_epoch = venue_epoch
        self.wall_epoch = wall_epoch
        self.speed = speed
        self.wall = wall
        self._latest = venue_epoch

    def now(self) -> datetime:
        """The venue's time."""
        elapsed = (self.wall() - self.wall_epoch) * self.speed
        self._latest = max(self._latest, self.venue_epoch + timedelta(seconds=elapsed))
        return self._latest


class ManualClock:
    """Venue time that moves only when told; for tests and for simulated days run as fast as the machine allows."""

    def __init__(self, at: datetime) -> None:
        self._at = at.astimezone(UTC)

    def now(self) -> datetime:
        """The venue's time."""
        return self._at

    def advance(self, seconds: float) -> datetime:
        """Move on by ``seconds`` and return the new time; ValueError if negative."""
        return self.set(self._at + timedelta(seconds=seconds))

    def set(self, at: datetime) -> datetime:
        """Move on to ``at`` and return it; ValueError if that lies in the past."""
        if at < self._at:
            raise ValueError("venue time never goes back")
        self._at = at.astimezone(UTC)
        return self._at
