"""Turning a wish into an order: prices, attempts and client order ids.

Selling (entry): a good-till-cancelled limit through the bid by a share of the slippage bound that grows with each
attempt, so that a bid which ticks down meanwhile is still met; never more than the bound below the bid at which the
strikes were picked. The venue fills at its bid, not at the limit. Buying (exit, unwind): an immediate-or-cancel limit
above the ask that grows with each attempt up to the slippage bound; then market orders, which the venue itself bounds
by its price band; with no offer in the book, a resting bid that walks up. A close never gives up.
"""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from trading.strategy.state import LegState
from trading.strategy.types import (
    OptionType,
    OrderIntent,
    OrderType,
    Purpose,
    Quote,
    Side,
    StrategyParams,
    TimeInForce,
)

HUNDRED = Decimal(100)


def client_order_id(strategy_id: str, leg: OptionType, purpose: Purpose, attempt: int) -> str:
    """At most 32 characters of ``[A-Za-z0-9_-]``, derived: session, leg, purpose, attempt.

    The same wish always has the same id.
    """
    return f"{order_prefix(strategy_id)}-{leg.code}-{purpose.code}{attempt}"


def order_prefix(strategy_id: str) -> str:
    """What every client order id of a session starts with."""
    return "ds" + strategy_id.removeprefix("delta-strangle-")


def to_tick(price: Decimal, tick: Decimal, rounding: str) -> Decimal:
    """``price`` as a whole multiple of ``tick`` and never below one tick; ``rounding`` is a decimal rounding mode."""
    return max((price / tick).to_integral_value(rounding=rounding) * tick, tick)


def sell_limit(leg: LegState, params: StrategyParams) -> Decimal | None:
    """Limit of the next entry order: through the bid, not below the slippage bound. None while there is no bid to judge
    by.
    """
    quote = leg.quote
    reference = leg.decision_price
    if quote is None or quote.bid is None or reference is None:
        return None
    slippage = params.max_slippage_pct / HUNDRED
    through = slippage * min(leg.attempts + 1, params.order_attempts) / params.order_attempts
    tick = leg.instrument.tick_size
    floor = to_tick(reference * (1 - slippage), tick, ROUND_CEILING)
    price = max(to_tick(quote.bid * (1 - through), tick, ROUND_CEILING), floor)
    return _in_band(price, quote, tick)


def entry_intent(strategy_id: str, leg: LegState, params: StrategyParams) -> OrderIntent | None:
    """The next entry order for what is still missing, or None while the book gives no price."""
    limit = sell_limit(leg, params)
    missing = leg.target - leg.entry_size
    if limit is None or missing <= 0:
        return None
    return _intent(strategy_id, leg, Purpose.ENTRY, leg.attempts + 1, missing, limit, OrderType.LIMIT, TimeInForce.GTC)


def close_intent(
    strategy_id: str, leg: LegState, params: StrategyParams, purpose: Purpose, size: int, *, urgent: bool
) -> OrderIntent:
    """The next order that buys ``size`` contracts back. ``urgent`` goes to the market at once."""
    attempt = leg.exits + 1
    tried = leg.tries + 1
    quote = leg.quote
    escalated = urgent or tried > params.order_attempts
    if quote is not None and quote.ask is not None and not escalated:
        step = params.max_slippage_pct / HUNDRED * tried / params.order_attempts
        limit = _in_band(
            to_tick(quote.ask * (1 + step), leg.instrument.tick_size, ROUND_CEILING), quote, leg.instrument.tick_size
        )
        return _intent(strategy_id, leg, purpose, attempt, size, limit, OrderType.LIMIT, TimeInForce.IOC)
    bid = _resting_bid(leg, tried) if quote is not None and quote.ask is None and tried % 2 else None
    if bid is not None:
        return _intent(strategy_id, leg, purpose, attempt, size, bid, OrderType.LIMIT, TimeInForce.GTC)
    return _intent(strategy_id, leg, purpose, attempt, size, None, OrderType.MARKET, TimeInForce.IOC)


def _resting_bid(leg: LegState, tried: int) -> Decimal | None:
    """A bid above the mark for a book without offers: 5 % above, and 5 % more with every attempt."""
    quote = leg.quote
    if quote is None or quote.mark is None:
        return None
    tick = leg.instrument.tick_size
    return _in_band(to_tick(quote.mark * (1 + Decimal(5) * tried / HUNDRED), tick, ROUND_CEILING), quote, tick)


def _in_band(price: Decimal, quote: Quote, tick: Decimal) -> Decimal:
    if quote.band_high is not None and price > quote.band_high:
        price = to_tick(quote.band_high, tick, ROUND_FLOOR)
    if quote.band_low is not None and price < quote.band_low:
        price = to_tick(quote.band_low, tick, ROUND_CEILING)
    return price


def _intent(
    strategy_id: str,
    leg: LegState,
    purpose: Purpose,
    attempt: int,
    size: int,
    limit: Decimal | None,
    order_type: OrderType,
    time_in_force: TimeInForce,
) -> OrderIntent:
    quote = leg.quote
    selling = purpose is Purpose.ENTRY
    seen = None if quote is None else quote.bid if selling else quote.ask
    return OrderIntent(
        client_order_id=client_order_id(strategy_id, leg.option_type, purpose, attempt),
        leg=leg.option_type,
        purpose=purpose,
        attempt=attempt,
        symbol=leg.instrument.symbol,
        product_id=leg.instrument.product_id,
        side=Side.SELL if selling else Side.BUY,
        size=size,
        order_type=order_type,
        time_in_force=time_in_force,
        limit_price=limit,
        reduce_only=not selling,
        decision_price=seen,
    )
