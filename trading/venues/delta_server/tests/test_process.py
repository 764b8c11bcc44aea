"""The command as a process: what it prints, real HTTP and sockets, SIGTERM, and an account that outlives it."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import time
from pathlib import Path

import pytest
import websockets

from trading.venues.delta_server.config import ServerConfig
from trading.venues.delta_server.signing import signature
from trading.venues.delta_server.tests.support import KEY, SECRET
from trading.venues.delta_server.tests.wire import Simulator, Wire, near_call
from trading.venues.simulated.config import SimulatedConfig
from trading.venues.simulated.exchange import SimulatedExchange

pytestmark = pytest.mark.slow
KEYS = ("--api-key", KEY, "--api-secret", SECRET)


def test_it_serves_keeps_the_account_and_ends_cleanly(tmp_path: Path) -> None:
    path = str(tmp_path / "account.sqlite3")
    with Simulator(tmp_path, *KEYS, "--path", path, "--speed", "60") as simulator:
        assert (simulator.told("API key"), simulator.told("Account")) == (KEY, path)
        assert simulator.told("REST") == f"{simulator.url}/v2"
        item = near_call(simulator.url)
        wire = Wire(simulator.url)
        order = {"product_id": item["product_id"], "size": 3, "side": "sell", "order_type": "market_order"}
        wire.result("POST", "/v2/orders", {**order, "client_order_id": "kept"})
        wire.http.close()
        assert simulator.end(signal.SIGTERM) == 0
    again = SimulatedExchange(SimulatedConfig(seed=7, speed=60, path=path))
    assert [row.client_order_id for row in again.orders()] == ["kept"]
    assert [row.size for row in again.positions()] == [-3]
    again.close()


def test_it_makes_up_a_key_and_starts_at_the_time_of_day_it_is_given(tmp_path: Path) -> None:
    with Simulator(tmp_path, "--start", "09:25") as simulator:
        wire = Wire(simulator.url, key=simulator.told("API key"), secret=simulator.told("API secret"))
        assert wire.result("GET", "/v2/wallet/balances")[0]["balance"] == "10000"
        wire.http.close()
        assert " 03:55:" in simulator.output
        assert (tmp_path / "delta_simulator.sqlite3").exists()


def test_it_begins_with_the_faults_in_its_file(tmp_path: Path) -> None:
    faults = tmp_path / "faults.txt"
    faults.write_text("# the first read is refused\nrate_limit:count=1,path=/v2/wallet\n")
    with Simulator(tmp_path, *KEYS, "--faults", str(faults)) as simulator:
        wire = Wire(simulator.url)
        codes = [wire.send("GET", "/v2/wallet/balances").status_code for _ in range(2)]
        wire.http.close()
    assert codes == [429, 200]


@pytest.mark.parametrize("arguments", [("--speed", "0"), ("--start", "25:00"), ("--faults", "/nowhere/faults.txt")])
def test_bad_arguments_are_refused_with_a_sentence(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    with pytest.raises(AssertionError, match="CommandError"), Simulator(tmp_path, *arguments):
        pass


def test_a_taken_address_is_refused_with_a_sentence(tmp_path: Path) -> None:
    with Simulator(tmp_path, *KEYS) as simulator:
        second = Simulator(tmp_path, *KEYS, "--path", str(tmp_path / "second.sqlite3"))
        second.use(simulator.port)
        assert second.run() == 1
        assert f"Cannot listen on 127.0.0.1:{simulator.port}" in second.output


async def test_real_sockets_deliver_the_fill_of_a_real_request(tmp_path: Path) -> None:
    with Simulator(tmp_path, *KEYS, "--speed", "10") as simulator:
        item = await asyncio.to_thread(near_call, simulator.url)
        base = simulator.url.replace("http", "ws")
        async with websockets.connect(f"{base}/public") as public, websockets.connect(f"{base}/private") as private:
            channels = [{"name": "ob_l1", "symbols": [item["symbol"]]}]
            await public.send(json.dumps({"type": "subscribe", "payload": {"channels": channels}}))
            assert json.loads(await public.recv())["type"] == "subscriptions"
            first = json.loads(await asyncio.wait_for(public.recv(), 5))
            assert (first["type"], first["sy"]) == ("ob_l1", item["symbol"])
            stamp = str(int(time.time()))
            signed = {"api-key": KEY, "timestamp": stamp, "signature": signature(SECRET, f"GET{stamp}/live".encode())}
            await private.send(json.dumps({"type": "key-auth", "payload": signed}))
            assert json.loads(await private.recv())["success"] is True
            channels = [{"name": "v2/user_trades", "symbols": ["all"]}]
            await private.send(json.dumps({"type": "subscribe", "payload": {"channels": channels}}))
            await private.recv()
            order = {"product_id": item["product_id"], "size": 2, "side": "sell", "order_type": "market_order"}
            wire = Wire(simulator.url)
            row = await asyncio.to_thread(wire.result, "POST", "/v2/orders", order)
            trade = json.loads(await asyncio.wait_for(private.recv(), 5))
            wire.http.close()
            assert (trade["type"], trade["o"], trade["po"]) == ("v2/user_trades", row["id"], -2)


async def test_a_socket_that_is_cut_off_sees_a_close(tmp_path: Path) -> None:
    with Simulator(tmp_path, *KEYS) as simulator:
        async with websockets.connect(f"{simulator.url.replace('http', 'ws')}/private") as private:
            wire = Wire(simulator.url)
            await asyncio.to_thread(wire.http.post, "/_control/disconnect", json={"socket": "private"})
            wire.http.close()
            with pytest.raises(websockets.ConnectionClosed) as closed:
                await asyncio.wait_for(private.recv(), 5)
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 4011


async def test_it_ends_cleanly_while_sockets_are_open(tmp_path: Path) -> None:
    with Simulator(tmp_path, *KEYS) as simulator:
        async with websockets.connect(f"{simulator.url.replace('http', 'ws')}/public") as public:
            channels = [{"name": "ticker", "symbols": ["call_options"]}]
            await public.send(json.dumps({"type": "subscribe", "payload": {"channels": channels}}))
            await public.recv()
            await asyncio.wait_for(public.recv(), 10)
            assert await asyncio.to_thread(simulator.end, signal.SIGTERM) == 0
        assert "Traceback" not in simulator.output
        assert "was destroyed" not in simulator.output


async def test_a_socket_too_many_is_refused_with_429(tmp_path: Path) -> None:
    with Simulator(tmp_path, *KEYS) as simulator:
        url = simulator.url.replace("http", "ws")
        for _ in range(ServerConfig().socket_connects):
            async with websockets.connect(f"{url}/public"):
                pass
        with pytest.raises(websockets.InvalidStatus) as refused:
            await websockets.connect(f"{url}/public")
        assert refused.value.response.status_code == 429
        assert "Traceback" not in simulator.output


def test_a_raw_connection_is_kept_alive_and_carries_the_exact_envelope(tmp_path: Path) -> None:
    with Simulator(tmp_path, *KEYS) as simulator, socket.create_connection(("127.0.0.1", simulator.port), 5) as raw:
        for _ in range(2):
            raw.sendall(b"GET /v2/assets?a=%2C HTTP/1.1\r\nHost: x\r\nUser-Agent: raw\r\n\r\n")
            answer = raw.recv(65_536)
            assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
            assert b'\r\n\r\n{"success":true,"result":[{"id":13,"symbol":"BTC",' in answer
