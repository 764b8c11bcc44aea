"""A thread of the web process that misses the worker, and sends what a dead worker cannot send.

daphne has no start-up hook (no ASGI lifespan), so the first connection starts it: a health check is one.
"""

from __future__ import annotations

import logging
import threading
from typing import Any

from django.conf import settings

from deltastrangle.repeating import repeat
from trading.notify.addresses import parse_addresses
from trading.notify.destinations import build
from trading.notify.sender import AlertSender
from trading.services.worker_watch import check_worker

log = logging.getLogger("trading.watchman")
LOOK_SECONDS = 2.0


class Watchman:
    """Looks every two seconds. While the worker is down the outbox is this process's to send."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._sender: AlertSender | None = None

    def start_once(self) -> None:
        """Begin, unless it has begun or ``ALERT_WORKER_SILENT_SECONDS`` is 0."""
        if self._thread is not None or settings.ALERT_WORKER_SILENT_SECONDS <= 0:
            return
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="watchman", daemon=True)
                self._thread.start()

    def step(self) -> bool:
        """One look; whether the worker is down."""
        down = check_worker().down
        if down:
            self._sender = self._sender or AlertSender(build(parse_addresses(settings.ALERT_URLS)))
            self._sender.step()
        return down

    def _run(self) -> None:
        said, never = "The worker cannot be watched; trying on", threading.Event()
        repeat(self.step, pause=LOOK_SECONDS, ended=never, log=log, failure=said, event="watchman_failed")


watchman = Watchman()


def watched(application: Any) -> Any:
    """``application``, whose first connection starts the watchman."""

    async def with_watchman(scope: Any, receive: Any, send: Any) -> None:
        watchman.start_once()
        await application(scope, receive, send)

    return with_watchman
