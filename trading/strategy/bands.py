"""What each strike mode wants of a side: a band of |Δ|, of premium, or of strikes beyond the expected move. Used by
``selection``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from trading.strategy.gates import Look, Refusal, mid
from trading.strategy.pricing import expected_move, years_between
from trading.strategy.types import ZERO, ChainRow, OptionType, StrategyParams, StrikeMode


@dataclass(frozen=True, slots=True)
class Band:
    """What the strike mode wants of a side: a measure within [low, high], and an order of preference among those."""

    gate: str
    label: str
    low: Decimal | None
    high: Decimal | None
    measure: Callable[[ChainRow], Decimal | None]
    rank: Callable[[Decimal], tuple[Decimal, Decimal]]

    def missed(self, value: Decimal) -> Decimal | None:
        """The bound that ``value`` is outside of, or None."""
        if self.low is not None and value < self.low:
            return self.low
        return self.high if self.high is not None and value > self.high else None

    def describe(self) -> str:
        """The band in words."""
        if self.low is not None and self.high is not None:
            return f"{self.label} from {plain(self.low)} to {plain(self.high)}"
        if self.low is not None:
            return f"{self.label} at or above {plain(self.low)}"
        return f"{self.label} at or below {plain(self.high or ZERO)}"


def band_for(look: Look, kind: OptionType, listed: Sequence[ChainRow]) -> Band | Refusal:
    """The band of one side by the strike mode, or why there is none (a missing bound, multiple or IV). ``listed`` is
    one expiry.
    """
    if look.params.strike_selection_mode is StrikeMode.DELTA:
        return _delta_band(look.params)
    if look.params.strike_selection_mode is StrikeMode.PRICE:
        return _premium_band(look.params, kind)
    return _expected_move_band(look, kind, listed)


def _delta_band(params: StrategyParams) -> Band:
    """Largest |Δ| first; equals by distance to the middle of the band (all equal here), then by symbol."""
    low, high = params.delta_range_low, params.delta_range_high
    return Band("delta_band", "|Δ|", low, high, _abs_delta, lambda v: (-v, abs(v - (low + high) / 2)))


def _premium_band(params: StrategyParams, kind: OptionType) -> Band | Refusal:
    is_call = kind is OptionType.CALL
    low = params.call_option_price_min if is_call else params.put_option_price_min
    high = params.call_option_price_max if is_call else params.put_option_price_max
    if low is None or high is None or low > high:
        message = f"The premium band of the {kind.value} needs a minimum and a maximum not below it."
        return Refusal("premium_band", kind, "", message, low, high)
    return Band("premium_band", "a mid", low, high, mid, lambda value: (abs(value - (low + high) / 2), value))


def _expected_move_band(look: Look, kind: OptionType, listed: Sequence[ChainRow]) -> Band | Refusal:
    multiple, iv = look.params.expected_move_multiple, _at_the_money_iv(look, listed)
    if multiple is None:
        return Refusal("expected_move", kind, "", "Strikes by expected move need a multiple.")
    if iv is None:
        return Refusal("expected_move", kind, "", "No option near the money has an implied volatility.")
    years = years_between(look.now, listed[0].instrument.settlement_at)
    distance = multiple * Decimal(f"{expected_move(float(look.spot), iv, years):.8f}")
    if kind is OptionType.CALL:
        return Band("expected_move", "a strike", look.spot + distance, None, _strike, lambda value: (value, ZERO))
    return Band("expected_move", "a strike", None, look.spot - distance, _strike, lambda value: (-value, ZERO))


def _at_the_money_iv(look: Look, listed: Sequence[ChainRow]) -> float | None:
    """IV as a fraction at the strike nearest the index that has one: the mean of its call and put."""
    known = [(row.instrument.strike, row.quote.iv) for row in listed if row.quote.iv is not None and row.quote.iv > 0]
    if not known:
        return None
    nearest = min((strike for strike, _ in known), key=lambda strike: (abs(strike - look.spot), strike))
    ivs = [iv for strike, iv in known if strike == nearest]
    return sum(ivs) / len(ivs)


def _abs_delta(row: ChainRow) -> Decimal | None:
    return None if row.quote.delta is None else abs(Decimal(repr(row.quote.delta)))


def _strike(row: ChainRow) -> Decimal | None:
    return row.instrument.strike


def plain(value: Decimal) -> str:
    """A figure in at most four decimals, without trailing zeros or exponent."""
    return f"{round(value, 4).normalize():f}"
