"""The order path: placing once, and finding out what became of it (§3.3)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import httpx
import pytest

from trading.strategy.types import OrderStatus, OrderType, Outcome, Purpose, TimeInForce
from trading.venues.delta.tests.desk import SENT, Desk
from trading.venues.delta.tests.support import PUT_ID, bad, fill_row, good, intent, order_row

COID = "ds1-PE-e1"
BY_COID = f"GET /v2/orders/client_order_id/{COID}"
TIMEOUT = httpx.ReadTimeout("slow")
PAGE = httpx.Response(502, content=b"<html>Bad gateway</html>")
CUT = httpx.Response(200, content=b'{"success":true,"result":{"id":345')


async def placed(desk: Desk, *answers: Any, **changes: Any) -> Any:
    """Place the entry order against these answers."""
    await desk.ready()
    desk.exchange.on("POST /v2/orders", *answers)
    return await desk.venue.place(intent(**changes))


async def test_an_order_is_sent_as_documented_and_reported() -> None:
    desk = Desk()
    report = await placed(desk, good(order_row()))
    assert desk.exchange.sent("POST /v2/orders") == [
        {
            "product_id": PUT_ID,
            "size": 10,
            "side": "sell",
            "order_type": "limit_order",
            "time_in_force": "gtc",
            "reduce_only": False,
            "client_order_id": COID,
            "limit_price": "391.0",
        }
    ]
    assert (report.outcome, report.status, report.venue_order_id) == (Outcome.ACCEPTED, OrderStatus.OPEN, "34521712")


async def test_a_market_close_is_reduce_only_and_has_no_price() -> None:
    desk = Desk()
    row = order_row("ds1-PE-x1", state="closed", unfilled_size=0, average_fill_price="394.5")
    close = intent(Purpose.EXIT, order_type=OrderType.MARKET, limit_price=None)
    await desk.ready()
    desk.exchange.on("POST /v2/orders", good(row))
    report = await desk.venue.place(close)
    (body,) = desk.exchange.sent("POST /v2/orders")
    assert body["reduce_only"] is True
    assert body["order_type"] == "market_order"
    assert "limit_price" not in body
    assert (report.status, report.filled, report.average_price) == (OrderStatus.CLOSED, 10, Decimal("394.5"))


async def test_a_stop_is_a_reduce_only_market_order_behind_a_trigger_on_the_mark() -> None:
    desk = await Desk(market_orders="band").ready()
    await desk.venue.market.watch("BTC", [intent().symbol])
    stop = intent(Purpose.STOP, order_type=OrderType.MARKET, limit_price=None, stop_price=Decimal("1173.0"))
    desk.exchange.on("POST /v2/orders", good(order_row("ds1-PE-s1", state="pending", stop_price="1173.0")))
    report = await desk.venue.place(stop)
    (body,) = desk.exchange.sent("POST /v2/orders")
    assert {name: body[name] for name in ("stop_order_type", "stop_price", "stop_trigger_method")} == {
        "stop_order_type": "stop_loss_order",
        "stop_price": "1173.0",
        "stop_trigger_method": "mark_price",
    }
    assert (body["order_type"], body["reduce_only"], "limit_price" in body) == ("market_order", True, False)
    assert (report.outcome, report.status, report.filled) == (Outcome.ACCEPTED, OrderStatus.OPEN, 0)


async def test_no_stop_is_sent_while_the_dead_man_switch_might_cancel_it() -> None:
    desk = await Desk(dead_man=True).ready()
    desk.exchange.on("POST /v2/heartbeat", bad("unavailable"))
    stop = intent(Purpose.STOP, order_type=OrderType.MARKET, limit_price=None, stop_price=Decimal("1173.0"))
    report = await desk.venue.place(stop)
    assert (report.outcome, report.code) == (Outcome.REJECTED, "unavailable")
    assert desk.exchange.sent("POST /v2/orders") == []
    desk.exchange.on("POST /v2/heartbeat", good({"heartbeat_id": "delta-strangle"}))
    desk.exchange.on("POST /v2/orders", good(order_row("ds1-PE-s1", state="pending")))
    assert (await desk.venue.place(stop)).status is OrderStatus.OPEN


async def test_market_orders_can_be_bounded_by_the_band_on_our_side() -> None:
    desk = await Desk(market_orders="band").ready()
    await desk.venue.market.watch("BTC", [intent().symbol])
    body = desk.venue.account.body(
        intent(Purpose.EXIT, order_type=OrderType.MARKET, time_in_force=TimeInForce.GTC, limit_price=None)
    )
    assert (body["order_type"], body["limit_price"], body["time_in_force"]) == ("limit_order", "1644.0", "ioc")
    selling = desk.venue.account.body(intent(order_type=OrderType.MARKET, limit_price=None))
    assert selling["limit_price"] == "50.1"


@pytest.mark.parametrize("answer", [TIMEOUT, PAGE, CUT, good({"id": 1}), good(None), bad("brand_new_reason")])
async def test_an_answer_that_proves_nothing_leaves_the_order_unknown(answer: Any) -> None:
    desk = Desk()
    report = await placed(desk, answer)
    assert report.outcome is Outcome.UNKNOWN
    assert report.detail
    assert len(desk.exchange.asked("POST /v2/orders")) == 1


@pytest.mark.parametrize(
    "code", ["insufficient_margin", "no_position_for_reduce_only", "bad_schema", "immediate_execution_post_only"]
)
async def test_a_documented_refusal_is_a_rejection_with_its_code(code: str) -> None:
    report = await placed(Desk(), bad(code))
    assert (report.outcome, report.code) == (Outcome.REJECTED, code)


async def test_a_repeated_client_id_means_the_order_is_there() -> None:
    desk = Desk()
    answer = bad("bad_schema", schema_errors=[{"param": "client_order_id", "message": "must be unique"}])
    report = await placed(desk, answer)
    assert report.outcome is Outcome.UNKNOWN
    desk.exchange.on(BY_COID, good(order_row()))
    found = await desk.venue.order(COID, PUT_ID, SENT)
    assert found.status is OrderStatus.OPEN


async def test_a_throttled_order_is_unknown_unless_configured_otherwise() -> None:
    throttled = httpx.Response(429, headers={"X-RATE-LIMIT-RESET": "1000"}, content=b"")
    assert (await placed(Desk(), throttled)).outcome is Outcome.UNKNOWN
    assert (await placed(Desk(throttled_writes_are_refused=True), throttled)).outcome is Outcome.REJECTED


async def test_when_the_budget_is_spent_entries_are_refused_unsent_and_closes_go_on() -> None:
    desk = await Desk(weight_limit=100, budget_share=1.0, reserve_share=0.5).ready()
    bucket = desk.venue.link.limits.signed
    bucket.observe(50)
    desk.exchange.on("POST /v2/orders", good(order_row("ds1-PE-x1")))
    refused = await desk.venue.place(intent())
    assert (refused.outcome, refused.code) == (Outcome.REJECTED, "rate_budget")
    assert (await desk.venue.place(intent(Purpose.EXIT))).outcome is Outcome.ACCEPTED


async def test_entries_wait_for_the_account_and_closes_do_not() -> None:
    desk = await Desk(order_wait_seconds=0.01).ready()
    desk.exchange.on("POST /v2/orders", good(order_row("ds1-PE-x1")))
    desk.venue.account.gap_seen("a gap")
    refused = await desk.venue.place(intent())
    assert (refused.outcome, refused.code) == (Outcome.REJECTED, "not_ready")
    assert (await desk.venue.place(intent(Purpose.EXIT))).outcome is Outcome.ACCEPTED
    await desk.venue.account.catch_up()
    assert (await desk.venue.place(intent())).outcome is Outcome.ACCEPTED


async def test_entries_are_refused_during_maintenance() -> None:
    desk = await Desk().ready()
    desk.venue.market.stream._on_frame(
        {"type": "system_status", "event": "maintenance_started", "status": "maintenance"}
    )
    report = await desk.venue.place(intent())
    assert (report.outcome, report.code) == (Outcome.REJECTED, "maintenance")
    assert "maintenance" in desk.venue.health().detail


async def test_an_order_is_found_by_its_client_id() -> None:
    desk = Desk()
    await placed(desk, TIMEOUT)
    desk.exchange.on(BY_COID, good(order_row(unfilled_size=4)))
    report = await desk.venue.order(COID, PUT_ID, SENT)
    assert (report.outcome, report.filled) == (Outcome.ACCEPTED, 6)


async def test_an_order_is_found_among_the_open_ones() -> None:
    desk = Desk()
    await placed(desk, TIMEOUT)
    desk.exchange.on("GET /v2/orders", good([order_row("other", id=1)], after="x"), good([order_row()]))
    assert (await desk.venue.order(COID, PUT_ID, SENT)).status is OrderStatus.OPEN


async def test_a_filled_order_that_the_client_id_hides_is_found_in_the_history() -> None:
    desk = Desk()
    await placed(desk, TIMEOUT)
    desk.exchange.on("GET /v2/orders/history", good([order_row(state="closed", unfilled_size=0)]))
    report = await desk.venue.order(COID, PUT_ID, SENT)
    assert (report.status, report.filled) == (OrderStatus.CLOSED, 10)


async def test_an_order_that_no_list_shows_is_found_through_its_fill() -> None:
    desk = Desk()
    await placed(desk, TIMEOUT)
    desk.exchange.on("GET /v2/fills", good([fill_row()]))
    desk.exchange.on("GET /v2/orders/34521712", good(order_row(state="closed", unfilled_size=0)))
    report = await desk.venue.order(COID, PUT_ID, SENT)
    assert (report.outcome, report.filled) == (Outcome.ACCEPTED, 10)


async def test_absent_needs_five_seconds_and_every_read() -> None:
    desk = Desk()
    await placed(desk, TIMEOUT)
    early = await desk.venue.order(COID, PUT_ID, SENT)
    assert early.outcome is Outcome.UNKNOWN
    desk.time.advance(6.1)
    desk.exchange.requests.clear()
    late = await desk.venue.order(COID, PUT_ID, SENT)
    assert late.outcome is Outcome.ABSENT
    paths = [request.url.path for request in desk.exchange.requests]
    assert paths == [
        f"/v2/orders/client_order_id/{COID}",
        "/v2/orders",
        "/v2/orders/history",
        "/v2/fills",
        "/v2/positions",
    ]


async def test_until_absent_can_be_said_the_heavy_reads_are_not_repeated_at_every_question() -> None:
    desk = Desk()
    await placed(desk, TIMEOUT)
    for _ in range(10):
        desk.time.advance(0.3)
        assert (await desk.venue.order(COID, PUT_ID, SENT)).outcome is Outcome.UNKNOWN
    assert len(desk.exchange.asked(BY_COID)) == 10
    assert len(desk.exchange.asked("GET /v2/orders/history")) == 3


@pytest.mark.parametrize(
    "route", [BY_COID, "GET /v2/orders", "GET /v2/orders/history", "GET /v2/fills", "GET /v2/positions"]
)
async def test_one_failed_read_keeps_an_order_unknown(route: str) -> None:
    desk = Desk()
    await placed(desk, TIMEOUT)
    desk.time.advance(60)
    desk.exchange.on(route, PAGE)
    assert (await desk.venue.order(COID, PUT_ID, SENT)).outcome is Outcome.UNKNOWN


async def test_an_absent_order_keeps_the_reason_it_was_refused_with() -> None:
    desk = Desk()
    await placed(desk, bad("brand_new_reason"))
    desk.time.advance(60)
    report = await desk.venue.order(COID, PUT_ID, SENT)
    assert (report.outcome, report.code) == (Outcome.ABSENT, "brand_new_reason")


async def test_after_a_restart_the_age_of_the_intent_decides() -> None:
    desk = await Desk().ready()
    assert (await desk.venue.order(COID, PUT_ID, SENT)).outcome is Outcome.UNKNOWN
    desk.time.advance(7.1)
    assert (await desk.venue.order(COID, PUT_ID, SENT)).outcome is Outcome.ABSENT


async def test_a_cancel_names_the_order_and_reports_its_end() -> None:
    desk = Desk()
    await placed(desk, good(order_row()))
    desk.exchange.on("DELETE /v2/orders", good(order_row(state="cancelled", unfilled_size=4)))
    report = await desk.venue.cancel(COID, "34521712", PUT_ID)
    assert desk.exchange.sent("DELETE /v2/orders") == [{"product_id": PUT_ID, "id": 34521712}]
    assert (report.status, report.filled) == (OrderStatus.CANCELLED, 6)


async def test_a_cancel_that_is_only_requested_is_confirmed_by_a_read() -> None:
    desk = Desk()
    await placed(desk, good(order_row()))
    desk.exchange.on("DELETE /v2/orders", good(order_row()))
    desk.exchange.on("GET /v2/orders/34521712", good(order_row(state="cancelled")))
    assert (await desk.venue.cancel(COID, "34521712", PUT_ID)).status is OrderStatus.CANCELLED


@pytest.mark.parametrize("code", ["open_order_not_found", "order_already_filled", "no_orders"])
async def test_cancelling_what_is_gone_reads_its_end(code: str) -> None:
    desk = Desk()
    await placed(desk, good(order_row()))
    desk.exchange.on("DELETE /v2/orders", bad(code))
    desk.exchange.on("GET /v2/orders/34521712", good(order_row(state="closed", unfilled_size=0)))
    report = await desk.venue.cancel(COID, "", PUT_ID)
    assert (report.status, report.filled) == (OrderStatus.CLOSED, 10)
    assert desk.exchange.sent("DELETE /v2/orders") == [{"product_id": PUT_ID, "client_order_id": COID}]


@pytest.mark.parametrize("answer", [TIMEOUT, PAGE, CUT, bad("invalid_api_key", 401)])
async def test_a_cancel_without_an_answer_is_unknown(answer: Any) -> None:
    desk = Desk()
    await placed(desk, good(order_row()))
    desk.exchange.on("DELETE /v2/orders", answer)
    assert (await desk.venue.cancel(COID, "34521712", PUT_ID)).outcome is Outcome.UNKNOWN
