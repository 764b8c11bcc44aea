"""Searching messages for a part of them, in any case, with the database's own index of all runs of three characters.

SQLite has FTS5's trigram tokenizer, PostgreSQL ``pg_trgm``. The index gives the lines that have the runs of the text,
the message decides. Where no index can help (a text of one or two characters, a PostgreSQL that refuses the
extension) only the ``SCANNED`` newest lines are looked at.
"""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING, Any, Final

from django.db import DatabaseError, connection, transaction
from django.db.models import F, QuerySet

if TYPE_CHECKING:
    from logviewer.models import BackendLog

log = logging.getLogger("logviewer.search")
LOGS: Final = "logviewer_backendlog"
TABLE: Final = "logviewer_search"
MARK: Final = "logviewer_searched"
TRIGRAMS: Final = "logviewer_trigrams"
SCANNED: Final = 20_000
SAMPLED: Final = 300
ASKED: Final = 4
PROBED: Final = 2_000
COMMON: Final = 5
# The index reads the messages from the table of the logs. The trigger takes out what is deleted, whoever deletes; what
# comes in is put in by `index_new`, many lines at once, because FTS5 writes its pages anew for every statement. What
# is not in the index must not be taken out, hence the mark. A migration that rebuilds the table of the logs on SQLite
# drops the trigger: run `create` again.
SQLITE: Final = (
    f"CREATE VIRTUAL TABLE {TABLE} USING fts5(message, content='{LOGS}', content_rowid='id', "
    "detail=none, columnsize=0, tokenize='trigram')",
    f"CREATE TABLE {MARK} (upto INTEGER NOT NULL)",
    f"INSERT INTO {MARK} SELECT coalesce(max(id), 0) FROM {LOGS}",
    f"CREATE TRIGGER {TABLE}_delete AFTER DELETE ON {LOGS} WHEN old.id <= (SELECT upto FROM {MARK}) BEGIN "
    f"INSERT INTO {TABLE}({TABLE}, rowid, message) VALUES ('delete', old.id, old.message); END",
    f"INSERT INTO {TABLE}({TABLE}) VALUES ('rebuild')",
)
SQLITE_GONE: Final = (
    f"DROP TRIGGER IF EXISTS {TABLE}_insert",
    f"DROP TRIGGER IF EXISTS {TABLE}_delete",
    f"DROP TABLE IF EXISTS {TABLE}",
    f"DROP TABLE IF EXISTS {MARK}",
)
POSTGRES: Final = (
    "CREATE EXTENSION IF NOT EXISTS pg_trgm",
    f"CREATE INDEX {TRIGRAMS} ON {LOGS} USING gin (message gin_trgm_ops)",
)
POSTGRES_GONE: Final = (f"DROP INDEX IF EXISTS {TABLE}", f"DROP INDEX IF EXISTS {TRIGRAMS}")


def create(apps: Any, schema_editor: Any) -> None:
    """Make the index of the lines that are there, in place of any other (for a migration)."""
    drop(apps, schema_editor)
    if schema_editor.connection.vendor == "sqlite":
        _run(SQLITE, schema_editor)
        return
    try:
        with transaction.atomic(using=schema_editor.connection.alias):
            _run(POSTGRES, schema_editor)
    except DatabaseError as error:
        log.warning(
            "Log searches look at the newest %s lines only: pg_trgm cannot be had (%s)",
            SCANNED,
            error,
            extra={"event": "log_search_unindexed"},
        )


def drop(apps: Any, schema_editor: Any) -> None:
    """Take the index away."""
    _run(SQLITE_GONE if schema_editor.connection.vendor == "sqlite" else POSTGRES_GONE, schema_editor)


def _run(statements: tuple[str, ...], schema_editor: Any) -> None:
    for statement in statements:
        schema_editor.execute(statement)


def index_new(newest: int) -> None:
    """Put into SQLite's index what is not there yet, in the transaction that inserted it.

    ``newest`` was the highest id before: below the mark when the newest lines have been deleted since.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {TABLE}(rowid, message) SELECT id, message FROM {LOGS} "
            f"WHERE id > min((SELECT upto FROM {MARK}), %s)",
            [newest],
        )
        cursor.execute(f"UPDATE {MARK} SET upto = (SELECT coalesce(max(id), 0) FROM {LOGS})")


def is_scanned(text: str) -> bool:
    """Whether no index can help to find ``text``, so that only the newest lines are looked at."""
    if connection.vendor == "sqlite":
        return len(text) < 3
    # pg_trgm knows letters and digits only.
    return not re.search(r"[^\W_]{3}", text) or not _has_trigrams()


def _has_trigrams() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass(%s) IS NOT NULL", [TRIGRAMS])
        return bool(cursor.fetchone()[0])


def beyond(rows: QuerySet[BackendLog]) -> QuerySet[BackendLog]:
    """Those of ``rows`` that are too old to be looked at where no index helps."""
    return rows.extra(where=[f"{LOGS}.id <= (SELECT max(id) FROM {LOGS}) - %s"], params=[SCANNED])


def matching(rows: QuerySet[BackendLog], text: str) -> QuerySet[BackendLog]:
    """Those of ``rows`` whose message contains ``text``, the newest arrival first."""
    if is_scanned(text):
        rows = _containing(rows, text, indexed=False)
        return rows.extra(where=[f"{LOGS}.id > (SELECT max(id) FROM {LOGS}) - %s"], params=[SCANNED]).order_by("-id")
    rows = _containing(rows, text, indexed=True)
    if connection.vendor != "sqlite":
        # The sum keeps PostgreSQL from walking back to where a text may last have been.
        return rows.order_by("-id") if _is_common(text) else rows.order_by((F("id") + 0).desc())
    # The plus keeps SQLite from asking the index once per row of the table.
    where = [f"{TABLE} MATCH %s", f"{LOGS}.id = +{TABLE}.rowid"]
    asked = " ".join('"' + run.replace('"', '""') + '"' for run in _rarest_runs(text))
    return rows.extra(tables=[TABLE], where=where, params=[asked]).extra(order_by=[f"-{TABLE}.rowid"])


def _containing(rows: QuerySet[BackendLog], text: str, *, indexed: bool) -> QuerySet[BackendLog]:
    if connection.vendor != "sqlite" and not indexed:
        # Of ILIKE PostgreSQL would ask the index also where that means to walk the whole of it.
        return rows.extra(where=[f"strpos(lower({LOGS}.message), lower(%s)) > 0"], params=[text])
    if connection.vendor != "sqlite":
        escaped = re.sub(r"([\\%_])", r"\\\1", text)
        return rows.extra(where=[f"{LOGS}.message ILIKE %s"], params=[f"%{escaped}%"])
    # SQLite's LIKE knows the case of ASCII only.
    return rows.filter(message__icontains=text) if text.isascii() else rows.filter(message__iregex=re.escape(text))


def _is_common(text: str) -> bool:
    """Whether a page of ``text`` is among the newest lines, by a look at some of them."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT count(*) FROM (SELECT message FROM {LOGS} ORDER BY id DESC LIMIT {PROBED}) AS newest "
            "WHERE strpos(lower(message), lower(%s)) > 0",
            [text],
        )
        return bool(cursor.fetchone()[0] >= COMMON)


def _rarest_runs(text: str) -> list[str]:
    """Those runs of three characters that the newest lines have least: the index walks each run it is asked for."""
    runs = list(dict.fromkeys(text[at : at + 3] for at in range(len(text) - 2)))
    if len(runs) <= ASKED:
        return runs
    with connection.cursor() as cursor:
        cursor.execute(f'SELECT "message" FROM {LOGS} ORDER BY "id" DESC LIMIT {SAMPLED}')
        newest = [message.lower() for (message,) in cursor.fetchall()]
    return sorted(runs, key=lambda run: sum(run.lower() in message for message in newest))[:ASKED]
