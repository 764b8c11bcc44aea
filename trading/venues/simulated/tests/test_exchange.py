"""What the exchange accepts, refuses and books."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from trading.strategy.fees import option_fee
from trading.strategy.types import Instrument, Side, TimeInForce
from trading.venues.simulated.exchange import SimulatedExchange
from trading.venues.simulated.products import UNDERLYINGS
from trading.venues.simulated.records import ExchangeError, OrderRequest, OrderState
from trading.venues.simulated.tests.support import Bench, limit, make_bench, market


@pytest.fixture
def bench() -> Bench:
    return make_bench()


def refused(exchange: SimulatedExchange, request: OrderRequest) -> ExchangeError:
    """The refusal of an order, which must leave no trace."""
    before = exchange.truth()
    with pytest.raises(ExchangeError) as caught:
        exchange.place(request)
    assert exchange.truth() == before
    return caught.value


def bid(bench: Bench, instrument: Instrument) -> Decimal:
    """The best bid, which must be there."""
    found = bench.quote(instrument).bid
    assert found is not None
    return found


def ask(bench: Bench, instrument: Instrument) -> Decimal:
    """The best ask, which must be there."""
    found = bench.quote(instrument).ask
    assert found is not None
    return found


def test_a_sell_at_the_bid_trades_at_once_and_pays_the_documented_fee(bench: Bench) -> None:
    price = bid(bench, bench.call)
    order = bench.exchange.place(limit(bench.call, Side.SELL, 10, price, client_order_id="s1-CE-e1"))
    assert (order.state, order.filled, order.average_price) == (OrderState.CLOSED, 10, price)
    (fill,) = bench.exchange.fills()
    assert fill.cashflow == price * 10 * Decimal("0.001")
    assert fill.commission == option_fee(
        price=price,
        size=10,
        contract_value=Decimal("0.001"),
        underlying_price=bench.exchange.market.spot("BTC", bench.clock.now()),
        rate=Decimal("0.0001"),
        cap_rate=Decimal("0.035"),
    ).quantize(Decimal("0.00000001"))
    assert bench.exchange.truth().cash == Decimal(10_000) + fill.cashflow - fill.commission
    (position,) = bench.exchange.positions()
    assert (position.size, position.entry_price) == (-10, price)


def test_a_big_order_eats_into_the_book_and_its_ioc_remainder_is_cancelled(bench: Bench) -> None:
    depth = bench.exchange.market.depth(bench.call, bench.clock.now())
    two_levels = depth.asks[0][1] + depth.asks[1][1]
    order = bench.exchange.place(limit(bench.call, Side.BUY, two_levels + 500, depth.asks[1][0], ioc=True))
    assert (order.state, order.filled) == (OrderState.CANCELLED, two_levels)
    assert [(fill.price, fill.size) for fill in bench.exchange.fills()] == list(depth.asks[:2])
    assert bench.exchange.open_orders() == []


def test_the_remainder_of_a_gtc_order_rests(bench: Bench) -> None:
    depth = bench.exchange.market.depth(bench.call, bench.clock.now())
    order = bench.exchange.place(limit(bench.call, Side.BUY, depth.asks[0][1] + 7, depth.asks[0][0]))
    assert (order.state, order.unfilled) == (OrderState.OPEN, 7)
    assert bench.exchange.open_orders() == [order]


def test_liquidity_taken_is_gone_at_that_moment_and_comes_back(bench: Bench) -> None:
    top = bench.exchange.market.depth(bench.call, bench.clock.now()).asks[0]
    first = bench.exchange.place(limit(bench.call, Side.BUY, top[1], top[0], ioc=True))
    assert first.filled == top[1]
    assert bench.exchange.place(limit(bench.call, Side.BUY, 5, top[0], ioc=True)).filled == 0
    bench.clock.advance(20)
    assert bench.exchange.place(limit(bench.call, Side.BUY, 5, ask(bench, bench.call), ioc=True)).filled == 5


def test_a_market_order_trades_at_the_touch_and_never_rests(bench: Bench) -> None:
    order = bench.exchange.place(market(bench.put, Side.SELL, 25))
    assert (order.state, order.time_in_force) == (OrderState.CLOSED, TimeInForce.IOC)
    assert order.average_price == bid(bench, bench.put)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"size": 0}, "less_than_order_min_size"),
        ({"size": -3}, "less_than_order_min_size"),
        ({"size": 50_001}, "order_max_size_exceeded"),
        ({"limit_price": None}, "bad_schema"),
        ({"limit_price": Decimal(0)}, "bad_schema"),
        ({"limit_price": Decimal("-1.0")}, "bad_schema"),
        ({"limit_price": Decimal("10.05")}, "bad_schema"),
        ({"client_order_id": "x" * 33}, "bad_schema"),
        ({"client_order_id": "späm"}, "bad_schema"),
        ({"symbol": "C-BTC-1-050926"}, "invalid_contract"),
        ({"symbol": "nonsense"}, "invalid_contract"),
        ({"side": Side.SELL, "reduce_only": True}, "no_position_for_reduce_only"),
    ],
)
def test_bad_orders_are_refused_by_name_and_leave_no_trace(bench: Bench, change: dict[str, object], code: str) -> None:
    good = limit(bench.call, Side.BUY, 1, "0.1")
    assert refused(bench.exchange, replace(good, **change)).code == code  # type: ignore[arg-type]


def test_a_market_order_with_a_price_is_refused(bench: Bench) -> None:
    request = replace(market(bench.call, Side.BUY, 1), limit_price=Decimal(5))
    assert refused(bench.exchange, request).code == "bad_schema"


def test_a_client_id_is_refused_while_an_order_rests_under_it_and_free_afterwards(bench: Bench) -> None:
    request = limit(bench.call, Side.BUY, 1, "0.1", client_order_id="again")
    first = bench.exchange.place(request)
    error = refused(bench.exchange, request)
    assert (error.code, error.context) == ("bad_schema", {"client_order_id": "again"})
    bench.exchange.cancel(client_order_id="again")
    second = bench.exchange.place(request)
    assert second.id != first.id
    assert bench.exchange.find(client_order_id="again") == second


def test_post_only_rests_behind_the_touch_and_is_refused_when_it_would_trade(bench: Bench) -> None:
    resting = bench.exchange.place(limit(bench.call, Side.BUY, 5, "0.1", post_only=True))
    assert resting.state is OrderState.OPEN
    crossing = limit(bench.call, Side.BUY, 5, ask(bench, bench.call), post_only=True)
    assert refused(bench.exchange, crossing).code == "immediate_execution_post_only"
    with pytest.raises(ExchangeError, match="trade at once"):
        bench.exchange.edit(resting.id, limit_price=ask(bench, bench.call))


def test_an_auction_takes_only_post_only_orders() -> None:
    bench = make_bench(datetime(2026, 9, 6, 12, 1, tzinfo=UTC))
    fresh = next(
        item
        for item in bench.exchange.market.instruments(bench.clock.now(), "BTC")
        if item.trading_status == "disrupted_post_only" and bench.quote(item).bid is not None
    )
    assert refused(bench.exchange, limit(fresh, Side.BUY, 1, "0.1")).code == "self_matching_disrupted_post_only"
    assert bench.exchange.place(limit(fresh, Side.BUY, 1, "0.1", post_only=True)).state is OrderState.OPEN
    bench.clock.advance(300)
    assert bench.exchange.place(limit(fresh, Side.BUY, 1, "0.1")).state is OrderState.OPEN


def test_reduce_only_shrinks_to_the_position_and_never_flips_it(bench: Bench) -> None:
    bench.exchange.place(market(bench.call, Side.SELL, 10))
    order = bench.exchange.place(market(bench.call, Side.BUY, 25, reduce_only=True))
    assert (order.size, order.filled) == (10, 10)
    assert bench.exchange.positions() == []
    error = refused(bench.exchange, market(bench.call, Side.BUY, 1, reduce_only=True))
    assert error.code == "no_position_for_reduce_only"


def test_resting_reduce_only_orders_cover_the_position_once_and_shrink_with_it(bench: Bench) -> None:
    bench.exchange.place(market(bench.call, Side.SELL, 10))
    resting = bench.exchange.place(limit(bench.call, Side.BUY, 8, "0.1", reduce_only=True))
    second = bench.exchange.place(limit(bench.call, Side.BUY, 8, "0.2", reduce_only=True))
    assert (resting.size, second.size) == (8, 2)
    error = refused(bench.exchange, limit(bench.call, Side.BUY, 1, "0.1", reduce_only=True))
    assert error.code == "no_position_left_for_reduce_only"
    bench.exchange.place(market(bench.call, Side.BUY, 7))
    assert [(order.id, order.unfilled) for order in bench.exchange.open_orders()] == [(resting.id, 3)]


def test_an_entry_without_the_margin_is_refused_and_a_close_is_not() -> None:
    bench = make_bench(balance="4")
    size = 20
    error = refused(bench.exchange, market(bench.call, Side.SELL, size))
    assert error.code == "insufficient_margin"
    assert Decimal(error.context["required_additional_balance"]) > 0
    bench.exchange.seed_position(bench.call.symbol, -size, Decimal(50))
    assert bench.exchange.place(market(bench.call, Side.BUY, size, reduce_only=True)).filled == size


def test_margin_is_the_documented_formula_and_is_released_by_closing(bench: Bench) -> None:
    bench.exchange.place(market(bench.call, Side.SELL, 100))
    spot, mark = bench.exchange.market.spot("BTC", bench.clock.now()), bench.quote(bench.call).mark
    assert mark is not None
    lot = UNDERLYINGS["BTC"].contract_value
    expected = (100 * lot * spot * Decimal("0.005") + mark * 100 * lot).quantize(Decimal("0.01"))
    balance = bench.exchange.balance()
    assert balance.margin == expected
    assert balance.available == balance.cash - expected
    bench.exchange.place(market(bench.call, Side.BUY, 100, reduce_only=True))
    assert bench.exchange.balance().margin == 0


def test_a_position_beyond_the_contracts_limit_is_refused() -> None:
    bench = make_bench(balance="100000000")
    bench.exchange.seed_position(bench.call.symbol, -49_995, Decimal(50))
    assert refused(bench.exchange, market(bench.call, Side.SELL, 6)).code == "risk_limits_breached"


def test_too_many_resting_orders_are_refused(bench: Bench) -> None:
    for _ in range(bench.exchange.config.max_open_orders):
        bench.exchange.place(limit(bench.call, Side.BUY, 1, "0.1"))
    assert refused(bench.exchange, limit(bench.call, Side.BUY, 1, "0.1")).code == "max_orders_count_exceeded"


def test_an_edit_changes_price_and_total_size_and_may_trade(bench: Bench) -> None:
    order = bench.exchange.place(limit(bench.call, Side.BUY, 5, "0.1"))
    larger = bench.exchange.edit(order.id, size=9)
    assert (larger.id, larger.size, larger.unfilled) == (order.id, 9, 9)
    traded = bench.exchange.edit(order.id, limit_price=ask(bench, bench.call))
    assert (traded.state, traded.filled) == (OrderState.CLOSED, 9)
    with pytest.raises(ExchangeError, match="no such open order"):
        bench.exchange.edit(order.id, size=10)


def test_cancel_keeps_what_was_filled_and_refuses_what_is_not_open(bench: Bench) -> None:
    top = bench.exchange.market.depth(bench.call, bench.clock.now()).asks[0]
    order = bench.exchange.place(limit(bench.call, Side.BUY, top[1] + 5, top[0]))
    cancelled = bench.exchange.cancel(order_id=order.id)
    assert (cancelled.state, cancelled.filled, cancelled.reason) == (OrderState.CANCELLED, top[1], "cancelled_by_user")
    for number in (order.id, 1):
        with pytest.raises(ExchangeError) as caught:
            bench.exchange.cancel(order_id=number)
        assert caught.value.code == "open_order_not_found"


def test_a_resting_order_fills_at_its_own_price_when_the_market_comes_to_it(bench: Bench) -> None:
    order = bench.exchange.place(limit(bench.call, Side.BUY, 3, bid(bench, bench.call) - 1))
    for _ in range(600):
        bench.clock.advance(30)
        found = bench.exchange.find(order_id=order.id)
        if not bench.exchange.open_orders():
            break
    found = bench.exchange.find(order_id=order.id)
    assert found is not None
    assert (found.state, found.average_price) == (OrderState.CLOSED, order.limit_price)
    assert {fill.role for fill in bench.exchange.fills()} == {"maker"}


def test_how_often_anybody_looks_does_not_change_when_a_resting_order_fills() -> None:
    fills = []
    for step in (1, 37, 900, 4 * 3600):
        bench = make_bench()
        end = bench.clock.now() + timedelta(hours=4)
        bench.exchange.place(limit(bench.call, Side.BUY, 40, bid(bench, bench.call) - 5))
        bench.exchange.place(limit(bench.put, Side.SELL, 40, ask(bench, bench.put) + 5))
        while bench.clock.now() < end:
            bench.clock.set(min(end, bench.clock.now() + timedelta(seconds=step)))
            bench.exchange.catch_up()
        fills.append(sorted((fill.symbol, fill.at, fill.size, fill.price) for fill in bench.exchange.fills()))
    assert fills[0]
    assert fills == [fills[0]] * 4


def test_a_price_beyond_the_band_trades_only_up_to_the_band() -> None:
    bench = make_bench(balance="100000000")
    quote = bench.quote(bench.call)
    assert quote.band_high is not None
    order = bench.exchange.place(limit(bench.call, Side.BUY, 50_000, quote.band_high + 100, ioc=True))
    assert order.filled > 0
    assert max(fill.price for fill in bench.exchange.fills()) <= quote.band_high


def test_a_market_order_finds_nothing_beyond_a_band_that_ends_at_the_mark(bench: Bench) -> None:
    held = bench.exchange.market.band_width
    bench.exchange.market.band_width = 0.0
    quote = bench.quote(bench.call)
    assert quote.band_high is not None
    assert quote.ask is not None
    assert quote.band_high < quote.ask
    order = bench.exchange.place(market(bench.call, Side.BUY, 5))
    assert (order.state, order.filled, order.reason) == (OrderState.CANCELLED, 0, "ioc_remainder")
    bench.exchange.market.band_width = held
    assert bench.exchange.place(market(bench.call, Side.BUY, 5)).filled == 5


def test_ether_is_traded_with_its_own_tick_and_contract_value(bench: Bench) -> None:
    row = min(
        (row for row in bench.exchange.chain("ETH").rows if row.quote.bid is not None),
        key=lambda row: abs(abs(row.quote.delta or 0) - 0.3),
    )
    assert row.quote.bid is not None
    bench.exchange.place(limit(row.instrument, Side.SELL, 10, row.quote.bid))
    assert bench.exchange.fills()[0].cashflow == row.quote.bid * 10 * Decimal("0.01")


def test_an_underlying_that_is_not_traded_has_an_empty_chain(bench: Bench) -> None:
    chain = bench.exchange.chain("DOGE")
    assert (chain.rows, chain.spot) == ((), None)
