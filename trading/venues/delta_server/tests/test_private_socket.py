"""The private socket: log-in, snapshots, and the account's events with their sequences."""

from __future__ import annotations

from decimal import Decimal

import pytest

from trading.venues.delta_server.config import ServerConfig
from trading.venues.delta_server.tests.support import KEY, SECRET, Bench, Socket, make_bench


def private(bench: Bench) -> Socket:
    """A private socket."""
    return Socket(bench, "/private")


async def test_a_good_signature_logs_in(bench: Bench) -> None:
    async with private(bench) as socket:
        answer = await socket.log_in()
        assert answer == {"type": "key-auth", "success": True, "status_code": 200, "status": "authenticated"}


async def test_a_bad_signature_does_not(bench: Bench) -> None:
    async with private(bench) as socket:
        answer = await socket.log_in(secret="wrong")
        assert (answer["success"], answer["status_code"], answer["status"]) == (False, 401, "invalid_signature")
        assert "Unauthorized" in (await socket.subscribe("orders", "all"))["error"]


@pytest.mark.parametrize(
    ("payload", "status", "word"),
    [
        ({}, 400, "incomplete_payload"),
        ({"api-key": "other", "signature": "0", "timestamp": "1"}, 404, "api_key_not_found"),
        ({"api-key": KEY, "signature": "0", "timestamp": "1"}, 408, "request_expired"),
    ],
)
async def test_other_failures_have_their_own_words(
    bench: Bench, payload: dict[str, str], status: int, word: str
) -> None:
    async with private(bench) as socket:
        await socket.say({"type": "key-auth", "payload": payload})
        (answer,) = socket.of("key-auth")
        assert (answer["status_code"], answer["status"]) == (status, word)


async def test_an_address_that_is_not_whitelisted_is_named() -> None:
    bench = make_bench(config=ServerConfig(api_key=KEY, api_secret=SECRET, allowed_ips=("10.0.0.1",)))
    async with private(bench) as socket:
        answer = await socket.log_in()
        assert (answer["status_code"], answer["status"]) == (401, "ip_not_whitelisted")
        assert "127.0.0.1" in answer["message"]


async def test_the_public_socket_takes_no_log_in(bench: Bench) -> None:
    async with Socket(bench, "/public") as socket:
        await socket.say({"type": "key-auth", "payload": {}})
        assert socket.of("key-auth") == []
        assert socket.of("error")


async def test_market_data_is_refused_on_the_private_socket(bench: Bench) -> None:
    async with private(bench) as socket:
        assert "error" in await socket.subscribe("ob_l1", bench.call.symbol)
        assert "error" not in await socket.subscribe("product_updates")


async def test_only_explicit_symbols_get_a_snapshot(bench: Bench) -> None:
    _, ask = bench.quote(bench.call)
    row = await bench.limit(bench.call, "sell", 3, ask + 10)
    await bench.market(bench.put, "sell", 2)
    async with private(bench) as socket:
        await socket.log_in()
        await socket.subscribe("orders", "all", bench.call.symbol, bench.put.symbol)
        await socket.subscribe("positions", "put_options", bench.put.symbol)
        first, second = socket.of("orders")
        assert (first["action"], first["symbol"], first["success"]) == ("snapshot", bench.call.symbol, True)
        assert [order["id"] for order in first["result"]] == [row["id"]]
        assert set(first["meta"]) == {"seq_no", "timestamp"}
        assert second["result"] == []
        (held,) = socket.of("positions")
        assert [position["size"] for position in held["result"]] == [-2]


async def logged_in(socket: Socket) -> None:
    """Log in and listen to everything."""
    await socket.log_in()
    for channel in ("orders", "v2/user_trades", "user_trades", "positions"):
        await socket.subscribe(channel, "call_options", "put_options")
    await socket.subscribe("margins")


async def test_a_trade_is_told_on_every_channel(bench: Bench) -> None:
    async with private(bench) as socket:
        await logged_in(socket)
        await bench.market(bench.call, "sell", 6, client_order_id="st7f3a-CE-e1")
        await socket.settle()
        (fill,) = bench.exchange.fills()
        (trade,), (order,) = socket.of("v2/user_trades"), socket.of("orders")
        assert list(trade) == ["type", "sy", "f", "R", "u", "o", "S", "s", "p", "po", "r", "c", "t", "se"]
        assert (trade["f"], trade["s"], trade["po"], trade["se"]) == (fill.id, 6, -6, 1)
        assert (trade["R"], trade["r"], trade["c"]) == ("normal", "taker", "st7f3a-CE-e1")
        assert Decimal(trade["p"]) == fill.price
        assert (order["action"], order["reason"], order["state"]) == ("delete", "fill", "closed")
        assert (order["order_id"], order["seq_no"], order["unfilled_size"]) == (int(fill.order_id), 1, 0)
        (position,), (margin,) = socket.of("positions"), socket.of("margins")
        assert (position["size"], position["action"]) == (-6, "update")
        assert Decimal(margin["balance"]) == bench.exchange.balance().cash
        assert socket.of("user_trades")[0]["fill_id"] == fill.id


async def test_the_life_of_a_resting_order_is_told_in_sequence(bench: Bench) -> None:
    _, ask = bench.quote(bench.call)
    async with private(bench) as socket:
        await logged_in(socket)
        row = await bench.limit(bench.call, "sell", 10, ask + 10)
        await bench.result("PUT", "/v2/orders", body={"id": row["id"], "size": 8})
        await bench.result("DELETE", "/v2/orders", body={"id": row["id"]})
        await socket.settle()
        told = [(frame["action"], frame["reason"], frame["state"], frame["seq_no"]) for frame in socket.of("orders")]
        assert told == [("create", None, "open", 1), ("update", None, "open", 2), ("delete", None, "cancelled", 3)]
        assert socket.of("orders")[-1]["cancellation_reason"] == "cancelled_by_user"


async def test_sequences_run_contract_by_contract(bench: Bench) -> None:
    async with private(bench) as socket:
        await logged_in(socket)
        await bench.market(bench.call, "sell", 1)
        await bench.market(bench.put, "sell", 1)
        await bench.market(bench.call, "sell", 1)
        await socket.settle()
        told = [(frame["sy"], frame["se"], frame["po"]) for frame in socket.of("v2/user_trades")]
        call, put = bench.call.symbol, bench.put.symbol
        assert told == [(call, 1, -1), (put, 1, -1), (call, 2, -2)]


async def test_fills_of_the_market_arrive_without_a_request(bench: Bench) -> None:
    _, ask = bench.quote(bench.call)
    await bench.limit(bench.call, "sell", 5, ask)
    async with private(bench) as socket:
        await logged_in(socket)
        for _ in range(400):
            await socket.step(10)
            if not bench.exchange.open_orders():
                break
        trades = socket.of("v2/user_trades")
        assert sum(frame["s"] for frame in trades) == 5
        assert {frame["r"] for frame in trades} == {"maker"}
        assert socket.of("orders")[-1]["reason"] == "fill"


async def test_a_stop_is_told_from_waiting_to_triggered(bench: Bench) -> None:
    await bench.market(bench.call, "sell", 5)
    mark = bench.exchange.quote(bench.call.symbol)
    assert mark is not None
    assert mark.mark is not None
    stop = str((mark.mark + Decimal(2)).quantize(Decimal(1)))
    async with private(bench) as socket:
        await logged_in(socket)
        await bench.market(bench.call, "buy", 5, reduce_only=True, stop_order_type="stop_loss_order", stop_price=stop)
        for _ in range(700):
            await socket.step(30)
            if not bench.exchange.pending_orders():
                break
        told = [(frame["action"], frame["reason"], frame["state"]) for frame in socket.of("orders")]
        assert told == [("create", None, "pending"), ("delete", "stop_trigger", "closed")]
        assert bench.exchange.positions() == []


async def test_after_logging_out_the_account_is_silent(bench: Bench) -> None:
    async with private(bench) as socket:
        await logged_in(socket)
        await socket.say({"type": "unauth", "payload": {}})
        await bench.market(bench.call, "sell", 1)
        await socket.settle()
        assert socket.of("orders") == []
        assert "error" in await socket.subscribe("orders", "all")


async def test_only_the_contracts_asked_for_are_told(bench: Bench) -> None:
    async with private(bench) as socket:
        await socket.log_in()
        await socket.subscribe("orders", bench.put.symbol)
        await bench.market(bench.call, "sell", 1)
        await bench.market(bench.put, "sell", 1)
        await socket.settle()
        updates = [frame["symbol"] for frame in socket.of("orders") if frame["action"] != "snapshot"]
        assert updates == [bench.put.symbol]
