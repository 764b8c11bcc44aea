"""Properties that hold whatever is sent to the exchange in whatever order."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from trading.strategy.types import ZERO, Instrument, OrderType, Side, TimeInForce
from trading.venues.simulated.book import Consumed, acceptable, take
from trading.venues.simulated.records import ExchangeError, OrderRequest, OrderState, Truth
from trading.venues.simulated.tests.support import Bench, make_bench

sides = st.sampled_from(Side)
prices = st.integers(1, 400).map(lambda ticks: Decimal(ticks).scaleb(-1))
levels = st.lists(st.tuples(prices, st.integers(1, 900)), max_size=6, unique_by=lambda level: level[0])


@given(side=sides, size=st.integers(1, 3000), limit=st.none() | prices, raw=levels)
def test_an_order_never_trades_more_than_its_size_nor_worse_than_its_limit(
    side: Side, size: int, limit: Decimal | None, raw: list[tuple[Decimal, int]]
) -> None:
    book = tuple(sorted(raw, reverse=side is Side.SELL))
    executions = take(side, size, limit, book)
    reachable = sum(available for price, available in book if acceptable(side, price, limit))
    assert sum(execution.size for execution in executions) == min(size, reachable)
    assert all(acceptable(side, execution.price, limit) for execution in executions)
    assert [(item.price, item.size) for item in executions[:-1]] == list(book[: max(0, len(executions) - 1)])


@given(size=st.integers(1, 1000), taken=st.integers(1, 1000), wait=st.integers(0, 12))
def test_consumed_liquidity_returns_evenly_and_never_exceeds_the_book(size: int, taken: int, wait: int) -> None:
    consumed = Consumed()
    book = ((Decimal(5), size), (Decimal(6), size))
    consumed.add("X", Side.BUY, Decimal(5), min(taken, size), 1000)
    left = sum(available for _, available in consumed.left("X", Side.BUY, book, 1000 + wait))
    assert 2 * size - min(taken, size) <= left <= 2 * size
    assert (left == 2 * size) == (wait >= 5)
    assert consumed.left("X", Side.SELL, book, 1000) == book


steps = st.lists(
    st.one_of(
        st.tuples(
            st.just("place"),
            st.booleans(),
            sides,
            st.integers(1, 60),
            st.sampled_from([None, "-6", "-1", "0", "1", "6"]),
            st.sampled_from(TimeInForce),
            st.booleans(),
        ),
        st.tuples(st.just("cancel"), st.integers(0, 5)),
        st.tuples(st.just("wait"), st.integers(1, 400)),
    ),
    min_size=1,
    max_size=14,
)


def request_of(bench: Bench, instrument: Instrument, step: tuple[object, ...], number: int) -> OrderRequest | None:
    """An order near the touch from a drawn step."""
    _, _, side, size, offset, time_in_force, reduce_only = step
    quote = bench.quote(instrument)
    assert isinstance(side, Side)
    assert isinstance(size, int)
    assert isinstance(time_in_force, TimeInForce)
    touch = quote.ask if side is Side.BUY else quote.bid
    if touch is None:
        return None
    price = None if offset is None else max(Decimal("0.1"), touch + Decimal(str(offset)))
    return OrderRequest(
        instrument.symbol,
        side,
        size,
        OrderType.MARKET if price is None else OrderType.LIMIT,
        price,
        time_in_force,
        reduce_only=bool(reduce_only),
        client_order_id=f"h-{number}",
    )


def play(bench: Bench, script: list[tuple[object, ...]]) -> None:
    """Send the drawn steps; refusals are part of the game, flips by reduce-only orders are not."""
    for number, step in enumerate(script):
        if step[0] == "wait":
            bench.clock.advance(float(str(step[1])))
        elif step[0] == "cancel":
            resting = bench.exchange.open_orders()
            if resting:
                bench.exchange.cancel(order_id=resting[int(str(step[1])) % len(resting)].id)
        else:
            send(bench, bench.call if step[1] else bench.put, step, number)


def send(bench: Bench, instrument: Instrument, step: tuple[object, ...], number: int) -> None:
    """Place one drawn order and check what it may do to the position."""
    request = request_of(bench, instrument, step, number)
    if request is None:
        return
    before = held(bench, instrument)
    try:
        order = bench.exchange.place(request)
    except ExchangeError:
        assert held(bench, instrument) == before
        return
    after = held(bench, instrument)
    if request.reduce_only:
        assert abs(after) <= abs(before)
        assert before * after >= 0
    if order.time_in_force is TimeInForce.IOC:
        assert order.state is not OrderState.OPEN


def held(bench: Bench, instrument: Instrument) -> int:
    """Signed contracts held."""
    return sum(position.size for position in bench.exchange.positions() if position.symbol == instrument.symbol)


def check_books(truth: Truth, deposit: Decimal) -> None:
    """Cash, positions and orders follow from the fills to the last digit."""
    flows = sum((fill.cashflow - fill.commission for fill in truth.fills), ZERO)
    assert truth.cash == deposit + flows
    assert truth.cash == sum((entry.amount for entry in truth.transactions), ZERO)
    sizes: dict[str, int] = defaultdict(int)
    filled: dict[str, int] = defaultdict(int)
    for fill in truth.fills:
        sizes[fill.symbol] += fill.size if fill.side is Side.BUY else -fill.size
        filled[fill.order_id] += fill.size
    assert {symbol: size for symbol, size in sizes.items() if size} == {
        position.symbol: position.size for position in truth.positions
    }
    for order in truth.orders:
        assert order.filled == filled[str(order.id)] <= order.size
        assert (order.state is OrderState.CLOSED) == (order.unfilled == 0)
    limits = {str(order.id): order for order in truth.orders}
    for fill in truth.fills:
        assert acceptable(fill.side, fill.price, limits[fill.order_id].limit_price)


@settings(max_examples=60, deadline=None)
@given(script=steps)
def test_books_always_balance(script: list[tuple[object, ...]]) -> None:
    bench = make_bench()
    play(bench, script)
    check_books(bench.exchange.truth(), bench.exchange.config.balance)


@settings(max_examples=20, deadline=None)
@given(script=steps)
def test_replaying_the_same_orders_gives_the_same_fills(script: list[tuple[object, ...]]) -> None:
    truths = []
    for _ in range(2):
        bench = make_bench()
        play(bench, script)
        truths.append(bench.exchange.truth())
    assert truths[0] == truths[1]
