"""Catching up, fills with their commissions, positions, and what the private frames do."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

import httpx
import pytest

from trading.engine.ports import VenueUnavailable
from trading.strategy.guarding import GLANCE_SECONDS, WHOLE_SECONDS
from trading.strategy.types import OrderStatus, Position
from trading.venues.delta.tests.desk import DOLLARS, SENT, Desk
from trading.venues.delta.tests.support import (
    CALL,
    CALL_ID,
    PUT,
    PUT_ID,
    bad,
    fill_row,
    good,
    intent,
    l1,
    order_row,
    trade_frame,
)

COID = "ds1-PE-e1"
PAGE = httpx.Response(502, content=b"<html>Bad gateway</html>")


async def with_order(desk: Desk) -> Desk:
    """The entry order rests at the exchange."""
    await desk.ready()
    desk.exchange.on("POST /v2/orders", good(order_row()))
    await desk.venue.place(intent())
    return desk


def order_frame(**changes: Any) -> dict[str, Any]:
    """An update of ``orders`` (§7.3)."""
    row = order_row()
    row["order_id"] = row.pop("id")
    row["symbol"] = row.pop("product_symbol")
    return {"type": "orders", "action": "update", "reason": "fill", "seq_no": 8, **row, **changes}


async def test_a_trade_becomes_a_fill_once_its_commission_is_known() -> None:
    desk = await with_order(Desk())
    desk.exchange.on("GET /v2/fills", good([]), good([fill_row()]))
    desk.venue.account.frames.take(trade_frame())
    assert await desk.fills() == []
    await desk.venue.account.fills.settle()
    (fill,) = await desk.fills()
    assert (fill.client_order_id, fill.size, fill.commission) == (COID, 10, Decimal("0.0753148"))
    assert desk.venue.account.fills.owed == 0
    query = desk.exchange.asked("GET /v2/fills")[0].url.params
    assert query["product_ids"] == str(PUT_ID)


async def test_a_repeated_trade_is_booked_once() -> None:
    desk = await with_order(Desk())
    desk.exchange.on("GET /v2/fills", good([fill_row()]))
    for _ in range(2):
        desk.venue.account.frames.take(trade_frame())
        await desk.venue.account.fills.settle()
    assert len(await desk.fills()) == 1


async def test_fill_ids_of_the_two_channels_need_not_agree() -> None:
    desk = await with_order(Desk())
    desk.exchange.on("GET /v2/fills", good([fill_row(id="ffff", size=4), fill_row(id="eeee", size=6)]))
    desk.venue.account.frames.take(trade_frame(f="1234-abcd"))
    await desk.venue.account.fills.settle()
    assert [fill.fill_id for fill in await desk.fills()] == ["eeee", "ffff"]
    assert desk.venue.account.fills.owed == 0


async def test_trades_that_are_never_listed_are_given_up_after_a_bounded_time() -> None:
    desk = await with_order(Desk())
    desk.venue.account.frames.take(trade_frame())
    await desk.venue.account.fills.settle()
    assert len(desk.exchange.asked("GET /v2/fills")) == desk.venue.config.fill_attempts
    assert desk.venue.account.fills.owed == 0


async def test_an_order_that_was_filled_at_once_has_its_fills_fetched() -> None:
    desk = await Desk().ready()
    desk.exchange.on("POST /v2/orders", good(order_row(state="closed", unfilled_size=0)))
    desk.exchange.on("GET /v2/fills", good([fill_row()]))
    await desk.venue.place(intent())
    assert desk.venue.account.fills.owed == 10
    await desk.venue.account.fills.settle()
    assert len(await desk.fills()) == 1


async def test_fills_of_others_and_of_the_exchange_are_not_ours() -> None:
    desk = await with_order(Desk())
    rows = [
        fill_row(),
        fill_row(id="2", order_id="999"),
        fill_row(id="3", order_id="888"),
        fill_row(id="4", fill_type="settlement", order_id="0b9e-uuid"),
    ]
    desk.exchange.on("GET /v2/fills", good(rows))
    desk.exchange.on("GET /v2/orders/999", good(order_row(None, id=999)))
    fills = await desk.venue.fills([COID], SENT)
    assert [fill.fill_id for fill in fills] == ["a1b2c3d4e5"]
    await desk.venue.fills([COID], SENT)
    assert len(desk.exchange.asked("GET /v2/orders/999")) == 1
    assert len(desk.exchange.asked("GET /v2/orders/888")) == 1


async def test_after_a_restart_the_order_behind_a_fill_is_asked_for() -> None:
    desk = await Desk().ready()
    desk.exchange.on("GET /v2/fills", good([fill_row()]))
    desk.exchange.on("GET /v2/orders/34521712", good(order_row(state="closed", unfilled_size=0)))
    (fill,) = await desk.venue.fills([COID], SENT)
    assert fill.client_order_id == COID
    assert "product_ids" not in desk.exchange.asked("GET /v2/fills")[0].url.params


async def test_a_fill_that_cannot_be_read_makes_the_read_fail() -> None:
    desk = await with_order(Desk())
    desk.exchange.on("GET /v2/fills", good([fill_row(commission=None)]))
    with pytest.raises(VenueUnavailable, match="commission is missing"):
        await desk.venue.fills([COID], SENT)


async def test_an_update_of_an_order_is_passed_on() -> None:
    desk = await with_order(Desk())
    desk.venue.account.frames.take(order_frame(unfilled_size=4))
    (report,) = await desk.reports()
    assert (report.client_order_id, report.status, report.filled) == (COID, OrderStatus.OPEN, 6)


async def test_a_snapshot_names_orders_by_id_and_ours_are_recognised() -> None:
    desk = await with_order(Desk())
    mine, other = order_row(None, unfilled_size=3), order_row(None, id=5)
    snapshot = {"type": "orders", "action": "snapshot", "symbol": PUT, "meta": {"seq_no": 7}, "result": [mine, other]}
    desk.venue.account.frames.take(snapshot)
    assert [(report.client_order_id, report.filled) for report in await desk.reports()] == [(COID, 7)]
    desk.venue.account.frames.take(order_frame(seq_no=8))
    assert desk.venue.account.ready


async def test_a_gap_stops_entries_until_the_account_is_read_again() -> None:
    desk = await with_order(Desk())
    desk.venue.account.frames.take(order_frame(seq_no=8))
    desk.venue.account.frames.take(order_frame(seq_no=10))
    assert not desk.venue.account.ready
    await desk.events()
    desk.exchange.on("GET /v2/orders/34521712", good(order_row(state="cancelled", unfilled_size=4)))
    desk.exchange.on("GET /v2/fills", good([fill_row(size=6)]))
    await desk.venue.account.catch_up()
    events = await desk.events()
    assert desk.venue.account.ready
    assert [type(event).__name__ for event in events] == ["OrderReported", "FillSeen"]


async def test_catching_up_is_repeated_until_every_read_answered() -> None:
    desk = await with_order(Desk())
    desk.venue.account.gap_seen("a test")
    desk.exchange.on("GET /v2/positions", PAGE)
    with pytest.raises(Exception, match="page instead"):
        await desk.venue.account.catch_up()
    assert not desk.venue.account.ready
    desk.exchange.on("GET /v2/positions", good([]))
    await desk.venue.account.catch_up()
    assert desk.venue.account.ready


async def test_while_the_private_stream_is_down_working_orders_are_read() -> None:
    desk = await with_order(Desk())
    desk.exchange.on("GET /v2/orders/34521712", good(order_row(unfilled_size=4)))
    await desk.venue.account.fall_back()
    assert [report.filled for report in await desk.reports()] == [6]
    desk.exchange.on("GET /v2/orders/34521712", good(order_row(state="closed", unfilled_size=0)))
    await desk.venue.account.fall_back()
    desk.exchange.requests.clear()
    await desk.venue.account.fall_back()
    assert desk.exchange.requests == []


async def test_while_the_private_stream_is_up_nothing_is_polled() -> None:
    desk = await with_order(Desk())
    desk.venue.account.stream.up = True
    desk.exchange.requests.clear()
    await desk.venue.account.fall_back()
    assert desk.exchange.requests == []


async def test_positions_are_read_in_real_time_by_underlying() -> None:
    desk = await Desk().ready()
    rows = [
        {"product_symbol": PUT, "product_id": PUT_ID, "size": -10, "entry_price": "391"},
        {"product_id": CALL_ID, "size": "-10", "entry_price": "402.5"},
        {"product_symbol": "C-BTC-1-050926", "size": 0},
    ]
    desk.exchange.on("GET /v2/positions", good(rows))
    assert await desk.venue.positions() == [Position(PUT, -10, Decimal(391)), Position(CALL, -10, Decimal("402.5"))]
    assert desk.exchange.requests[0].url.params["underlying_asset_symbol"] == "BTC"


async def test_positions_without_symbols_are_read_product_by_product() -> None:
    desk = await Desk().ready()

    def answer(request: httpx.Request) -> httpx.Response:
        by_product = request.url.params.get("product_id")
        return good({"size": -7 if by_product == str(PUT_ID) else 0, "entry_price": "391"})

    desk.exchange.on("GET /v2/positions", answer)
    desk.exchange.on("GET /v2/positions/margined", good([{"product_id": PUT_ID, "product_symbol": PUT, "size": -10}]))
    assert await desk.venue.positions() == [Position(PUT, -7, Decimal(391))]


async def test_the_margins_channel_saves_reads_of_the_balance() -> None:
    desk = await Desk().ready()
    assert (await desk.venue.balance()).cash == 10_000
    desk.venue.account.frames.take({"type": "margins", "action": "update", **DOLLARS, "balance": "9990"})
    assert (await desk.venue.balance()).cash == 9_990
    assert desk.exchange.requests == []
    await desk.venue.account.read_balance()
    assert (await desk.venue.balance()).cash == 10_000


async def test_a_balance_that_is_too_old_is_unknown() -> None:
    desk = await Desk().ready()
    desk.time.advance(181)
    with pytest.raises(VenueUnavailable, match="The balance is 181 s old"):
        await desk.venue.balance()


async def test_a_refused_channel_is_made_up_for_by_reads() -> None:
    desk = await with_order(Desk())
    desk.venue.account.stream.up = True
    desk.venue.account.stream.refused["orders"] = "forbidden"
    desk.exchange.on("GET /v2/orders/34521712", good(order_row(unfilled_size=4)))
    await desk.venue.account.fall_back()
    assert [report.filled for report in await desk.reports()] == [6]
    assert "orders refused: forbidden" in desk.venue.health().detail


async def test_an_idle_live_session_spends_less_than_300_in_five_minutes() -> None:
    desk = await Desk(underlyings=("BTC", "ETH")).ready()
    await desk.venue.market.watch("BTC", [PUT])
    desk.exchange.on("GET /v2/rate_limits/quota", httpx.Response(200, json={"current_quota": 0}))
    config, venue = desk.venue.config, desk.venue
    venue.account.stream.up = True

    async def glance() -> None:
        await venue.positions("BTC")

    engine: dict[float, Callable[[], Awaitable[object]]] = {
        5.0: venue.balance,
        GLANCE_SECONDS: glance,
        WHOLE_SECONDS: venue.positions,
        WHOLE_SECONDS + 0.001: venue.open_orders,
    }
    chores = {
        config.warm_seconds: venue.link.warm,
        config.products_seconds: venue.market.products.fresh,
        config.fallback_seconds: venue.market.fall_back,
        config.order_fallback_seconds: venue.account.fall_back,
        config.balance_seconds: venue.account.read_balance,
        config.quota_seconds + 0.001: venue.link.read_meter,
    }
    for second in range(1, 301):
        desk.time.advance(1)
        venue.market.stream._on_frame(l1(ts=desk.at(second)))
        for seconds, action in [*engine.items(), *chores.items()]:
            if second % round(seconds) == 0:
                await action()
    assert 0 < venue.link.limits.signed.used + venue.link.limits.unsigned.used < 300


async def test_a_position_after_a_trade_is_remembered() -> None:
    desk = await with_order(Desk())
    desk.venue.account.frames.take(trade_frame(po=-10))
    desk.venue.account.frames.take({"type": "positions", "action": "update", "symbol": CALL, "size": -3})
    assert desk.venue.account.frames.positions == {PUT: -10, CALL: -3}


async def test_a_position_that_is_deleted_without_a_size_is_gone() -> None:
    desk = await with_order(Desk())
    desk.venue.account.frames.take(trade_frame(po=-10))
    desk.venue.account.frames.take({"type": "positions", "action": "delete", "symbol": PUT})
    assert desk.venue.account.frames.positions == {PUT: 0}


async def test_an_account_frame_that_cannot_be_read_has_the_account_read_again() -> None:
    desk = await Desk().ready()
    desk.venue.account.stream._take({"type": "orders", "action": "update", "symbol": PUT, "state": "half_open"})
    assert not desk.venue.account.ready


async def test_the_dead_man_switch_is_armed_only_while_entries_rest() -> None:
    desk = await with_order(Desk(dead_man=True))
    for route in ("heartbeat", "heartbeat/create"):
        desk.exchange.on(f"POST /v2/{route}", good({"heartbeat_id": "delta-strangle"}))
    await desk.venue.dead_man.step()
    await desk.venue.dead_man.step()
    assert [body["ttl"] for body in desk.exchange.sent("POST /v2/heartbeat")] == [30_000, 30_000]
    assert desk.exchange.sent("POST /v2/heartbeat/create")[0]["contract_types"] == ["call_options", "put_options"]
    desk.venue.account.frames.take(order_frame(state="closed", unfilled_size=0))
    await desk.venue.dead_man.step()
    await desk.venue.dead_man.step()
    assert [body["ttl"] for body in desk.exchange.sent("POST /v2/heartbeat")] == [30_000, 30_000, 0]


async def test_a_refused_order_is_not_watched() -> None:
    desk = await Desk().ready()
    desk.exchange.on("POST /v2/orders", bad("insufficient_margin"))
    await desk.venue.place(intent())
    assert not desk.venue.account.memory.entries_rest()


async def test_the_margin_of_both_legs_is_asked_leg_by_leg_and_added_up() -> None:
    desk = await Desk().ready()
    rows = (await desk.venue.chain("BTC")).rows
    for row, margin in zip(rows, ("40.5", "41"), strict=True):
        path = f"products/{row.instrument.product_id}/margin_required"
        desk.exchange.on(f"GET /v2/{path}", good({"initial_margin": margin, "order_size": 7}))
    assert await desk.venue.margin_required(rows, 7) == Decimal("81.5")
    query = desk.exchange.asked(f"GET /v2/products/{rows[0].instrument.product_id}/margin_required")[0].url.params
    assert (query["size"], query["side"], query["limit_price"]) == ("7", "sell", str(rows[0].quote.bid))


@pytest.mark.parametrize(
    "answer", [bad("unavailable"), good({"order_size": 7}), good({"initial_margin": "much"}), PAGE]
)
async def test_a_margin_that_is_not_told_is_unavailable_never_zero(answer: Any) -> None:
    desk = await Desk().ready()
    rows = (await desk.venue.chain("BTC")).rows[:1]
    desk.exchange.on(f"GET /v2/products/{rows[0].instrument.product_id}/margin_required", answer, answer, answer)
    with pytest.raises(VenueUnavailable):
        await desk.venue.margin_required(rows, 7)
    assert await (await Desk(margin_check=False).ready()).venue.margin_required(rows, 7) is None
