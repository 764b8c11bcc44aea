"""A power cut, as the database file sees it: what was written is there, what was being written is torn.

The worker is frozen at an arbitrary instant, its files are copied as they are (without the shared memory, which no
power cut survives), the worker is killed, and the copy takes the place of the files.
"""

from __future__ import annotations

import random
import shutil
import sqlite3
import struct
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from trading.chaos.plan import Loss

WAL_HEADER: Final = 32
FRAME_HEADER: Final = 24


class Remains:
    """The files of a SQLite database as they were at one instant."""

    def __init__(self, database: Path) -> None:
        self._path = database
        self._main = database.read_bytes()
        wal = _beside(database, "-wal")
        self._wal = wal.read_bytes() if wal.exists() else b""

    def suffer(self, loss: Loss, dice: random.Random) -> None:
        """Lose what this kind of cut takes away."""
        if loss is Loss.TORN:
            torn = dice.randbytes(dice.randrange(1, 6000))
            self._wal = self._wal + torn if self._wal else b""
        elif loss is Loss.COMMITS:
            self._wal = without_last_commits(self._wal, dice.randrange(1, 4))

    def move(self, database: Path) -> None:
        """Be put back there instead of where it was."""
        self._path = database

    def put_back(self) -> None:
        """Be what the next worker finds. Any connection to the files must be closed."""
        _beside(self._path, "-shm").unlink(missing_ok=True)
        self._path.write_bytes(self._main)
        _beside(self._path, "-wal").write_bytes(self._wal)

    def damage(self) -> str:
        """What SQLite finds wrong with a copy of it; empty when nothing is."""
        with TemporaryDirectory() as folder:
            copy = Path(folder) / self._path.name
            shutil.copyfile(self._path, copy)
            shutil.copyfile(_beside(self._path, "-wal"), _beside(copy, "-wal"))
            try:
                with closing(sqlite3.connect(copy)) as connection:
                    found = [row[0] for row in connection.execute("PRAGMA integrity_check")]
                    found += [f"foreign key: {row}" for row in connection.execute("PRAGMA foreign_key_check")]
            except sqlite3.DatabaseError as error:
                found = [str(error)]
        return "" if found == ["ok"] else "; ".join(found)


def without_last_commits(wal: bytes, count: int) -> bytes:
    """A write-ahead log as if its last ``count`` transactions had never reached the disk."""
    ends = commit_ends(wal)
    return wal[: ends[-count - 1]] if len(ends) > count else wal[:WAL_HEADER]


def commit_ends(wal: bytes) -> list[int]:
    """Where the frames end that commit a transaction, of the log's newest generation
    (https://www.sqlite.org/fileformat2.html#walformat).
    """
    if len(wal) < WAL_HEADER:
        return []
    page_size, _, salt_1, salt_2 = struct.unpack(">IIII", wal[8:24])
    frame, found = FRAME_HEADER + page_size, []
    for start in range(WAL_HEADER, len(wal) - frame + 1, frame):
        _, pages, first, second = struct.unpack(">IIII", wal[start : start + 16])
        if (first, second) != (salt_1, salt_2):
            break
        if pages:
            found.append(start + frame)
    return found


def _beside(database: Path, ending: str) -> Path:
    return database.with_name(database.name + ending)
