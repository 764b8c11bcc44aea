"""How numbers and times are spelled on the wire."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from trading.venues.simulated.clock import from_micros

_EIGHT = Decimal("0.00000001")


def number(value: Decimal | float | None, places: int | None = None) -> str | None:
    """A decimal string, never in scientific notation; ``places`` fixes the decimals. None stays None."""
    if value is None:
        return None
    if places is not None:
        return f"{value:.{places}f}"
    return format(value, "f") if isinstance(value, Decimal) else repr(value)


def plain(value: Decimal | None) -> str | None:
    """A decimal string without trailing zeros."""
    if value is None:
        return None
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def average(value: Decimal | None) -> str | None:
    """A mean price to eight decimals, without trailing zeros."""
    return None if value is None else plain(value.quantize(_EIGHT))


def iso(at: datetime | int) -> str:
    """ISO-8601 with a Z from an aware time or microseconds since 1970."""
    moment = from_micros(at) if isinstance(at, int) else at
    return moment.isoformat().replace("+00:00", "Z")
