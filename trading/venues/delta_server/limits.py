"""What may be asked how often (``spec/delta_exchange.md`` §6): weights in a fixed window, operations per contract, and
connections per address.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from trading.venues.delta_server.config import ServerConfig


class Throttled(Exception):
    """Too much was asked; ``reset_ms`` milliseconds until it may be asked again."""

    def __init__(self, reset_ms: int) -> None:
        super().__init__(f"wait {reset_ms} ms")
        self.reset_ms = reset_ms


@dataclass(slots=True)
class Window:
    """What one bucket spent since ``start`` (monotonic seconds)."""

    start: float
    used: int = 0


class Limiter:
    """Weights per bucket: one for the user, one for each address. ``mono`` is seconds of a clock that never jumps."""

    def __init__(self, config: ServerConfig, mono: Callable[[], float]) -> None:
        self._config = config
        self._mono = mono
        self._windows: dict[str, Window] = {}
        self._operations: dict[int, deque[tuple[float, int]]] = {}
        self._connects: dict[str, deque[float]] = {}

    def window(self, bucket: str) -> Window:
        """The bucket's current window."""
        now = self._mono()
        found = self._windows.get(bucket)
        if found is None or now - found.start >= self._config.window_seconds:
            found = self._windows[bucket] = Window(now)
        return found

    def remaining_ms(self, bucket: str) -> int:
        """Milliseconds until the bucket's window ends."""
        left = self.window(bucket).start + self._config.window_seconds - self._mono()
        return max(1, int(left * 1000))

    def spend(self, bucket: str, weight: int) -> None:
        """Take ``weight`` units. Throttled when they are not there; then nothing is taken."""
        window = self.window(bucket)
        if window.used + weight > self._config.quota:
            raise Throttled(self.remaining_ms(bucket))
        window.used += weight

    def operate(self, product_id: int, operations: int) -> None:
        """Count placements and edits on a contract within a second; cancels are free."""
        now = self._mono()
        recent = self._operations.setdefault(product_id, deque())
        while recent and now - recent[0][0] >= 1.0:
            recent.popleft()
        if sum(count for _, count in recent) + operations > self._config.product_ops:
            raise Throttled(1000)
        recent.append((now, operations))

    def connect(self, client: str) -> bool:
        """Whether ``client`` may open one more socket in this five minutes."""
        now = self._mono()
        recent = self._connects.setdefault(client, deque())
        while recent and now - recent[0] >= self._config.window_seconds:
            recent.popleft()
        if len(recent) >= self._config.socket_connects:
            return False
        recent.append(now)
        return True
