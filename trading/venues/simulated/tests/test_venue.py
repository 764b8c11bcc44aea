"""The simulated venue through the engine's port, with and without faults."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from trading.engine.ports import Venue, VenueUnavailable
from trading.strategy.events import Event, FillSeen, OrderReported, QuoteSeen, SpotSeen
from trading.strategy.types import OrderStatus, Outcome
from trading.venues.simulated.clock import SimulatedClock
from trading.venues.simulated.config import SimulatedConfig
from trading.venues.simulated.exchange import SimulatedExchange
from trading.venues.simulated.faults import parse_faults
from trading.venues.simulated.tests.support import (
    SEED,
    SHARED_MARKET,
    START,
    Bench,
    buy_back_intent,
    make_bench,
    sell_intent,
)
from trading.venues.simulated.venue import SimulatedVenue


@pytest.fixture
async def bench() -> Bench:
    bench = make_bench()
    await bench.venue.connect()
    await bench.venue.watch("BTC", [bench.call.symbol, bench.put.symbol])
    return bench


def of_kind(events: list[Event], kind: type) -> list[Event]:
    """The events of one kind."""
    return [event for event in events if isinstance(event, kind)]


def test_it_is_a_venue() -> None:
    venue: Venue = make_bench().venue
    assert venue.name == "simulated"


async def test_a_poll_brings_fresh_quotes_and_the_index(bench: Bench) -> None:
    bench.clock.advance(3.5)
    events = await bench.venue.poll()
    quotes = [event.quote for event in events if isinstance(event, QuoteSeen)]
    assert [quote.symbol for quote in quotes] == [bench.call.symbol, bench.put.symbol]
    assert {quote.at for quote in quotes} == {bench.clock.now()}
    (spot,) = of_kind(events, SpotSeen)
    assert isinstance(spot, SpotSeen)
    assert spot.price == bench.exchange.market.spot("BTC", bench.clock.now())


async def test_fills_come_before_reports_and_each_once(bench: Bench) -> None:
    reply = await bench.venue.place(sell_intent(bench.call, 10, None, "a-CE-e1"))
    assert (reply.outcome, reply.status, reply.filled) == (Outcome.ACCEPTED, OrderStatus.CLOSED, 10)
    events = await bench.venue.poll()
    assert [type(event) for event in events[:2]] == [FillSeen, OrderReported]
    assert not of_kind(await bench.venue.poll(), FillSeen)
    (fill,) = await bench.venue.fills(["a-CE-e1"], START)
    first = events[0]
    assert isinstance(first, FillSeen)
    assert fill == first.fill
    assert [position.size for position in await bench.venue.positions()] == [-10]


async def test_streams_begin_at_connection_and_reads_know_the_past(bench: Bench) -> None:
    await bench.venue.place(sell_intent(bench.call, 10, None, "old"))
    later = SimulatedVenue(bench.exchange)
    assert await later.poll() == []
    await later.connect()
    assert of_kind(await later.poll(), FillSeen) == []
    assert (await later.order("old", bench.call.product_id, START)).filled == 10
    assert (await later.order("never", bench.call.product_id, START)).outcome is Outcome.ABSENT


async def test_a_reconnect_delivers_what_happened_in_between(bench: Bench) -> None:
    await bench.venue.close()
    assert not bench.venue.health().connected
    await bench.venue.place(sell_intent(bench.call, 10, None, "gap"))
    assert await bench.venue.poll() == []
    await bench.venue.connect()
    assert len(of_kind(await bench.venue.poll(), FillSeen)) == 1


async def test_cancel_reports_the_final_state_whatever_it_is(bench: Bench) -> None:
    resting = await bench.venue.place(sell_intent(bench.call, 10, Decimal(5000), "ioc"))
    assert (resting.status, resting.filled) == (OrderStatus.CANCELLED, 0)
    again = await bench.venue.cancel("ioc", resting.venue_order_id, bench.call.product_id)
    assert (again.outcome, again.status) == (Outcome.ACCEPTED, OrderStatus.CANCELLED)
    never = await bench.venue.cancel("never", "", bench.call.product_id)
    assert never.outcome is Outcome.ABSENT


async def test_a_foreign_position_is_seen_in_positions_and_not_in_the_streams(bench: Bench) -> None:
    bench.venue.seed_position(bench.call.symbol, -5, Decimal("40.0"))
    assert [position.size for position in await bench.venue.positions()] == [-5]
    events = await bench.venue.poll()
    assert not of_kind(events, FillSeen)
    assert not of_kind(events, OrderReported)


async def test_a_refusal_carries_the_exchanges_code(bench: Bench) -> None:
    reply = await bench.venue.place(buy_back_intent(bench.call, 1, "x"))
    assert (reply.outcome, reply.code) == (Outcome.REJECTED, "no_position_for_reduce_only")


async def test_reject_aims_at_one_leg_and_wears_off(bench: Bench) -> None:
    bench.venue.faults.inject("reject:leg=put,count=1,code=risk_limits_breached")
    assert (await bench.venue.place(sell_intent(bench.call, 1, None, "c1"))).outcome is Outcome.ACCEPTED
    refused = await bench.venue.place(sell_intent(bench.put, 1, None, "p1"))
    assert (refused.outcome, refused.code) == (Outcome.REJECTED, "risk_limits_breached")
    assert (await bench.venue.place(sell_intent(bench.put, 1, None, "p2"))).outcome is Outcome.ACCEPTED


async def test_the_nth_placement_can_be_aimed_at(bench: Bench) -> None:
    bench.venue.faults.inject("reject:nth=2")
    outcomes = [(await bench.venue.place(sell_intent(bench.call, 1, None, f"n{i}"))).outcome for i in range(3)]
    assert outcomes == [Outcome.ACCEPTED, Outcome.REJECTED, Outcome.ACCEPTED]


async def test_timeout_before_means_that_nothing_happened(bench: Bench) -> None:
    bench.venue.faults.inject("timeout_before:count=1")
    assert (await bench.venue.place(sell_intent(bench.call, 1, None, "t"))).outcome is Outcome.UNKNOWN
    assert (await bench.venue.order("t", bench.call.product_id, START)).outcome is Outcome.ABSENT
    assert bench.venue.truth().orders == ()


async def test_timeout_after_means_that_the_order_lives(bench: Bench) -> None:
    bench.venue.faults.inject("timeout_after:purpose=entry,count=1")
    assert (await bench.venue.place(sell_intent(bench.call, 4, None, "t"))).outcome is Outcome.UNKNOWN
    found = await bench.venue.order("t", bench.call.product_id, START)
    assert (found.outcome, found.filled) == (Outcome.ACCEPTED, 4)


async def test_partial_fills_a_fraction(bench: Bench) -> None:
    bench.venue.faults.inject("partial:fraction=0.3,count=1")
    reply = await bench.venue.place(sell_intent(bench.call, 10, None, "p"))
    assert (reply.status, reply.filled) == (OrderStatus.CANCELLED, 3)


async def test_slow_takes_venue_time(bench: Bench) -> None:
    bench.venue.faults.inject("slow:seconds=9,count=1")
    await bench.venue.place(sell_intent(bench.call, 1, None, "s"))
    assert bench.clock.now() == START + timedelta(seconds=9)
    await bench.venue.place(sell_intent(bench.call, 1, None, "s2"))
    assert bench.clock.now() == START + timedelta(seconds=9)


async def test_stale_freezes_quotes_for_its_window(bench: Bench) -> None:
    await bench.venue.poll()
    bench.venue.faults.inject("stale:after=10,for=20")
    ages = []
    for _ in range(4):
        bench.clock.advance(10)
        events = await bench.venue.poll()
        quotes = [event.quote for event in events if isinstance(event, QuoteSeen)]
        ages.append({(bench.clock.now() - quote.at).total_seconds() for quote in quotes})
    assert ages == [{10.0}, {20.0}, {0.0}, {0.0}]


async def test_disconnect_fails_reads_and_keeps_the_events_for_later(bench: Bench) -> None:
    await bench.venue.place(sell_intent(bench.call, 1, None, "before"))
    bench.venue.faults.inject("disconnect:for=30")
    assert not bench.venue.health().connected
    for read in (bench.venue.positions, bench.venue.open_orders, bench.venue.balance):
        with pytest.raises(VenueUnavailable):
            await read()
    with pytest.raises(VenueUnavailable):
        await bench.venue.chain("BTC")
    assert (await bench.venue.place(sell_intent(bench.call, 1, None, "lost"))).outcome is Outcome.UNKNOWN
    assert (await bench.venue.cancel("before", "", 0)).outcome is Outcome.UNKNOWN
    assert await bench.venue.poll() == []
    bench.clock.advance(30)
    assert bench.venue.health().connected
    assert len(of_kind(await bench.venue.poll(), FillSeen)) == 1
    assert (await bench.venue.order("lost", 0, START)).outcome is Outcome.ABSENT


async def test_a_lost_fill_is_found_by_asking(bench: Bench) -> None:
    bench.venue.faults.inject("lost_fill:leg=call,count=1")
    await bench.venue.place(sell_intent(bench.call, 2, None, "l"))
    events = await bench.venue.poll()
    assert not of_kind(events, FillSeen)
    assert of_kind(events, OrderReported)
    assert [fill.size for fill in await bench.venue.fills(["l"], START)] == [2]


async def test_a_duplicate_fill_comes_twice_with_one_id(bench: Bench) -> None:
    bench.venue.faults.inject("duplicate_fill:count=1")
    await bench.venue.place(sell_intent(bench.call, 2, None, "d"))
    fills = [event.fill for event in await bench.venue.poll() if isinstance(event, FillSeen)]
    assert len(fills) == 2
    assert fills[0] == fills[1]


async def test_closes_can_be_refused_and_positions_unreadable(bench: Bench) -> None:
    await bench.venue.place(sell_intent(bench.call, 2, None, "e"))
    bench.venue.faults.inject("reject_reduce_only:count=1; positions_fail:count=1")
    refused = await bench.venue.place(buy_back_intent(bench.call, 2, "x1"))
    assert (refused.outcome, refused.code) == (Outcome.REJECTED, "no_position_for_reduce_only")
    with pytest.raises(VenueUnavailable):
        await bench.venue.positions()
    assert (await bench.venue.place(buy_back_intent(bench.call, 2, "x2"))).filled == 2
    assert await bench.venue.positions() == []


async def test_the_chain_can_be_empty_crossed_one_sided_or_without_greeks(bench: Bench) -> None:
    faults = bench.venue.faults
    faults.inject("no_chain:count=1")
    assert (await bench.venue.chain("BTC")).rows == ()
    faults.inject("crossed:leg=put")
    rows = (await bench.venue.chain("BTC")).rows
    crossed = [row for row in rows if row.quote.bid and row.quote.ask and row.quote.bid > row.quote.ask]
    assert crossed
    assert {row.instrument.option_type.value for row in crossed} == {"put"}
    faults.clear()
    faults.inject("null_greeks")
    assert {(row.quote.delta, row.quote.iv) for row in (await bench.venue.chain("BTC")).rows} == {(None, None)}
    faults.clear()
    faults.inject("one_sided:empty=ask")
    assert {row.quote.ask for row in (await bench.venue.chain("BTC")).rows} == {None}
    faults.clear()
    faults.inject("one_sided:empty=both")
    assert {(row.quote.bid, row.quote.ask) for row in (await bench.venue.chain("BTC")).rows} == {(None, None)}


def test_faults_are_read_from_text() -> None:
    first, second = parse_faults("reject:leg=put,count=1; stale:after=600,for=120")
    assert (first.kind, first.leg, first.count) == ("reject", "put", 1)
    assert (second.kind, second.after, second.duration) == ("stale", 600.0, 120.0)
    assert parse_faults(" ; ") == ()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("explode", "unknown fault 'explode'"),
        ("reject:wing=left", "unknown key 'wing'"),
        ("reject:leg=left", "bad value for 'leg'"),
        ("partial:fraction=much", "bad value for 'fraction'"),
        ("one_sided:empty=top", "bad value for 'empty'"),
    ],
)
def test_a_wrong_fault_is_named(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_faults(text)


async def test_at_six_hundred_times_the_speed_every_poll_is_fresh_and_books_balance() -> None:
    ticks = iter(range(10_000))
    clock_wall = lambda: next(ticks) / 50.0  # noqa: E731
    config = SimulatedConfig(seed=SEED, start=START, speed=600.0)
    exchange = SimulatedExchange(config, market=SHARED_MARKET, wall=clock_wall)
    assert isinstance(exchange.clock, SimulatedClock)
    bench = make_bench()
    venue = SimulatedVenue(exchange)
    await venue.connect()
    await venue.watch("BTC", [bench.call.symbol])
    await venue.place(sell_intent(bench.call, 10, None, "fast"))
    previous = START
    for _ in range(100):
        events = await venue.poll()
        (quote,) = of_kind(events, QuoteSeen)
        assert isinstance(quote, QuoteSeen)
        assert quote.at > previous
        previous = quote.at
    assert previous > START + timedelta(minutes=10)
    closed = await venue.place(buy_back_intent(bench.call, 10, "fast-x"))
    assert closed.filled == 10
    truth = venue.truth()
    assert truth.cash == config.balance + sum(fill.cashflow - fill.commission for fill in truth.fills)
