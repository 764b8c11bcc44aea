"""The exchange's clock as seen from here: anchored by its answers, advanced by our monotonic clock."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def from_micros(micros: int) -> datetime:
    """Microseconds since 1970 as an aware time."""
    return EPOCH + timedelta(microseconds=micros)


def to_micros(at: datetime) -> int:
    """An aware time as microseconds since 1970."""
    return (at - EPOCH) // timedelta(microseconds=1)


def seconds_of(server_time: float) -> float:
    """Unix seconds from a server time that may be given in seconds, milli- or microseconds."""
    if server_time > 1e14:
        return server_time / 1e6
    return server_time / 1e3 if server_time > 1e11 else float(server_time)


class VenueClock:
    """Time at the exchange. ``wall`` and ``mono`` are injected, in seconds; ``speed`` is venue seconds per second.

    At speed 1 (the exchange itself) one offset serves both the venue's time and the signatures. A faster simulator
    has a time of its own, but still judges signatures by wall time: then only ``expired_signature`` corrects those.
    """

    def __init__(
        self,
        *,
        speed: float = 1.0,
        wall: Callable[[], float] = time.time,
        mono: Callable[[], float] = time.monotonic,
    ) -> None:
        self.speed = speed
        self.synced = False
        self._wall = wall
        self._mono = mono
        self._venue = (wall(), mono())
        self._signing = self._venue
        self._last = EPOCH

    def now(self) -> datetime:
        """The venue's time, aware UTC; it never runs backwards."""
        seconds, mono = self._venue
        at = EPOCH + timedelta(seconds=seconds + (self._mono() - mono) * self.speed)
        self._last = max(self._last, at)
        return self._last

    def signing_seconds(self) -> int:
        """Unix seconds to sign with."""
        return int(self._signing_now())

    def _signing_now(self) -> float:
        seconds, mono = self._signing
        return seconds + self._mono() - mono

    def sync(self, server_time: float, *, sent: float, received: float) -> None:
        """Take an answer of ``/v2/settings`` in; ``sent`` and ``received`` are monotonic seconds around the request,
        and the answer is taken to be written half-way.
        """
        anchor = (seconds_of(server_time), (sent + received) / 2)
        self._venue = anchor
        if self.speed == 1.0:
            self._signing = anchor
        self.synced = True

    def sync_signing(self, server_time: float) -> None:
        """Take the ``server_time`` of an ``expired_signature`` error in."""
        self._signing = (seconds_of(server_time), self._mono())
        if self.speed == 1.0:
            self._venue = self._signing
            self.synced = True

    @property
    def skew_ms(self) -> float:
        """Milliseconds that our wall clock is behind the exchange (negative: ahead), by what signatures go by."""
        return (self._signing_now() - self._wall()) * 1000

    def wall_seconds_since(self, at: datetime) -> float:
        """Wall seconds since a venue time."""
        return (self.now() - at).total_seconds() / self.speed
