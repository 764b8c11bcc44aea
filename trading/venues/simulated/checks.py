"""What the exchange refuses before it books anything. Every refusal is an ExchangeError with Delta's code
(``spec/delta_exchange.md`` §9).
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from trading.strategy.types import ZERO, Instrument, OrderType, Quote, Side
from trading.venues.simulated.account import Account, signed
from trading.venues.simulated.book import acceptable
from trading.venues.simulated.config import SimulatedConfig
from trading.venues.simulated.ledger import Ledger
from trading.venues.simulated.products import UNDERLYINGS
from trading.venues.simulated.records import ExchangeError, OrderRequest, StopTerms, StopTrigger

MAX_CLIENT_ID = 32
_CLIENT_ID_CHARACTERS = set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-")


def check_schema(request: OrderRequest, instrument: Instrument) -> None:
    """Refuse what is malformed: size, price, tick, client order id."""
    if request.size < 1:
        raise ExchangeError("less_than_order_min_size", "size must be at least one contract")
    if request.size > UNDERLYINGS[instrument.underlying].position_limit:
        raise ExchangeError("order_max_size_exceeded", "size is beyond the contract's limit")
    if len(request.client_order_id) > MAX_CLIENT_ID or not set(request.client_order_id) <= _CLIENT_ID_CHARACTERS:
        raise ExchangeError(
            "bad_schema", "client_order_id: at most 32 characters of A-Z a-z 0-9 _ -", param="client_order_id"
        )
    check_price(request.order_type, request.limit_price, instrument.tick_size)
    if request.stop is not None:
        check_stop(request.side, request.stop, instrument.tick_size)


def check_stop(side: Side, stop: StopTerms, tick: Decimal) -> None:
    """A stop has a price on the tick or a trail, not both; a trail is positive for buys and negative for sells."""
    if (stop.price is None) == (stop.trail is None):
        raise ExchangeError("bad_schema", "give either stop_price or trail_amount", param="stop_price")
    if stop.price is not None and (stop.price <= 0 or (stop.trigger is not StopTrigger.SPOT and stop.price % tick)):
        raise ExchangeError("bad_schema", f"stop_price must be a positive multiple of {tick}", param="stop_price")
    if stop.trail is not None and (stop.trail == 0 or (stop.trail > 0) is not (side is Side.BUY)):
        raise ExchangeError("bad_schema", "trail_amount is positive for buys, negative for sells", param="trail_amount")


def check_price(order_type: OrderType, limit_price: Decimal | None, tick: Decimal) -> None:
    """Limit orders need a positive multiple of the tick; market orders no price."""
    if order_type is OrderType.MARKET:
        if limit_price is not None:
            raise ExchangeError("bad_schema", "a market order has no limit_price", param="limit_price")
        return
    if limit_price is None or limit_price <= 0:
        raise ExchangeError("bad_schema", "limit_price must be above zero", param="limit_price")
    if limit_price % tick:
        raise ExchangeError("bad_schema", f"limit_price must be a multiple of {tick}", param="limit_price")


def check_market_state(request: OrderRequest, instrument: Instrument, quote: Quote) -> None:
    """Refuse what this market does not accept now: an auction, a post-only order that would trade, a market order
    into an empty book.
    """
    if instrument.trading_status == "disrupted_post_only" and not request.post_only:
        raise ExchangeError(
            "self_matching_disrupted_post_only", "the contract is in its opening auction: post-only orders only"
        )
    opposite = quote.ask if request.side is Side.BUY else quote.bid
    if crosses(request, quote):
        raise ExchangeError("immediate_execution_post_only", "the order would trade at once")
    if request.order_type is OrderType.MARKET and opposite is None:
        raise ExchangeError("no_liquidity_for_market_order", "nobody stands on the other side of the book")


def crosses(request: OrderRequest, quote: Quote) -> bool:
    """Whether a post-only order would trade at once."""
    opposite = quote.ask if request.side is Side.BUY else quote.bid
    return request.post_only and opposite is not None and acceptable(request.side, opposite, request.limit_price)


def check_open_orders(request: OrderRequest, ledger: Ledger, config: SimulatedConfig) -> None:
    """Refuse a client order id that is in use, and more resting orders than the limit."""
    resting = [*ledger.open_orders(), *ledger.pending_orders()]
    if request.client_order_id and any(order.client_order_id == request.client_order_id for order in resting):
        raise ExchangeError(
            config.duplicate_client_id_code,
            "client_order_id is in use by an open order",
            client_order_id=request.client_order_id,
        )
    if len(resting) >= config.max_open_orders:
        raise ExchangeError("max_orders_count_exceeded", f"at most {config.max_open_orders} open orders")


def shrink_to_position(request: OrderRequest, ledger: Ledger, account: Account) -> OrderRequest:
    """A reduce-only order cut down to what may still be closed; refused when that is nothing."""
    held = account.size_of(request.symbol)
    if held == 0 or (held > 0) == (request.side is Side.BUY):
        raise ExchangeError("no_position_for_reduce_only", "there is no position that this order would reduce")
    resting = sum(
        order.unfilled
        for order in ledger.open_orders()
        if order.symbol == request.symbol and order.reduce_only and order.side is request.side
    )
    room = abs(held) - resting
    if room <= 0:
        raise ExchangeError("no_position_left_for_reduce_only", "resting reduce-only orders already cover the position")
    return replace(request, size=min(request.size, room))


def cover_position(request: OrderRequest, account: Account) -> OrderRequest:
    """A reduce-only stop cut down to the position it would close; refused when there is none."""
    held = account.size_of(request.symbol)
    if held == 0 or (held > 0) == (request.side is Side.BUY):
        raise ExchangeError("no_position_for_reduce_only", "there is no position that this order would reduce")
    return replace(request, size=min(request.size, abs(held)))


def check_funds(request: OrderRequest, instrument: Instrument, quote: Quote, account: Account, *, at: int) -> None:
    """Refuse what the free cash or the contract's position limit does not carry. Reduce-only orders always pass."""
    if request.reduce_only:
        return
    held = account.size_of(request.symbol) + signed(request.side, request.size)
    if abs(held) > UNDERLYINGS[instrument.underlying].position_limit:
        raise ExchangeError("risk_limits_breached", "the position would exceed the contract's limit")
    price = request.limit_price if request.limit_price is not None else quote.ask
    needed = account.needed(request.symbol, request.side, request.size, price, at)
    available = account.balance(at).available
    if needed > ZERO and needed > available:
        raise ExchangeError(
            "insufficient_margin",
            f"needs {needed:.2f} dollars, {available:.2f} are free",
            available_balance=str(available),
            required_additional_balance=str(needed - available),
        )
