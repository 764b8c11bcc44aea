"""The P&L and the verdicts worked out plainly, one formula at a time: what ``pnl`` and ``judging`` must give."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from trading.strategy.events import RuleResult, Verdict
from trading.strategy.fees import GST
from trading.strategy.pnl import LegBook, close_price
from trading.strategy.types import ExitReason

ZERO = Decimal(0)
FALLING = (ExitReason.MAX_LOSS, ExitReason.TRAILING_SL, ExitReason.DAILY_LOSS)
"""Rules that act at or below their threshold; clocks count down to theirs, all others rise to it."""
CLOCKS = (ExitReason.TIME_EXIT, ExitReason.SETTLEMENT_GUARD)


def plain_leg(book: LegBook, spot: Decimal | None, now: datetime, stale: int) -> dict[str, object]:
    """One leg of ``pnl.Totals.legs`` by its definition."""
    quote, units = book.quote, book.size_open * book.contract_value
    bought = (book.entry_price - (book.exit_price or ZERO)) * book.size_closed * book.contract_value
    realized = bought if book.size_closed and book.exit_price is not None else ZERO
    found = {"option_type": book.option_type, "realized": realized, "why_not": "", "close_price": None}
    if not book.size_open:
        return {**found, "mark_pnl": ZERO, "close_pnl": ZERO, "cost_to_close": ZERO, "close_fee": ZERO, "fresh": True}
    price, why_not = close_price(quote, book.instrument, now=now, stale_seconds=stale)
    mark = quote.mark if quote else None
    paid = price if price is not None else mark
    index, rates = spot if spot is not None else book.instrument.strike, book.instrument
    return {
        **found,
        "mark_pnl": None if mark is None else (book.entry_price - mark) * units,
        "close_pnl": None if price is None else (book.entry_price - price) * units,
        "cost_to_close": None if price is None else price * units,
        "close_price": price,
        "close_fee": ZERO
        if paid is None
        else min(rates.taker_rate * units * index, rates.premium_cap_rate * units * paid) * (1 + GST),
        "fresh": quote is not None and max((now - quote.at).total_seconds(), 0.0) < stale,
        "why_not": f"{book.option_type.value}: {why_not}" if why_not else "",
    }


def plain_totals(books: Sequence[LegBook], spot: Decimal | None, now: datetime, stale: int) -> dict[str, object]:
    """Every figure of ``pnl.Totals`` but its legs, by its definition."""
    legs = [plain_leg(book, spot, now, stale) for book in books]
    credit = _total([book.entry_price * book.size_total * book.contract_value for book in books])
    kept = _total([book.entry_price * book.size_open * book.contract_value for book in books])
    closing = _total([_first(leg["close_pnl"], leg["mark_pnl"]) for leg in legs])
    marked = _total([_first(leg["mark_pnl"], leg["close_pnl"]) for leg in legs])
    realized = _total([leg["realized"] for leg in legs])
    paid, to_pay = _total([book.fees_paid for book in books]), _total([leg["close_fee"] for leg in legs])
    gross = realized + closing
    net = gross - paid - to_pay
    why_not = "; ".join(str(leg["why_not"]) for leg in legs if leg["why_not"])
    return {
        "credit": credit,
        "gross": gross,
        "net": net,
        "gross_pct": gross / credit * 100 if credit > 0 else ZERO,
        "net_pct": net / credit * 100 if credit > 0 else ZERO,
        "mark_gross": realized + marked,
        "cost_to_close": kept - closing,
        "fees_paid": paid,
        "fees_to_close": to_pay,
        "realized": realized,
        "complete": not why_not,
        "why_not": why_not,
    }


def plain_acts(result: RuleResult) -> bool:
    """Whether a rule acts by the figures it tells. Meant for results that hold or act."""
    assert result.verdict in (Verdict.ACT, Verdict.HOLD)
    if result.value is None or result.threshold is None:
        return False
    down = result.rule in FALLING or result.rule in CLOCKS
    return result.value <= result.threshold if down else result.value >= result.threshold


def _first(*values: object) -> object:
    return next((value for value in values if value is not None), ZERO)


def _total(values: Sequence[object]) -> Decimal:
    total = ZERO
    for value in values:
        assert isinstance(value, Decimal)
        total += value
    return total
