"""From the bytes of a line to the columns of a row. Whatever the bytes are, a row comes out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import sha1
from typing import Any, Final, NamedTuple

from logviewer.models import LEVEL, MESSAGE, NAME

DEFAULT_LEVEL: Final = "INFO"
DEFAULT_LOGGER: Final = "backend.app"
ALIASES: Final = {"WARN": "WARNING", "FATAL": "CRITICAL"}
REPLACEMENT: Final = "\ufffd"
LONGEST_RAW: Final = 65_536
DECODER: Final = json.JSONDecoder()


class Line(NamedTuple):
    """The columns of ``BackendLog`` but its id, in the order in which they are inserted."""

    source: int
    position: int
    line_hash: str
    logged_at: datetime
    ingested_at: datetime
    level: str
    logger_name: str
    event: str
    message: str
    correlation_id: str
    strategy_id: str
    request_id: str
    payload: str


def level_of(name: str) -> str:
    """A level's one spelling: upper case, ``WARN`` is ``WARNING``."""
    upper = name.strip().upper()
    return ALIASES.get(upper, upper)


def clean(text: str) -> str:
    """``text`` as any database takes it: without NULs and lone surrogates."""
    if not text.isascii():
        text = text.encode("utf-8", "replace").decode("utf-8") if _has_surrogate(text) else text
    return text.replace("\x00", REPLACEMENT) if "\x00" in text else text


def _has_surrogate(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return True
    return False


def parse_line(raw: bytes, source: int, position: int, now: datetime) -> Line | None:
    """The row of ``raw`` (without its newline), or ``None`` for a blank line.

    A line that is no JSON object is kept as an INFO message of ``backend.app`` as it stands; bytes that are no UTF-8
    become U+FFFD.
    """
    stripped = raw.strip()
    if not stripped:
        return None
    text = stripped.decode("utf-8", "replace")
    found = _object_of(text)
    digest = sha1(stripped, usedforsecurity=False).hexdigest()
    if found is None:
        return _raw_line(text, digest, source, position, now)
    given = found.get
    level = given("level") or DEFAULT_LEVEL
    logger = given("logger") or given("name") or DEFAULT_LOGGER
    message = given("message")
    return Line(
        source,
        position,
        digest,
        moment(given("timestamp") or given("time"), now),
        now,
        level_of(_text(level, LEVEL)),
        _text(logger, NAME),
        _text(given("event"), NAME),
        _text(text if message is None else message, MESSAGE),
        _text(given("correlation_id") or given("correlationId"), NAME),
        _text(given("strategy_id") or given("strategyId"), NAME),
        _text(given("request_id") or given("requestId"), NAME),
        text.replace("\x00", REPLACEMENT),
    )


def _object_of(text: str) -> dict[str, Any] | None:
    """The JSON object that ``text`` is from end to end; without ``json.loads``'s look for blanks, a third faster."""
    try:
        found, end = DECODER.raw_decode(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) and end == len(text) else None


def _raw_line(text: str, digest: str, source: int, position: int, now: datetime) -> Line:
    whole = clean(text)
    payload = json.dumps({"raw": whole[:LONGEST_RAW]}) if len(whole) > MESSAGE else ""
    names = (DEFAULT_LEVEL, DEFAULT_LOGGER, "", whole[:MESSAGE], "", "", "")
    return Line(source, position, digest, now, now, *names, payload)


def _text(value: object, longest: int) -> str:
    if isinstance(value, str):
        return clean(value[:longest])
    return "" if value is None else clean(json.dumps(value, ensure_ascii=False)[:longest])


def moment(value: object, otherwise: datetime) -> datetime:
    """An ISO-8601 time in UTC (naive ones are UTC), or ``otherwise`` when ``value`` is none."""
    if not isinstance(value, str):
        return otherwise
    try:
        at = datetime.fromisoformat(value)
        if at.tzinfo is UTC:
            return at
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError):
        return otherwise


def payload_of(text: str) -> Any:
    """The stored object for an answer in JSON; ``None`` for a line that was none. NaN and infinities are words."""
    if not text:
        return None
    return cleaned(json.loads(text, parse_constant=str, parse_float=_finite))


def _finite(digits: str) -> float | str:
    value = float(digits)
    return digits if value in (float("inf"), float("-inf")) else value


def cleaned(value: object) -> Any:
    """``value`` with every text in it as ``clean`` has it."""
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, Mapping):
        return {clean(str(key)): cleaned(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [cleaned(item) for item in value]
    return value
