"""The tail: woken by the file, patient with failures, started by the first connection, and never in its own way."""

from __future__ import annotations

import json
import logging
import threading
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.db import OperationalError
from watchdog.events import FileClosedNoWriteEvent, FileModifiedEvent, FileMovedEvent

from deltastrangle.logs import JsonFormatter, SharedRotatingFileHandler, logging_context
from logviewer import tail as module
from logviewer.ingest import Ingester
from logviewer.models import BackendLog
from logviewer.tail import EmbeddedTail, Tail, Waker, tail_of_settings, tailed
from logviewer.tests.written import append, line, messages


def a_tail(path: Path, *, poll_seconds: float = 60.0) -> Tail:
    """A tail that would look once a minute by itself."""
    return Tail(path, poll_seconds=poll_seconds, batch=100, courteous=True)


@pytest.mark.django_db
def test_a_look_takes_what_is_there(log_path: Path, settings: Any) -> None:
    # The first look prunes, too, and these lines get older with every day.
    settings.BACKEND_LOG_RETENTION_DAYS = 0
    append(log_path, line("one"), line("two"))
    tail = a_tail(log_path)
    assert (tail.step(), tail.step()) == (2, 0)
    assert messages() == ["one", "two"]


@pytest.mark.parametrize(
    ("event", "wakes"),
    [
        (FileModifiedEvent("/logs/backend.log"), True),
        (FileMovedEvent("/logs/backend.log", "/logs/backend.log.1"), True),
        (FileModifiedEvent("/logs/other.log"), False),
        (FileClosedNoWriteEvent("/logs/backend.log"), False),
    ],
)
def test_only_changes_of_the_log_wake_it(event: Any, wakes: bool) -> None:
    changed = threading.Event()
    Waker("backend.log", changed).on_any_event(event)
    assert changed.is_set() is wakes


@pytest.mark.django_db(transaction=True)
def test_a_line_wakes_the_thread_long_before_its_next_look(log_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    taken = threading.Event()
    step = Tail.step

    def noticed(self: Tail) -> int:
        count = step(self)
        if count:
            taken.set()
        return count

    monkeypatch.setattr(Tail, "step", noticed)
    looked = threading.Event()
    monkeypatch.setattr(Tail, "_prune_when_due", lambda self: looked.set())
    tail = a_tail(log_path)
    thread = threading.Thread(target=tail.run)
    thread.start()
    try:
        assert looked.wait(30)
        append(log_path, line("woken"))
        assert taken.wait(30)
    finally:
        tail.end()
        thread.join(30)
    assert not thread.is_alive()
    assert BackendLog.objects.count() == 1


@pytest.mark.django_db
def test_a_failure_is_told_once_and_the_next_look_goes_on(
    log_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    append(log_path, line("one"))
    tail = a_tail(log_path)

    def locked(self: Ingester, now: object = None) -> Any:
        raise OperationalError("database is locked")

    with monkeypatch.context() as broken:
        broken.setattr(Ingester, "step", locked)
        assert (tail.step(), tail.step()) == (0, 0)
    told = [record for record in caplog.records if getattr(record, "event", "") == "log_ingest_failed"]
    assert len(told) == 1
    assert tail.step() == 1


@pytest.mark.django_db
def test_what_reads_the_log_writes_none_of_its_own_at_debug(log_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    append(log_path, *[line(f"{number}") for number in range(50)])
    with caplog.at_level(logging.DEBUG):
        a_tail(log_path).step()
    assert [record.name for record in caplog.records if not record.name.startswith("asyncio")] == []


def test_watchdog_stays_silent_whatever_the_level(settings: Any) -> None:
    assert settings.LOGGING["loggers"]["watchdog"] == {"level": "WARNING"}


def test_the_first_connection_starts_it_and_the_second_does_not(
    settings: Any, monkeypatch: pytest.MonkeyPatch, log_path: Path
) -> None:
    settings.BACKEND_LOG_INGEST_ENABLED = True
    settings.BACKEND_LOG_PATH = log_path
    ran = threading.Semaphore(0)
    started: list[Tail] = []

    def run(self: Tail) -> None:
        started.append(self)
        ran.release()

    monkeypatch.setattr(Tail, "run", run)
    monkeypatch.setattr(module, "embedded_tail", EmbeddedTail())
    served: list[Any] = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        served.append(scope)

    serve = async_to_sync(tailed(application))
    serve("first", None, None)
    serve("second", None, None)
    assert ran.acquire(timeout=30)
    assert served == ["first", "second"]
    assert len(started) == 1
    assert started[0].courteous


def test_it_is_not_started_where_it_is_switched_off(settings: Any) -> None:
    settings.BACKEND_LOG_INGEST_ENABLED = False
    embedded = EmbeddedTail()
    embedded.start_once()
    assert embedded._thread is None


def test_the_poll_never_runs_wild(settings: Any) -> None:
    settings.BACKEND_LOG_POLL_INTERVAL = 0.0
    assert tail_of_settings().poll_seconds == 0.25


@pytest.mark.django_db
def test_what_our_own_formatter_writes_is_read_with_its_context(log_path: Path) -> None:
    handler = SharedRotatingFileHandler(str(log_path))
    handler.setFormatter(JsonFormatter())
    record = logging.makeLogRecord({"name": "trading.engine", "levelname": "WARNING", "msg": "token=hush"})
    with logging_context(correlation_id="c1", strategy_id="s1", session_id=7, mode="paper"):
        handler.emit(record)
    handler.close()
    a_tail(log_path).step()
    row = BackendLog.objects.get()
    assert (row.correlation_id, row.strategy_id, row.level) == ("c1", "s1", "WARNING")
    assert json.loads(row.payload)["mode"] == "paper"
    assert "hush" not in row.payload
