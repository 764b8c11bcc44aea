"""Trouble with the database that really happens: a lock that somebody else holds, and no room for another page.

Each begins and ends at once; what a write hears meanwhile is the database's own word.
"""

from __future__ import annotations

import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.db import OperationalError, connection, connections

from trading.tests.matrix.stage import Stage

IMPATIENT_MS = 20
"""How long the engine's connection waits for a lock here; in production it is SQLITE_BUSY_TIMEOUT_SECONDS."""
BLOCK = 4096
MOST_STEPS = 500
NO_LIMIT = 1_073_741_823
ROOM = "room_for_every_write"


class Trouble(ABC):
    """Something that keeps the engine from writing while it ``lasts``; ``words`` are in what the database says of it,
    ``orders`` is how many had reached the exchange when it ended.
    """

    words: str

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.lasts = False
        self.orders = 0

    @abstractmethod
    def begin(self) -> None:
        """From now on no ledger write succeeds."""

    @abstractmethod
    def end(self) -> None:
        """The database is well again."""

    async def until_refused(self, times: int, seconds: float) -> None:
        """Begin, step until the database has refused so many ledger writes, end, and check what it said. A step that
        fails is followed by the next one, as in the engine's loop.
        """
        store = self.stage.watched_store
        store.failed.clear()

        def heard() -> None:
            if len(store.failed) == times:
                self.lasts = False
                self.orders = len(self.stage.exchange.orders())
                self.end()

        self.begin()
        self.lasts, store.on_failure = True, heard
        for _ in range(MOST_STEPS):
            if not self.lasts:
                break
            with suppress(OperationalError):
                await self.stage.step(seconds)
            seconds = 0.0
        assert len(store.failed) == times
        assert all(self.words in line for line in store.failed), store.failed

    def on_its_connection(self, *statements: str) -> None:
        """Run SQL on the engine's own connection, after whatever it does now."""
        self.stage.watched_store._executor.submit(_run, statements).result()


class HeldLock(Trouble):
    """A second connection holds the write lock, past the time for which the engine's connection waits."""

    def begin(self) -> None:
        """Take the lock and keep it."""
        if connection.vendor == "sqlite":
            self.words = "database is locked"
            self.on_its_connection(f"PRAGMA busy_timeout = {IMPATIENT_MS}")
            self._other: Any = sqlite3.connect(_file(), isolation_level=None)
            self._other.execute("BEGIN IMMEDIATE")
        else:
            self.words = "lock timeout"
            self.on_its_connection(f"SET lock_timeout = {IMPATIENT_MS}")
            given = connection.get_connection_params()
            self._other = psycopg.connect(**{key: given[key] for key in ("dbname", "user", "host", "port")})
            self._other.execute("LOCK TABLE trading_strategysession IN EXCLUSIVE MODE")

    def end(self) -> None:
        """Let go."""
        self._other.rollback()
        self._other.close()


class NoMorePages(Trouble):
    """The engine's connection may not make the file longer (``PRAGMA max_page_count``), and every write needs to.

    SQLite answers SQLITE_FULL as it does for a full disk. A write that finds room in the pages at hand would succeed,
    so each one is made to need new ones.
    """

    words = "database or disk is full"

    def begin(self) -> None:
        """Leave no page free, and allow no more."""
        with closing(sqlite3.connect(_file(), isolation_level=None)) as own:
            own.execute(f"CREATE TABLE {ROOM} (bytes BLOB)")
            own.execute(
                f"CREATE TRIGGER {ROOM}_needed AFTER UPDATE ON trading_strategysession BEGIN "
                f"INSERT INTO {ROOM} VALUES (zeroblob({4 * BLOCK})); END"
            )
            own.execute("VACUUM")
            (pages,) = own.execute("PRAGMA page_count").fetchone()
        self.on_its_connection(f"PRAGMA max_page_count = {pages}")

    def end(self) -> None:
        """Allow more."""
        self.on_its_connection(f"PRAGMA max_page_count = {NO_LIMIT}")
        self.on_its_connection(f"DROP TRIGGER {ROOM}_needed", f"DROP TABLE {ROOM}")


class FullDisk(Trouble):
    """The file system under the database, and the tapes, has no byte left."""

    words = "database or disk is full"

    def __init__(self, stage: Stage, disk: Path) -> None:
        super().__init__(stage)
        self._filler = disk / "filler"

    def begin(self) -> None:
        """Fill it. The log is emptied first: a write may use again what room it has in there."""
        with closing(sqlite3.connect(_file(), isolation_level=None)) as own:
            assert own.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone() == (0, 0, 0)
        with pytest.raises(OSError, match="No space left on device"):
            _fill(self._filler)

    def end(self) -> None:
        """Somebody makes room."""
        self._filler.unlink()


@contextmanager
def database_at(path: Path) -> Iterator[None]:
    """Every connection that is opened within goes to a copy of the database at ``path``. The caller sees to it that
    other threads' connections are closed at both ends.
    """
    values = connections.settings["default"]
    home = values["NAME"]
    connections.close_all()
    with closing(sqlite3.connect(home)) as old, closing(sqlite3.connect(path)) as new:
        old.backup(new)
    values["NAME"] = str(path)
    try:
        yield
    finally:
        connections.close_all()
        values["NAME"] = home


def _fill(path: Path) -> None:
    with path.open("wb", buffering=0) as filler:
        while True:
            filler.write(bytes(BLOCK))


def _file() -> str:
    return str(connection.settings_dict["NAME"])


def _run(statements: tuple[str, ...]) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
