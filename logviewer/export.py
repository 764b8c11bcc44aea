"""The lines as CSV, in the reference's columns."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

from deltastrangle.csv_export import CsvResponse, stream_csv
from logviewer.models import BackendLog
from logviewer.selectors import LogQuery, export_lines

COLUMNS: Final = (
    *("id", "logged_at", "ingested_at", "level", "logger_name", "event", "message", "correlation_id"),
    *("strategy_id", "request_id", "line_hash", "payload"),
)


def export(query: LogQuery) -> CsvResponse:
    """A download of every line meant, written while it is read."""
    name = f"backend-logs-export-{datetime.now(UTC):%Y%m%d-%H%M%S}.csv"
    return stream_csv(COLUMNS, _rows(query), filename=name)


def _rows(query: LogQuery) -> Iterator[list[object]]:
    for line in export_lines(query):
        yield [_cell(line, name) for name in COLUMNS]


def _cell(line: BackendLog, name: str) -> object:
    value = getattr(line, name)
    return value.astimezone(UTC).isoformat() if isinstance(value, datetime) else value
