"""Sessions of mode ``testnet`` on ``delta_simulator``, pointed there by settings alone: every part a process."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import httpx
import pytest

from trading.tests.process.api import Api, signed_in
from trading.tests.process.conftest import NewPlatform
from trading.tests.process.eyes import Eyes, eyes_fills, realised
from trading.tests.process.installation import OPERATOR, PASSWORD
from trading.tests.process.processes import Platform, Process, free_port, until
from trading.venues.delta_server.tests.wire import Simulator

pytestmark = pytest.mark.slow
KEY, SECRET = "testnet-key", "testnet-secret-that-no-log-may-show"
SPEED = "6"
SENT_AND_BOUGHT_BACK = 4
SILENCE_SECONDS = 1.2


@dataclass(frozen=True)
class Testnet:
    """A simulator, a web process and a worker that trades at the simulator."""

    __test__ = False

    platform: Platform
    simulator: Simulator
    worker: Process
    api: Api
    eyes: Eyes

    def fault(self, text: str) -> None:
        """Put faults of the wire in force at the simulator."""
        answer = httpx.post(f"{self.simulator.url}/_control/faults", json={"text": text})
        assert answer.status_code < 300, answer.text

    @property
    def truth(self) -> dict[str, Any]:
        """What the simulator knows of the account."""
        found: dict[str, Any] = httpx.get(f"{self.simulator.url}/_control/truth").json()
        return found

    def quote_age(self) -> float:
        """Wall seconds since the stamp of the oldest watched quote."""
        return float(self.eyes.picture["venue"]["quote_age_seconds"] or 0)

    def streamed(self) -> int:
        """How many fills the worker's log says the private stream told of."""
        return self.worker.output.count("delta_fill_streamed")

    def until_phase(self, *phases: str) -> None:
        """Wait for the session to be in one of these phases."""
        until(lambda: self.eyes.phase(*phases), f"the session is {phases}", seconds=30, of=self.worker)

    def press_start(self, name: str) -> int:
        """Start a session now with the dashboard's own form; its id."""
        client = self.api.client
        client.get("/login/")
        form = {"email": OPERATOR, "password": PASSWORD, "csrfmiddlewaretoken": client.cookies["csrftoken"]}
        assert client.post("/login/", data=form).status_code == 302
        (found,) = self.eyes.rows(f"SELECT id FROM trading_tradingconfiguration WHERE name = '{name}'")
        order = {"action": "start", "configuration_id": found["id"], "now": "1"}
        pressed = client.post("/control/", data={**order, "csrfmiddlewaretoken": client.cookies["csrftoken"]})
        assert pressed.status_code == 302
        return int(until(lambda: self.eyes.sessions, "the session is open")[-1]["id"])

    def stop(self) -> None:
        """Have the session closed, as with the button."""
        assert self.api.control("stop").status_code == 200

    def assert_flat_and_true(self, session: int) -> dict[str, Any]:
        """The session is over, the account is flat, and our ledger has what the exchange has, to the digit."""
        closed = self.api.until_closed(session, seconds=60)
        truth = self.truth
        assert [row for row in truth["positions"] if row["size"]] == []
        assert {row["state"] for row in truth["orders"]} <= {"closed", "cancelled"}
        ours = {row["client_order_id"] for row in self.eyes.rows("SELECT * FROM trading_orderledger")}
        sent = [row["client_order_id"] for row in truth["orders"]]
        assert len(sent) == len(set(sent)), "an order was sent twice"
        assert set(sent) <= ours, "the exchange has an order that was never intended"
        known = {row["id"]: (row["client_order_id"], row["size"], Decimal(row["price"])) for row in truth["fills"]}
        assert eyes_fills(self.eyes) == known
        deposit = Decimal(truth["transactions"][0]["amount"])
        assert realised(self.eyes) == Decimal(truth["cash"]) - deposit
        assert SECRET not in self.worker.output
        return closed


@contextmanager
def at_the_simulator(platform: Platform, eyes: Eyes) -> Iterator[Testnet]:
    """Everything started, the operator signed in, the worker heard of."""
    extra = platform.run(sys.executable, "-m", "trading.tests.process.testnet_installation", STRANGLE_LAYOUT="split")
    assert extra.wait() == 0, extra.output
    arguments = ("--speed", SPEED, "--start", "10:00", "--seed", "7", "--api-key", KEY, "--api-secret", SECRET)
    with Simulator(platform.data, *arguments) as simulator:
        sockets = simulator.url.replace("http", "ws")
        worker = platform.worker(
            DELTA_TESTNET_URL=simulator.url,
            DELTA_TESTNET_PUBLIC_WS_URL=f"{sockets}/public",
            DELTA_TESTNET_PRIVATE_WS_URL=f"{sockets}/private",
            DELTA_TESTNET_API_KEY=KEY,
            DELTA_TESTNET_API_SECRET=SECRET,
            DELTA_TESTNET_SPEED=SPEED,
        )
        port = free_port()
        daphne = ("-m", "daphne", "-b", "127.0.0.1", "-p", str(port), "deltastrangle.asgi:application")
        web = platform.start(sys.executable, *daphne, STRANGLE_LAYOUT="split", STRANGLE_ROLE="web")
        api = signed_in(platform, web, port)
        until(lambda: api.get("runtime")["worker"]["alive"], "the worker is heard of", of=worker)
        yield Testnet(platform, simulator, worker, api, eyes)


@pytest.fixture
def running(new_platform: NewPlatform) -> Iterator[Testnet]:
    """A platform whose sessions may trade at the simulator, and whose Redis is down: the worker looks for commands."""
    platform = new_platform(REDIS_URL="redis://127.0.0.1:1/0")
    with at_the_simulator(platform, Eyes(platform.data)) as made:
        yield made


def test_a_session_trades_at_the_simulator_and_the_private_stream_tells_of_its_fills(running: Testnet) -> None:
    session = running.press_start("Testnet brief")
    closed = running.assert_flat_and_true(session)
    assert (closed["mode"], closed["exit_reason"]) == ("testnet", "time_exit")
    assert running.streamed() == SENT_AND_BOUGHT_BACK
    assert "stream is down" not in running.worker.output
    assert len(running.truth["orders"]) == SENT_AND_BOUGHT_BACK


def test_it_ends_flat_when_the_public_socket_falls_silent(running: Testnet) -> None:
    session = running.api.started("Testnet")
    running.until_phase("live")
    running.fault("public_silent")
    until(lambda: running.quote_age() > SILENCE_SECONDS, "quotes grow old", of=running.worker)
    until(lambda: running.quote_age() < SILENCE_SECONDS, "REST stands in", of=running.worker)
    running.stop()
    running.assert_flat_and_true(session)


def test_it_ends_flat_when_the_private_socket_drops_in_the_midst_of_the_entry(running: Testnet) -> None:
    running.fault("slow:method=POST,path=/v2/orders,seconds=1,count=2")
    session = running.api.started("Testnet")
    running.until_phase("entering")
    running.fault("private_drop")
    running.until_phase("live")
    assert "The private stream is down" in running.worker.output
    running.stop()
    running.assert_flat_and_true(session)


def test_it_ends_flat_when_the_exchange_answers_429(running: Testnet) -> None:
    session = running.api.started("Testnet")
    running.until_phase("live")
    running.fault("rate_limit:count=4,seconds=0.5; rate_limit:count=2,seconds=0.5,method=POST,path=/v2/orders")
    running.stop()
    running.assert_flat_and_true(session)
    assert "Too many requests" in running.worker.output


def test_it_ends_flat_when_the_exchanges_clock_is_three_seconds_ahead(running: Testnet) -> None:
    running.fault("skew:seconds=3")
    session = running.api.started("Testnet")
    running.until_phase("live")
    running.stop()
    closed = running.assert_flat_and_true(session)
    assert closed["exit_reason"] == "stopped"
