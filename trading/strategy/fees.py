"""Trading fees of options: ``min(rate × notional, cap × premium) × (1 + GST)`` (``spec/delta_exchange.md`` §8)."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

GST = Decimal("0.18")
WITH_GST = 1 + GST
DEFAULT_FEE_RATE = Decimal("0.00015")
DEFAULT_PREMIUM_CAP_RATE = Decimal("0.05")


class FeeInputError(ValueError):
    """An input of the calculator is out of range; ``field`` names it."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


@dataclass(frozen=True, slots=True)
class FeeQuote:
    """Breakdown of one fee, in dollars (``spec/reference_product.md`` §8). ``cap_applied`` is true when the premium cap
    set the fee.
    """

    notional: Decimal
    premium_value: Decimal
    notional_fee: Decimal
    premium_cap: Decimal
    applied_fee: Decimal
    cap_applied: bool
    gst_rate: Decimal
    total_fee_with_gst: Decimal


def option_fee(
    *,
    price: Decimal,
    size: int,
    contract_value: Decimal,
    underlying_price: Decimal,
    rate: Decimal,
    cap_rate: Decimal,
    gst_rate: Decimal = GST,
) -> Decimal:
    """The exchange's fee in dollars, GST included, for ``size`` contracts traded at ``price``; nothing on a worthless
    option.

    ``rate`` and ``cap_rate`` are the product's fractions; ``contract_value`` is units of the underlying per contract.
    """
    terms = fee_terms(size=size, contract_value=contract_value, rate=rate, cap_rate=cap_rate)
    return fee_at(terms, price, underlying_price, 1 + gst_rate)


@dataclass(frozen=True, slots=True)
class FeeTerms:
    """A fee with everything but the prices worked in, before GST: dollars per dollar of the index price, and the cap
    per dollar of the option's price.
    """

    notional: Decimal
    cap: Decimal


def fee_terms(*, size: int, contract_value: Decimal, rate: Decimal, cap_rate: Decimal) -> FeeTerms:
    """The terms of ``size`` contracts, for :func:`fee_at`."""
    units = size * contract_value
    return FeeTerms(rate * units, cap_rate * units)


def fee_at(terms: FeeTerms, price: Decimal, underlying_price: Decimal, with_gst: Decimal = WITH_GST) -> Decimal:
    """:func:`option_fee` at these prices; ``with_gst`` is one plus the rate of GST."""
    fee, cap = terms.notional * underlying_price, terms.cap * price
    return (cap if cap < fee else fee) * with_gst


def quote_fee(
    *,
    underlying_price: Decimal,
    contract_size: Decimal,
    quantity: Decimal,
    premium: Decimal,
    fee_rate: Decimal = DEFAULT_FEE_RATE,
    premium_cap_rate: Decimal = DEFAULT_PREMIUM_CAP_RATE,
    gst_rate: Decimal = GST,
) -> FeeQuote:
    """The fee calculator. Unlike :func:`option_fee`, a zero premium has no cap and pays the notional fee. Raises
    ``FeeInputError``.
    """
    _require_positive("underlying_price", "Underlying price", underlying_price)
    _require_positive("contract_size", "Contract size", contract_size)
    _require_positive("quantity", "Quantity", quantity)
    _require_not_negative("premium", "Premium", premium)
    _require_not_negative("fee_rate", "Fee rate", fee_rate)
    _require_not_negative("premium_cap_rate", "Premium cap rate", premium_cap_rate)
    units = contract_size * quantity
    notional_fee = units * underlying_price * fee_rate
    premium_cap = units * premium * premium_cap_rate
    applied = notional_fee if premium <= 0 else min(notional_fee, premium_cap)
    return FeeQuote(
        notional=units * underlying_price,
        premium_value=units * premium,
        notional_fee=notional_fee,
        premium_cap=premium_cap,
        applied_fee=applied,
        cap_applied=applied == premium_cap,
        gst_rate=gst_rate,
        total_fee_with_gst=applied * (1 + gst_rate),
    )


def _require_positive(field: str, label: str, value: Decimal) -> None:
    if not (value.is_finite() and value > 0):
        raise FeeInputError(field, f"{label} must be greater than zero.")


def _require_not_negative(field: str, label: str, value: Decimal) -> None:
    if not (value.is_finite() and value >= 0):
        raise FeeInputError(field, f"{label} cannot be negative.")
