"""What the engine noticed, on its way into the database: kept in memory until it is there."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress

from trading.engine.ports import Notice
from trading.notify.told import keep_notice

log = logging.getLogger("trading.notify")
MOST_NOTICES = 100
AGAIN_SECONDS = 1.0
Run = Callable[..., Awaitable[None]]


class NoticeBoard:
    """Writes notices one after the other with ``run`` (the store's thread), which may fail: then it tries again.

    ``stuck`` are those that could not be written so far, for who can tell of them without a database.
    """

    def __init__(self, run: Run, *, pause: float = AGAIN_SECONDS) -> None:
        self.stuck: tuple[Notice, ...] = ()
        self._run = run
        self._pause = pause
        self._waiting: deque[Notice] = deque(maxlen=MOST_NOTICES)
        self._task: asyncio.Task[None] | None = None

    def put(self, notice: Notice) -> None:
        """Have a notice written; returns at once. Of too many, the oldest are dropped."""
        self._waiting.append(notice)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._write())

    async def settled(self) -> None:
        """Wait until everything is written (for tests and for a clean end)."""
        if self._task is not None:
            await self._task

    async def close(self, patience: float = 2.0) -> None:
        """Write what is left if that is quickly done."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self.settled(), patience)

    async def _write(self) -> None:
        while self._waiting:
            notice = self._waiting[0]
            try:
                await self._run(keep_notice, notice)
            except Exception:
                if not self.stuck:
                    log.exception("An alert could not be written; trying on", extra={"event": "alert_not_written"})
                self.stuck = tuple(self._waiting)
                await asyncio.sleep(self._pause)
            else:
                if self._waiting and self._waiting[0] is notice:
                    self._waiting.popleft()
                self.stuck = ()
