"""Quotas: weights in a fixed window, buckets, the header of 429, operations per contract."""

from __future__ import annotations

from typing import Any

import pytest

from trading.venues.delta_server.config import ServerConfig
from trading.venues.delta_server.tests.support import KEY, SECRET, Bench, make_bench


def small(**limits: Any) -> Bench:
    """A server with small limits."""
    return make_bench(config=ServerConfig(api_key=KEY, api_secret=SECRET, **limits))


async def quota(bench: Bench) -> int:
    """Units the user has used, without what the question costs."""
    response = await bench.send("GET", "/v2/rate_limits/quota")
    body = response.json()
    assert set(body) == {"current_quota", "remaining_time_in_milliseconds"}
    return int(body["current_quota"]) - 3


@pytest.mark.parametrize(
    ("path", "weight"),
    [
        ("/v2/wallet/balances", 3),
        ("/v2/orders", 3),
        ("/v2/positions/margined", 3),
        ("/v2/orders/history", 10),
        ("/v2/fills", 10),
        ("/v2/wallet/transactions", 10),
        ("/v2/users/trading_preferences", 1),
    ],
)
async def test_reads_cost_their_weight(bench: Bench, path: str, weight: int) -> None:
    before = await quota(bench)
    await bench.send("GET", path)
    assert await quota(bench) - before - 3 == weight


async def test_an_order_costs_five_and_a_batch_twenty_five(bench: Bench) -> None:
    before = await quota(bench)
    await bench.market(bench.call, "sell", 1)
    await bench.send("POST", "/v2/orders/batch", body={"product_id": bench.call.product_id, "orders": []})
    assert await quota(bench) - before - 3 == 30


async def test_public_reads_are_paid_by_the_address_not_the_user(bench: Bench) -> None:
    await bench.read("/v2/assets")
    assert await quota(bench) == 0
    async with bench.client() as client:
        body = (await client.get("/v2/rate_limits/quota")).json()
    assert body["current_quota"] == 1 + 3


async def test_beyond_the_quota_comes_429_with_the_milliseconds_to_wait() -> None:
    bench = small(quota=10)
    for _ in range(3):
        await bench.result("GET", "/v2/wallet/balances")
    bench.time.pass_(100)
    response = await bench.send("GET", "/v2/wallet/balances")
    assert response.status_code == 429
    assert response.headers["x-rate-limit-reset"] == "200000"
    assert response.json()["error"]["code"] == "rate_limit_exceeded"


async def test_a_refused_order_was_not_executed() -> None:
    bench = small(quota=4)
    body = {"product_id": bench.call.product_id, "size": 1, "side": "sell", "order_type": "market_order"}
    assert (await bench.send("POST", "/v2/orders", body=body)).status_code == 429
    assert bench.exchange.orders() == []


async def test_the_window_is_fixed_and_then_starts_anew() -> None:
    bench = small(quota=10)
    for _ in range(3):
        await bench.result("GET", "/v2/wallet/balances")
    bench.time.pass_(299.9)
    assert (await bench.send("GET", "/v2/wallet/balances")).status_code == 429
    bench.time.pass_(0.1)
    assert (await bench.send("GET", "/v2/wallet/balances")).status_code == 200


async def test_a_contract_takes_so_many_operations_a_second_and_cancels_are_free() -> None:
    bench = small(product_ops=2)
    _, ask = bench.quote(bench.call)
    first = await bench.limit(bench.call, "sell", 1, ask + 10)
    await bench.limit(bench.call, "sell", 1, ask + 10)
    body = {"product_id": bench.call.product_id, "size": 1, "side": "sell", "order_type": "market_order"}
    assert (await bench.send("POST", "/v2/orders", body=body)).status_code == 429
    await bench.result("DELETE", "/v2/orders", body={"id": first["id"]})
    other = {**body, "product_id": bench.put.product_id}
    assert (await bench.send("POST", "/v2/orders", body=other)).status_code == 200
    bench.time.pass_(1)
    assert (await bench.send("POST", "/v2/orders", body=body)).status_code == 200


async def test_socket_connections_are_counted_per_address() -> None:
    bench = small(socket_connects=2)
    assert [bench.server.limiter.connect(address) for address in ("a", "a", "a", "b")] == [True, True, False, True]
    bench.time.pass_(300)
    assert bench.server.limiter.connect("a")
