"""The tail: a thread that reads the log as it grows, off every other path.

Watchdog's own thread only sets an event; all reading and every database call is in this one thread. daphne has no
start-up hook, so the first connection to the web process starts it. ``manage.py ingest_logs`` is a process of its own.
"""

from __future__ import annotations

import logging
import threading
import time
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.db import close_old_connections, connections
from watchdog.events import FileSystemEvent, FileSystemEventHandler
from watchdog.observers import Observer

from logviewer.ingest import Ingester
from logviewer.retention import prune

log = logging.getLogger("logviewer.tail")
PRUNE_SECONDS: Final = 3600.0
SETTLE_SECONDS: Final = 0.25
EMBEDDED_BATCH: Final = 250


class Waker(FileSystemEventHandler):
    """Wakes the tail when a file of the log changes; called in watchdog's thread."""

    def __init__(self, name: str, changed: threading.Event) -> None:
        self.name = name
        self.changed = changed

    def on_any_event(self, event: FileSystemEvent) -> None:
        """Set the event for changes of the log and its rotated files. Opening and reading are no changes."""
        touched = any(Path(str(path)).name.startswith(self.name) for path in (event.src_path, event.dest_path))
        if touched and event.event_type in ("created", "modified", "moved", "deleted", "closed"):
            self.changed.set()


class Tail:
    """Reads until ``stop`` is set. What fails is logged once, and tried again at the next look."""

    def __init__(self, path: Path, *, poll_seconds: float, batch: int, courteous: bool) -> None:
        self.ingester = Ingester(path, batch=batch)
        self.path = path
        self.poll_seconds = poll_seconds
        self.courteous = courteous
        self.stop = threading.Event()
        self.changed = threading.Event()
        self._pruned_at: float | None = None
        self._broken = False

    def run(self) -> None:
        """Look, wait for a change or the poll's interval, and look again."""
        observer = self._observe()
        try:
            while not self.stop.is_set():
                close_old_connections()
                self.step()
                self.changed.wait(self.poll_seconds)
                self.changed.clear()
                # A burst of changes is one look.
                self.stop.wait(min(SETTLE_SECONDS, self.poll_seconds))
        finally:
            if observer is not None:
                observer.stop()
                observer.join(5)
            connections.close_all()

    def end(self) -> None:
        """Make ``run`` return soon; from any thread."""
        self.stop.set()
        self.changed.set()

    def step(self) -> int:
        """One look, and hourly the retention; returns how many lines were taken."""
        taken = 0
        try:
            before = time.monotonic()
            for count in self.ingester.step():
                taken += count
                if self._should_stop(before):
                    return taken
                before = time.monotonic()
            self._prune_when_due()
            self._broken = False
        except Exception:
            self._complain()
        return taken

    def _should_stop(self, before: float) -> bool:
        """Between batches a courteous tail rests as long as the batch took, so that others get the database."""
        return self.stop.wait(time.monotonic() - before if self.courteous else 0)

    def _prune_when_due(self) -> None:
        now = time.monotonic()
        if self._pruned_at is None or now - self._pruned_at >= PRUNE_SECONDS:
            self._pruned_at = now
            prune()

    def _complain(self) -> None:
        if not self._broken:
            log.exception("The log cannot be read into the database; trying on", extra={"event": "log_ingest_failed"})
        self._broken = True

    def _observe(self) -> Any:
        """A watching thread, or ``None`` where the system has no watches left: then the poll is all there is."""
        observer = Observer()
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            observer.schedule(Waker(self.path.name, self.changed), str(self.path.parent))
            observer.start()
        except OSError:
            log.warning("The log's directory cannot be watched; polling", extra={"event": "log_watch_failed"})
            return None
        return observer


class EmbeddedTail:
    """The tail of a web process: started once, by whoever comes first."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def start_once(self) -> None:
        """Begin, unless it has begun or ``BACKEND_LOG_INGEST_ENABLED`` is off."""
        if self._thread is not None or not settings.BACKEND_LOG_INGEST_ENABLED:
            return
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=tail_of_settings().run, name="log-tail", daemon=True)
                self._thread.start()


def tail_of_settings(*, batch: int = EMBEDDED_BATCH, courteous: bool = True) -> Tail:
    """The tail of this platform's log."""
    interval = max(SETTLE_SECONDS, settings.BACKEND_LOG_POLL_INTERVAL)
    return Tail(settings.BACKEND_LOG_PATH, poll_seconds=interval, batch=batch, courteous=courteous)


embedded_tail = EmbeddedTail()


def tailed(application: Any) -> Any:
    """``application``, whose first connection starts the tail."""

    async def with_tail(scope: Any, receive: Any, send: Any) -> None:
        embedded_tail.start_once()
        await application(scope, receive, send)

    return with_tail
