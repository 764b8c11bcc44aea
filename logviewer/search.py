"""Searching messages by their words, in the database's own index: FTS5 on SQLite, a GIN index on PostgreSQL.

Both split at everything that is neither letter nor digit, and fold case. Every word asked for must be there, in any
order; ``ord*`` finds the words that begin so. A whole word is walked in the index's order and costs as much as the rows
asked for; a beginning costs as much as it matches.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from django.db import connection
from django.db.models import QuerySet

if TYPE_CHECKING:
    from logviewer.models import BackendLog

TABLE: Final = "logviewer_search"
WORD: Final = re.compile(r"[^\W_]+\*?")
VECTOR: Final = (
    r"to_tsvector('simple', regexp_replace(logviewer_backendlog.message, '[^[:alnum:]\u0080-\uffff]+', ' ', 'g'))"
)
# The index reads the messages from the table of the logs, and the triggers keep it in step whoever writes there. A
# migration that rebuilds that table on SQLite drops them: run `create` again.
SQLITE: Final = (
    f"CREATE VIRTUAL TABLE {TABLE} USING fts5(message, content='logviewer_backendlog', content_rowid='id', "
    "detail=none, columnsize=0, tokenize='unicode61 remove_diacritics 0')",
    f"CREATE TRIGGER {TABLE}_insert AFTER INSERT ON logviewer_backendlog BEGIN "
    f"INSERT INTO {TABLE}(rowid, message) VALUES (new.id, new.message); END",
    f"CREATE TRIGGER {TABLE}_delete AFTER DELETE ON logviewer_backendlog BEGIN "
    f"INSERT INTO {TABLE}({TABLE}, rowid, message) VALUES ('delete', old.id, old.message); END",
)
SQLITE_GONE: Final = (
    f"DROP TRIGGER IF EXISTS {TABLE}_insert",
    f"DROP TRIGGER IF EXISTS {TABLE}_delete",
    f"DROP TABLE IF EXISTS {TABLE}",
)
POSTGRES: Final = (f"CREATE INDEX {TABLE} ON logviewer_backendlog USING gin (({VECTOR}))",)
POSTGRES_GONE: Final = (f"DROP INDEX IF EXISTS {TABLE}",)


def create(apps: Any, schema_editor: Any) -> None:
    """Make the index (for a migration)."""
    _run(SQLITE if schema_editor.connection.vendor == "sqlite" else POSTGRES, schema_editor)


def drop(apps: Any, schema_editor: Any) -> None:
    """Take the index away."""
    _run(SQLITE_GONE if schema_editor.connection.vendor == "sqlite" else POSTGRES_GONE, schema_editor)


def _run(statements: tuple[str, ...], schema_editor: Any) -> None:
    for statement in statements:
        schema_editor.execute(statement)


def words_of(text: str) -> list[str]:
    """The words of a search, each once; one that ends with an asterisk is a beginning."""
    return list(dict.fromkeys(WORD.findall(text.lower())))


def matching(rows: QuerySet[BackendLog], text: str) -> QuerySet[BackendLog]:
    """Those of ``rows`` whose message has every word of ``text``, the newest arrival first.

    The order is the index's own, so that a page of a common word costs no more than one of a rare word.
    """
    words = words_of(text)
    if not words:
        return rows.none()
    if connection.vendor == "sqlite":
        asked = " ".join(f'"{word.rstrip("*")}"{"*" if word.endswith("*") else ""}' for word in words)
        # The plus keeps SQLite from asking the index once per row of the table.
        where = [f"{TABLE} MATCH %s", f"logviewer_backendlog.id = +{TABLE}.rowid"]
        return rows.extra(tables=[TABLE], where=where, params=[asked]).extra(order_by=[f"-{TABLE}.rowid"])
    asked = " & ".join(word.replace("*", ":*") for word in words)
    return rows.extra(where=[f"{VECTOR} @@ to_tsquery('simple', %s)"], params=[asked]).order_by("-id")
