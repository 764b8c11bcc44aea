"""A hint to the engine that there is something to read. The record is the row; the worker polls for it anyway."""

from __future__ import annotations

import asyncio
import logging
import os
from typing import Any

from asgiref.sync import SyncToAsync, async_to_sync
from channels.layers import InMemoryChannelLayer, get_channel_layer

ENGINE_CHANNEL = "strangle-engine"
WAKE: dict[str, Any] = {"type": "engine.wake"}
PATIENCE_SECONDS = 1.0

logger = logging.getLogger(__name__)


def nudge() -> None:
    """Wake the engine, best effort: never raises, gives up after a second. For synchronous code, on commit."""
    layer = get_channel_layer()
    if layer is None or (isinstance(layer, InMemoryChannelLayer) and not _serves_requests_of_a_loop()):
        return
    try:
        async_to_sync(_send)(layer)
    except Exception as error:
        reason = str(error) or type(error).__name__
        logger.warning(
            "The engine could not be nudged (%s); it looks by itself", reason, extra={"event": "engine_nudge_failed"}
        )


async def _send(layer: Any) -> None:
    await asyncio.wait_for(layer.send(ENGINE_CHANNEL, WAKE), PATIENCE_SECONDS)


def _serves_requests_of_a_loop() -> bool:
    """Whether this thread works for an event loop of this process: only there may an in-memory queue be touched."""
    thread = SyncToAsync.threadlocal
    return getattr(thread, "main_event_loop_pid", None) == os.getpid()
