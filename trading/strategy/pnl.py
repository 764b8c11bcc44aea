"""What a short strangle is worth now: per leg and in total, on the mark and on what it would cost to close.

Figures are dollars, signed for the short: positive is profit. *Gross* leaves fees out; *net* takes off fees paid and
the estimated fees of closing. A leg's cost to close is its offer; it is unknown when the offer is missing, crossed,
stale, or absurd against the mark. Totals then fall back to the mark so that something can be shown, and say
``complete=False`` so that no price rule acts on it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from trading.strategy.fees import option_fee
from trading.strategy.types import ZERO, Instrument, OptionType, Quote

SANE_MARK_MULTIPLE = 3
SANE_EXTRA_TICKS = 20
HUNDRED = Decimal(100)


@dataclass(frozen=True, slots=True)
class LegBook:
    """One leg as the ledger knows it: contracts sold in total, bought back and still open, average prices, fees paid in
    dollars, newest quote.
    """

    option_type: OptionType
    size_open: int
    size_total: int
    entry_price: Decimal
    exit_price: Decimal | None
    size_closed: int
    contract_value: Decimal
    fees_paid: Decimal
    quote: Quote | None
    instrument: Instrument


@dataclass(frozen=True, slots=True)
class LegPnl:
    """One leg valued, in dollars before fees.

    ``mark_pnl`` and ``close_pnl`` are of the open contracts only; ``realized`` is of the closed ones. None is
    "unknown", and ``why_not`` says why there is no ``close_price``. A leg with nothing open is worth 0 and is fresh.
    """

    option_type: OptionType
    mark_pnl: Decimal | None
    close_pnl: Decimal | None
    realized: Decimal
    cost_to_close: Decimal | None
    close_price: Decimal | None
    close_fee: Decimal
    fresh: bool
    why_not: str = ""


@dataclass(frozen=True, slots=True)
class Totals:
    """The session valued, in dollars; ``*_pct`` are percent of ``credit``, all premium ever sold by the session.

    ``net_delta`` is the position's delta per contract pair (short, so calls count negative); None while a delta is
    missing or stale.
    """

    credit: Decimal
    gross: Decimal
    net: Decimal
    gross_pct: Decimal
    net_pct: Decimal
    mark_gross: Decimal
    cost_to_close: Decimal
    fees_paid: Decimal
    fees_to_close: Decimal
    realized: Decimal
    complete: bool
    why_not: str
    net_delta: float | None
    legs: tuple[LegPnl, ...] = ()


def totals(legs: Sequence[LegBook], *, spot: Decimal | None, now: datetime, stale_seconds: int) -> Totals:
    """Value all legs of a session at ``now``. ``legs`` of the result are in the order given."""
    valued = tuple([leg_pnl(leg, spot=spot, now=now, stale_seconds=stale_seconds) for leg in legs])
    credit = sum([leg.entry_price * leg.size_total * leg.contract_value for leg in legs], ZERO)
    realized = sum([leg.realized for leg in valued], ZERO)
    open_close = sum([_shown(leg.close_pnl, leg.mark_pnl) for leg in valued], ZERO)
    open_mark = sum([_shown(leg.mark_pnl, leg.close_pnl) for leg in valued], ZERO)
    fees_paid = sum([leg.fees_paid for leg in legs], ZERO)
    fees_to_close = sum([leg.close_fee for leg in valued], ZERO)
    gross = realized + open_close
    net = gross - fees_paid - fees_to_close
    why_not = "; ".join([leg.why_not for leg in valued if leg.why_not])
    return Totals(
        credit=credit,
        gross=gross,
        net=net,
        gross_pct=_percent(gross, credit),
        net_pct=_percent(net, credit),
        mark_gross=realized + open_mark,
        cost_to_close=sum([leg.entry_price * leg.size_open * leg.contract_value for leg in legs], ZERO) - open_close,
        fees_paid=fees_paid,
        fees_to_close=fees_to_close,
        realized=realized,
        complete=not why_not,
        why_not=why_not,
        net_delta=net_delta(legs, now=now, stale_seconds=stale_seconds),
        legs=valued,
    )


def leg_pnl(leg: LegBook, *, spot: Decimal | None, now: datetime, stale_seconds: int) -> LegPnl:
    """Value one leg at ``now``."""
    realized = realized_gross(leg)
    if leg.size_open == 0:
        return LegPnl(leg.option_type, ZERO, ZERO, realized, ZERO, None, ZERO, fresh=True)
    price, why_not = close_price(leg.quote, leg.instrument, now=now, stale_seconds=stale_seconds)
    mark = leg.quote.mark if leg.quote else None
    units = leg.size_open * leg.contract_value
    return LegPnl(
        option_type=leg.option_type,
        mark_pnl=None if mark is None else (leg.entry_price - mark) * units,
        close_pnl=None if price is None else (leg.entry_price - price) * units,
        realized=realized,
        cost_to_close=None if price is None else price * units,
        close_price=price,
        close_fee=_close_fee(leg, price if price is not None else mark, spot),
        fresh=leg.quote is not None and quote_age(leg.quote, now) < stale_seconds,
        why_not=f"{leg.option_type.value}: {why_not}" if why_not else "",
    )


def close_price(
    quote: Quote | None, instrument: Instrument, *, now: datetime, stale_seconds: int
) -> tuple[Decimal | None, str]:
    """The price at which one contract can be bought back now, or None and the reason why nobody knows."""
    if quote is None:
        return None, "no quote yet"
    age = quote_age(quote, now)
    if age >= stale_seconds:
        return None, f"quote is {age:.0f} s old"
    if quote.ask is None or quote.ask <= 0:
        return None, "no offer"
    if quote.bid is not None and quote.bid > quote.ask:
        return None, f"crossed book, bid {quote.bid} above offer {quote.ask}"
    if quote.mark is not None:
        bound = SANE_MARK_MULTIPLE * quote.mark + SANE_EXTRA_TICKS * instrument.tick_size
        if quote.ask > bound:
            return None, f"offer {quote.ask} is beyond the bound {bound.normalize():f} around mark {quote.mark}"
    return quote.ask, ""


def realized_gross(leg: LegBook) -> Decimal:
    """Dollars made on the contracts already bought back, before fees."""
    if leg.exit_price is None or leg.size_closed == 0:
        return ZERO
    return (leg.entry_price - leg.exit_price) * leg.size_closed * leg.contract_value


def quote_age(quote: Quote, now: datetime) -> float:
    """Seconds since the venue stamped the quote; never negative."""
    return max((now - quote.at).total_seconds(), 0.0)


def net_delta(legs: Sequence[LegBook], *, now: datetime, stale_seconds: int) -> float | None:
    """Delta of what is open, per contract of the larger leg: Σ −size × Δ / max size. 0 when flat, None when a delta is
    missing or stale.
    """
    total, largest = 0.0, 0
    for leg in legs:
        if leg.size_open == 0:
            continue
        if leg.quote is None or leg.quote.delta is None or quote_age(leg.quote, now) >= stale_seconds:
            return None
        total -= leg.size_open * leg.quote.delta
        largest = max(largest, leg.size_open)
    return total / largest if largest else 0.0


def _close_fee(leg: LegBook, price: Decimal | None, spot: Decimal | None) -> Decimal:
    if price is None:
        return ZERO
    instrument = leg.instrument
    # Without an index price the strike stands in for it: a strangle's strikes are within a few percent of the spot.
    underlying_price = spot if spot is not None else instrument.strike
    return option_fee(
        price=price,
        size=leg.size_open,
        contract_value=leg.contract_value,
        underlying_price=underlying_price,
        rate=instrument.taker_rate,
        cap_rate=instrument.premium_cap_rate,
    )


def _shown(first: Decimal | None, second: Decimal | None) -> Decimal:
    if first is not None:
        return first
    return second if second is not None else ZERO


def _percent(amount: Decimal, credit: Decimal) -> Decimal:
    return amount / credit * HUNDRED if credit > 0 else ZERO
