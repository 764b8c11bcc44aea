"""Writes leave one after the other.

Two orders sent at once would be made and written in turns by one thread, and the first would be as late as the second.
One after the other, the first leaves in half the time and the second no later.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import httpx

PATIENCE_SECONDS = 0.005
"""How long a write waits for the one before it, which may have to connect first."""


class Doorway:
    """Where one write waits until the bytes of the one before it are with the socket."""

    def __init__(self, patience: float = PATIENCE_SECONDS) -> None:
        self._patience = patience
        self._last: asyncio.Future[None] | None = None

    @asynccontextmanager
    async def passage(self) -> AsyncIterator[Callable[[], None]]:
        """Our turn to leave; yields what to call once we have left. Leaving the context says it too."""
        before, mine = self._last, asyncio.get_running_loop().create_future()
        self._last = mine

        def left() -> None:
            if not mine.done():
                mine.set_result(None)

        try:
            if before is not None and not before.done():
                await asyncio.wait({before}, timeout=self._patience)
            yield left
        finally:
            left()


class Departing(httpx.AsyncByteStream):
    """A body that says when it has been given to the socket."""

    def __init__(self, body: bytes, left: Callable[[], None]) -> None:
        self._body = body
        self._left = left

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self._body
        self._left()
