"""The dead-man switch: it cancels what it covers when its heartbeat stops, and never closes a position."""

from __future__ import annotations

from decimal import Decimal

import pytest

from trading.venues.delta_server.config import Quirks, ServerConfig
from trading.venues.delta_server.tests.support import KEY, SECRET, Bench, Json, make_bench

SWITCH: Json = {
    "heartbeat_id": "strangle-01",
    "impact": "contracts",
    "contract_types": ["call_options"],
    "underlying_assets": ["BTC"],
    "config": [{"action": "cancel_orders", "unhealthy_count": 1}],
}


async def armed(bench: Bench, **change: object) -> None:
    """A switch with thirty seconds, and a resting call and put."""
    assert await bench.result("POST", "/v2/heartbeat/create", body={**SWITCH, **change}) == {
        "heartbeat_id": "strangle-01"
    }
    for item in (bench.call, bench.put):
        _, ask = bench.quote(item)
        await bench.limit(item, "sell", 1, ask + 10)
    answer = await bench.result("POST", "/v2/heartbeat", body={"heartbeat_id": "strangle-01", "ttl": 30_000})
    assert answer["process_enabled"] == "true"


def resting(bench: Bench) -> set[str]:
    """Symbols with an open order."""
    bench.app.hub.step()
    return {order.symbol for order in bench.exchange.open_orders()}


async def test_it_cancels_what_it_covers_when_the_heartbeat_stops(bench: Bench) -> None:
    await armed(bench)
    bench.time.pass_(29.9)
    assert resting(bench) == {bench.call.symbol, bench.put.symbol}
    bench.time.pass_(0.1)
    assert resting(bench) == {bench.put.symbol}
    gone = next(order for order in bench.exchange.orders() if order.symbol == bench.call.symbol)
    assert gone.reason == "cancelled_by_heartbeat"


async def test_an_acknowledgement_gives_another_thirty_seconds(bench: Bench) -> None:
    await armed(bench)
    bench.time.pass_(20)
    await bench.result("POST", "/v2/heartbeat", body={"heartbeat_id": "strangle-01", "ttl": 30_000})
    bench.time.pass_(20)
    assert len(resting(bench)) == 2


async def test_it_may_miss_as_many_beats_as_it_says(bench: Bench) -> None:
    await armed(bench, config=[{"action": "cancel_orders", "unhealthy_count": 2}])
    bench.time.pass_(59)
    assert len(resting(bench)) == 2
    bench.time.pass_(1)
    assert len(resting(bench)) == 1


async def test_a_ttl_of_zero_disarms(bench: Bench) -> None:
    await armed(bench)
    answer = await bench.result("POST", "/v2/heartbeat", body={"heartbeat_id": "strangle-01", "ttl": 0})
    assert answer["process_enabled"] == "false"
    bench.time.pass_(1_000)
    assert len(resting(bench)) == 2


async def test_its_state_can_be_read(bench: Bench) -> None:
    await armed(bench)
    (row,) = await bench.result("GET", "/v2/heartbeat")
    assert (row["heartbeat_id"], row["status"]) == ("strangle-01", "healthy")
    assert row["next_ack_required_by"] - row["last_ack"] == 30_000_000
    bench.time.pass_(31)
    resting(bench)
    (row,) = await bench.result("GET", "/v2/heartbeat", "?heartbeat_id=strangle-01")
    assert row["status"] == "unhealthy"
    assert await bench.result("GET", "/v2/heartbeat", "?heartbeat_id=other") == []


@pytest.mark.parametrize(("spared", "left"), [(False, 0), (True, 1)])
async def test_whether_stops_survive_is_a_setting(spared: bool, left: int) -> None:
    quirks = Quirks(heartbeat_spares_stops=spared)
    bench = make_bench(config=ServerConfig(api_key=KEY, api_secret=SECRET, quirks=quirks))
    await bench.market(bench.call, "sell", 5)
    stop = {"stop_order_type": "stop_loss_order", "stop_price": "9000", "reduce_only": True}
    await bench.market(bench.call, "buy", 5, **stop)
    await armed(bench)
    bench.time.pass_(30)
    assert bench.call.symbol not in resting(bench)
    assert len(bench.exchange.pending_orders()) == left
    assert [position.size for position in bench.exchange.positions()] == [-5]


@pytest.mark.parametrize(
    "change",
    [
        {"heartbeat_id": ""},
        {"impact": "low"},
        {"contract_types": []},
        {"impact": "products"},
        {"config": []},
        {"config": [{"action": "close_positions"}]},
        {"config": [{"action": "cancel_orders", "unhealthy_count": "many"}]},
        {"config": [{"action": "cancel_orders", "unhealthy_count": -1}]},
    ],
)
async def test_a_malformed_switch_is_refused(bench: Bench, change: Json) -> None:
    assert await bench.code("POST", "/v2/heartbeat/create", body={**SWITCH, **change}) == "bad_schema"


async def test_an_unknown_switch_cannot_be_acknowledged(bench: Bench) -> None:
    body = {"heartbeat_id": "none", "ttl": 1_000}
    assert await bench.code("POST", "/v2/heartbeat", body=body) == "heartbeat_not_found"


async def test_a_switch_for_products_covers_those(bench: Bench) -> None:
    await armed(bench, impact="products", product_symbols=[bench.put.symbol])
    bench.time.pass_(30)
    assert resting(bench) == {bench.call.symbol}
    assert bench.exchange.balance().cash == Decimal(10_000)
