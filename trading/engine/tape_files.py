"""The files behind the tapes: appending without buffers, the day's allowance, compressing, pruning."""

from __future__ import annotations

import gzip
import logging
import os
import shutil
import struct
import threading
import time
import zlib
from collections.abc import Callable, Iterable
from pathlib import Path

log = logging.getLogger("trading.engine")
MEGABYTE = 1_000_000
DAY_SECONDS = 86_400
IST_SECONDS = 19_800
TRY_AGAIN_SECONDS = 60.0
NAMED = "delta-strangle-*"
"""Session ids begin so; whatever else lies in the directory is left alone."""
OPEN, PACKED, UNFINISHED = ".jsonl", ".jsonl.gz", ".jsonl.gz.part"


class TapeFile:
    """One tape being written. ``stopped`` says why nothing is (empty: all is well); ``interrupted`` that something is
    missing since the last line, so that the next one needs a header before it.
    """

    def __init__(self, path: Path, tapes: Tapes) -> None:
        self.path = path
        self.stopped = ""
        self.interrupted = False
        self._tapes = tapes
        self._handle: int | None = None
        self._retry_at = 0.0

    def ready(self) -> bool:
        """Whether it is worth trying: not while it has stopped, until a minute or, for the allowance, a day is over."""
        return not self.stopped or self._tapes.wall() >= self._retry_at

    def write(self, data: bytes) -> bool:
        """Append whole lines with one call to the system; False when they are not all there. Never raises."""
        if not self._tapes.grants(len(data)):
            self._stop(f"the day's {self._tapes.max_mb:g} MB (TAPE_MAX_MB_PER_DAY) are full", self._tapes.next_day())
            return False
        try:
            handle = self._handle if self._handle is not None else self._open()
            if os.write(handle, data) < len(data):
                raise OSError("the disk is full")
        except OSError as error:
            self._let_go()
            self._stop(f"{error.strerror or error}", self._tapes.wall() + TRY_AGAIN_SECONDS)
            return False
        self._tapes.spend(len(data))
        if self.stopped:
            log.warning("The tape %s goes on", self.path.name, extra={"event": "tape_resumed"})
        self.stopped, self.interrupted = "", False
        return True

    def close(self) -> None:
        """Give the file back."""
        self._let_go()
        self._tapes.returned(self)

    def _let_go(self) -> None:
        handle, self._handle = self._handle, None
        if handle is not None:
            os.close(handle)

    def _open(self) -> int:
        self._tapes.lent(self)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self._handle = handle
        size = os.fstat(handle).st_size
        if size and os.pread(handle, 1, size - 1) != b"\n":
            os.write(handle, b"\n")
        return handle

    def _stop(self, why: str, retry_at: float) -> None:
        if self.stopped != why:
            log.error("The tape %s stopped: %s", self.path.name, why, extra={"event": "tape_stopped"})
        self.stopped, self.interrupted, self._retry_at = why, True, retry_at


class Tapes:
    """The directory of tapes. ``max_mb`` bounds what is written in one IST day of the wall clock (``wall``: seconds of
    the epoch). After a restart a tape that was written on this day counts in full.
    """

    def __init__(self, directory: Path, *, max_mb: float = 1000.0, wall: Callable[[], float] = time.time) -> None:
        self.directory = directory
        self.max_mb = max_mb
        self.wall = wall
        self._day = -1
        self._spent = 0
        self._lent: dict[Path, TapeFile] = {}
        self._lending = threading.Lock()
        self._packing = threading.Lock()

    def open(self, strategy_id: str) -> TapeFile:
        """The tape of an open session, new or to be continued; the file is made with the first line."""
        tape = TapeFile(self.directory / f"{strategy_id}{OPEN}", self)
        self.lent(tape)
        return tape

    def lent(self, tape: TapeFile) -> None:
        """Somebody writes this tape: it is neither packed nor deleted until it is returned."""
        with self._lending:
            self._lent[tape.path] = tape

    def returned(self, tape: TapeFile) -> None:
        """Its writer is done with it; whoever opened the same one later is not."""
        with self._lending:
            if self._lent.get(tape.path) is tape:
                del self._lent[tape.path]

    def grants(self, size: int) -> bool:
        """Whether so many bytes are within the day's allowance."""
        day = self._today()
        if day != self._day:
            first, self._day = self._day < 0, day
            self._spent = self._written_on(day) if first else 0
        return self._spent + size <= self.max_mb * MEGABYTE

    def spend(self, size: int) -> None:
        """Count bytes that were written."""
        self._spent += size

    def next_day(self) -> float:
        """When the next allowance begins, in epoch seconds."""
        return float((self._today() + 1) * DAY_SECONDS - IST_SECONDS)

    def find(self, strategy_id: str) -> Path | None:
        """The tape of a session, open or packed; None when there is none (never written, or pruned)."""
        paths = (self.directory / f"{strategy_id}{ending}" for ending in (OPEN, PACKED))
        return next((path for path in paths if path.exists()), None)

    def all(self) -> list[Path]:
        """Every tape, by name."""
        return sorted(path for ending in (OPEN, PACKED) for path in self.directory.glob(f"{NAMED}{ending}"))

    def pack(self, strategy_id: str) -> None:
        """Compress the tape of a session that is over, unless somebody writes it. Errors are logged: the plain tape is
        as good.
        """
        source = self.directory / f"{strategy_id}{OPEN}"
        try:
            with self._packing:
                if source.exists() and source not in self._lent:
                    size = source.stat().st_size
                    _pack(source)
                    self._swap(source, size)
        except OSError as error:
            log.error("The tape %s was not compressed: %s", source.name, error, extra={"event": "tape_not_packed"})

    def tidy(self, keep_days: int, open_sessions: Iterable[str] = ()) -> list[str]:
        """Compress what a killed worker left plain, delete tapes not written for ``keep_days`` (0 keeps all); their
        names. Tapes of ``open_sessions`` are left alone, and those that somebody here writes or begins meanwhile.
        """
        with self._lending:
            kept = {*open_sessions, *(path.name.removesuffix(OPEN) for path in self._lent)}
        with self._packing:
            tapes = [path for path in self.all() if path.name.partition(".")[0] not in kept]
            for leftover in self.directory.glob(f"{NAMED}{UNFINISHED}"):
                leftover.unlink(missing_ok=True)
            gone = [path for path in tapes if keep_days and self._age(path) > keep_days]
            for path in gone:
                path.unlink(missing_ok=True)
        for path in tapes:
            if path.name.endswith(OPEN):
                self.pack(path.name.removesuffix(OPEN))
        if gone:
            log.info("%d old tapes were deleted", len(gone), extra={"event": "tapes_pruned"})
        return [path.name for path in gone]

    def _swap(self, source: Path, size: int) -> None:
        """Put the packed tape in the plain one's place, unless that was taken up meanwhile."""
        part = source.with_suffix(".jsonl.gz.part")
        with self._lending:
            if source in self._lent or source.stat().st_size != size:
                part.unlink(missing_ok=True)
                return
            part.replace(source.with_suffix(".jsonl.gz"))
            source.unlink()

    def _age(self, path: Path) -> float:
        return (self.wall() - path.stat().st_mtime) / DAY_SECONDS

    def _today(self) -> int:
        return int((self.wall() + IST_SECONDS) // DAY_SECONDS)

    def _written_on(self, day: int) -> int:
        stats = [path.stat() for path in self.directory.glob("*") if path.is_file()]
        return sum(stat.st_size for stat in stats if int((stat.st_mtime + IST_SECONDS) // DAY_SECONDS) == day)


def _pack(source: Path) -> None:
    """Compress beside it, behind what is packed of it already, and keep the time of the last line: to be swapped for
    it, so that a crash in between leaves one whole tape.
    """
    part, target = source.with_suffix(".jsonl.gz.part"), source.with_suffix(".jsonl.gz")
    part.unlink(missing_ok=True)
    packed_already = 0
    if target.exists():
        shutil.copyfile(target, part)
        packed_already = _repeated(source, target)
    if not part.exists() or packed_already < source.stat().st_size:
        with source.open("rb") as plain, gzip.open(part, "ab", compresslevel=6) as packed:
            plain.seek(packed_already)
            shutil.copyfileobj(plain, packed, MEGABYTE)
    shutil.copystat(source, part)


def _repeated(source: Path, target: Path) -> int:
    """How many bytes of a plain tape the packed one ends with: a crash between the swap and the deletion leaves both.

    A packed file ends with the checksum and the size of what was packed last.
    """
    with target.open("rb") as packed:
        packed.seek(-8, os.SEEK_END)
        checksum, size = struct.unpack("<II", packed.read(8))
    found, left = 0, size
    with source.open("rb") as plain:
        while left and (some := plain.read(min(left, MEGABYTE))):
            found, left = zlib.crc32(some, found), left - len(some)
    return size if not left and found == checksum else 0
