"""The client against the simulated exchange speaking Delta's protocol: what is booked is what the exchange knows."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from trading.engine.ports import VenueUnavailable
from trading.strategy.events import QuoteSeen, SpotSeen
from trading.strategy.types import OrderReport, OrderStatus, OrderType, Outcome, Purpose, TimeInForce
from trading.venues.delta.limits import Priority
from trading.venues.delta.tests.support import until
from trading.venues.delta.tests.wire import Wire, fills_in, up, wired


async def trade(wire: Wire, purpose: Purpose, number: int = 1) -> list[OrderReport]:
    """Send both legs at once."""
    return await asyncio.gather(*(wire.venue.place(intent) for intent in wire.intents(purpose, number)))


async def test_a_strangle_is_sold_and_bought_back_and_the_books_agree() -> None:
    async with wired() as wire:
        await up(wire)
        await wire.pick()
        entered = await trade(wire, Purpose.ENTRY)
        assert {report.status for report in entered} == {OrderStatus.CLOSED}
        fills = fills_in(await wire.events_until(fills=2))
        assert {(held.symbol, held.size) for held in await wire.venue.positions()} == {
            (row.instrument.symbol, -10) for row in wire.legs
        }
        await trade(wire, Purpose.EXIT)
        fills += fills_in(await wire.events_until(fills=2))
        assert await wire.venue.positions() == []
        assert await wire.venue.open_orders() == []
        truth = wire.exchange.truth()
        assert {fill.fill_id for fill in fills} == {fill.id for fill in truth.fills}
        assert wire.cash_by(fills) == truth.cash
        await wire.venue.account.read_balance()
        assert (await wire.venue.balance()).cash == truth.cash


async def test_quotes_and_the_index_stream() -> None:
    async with wired() as wire:
        await up(wire)
        await wire.pick()
        await wire.venue.poll()
        before = wire.venue.market.stream.frames
        await until(lambda: wire.venue.market.stream.frames > before + 5)
        events = await wire.venue.poll()
        symbols = {event.quote.symbol for event in events if isinstance(event, QuoteSeen)}
        assert symbols <= {row.instrument.symbol for row in wire.legs}
        assert any(isinstance(event, QuoteSeen | SpotSeen) for event in events)
        assert wire.venue.market.stream.refused == {}
        assert wire.venue.account.stream.refused == {}


@pytest.mark.parametrize(
    "fault", ["timeout_after:count=1", "error_after:count=1", "truncated:count=1,path=/v2/orders,method=POST"]
)
async def test_an_order_whose_answer_is_lost_is_found_and_not_sent_again(fault: str) -> None:
    async with wired() as wire:
        await up(wire)
        await wire.pick()
        wire.fault(fault)
        since = wire.venue.now()
        reports = await trade(wire, Purpose.ENTRY)
        (lost,) = [report for report in reports if report.outcome is Outcome.UNKNOWN]
        product_id = next(
            i.product_id for i in wire.intents(Purpose.ENTRY) if i.client_order_id == lost.client_order_id
        )
        found = await wire.venue.order(lost.client_order_id, product_id, since)
        assert (found.status, found.filled) == (OrderStatus.CLOSED, 10)
        assert len(fills_in(await wire.events_until(fills=2))) == 2
        assert len(wire.exchange.truth().orders) == 2


async def test_an_order_that_never_arrived_is_absent_once_that_is_conclusive() -> None:
    async with wired(absent_after_seconds=0.0, order_wait_seconds=0.05) as wire:
        await up(wire)
        await wire.pick()
        wire.fault("timeout_before:count=1,method=POST")
        call, _ = wire.intents(Purpose.ENTRY)
        since = wire.venue.now()
        assert (await wire.venue.place(call)).outcome is Outcome.UNKNOWN
        await until(lambda: wire.venue.link.clock.wall_seconds_since(since) > 0.06)
        assert (await wire.venue.order(call.client_order_id, call.product_id, since)).outcome is Outcome.ABSENT
        assert wire.exchange.truth().orders == ()


@pytest.mark.parametrize("seconds", [3, 30, -30])
async def test_a_skewed_clock_does_not_stop_trading(seconds: int) -> None:
    async with wired() as wire:
        await up(wire)
        await wire.pick()
        wire.fault(f"skew:seconds={seconds}")
        reports = await trade(wire, Purpose.ENTRY)
        assert {report.status for report in reports} == {OrderStatus.CLOSED}


async def test_429_on_an_order_is_asked_after_and_reads_recover() -> None:
    async with wired(order_wait_seconds=0.05) as wire:
        await up(wire)
        await wire.pick()
        wire.fault("rate_limit:count=1,seconds=0.1,method=POST")
        call, _ = wire.intents(Purpose.ENTRY)
        assert (await wire.venue.place(call)).outcome is Outcome.UNKNOWN
        found = await wire.venue.order(call.client_order_id, call.product_id, wire.venue.now())
        assert found.outcome in (Outcome.UNKNOWN, Outcome.ABSENT)
        assert await wire.venue.positions() == []


async def test_fills_made_while_the_private_socket_is_gone_arrive_once() -> None:
    async with wired() as wire:
        await up(wire)
        await wire.pick()
        wire.fault("private_drop")
        await until(lambda: not wire.venue.account.stream.up)
        await trade(wire, Purpose.ENTRY)
        events = await wire.events_until(fills=2)
        await up(wire)
        events += await wire.venue.poll()
        assert len(fills_in(events)) == 2


@pytest.mark.parametrize(
    "fault", ["duplicate_frames", "reorder_frames", "seq_reset", "drop_frames:channel=v2/user_trades"]
)
async def test_unreliable_frames_do_not_change_the_books(fault: str) -> None:
    async with wired() as wire:
        await up(wire)
        await wire.pick()
        wire.fault(fault)
        await trade(wire, Purpose.ENTRY)
        events = await wire.events_until(fills=2)
        await trade(wire, Purpose.EXIT)
        events += await wire.events_until(fills=2)
        assert wire.cash_by(fills_in(events)) == wire.exchange.truth().cash


async def test_a_silent_public_socket_is_replaced_by_rest() -> None:
    async with wired(quote_fallback_seconds=0.1, fallback_seconds=0.05) as wire:
        await up(wire)
        await wire.pick()
        wire.fault("public_silent")
        await asyncio.sleep(0.1)
        await wire.venue.poll()
        frames = wire.venue.market.stream.frames
        for _ in range(20):
            await wire.venue.wait(0.2)
            if any(isinstance(event, QuoteSeen) for event in await wire.venue.poll()):
                break
        else:
            pytest.fail("no quote came")
        assert wire.venue.market.stream.frames == frames


async def test_swapped_types_and_unknown_fields_change_nothing() -> None:
    async with wired() as wire:
        wire.fault("swapped_types; unknown_fields")
        await up(wire)
        await wire.pick()
        reports = await trade(wire, Purpose.ENTRY)
        assert {report.filled for report in reports} == {10}
        events = await wire.events_until(fills=2, reports=2)
        assert wire.cash_by(fills_in(events)) == wire.exchange.truth().cash


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("ip_refused", "whitelist"),
        ("maintenance", "maintenance"),
        ("server_error", "page instead of an answer"),
        ("not_success", "asked, not guessed"),
        ("truncated", "cut off"),
    ],
)
async def test_each_disappointment_is_named(fault: str, words: str) -> None:
    async with wired() as wire:
        await up(wire)
        wire.fault(fault)
        with pytest.raises(VenueUnavailable, match=words):
            await wire.venue.positions()


async def test_a_wrong_key_is_named_and_connecting_goes_on_trying() -> None:
    async with wired(api_key="somebody-elses") as wire:
        with pytest.raises(VenueUnavailable, match="separate"):
            await wire.venue.balance()
        await until(lambda: "separate" in wire.venue.health().detail)
        assert "somebody-elses" not in wire.venue.health().detail


async def test_a_cancel_is_confirmed_over_the_wire() -> None:
    async with wired() as wire:
        await up(wire)
        await wire.pick()
        call, _ = wire.intents(Purpose.ENTRY)
        ask = wire.legs[0].quote.ask
        assert ask is not None
        resting = replace(call, order_type=OrderType.LIMIT, time_in_force=TimeInForce.GTC, limit_price=ask * 2)
        placed = await wire.venue.place(resting)
        assert placed.status is OrderStatus.OPEN
        assert [report.client_order_id for report in await wire.venue.open_orders()] == [call.client_order_id]
        ended = await wire.venue.cancel(call.client_order_id, placed.venue_order_id, call.product_id)
        assert ended.status is OrderStatus.CANCELLED
        assert (await wire.venue.cancel(call.client_order_id, placed.venue_order_id, call.product_id)).status is (
            OrderStatus.CANCELLED
        )


async def test_what_a_preflight_reads_can_be_read_and_orders_can_be_edited() -> None:
    async with wired() as wire:
        await up(wire)
        await wire.pick()
        rest, leg = wire.venue.link.rest, wire.legs[0]
        assert "current_quota" in await rest.quota()
        assert int((await rest.trading_preferences())["user_id"]) > 0
        product_id, price = leg.instrument.product_id, format((leg.quote.ask or 0) * 2, "f")
        margin = await rest.margin_required(product_id, size=10, side="sell", limit_price=price)
        assert float(margin["initial_margin"]) > 0
        call, _ = wire.intents(Purpose.ENTRY)
        limit = {"order_type": "limit_order", "time_in_force": "gtc", "limit_price": price}
        row = await rest.place({**wire.venue.account.body(call), **limit}, priority=Priority.ENTRY)
        edited = await rest.edit({"id": row["id"], "product_id": product_id, "size": 7, "limit_price": price})
        assert edited["size"] == 7
