"""The store's own pulse: how long its writes took, and how much room its disks have."""

from __future__ import annotations

import shutil
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

WINDOW_SECONDS = 60.0
MOST_WRITES = 2000
MEGABYTE = 1_000_000


class WriteTimes:
    """Durations of the newest writes; ``mono`` is a monotonic clock in seconds."""

    def __init__(self, mono: Callable[[], float] = time.monotonic) -> None:
        self._mono = mono
        self._took: deque[tuple[float, float]] = deque(maxlen=MOST_WRITES)

    @contextmanager
    def timed(self) -> Iterator[None]:
        """Time the block as one write, succeed or not: a database that refuses after five seconds is slow."""
        started = self._mono()
        try:
            yield
        finally:
            ended = self._mono()
            self._took.append((ended, (ended - started) * 1000))

    def p99_ms(self) -> float | None:
        """99th percentile of the last minute's writes in milliseconds; None without any."""
        horizon = self._mono() - WINDOW_SECONDS
        ordered = sorted(took for at, took in self._took if at >= horizon)
        return ordered[min(int(0.99 * len(ordered)), len(ordered) - 1)] if ordered else None


def free_megabytes(folders: Sequence[Path]) -> float | None:
    """Free megabytes of the fullest file system that these folders are on; a folder that is not there yet counts where
    it would be made. None when nothing can be told.
    """
    found = []
    for folder in folders:
        there = next((path for path in (folder, *folder.parents) if path.exists()), None)
        if there is not None:
            found.append(shutil.disk_usage(there).free / MEGABYTE)
    return min(found, default=None)
