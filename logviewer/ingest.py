"""Reading the log's files into rows: every line exactly once, whatever happens to files and processes meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from django.db import transaction

from logviewer.generations import Seen, files_of, known_as, look, marks_after, read_on
from logviewer.lines import Line, parse_line
from logviewer.models import LogFile
from logviewer.writers import add_to_tallies, insert_lines, kinds_of

CHUNK: Final = 1 << 20
LONGEST_LINE: Final = CHUNK
FINAL_SECONDS: Final = 60.0


class Ingester:
    """Reads one log with its rotated files.

    The rows of a stretch, the counts and the new offset are one transaction, which is given up when another process
    has moved the offset meanwhile. So a kill at any moment, or a second ingester, neither loses nor doubles a line.
    """

    def __init__(self, path: Path, *, batch: int = 2000) -> None:
        self.path = path
        self.batch = batch
        self._current: tuple[LogFile, Seen] | None = None

    def step(self, now: datetime | None = None) -> Iterator[int]:
        """Read what is there; yields the lines taken after each batch, so that the caller may pause or stop."""
        if self._is_quiet():
            return
        at = now or datetime.now(UTC)
        known = list(LogFile.objects.filter(path=str(self.path)))
        for seen in list(files_of(self.path)):
            file = self._generation(seen, known)
            if seen.is_current:
                self._current = (file, seen)
            yield from self._read(file, seen, at)

    def run(self, now: datetime | None = None) -> int:
        """Read all that is there; returns how many lines were taken."""
        return sum(self.step(now))

    def _is_quiet(self) -> bool:
        """Whether the current file is the one of the last look, and has not been written since."""
        if self._current is None:
            return False
        file, before = self._current
        return look(self.path, is_current=True) == before and file.offset >= before.size

    def _generation(self, seen: Seen, known: list[LogFile]) -> LogFile:
        file = known_as(seen, known)
        if file is None:
            file = LogFile.objects.create(path=str(self.path), device=seen.device, inode=seen.inode)
            known.insert(0, file)
        elif (file.device, file.inode) != (seen.device, seen.inode) and not self._is_current(file):
            # A copy whose original was truncated: from here on this is its file.
            file.device, file.inode = seen.device, seen.inode
            file.save(update_fields=["device", "inode"])
        return file

    def _is_current(self, file: LogFile) -> bool:
        """Whether ``file``, of which a copy was met, is still the current one."""
        current = look(self.path, is_current=True)
        return current is not None and known_as(current, [file]) is not None

    def _read(self, file: LogFile, seen: Seen, now: datetime) -> Iterator[int]:
        while file.offset < seen.size:
            stretch = read_on(file, seen, min(CHUNK, seen.size - file.offset))
            if stretch is None:
                self._current = None
                return
            content = self._whole(stretch.content, seen, now)
            if not content:
                return
            lines = list(_lines(content, file.pk, file.offset, now))
            if not self._store(file, lines, marks_after(file, stretch, len(content))):
                self._current = None
                return
            yield len(lines)

    def _whole(self, content: bytes, seen: Seen, now: datetime) -> bytes:
        """The next whole lines; an unfinished one waits, unless it has grown too long or nobody will finish it."""
        end = content.rfind(b"\n") + 1
        if end:
            return self._first(content[:end])
        abandoned = not seen.is_current and now.timestamp() - seen.modified > FINAL_SECONDS
        return content if abandoned or len(content) >= LONGEST_LINE else b""

    def _first(self, content: bytes) -> bytes:
        """As many whole lines as a batch has."""
        end = -1
        for _ in range(self.batch):
            following = content.find(b"\n", end + 1)
            if following < 0:
                return content
            end = following
        return content[: end + 1]

    def _store(self, file: LogFile, lines: list[Line], marks: dict[str, int | str]) -> bool:
        """Store ``lines`` and how far ``file`` was read; False when another process has read on meanwhile."""
        with transaction.atomic():
            ours = LogFile.objects.filter(pk=file.pk, offset=file.offset)
            if not ours.update(**marks, updated_at=datetime.now(UTC)):
                return False
            if lines:
                insert_lines(lines)
                add_to_tallies(kinds_of(lines))
        for name, value in marks.items():
            setattr(file, name, value)
        return True


def _lines(content: bytes, source: int, offset: int, now: datetime) -> Iterator[Line]:
    position = offset
    for raw in content.splitlines(keepends=True) if b"\r" not in content else _split(content):
        if line := parse_line(raw, source, position, now):
            yield line
        position += len(raw)


def _split(content: bytes) -> Iterator[bytes]:
    """Lines that end with a newline only: ``splitlines`` would also break at a lone carriage return."""
    parts = content.split(b"\n")
    yield from (part + b"\n" for part in parts[:-1])
    if parts[-1]:
        yield parts[-1]
