"""Reading a tape back: its lines as records, plain or compressed, a torn one cut and said so."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

from trading.engine.tape import FORMAT


class TapeError(Exception):
    """This is no tape, or one of a format that nobody here reads."""


@dataclass(frozen=True, slots=True)
class Header:
    """The begin of a segment: ``how`` is fresh, resumed or continued; ``state`` is the text it starts from, at the
    point (``hash``, ``count``) of the chain.
    """

    strategy: str
    how: str
    at: datetime
    token: int
    hash: str
    count: int
    state: str


@dataclass(frozen=True, slots=True)
class Line:
    """One recorded decision: its number, the hash after it (its first digits at least), what was decided, and the text
    of the event.
    """

    number: int
    token: int
    hash: str
    decision: str
    event: str


@dataclass(frozen=True, slots=True)
class Failed:
    """An event on which the strategy failed; it changed nothing."""

    error: str


@dataclass(frozen=True, slots=True)
class Torn:
    """Something that is not a whole line; ``last`` when it ends the tape."""

    number: int
    last: bool


Record = Header | Line | Failed | Torn


def read(path: Path) -> Iterator[tuple[Record, int]]:
    """Every record with the bytes read so far. Raises TapeError for a format nobody reads, OSError."""
    with _opened(path) as file:
        lines, done, number = _lines(file), 0, 0
        following = next(lines, None)
        while following is not None:
            raw, following = following, next(lines, None)
            number += 1
            done += len(raw)
            if raw == b"\n":
                continue
            record = _record(raw)
            yield (record if record is not None else Torn(number, following is None)), done


def wanted(path: Path) -> set[int]:
    """The points of the chain at which segments begin."""
    return {record.count for record, _ in read(path) if isinstance(record, Header)}


def size_of(path: Path) -> int:
    """Bytes of the tape, unpacked; for a progress bar, so that what cannot be read counts nothing."""
    with _opened(path) as file:
        return sum(len(raw) for raw in _lines(file))


def _opened(path: Path) -> BinaryIO:
    return gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb")  # type: ignore[return-value]


def _lines(file: BinaryIO) -> Iterator[bytes]:
    """The lines; a packed tape that was cut short ends with a torn one."""
    try:
        yield from file
    except (EOFError, zlib.error, gzip.BadGzipFile):
        yield b"cut"


def _record(raw: bytes) -> Record | None:
    """The record, None for half a line or none at all."""
    try:
        if not raw.endswith(b"\n"):
            return None
        text = raw.decode()
        found = json.loads(text)
        if "tape" in found:
            return _header(found)
        if "failed" in found:
            return Failed(found["failed"])
        # No quote is bare inside a JSON text, so this is the event's own key.
        event = text.partition(',"e":')[2][:-2]
        return Line(found["n"], found["t"], found["h"], found["d"], event)
    except (ValueError, KeyError, TypeError):
        return None


def _header(found: dict[str, Any]) -> Header:
    if found["tape"] != FORMAT:
        raise TapeError(f"This tape is of format {found['tape']}; format {FORMAT} is what can be replayed here.")
    return Header(
        strategy=found["strategy"],
        how=found["how"],
        at=datetime.fromisoformat(found["at"]),
        token=found["t"],
        hash=found["hash"],
        count=found["count"],
        state=found["state"],
    )
