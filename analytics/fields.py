"""Dollars that every database adds up exactly."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django.db import models

PLACES = 8

if TYPE_CHECKING:
    # To its users it is what it gives and takes: a decimal.
    WholeNumberField = models.DecimalField[Any, Any]
else:
    WholeNumberField = models.BigIntegerField


def dollars(units: int | Decimal) -> Decimal:
    """The amount of so many 1e-8 dollars, which is how a ``MoneyField`` is kept."""
    return Decimal(units).scaleb(-PLACES)


class MoneyField(WholeNumberField):
    """Dollars with eight decimals, kept as a whole number of 1e-8 dollars.

    SQLite keeps a ``DecimalField`` as a binary fraction, so that its sums are near the truth only. Sums of whole
    numbers are exact everywhere, up to 92 billion dollars.
    """

    def get_prep_value(self, value: Any) -> int | None:
        """The whole number of 1e-8 dollars; ValueError for a fraction of one."""
        if value is None:
            return None
        scaled = Decimal(str(value)).scaleb(PLACES)
        if scaled != scaled.to_integral_value():
            raise ValueError(f"{value} has more than {PLACES} decimals")
        return int(scaled)

    def from_db_value(self, value: Any, expression: object, connection: object) -> Decimal | None:
        """Dollars again; sums come this way too."""
        return None if value is None else dollars(int(value))

    def to_python(self, value: Any) -> Decimal | None:
        """A Decimal of what a form or a fixture gives."""
        return None if value is None or value == "" else Decimal(str(value))
