"""Orders over the wire: placing, refusing, editing, cancelling, batches, closing everything."""

from __future__ import annotations

from decimal import Decimal

import pytest

from trading.venues.delta_server.tests.support import Bench, Json, signed
from trading.venues.simulated.records import OrderState

ORDER_KEYS = {
    *("id", "user_id", "product_id", "product_symbol", "side", "order_type", "limit_price", "size", "unfilled_size"),
    *("average_fill_price", "state", "time_in_force", "reduce_only", "post_only", "client_order_id"),
    *("stop_order_type", "stop_price", "stop_trigger_method", "trail_amount", "close_on_trigger", "bracket_order"),
    *("bracket_stop_loss_price", "bracket_take_profit_price", "mmp", "commission", "paid_commission"),
    *("cancellation_reason", "meta_data", "created_at", "updated_at"),
}


async def test_a_resting_order_has_the_documented_fields_and_types(bench: Bench) -> None:
    _, ask = bench.quote(bench.call)
    row = await bench.limit(bench.call, "sell", 10, ask + 10, client_order_id="st7f3a-CE-e1", post_only="true")
    assert set(row) >= ORDER_KEYS
    assert (row["id"], row["size"], row["unfilled_size"]) == (34_500_001, 10, 10)
    assert (row["state"], row["time_in_force"], row["post_only"], row["reduce_only"]) == ("open", "gtc", True, False)
    assert Decimal(row["limit_price"]) == ask + 10
    assert Decimal(row["commission"]) > 0
    assert row["paid_commission"] == "0"
    assert row["created_at"] == "2026-09-04T04:00:30Z"


async def test_a_market_order_comes_back_closed_with_its_price_and_fee(bench: Bench) -> None:
    row = await bench.market(bench.call, "sell", 10)
    (fill,) = bench.exchange.fills()
    assert (row["state"], row["unfilled_size"], row["limit_price"]) == ("closed", 0, None)
    assert Decimal(row["average_fill_price"]) == fill.price
    assert Decimal(row["paid_commission"]) == fill.commission


async def test_a_product_may_be_named_by_symbol_but_not_twice(bench: Bench) -> None:
    body = {"product_symbol": bench.call.symbol, "size": 1, "side": "sell", "order_type": "market_order"}
    row = await bench.result("POST", "/v2/orders", body=body)
    assert row["product_id"] == bench.call.product_id
    both = {**body, "product_id": bench.call.product_id}
    assert await bench.code("POST", "/v2/orders", body=both) == "bad_schema"


async def test_sizes_and_flags_are_understood_as_text_too(bench: Bench) -> None:
    body = {"product_id": bench.call.product_id, "size": "2", "side": "sell", "order_type": "market_order"}
    row = await bench.result("POST", "/v2/orders", body={**body, "reduce_only": "false", "post_only": "false"})
    assert row["size"] == 2


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"size": 0}, ""),
        ({"size": 1.5}, "size"),
        ({"size": True}, "size"),
        ({"size": None}, "size"),
        ({"side": "short"}, "side"),
        ({"order_type": "stop"}, "order_type"),
        ({"time_in_force": "fok"}, "time_in_force"),
        ({"limit_price": "0"}, "limit_price"),
        ({"limit_price": "-1"}, "limit_price"),
        ({"limit_price": "abc"}, "limit_price"),
        ({"limit_price": "NaN"}, "limit_price"),
        ({"limit_price": "391.05"}, "limit_price"),
        ({"client_order_id": "x" * 33}, "client_order_id"),
        ({"client_order_id": 7}, "client_order_id"),
        ({"reduce_only": "maybe"}, "reduce_only"),
        ({"mmp": "mmp9"}, "mmp"),
        ({"stop_price": "10"}, "stop_order_type"),
        ({"bracket_stop_loss_price": "10", "bracket_trail_amount": "1"}, "bracket_trail_amount"),
    ],
)
async def test_a_malformed_order_is_refused_and_leaves_no_trace(bench: Bench, change: Json, param: str) -> None:
    body = {"product_id": bench.call.product_id, "size": 1, "side": "sell", "order_type": "limit_order"}
    response = await bench.send("POST", "/v2/orders", body={**body, "limit_price": "391", **change})
    error = response.json()["error"]
    assert response.status_code == 400
    assert bench.exchange.orders() == []
    if param:
        assert error["code"] == "bad_schema"
        assert error["context"]["schema_errors"][0]["param"] == param
    else:
        assert error["code"] == "less_than_order_min_size"


@pytest.mark.parametrize("text", ["{", "[]", '"text"', "\xff", ""])
async def test_a_body_that_is_no_order_is_bad_schema(bench: Bench, text: str) -> None:
    headers = signed("POST", "/v2/orders", text, bench.time.wall)
    async with bench.client() as client:
        response = await client.post("/v2/orders", content=text.encode(), headers=headers)
    assert (response.status_code, response.json()["error"]["code"]) == (400, "bad_schema")


async def test_an_unknown_contract_is_named(bench: Bench) -> None:
    body = {"product_symbol": "C-BTC-1-050926", "size": 1, "side": "sell", "order_type": "market_order"}
    response = await bench.send("POST", "/v2/orders", body=body)
    assert response.json()["error"] == {"code": "invalid_contract", "context": {"symbol": "C-BTC-1-050926"}}


async def test_a_client_order_id_is_refused_while_open_and_reused_afterwards(bench: Bench) -> None:
    _, ask = bench.quote(bench.call)
    await bench.limit(bench.call, "sell", 1, ask + 10, client_order_id="twice")
    body = {"product_id": bench.put.product_id, "size": 1, "side": "sell", "order_type": "market_order"}
    response = await bench.send("POST", "/v2/orders", body={**body, "client_order_id": "twice"})
    error = response.json()["error"]
    assert (error["code"], error["context"]["client_order_id"]) == ("bad_schema", "twice")
    await bench.result("DELETE", "/v2/orders", body={"client_order_id": "twice", "product_id": bench.call.product_id})
    await bench.result("POST", "/v2/orders", body={**body, "client_order_id": "twice"})
    second = await bench.result("POST", "/v2/orders", body={**body, "client_order_id": "twice"})
    assert second["state"] == "closed"
    assert len(bench.exchange.fills()) == 2


async def test_insufficient_margin_says_how_much_is_there_and_missing(bench: Bench) -> None:
    body = {"product_id": bench.call.product_id, "size": 40_000, "side": "sell", "order_type": "market_order"}
    response = await bench.send("POST", "/v2/orders", body=body)
    context = response.json()["error"]["context"]
    assert response.json()["error"]["code"] == "insufficient_margin"
    assert Decimal(context["available_balance"]) == 10_000
    assert Decimal(context["required_additional_balance"]) > 0


async def test_a_crossing_post_only_order_is_refused(bench: Bench) -> None:
    bid, _ = bench.quote(bench.call)
    body = {"product_id": bench.call.product_id, "size": 1, "side": "sell", "order_type": "limit_order"}
    body.update(limit_price=str(bid), post_only=True)
    assert await bench.code("POST", "/v2/orders", body=body) == "immediate_execution_post_only"


async def test_an_ioc_that_does_not_reach_the_book_comes_back_cancelled(bench: Bench) -> None:
    _, ask = bench.quote(bench.call)
    row = await bench.limit(bench.call, "sell", 1, ask + 50, time_in_force="ioc")
    assert (row["state"], row["unfilled_size"]) == ("cancelled", 1)


async def test_reduce_only_needs_a_position_and_shrinks_to_it(bench: Bench) -> None:
    body = {"product_id": bench.call.product_id, "size": 9, "side": "buy", "order_type": "market_order"}
    assert await bench.code("POST", "/v2/orders", body={**body, "reduce_only": True}) == "no_position_for_reduce_only"
    await bench.market(bench.call, "sell", 4)
    row = await bench.market(bench.call, "buy", 9, reduce_only="true")
    assert (row["size"], row["state"]) == (4, "closed")
    assert bench.exchange.positions() == []


async def test_an_edit_gives_the_new_total_size_and_price(bench: Bench) -> None:
    _, ask = bench.quote(bench.call)
    row = await bench.limit(bench.call, "sell", 10, ask + 10)
    body = {"id": row["id"], "product_id": bench.call.product_id, "size": 7, "limit_price": str(ask + 20)}
    edited = await bench.result("PUT", "/v2/orders", body=body)
    assert (edited["id"], edited["size"], edited["unfilled_size"]) == (row["id"], 7, 7)
    assert Decimal(edited["limit_price"]) == ask + 20


async def test_an_edit_that_crosses_trades(bench: Bench) -> None:
    bid, ask = bench.quote(bench.call)
    row = await bench.limit(bench.call, "sell", 10, ask + 10)
    edited = await bench.result("PUT", "/v2/orders", body={"id": row["id"], "limit_price": str(bid)})
    assert (edited["state"], edited["unfilled_size"]) == ("closed", 0)


async def test_gone_orders_are_neither_edited_nor_cancelled(bench: Bench) -> None:
    row = await bench.market(bench.call, "sell", 1)
    for method in ("PUT", "DELETE"):
        for order_id in (row["id"], 99):
            body = {"id": order_id, "product_id": bench.call.product_id}
            assert await bench.code(method, "/v2/orders", body=body) == "open_order_not_found"


async def test_a_cancel_must_name_the_right_contract(bench: Bench) -> None:
    _, ask = bench.quote(bench.call)
    row = await bench.limit(bench.call, "sell", 1, ask + 10)
    wrong = {"id": row["id"], "product_id": bench.put.product_id}
    assert await bench.code("DELETE", "/v2/orders", body=wrong) == "open_order_not_found"
    assert len(bench.exchange.open_orders()) == 1
    gone = await bench.result("DELETE", "/v2/orders", body={"id": row["id"], "product_id": bench.call.product_id})
    assert (gone["state"], gone["cancellation_reason"]) == ("cancelled", "cancelled_by_user")


async def test_cancelling_everything_without_flags_cancels_nothing(bench: Bench) -> None:
    _, ask = bench.quote(bench.call)
    await bench.limit(bench.call, "sell", 1, ask + 10)
    assert await bench.result("DELETE", "/v2/orders/all", body={}) == {}
    assert len(bench.exchange.open_orders()) == 1
    assert await bench.code("DELETE", "/v2/orders/all", body={"contract_types": 5}) == "bad_schema"
    await bench.result("DELETE", "/v2/orders/all", body={"cancel_limit_orders": "true"})
    assert bench.exchange.open_orders() == []


async def test_cancelling_everything_keeps_to_its_contract_and_kinds(bench: Bench) -> None:
    _, ask = bench.quote(bench.call)
    _, put_ask = bench.quote(bench.put)
    await bench.market(bench.call, "sell", 5)
    await bench.limit(bench.call, "sell", 1, ask + 10)
    await bench.limit(bench.call, "buy", 5, "1", reduce_only=True)
    await bench.limit(bench.put, "sell", 1, put_ask + 10)
    body = {"product_id": bench.call.product_id, "cancel_limit_orders": True}
    await bench.result("DELETE", "/v2/orders/all", body=body)
    left = {(order.symbol, order.reduce_only) for order in bench.exchange.open_orders()}
    assert left == {(bench.call.symbol, True), (bench.put.symbol, False)}


async def test_a_batch_takes_what_it_can_and_lists_only_that(bench: Bench) -> None:
    _, ask = bench.quote(bench.call)
    orders: list[Json] = [
        {"size": 1, "side": "sell", "limit_price": str(ask + 10), "client_order_id": "b1"},
        {"size": 50_000, "side": "sell", "limit_price": str(ask + 10), "client_order_id": "b2"},
        {"size": 2, "side": "sell", "limit_price": str(ask + 20), "client_order_id": "b3"},
    ]
    body: Json = {"product_id": bench.call.product_id, "orders": orders}
    rows = await bench.result("POST", "/v2/orders/batch", body=body)
    assert [row["client_order_id"] for row in rows] == ["b1", "b3"]
    edits = [{"id": row["id"], "size": 5} for row in rows]
    edited = await bench.result("PUT", "/v2/orders/batch", body={**body, "orders": edits})
    assert [row["size"] for row in edited] == [5, 5]
    gone = [{"id": rows[0]["id"]}, {"client_order_id": "b3"}, {"id": 1}]
    cancelled = await bench.result("DELETE", "/v2/orders/batch", body={**body, "orders": gone})
    assert [row["state"] for row in cancelled] == ["cancelled", "cancelled"]


async def test_a_batch_is_bounded_and_takes_limit_orders_only(bench: Bench) -> None:
    order = {"size": 1, "side": "sell", "limit_price": "9000"}
    body = {"product_id": bench.call.product_id, "orders": [order] * 51}
    assert await bench.code("POST", "/v2/orders/batch", body=body) == "bad_schema"
    body["orders"] = [{"size": 1, "side": "sell", "order_type": "market_order"}]
    assert await bench.code("POST", "/v2/orders/batch", body=body) == "bad_schema"


async def test_close_all_flattens_the_account_past_resting_orders(bench: Bench) -> None:
    await bench.market(bench.call, "sell", 5)
    await bench.market(bench.put, "buy", 3)
    await bench.limit(bench.call, "buy", 5, "1", reduce_only=True)
    body = {"close_all_portfolio": True, "close_all_isolated": True, "user_id": bench.server.config.user_id}
    assert await bench.result("POST", "/v2/positions/close_all", body=body) == {}
    assert bench.exchange.positions() == []
    assert bench.exchange.open_orders() == []


async def test_close_all_wants_real_booleans(bench: Bench) -> None:
    await bench.market(bench.call, "sell", 5)
    await bench.result("POST", "/v2/positions/close_all", body={"close_all_isolated": "true"})
    assert len(bench.exchange.positions()) == 1


async def test_a_stop_waits_unseen_by_the_book_and_can_be_edited_and_cancelled(bench: Bench) -> None:
    await bench.market(bench.call, "sell", 5)
    _, ask = bench.quote(bench.call)
    row = await bench.market(
        bench.call, "buy", 5, reduce_only=True, stop_order_type="stop_loss_order", stop_price=str(ask * 2)
    )
    assert (row["state"], row["stop_trigger_method"]) == ("pending", "mark_price")
    listed = await bench.result("GET", "/v2/orders", "?states=pending")
    assert [order["id"] for order in listed] == [row["id"]]
    edited = await bench.result("PUT", "/v2/orders", body={"id": row["id"], "stop_price": str(ask * 3)})
    assert Decimal(edited["stop_price"]) == ask * 3
    gone = await bench.result("DELETE", "/v2/orders", body={"id": row["id"]})
    assert gone["state"] == "cancelled"


async def test_a_position_gets_one_bracket_and_keeps_it_until_flat(bench: Bench) -> None:
    await bench.market(bench.call, "sell", 5)
    _, ask = bench.quote(bench.call)
    body = {
        "product_id": bench.call.product_id,
        "stop_loss_order": {"order_type": "market_order", "stop_price": str(ask * 2)},
        "take_profit_order": {"order_type": "market_order", "stop_price": "1"},
    }
    made = await bench.result("POST", "/v2/orders/bracket", body=body)
    kinds = {order["stop_order_type"] for order in made["orders"]}
    assert kinds == {"stop_loss_order", "take_profit_order"}
    assert await bench.code("POST", "/v2/orders/bracket", body=body) == "position_bracket_exist_or_invalid_data"
    await bench.market(bench.call, "buy", 5, reduce_only=True)
    assert bench.exchange.pending_orders() == []


async def test_an_entrys_bracket_appears_when_it_has_filled(bench: Bench) -> None:
    bid, ask = bench.quote(bench.call)
    row = await bench.limit(bench.call, "sell", 5, ask + 10, bracket_stop_loss_price=str(ask * 2))
    assert bench.exchange.pending_orders() == []
    change = {"id": row["id"], "bracket_stop_loss_price": str(ask * 3)}
    changed = await bench.result("PUT", "/v2/orders/bracket", body=change)
    assert Decimal(changed["bracket_stop_loss_price"]) == ask * 3
    await bench.result("PUT", "/v2/orders", body={"id": row["id"], "limit_price": str(bid)})
    (leg,) = bench.exchange.pending_orders()
    assert (leg.side, leg.size, leg.stop_price, leg.reduce_only) == ("buy", 5, ask * 3, True)
    assert await bench.code("PUT", "/v2/orders/bracket", body=change) == "open_order_not_found"


async def test_a_bracket_on_a_contract_that_is_held_is_refused(bench: Bench) -> None:
    await bench.market(bench.call, "sell", 1)
    body = {"product_id": bench.call.product_id, "size": 1, "side": "sell", "order_type": "market_order"}
    code = await bench.code("POST", "/v2/orders", body={**body, "bracket_stop_loss_price": "9000"})
    assert code == "bracket_order_position_exists"


async def test_the_dropped_bracket_leaves_other_stops(bench: Bench) -> None:
    await bench.market(bench.call, "sell", 5)
    stop = {"stop_order_type": "stop_loss_order", "stop_price": "9000", "reduce_only": True}
    await bench.market(bench.call, "buy", 5, **stop)
    body = {"product_id": bench.call.product_id, "stop_loss_order": {"stop_price": "8000"}}
    await bench.result("POST", "/v2/orders/bracket", body=body)
    await bench.result("DELETE", "/v2/orders/bracket", body={"product_id": bench.call.product_id})
    (left,) = bench.exchange.pending_orders()
    assert (left.stop_price, left.state) == (Decimal(9000), OrderState.PENDING)
