"""Market data of the exchange in the strategy's words: products, tickers. Unknown fields are ignored, unusable rows are
skipped and named (``spec/delta_exchange.md`` §2).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal

from trading.strategy.types import Instrument, OptionType, Quote
from trading.venues.delta.fields import (
    BadField,
    Row,
    decimal,
    flag,
    inner,
    moment,
    need_moment,
    need_text,
    need_whole,
    number,
    positive,
    text,
    whole,
)

OPERATIONAL = "operational"
REDUCE_ONLY = "reduce_only"
"""Our word for a contract that takes only orders that reduce: product spec or ticker flag (§2.2, §2.3, seen live)."""
OPTION_TYPES = {"call_options": OptionType.CALL, "put_options": OptionType.PUT}


def instrument(row: Row) -> Instrument:
    """One option product. Raises BadField for what is not a plain live option of an underlying."""
    kind = text(row, "contract_type")
    if kind not in OPTION_TYPES:
        raise BadField(f"contract type {kind or 'missing'}")
    if (state := text(row, "state")) not in ("live", ""):
        raise BadField(f"state {state}")
    if flag(row, "is_quanto"):
        raise BadField("quanto")
    if (notional := text(row, "notional_type")) not in ("vanilla", ""):
        raise BadField(f"notional type {notional}")
    specs = inner(row, "product_specs")
    return Instrument(
        symbol=need_text(row, "symbol"),
        product_id=need_whole(row, "id"),
        underlying=need_text(inner(row, "underlying_asset"), "symbol"),
        option_type=OPTION_TYPES[kind],
        strike=positive(row, "strike_price"),
        settlement_at=need_moment(row, "settlement_time"),
        tick_size=positive(row, "tick_size"),
        contract_value=positive(row, "contract_value"),
        trading_status=_status(row, specs),
        taker_rate=_rate(row, "taker_commission_rate"),
        maker_rate=_rate(row, "maker_commission_rate"),
        premium_cap_rate=_rate(specs, "premium_commission_rate"),
    )


def _status(row: Row, specs: Row) -> str:
    if flag(specs, "only_reduce_only_orders_allowed"):
        return REDUCE_ONLY
    return text(row, "trading_status") or "unknown"


def restrictions_of(rows: Iterable[Row]) -> dict[str, str]:
    """Trading status by symbol of the contracts whose tickers say that they do not trade freely now: newer than what
    the products said minutes ago.
    """
    found: dict[str, str] = {}
    for row in rows:
        status = text(row, "product_trading_status") or OPERATIONAL
        if flag(row, "oi_reduce_only_mode"):
            status = REDUCE_ONLY
        if status != OPERATIONAL:
            found[text(row, "symbol")] = status
    return found


def _rate(row: Row, name: str) -> Decimal:
    """A fee rate. One that is missing stops the product: rates are read, never assumed (§8)."""
    value = decimal(row, name)
    if value is None or not 0 <= value < 1:
        raise BadField(f"{name} {value}")
    return value


def instruments(rows: Iterable[Row]) -> tuple[list[Instrument], list[str]]:
    """The usable products, and the others as ``symbol: reason``."""
    good: list[Instrument] = []
    skipped: list[str] = []
    for row in rows:
        try:
            good.append(instrument(row))
        except BadField as reason:
            skipped.append(f"{text(row, 'symbol') or 'unnamed'}: {reason}")
    return good, skipped


def quote(row: Row) -> Quote:
    """A REST ticker. Raises BadField without symbol or freshness stamp, or with nonsense in a price."""
    quotes, greeks, band = inner(row, "quotes"), inner(row, "greeks"), inner(row, "price_band")
    bid, bid_size = level(quotes, "best_bid", "bid_size")
    ask, ask_size = level(quotes, "best_ask", "ask_size")
    return Quote(
        symbol=need_text(row, "symbol"),
        at=need_moment(row, "timestamp"),
        bid=bid,
        bid_size=bid_size,
        ask=ask,
        ask_size=ask_size,
        mark=decimal(row, "mark_price"),
        iv=number(row, "mark_vol") if row.get("mark_vol") is not None else number(quotes, "mark_iv"),
        delta=number(greeks, "delta"),
        gamma=number(greeks, "gamma"),
        theta=number(greeks, "theta"),
        vega=number(greeks, "vega"),
        open_interest=_interest(row),
        band_low=decimal(band, "lower_limit"),
        band_high=decimal(band, "upper_limit"),
    )


def level(row: Row, price: str, size: str) -> tuple[Decimal | None, int]:
    """A side of the book: price and contracts; nothing where either is missing or not above zero."""
    at, contracts = decimal(row, price), whole(row, size)
    if at is None or at <= 0 or contracts is None or contracts <= 0:
        return None, 0
    return at, contracts


def _interest(row: Row) -> int | None:
    value = decimal(row, "oi_contracts")
    return None if value is None else int(value)


def quotes_of(rows: Iterable[Row], underlying: str) -> tuple[dict[str, Quote], list[str]]:
    """Quotes by symbol of the options of one underlying (the exchange ignores filters it does not know), and what was
    unusable.
    """
    good: dict[str, Quote] = {}
    skipped: list[str] = []
    for row in rows:
        asset = text(row, "underlying_asset_symbol")
        if text(row, "contract_type") not in OPTION_TYPES or (asset and asset != underlying):
            continue
        try:
            seen = quote(row)
        except BadField as reason:
            skipped.append(f"{text(row, 'symbol') or 'unnamed'}: {reason}")
            continue
        good[seen.symbol] = seen
    return good, skipped


def spot_of(rows: Iterable[Row], underlying: str) -> tuple[datetime, Decimal] | None:
    """The newest index price that the tickers of an underlying carry."""
    newest: tuple[datetime, Decimal] | None = None
    for row in rows:
        if text(row, "underlying_asset_symbol") not in (underlying, ""):
            continue
        try:
            at, price = moment(row, "timestamp"), decimal(row, "spot_price")
        except BadField:
            continue
        if at is not None and price is not None and price > 0 and (newest is None or at > newest[0]):
            newest = (at, price)
    return newest
