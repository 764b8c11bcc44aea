"""Reading times, and writing plain JSON."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from functools import cache
from types import NoneType
from typing import Any, Final

from django.utils.dateparse import parse_date, parse_datetime
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from analytics.stats import IST

LOST_PLUS: Final = re.compile(r" (?=\d\d:?\d\d$)")
NOT_A_TIME: Final = "Use an ISO-8601 time, such as 2026-11-23T04:00:00Z, or a date, such as 2026-11-23 (an IST day)."


@extend_schema_field(OpenApiTypes.STR)
class Instant(serializers.Field[datetime, str, str, Any]):
    """A moment: an ISO-8601 time (UTC unless it says otherwise), or a date, which is an IST day from its first or to
    its last moment.
    """

    default_error_messages = {"invalid": NOT_A_TIME}

    def __init__(self, *, last_moment: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.last_moment = last_moment

    def to_internal_value(self, data: str) -> datetime:
        """The aware moment."""
        try:
            at = self._moment(LOST_PLUS.sub("+", str(data).strip()))
        except (ValueError, OverflowError):
            at = None
        return self.fail("invalid") if at is None else at

    def _moment(self, text: str) -> datetime | None:
        if (day := parse_date(text)) is not None:
            return datetime.combine(day, time.max if self.last_moment else time.min, IST).astimezone(UTC)
        at = parse_datetime(text)
        return None if at is None else (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC)

    def to_representation(self, value: datetime) -> str:
        """ISO-8601."""
        return iso(value)


def iso(at: datetime) -> str:
    """ISO-8601 in UTC with Z."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def plain(value: Any) -> Any:
    """``value`` as JSON has it: amounts are numbers, moments ISO-8601, dataclasses objects."""
    if (as_json := PLAIN.get(type(value))) is not None:
        return as_json(value)
    match value:
        case str() | int() | float():
            return value
        case Mapping():
            return {key: plain(item) for key, item in value.items()}
    kind: type = type(value)
    if is_dataclass(kind):
        return {name: plain(getattr(value, name)) for name in _names(kind)}
    return [plain(item) for item in value]


@cache
def _names(kind: type[Any]) -> tuple[str, ...]:
    return tuple(field.name for field in fields(kind))


def _itself(value: Any) -> Any:
    return value


PLAIN: Final[dict[type, Callable[[Any], Any]]] = {
    Decimal: float,
    datetime: iso,
    date: date.isoformat,
    str: _itself,
    int: _itself,
    float: _itself,
    bool: _itself,
    NoneType: _itself,
    dict: lambda value: {key: plain(item) for key, item in value.items()},
    list: lambda value: [plain(item) for item in value],
}
"""By exact type, for speed: an answer has thousands of values."""
