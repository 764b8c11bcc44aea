"""Faults by name: each strikes what it is aimed at, as often as it says, and leaves the truth alone."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

from trading.venues.delta_server.faults import WireCall, WireFault, WirePlan, parse_faults
from trading.venues.delta_server.tests.support import Bench, Socket

SELL = {"size": 4, "side": "sell", "order_type": "market_order"}


def body(bench: Bench, **more: object) -> dict[str, object]:
    """A market sell of the call."""
    return {"product_id": bench.call.product_id, **SELL, **more}


async def test_a_timeout_after_acceptance_leaves_the_order_at_the_venue(bench: Bench) -> None:
    bench.server.faults.inject("timeout_after:count=1,seconds=7")
    response = await bench.send("POST", "/v2/orders", body=body(bench, client_order_id="lost"))
    assert response.status_code == 504
    assert bench.slept == [7.0]
    (order,) = bench.exchange.orders()
    assert (order.client_order_id, order.filled) == ("lost", 4)
    assert (await bench.send("POST", "/v2/orders", body=body(bench))).status_code == 200


async def test_a_timeout_before_leaves_nothing(bench: Bench) -> None:
    bench.server.faults.inject("timeout_before:count=1,path=/v2/orders")
    assert (await bench.send("GET", "/v2/wallet/balances")).status_code == 200
    assert (await bench.send("POST", "/v2/orders", body=body(bench))).status_code == 504
    assert bench.exchange.orders() == []


async def test_a_rejection_has_the_code_that_was_asked_for(bench: Bench) -> None:
    bench.server.faults.inject("reject:code=risk_limits_breached,leg=call")
    assert await bench.code("POST", "/v2/orders", body=body(bench)) == "risk_limits_breached"
    put = {**body(bench), "product_id": bench.put.product_id}
    assert (await bench.send("POST", "/v2/orders", body=put)).status_code == 200


async def test_a_partial_fill_fills_its_share(bench: Bench) -> None:
    bench.server.faults.inject("partial:fraction=0.5,count=1")
    row = await bench.result("POST", "/v2/orders", body=body(bench))
    assert (row["unfilled_size"], row["state"]) == (2, "cancelled")


async def test_a_rate_limit_says_how_long(bench: Bench) -> None:
    bench.server.faults.inject("rate_limit:count=1,seconds=1.5")
    response = await bench.send("GET", "/v2/orders")
    assert (response.status_code, response.headers["x-rate-limit-reset"]) == (429, "1500")
    assert (await bench.send("GET", "/v2/orders")).status_code == 200


@pytest.mark.parametrize(("fault", "placed"), [("server_error:status=502", 0), ("error_after:status=500", 1)])
async def test_errors_of_the_infrastructure_are_html(bench: Bench, fault: str, placed: int) -> None:
    bench.server.faults.inject(fault)
    response = await bench.send("POST", "/v2/orders", body=body(bench))
    assert response.status_code in (500, 502)
    assert response.text.startswith("<!DOCTYPE HTML>")
    assert len(bench.exchange.orders()) == placed


async def test_truncated_answers_are_no_json(bench: Bench) -> None:
    bench.server.faults.inject("truncated:count=1")
    response = await bench.send("GET", "/v2/wallet/balances")
    assert response.status_code == 200
    with pytest.raises(json.JSONDecodeError):
        response.json()


async def test_http_200_can_mean_failure(bench: Bench) -> None:
    bench.server.faults.inject("not_success:code=unavailable,count=1")
    response = await bench.send("GET", "/v2/wallet/balances")
    assert response.status_code == 200
    assert response.json() == {"success": False, "error": {"code": "unavailable"}}


async def test_fields_can_be_new_and_types_swapped(bench: Bench) -> None:
    bench.server.faults.inject("swapped_types:count=1; unknown_fields:nth=2,count=1")
    (swapped,) = await bench.result("GET", "/v2/wallet/balances")
    assert (swapped["asset_id"], swapped["balance"]) == ("14", 10_000)
    assert "zz_new" not in swapped
    (extended,) = await bench.result("GET", "/v2/wallet/balances")
    assert "zz_new" in extended


async def test_what_the_cdn_answers_has_no_fields_to_change(bench: Bench) -> None:
    bench.server.faults.inject("server_error:count=1; swapped_types:count=1; unknown_fields:nth=2,count=1")
    assert (await bench.send("GET", "/v2/wallet/balances")).status_code == 503
    (swapped,) = await bench.result("GET", "/v2/wallet/balances")
    assert swapped["asset_id"] == "14"


async def test_skew_moves_the_server_against_honest_clients(bench: Bench) -> None:
    bench.server.faults.inject("skew:seconds=30")
    response = await bench.send("GET", "/v2/wallet/balances")
    assert response.json()["error"]["code"] == "expired_signature"
    told = (await bench.read("/v2/settings"))["server_time"]
    assert told == int(bench.exchange.now().timestamp() + 30) * 1_000_000
    bench.server.faults.lift()
    assert (await bench.send("GET", "/v2/wallet/balances")).status_code == 200


async def test_slow_answers_wait_first(bench: Bench) -> None:
    bench.server.faults.inject("slow:seconds=0.4,method=get")
    await bench.send("GET", "/v2/wallet/balances")
    assert bench.slept == [0.4]


async def test_maintenance_closes_all_but_the_settings(bench: Bench) -> None:
    bench.server.faults.inject("maintenance:for=60")
    assert (await bench.read("/v2/settings"))["under_maintenance"] == "true"
    response = await bench.send("GET", "/v2/wallet/balances")
    assert (response.status_code, response.json()["error"]["code"]) == (503, "under_maintenance")
    bench.time.pass_(60)
    assert (await bench.send("GET", "/v2/wallet/balances")).status_code == 200


async def test_an_address_can_be_refused_by_fault(bench: Bench) -> None:
    bench.server.faults.inject("ip_refused")
    assert await bench.code("GET", "/v2/wallet/balances") == "ip_not_whitelisted_for_api_key"
    await bench.read("/v2/assets")


async def test_a_silent_public_socket_says_nothing_and_stays_open(bench: Bench) -> None:
    async with Socket(bench, "/public") as socket:
        await socket.subscribe("ob_l1", bench.call.symbol)
        bench.server.faults.inject("public_silent:for=30")
        await socket.step(20)
        assert socket.of("ob_l1") == []
        await socket.step(10)
        assert len(socket.of("ob_l1")) == 1


async def test_a_dropped_private_socket_can_come_back_and_missed_nothing_in_its_snapshot(bench: Bench) -> None:
    async with Socket(bench, "/private") as socket:
        await socket.log_in()
        bench.server.faults.inject("private_drop")
        await socket.step()
        assert socket.close_code == 4011
        await bench.market(bench.call, "sell", 2)
    async with Socket(bench, "/private") as again:
        await again.log_in()
        await again.subscribe("positions", bench.call.symbol)
        await again.step(1)
        assert again.close_code is None
        (held,) = again.of("positions")
        assert held["result"][0]["size"] == -2


@pytest.mark.parametrize(
    ("fault", "sequence"),
    [
        ("duplicate_frames:count=1", [1, 1, 2, 3]),
        ("drop_frames:nth=2,count=1", [1, 3]),
        ("reorder_frames:count=1", [2, 1, 3]),
    ],
)
async def test_frames_are_repeated_lost_or_reordered(bench: Bench, fault: str, sequence: list[int]) -> None:
    async with Socket(bench, "/private") as socket:
        await socket.log_in()
        await socket.subscribe("v2/user_trades", "all")
        bench.server.faults.inject(f"{fault},channel=v2/user_trades")
        for _ in range(3):
            await bench.market(bench.call, "sell", 1)
        await socket.settle()
        assert [frame["se"] for frame in socket.of("v2/user_trades")] == sequence


async def test_sequences_can_begin_anew(bench: Bench) -> None:
    async with Socket(bench, "/private") as socket:
        await socket.log_in()
        await socket.subscribe("v2/user_trades", "all")
        await bench.market(bench.call, "sell", 1)
        bench.server.faults.inject("seq_reset")
        await socket.step()
        await bench.market(bench.call, "sell", 1)
        await socket.settle()
        assert [frame["se"] for frame in socket.of("v2/user_trades")] == [1, 1]


@pytest.mark.parametrize(
    ("fault", "bid", "ask"),
    [
        ("one_sided:empty=ask", True, False),
        ("one_sided:empty=bid", False, True),
        ("one_sided", False, False),
        ("one_sided:leg=put", True, True),
    ],
)
async def test_a_side_of_the_book_can_be_empty_for_who_looks(bench: Bench, fault: str, bid: bool, ask: bool) -> None:
    bench.server.faults.inject(fault)
    quotes = (await bench.read(f"/v2/tickers/{bench.call.symbol}"))["quotes"]
    assert (quotes["best_bid"] is not None, quotes["best_ask"] is not None) == (bid, ask)
    assert (await bench.market(bench.call, "sell", 1))["state"] == "closed"


async def test_a_book_can_be_crossed(bench: Bench) -> None:
    bid, ask = bench.quote(bench.call)
    bench.server.faults.inject("crossed")
    quotes = (await bench.read(f"/v2/tickers/{bench.call.symbol}"))["quotes"]
    assert (Decimal(quotes["best_bid"]), Decimal(quotes["best_ask"])) == (ask, bid)


async def test_a_stale_quote_keeps_its_price_and_its_stamp_until_the_fault_is_over(bench: Bench) -> None:
    path = f"/v2/tickers/{bench.call.symbol}"
    bench.server.faults.inject("stale:for=60")
    first = await bench.read(path)
    bench.advance(30)
    second = await bench.read(path)
    assert (second["timestamp"], second["quotes"], second["mark_price"]) == (
        first["timestamp"],
        first["quotes"],
        first["mark_price"],
    )
    bench.advance(31)
    assert (await bench.read(path))["timestamp"] == first["timestamp"] + 61_000_000


async def test_a_stale_quote_on_the_socket_has_an_old_stamp(bench: Bench) -> None:
    async with Socket(bench, "/public") as socket:
        await socket.subscribe("ob_l1", bench.call.symbol)
        await socket.step(1)
        bench.server.faults.inject("stale")
        for _ in range(12):
            await socket.step(1)
        stamps = {frame["ts"] for frame in socket.of("ob_l1")[1:]}
        assert len(stamps) == 1
        assert max(stamps) < int(bench.exchange.now().timestamp() - 10) * 1_000_000


def test_a_fault_counts_only_the_calls_it_is_aimed_at() -> None:
    plan = WirePlan(lambda: 0.0)
    plan.inject("reject:nth=2,count=1,side=buy")
    place = WireCall("POST", "/v2/orders", "C-BTC-1-010126", "buy")
    other = WireCall("POST", "/v2/orders", "C-BTC-1-010126", "sell")
    struck = [plan.take(WireFault.REJECT, call) is not None for call in (place, other, place, place)]
    assert struck == [False, False, True, False]


def test_a_window_opens_and_closes() -> None:
    now = [0.0]
    plan = WirePlan(lambda: now[0])
    plan.inject("slow:after=10,for=5")
    found = []
    for at in (9.9, 10.0, 14.9, 15.0):
        now[0] = at
        found.append(plan.take(WireFault.SLOW) is not None)
    assert found == [False, True, True, False]


def test_a_file_of_faults_has_comments_and_lines() -> None:
    found = parse_faults("# entry\ntimeout_after:count=1\n\nrate_limit:seconds=2; slow\n")
    assert [spec.kind for spec in found] == [WireFault.TIMEOUT_AFTER, WireFault.RATE_LIMIT, WireFault.SLOW]


@pytest.mark.parametrize("text", ["nonsense", "slow:speed=1", "slow:seconds=fast", "one_sided:empty=left"])
def test_a_fault_that_is_not_known_is_named(text: str) -> None:
    with pytest.raises(ValueError, match=text.split(":", maxsplit=1)[0].split("=", maxsplit=1)[0]):
        parse_faults(text)
