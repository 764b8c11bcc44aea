"""Which call and which put to sell: one expiry, call strike above the index, put strike below it, every gate passed.

Nothing out of its band is ever taken. A candidate that a gate refuses makes room for the next best one; what was
refused, by which gate and how nearly it passed comes back with the result.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from trading.strategy.bands import Band, band_for, plain
from trading.strategy.fees import option_fee
from trading.strategy.gates import (
    EARLY_GATES,
    LATE_GATES,
    Look,
    Refusal,
    first_refusal,
    nearest_misses,
    two_sided,
)
from trading.strategy.schedule import guard_instant, trading_day
from trading.strategy.types import ZERO, Chain, ChainRow, ExpiryRule, OptionType, StrategyParams

__all__ = ["Refusal", "Selection", "choose_expiry", "select"]

MIN_MINUTES_TO_GUARD = 10
BAND_GATES = ("delta_band", "premium_band", "expected_move")
# Half of every chain is in the money and most of it out of the band: that is no refusal worth a sentence.
UNREMARKABLE = ("in_the_money", *BAND_GATES)
Rank = tuple[Decimal, Decimal, str]


@dataclass(frozen=True, slots=True)
class Selection:
    """The pair to sell, or why there is none.

    ``considered`` is rows of the chosen expiry, ``refused_by`` how many each gate refused. ``credit`` is dollars of
    premium at the bids for the whole quantity; ``net_credit`` is what is left after estimated fees and crossing the
    spread to exit. ``refusals`` also names better candidates that a gate refused when a pair was found.
    """

    call: ChainRow | None
    put: ChainRow | None
    expiry: date | None
    refusals: tuple[Refusal, ...]
    considered: int
    refused_by: Mapping[str, int]
    credit: Decimal | None
    summary: str
    net_credit: Decimal | None = None

    @property
    def ok(self) -> bool:
        """There is a pair to sell."""
        return self.call is not None and self.put is not None


@dataclass(frozen=True, slots=True)
class Side:
    """One side judged: what passed, best first, and what did not."""

    passed: tuple[ChainRow, ...]
    refused: tuple[Refusal, ...]


def select(params: StrategyParams, chain: Chain, now: datetime) -> Selection:
    """Choose a pair from the chain by the parameters. Bad market data never raises: the refusals say what was wrong."""
    usable = _usable(params, chain)
    if isinstance(usable, Refusal):
        return _none(usable)
    spot, rows = usable
    expiry = choose_expiry(params, rows, now)
    if isinstance(expiry, Refusal):
        return _none(expiry)
    listed = tuple(row for row in rows if _expiry_of(row) == expiry)
    look = Look(params, spot, now)
    call, put = (_judge_side(look, kind, listed) for kind in (OptionType.CALL, OptionType.PUT))
    return _paired(look, expiry, len(listed), call, put)


def choose_expiry(params: StrategyParams, rows: Sequence[ChainRow], now: datetime) -> date | Refusal:
    """The IST settlement date by the expiry rule, among those with calls and puts and a settlement guard at least ten
    minutes ahead.
    """
    listed: dict[date, list[ChainRow]] = {}
    for row in rows:
        listed.setdefault(_expiry_of(row), []).append(row)
    if params.expiry_rule is ExpiryRule.FIXED:
        return _fixed_expiry(params, listed, now)
    earliest = trading_day(now) + timedelta(days=params.days_to_expiry)
    refusals: list[Refusal] = []
    for day in sorted(day for day in listed if day >= earliest):
        refusal = _unusable_expiry(params, day, listed[day], now)
        if refusal is None:
            return day
        refusals.append(refusal)
    if refusals:
        return refusals[0]
    return _no_expiry_so_far(max(listed), earliest, trading_day(now), params.days_to_expiry)


def _no_expiry_so_far(latest: date, earliest: date, today: date, days: int) -> Refusal:
    message = f"No expiry is listed on or after {earliest} ({days} days away); the latest is {latest}."
    return Refusal("expiry", None, "", message, Decimal((latest - today).days), Decimal(days))


def _fixed_expiry(params: StrategyParams, listed: Mapping[date, list[ChainRow]], now: datetime) -> date | Refusal:
    day = params.expiry_date
    if day is None:
        return Refusal("expiry", None, "", "A fixed expiry needs a date.")
    if day not in listed:
        nearest = min(listed, key=lambda other: (abs(other - day), other))
        return Refusal("expiry", None, "", f"Expiry {day} is not listed; the nearest is {nearest}.")
    return _unusable_expiry(params, day, listed[day], now) or day


def _unusable_expiry(params: StrategyParams, day: date, rows: Sequence[ChainRow], now: datetime) -> Refusal | None:
    settlement = min(row.instrument.settlement_at for row in rows)
    left = guard_instant(params, settlement) - now
    if settlement <= now:
        return Refusal("expiry", None, "", f"Expiry {day} has settled.")
    if left < timedelta(minutes=MIN_MINUTES_TO_GUARD):
        minutes = Decimal(f"{left.total_seconds() / 60:.1f}")
        message = f"Expiry {day} has its settlement guard in {minutes} minutes; {MIN_MINUTES_TO_GUARD} are needed."
        return Refusal("expiry", None, "", message, minutes, Decimal(MIN_MINUTES_TO_GUARD))
    for kind in OptionType:
        if not any(row.instrument.option_type is kind for row in rows):
            return Refusal("one_sided", kind, "", f"Expiry {day} lists no {kind.value}.")
    return None


def _usable(params: StrategyParams, chain: Chain) -> tuple[Decimal, tuple[ChainRow, ...]] | Refusal:
    """Index price and rows of the configured underlying."""
    if not chain.rows:
        skipped = (
            f" {len(chain.skipped)} listings were unusable, for example {chain.skipped[0]}." if chain.skipped else ""
        )
        return Refusal(
            "no_chain", None, "", f"The chain is empty: no option of {params.underlying} is listed.{skipped}"
        )
    rows = tuple(row for row in chain.rows if row.instrument.underlying == params.underlying)
    if not rows:
        found = ", ".join(sorted({row.instrument.underlying: None for row in chain.rows}))
        return Refusal("underlying", None, "", f"The chain is of {found}, expected {params.underlying}.")
    if chain.spot is None or not chain.spot.is_finite() or chain.spot <= 0:
        return Refusal("no_spot", None, "", f"There is no index price of {params.underlying}.")
    return chain.spot, rows


def _judge_side(look: Look, kind: OptionType, listed: Sequence[ChainRow]) -> Side:
    band = band_for(look, kind, listed)
    if isinstance(band, Refusal):
        return Side((), (band,))
    passed: list[tuple[Rank, ChainRow]] = []
    refused: list[Refusal] = []
    for row in listed:
        if row.instrument.option_type is kind:
            verdict = _judge(look, band, row)
            if isinstance(verdict, Refusal):
                refused.append(verdict)
            else:
                passed.append((verdict, row))
    passed.sort(key=lambda ranked: ranked[0])
    return Side(tuple(row for _, row in passed), tuple(refused))


def _judge(look: Look, band: Band, row: ChainRow) -> Rank | Refusal:
    refusal = first_refusal(EARLY_GATES, look, row)
    if refusal is not None:
        return refusal
    value = band.measure(row)
    if value is None:
        return two_sided(look, row) or _outside(band, row, None, None)
    bound = band.missed(value)
    if bound is not None:
        return _outside(band, row, value, bound)
    return first_refusal(LATE_GATES, look, row) or (*band.rank(value), row.instrument.symbol)


def _outside(band: Band, row: ChainRow, value: Decimal | None, bound: Decimal | None) -> Refusal:
    kind, symbol = row.instrument.option_type, row.instrument.symbol
    nearest = "unknown" if value is None else plain(value)
    message = f"No {kind.value} has {band.describe()}; nearest {nearest} at {symbol}."
    return Refusal(band.gate, kind, symbol, message, value, bound)


def _paired(look: Look, expiry: date, considered: int, call: Side, put: Side) -> Selection:
    refusals = (*_remarkable(call), *_remarkable(put))
    refused_by: dict[str, int] = {}
    for refusal in (*call.refused, *put.refused):
        refused_by[refusal.gate] = refused_by.get(refusal.gate, 0) + 1
    pair = _best_pair(look, call.passed, put.passed)
    if isinstance(pair, Refusal):
        refusals, refused_by["min_credit"] = (pair, *refusals), len(call.passed) * len(put.passed)
        pair = None
    if pair is None:
        summary = refusals[0].message if refusals else f"No pair among {considered} strikes."
        return Selection(None, None, expiry, refusals, considered, refused_by, None, summary)
    first, second = pair
    credit = sum((_credit(look, row)[0] for row in pair), ZERO)
    net = sum((_credit(look, row)[1] for row in pair), ZERO)
    summary = _summary(first, second, considered, refused_by)
    return Selection(first, second, expiry, refusals, considered, refused_by, credit, summary, net)


def _best_pair(
    look: Look, calls: Sequence[ChainRow], puts: Sequence[ChainRow]
) -> tuple[ChainRow, ChainRow] | Refusal | None:
    """The best-ranked pair that brings the minimum credit; None when a side is empty."""
    if not calls or not puts:
        return None
    limit = look.params.min_credit
    if limit is None:
        return calls[0], puts[0]
    call_nets, put_nets = [_credit(look, row)[1] for row in calls], [_credit(look, row)[1] for row in puts]
    ranks = sorted((i + j, i, j) for i in range(len(calls)) for j in range(len(puts)))
    for _, i, j in ranks:
        if call_nets[i] + put_nets[j] >= limit:
            return calls[i], puts[j]
    _, i, j = max(ranks, key=lambda rank: call_nets[rank[1]] + put_nets[rank[2]])
    value = call_nets[i] + put_nets[j]
    symbols = f"{calls[i].instrument.symbol} and {puts[j].instrument.symbol}"
    message = f"No pair brings {limit:.2f} $ net of fees and exit spread; nearest {value:.2f} $ with {symbols}."
    return Refusal("min_credit", None, symbols, message, value, limit)


def _credit(look: Look, row: ChainRow) -> tuple[Decimal, Decimal]:
    """Dollars for the whole quantity: premium at the bid, and what stays of it after both fees and an exit at the
    offer.
    """
    bid, ask = row.quote.bid or ZERO, row.quote.ask or ZERO
    units = look.params.quantity * row.instrument.contract_value
    fees = sum((_fee(look, row, price) for price in (bid, ask)), ZERO)
    return bid * units, (bid - (ask - bid)) * units - fees


def _fee(look: Look, row: ChainRow, price: Decimal) -> Decimal:
    instrument = row.instrument
    return option_fee(
        price=price,
        size=look.params.quantity,
        contract_value=instrument.contract_value,
        underlying_price=look.spot,
        rate=instrument.taker_rate,
        cap_rate=instrument.premium_cap_rate,
    )


def _remarkable(side: Side) -> tuple[Refusal, ...]:
    misses = nearest_misses(side.refused)
    worth = tuple(miss for miss in misses if miss.gate not in UNREMARKABLE)
    if side.passed:
        return worth
    banded = tuple(miss for miss in misses if miss.gate in BAND_GATES)
    return (*worth, *banded) or misses


def _summary(call: ChainRow, put: ChainRow, considered: int, refused_by: Mapping[str, int]) -> str:
    counts = ", ".join(f"{count} refused by {gate}" for gate, count in refused_by.items() if gate not in UNREMARKABLE)
    picked = f"Picked {call.instrument.symbol} and {put.instrument.symbol} of {considered} strikes"
    return f"{picked}; {counts}" if counts else picked


def _none(refusal: Refusal) -> Selection:
    return Selection(None, None, None, (refusal,), 0, {refusal.gate: 1}, None, refusal.message)


def _expiry_of(row: ChainRow) -> date:
    return trading_day(row.instrument.settlement_at)
