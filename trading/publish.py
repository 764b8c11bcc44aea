"""The hint to browsers that a new snapshot is there: sent over the channel layer, never relied on."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from contextlib import suppress
from typing import Final

from channels.layers import get_channel_layer

log = logging.getLogger("trading.publish")
GROUP = "runtime"
PATIENCE_SECONDS: Final = 2.0


async def announce(sequence: int, payload: Mapping[str, object]) -> None:
    """Tell every runtime consumer. Raises what the channel layer raises, and TimeoutError when it does not answer."""
    layer = get_channel_layer()
    if layer is None:
        return
    message = {"type": "runtime.update", "sequence": sequence, "payload": dict(payload)}
    await asyncio.wait_for(layer.group_send(GROUP, message), PATIENCE_SECONDS)


class Announcer:
    """Announces in the background, so that a channel layer that hangs holds nobody up.

    One announcement is under way at a time; of those that come meanwhile the newest is kept. A broken layer is logged
    once, and once when it works again: the row in the database is the record.
    """

    def __init__(self) -> None:
        self._newest: tuple[int, Mapping[str, object]] | None = None
        self._task: asyncio.Task[None] | None = None
        self._broken = False

    def put(self, sequence: int, payload: Mapping[str, object]) -> None:
        """Announce this as soon as the one before is done; returns at once."""
        self._newest = (sequence, payload)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._announce_newest())

    async def close(self) -> None:
        """Give up what is under way."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def _announce_newest(self) -> None:
        while self._newest is not None:
            newest, self._newest = self._newest, None
            try:
                await announce(*newest)
            except Exception as error:
                self._failed(error)
            else:
                self._worked()

    def _failed(self, error: Exception) -> None:
        if not self._broken:
            reason = str(error) or type(error).__name__
            log.warning("Runtime updates cannot be announced: %s", reason, extra={"event": "announce_failed"})
        self._broken = True

    def _worked(self) -> None:
        if self._broken:
            log.info("Runtime updates are announced again", extra={"event": "announce_resumed"})
        self._broken = False
