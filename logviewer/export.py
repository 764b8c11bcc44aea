"""The lines as CSV, in the reference's columns."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

from deltastrangle.csv_export import CsvResponse, stream_csv
from logviewer.models import BackendLog
from logviewer.selectors import LogQuery, export_lines

log = logging.getLogger("logviewer.export")

COLUMNS: Final = (
    *("id", "logged_at", "ingested_at", "level", "logger_name", "event", "message", "correlation_id"),
    *("strategy_id", "request_id", "line_hash", "payload"),
)


def export(query: LogQuery) -> CsvResponse:
    """A download of every line meant, written while it is read."""
    name = f"backend-logs-export-{datetime.now(UTC):%Y%m%d-%H%M%S}.csv"
    return stream_csv(COLUMNS, _rows(query), filename=name)


def _rows(query: LogQuery) -> Iterator[list[object]]:
    """The rows, and a line in the log once the caller has read them all or something went wrong on the way."""
    started, lines = time.monotonic(), 0
    try:
        for line in export_lines(query):
            lines += 1
            yield [_cell(line, name) for name in COLUMNS]
    except Exception:
        log.exception("Log export failed", extra={"event": "backend_logs_export_failed", **_took(started)})
        raise
    extra = {"event": "backend_logs_export_completed", "record_count": lines, **_took(started)}
    log.info("Logs exported", extra=extra)


def _took(started: float) -> dict[str, int]:
    return {"duration_ms": round((time.monotonic() - started) * 1000)}


def _cell(line: BackendLog, name: str) -> object:
    value = getattr(line, name)
    return value.astimezone(UTC).isoformat() if isinstance(value, datetime) else value
