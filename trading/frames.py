"""The HTML of one runtime picture, rendered once per picture and process however many pages watch."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Any

from channels.db import database_sync_to_async

from trading.panels import PANELS, render_panels
from trading.panels.records import Records, in_session, load, version_of
from trading.selectors.alerts import alert_counts
from trading.selectors.runtime import current_runtime

logger = logging.getLogger(__name__)
Frame = Mapping[str, str]
"""Panel name to its out-of-band HTML."""


class Frames:
    """Renders pictures in a worker thread and shares the result between the sockets of this process."""

    def __init__(self) -> None:
        self._sequence: int | None = None
        self._task: asyncio.Task[Frame] | None = None
        self._records: tuple[tuple[object, ...], Records] | None = None
        self.rendered = 0

    async def of(self, sequence: int, payload: Mapping[str, Any]) -> Frame:
        """The frame of the picture with this sequence number. A second caller waits for the first one's rendering."""
        task = self._task
        if task is None or sequence != self._sequence or task.get_loop() is not asyncio.get_running_loop():
            task = asyncio.ensure_future(self._render(payload))
            self._task, self._sequence = task, sequence
        # One socket that goes away must not cancel what the others wait for.
        return await asyncio.shield(task)

    async def current(self) -> Frame:
        """The frame of the picture in the database, for a socket that has just opened."""
        frame: Frame = await database_sync_to_async(self._render_now)(None)
        return frame

    async def _render(self, payload: Mapping[str, Any]) -> Frame:
        frame: Frame = await database_sync_to_async(self._render_now)(payload)
        return frame

    def _render_now(self, payload: Mapping[str, Any] | None) -> Frame:
        runtime = current_runtime() if payload is None else _fresh(payload)
        self.rendered += 1
        return render_panels(PANELS, runtime, self._records_of(runtime))

    def _records_of(self, runtime: Mapping[str, Any]) -> Records:
        version = version_of(runtime)
        if self._records is None or self._records[0] != version or not in_session(runtime):
            self._records = (version, load(runtime))
        return self._records[1]


def _fresh(payload: Mapping[str, Any]) -> dict[str, Any]:
    """``payload`` as it arrives from the worker: whoever has just spoken is alive. Alerts it cannot know of."""
    worker = {**(payload.get("worker") or {}), "alive": True, "heartbeat_age_seconds": 0.0}
    return {**payload, "worker": worker, "alerts": alert_counts()}


frames = Frames()
"""This process's frames."""
