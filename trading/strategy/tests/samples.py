"""Instruments, quotes, chains and parameters for the tests of the strategy's leaves."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from trading.strategy.pnl import LegBook
from trading.strategy.pricing import greeks, years_between
from trading.strategy.schedule import settlement_instant
from trading.strategy.types import Chain, ChainRow, Instrument, OptionType, Quote, StrategyParams

CALL, PUT = OptionType.CALL, OptionType.PUT
NOW = datetime(2026, 9, 4, 4, 0, tzinfo=UTC)
TOMORROW = date(2026, 9, 5)
SPOT = Decimal(79500)
TICK = Decimal("0.1")


def params(**changes: Any) -> StrategyParams:
    """Parameters of the demo configuration, changed."""
    base = StrategyParams(
        underlying="BTC",
        quantity=10,
        contract_size=Decimal("0.001"),
        trade_time_ist="09:30",
        exit_time_ist="15:20",
        max_loss_pct=Decimal(40),
        max_profit_pct=Decimal(80),
    )
    return replace(base, **changes)


def instrument(kind: OptionType = CALL, strike: int = 81_000, expiry: date = TOMORROW, **changes: Any) -> Instrument:
    """A BTC option as Delta lists it."""
    symbol = f"{kind.value[0].upper()}-BTC-{strike}-{expiry:%d%m%y}"
    base = Instrument(
        symbol=symbol,
        product_id=strike,
        underlying="BTC",
        option_type=kind,
        strike=Decimal(strike),
        settlement_at=settlement_instant(expiry),
        tick_size=TICK,
        contract_value=Decimal("0.001"),
    )
    return replace(base, **changes)


def quote_of(listed: Instrument, *, now: datetime = NOW, iv: float = 0.4, half_spread: str = "0.5") -> Quote:
    """A fresh, deep quote around the model price."""
    years = years_between(now, listed.settlement_at)
    model = greeks(listed.option_type, float(SPOT), float(listed.strike), years, iv)
    middle = Decimal(f"{model.price:.1f}") + Decimal(half_spread)
    return Quote(
        symbol=listed.symbol,
        at=now,
        bid=max(middle - Decimal(half_spread), TICK),
        bid_size=500,
        ask=middle + Decimal(half_spread),
        ask_size=500,
        mark=max(middle, TICK),
        iv=iv,
        delta=model.delta,
        gamma=model.gamma,
        theta=model.theta,
        vega=model.vega,
        open_interest=1000,
    )


def row(kind: OptionType = CALL, strike: int = 81_000, expiry: date = TOMORROW, **quote_changes: Any) -> ChainRow:
    """A listed option with its quote, the quote changed."""
    listed = instrument(kind, strike, expiry)
    return ChainRow(listed, replace(quote_of(listed), **quote_changes))


def chain(*rows: ChainRow, spot: Decimal | None = SPOT, underlying: str = "BTC") -> Chain:
    """A chain of these rows."""
    return Chain(at=NOW, underlying=underlying, spot=spot, rows=rows)


def full_chain(expiry: date = TOMORROW) -> Chain:
    """Calls and puts at every 500 dollars from 72,000 to 87,000."""
    strikes = range(72_000, 87_500, 500)
    return chain(*(row(kind, strike, expiry) for strike in strikes for kind in OptionType))


def edit(found: Chain, symbol: str, **quote_changes: Any) -> Chain:
    """The chain with one quote changed."""
    rows = (
        ChainRow(r.instrument, replace(r.quote, **quote_changes)) if r.instrument.symbol == symbol else r
        for r in found.rows
    )
    return replace(found, rows=tuple(rows))


def leg(kind: OptionType = CALL, **changes: Any) -> LegBook:
    """Ten contracts sold at 100 and still open, quoted 79 to 80 with a mark of 79.5."""
    listed = instrument(kind, 81_000 if kind is CALL else 78_000)
    delta = 0.12 if kind is CALL else -0.12
    seen = Quote(listed.symbol, NOW, Decimal(79), 500, Decimal(80), 500, Decimal("79.5"), 0.4, delta)
    base = LegBook(
        option_type=kind,
        size_open=10,
        size_total=10,
        entry_price=Decimal(100),
        exit_price=None,
        size_closed=0,
        contract_value=Decimal("0.001"),
        fees_paid=Decimal("0.04"),
        quote=seen,
        instrument=listed,
    )
    return replace(base, **changes)


def requoted(book: LegBook, **changes: Any) -> LegBook:
    """The leg with its quote changed."""
    assert book.quote is not None
    return replace(book, quote=replace(book.quote, **changes))


def later(seconds: float) -> datetime:
    """``NOW`` plus so many seconds."""
    return NOW + timedelta(seconds=seconds)
