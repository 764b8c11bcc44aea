"""The WebSocket of the pages: it sends panels and never reads."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Any, Final

from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer

from accounts.permissions import can_view
from trading.frames import Frame, frames

logger = logging.getLogger(__name__)

GROUP: Final = "runtime"
INTERVAL_SECONDS: Final = 0.25
"""A socket sends at most this often; of what comes in between, the newest is kept."""
WHOLE_SECONDS: Final = 2.0
"""A page that polled or pressed a button may show other panels than we sent last; so often it gets all of them."""
FORBIDDEN: Final = 4403


class RuntimeConsumer(AsyncWebsocketConsumer):
    """Pushes the panels in ``names`` to one page: all at once when it connects, then those that changed."""

    def __init__(self, *, names: tuple[str, ...]) -> None:
        super().__init__()
        self.names = names
        self._sent: dict[str, str] = {}
        self._whole_at = 0.0
        self._newest: tuple[int, Mapping[str, Any]] | None = None
        self._pump: asyncio.Task[None] | None = None

    async def connect(self) -> None:
        """Accept who may see the platform, and send the picture as it is."""
        user = self.scope.get("user")
        if user is None or not await database_sync_to_async(can_view)(user):
            await self.close(code=FORBIDDEN)
            return
        await self.accept()
        # Joined first: an update during the first rendering must not be lost.
        await self.channel_layer.group_add(GROUP, self.channel_name)
        await self._send(await frames.current())

    async def disconnect(self, code: int) -> None:
        """Leave the group and stop sending."""
        if self._pump is not None:
            self._pump.cancel()
        await self.channel_layer.group_discard(GROUP, self.channel_name)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """Nothing a page says is read: commands are POSTs with CSRF protection."""

    async def runtime_update(self, event: Mapping[str, Any]) -> None:
        """A new picture from the worker: ``{"sequence": int, "payload": {...}}``."""
        self._newest = (int(event["sequence"]), event["payload"])
        if self._pump is None or self._pump.done():
            self._pump = asyncio.create_task(self._push())

    async def _push(self) -> None:
        while self._newest is not None:
            (sequence, payload), self._newest = self._newest, None
            try:
                await self._send(await frames.of(sequence, payload))
            except Exception:
                # The page shows the age of its figures, so a picture that cannot be drawn is seen there too.
                logger.exception("a runtime picture could not be sent", extra={"sequence": sequence})
            await asyncio.sleep(INTERVAL_SECONDS)

    async def _send(self, frame: Frame) -> None:
        """Send the panels that differ from those sent last, the bar always, and now and then all of them."""
        now = asyncio.get_running_loop().time()
        if now - self._whole_at >= WHOLE_SECONDS:
            self._whole_at, self._sent = now, {}
        changed = {name: frame[name] for name in self.names if name == "bar" or self._sent.get(name) != frame[name]}
        await self.send(text_data="".join(changed.values()))
        self._sent.update(changed)
