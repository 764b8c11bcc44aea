"""Single values, lenient in type: the exchange sends the same number as ``1``, ``"1"``, ``1.0`` or ``"1.0e0"``, and
flags as booleans or words. What is missing is None; what is nonsense raises BadField.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from trading.venues.delta.clock import from_micros, seconds_of, to_micros

Row = Mapping[str, Any]


class BadField(ValueError):
    """A value that cannot mean what it should; the text names the field."""


def decimal(row: Row, name: str) -> Decimal | None:
    """A finite number, or None when missing, null or empty."""
    value = row.get(name)
    if value is None or value == "" or isinstance(value, bool):
        return None
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        raise BadField(f"{name} {value!r} is not a number") from None
    if not number.is_finite():
        raise BadField(f"{name} {value!r} is not finite")
    return number


def need_decimal(row: Row, name: str) -> Decimal:
    """A number that must be there."""
    if (value := decimal(row, name)) is None:
        raise BadField(f"{name} is missing")
    return value


def positive(row: Row, name: str) -> Decimal:
    """A number that must be there and above zero."""
    if (value := need_decimal(row, name)) <= 0:
        raise BadField(f"{name} {value} is not above zero")
    return value


def whole(row: Row, name: str) -> int | None:
    """A whole number, or None when missing; a fraction is nonsense."""
    value = decimal(row, name)
    if value is None:
        return None
    if value != value.to_integral_value():
        raise BadField(f"{name} {value} is not whole")
    return int(value)


def need_whole(row: Row, name: str) -> int:
    """A whole number that must be there."""
    if (value := whole(row, name)) is None:
        raise BadField(f"{name} is missing")
    return value


def number(row: Row, name: str) -> float | None:
    """A float, for greeks and volatilities."""
    value = decimal(row, name)
    return None if value is None else float(value)


def text(row: Row, name: str) -> str:
    """Text; empty when missing or null. Numbers become text, so that ids compare."""
    value = row.get(name)
    return "" if value is None else str(value)


def need_text(row: Row, name: str) -> str:
    """Text that must be there."""
    if not (value := text(row, name)):
        raise BadField(f"{name} is missing")
    return value


def flag(row: Row, name: str) -> bool:
    """Whether a flag is set: a boolean, or a word for one; missing is not set."""
    return str(row.get(name)).lower() in ("true", "1")


def inner(row: Row, name: str) -> Row:
    """An object inside a row; empty when missing or null."""
    value = row.get(name)
    return value if isinstance(value, Mapping) else {}


def moment(row: Row, name: str) -> datetime | None:
    """A time: ISO 8601, or a number of seconds, milli- or microseconds since 1970; None when missing."""
    value = row.get(name)
    if value is None or value == "":
        return None
    if isinstance(value, str) and not value.replace(".", "", 1).isdigit():
        return _iso(name, value)
    micros = need_whole(row, name)
    return from_micros(micros) if micros > 10**14 else from_micros(round(seconds_of(micros) * 1_000_000))


def need_moment(row: Row, name: str) -> datetime:
    """A time that must be there."""
    if (value := moment(row, name)) is None:
        raise BadField(f"{name} is missing")
    return value


def micros(row: Row, name: str) -> int | None:
    """A time in microseconds since 1970; None when missing."""
    at = moment(row, name)
    return None if at is None else to_micros(at)


def _iso(name: str, value: str) -> datetime:
    """ISO 8601 with any number of fractional digits; the exchange sends up to nine."""
    head, dot, tail = value.partition(".")
    if dot:
        digits = len(tail) - len(tail.lstrip("0123456789"))
        value = f"{head}.{tail[:digits][:6].ljust(6, '0')}{tail[digits:]}"
    try:
        at = datetime.fromisoformat(value)
    except ValueError:
        raise BadField(f"{name} {value!r} is not a time") from None
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)
