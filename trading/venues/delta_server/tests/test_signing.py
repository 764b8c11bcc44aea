"""Who is let in: signatures over the bytes on the wire, the five-second window, keys, addresses, the CDN."""

from __future__ import annotations

import httpx
import pytest

from trading.venues.delta_server.config import ServerConfig
from trading.venues.delta_server.signing import rest_prehash, signature
from trading.venues.delta_server.tests.support import KEY, SECRET, Bench, make_bench, signed
from trading.venues.delta_server.wire import Request

BALANCES = "/v2/wallet/balances"


def test_the_prehash_is_the_documented_one_for_a_read() -> None:
    request = Request("GET", b"/v2/orders", b"product_id=1&state=open", {}, b"", "")
    assert rest_prehash(request, "1542110948") == b"GET1542110948/v2/orders?product_id=1&state=open"


def test_the_prehash_is_the_documented_one_for_a_write() -> None:
    body = b'{"product_id":27,"size":1,"side":"buy","order_type":"limit_order","limit_price":"59000"}'
    request = Request("POST", b"/v2/orders", b"", {}, body, "")
    assert rest_prehash(request, "1542110948") == b"POST1542110948/v2/orders" + body


def test_the_signature_is_the_hex_of_hmac_sha256() -> None:
    # The example of RFC 4231, test case 2.
    found = signature("Jefe", b"what do ya want for nothing?")
    assert found == "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"


async def get(bench: Bench, path: str, headers: dict[str, str]) -> httpx.Response:
    async with bench.client() as client:
        return await client.get(path, headers=headers)


async def test_it_answers_a_signed_read(bench: Bench) -> None:
    rows = await bench.result("GET", BALANCES)
    assert rows[0]["asset_symbol"] == "USD"
    assert rows[0]["balance"] == "10000"


async def test_it_verifies_the_query_exactly_as_sent(bench: Bench) -> None:
    await bench.result("GET", "/v2/fills", "?product_ids=1%2C2&page_size=5")
    path = "/v2/fills?product_ids=1%2C2&page_size=5"
    headers = signed("GET", "/v2/fills?product_ids=1,2&page_size=5", "", bench.time.wall)
    response = await get(bench, path, headers)
    assert (response.status_code, response.json()["error"]["code"]) == (401, "signature_mismatch")


async def test_it_refuses_a_body_that_differs_from_the_signed_one_by_a_space(bench: Bench) -> None:
    headers = signed("POST", "/v2/orders", '{"size":1}', bench.time.wall)
    async with bench.client() as client:
        response = await client.post("/v2/orders", content=b'{"size": 1}', headers=headers)
    assert response.json() == {"success": False, "error": {"code": "signature_mismatch"}}


@pytest.mark.parametrize("late", [-6, 6])
async def test_it_refuses_a_timestamp_outside_of_five_seconds_and_tells_its_time(bench: Bench, late: int) -> None:
    response = await get(bench, BALANCES, signed("GET", BALANCES, "", bench.time.wall + late))
    error = response.json()["error"]
    assert response.status_code == 401
    assert error["code"] == "expired_signature"
    assert error["context"]["request_time"] == int(bench.time.wall + late)
    assert error["context"]["server_time"] == int(bench.exchange.now().timestamp())


@pytest.mark.parametrize("late", [-5, 0, 5])
async def test_it_accepts_a_timestamp_within_five_seconds(bench: Bench, late: int) -> None:
    response = await get(bench, BALANCES, signed("GET", BALANCES, "", bench.time.wall + late))
    assert response.status_code == 200


async def test_at_speed_one_a_signature_by_the_venues_clock_is_good_too(bench: Bench) -> None:
    response = await get(bench, BALANCES, signed("GET", BALANCES, "", bench.exchange.now().timestamp()))
    assert response.status_code == 200


async def test_a_client_that_takes_its_time_from_the_expired_signature_gets_in(bench: Bench) -> None:
    late = await get(bench, BALANCES, signed("GET", BALANCES, "", 1_000_000_000))
    told = late.json()["error"]["context"]["server_time"]
    assert (await get(bench, BALANCES, signed("GET", BALANCES, "", told))).status_code == 200


@pytest.mark.parametrize(
    ("headers", "code"),
    [({}, "unauthorized_api_access"), ({"api-key": "another"}, "invalid_api_key")],
)
async def test_it_refuses_missing_and_foreign_keys(bench: Bench, headers: dict[str, str], code: str) -> None:
    response = await get(bench, BALANCES, {**headers, "timestamp": str(int(bench.time.wall)), "signature": "00"})
    assert response.status_code == 401
    assert response.json()["error"]["code"] == code


async def test_it_names_the_address_that_is_not_whitelisted() -> None:
    bench = make_bench(config=ServerConfig(api_key=KEY, api_secret=SECRET, allowed_ips=("10.0.0.1",)))
    response = await bench.send("GET", BALANCES)
    assert response.status_code == 401
    assert response.json()["error"] == {
        "code": "ip_not_whitelisted_for_api_key",
        "context": {"client_ip": "127.0.0.1"},
    }


async def test_a_read_only_key_reads_and_does_not_trade() -> None:
    bench = make_bench(config=ServerConfig(api_key=KEY, api_secret=SECRET, read_only=True))
    await bench.result("GET", BALANCES)
    body = {"product_id": bench.call.product_id, "size": 1, "side": "sell", "order_type": "market_order"}
    assert await bench.code("POST", "/v2/orders", body=body) == "unauthorized_api_access"
    assert bench.exchange.orders() == []


async def test_a_request_without_user_agent_meets_the_cdn(bench: Bench) -> None:
    async with bench.client() as client:
        del client.headers["user-agent"]
        response = await client.get("/v2/settings")
    assert response.status_code == 403
    assert response.headers["content-type"] == "text/html"
    assert response.text.startswith("<!DOCTYPE HTML>")


async def test_public_paths_need_no_key(bench: Bench) -> None:
    settings = await bench.read("/v2/settings")
    assert settings["server_time"] == int(bench.exchange.now().timestamp() * 1_000_000)
    assert settings["under_maintenance"] == "false"


async def test_nobody_answers_on_unknown_paths(bench: Bench) -> None:
    assert (await bench.send("GET", "/v2/nothing")).status_code == 404


async def test_the_profile_is_closed_to_keys(bench: Bench) -> None:
    assert await bench.code("GET", "/v2/profile") == "unauthorized_api_access"
    preferences = await bench.result("GET", "/v2/users/trading_preferences")
    assert preferences["user_id"] == bench.server.config.user_id


def test_no_repr_shows_the_secret() -> None:
    assert SECRET not in repr(ServerConfig(api_key=KEY, api_secret=SECRET))
