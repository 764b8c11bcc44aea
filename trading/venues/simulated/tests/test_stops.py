"""Stop orders and brackets of the exchange: when they trigger, what becomes of them, and what others see."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading.strategy.types import Instrument, OrderType, Side
from trading.venues.simulated.exchange import SimulatedExchange
from trading.venues.simulated.prints import last_print, popularity
from trading.venues.simulated.records import (
    BracketTerms,
    ExchangeError,
    OrderRecord,
    OrderRequest,
    OrderState,
    StopTerms,
    StopTrigger,
    StopType,
)
from trading.venues.simulated.tests.support import Bench, limit, make_bench, market

HOUR = 3_600


def stop(
    item: Instrument, size: int, price: Decimal | None, *, kind: StopType = StopType.LOSS, **more: object
) -> OrderRequest:
    """A reduce-only market stop that buys a short back."""
    terms = StopTerms(kind, price, more.pop("trail", None), more.pop("trigger", StopTrigger.MARK))  # type: ignore[arg-type]
    return OrderRequest(
        item.symbol,
        Side.BUY,
        size,
        OrderType.MARKET,
        reduce_only=True,
        stop=terms,
        **more,  # type: ignore[arg-type]
    )


def short(bench: Bench, size: int = 10) -> Decimal:
    """Sell the call and return its mark, rounded to a dollar."""
    bench.exchange.place(market(bench.call, Side.SELL, size))
    mark = bench.quote(bench.call).mark
    assert mark is not None
    return mark.quantize(Decimal(1))


def until_triggered(bench: Bench, order: OrderRecord, step: float, hours: float = 7) -> OrderRecord:
    """Let time pass in steps until the stop is no longer pending."""
    for _ in range(int(hours * HOUR / step)):
        bench.clock.advance(step)
        bench.exchange.catch_up()
        found = bench.exchange.find(order_id=order.id)
        assert found is not None
        if found.state is not OrderState.PENDING:
            return found
    raise AssertionError("it never triggered")


def test_a_stop_triggers_at_the_first_second_whose_mark_reaches_it() -> None:
    bench = make_bench()
    price = short(bench) + 1
    order = bench.exchange.place(stop(bench.call, 10, price))
    assert order.state is OrderState.PENDING
    done = until_triggered(bench, order, 1)
    assert done.state is OrderState.CLOSED
    now = bench.clock.now()
    reached = bench.exchange.market.quote(bench.call, now).mark
    assert reached is not None
    assert reached >= price
    assert done.created_at < done.updated_at == int(now.timestamp()) * 1_000_000
    assert bench.exchange.positions() == []


@pytest.mark.parametrize("step", [7, 61, 1_800])
def test_the_second_does_not_depend_on_how_often_anybody_looks(step: float) -> None:
    seconds = []
    for stride in (1.0, step):
        bench = make_bench()
        order = bench.exchange.place(stop(bench.call, 10, short(bench) + 1))
        done = until_triggered(bench, order, stride)
        (_, fill, *_) = bench.exchange.fills()
        seconds.append((done.updated_at, fill.at, fill.price))
    assert seconds[0] == seconds[1]


def test_a_profit_stop_waits_for_the_fall() -> None:
    bench = make_bench()
    price = short(bench) - 1
    done = until_triggered(bench, bench.exchange.place(stop(bench.call, 10, price, kind=StopType.PROFIT)), 1)
    mark = bench.quote(bench.call).mark
    assert mark is not None
    assert mark <= price
    assert done.state is OrderState.CLOSED


def test_a_stop_on_the_index_looks_at_the_index() -> None:
    bench = make_bench()
    short(bench)
    price = bench.exchange.market.spot("BTC", bench.clock.now()) + 40
    done = until_triggered(bench, bench.exchange.place(stop(bench.call, 10, price, trigger=StopTrigger.SPOT)), 1)
    assert bench.exchange.market.spot("BTC", bench.clock.now()) >= price
    assert done.state is OrderState.CLOSED


def test_a_stop_on_trades_triggers_by_a_public_trade() -> None:
    bench = make_bench()
    market_of = bench.exchange.market
    near = [row.instrument for row in bench.exchange.chain("BTC").rows if row.quote.delta and row.quote.delta > 0.2]
    item = max(near[:40], key=lambda one: popularity(market_of.seed, one.product_id))
    sold = bench.exchange.place(market(item, Side.SELL, 10)).average_price
    assert sold is not None
    price = sold.quantize(Decimal(1)) + 5
    done = until_triggered(bench, bench.exchange.place(stop(item, 10, price, trigger=StopTrigger.LAST)), 5)
    traded = last_print(market_of, item, done.updated_at // 1_000_000)
    assert done.state is OrderState.CLOSED
    assert traded is not None
    assert traded.price >= price


def test_a_stop_on_trades_sees_our_own_trade() -> None:
    bench = make_bench()
    assert popularity(bench.exchange.market.seed, bench.call.product_id) == 0
    short(bench)
    done = until_triggered(bench, bench.exchange.place(stop(bench.call, 10, Decimal(1), trigger=StopTrigger.LAST)), 1)
    assert done.state is OrderState.CLOSED


def test_a_trailing_stop_follows_the_fall_and_never_retreats() -> None:
    bench = make_bench()
    short(bench)
    found = bench.exchange.place(stop(bench.call, 10, None, trail=Decimal(3)))
    lowest = mark = Decimal(10_000)
    while found.state is OrderState.PENDING:
        bench.clock.advance(1)
        mark = bench.exchange.market.quote(bench.call, bench.clock.now()).mark or mark
        lowest = min(lowest, mark)
        (found,) = [order for order in bench.exchange.orders() if order.id == found.id]
        assert found.state is not OrderState.PENDING or found.stop_price == lowest + 3
    assert mark >= lowest + 3
    assert found.state is OrderState.CLOSED


def test_a_waiting_stop_binds_no_margin_and_is_not_in_the_book() -> None:
    bench = make_bench()
    short(bench)
    before = bench.exchange.balance()
    request = replace(stop(bench.call, 10, Decimal(9_000)), side=Side.SELL, reduce_only=False)
    bench.exchange.place(replace(request, stop=StopTerms(StopType.LOSS, Decimal(1))))
    assert bench.exchange.balance() == before
    assert bench.exchange.open_orders() == []


def test_what_a_stop_lacks_when_it_triggers_cancels_it() -> None:
    bench = make_bench(balance="100")
    mark = bench.quote(bench.call).mark
    assert mark is not None
    terms = StopTerms(StopType.PROFIT, mark.quantize(Decimal(1)) - 20)
    wanted = OrderRequest(bench.call.symbol, Side.SELL, 5_000, OrderType.MARKET, stop=terms)
    order = bench.exchange.place(wanted)
    done = until_triggered(bench, order, 10)
    assert (done.state, done.reason) == (OrderState.CANCELLED, "insufficient_margin")


def test_a_triggered_limit_stop_rests_at_its_price() -> None:
    bench = make_bench()
    price = short(bench) + 1
    wanted = replace(stop(bench.call, 10, price), order_type=OrderType.LIMIT, limit_price=Decimal("0.1"))
    done = until_triggered(bench, bench.exchange.place(wanted), 1)
    assert (done.state, done.unfilled, done.limit_price) == (OrderState.OPEN, 10, Decimal("0.1"))


def test_a_reduce_only_stop_shrinks_with_the_position_and_goes_with_it() -> None:
    bench = make_bench()
    short(bench)
    bench.exchange.place(stop(bench.call, 10, Decimal(9_000)))
    bench.exchange.place(market(bench.call, Side.BUY, 4, reduce_only=True))
    (left,) = bench.exchange.pending_orders()
    assert left.size == 6
    bench.exchange.place(market(bench.call, Side.BUY, 6, reduce_only=True))
    assert bench.exchange.pending_orders() == []


def test_settlement_cancels_waiting_stops() -> None:
    bench = make_bench()
    order = bench.exchange.place(stop(bench.call, 10, short(bench) + 5_000))
    bench.clock.set(bench.call.settlement_at)
    found = bench.exchange.find(order_id=order.id)
    bench.exchange.catch_up()
    found = bench.exchange.find(order_id=order.id)
    assert found is not None
    assert (found.state, found.reason) == (OrderState.CANCELLED, "settlement")


@pytest.mark.parametrize(
    "terms",
    [
        StopTerms(StopType.LOSS),
        StopTerms(StopType.LOSS, Decimal(10), Decimal(1)),
        StopTerms(StopType.LOSS, Decimal("10.05")),
        StopTerms(StopType.LOSS, Decimal(-1)),
        StopTerms(StopType.LOSS, trail=Decimal(-1)),
        StopTerms(StopType.LOSS, trail=Decimal(0)),
    ],
)
def test_malformed_stops_are_refused(terms: StopTerms) -> None:
    bench = make_bench()
    short(bench)
    with pytest.raises(ExchangeError, match=r"stop_price|trail_amount") as refused:
        bench.exchange.place(replace(stop(bench.call, 1, Decimal(1)), stop=terms))
    assert refused.value.code == "bad_schema"


def test_one_leg_of_a_bracket_takes_the_other_with_it() -> None:
    bench = make_bench()
    price = short(bench)
    terms = BracketTerms(stop_loss_price=price + 2, take_profit_price=price - 2)
    loss, profit = bench.exchange.bracket_position(bench.call.symbol, terms)
    for _ in range(7 * HOUR):
        bench.clock.advance(1)
        bench.exchange.catch_up()
        if not bench.exchange.pending_orders():
            break
    states = {order.id: order.state for order in bench.exchange.orders()}
    assert {states[loss.id], states[profit.id]} == {OrderState.CLOSED, OrderState.CANCELLED}
    assert bench.exchange.positions() == []


def test_a_bracket_comes_to_life_when_its_entry_is_cancelled_half_filled() -> None:
    bench = make_bench()
    bid = bench.quote(bench.call).bid
    assert bid is not None
    terms = BracketTerms(stop_loss_price=bid.quantize(Decimal(1)) * 3)
    entry = bench.exchange.place(replace(limit(bench.call, Side.SELL, 10, bid), bracket=terms), fill_fraction=0.5)
    assert bench.exchange.pending_orders() == []
    bench.exchange.cancel(order_id=entry.id)
    (leg,) = bench.exchange.pending_orders()
    assert (leg.size, leg.parent_id) == (5, entry.id)


def test_a_crossing_post_only_order_is_accepted_and_cancelled_where_the_exchange_does_so() -> None:
    bench = make_bench()
    config = replace(bench.exchange.config, accept_crossing_post_only=True)
    exchange = SimulatedExchange(config, bench.clock, market=bench.exchange.market)
    ask = bench.quote(bench.call).ask
    assert ask is not None
    order = exchange.place(limit(bench.call, Side.BUY, 5, ask, post_only=True))
    assert (order.state, order.reason, order.filled) == (OrderState.CANCELLED, "immediate_execution_post_only", 0)
    assert exchange.place(limit(bench.call, Side.BUY, 5, "0.1", post_only=True)).state is OrderState.OPEN


def test_a_file_from_before_stops_is_brought_up_to_date(tmp_path: Path) -> None:
    path = str(tmp_path / "old.sqlite3")
    bench = make_bench(path=path)
    bench.exchange.place(market(bench.call, Side.SELL, 3))
    bench.exchange.close()
    with sqlite3.connect(path) as connection:
        connection.execute("DROP INDEX orders_pending")
        for name in ("stop_type", "stop_price", "stop_trigger", "trail_amount", "parent_id", "bracket"):
            connection.execute(f"ALTER TABLE orders DROP COLUMN {name}")
    connection.close()
    again = make_bench(path=path)
    assert [order.filled for order in again.exchange.orders()] == [3]
    assert again.exchange.place(stop(again.call, 3, Decimal(9_000))).state is OrderState.PENDING
    again.exchange.close()


def test_the_clock_can_be_moved_on_and_everything_in_between_happens() -> None:
    bench = make_bench()
    order = bench.exchange.place(stop(bench.call, 10, short(bench) + 1))
    bench.exchange.advance(4 * HOUR)
    found = bench.exchange.find(order_id=order.id)
    assert found is not None
    assert found.state is OrderState.CLOSED
    with pytest.raises(ValueError, match=r"back|past"):
        bench.exchange.advance(-1)


@given(above=st.integers(1, 60), strides=st.lists(st.integers(1, 4_000), min_size=1, max_size=6))
def test_stops_never_leave_a_position_that_they_covered(above: int, strides: list[int]) -> None:
    bench = make_bench()
    order = bench.exchange.place(stop(bench.call, 10, short(bench) + above))
    for stride in strides:
        bench.clock.advance(stride)
        bench.exchange.catch_up()
    found = bench.exchange.find(order_id=order.id)
    held = sum(row.size for row in bench.exchange.positions())
    assert found is not None
    assert held == (-10 if found.state is OrderState.PENDING else -10 + found.filled)
    assert found.state is not OrderState.OPEN
