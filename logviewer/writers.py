"""Rows into the database, many at once, on SQLite and PostgreSQL."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, time
from typing import Any, Final

from django.db import IntegrityError, connection, transaction

from logviewer.lines import Line
from logviewer.models import BackendLog, LogTally
from logviewer.search import index_new

LOGS: Final = BackendLog._meta.db_table
TALLIES: Final = LogTally._meta.db_table
COLUMNS: Final = Line._fields
NAMES: Final = ", ".join(f'"{name}"' for name in COLUMNS)
# No text has a NUL, so that one stands for the tab between columns while tabs of the texts are escaped.
COPIED: Final = (("\\", r"\\"), ("\n", r"\n"), ("\r", r"\r"), ("\t", r"\t"), ("\0", "\t"))
TYPES: Final = {"source": "bigint", "position": "bigint", "logged_at": "timestamptz", "ingested_at": "timestamptz"}
Kind = tuple[datetime, str, str, str, str]


def insert_lines(lines: Sequence[Line]) -> None:
    """Insert ``lines``; one whose place in its file is taken already is left out. Inside the caller's transaction."""
    if connection.vendor == "sqlite":
        _insert_into_sqlite(lines)
        return
    try:
        with transaction.atomic(), connection.wrap_database_errors:
            _copy(lines)
    except IntegrityError:
        _insert_into_postgres(lines)


def _insert_into_sqlite(lines: Sequence[Line]) -> None:
    marks = ", ".join(["%s"] * len(COLUMNS))
    rows: Any = _for_sqlite(lines)
    with connection.cursor() as cursor:
        cursor.execute(f'SELECT coalesce(max("id"), 0) FROM "{LOGS}"')
        newest = cursor.fetchone()[0]
        # The identity is the only constraint that could be ignored: nothing here is ever null.
        cursor.executemany(f'INSERT OR IGNORE INTO "{LOGS}" ({NAMES}) VALUES ({marks})', rows)
    index_new(newest)


def _copy(lines: Iterable[Line]) -> None:
    """All of ``lines`` or none: COPY leaves nothing out, and takes half the time of an INSERT of arrays."""
    with connection.cursor() as cursor, cursor.copy(f'COPY "{LOGS}" ({NAMES}) FROM STDIN') as copy:
        copy.write("".join(map(_for_copy, lines)))


def _for_copy(line: Line) -> str:
    text = "\0".join(map(str, line))
    for plain, escaped in COPIED:
        text = text.replace(plain, escaped)
    return text + "\n"


def _insert_into_postgres(lines: Sequence[Line]) -> None:
    arrays = ", ".join(f"%s::{TYPES.get(name, 'text')}[]" for name in COLUMNS)
    columns = [list(column) for column in zip(*lines, strict=True)]
    with connection.cursor() as cursor:
        cursor.execute(
            f'INSERT INTO "{LOGS}" ({NAMES}) SELECT * FROM unnest({arrays}) '
            'ON CONFLICT ("source", "position") DO NOTHING',
            columns,
        )


def _for_sqlite(lines: Sequence[Line]) -> Iterator[tuple[object, ...]]:
    # The lines of a batch are stored at one moment.
    moments: dict[datetime, str] = {}
    for line in lines:
        stored = line.ingested_at
        text = moments.get(stored) or moments.setdefault(stored, sqlite_time(stored))
        yield (*line[:3], sqlite_time(line.logged_at), text, *line[5:])


def sqlite_time(at: datetime) -> str:
    """An aware UTC time as Django keeps it in SQLite."""
    return at.isoformat(" ").removesuffix("+00:00")


def hour_of(at: datetime) -> datetime:
    """The full hour, UTC."""
    return at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def kinds_of(lines: Iterable[Line]) -> Counter[Kind]:
    """How many lines there are of each kind and hour."""
    found: Counter[Kind] = Counter()
    kinds = Counter(
        (at.date(), at.hour, level, logger, event, strategy)
        for _, _, _, at, _, level, logger, event, _, _, strategy, _, _ in lines
    )
    for (day, hour, level, logger, event, strategy), count in kinds.items():
        found[datetime.combine(day, time(hour), UTC), level, logger, event, strategy] += count
    return found


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
