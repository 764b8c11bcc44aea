"""Keeping the tapes' directory: compressing and pruning in a thread, off the trading path."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from functools import partial

from trading.engine.tape_files import DAY_SECONDS, Tapes

log = logging.getLogger("trading.engine")


class Archive:
    """``tapes`` of one worker, tidied with its first session and then once a day; ``keep_days`` 0 keeps them all.
    ``wall`` is a monotonic clock in seconds.
    """

    def __init__(self, tapes: Tapes, *, keep_days: int = 0, wall: Callable[[], float] = time.monotonic) -> None:
        self.tapes = tapes
        self._keep_days = keep_days
        self._wall = wall
        self._due = float("-inf")
        self._chores: set[asyncio.Task[None]] = set()

    def look(self, open_session: str | None) -> None:
        """Tidy up when it is time for it; only whoever holds the lease may ask.

        Not without a session at hand: there may be an open one that cannot be loaded, and its tape must be left alone.
        With one at hand there is no other.
        """
        if open_session is not None and self._wall() >= self._due:
            self._due = self._wall() + DAY_SECONDS
            self._begin(partial(self.tapes.tidy, self._keep_days, [open_session]))

    def pack(self, strategy_id: str) -> None:
        """Compress the tape of a session that is over."""
        self._begin(partial(self.tapes.pack, strategy_id))

    async def done(self) -> None:
        """Wait for what was begun."""
        if self._chores:
            await asyncio.wait(set(self._chores))

    def _begin(self, chore: Callable[[], object]) -> None:
        task = asyncio.create_task(_off_the_path(chore))
        self._chores.add(task)
        task.add_done_callback(self._chores.discard)


async def _off_the_path(chore: Callable[[], object]) -> None:
    try:
        await asyncio.to_thread(chore)
    except OSError as error:
        log.error("The tapes could not be tidied: %s", error, extra={"event": "tapes_untidy"})
