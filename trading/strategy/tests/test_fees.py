"""Fees: the venue's own commission, the premium cap, and the calculator's messages."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading.strategy.fees import FeeInputError, FeeQuote, option_fee, quote_fee

LOT = Decimal("0.001")
RATE, CAP = Decimal("0.0001"), Decimal("0.035")
PRICES = st.decimals(0, 20_000, places=1)


def fee(price: str, index: str, size: int = 10) -> Decimal:
    """A BTC fee at the rates of September 2026."""
    return option_fee(
        price=Decimal(price),
        size=size,
        contract_value=LOT,
        underlying_price=Decimal(index),
        rate=RATE,
        cap_rate=CAP,
    )


def test_it_is_the_commission_of_a_recorded_fill() -> None:
    assert round(fee("391", "63826.1"), 7) == Decimal("0.0753148")


def test_a_cheap_option_pays_the_premium_cap() -> None:
    assert fee("100", "80000") == Decimal("100") * 10 * LOT * CAP * Decimal("1.18")


def test_a_worthless_option_pays_nothing() -> None:
    assert fee("0", "80000") == 0


def test_the_cap_binds_below_its_share_of_the_index() -> None:
    notional = Decimal(80_000) * 10 * LOT * RATE * Decimal("1.18")
    assert fee("229", "80000") == notional
    assert fee("228", "80000") < notional


@given(PRICES, st.decimals(1, 200_000, places=1), st.integers(1, 1000))
def test_a_fee_never_exceeds_either_bound_and_grows_with_size(price: Decimal, index: Decimal, size: int) -> None:
    value = fee(str(price), str(index), size)
    units = size * LOT
    assert 0 <= value <= min(RATE * index, CAP * price) * units * Decimal("1.18")
    assert fee(str(price), str(index), size + 1) >= value


def ask(**changes: str) -> FeeQuote:
    """The calculator's example, changed."""
    inputs = {"underlying_price": "26200", "contract_size": "0.001", "quantity": "300", "premium": "15", **changes}
    return quote_fee(**{name: Decimal(value) for name, value in inputs.items()})


def test_the_calculator_gives_the_documented_example() -> None:
    assert ask() == FeeQuote(
        notional=Decimal("7860.000"),
        premium_value=Decimal("4.500"),
        notional_fee=Decimal("1.17900"),
        premium_cap=Decimal("0.225"),
        applied_fee=Decimal("0.225"),
        cap_applied=True,
        gst_rate=Decimal("0.18"),
        total_fee_with_gst=Decimal("0.2655"),
    )


def test_the_calculator_has_no_cap_on_a_zero_premium() -> None:
    quoted = ask(premium="0")
    assert quoted.applied_fee == quoted.notional_fee == Decimal("1.179")
    assert not quoted.cap_applied


def test_the_calculator_uses_the_notional_fee_when_the_cap_is_higher() -> None:
    quoted = ask(premium="1000")
    assert quoted.applied_fee == quoted.notional_fee < quoted.premium_cap
    assert not quoted.cap_applied


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("underlying_price", "0", "Underlying price must be greater than zero."),
        ("contract_size", "-1", "Contract size must be greater than zero."),
        ("quantity", "0", "Quantity must be greater than zero."),
        ("premium", "-0.1", "Premium cannot be negative."),
        ("fee_rate", "-0.1", "Fee rate cannot be negative."),
        ("premium_cap_rate", "-0.1", "Premium cap rate cannot be negative."),
        ("quantity", "NaN", "Quantity must be greater than zero."),
        ("premium", "Infinity", "Premium cannot be negative."),
    ],
)
def test_the_calculator_names_the_input_it_cannot_use(field: str, value: str, message: str) -> None:
    with pytest.raises(FeeInputError) as refused:
        ask(**{field: value})
    assert (refused.value.field, str(refused.value)) == (field, message)
