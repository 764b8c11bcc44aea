"""The server's three clocks, injectable as one."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class WallClocks:
    """Unix seconds, and monotonic seconds that cadences and limits go by."""

    wall: Callable[[], float] = time.time
    mono: Callable[[], float] = time.monotonic
