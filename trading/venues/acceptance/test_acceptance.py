"""What the engine relies on, asked of every venue in the same words."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
import pytest_asyncio

from trading.engine.ports import VenueUnavailable
from trading.strategy.events import Event, FillSeen, OrderReported, QuoteSeen, SpotSeen
from trading.strategy.types import (
    ChainRow,
    Fill,
    OptionType,
    OrderIntent,
    OrderReport,
    OrderStatus,
    OrderType,
    Outcome,
    Purpose,
    Side,
    TimeInForce,
)
from trading.venues.acceptance.adapters import ADAPTERS, DEPOSIT, Desk
from trading.venues.simulated.tests.support import market, option

SIZE = 10
BEYOND_THE_MARGIN = 50_000
PATIENCE = 40


class Suite:
    """A desk with a call and a put of 15 delta, and everything that the venue has told so far."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.legs: tuple[ChainRow, ...] = tuple(option(desk.exchange, kind, 0.15) for kind in OptionType)
        self.events: list[Event] = []

    @property
    def call(self) -> ChainRow:
        return self.legs[0]

    def order(self, row: ChainRow, purpose: Purpose = Purpose.ENTRY, number: int = 1, size: int = SIZE) -> OrderIntent:
        """A market order: sold on entry, bought back on exit."""
        item, entry = row.instrument, purpose is Purpose.ENTRY
        return OrderIntent(
            client_order_id=f"acc-{item.option_type.code}-{purpose.code}{number}",
            leg=item.option_type,
            purpose=purpose,
            attempt=number,
            symbol=item.symbol,
            product_id=item.product_id,
            side=Side.SELL if entry else Side.BUY,
            size=size,
            order_type=OrderType.MARKET,
            time_in_force=TimeInForce.IOC,
            limit_price=None,
            reduce_only=not entry,
        )

    def resting(self, row: ChainRow, number: int = 1) -> OrderIntent:
        """A sale far above the market, which waits."""
        ask = row.quote.ask
        assert ask is not None
        intent = self.order(row, number=number)
        return replace(intent, order_type=OrderType.LIMIT, time_in_force=TimeInForce.GTC, limit_price=ask * 2)

    def stop(self, row: ChainRow, times: str, number: int = 1) -> OrderIntent:
        """A stop that buys everything back once the mark is at so many times what it is now."""
        mark, tick = row.quote.mark, row.instrument.tick_size
        assert mark is not None
        trigger = max(mark * Decimal(times) // tick, Decimal(1)) * tick
        return replace(self.order(row, Purpose.STOP, number), stop_price=trigger)

    async def listed(self) -> set[str]:
        """Client ids of what rests, as the venue tells."""
        return {row.client_order_id for row in await self.desk.do(self.desk.venue.open_orders())}

    async def watch(self) -> None:
        """Follow both legs."""
        await self.desk.do(self.desk.venue.watch("BTC", [row.instrument.symbol for row in self.legs]))
        await self.look()

    async def place(self, intent: OrderIntent) -> OrderReport:
        return await self.desk.do(self.desk.venue.place(intent))

    async def trade(self, purpose: Purpose, number: int = 1) -> list[OrderReport]:
        """Send both legs at once."""
        orders = [self.desk.venue.place(self.order(row, purpose, number)) for row in self.legs]
        reports: list[OrderReport] = await self.desk.do(asyncio.gather(*orders))
        return reports

    async def resolve(self, intent: OrderIntent) -> OrderReport:
        """Ask what became of an order until the venue knows."""
        since = self.desk.venue.now()
        for _ in range(PATIENCE):
            found = await self.desk.do(self.desk.venue.order(intent.client_order_id, intent.product_id, since))
            if found.outcome is not Outcome.UNKNOWN:
                return found
            await self.desk.step()
        raise AssertionError(f"nobody knows what became of {intent.client_order_id}: {found}")

    async def look(self, seconds: float = 1.0) -> None:
        """Let time pass and take in what came."""
        await self.desk.step(seconds)
        self.events += await self.desk.venue.poll()

    async def until_told(self, contracts: int) -> None:
        """Look until fills of so many contracts came; then once more, for what comes twice."""
        for _ in range(PATIENCE):
            if sum(fill.size for fill in self.fills) >= contracts:
                await self.look()
                return
            await self.look()
        raise AssertionError(f"only {self.fills} came")

    @property
    def fills(self) -> list[Fill]:
        return [event.fill for event in self.events if isinstance(event, FillSeen)]

    def reports(self, intent: OrderIntent) -> list[OrderReport]:
        reports = [event.report for event in self.events if isinstance(event, OrderReported)]
        return [report for report in reports if report.client_order_id == intent.client_order_id]

    def cash_by(self, fills: list[Fill]) -> Decimal:
        """What these fills leave of the deposit: credits less debits less commissions."""
        value = self.call.instrument.contract_value
        flows = [(1 if f.side is Side.SELL else -1) * f.size * f.price * value - f.commission for f in fills]
        return DEPOSIT + sum(flows, Decimal(0))

    async def held(self) -> dict[str, int]:
        """Signed contracts by symbol, as the venue tells."""
        return {row.symbol: row.size for row in await self.desk.do(self.desk.venue.positions())}


@pytest_asyncio.fixture(params=list(ADAPTERS))
async def suite(request: pytest.FixtureRequest) -> AsyncIterator[Suite]:
    desk = ADAPTERS[request.param]()
    await desk.open()
    try:
        yield Suite(desk)
    finally:
        await desk.close()


async def test_the_chain_is_what_the_exchange_lists(suite: Suite) -> None:
    chain = await suite.desk.do(suite.desk.venue.chain("BTC"))
    listed = suite.desk.exchange.chain("BTC")
    assert {row.instrument.symbol for row in chain.rows} == {row.instrument.symbol for row in listed.rows}
    shown = {row.instrument.symbol: row for row in chain.rows}
    for row in suite.legs:
        seen, known = shown[row.instrument.symbol].instrument, row.instrument
        assert (seen.product_id, seen.strike, seen.settlement_at) == (
            known.product_id,
            known.strike,
            known.settlement_at,
        )
        assert (seen.tick_size, seen.contract_value) == (known.tick_size, known.contract_value)
        quote = shown[row.instrument.symbol].quote
        assert (quote.bid, quote.ask) == (row.quote.bid, row.quote.ask)
        assert quote.delta == pytest.approx(row.quote.delta, abs=1e-6)


async def test_quotes_of_what_is_watched_stream_and_nothing_else(suite: Suite) -> None:
    await suite.watch()
    suite.events.clear()
    for _ in range(5):
        await suite.look(5)
    symbols = {event.quote.symbol for event in suite.events if isinstance(event, QuoteSeen)}
    assert symbols == {row.instrument.symbol for row in suite.legs}
    assert any(isinstance(event, SpotSeen) for event in suite.events)
    newest = {event.quote.symbol: event.quote for event in suite.events if isinstance(event, QuoteSeen)}
    for symbol, quote in newest.items():
        known = suite.desk.exchange.quote(symbol)
        assert known is not None
        assert (quote.bid, quote.ask) == (known.bid, known.ask)


async def test_a_strangle_is_sold_and_bought_back_and_the_books_agree_to_the_digit(suite: Suite) -> None:
    await suite.watch()
    entered = await suite.trade(Purpose.ENTRY)
    assert {(report.outcome, report.status, report.filled) for report in entered} == {
        (Outcome.ACCEPTED, OrderStatus.CLOSED, SIZE)
    }
    await suite.until_told(2 * SIZE)
    assert await suite.held() == {row.instrument.symbol: -SIZE for row in suite.legs}
    left = await suite.trade(Purpose.EXIT)
    assert {report.filled for report in left} == {SIZE}
    await suite.until_told(4 * SIZE)
    truth = suite.desk.exchange.truth()
    assert sorted(fill.fill_id for fill in suite.fills) == sorted(fill.id for fill in truth.fills)
    assert all(fill.commission > 0 for fill in suite.fills)
    assert suite.cash_by(suite.fills) == truth.cash
    assert await suite.held() == {}
    assert await suite.desk.do(suite.desk.venue.open_orders()) == []


async def test_the_balance_is_the_exchanges(suite: Suite) -> None:
    await suite.trade(Purpose.ENTRY)
    await suite.until_told(2 * SIZE)
    await suite.look(61)
    balance = await suite.desk.do(suite.desk.venue.balance())
    known = suite.desk.exchange.balance()
    assert balance.cash == known.cash
    assert float(balance.margin) == pytest.approx(float(known.margin), rel=0.05)


async def test_a_thin_book_fills_a_part_and_the_rest_is_cancelled(suite: Suite) -> None:
    suite.desk.trouble("the book is thin")
    report = await suite.place(suite.order(suite.call))
    assert (report.outcome, report.status, report.filled) == (Outcome.ACCEPTED, OrderStatus.CANCELLED, 4)
    await suite.until_told(4)
    assert sum(fill.size for fill in suite.fills) == 4
    assert await suite.held() == {suite.call.instrument.symbol: -4}
    rest = await suite.place(suite.order(suite.call, number=2, size=6))
    assert rest.filled == 6
    await suite.until_told(10)
    assert suite.cash_by(suite.fills) == suite.desk.exchange.truth().cash


async def test_a_resting_order_is_listed_and_its_cancel_is_final(suite: Suite) -> None:
    intent = suite.resting(suite.call)
    placed = await suite.place(intent)
    assert (placed.status, placed.filled) == (OrderStatus.OPEN, 0)
    listed = await suite.desk.do(suite.desk.venue.open_orders())
    assert [(row.client_order_id, row.status) for row in listed] == [(intent.client_order_id, OrderStatus.OPEN)]
    for _ in range(2):
        ended = await suite.desk.do(
            suite.desk.venue.cancel(intent.client_order_id, placed.venue_order_id, intent.product_id)
        )
        assert (ended.outcome, ended.status, ended.filled) == (Outcome.ACCEPTED, OrderStatus.CANCELLED, 0)
    assert suite.desk.exchange.open_orders() == []


async def test_a_cancel_that_comes_after_the_fill_tells_of_the_fill(suite: Suite) -> None:
    intent = suite.order(suite.call)
    placed = await suite.place(intent)
    ended = await suite.desk.do(
        suite.desk.venue.cancel(intent.client_order_id, placed.venue_order_id, intent.product_id)
    )
    assert (ended.outcome, ended.status, ended.filled) == (Outcome.ACCEPTED, OrderStatus.CLOSED, SIZE)


async def test_an_order_whose_answer_is_lost_is_unknown_then_found_and_was_sent_once(suite: Suite) -> None:
    suite.desk.trouble("the answer is lost")
    intent = suite.order(suite.call)
    assert (await suite.place(intent)).outcome is Outcome.UNKNOWN
    found = await suite.resolve(intent)
    assert (found.outcome, found.status, found.filled) == (Outcome.ACCEPTED, OrderStatus.CLOSED, SIZE)
    await suite.until_told(SIZE)
    assert [order.client_order_id for order in suite.desk.exchange.orders()] == [intent.client_order_id]
    assert suite.cash_by(suite.fills) == suite.desk.exchange.truth().cash


async def test_an_order_that_never_arrived_is_unknown_then_absent(suite: Suite) -> None:
    suite.desk.trouble("the request is lost")
    intent = suite.order(suite.call)
    assert (await suite.place(intent)).outcome is Outcome.UNKNOWN
    assert (await suite.resolve(intent)).outcome is Outcome.ABSENT
    assert suite.desk.exchange.orders() == []
    assert await suite.held() == {}


async def test_cancelling_what_never_existed_never_claims_that_it_did(suite: Suite) -> None:
    intent = suite.order(suite.call)
    report = await suite.desk.do(suite.desk.venue.cancel(intent.client_order_id, "", intent.product_id))
    assert report.outcome in (Outcome.ABSENT, Outcome.UNKNOWN)
    assert (await suite.resolve(intent)).outcome is Outcome.ABSENT


async def test_the_same_client_id_twice_is_one_order(suite: Suite) -> None:
    intent = suite.resting(suite.call)
    await suite.place(intent)
    again = await suite.place(intent)
    assert again.outcome is not Outcome.ACCEPTED
    found = await suite.resolve(intent)
    assert (found.outcome, found.status) == (Outcome.ACCEPTED, OrderStatus.OPEN)
    assert len(suite.desk.exchange.orders()) == 1


@pytest.mark.parametrize(
    ("size", "code"), [(BEYOND_THE_MARGIN, "insufficient_margin"), (10_000_000, "order_max_size_exceeded")]
)
async def test_an_order_that_is_too_large_is_refused_by_name(suite: Suite, size: int, code: str) -> None:
    report = await suite.place(suite.order(suite.call, size=size))
    assert (report.outcome, report.status, report.code) == (Outcome.REJECTED, OrderStatus.REJECTED, code)
    assert suite.desk.exchange.orders() == []


async def test_a_refused_order_leaves_nothing_and_the_next_one_goes_through(suite: Suite) -> None:
    suite.desk.trouble("the order is refused")
    refused = await suite.place(suite.order(suite.call))
    assert (refused.outcome, refused.code) == (Outcome.REJECTED, "insufficient_margin")
    assert (await suite.place(suite.order(suite.call, number=2))).filled == SIZE


async def test_a_reduce_only_order_without_a_position_is_refused_by_name(suite: Suite) -> None:
    report = await suite.place(suite.order(suite.call, Purpose.EXIT))
    assert (report.outcome, report.code) == (Outcome.REJECTED, "no_position_for_reduce_only")


async def test_a_reduce_only_order_never_turns_a_position_round(suite: Suite) -> None:
    await suite.place(suite.order(suite.call))
    await suite.place(suite.order(suite.call, Purpose.EXIT, size=3 * SIZE))
    assert sum((await suite.held()).values()) in (0, -SIZE)
    assert all(row.size <= 0 for row in suite.desk.exchange.positions())


async def test_a_position_of_somebody_else_is_seen_and_survives_our_exit(suite: Suite) -> None:
    symbol, price = suite.call.instrument.symbol, suite.call.quote.mark
    assert price is not None
    suite.desk.exchange.seed_position(symbol, -5, price)
    assert await suite.held() == {symbol: -5}
    await suite.place(suite.order(suite.call))
    assert await suite.held() == {symbol: -15}
    await suite.place(suite.order(suite.call, Purpose.EXIT))
    assert await suite.held() == {symbol: -5}


async def test_a_trade_of_somebody_else_is_no_fill_of_ours(suite: Suite) -> None:
    await suite.watch()
    suite.desk.exchange.place(market(suite.call.instrument, Side.SELL, 3))
    for _ in range(5):
        await suite.look()
    assert suite.fills == []
    assert await suite.held() == {suite.call.instrument.symbol: -3}


async def test_a_failed_read_of_positions_is_said_and_never_taken_for_flat(suite: Suite) -> None:
    await suite.place(suite.order(suite.call))
    suite.desk.trouble("positions cannot be read")
    with pytest.raises(VenueUnavailable):
        await suite.held()
    assert await suite.held() == {suite.call.instrument.symbol: -SIZE}


async def test_without_a_line_the_venue_says_so_and_knows_nothing(suite: Suite) -> None:
    suite.desk.trouble("a minute without a line")
    await suite.desk.step()
    assert not suite.desk.venue.health().connected
    with pytest.raises(VenueUnavailable):
        await suite.desk.do(suite.desk.venue.positions())
    for _ in range(100):
        await suite.look()
    assert suite.desk.venue.health().connected
    assert await suite.held() == {}


async def test_what_happened_to_an_order_while_the_line_was_down_is_told_afterwards_once(suite: Suite) -> None:
    await suite.watch()
    intent, other = suite.resting(suite.legs[0]), suite.resting(suite.legs[1])
    for order in (intent, other):
        assert (await suite.place(order)).status is OrderStatus.OPEN
    suite.desk.trouble("a minute without a line")
    await suite.look()
    exchange = suite.desk.exchange
    exchange.cancel(client_order_id=other.client_order_id)
    bid = suite.legs[0].quote.bid
    assert bid is not None
    found = exchange.find(client_order_id=intent.client_order_id)
    assert found is not None
    exchange.edit(found.id, limit_price=bid)
    assert exchange.truth().fills
    for _ in range(110):
        await suite.look()
    await suite.until_told(SIZE)
    assert sum(fill.size for fill in suite.fills) == SIZE
    assert suite.cash_by(suite.fills) == exchange.truth().cash
    assert suite.reports(other)[-1].status is OrderStatus.CANCELLED


@pytest.mark.parametrize("trouble", ["fills are told twice", "fills are not told"])
async def test_unreliable_news_of_fills_can_be_read_up(suite: Suite, trouble: str) -> None:
    await suite.watch()
    suite.desk.trouble(trouble)
    since = suite.desk.venue.now()
    await suite.trade(Purpose.ENTRY)
    for _ in range(10):
        await suite.look()
    ids = [suite.order(row).client_order_id for row in suite.legs]
    fills = await suite.desk.do(suite.desk.venue.fills(ids, since))
    truth = suite.desk.exchange.truth()
    assert sorted(fill.fill_id for fill in fills) == sorted(fill.id for fill in truth.fills)
    assert {fill.fill_id for fill in suite.fills} <= {fill.fill_id for fill in fills}
    assert suite.cash_by(fills) == truth.cash


async def test_a_new_worker_finds_what_the_old_one_left(suite: Suite) -> None:
    since = suite.desk.venue.now()
    sold, resting = suite.order(suite.call), suite.resting(suite.legs[1])
    await suite.place(sold)
    placed = await suite.place(resting)
    await suite.desk.restart()
    assert await suite.held() == {suite.call.instrument.symbol: -SIZE}
    listed = await suite.desk.do(suite.desk.venue.open_orders())
    assert [(row.client_order_id, row.venue_order_id) for row in listed] == [
        (resting.client_order_id, placed.venue_order_id)
    ]
    found = await suite.resolve(sold)
    assert (found.outcome, found.filled) == (Outcome.ACCEPTED, SIZE)
    fills = await suite.desk.do(suite.desk.venue.fills([sold.client_order_id], since))
    assert suite.cash_by(fills) == suite.desk.exchange.truth().cash


async def test_at_settlement_the_position_is_gone_and_the_payoff_is_no_fill_of_ours(suite: Suite) -> None:
    await suite.watch()
    await suite.trade(Purpose.ENTRY)
    await suite.until_told(2 * SIZE)
    settles = suite.call.instrument.settlement_at
    await suite.look((settles - suite.desk.venue.now() + timedelta(seconds=60)).total_seconds())
    for _ in range(5):
        await suite.look(10)
    assert await suite.held() == {}
    assert sum(fill.size for fill in suite.fills) == 2 * SIZE
    chain = await suite.desk.do(suite.desk.venue.chain("BTC"))
    assert suite.call.instrument.symbol not in {row.instrument.symbol for row in chain.rows}
    refused = await suite.place(suite.order(suite.call, number=2))
    assert refused.outcome is Outcome.REJECTED
    assert suite.cash_by(suite.fills) >= suite.desk.exchange.truth().cash


async def test_a_stop_rests_until_its_trigger_and_is_listed_among_the_resting_orders(suite: Suite) -> None:
    await suite.place(suite.order(suite.call))
    stop = suite.stop(suite.call, "20")
    placed = await suite.place(stop)
    assert (placed.outcome, placed.status, placed.filled) == (Outcome.ACCEPTED, OrderStatus.OPEN, 0)
    assert await suite.listed() == {stop.client_order_id}
    found = await suite.resolve(stop)
    assert (found.status, found.filled, found.venue_order_id) == (OrderStatus.OPEN, 0, placed.venue_order_id)
    ended = await suite.desk.do(
        suite.desk.venue.cancel(stop.client_order_id, placed.venue_order_id, stop.product_id),
    )
    assert ended.status is OrderStatus.CANCELLED
    assert await suite.listed() == set()
    assert await suite.held() == {suite.call.instrument.symbol: -SIZE}


async def test_a_fired_stop_closes_exactly_what_is_held_and_is_told_by_its_client_id(suite: Suite) -> None:
    await suite.watch()
    await suite.place(suite.order(suite.call))
    stop = suite.stop(suite.call, "0.5")
    await suite.place(stop)
    await suite.until_told(2 * SIZE)
    bought = [fill for fill in suite.fills if fill.side is Side.BUY]
    assert {fill.client_order_id for fill in bought} == {stop.client_order_id}
    assert sum(fill.size for fill in bought) == SIZE
    assert suite.reports(stop)[-1].status is OrderStatus.CLOSED
    assert await suite.held() == {}
    assert suite.cash_by(suite.fills) == suite.desk.exchange.truth().cash


async def test_a_close_goes_through_while_a_stop_rests_and_takes_the_stop_along(suite: Suite) -> None:
    await suite.place(suite.order(suite.call))
    stop = suite.stop(suite.call, "20")
    await suite.place(stop)
    assert (await suite.place(suite.order(suite.call, Purpose.EXIT))).filled == SIZE
    await suite.desk.step()
    assert await suite.held() == {}
    assert await suite.listed() == set()
    ended = await suite.resolve(stop)
    assert (ended.status, ended.filled) == (OrderStatus.CANCELLED, 0)


async def test_a_stop_without_a_position_is_refused_by_name(suite: Suite) -> None:
    report = await suite.place(suite.stop(suite.call, "20"))
    assert (report.outcome, report.code) == (Outcome.REJECTED, "no_position_for_reduce_only")


async def test_a_stop_outlives_the_worker_that_placed_it(suite: Suite) -> None:
    await suite.place(suite.order(suite.call))
    stop = suite.stop(suite.call, "20")
    await suite.place(stop)
    await suite.desk.restart()
    assert await suite.listed() == {stop.client_order_id}
    assert (await suite.resolve(stop)).status is OrderStatus.OPEN


async def test_the_margin_of_a_sale_is_what_it_then_binds(suite: Suite) -> None:
    told = await suite.desk.do(suite.desk.venue.margin_required(suite.legs, SIZE))
    assert told is not None
    await suite.trade(Purpose.ENTRY)
    bound = suite.desk.exchange.balance().margin
    assert abs(told - bound) <= bound / 50
    assert await suite.desk.do(suite.desk.venue.margin_required((), SIZE)) == 0
