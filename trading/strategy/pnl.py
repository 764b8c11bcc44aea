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
from functools import cached_property
from typing import Protocol

from trading.strategy.copying import passing
from trading.strategy.fees import FeeTerms, fee_at, fee_terms
from trading.strategy.types import ZERO, Instrument, OptionType, Quote

SANE_MARK_MULTIPLE = Decimal(3)
SANE_EXTRA_TICKS = 20
HUNDRED = Decimal(100)


@dataclass(frozen=True, slots=True)
class Terms:
    """What a leg's ledger contributes to every look, whatever its quote: contracts, units of the underlying, money."""

    size_open: int
    units: Decimal
    entry_price: Decimal
    credit: Decimal
    open_credit: Decimal
    realized: Decimal
    fees_paid: Decimal
    slack: Decimal
    fee: FeeTerms


class Leg(Protocol):
    """What can be valued: the terms of a ledger, and the newest quote. A ``LegBook``, or a leg of the state."""

    @property
    def option_type(self) -> OptionType: ...

    @property
    def instrument(self) -> Instrument: ...

    @property
    def quote(self) -> Quote | None: ...

    @property
    def terms(self) -> Terms: ...


@dataclass(frozen=True)
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

    @cached_property
    def terms(self) -> Terms:
        """Worked out once."""
        rates = self.instrument
        return Terms(
            size_open=self.size_open,
            units=self.size_open * self.contract_value,
            entry_price=self.entry_price,
            credit=self.entry_price * self.size_total * self.contract_value,
            open_credit=self.entry_price * self.size_open * self.contract_value,
            realized=realized_gross(self),
            fees_paid=self.fees_paid,
            slack=_slack(rates),
            fee=fee_terms(
                size=self.size_open,
                contract_value=self.contract_value,
                rate=rates.taker_rate,
                cap_rate=rates.premium_cap_rate,
            ),
        )


@passing
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


@passing
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


def totals(legs: Sequence[Leg], *, spot: Decimal | None, now: datetime, stale_seconds: int) -> Totals:
    """Value all legs of a session at ``now``. ``legs`` of the result are in the order given."""
    valued = tuple([leg_pnl(leg, spot=spot, now=now, stale_seconds=stale_seconds) for leg in legs])
    credit = open_credit = realized = fees_paid = fees_to_close = open_close = open_mark = ZERO
    why_not = ""
    for index, leg in enumerate(legs):
        seen = valued[index]
        terms, close, mark = leg.terms, seen.close_pnl, seen.mark_pnl
        credit += terms.credit
        open_credit += terms.open_credit
        realized += terms.realized
        fees_paid += terms.fees_paid
        fees_to_close += seen.close_fee
        # Each stands in for the other, so that something can be shown.
        open_close += close if close is not None else mark if mark is not None else ZERO
        open_mark += mark if mark is not None else close if close is not None else ZERO
        if seen.why_not:
            why_not = f"{why_not}; {seen.why_not}" if why_not else seen.why_not
    gross = realized + open_close
    net = gross - fees_paid - fees_to_close
    return Totals(
        credit,
        gross,
        net,
        _percent(gross, credit),
        _percent(net, credit),
        realized + open_mark,
        open_credit - open_close,
        fees_paid,
        fees_to_close,
        realized,
        not why_not,
        why_not,
        _net_delta(legs, valued),
        valued,
    )


def leg_pnl(leg: Leg, *, spot: Decimal | None, now: datetime, stale_seconds: int) -> LegPnl:
    """Value one leg at ``now``."""
    terms, quote = leg.terms, leg.quote
    if terms.size_open == 0:
        return LegPnl(leg.option_type, ZERO, ZERO, terms.realized, ZERO, None, ZERO, fresh=True)
    price, why_not = _offer(quote, terms.slack, now, stale_seconds)
    if quote is None or price is None:
        return _without_a_price(leg, f"{leg.option_type.value}: {why_not}", spot, now, stale_seconds)
    entry, units, mark = terms.entry_price, terms.units, quote.mark
    return LegPnl(
        leg.option_type,
        None if mark is None else (entry - mark) * units,
        (entry - price) * units,
        terms.realized,
        price * units,
        price,
        fee_at(terms.fee, price, spot if spot is not None else leg.instrument.strike),
        True,
    )


def _without_a_price(leg: Leg, why_not: str, spot: Decimal | None, now: datetime, stale_seconds: int) -> LegPnl:
    """A leg of which nobody knows what closing it costs: shown on its mark, if it has one."""
    terms, quote = leg.terms, leg.quote
    mark = quote.mark if quote else None
    # Without an index price the strike stands in for it: a strangle's strikes are within a few percent of the spot.
    index = spot if spot is not None else leg.instrument.strike
    return LegPnl(
        leg.option_type,
        mark_pnl=None if mark is None else (terms.entry_price - mark) * terms.units,
        close_pnl=None,
        realized=terms.realized,
        cost_to_close=None,
        close_price=None,
        close_fee=ZERO if mark is None else fee_at(terms.fee, mark, index),
        fresh=quote is not None and quote_age(quote, now) < stale_seconds,
        why_not=why_not,
    )


def close_price(
    quote: Quote | None, instrument: Instrument, *, now: datetime, stale_seconds: int
) -> tuple[Decimal | None, str]:
    """The price at which one contract can be bought back now, or None and the reason why nobody knows."""
    return _offer(quote, _slack(instrument), now, stale_seconds)


def _offer(quote: Quote | None, slack: Decimal, now: datetime, stale_seconds: int) -> tuple[Decimal | None, str]:
    if quote is None:
        return None, "no quote yet"
    ask, bid, mark = quote.ask, quote.bid, quote.mark
    age = quote_age(quote, now)
    if age >= stale_seconds:
        return None, f"quote is {age:.0f} s old"
    if ask is None or ask <= ZERO:
        return None, "no offer"
    if bid is not None and bid > ask:
        return None, f"crossed book, bid {bid} above offer {ask}"
    if mark is not None:
        bound = SANE_MARK_MULTIPLE * mark + slack
        if ask > bound:
            return None, f"offer {ask} is beyond the bound {bound.normalize():f} around mark {mark}"
    return ask, ""


def _slack(instrument: Instrument) -> Decimal:
    """How far an offer may be above the multiple of the mark, so that the cheapest options are not absurd by a tick."""
    return SANE_EXTRA_TICKS * instrument.tick_size


def realized_gross(leg: LegBook) -> Decimal:
    """Dollars made on the contracts already bought back, before fees; what was bought beyond them only cost."""
    if leg.exit_price is None or leg.size_closed == 0:
        return ZERO
    ours = min(leg.size_closed, leg.size_total)
    return (leg.entry_price * ours - leg.exit_price * leg.size_closed) * leg.contract_value


def quote_age(quote: Quote, now: datetime) -> float:
    """Seconds since the venue stamped the quote; never negative."""
    age = (now - quote.at).total_seconds()
    return age if age > 0.0 else 0.0


def _net_delta(legs: Sequence[Leg], valued: Sequence[LegPnl]) -> float | None:
    """Delta of what is open, per contract of the larger leg: Σ −size × Δ / max size. 0 when flat, None when a delta is
    missing or stale.
    """
    total, largest = 0.0, 0
    for index, leg in enumerate(legs):
        size, quote = leg.terms.size_open, leg.quote
        if size == 0:
            continue
        if quote is None or quote.delta is None or not valued[index].fresh:
            return None
        total -= size * quote.delta
        if size > largest:
            largest = size
    return total / largest if largest else 0.0


def _percent(amount: Decimal, credit: Decimal) -> Decimal:
    return amount / credit * HUNDRED if credit > ZERO else ZERO
