"""What a power cut leaves of a SQLite file."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from trading.chaos.plan import Loss
from trading.chaos.power import Remains, commit_ends

ROWS = 5


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Path]:
    """Five rows, each in a transaction of its own that is still in the write-ahead log."""
    path = tmp_path / "some.sqlite3"
    connection = sqlite3.connect(path, isolation_level=None)
    connection.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; CREATE TABLE t (n INTEGER)")
    for number in range(ROWS):
        connection.execute("INSERT INTO t VALUES (?)", (number,))
    yield path
    connection.close()


def rows_after(database: Path, loss: Loss, seed: int = 1) -> list[int]:
    """What a new process reads after a cut."""
    remains = Remains(database)
    remains.suffer(loss, random.Random(seed))
    target = database.with_name("after")
    target.mkdir(exist_ok=True)
    remains.move(target / database.name)
    remains.put_back()
    assert remains.damage() == ""
    with closing(sqlite3.connect(target / database.name)) as connection:
        return [row[0] for row in connection.execute("SELECT n FROM t ORDER BY n")]


def test_what_was_committed_is_there_after_a_cut(database: Path) -> None:
    assert rows_after(database, Loss.NOTHING) == list(range(ROWS))


@pytest.mark.parametrize("seed", range(20))
def test_a_torn_tail_is_left_out_and_nothing_else(database: Path, seed: int) -> None:
    assert rows_after(database, Loss.TORN, seed) == list(range(ROWS))


@pytest.mark.parametrize("seed", range(6))
def test_a_disk_that_lied_about_its_last_commits_loses_just_these(database: Path, seed: int) -> None:
    lost = random.Random(seed).randrange(1, 4)
    assert rows_after(database, Loss.COMMITS, seed) == list(range(ROWS - lost))


def test_it_counts_the_transactions_of_a_log(database: Path) -> None:
    assert len(commit_ends(database.with_name("some.sqlite3-wal").read_bytes())) == ROWS + 1
    assert commit_ends(b"") == []


def test_damage_is_named(database: Path) -> None:
    remains = Remains(database)
    target = database.with_name("broken.sqlite3")
    remains.move(target)
    remains.put_back()
    with target.open("r+b") as file:
        file.seek(100)
        file.write(b"\xff" * 60)
    target.with_name("broken.sqlite3-wal").write_bytes(b"")
    assert remains.damage()
