"""The gates a candidate strike has to pass, each with its name, the measured value and the threshold. Used by
``selection``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from trading.strategy.types import ChainRow, OptionType, StrategyParams

OPERATIONAL = "operational"
_HUNDRED = Decimal(100)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why something was not chosen. ``leg`` and ``symbol`` are empty when the whole chain or pair is refused; ``value``
    is the nearest miss.
    """

    gate: str
    leg: OptionType | None
    symbol: str
    message: str
    value: Decimal | None = None
    threshold: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Look:
    """What the gates judge by: the parameters, the index price in dollars and the instant."""

    params: StrategyParams
    spot: Decimal
    now: datetime


Gate = Callable[[Look, ChainRow], Refusal | None]


def mid(row: ChainRow) -> Decimal | None:
    """Middle of bid and ask in dollars; None on a one-sided or empty book."""
    bid, ask = row.quote.bid, row.quote.ask
    return (bid + ask) / 2 if bid and ask and bid > 0 and ask > 0 else None


def first_refusal(gates: Sequence[Gate], look: Look, row: ChainRow) -> Refusal | None:
    """The first gate of the sequence that the row does not pass."""
    for gate in gates:
        refusal = gate(look, row)
        if refusal is not None:
            return refusal
    return None


def nearest_misses(refusals: Sequence[Refusal]) -> tuple[Refusal, ...]:
    """One refusal per gate, in order of first appearance: its nearest miss, with a count when there were more."""
    by_gate: dict[str, list[Refusal]] = {}
    for refusal in refusals:
        by_gate.setdefault(refusal.gate, []).append(refusal)
    return tuple(_nearest(group) for group in by_gate.values())


def trading_status(look: Look, row: ChainRow) -> Refusal | None:
    """Only operational products take entries."""
    status = row.instrument.trading_status
    return None if status == OPERATIONAL else _refuse("trading_status", row, f"is {status}, not {OPERATIONAL}")


def contract_size(look: Look, row: ChainRow) -> Refusal | None:
    """The product's contract is the one the configuration was written for."""
    actual, expected = row.instrument.contract_value, look.params.contract_size
    if actual == expected:
        return None
    text = f"has contracts of {actual.normalize():f} {row.instrument.underlying}, configured {expected.normalize():f}"
    return _refuse("contract_size", row, text, actual, expected)


def out_of_the_money(look: Look, row: ChainRow) -> Refusal | None:
    """Call strike above the index, put strike below it."""
    strike, is_call = row.instrument.strike, row.instrument.option_type is OptionType.CALL
    if strike > look.spot if is_call else strike < look.spot:
        return None
    text = f"strike {strike.normalize():f} is not {'above' if is_call else 'below'} the index at {look.spot}"
    return _refuse("in_the_money", row, text, strike, look.spot)


def has_greeks(look: Look, row: ChainRow) -> Refusal | None:
    """A delta to choose and guard by."""
    delta = row.quote.delta
    return _refuse("no_greeks", row, "has no delta") if delta is None or not math.isfinite(delta) else None


def two_sided(look: Look, row: ChainRow) -> Refusal | None:
    """Somebody bids and somebody offers."""
    if mid(row) is not None:
        return None
    return _refuse("empty_side", row, "has no bid" if not row.quote.bid or row.quote.bid <= 0 else "has no offer")


def not_crossed(look: Look, row: ChainRow) -> Refusal | None:
    """The bid is not above the offer."""
    bid, ask = row.quote.bid, row.quote.ask
    if bid is None or ask is None or bid <= ask:
        return None
    return _refuse("crossed", row, f"is crossed, bid {bid} above offer {ask}", bid, ask)


def fresh(look: Look, row: ChainRow) -> Refusal | None:
    """The quote is younger than the stale-quote limit."""
    age = (look.now - row.quote.at).total_seconds()
    limit = look.params.stale_quote_seconds
    if age < limit:
        return None
    return _refuse(
        "stale_quote", row, f"quote is {age:.0f} s old, limit {limit} s", Decimal(f"{age:.3f}"), Decimal(limit)
    )


def inside_venue_band(look: Look, row: ChainRow) -> Refusal | None:
    """The bid we would sell at is inside the venue's price band."""
    quote = row.quote
    if quote.bid is None:
        return None
    if quote.band_low is not None and quote.bid < quote.band_low:
        return _refuse("venue_band", row, f"bid {quote.bid} is below the venue's band", quote.bid, quote.band_low)
    if quote.band_high is not None and quote.bid > quote.band_high:
        return _refuse("venue_band", row, f"bid {quote.bid} is above the venue's band", quote.bid, quote.band_high)
    return None


def spread(look: Look, row: ChainRow) -> Refusal | None:
    """Spread in percent of the mid."""
    limit, middle = look.params.max_spread_pct, mid(row)
    if limit is None or middle is None or row.quote.ask is None or row.quote.bid is None:
        return None
    value = (row.quote.ask - row.quote.bid) / middle * _HUNDRED
    if value <= limit:
        return None
    return _refuse("spread", row, f"spread {value:.1f} % of mid, limit {limit.normalize():f} %", value, limit)


def open_interest(look: Look, row: ChainRow) -> Refusal | None:
    """Contracts of open interest."""
    return _at_least("open_interest", "open interest", row, row.quote.open_interest, look.params.min_open_interest)


def depth(look: Look, row: ChainRow) -> Refusal | None:
    """Contracts at the touch, on the thinner side: we sell into one and buy back from the other."""
    return _at_least("depth", "depth", row, min(row.quote.bid_size, row.quote.ask_size), look.params.min_depth)


def implied_volatility(look: Look, row: ChainRow) -> Refusal | None:
    """Implied volatility in percent."""
    limit, iv = look.params.min_iv_pct, row.quote.iv
    if limit is None:
        return None
    if iv is None or not math.isfinite(iv):
        return _refuse("iv", row, "has no IV", None, limit)
    value = Decimal(f"{iv * 100:.6f}")
    if value >= limit:
        return None
    return _refuse("iv", row, f"IV {value:.1f} %, minimum {limit.normalize():f} %", value, limit)


EARLY_GATES: tuple[Gate, ...] = (trading_status, contract_size, out_of_the_money, has_greeks)
LATE_GATES: tuple[Gate, ...] = (
    two_sided,
    not_crossed,
    fresh,
    inside_venue_band,
    spread,
    open_interest,
    depth,
    implied_volatility,
)


def _at_least(gate: str, label: str, row: ChainRow, value: int | None, limit: int | None) -> Refusal | None:
    if limit is None or (value is not None and value >= limit):
        return None
    shown = "unknown" if value is None else value
    measured = None if value is None else Decimal(value)
    return _refuse(gate, row, f"{label} {shown}, minimum {limit}", measured, Decimal(limit))


def _refuse(
    gate: str, row: ChainRow, text: str, value: Decimal | None = None, threshold: Decimal | None = None
) -> Refusal:
    instrument = row.instrument
    return Refusal(gate, instrument.option_type, instrument.symbol, f"{instrument.symbol} {text}", value, threshold)


def _nearest(group: Sequence[Refusal]) -> Refusal:
    nearest = min(group, key=_gap)
    if len(group) == 1 or nearest.leg is None:
        return nearest
    count = f"{len(group)} {nearest.leg.value}s refused by {nearest.gate}"
    return replace(nearest, message=f"{count}; nearest: {nearest.message}")


def _gap(refusal: Refusal) -> tuple[bool, Decimal, str]:
    if refusal.value is None or refusal.threshold is None:
        return True, Decimal(0), refusal.symbol
    return False, abs(refusal.value - refusal.threshold), refusal.symbol
