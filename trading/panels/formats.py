"""Figures as people read them: explicit signs with a real minus, fixed decimals, units set off by a space, IST time."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Final

IST: Final = timezone(timedelta(hours=5, minutes=30), "IST")
MINUS: Final = "−"
NONE: Final = "–"
GAP: Final = "\u00a0"
HYPHEN_OF_A_NUMBER: Final = re.compile(r"(?<![\w−-])-(?=[$.]?\d)")
SIGN_OF_ZERO: Final = re.compile(r"[+−](?=0(?:\.0+)?(?!\.?\d))")
SPACE_BEFORE_PERCENT: Final = re.compile(r"(?<=\d) (?=%)")


def decimal_of(value: object) -> Decimal | None:
    """``value`` as an exact number, or None for what is absent, no number, or not finite."""
    if value is None or value == "" or isinstance(value, bool):
        return None
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def number(value: object, places: int = 2, *, signed: bool = False, prefix: str = "", suffix: str = "") -> str:
    """A number with thousands separators and ``places`` decimals, rounded half up; what rounds to zero has no sign."""
    exact = decimal_of(value)
    if exact is None:
        return NONE
    rounded = exact.quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_UP)
    sign = MINUS if rounded < 0 else "+" if signed and rounded > 0 else ""
    return f"{sign}{prefix}{abs(rounded):,.{places}f}{suffix}"


def money(value: object, places: int = 2) -> str:
    """Dollars with their sign: ``+$14.62``, ``−$1.92``, ``$0.00``."""
    return number(value, places, signed=True, prefix="$")


def dollars(value: object, places: int = 2) -> str:
    """Dollars without a plus, for amounts that are no gain or loss: ``$46.55``."""
    return number(value, places, prefix="$")


def percent(value: object, places: int = 1) -> str:
    """Percent with its sign: ``+31.4 %``."""
    return number(value, places, signed=True, suffix=f"{GAP}%")


def share(value: object, places: int = 1) -> str:
    """Percent without a plus, for what is no change: ``38.2 %``."""
    return number(value, places, suffix=f"{GAP}%")


def places_of(tick: object) -> int:
    """Decimals of a price on the grid of ``tick``: 0.1 needs one, 0.05 two, 5 none; one where the tick is unknown."""
    exact = decimal_of(tick)
    if exact is None or exact <= 0:
        return 1
    exponent = exact.normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 1


def price(value: object, tick: object = None) -> str:
    """A price with the decimals of its tick: ``79,412.5``."""
    return number(value, places_of(tick))


def moment(value: object) -> datetime | None:
    """An aware time from a datetime, ISO-8601 text or epoch seconds; None for anything else."""
    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=UTC)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return datetime.fromtimestamp(value, UTC)
    if not isinstance(value, str) or not value:
        return None
    try:
        return moment(datetime.fromisoformat(value))
    except ValueError:
        return None


def ist(value: object, pattern: str = "%H:%M:%S") -> str:
    """The IST clock time of ``value``."""
    at = moment(value)
    return at.astimezone(IST).strftime(pattern) if at else NONE


def ist_day(value: object) -> date | None:
    """The IST calendar day of ``value``, the platform's trading day."""
    at = moment(value)
    return at.astimezone(IST).date() if at else None


def ist_day_words(value: object) -> str:
    """The IST calendar day in full: ``Friday, 4 September``."""
    day = ist_day(value)
    return f"{day:%A}, {day.day} {day:%B}" if day else NONE


def duration(seconds: object) -> str:
    """A length of time in its two largest units: ``4 h 08 min``, ``12 min 05 s``, ``43 s``, ``2 d 03 h``."""
    exact = decimal_of(seconds)
    if exact is None:
        return NONE
    whole = max(0, int(exact))
    minutes, left = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    if hours >= 48:
        return f"{hours // 24}{GAP}d {hours % 24:02}{GAP}h"
    if hours:
        return f"{hours}{GAP}h {minutes:02}{GAP}min"
    return f"{minutes}{GAP}min {left:02}{GAP}s" if minutes else f"{left}{GAP}s"


def age(seconds: object) -> str:
    """How old a figure is: ``0.4 s``, ``42 s``, ``7 min``, ``3 h``."""
    exact = decimal_of(seconds)
    if exact is None:
        return NONE
    if exact < 10:
        return f"{max(exact, Decimal(0)):.1f}{GAP}s"
    if exact < 100:
        return f"{int(exact)}{GAP}s"
    return f"{int(exact // 60)}{GAP}min" if exact < 5400 else f"{int(exact // 3600)}{GAP}h"


def tone(value: object) -> str:
    """The class of a gain or a loss: ``up``, ``down``, or nothing for zero and unknown."""
    exact = decimal_of(value)
    if not exact:
        return ""
    return "up" if exact > 0 else "down"


def prose(text: object) -> str:
    """A sentence of the engine or the venue with our figures' typography: a real minus, no sign on a zero, and no line
    break before a percent sign. Symbols, dates and ranges keep their hyphens.
    """
    said = HYPHEN_OF_A_NUMBER.sub(MINUS, "" if text is None else str(text))
    return SPACE_BEFORE_PERCENT.sub(GAP, SIGN_OF_ZERO.sub("", said))
