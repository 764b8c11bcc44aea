"""Rows into the database, many at once, on SQLite and PostgreSQL."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from django.db import connection

from logviewer.lines import Line
from logviewer.models import BackendLog, LogTally
from logviewer.search import index_after

LOGS: Final = BackendLog._meta.db_table
TALLIES: Final = LogTally._meta.db_table
COLUMNS: Final = Line._fields
TYPES: Final = {"source": "bigint", "position": "bigint", "logged_at": "timestamptz", "ingested_at": "timestamptz"}
Kind = tuple[datetime, str, str, str, str]


def insert_lines(lines: Sequence[Line]) -> None:
    """Insert ``lines``; one whose place in its file is taken already is left out. Inside the caller's transaction."""
    names = ", ".join(f'"{name}"' for name in COLUMNS)
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute(f'SELECT coalesce(max("id"), 0) FROM "{LOGS}"')
            newest = cursor.fetchone()[0]
            marks = ", ".join(["%s"] * len(COLUMNS))
            rows: Any = map(_for_sqlite, lines)
            # The identity is the only constraint that could be ignored: nothing here is ever null.
            cursor.executemany(f'INSERT OR IGNORE INTO "{LOGS}" ({names}) VALUES ({marks})', rows)
            index_after(newest)
            return
        arrays = ", ".join(f"%s::{TYPES.get(name, 'text')}[]" for name in COLUMNS)
        columns: list[Any] = [list(column) for column in zip(*lines, strict=True)]
        cursor.execute(
            f'INSERT INTO "{LOGS}" ({names}) SELECT * FROM unnest({arrays}) '
            'ON CONFLICT ("source", "position") DO NOTHING',
            columns,
        )


def _for_sqlite(line: Line) -> tuple[object, ...]:
    return (*line[:3], sqlite_time(line.logged_at), sqlite_time(line.ingested_at), *line[5:])


def sqlite_time(at: datetime) -> str:
    """An aware UTC time as Django keeps it in SQLite."""
    return at.replace(tzinfo=None).isoformat(" ")


def hour_of(at: datetime) -> datetime:
    """The full hour, UTC."""
    return at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def kinds_of(lines: Iterable[Line]) -> Counter[Kind]:
    """How many lines there are of each kind and hour."""
    return Counter(
        (hour_of(line.logged_at), line.level, line.logger_name, line.event, line.strategy_id) for line in lines
    )


def add_to_tallies(kinds: Counter[Kind], sign: int = 1) -> None:
    """Add the counts of ``kinds`` (with ``sign`` -1: take them off). Inside the caller's transaction."""
    # Sorted, so that two processes lock the rows in one order.
    rows: Any = [(_time(kind[0]), *kind[1:], sign * count) for kind, count in sorted(kinds.items())]
    with connection.cursor() as cursor:
        cursor.executemany(
            f'INSERT INTO "{TALLIES}" ("hour", "level", "logger_name", "event", "strategy_id", "lines") '
            "VALUES (%s, %s, %s, %s, %s, %s) "
            'ON CONFLICT ("hour", "level", "logger_name", "event", "strategy_id") '
            f'DO UPDATE SET "lines" = "{TALLIES}"."lines" + excluded."lines"',
            rows,
        )


def _time(at: datetime) -> object:
    return sqlite_time(at) if connection.vendor == "sqlite" else at
