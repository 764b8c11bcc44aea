"""Which generation of the log a file on disk is: through renaming, copying, truncation and reused inodes."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha1
from pathlib import Path
from typing import Final, NamedTuple

from logviewer.models import LogFile

MARK: Final = 1024


@dataclass(frozen=True, slots=True)
class Seen:
    """A file as a look found it."""

    path: Path
    device: str
    inode: str
    size: int
    modified: float
    is_current: bool


def look(path: Path, *, is_current: bool) -> Seen | None:
    """The file at ``path``, or ``None`` when there is none (any more)."""
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return None
    return Seen(path, str(found.st_dev), str(found.st_ino), found.st_size, found.st_mtime, is_current)


def files_of(path: Path) -> Iterator[Seen]:
    """The rotated files of the log at ``path``, the oldest first, then the current one."""
    shape = re.compile(re.escape(path.name) + r"[.-](\d+)")
    try:
        names = [name for name in os.listdir(path.parent) if shape.fullmatch(name)]
    except FileNotFoundError:
        return
    rotated = [seen for name in names if (seen := look(path.parent / name, is_current=False))]
    yield from sorted(rotated, key=lambda seen: (seen.modified, -_number(seen.path)))
    if current := look(path, is_current=True):
        yield current


def _number(path: Path) -> int:
    return int(re.split(r"[.-]", path.name)[-1])


def read_at(path: Path, offset: int, length: int) -> bytes:
    """Up to ``length`` bytes from ``offset``; nothing when the file has gone."""
    try:
        with path.open("rb") as file:
            file.seek(offset)
            return file.read(length)
    except FileNotFoundError:
        return b""


def digest(content: bytes) -> str:
    """The fingerprint of a stretch of a file."""
    return sha1(content, usedforsecurity=False).hexdigest() if content else ""


class Stretch(NamedTuple):
    """What follows a file's offset, with what stood before it when it was read."""

    first: bytes
    before: bytes
    content: bytes


def read_on(file: LogFile, seen: Seen, length: int) -> Stretch | None:
    """Up to ``length`` bytes after the offset; ``None`` when ``seen`` is not ``file`` any more.

    Everything comes from one descriptor and is compared afterwards, so that a file renamed, truncated or rewritten
    while it is read is never taken for what it was.
    """
    try:
        with seen.path.open("rb") as opened:
            found = os.fstat(opened.fileno())
            first = opened.read(MARK)
            opened.seek(file.offset - file.tail_length)
            read = opened.read(file.tail_length + length)
    except FileNotFoundError:
        return None
    stretch = Stretch(first, read[: file.tail_length], read[file.tail_length :])
    same = (str(found.st_dev), str(found.st_ino)) == (seen.device, seen.inode)
    same = same and digest(first[: file.head_length]) == file.head and digest(stretch.before) == file.tail
    return stretch if same else None


def marks_after(file: LogFile, stretch: Stretch, taken: int) -> dict[str, int | str]:
    """The columns of ``file`` when ``taken`` bytes of ``stretch`` have been dealt with: how it is known again."""
    offset = file.offset + taken
    head = stretch.first[: min(MARK, offset)]
    tail = (stretch.before + stretch.content[:taken])[-MARK:]
    return {
        "offset": offset,
        "head": digest(head),
        "head_length": len(head),
        "tail": digest(tail),
        "tail_length": len(tail),
    }


def is_same(file: LogFile, seen: Seen) -> bool:
    """Whether what was read of ``file`` still stands at the beginning of ``seen``."""
    return (
        seen.size >= file.offset
        and digest(read_at(seen.path, 0, file.head_length)) == file.head
        and digest(read_at(seen.path, file.offset - file.tail_length, file.tail_length)) == file.tail
    )


def is_copy(file: LogFile, seen: Seen) -> bool:
    """Whether the rotated ``seen`` is a copy of ``file``, perhaps made before we had read so far."""
    if is_same(file, seen):
        return True
    began = file.head_length > 0 and seen.size >= file.head_length
    return began and seen.size < file.offset and digest(read_at(seen.path, 0, file.head_length)) == file.head


def known_as(seen: Seen, known: Sequence[LogFile]) -> LogFile | None:
    """The generation that ``seen`` is, of those ``known`` (the newest first); ``None`` for a new one.

    A file keeps its inode when it is renamed. A rotated file may also be a copy of one that was truncated then.
    """
    for file in known:
        if (file.device, file.inode) == (seen.device, seen.inode) and is_same(file, seen):
            return file
    if not seen.is_current:
        return next((file for file in known if file.offset and is_copy(file, seen)), None)
    return None
