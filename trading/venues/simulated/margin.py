"""Isolated margin of options, as an exchangeable formula (``spec/delta_exchange.md`` §4.1)."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from trading.strategy.types import ZERO

_CENT = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class MarginTerms:
    """Margin figures of a product, in percent, with the scaling per dollar of notional above ``free_notional``
    dollars.
    """

    initial_pct: Decimal
    maintenance_pct: Decimal
    initial_scaling: Decimal
    maintenance_scaling: Decimal
    free_notional: Decimal


class MarginFormula(Protocol):
    """How much money a signed position or order of options binds."""

    def initial(
        self, *, terms: MarginTerms, size: int, mark: Decimal, index: Decimal, contract_value: Decimal
    ) -> Decimal:
        """Dollars needed to hold ``size`` contracts (negative is short) at these prices."""
        ...

    def maintenance(
        self, *, terms: MarginTerms, size: int, mark: Decimal, index: Decimal, contract_value: Decimal
    ) -> Decimal:
        """Dollars below which the position is liquidated."""
        ...


class IsolatedMargin:
    """The simulator's default: IM % of notional plus the premium at mark for shorts; longs bind nothing beyond the
    premium they paid.

    The treatment of premium inside short-option margin is published nowhere that could be read, so this is one
    formula among others.
    """

    def initial(
        self, *, terms: MarginTerms, size: int, mark: Decimal, index: Decimal, contract_value: Decimal
    ) -> Decimal:
        """``IM% × notional + mark × |size| × contract value`` for shorts; zero for longs."""
        return _bound(
            terms.initial_pct,
            terms.initial_scaling,
            terms.free_notional,
            size,
            mark,
            index * contract_value,
            contract_value,
        )

    def maintenance(
        self, *, terms: MarginTerms, size: int, mark: Decimal, index: Decimal, contract_value: Decimal
    ) -> Decimal:
        """As :meth:`initial` with the maintenance figures."""
        return _bound(
            terms.maintenance_pct,
            terms.maintenance_scaling,
            terms.free_notional,
            size,
            mark,
            index * contract_value,
            contract_value,
        )


def _bound(
    percent: Decimal,
    scaling: Decimal,
    free: Decimal,
    size: int,
    mark: Decimal,
    lot_notional: Decimal,
    contract_value: Decimal,
) -> Decimal:
    if size >= 0:
        return ZERO
    notional = -size * lot_notional
    rate = (percent + scaling * max(ZERO, notional - free)) / 100
    return (rate * notional + mark * -size * contract_value).quantize(_CENT)
