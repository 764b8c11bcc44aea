"""The shape of a configuration field: what ``trading.configuration_fields`` is a table of."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum


class Kind(StrEnum):
    """How a value is read and stored."""

    TEXT = "text"
    CHOICE = "choice"
    BOOL = "bool"
    INTEGER = "integer"
    DECIMAL = "decimal"
    TIME = "time"
    DATE = "date"
    WEEKDAYS = "weekdays"
    TRAILING = "trailing"


class Group(StrEnum):
    """Sections of the form, in their order."""

    IDENTITY = "Identity"
    SCHEDULE = "Schedule"
    STRIKES = "Strikes"
    GATES = "Gates"
    SIZE = "Size"
    EXITS = "Exits"
    TRAILING = "Trailing"
    EXECUTION = "Execution"
    DAY_LIMITS = "Day limits"


@dataclass(frozen=True, slots=True)
class Field:
    """One field. An optional one may be empty (None), which switches its rule off; a required one must be given.

    ``default`` stands in when the API leaves the field out, ``initial`` is what a new form shows. ``above`` makes the
    minimum exclusive. ``when`` is (field, value): the field matters only then, and forms show it only then. ``related``
    names the fields whose validity may change with this one.
    """

    name: str
    label: str
    kind: Kind
    group: Group
    help: str = ""
    unit: str = ""
    required: bool = False
    optional: bool = False
    default: object = None
    initial: object = None
    minimum: Decimal | None = None
    maximum: Decimal | None = None
    above: bool = False
    places: int = 0
    step: str = "any"
    choices: tuple[tuple[str, str], ...] = ()
    when: tuple[str, str] | None = None
    related: tuple[str, ...] = ()

    @property
    def start(self) -> object:
        """The value of a new form."""
        return self.default if self.initial is None else self.initial

    @property
    def range_text(self) -> str:
        """The allowed range in words: "between 1 and 50,000", "more than 0 and at most 100"."""
        if self.minimum is None or self.maximum is None:
            return ""
        low, high = f"{self.minimum:,}", f"{self.maximum:,}"
        return f"more than {low} and at most {high}" if self.above else f"between {low} and {high}"

    @property
    def expected(self) -> str:
        """What a valid value is, as a sentence; the message of every refusal that concerns this field alone."""
        match self.kind:
            case Kind.INTEGER:
                return f"Enter a whole number {self.range_text}."
            case Kind.DECIMAL:
                return f"Enter a number {self.range_text}, with up to {self.places} decimals."
            case Kind.CHOICE:
                return f"Choose one of {', '.join(value for value, _ in self.choices)}."
            case _:
                return _EXPECTED[self.kind].format(maximum=self.maximum)


_EXPECTED = {
    Kind.TEXT: "Enter 1 to {maximum} printable characters.",
    Kind.BOOL: "Choose true or false.",
    Kind.TIME: "Enter a time as HH:MM from 00:00 to 23:59 (IST).",
    Kind.WEEKDAYS: "Choose at least one weekday, 0 (Monday) to 6 (Sunday).",
    Kind.DATE: "expiry_date must be provided as DD-MM-YYYY",
    Kind.TRAILING: "Enter a map of fractions: triggers above 0 and at most 10, each with a level from 0 to below it.",
}


def number(
    kind: Kind, name: str, label: str, group: Group, span: str, *, default: object = None, **more: object
) -> Field:
    """A number with its range: "1..10" is inclusive, "0<..100" excludes the minimum."""
    low, high = span.split("..")
    bounds = {"minimum": Decimal(low.rstrip("<")), "maximum": Decimal(high), "above": low.endswith("<")}
    return Field(name, label, kind, group, default=default, **bounds, **more)  # type: ignore[arg-type]


def integer(name: str, label: str, group: Group, span: str, **more: object) -> Field:
    """A whole number in ``span``."""
    return number(Kind.INTEGER, name, label, group, span, **{"step": "1", **more})


def decimal(name: str, label: str, group: Group, span: str, places: int, **more: object) -> Field:
    """A decimal in ``span`` with at most ``places`` decimals."""
    return number(Kind.DECIMAL, name, label, group, span, places=places, **more)
