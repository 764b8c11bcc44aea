"""Reading the account: orders, history, fills, positions, wallet, pages and clamps."""

from __future__ import annotations

from decimal import Decimal

import pytest

from trading.strategy.types import OrderType, Side
from trading.venues.delta_server.config import Quirks, ServerConfig
from trading.venues.delta_server.tests.support import KEY, SECRET, Bench, Json, make_bench
from trading.venues.simulated.records import OrderRequest


async def pages(bench: Bench, path: str, query: str) -> list[list[Json]]:
    """Every page from the newest on."""
    found, after = [], ""
    while True:
        response = await bench.send("GET", path, f"?{query}{after}")
        body = response.json()
        found.append(body["result"])
        if body["meta"]["after"] is None:
            return found
        after = f"&after={body['meta']['after']}"


def trade(bench: Bench, count: int) -> None:
    """So many market orders, buying and selling in turn."""
    for index in range(count):
        side = Side.SELL if index % 2 == 0 else Side.BUY
        bench.exchange.place(OrderRequest(bench.call.symbol, side, 1, OrderType.MARKET, client_order_id=f"t{index}"))
        bench.advance(10)


async def test_history_pages_from_the_newest_without_gaps_or_repeats(bench: Bench) -> None:
    trade(bench, 7)
    found = await pages(bench, "/v2/orders/history", "page_size=3")
    assert [len(page) for page in found] == [3, 3, 1]
    ids = [row["id"] for page in found for row in page]
    assert ids == sorted(ids, reverse=True)
    assert len(set(ids)) == 7


async def test_a_page_can_be_left_backwards(bench: Bench) -> None:
    trade(bench, 5)
    first = (await bench.send("GET", "/v2/fills", "?page_size=2")).json()
    assert first["meta"]["before"] is None
    second = (await bench.send("GET", "/v2/fills", f"?page_size=2&after={first['meta']['after']}")).json()
    back = (await bench.send("GET", "/v2/fills", f"?page_size=2&before={second['meta']['before']}")).json()
    assert back["result"] == first["result"]
    assert back["meta"]["before"] is None


@pytest.mark.parametrize("path", ["/v2/orders/history", "/v2/fills", "/v2/wallet/transactions"])
async def test_pages_are_silently_clamped_to_fifty_rows(bench: Bench, path: str) -> None:
    trade(bench, 60)
    rows = await bench.result("GET", path, "?page_size=500")
    assert len(rows) == 50


async def test_open_orders_come_ten_a_page_unless_asked(bench: Bench) -> None:
    _, ask = bench.quote(bench.call)
    for index in range(12):
        await bench.limit(bench.call, "sell", 1, ask + 10 + index)
    assert len(await bench.result("GET", "/v2/orders")) == 10
    assert len(await bench.result("GET", "/v2/orders", "?page_size=50")) == 12


async def test_more_than_ten_ids_are_refused(bench: Bench) -> None:
    ids = "%2C".join(str(number) for number in range(11))
    for path in ("/v2/orders", "/v2/orders/history", "/v2/fills", "/v2/positions/margined"):
        assert await bench.code("GET", path, f"?product_ids={ids}") == "bad_schema"


async def test_foreign_cursors_are_refused(bench: Bench) -> None:
    assert await bench.code("GET", "/v2/fills", "?after=!!") == "bad_schema"


async def test_unknown_query_parameters_are_ignored(bench: Bench) -> None:
    trade(bench, 1)
    assert len(await bench.result("GET", "/v2/fills", "?product_id=1&fill_type=none")) == 1


async def test_history_filters_by_product_kind_type_and_time(bench: Bench) -> None:
    trade(bench, 2)
    middle = int(bench.exchange.now().timestamp() * 1_000_000)
    bench.advance(5)
    bid, _ = bench.quote(bench.put)
    await bench.limit(bench.put, "sell", 1, bid)
    symbols = [
        [row["product_symbol"] for row in await bench.result("GET", "/v2/orders/history", f"?{query}")]
        for query in (
            f"product_ids={bench.put.product_id}",
            "contract_types=put_options",
            "order_types=limit",
            f"start_time={middle}",
        )
    ]
    assert symbols == [[bench.put.symbol]] * 4
    assert len(await bench.result("GET", "/v2/orders/history", f"?end_time={middle}")) == 2
    assert await bench.result("GET", "/v2/orders/history", "?order_types=all_stop") == []


async def test_a_filled_order_is_hidden_from_the_read_by_client_id_only(bench: Bench) -> None:
    trade(bench, 1)
    response = await bench.send("GET", "/v2/orders/client_order_id/t0")
    assert (response.status_code, response.json()["error"]["code"]) == (404, "open_order_not_found")
    (row,) = await bench.result("GET", "/v2/orders/history")
    assert (await bench.result("GET", f"/v2/orders/{row['id']}"))["client_order_id"] == "t0"


async def test_the_quirk_of_the_read_by_client_id_can_be_switched_off() -> None:
    quirks = Quirks(hide_filled_by_client_id=False)
    bench = make_bench(config=ServerConfig(api_key=KEY, api_secret=SECRET, quirks=quirks))
    trade(bench, 1)
    assert (await bench.result("GET", "/v2/orders/client_order_id/t0"))["state"] == "closed"


async def test_open_and_cancelled_orders_are_found_by_client_id(bench: Bench) -> None:
    _, ask = bench.quote(bench.call)
    await bench.limit(bench.call, "sell", 1, ask + 10, client_order_id="rests")
    assert (await bench.result("GET", "/v2/orders/client_order_id/rests"))["state"] == "open"
    await bench.result("DELETE", "/v2/orders", body={"client_order_id": "rests"})
    assert (await bench.result("GET", "/v2/orders/client_order_id/rests"))["state"] == "cancelled"


async def test_unknown_orders_are_not_found(bench: Bench) -> None:
    for path in ("/v2/orders/1", f"/v2/orders/{10**23}", "/v2/orders/abc", "/v2/orders/client_order_id/none"):
        assert await bench.code("GET", path) == "open_order_not_found"


async def test_a_fill_has_the_documented_fields(bench: Bench) -> None:
    await bench.market(bench.call, "sell", 10, client_order_id="f1")
    (row,) = await bench.result("GET", "/v2/fills")
    (fill,) = bench.exchange.fills()
    assert (row["id"], row["order_id"], row["size"]) == (fill.id, str(fill.order_id), 10)
    assert (row["role"], row["fill_type"], row["settling_asset_symbol"]) == ("taker", "normal", "USD")
    assert (Decimal(row["price"]), Decimal(row["commission"])) == (fill.price, fill.commission)
    assert row["meta_data"]["effective_commission_rate"] == "0.0001"
    assert "client_order_id" not in row


async def test_positions_are_real_time_by_product_and_by_underlying(bench: Bench) -> None:
    path = "/v2/positions"
    by_id = f"?product_id={bench.call.product_id}"
    assert await bench.result("GET", path, by_id) == {"size": 0, "entry_price": None}
    await bench.market(bench.call, "sell", 3)
    found = await bench.result("GET", path, by_id)
    assert found["size"] == -3
    assert Decimal(found["entry_price"]) == bench.exchange.positions()[0].entry_price
    (row,) = await bench.result("GET", path, "?underlying_asset_symbol=BTC")
    assert (row["product_symbol"], row["size"]) == (bench.call.symbol, -3)
    assert await bench.result("GET", path, "?underlying_asset_symbol=ETH") == []
    assert await bench.code("GET", path) == "bad_schema"


async def test_margined_positions_lag_by_up_to_ten_seconds(bench: Bench) -> None:
    assert await bench.result("GET", "/v2/positions/margined") == []
    await bench.market(bench.call, "sell", 3)
    bench.time.pass_(9)
    assert await bench.result("GET", "/v2/positions/margined") == []
    bench.time.pass_(1)
    (row,) = await bench.result("GET", "/v2/positions/margined")
    assert (row["product_symbol"], row["size"], row["margin_mode"]) == (bench.call.symbol, -3, "isolated")


@pytest.mark.parametrize("unsigned", [True, False])
async def test_the_profit_of_shorts_is_wrong_only_with_the_quirk(unsigned: bool) -> None:
    quirks = Quirks(unsigned_short_pnl=unsigned, margined_lag_seconds=0)
    bench = make_bench(config=ServerConfig(api_key=KEY, api_secret=SECRET, quirks=quirks))
    await bench.market(bench.call, "sell", 1_000)
    (row,) = await bench.result("GET", "/v2/positions/margined")
    mark, entry = Decimal(row["mark_price"]), Decimal(row["entry_price"])
    assert Decimal(row["unrealized_pnl"]) == (mark if unsigned else entry - mark)


async def test_balances_add_up(bench: Bench) -> None:
    _, ask = bench.quote(bench.put)
    await bench.market(bench.call, "sell", 100)
    await bench.limit(bench.put, "sell", 100, ask + 10)
    response = (await bench.send("GET", "/v2/wallet/balances")).json()
    (row,) = response["result"]
    cash, blocked = Decimal(row["balance"]), Decimal(row["blocked_margin"])
    assert blocked == Decimal(row["position_margin"]) + Decimal(row["order_margin"])
    assert Decimal(row["available_balance"]) == cash - blocked
    assert Decimal(row["order_margin"]) > 0
    assert Decimal(response["meta"]["net_equity"]) < cash


async def test_wallet_entries_explain_the_balance(bench: Bench) -> None:
    await bench.market(bench.call, "sell", 10)
    rows = await bench.result("GET", "/v2/wallet/transactions")
    assert [row["transaction_type"] for row in rows] == ["commission", "cashflow", "deposit"]
    assert sum(Decimal(row["amount"]) for row in rows) == bench.exchange.balance().cash
    only = await bench.result("GET", "/v2/wallet/transactions", "?transaction_types=cashflow")
    assert [row["product_id"] for row in only] == [bench.call.product_id]


async def test_margin_required_is_what_the_order_then_binds(bench: Bench) -> None:
    path = f"/v2/products/{bench.call.product_id}/margin_required"
    told = await bench.result("GET", path, "?size=10&side=sell&order_type=limit_order")
    await bench.market(bench.call, "sell", 10)
    (row,) = await bench.result("GET", "/v2/wallet/balances")
    assert told["order_size"] == 10
    assert Decimal(told["initial_margin"]) == Decimal(row["position_margin"])
    assert Decimal(told["maintenance_margin"]) < Decimal(told["initial_margin"])


async def test_leverage_is_remembered_within_bounds(bench: Bench) -> None:
    path = f"/v2/products/{bench.call.product_id}/orders/leverage"
    assert (await bench.result("GET", path))["leverage"] == "200"
    assert (await bench.result("POST", path, body={"leverage": "10"}))["leverage"] == "10"
    assert (await bench.result("GET", path))["leverage"] == "10"
    assert await bench.code("POST", path, body={"leverage": "201"}) == "max_leverage_exceeded"


async def test_a_settlement_appears_as_a_fill_of_a_uuid_order_and_in_the_wallet() -> None:
    bench = make_bench()
    deep = max(bench.server.catalogue.live(), key=lambda item: _inside(bench, item.symbol))
    await bench.market(deep, "sell", 1)
    await bench.market(bench.call, "sell", 1)
    bench.clock.set(deep.settlement_at)
    bench.advance(60)
    fills = await bench.result("GET", "/v2/fills", f"?product_ids={deep.product_id}")
    assert [fill["fill_type"] for fill in fills] == ["settlement", "normal"]
    assert len(fills[0]["order_id"].split("-")) == 5
    kinds = [row["transaction_type"] for row in await bench.result("GET", "/v2/wallet/transactions")]
    assert "settlement" in kinds
    product = await bench.read(f"/v2/products/{deep.symbol}")
    assert (product["state"], product["settlement_price"]) == ("expired", fills[0]["price"])


def _inside(bench: Bench, symbol: str) -> Decimal:
    item = bench.exchange.instrument(symbol)
    near = item.underlying == "BTC" and item.settlement_at == bench.call.settlement_at
    if not near or item.option_type != "call" or item.trading_status != "operational":
        return Decimal(-1)
    return bench.server.spot("BTC") - item.strike
