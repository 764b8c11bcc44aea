"""The embedded layout as its operator runs it: ``serve`` in one terminal, commands in another, programs by the API."""

from __future__ import annotations

import signal
from decimal import Decimal
from typing import Any

import pytest

from trading.tests.process.api import Api, free_web, signed_in
from trading.tests.process.conftest import NewPlatform
from trading.tests.process.eyes import Eyes, assert_settled
from trading.tests.process.processes import Platform, Process, until


@pytest.fixture
def served(platform: Platform) -> tuple[Process, Api]:
    """The platform's ``serve``, and a program that has signed in."""
    argument, port = free_web()
    process = platform.start("manage.py", "serve", argument)
    return process, signed_in(platform, process, port)


def assert_adds_up(session: dict[str, Any]) -> None:
    """Two legs were sold and bought back, and fills, fees, legs and cash give the same net, to the cent."""
    orders = session["orders"]
    assert [(order["purpose"], order["side"]) for order in orders] == [("entry", "sell")] * 2 + [("exit", "buy")] * 2
    net = Decimal(0)
    for order in orders:
        assert sum(fill["quantity"] for fill in order["fills"]) == order["quantity"] == 100
        for fill in order["fills"]:
            value = Decimal(str(fill["price"])) * fill["quantity"] * Decimal("0.001")
            commission = Decimal(str(fill["commission"]))
            assert commission > 0
            net += (value if fill["side"] == "sell" else -value) - commission
    legs = sum(Decimal(str(leg["realized_pnl"])) for leg in session["positions"])
    shown = (session["cash"]["net"], session["pnl_summary"]["total_pnl"], legs)
    assert [round(Decimal(str(amount)), 2) for amount in shown] == [round(net, 2)] * 3


def test_a_session_is_started_awaited_and_told_from_a_second_terminal(
    served: tuple[Process, Api], platform: Platform, eyes: Eyes
) -> None:
    start = platform.run("manage.py", "start", "--now", "--wait")
    assert start.wait() == 0, start.output
    assert "The engine acknowledged" in start.output
    assert "time_exit" in start.output
    _, api = served
    assert [item["exit_reason"] for item in api.get("sessions")["items"]] == ["time_exit"]
    session = api.get(f"sessions/{eyes.session['id']}")
    assert_adds_up(session)
    assert len(session["pnl_points"]) > 5
    assert_settled(eyes)


def test_the_same_is_done_by_the_api_while_commands_look_on_and_stop_it(
    served: tuple[Process, Api], platform: Platform, eyes: Eyes
) -> None:
    _, api = served
    session_id = api.started("Two hours")
    assert len(api.until_phase("live")["positions"]) == 2
    again = api.control("start")
    assert (again.status_code, again.json()["session_id"]) == (409, session_id)
    status = platform.run("manage.py", "status")
    assert status.wait() == 0
    assert "live" in status.output
    stop = platform.run("manage.py", "stop")
    assert stop.wait() == 0, stop.output
    session = api.get(f"sessions/{session_id}")
    assert (session["status"], session["exit_reason"]) == ("stopped", "stopped")
    assert_adds_up(session)
    assert_settled(eyes)


def test_a_panic_from_a_second_terminal_latches_until_somebody_resumes(
    served: tuple[Process, Api], platform: Platform, eyes: Eyes
) -> None:
    _, api = served
    session_id = api.started("Two hours")
    api.until_phase("live")
    panic = platform.run("manage.py", "panic", "--reason", "drill")
    assert panic.wait() == 0, panic.output
    assert api.get(f"sessions/{session_id}")["exit_reason"] == "panic_close"
    assert_settled(eyes)
    refused = api.control("start")
    assert (refused.status_code, refused.json()["code"]) == (409, "entries_locked")
    start = platform.run("manage.py", "start", "--now")
    assert start.wait() == 1
    assert "resume_trading --confirm RESUME" in start.output
    assert platform.run("manage.py", "resume_trading", "--confirm", "RESUME").wait() == 0
    api.started()


def test_sigterm_ends_it_cleanly_and_the_next_start_resumes_the_open_session(
    served: tuple[Process, Api], platform: Platform, eyes: Eyes
) -> None:
    process, api = served
    session_id = api.started("Two hours")
    api.until_phase("live")
    assert process.terminate(seconds=5) == 0, process.output
    assert eyes.lease["expires_at"] is None
    assert eyes.session["status"] == "running"
    assert platform.run("manage.py", "status").wait() == 3
    argument, port = free_web()
    successor = platform.start("manage.py", "serve", argument)
    until(lambda: eyes.guarded_by(successor), "the session is guarded again", seconds=5, of=successor)
    api = signed_in(platform, successor, port)
    assert api.control("stop").status_code == 200
    assert_adds_up(api.until_closed(session_id))
    assert_settled(eyes)


def test_ctrl_c_ends_it_as_cleanly(served: tuple[Process, Api], eyes: Eyes) -> None:
    process, _ = served
    process.send(signal.SIGINT)
    assert process.wait(5) == 0, process.output
    assert eyes.lease["expires_at"] is None
    assert "Traceback" not in process.output


def test_it_says_so_and_ends_when_the_port_is_taken(served: tuple[Process, Api], platform: Platform) -> None:
    _, api = served
    second = platform.run("manage.py", "serve", f"--port={api.port}")
    assert second.wait() == 1
    assert f"Cannot listen on 127.0.0.1:{api.port}" in second.output


def test_it_does_not_serve_pages_without_an_engine(new_platform: NewPlatform) -> None:
    platform = new_platform(SIMULATED_VENUE_FAULTS="gremlins")
    argument, _ = free_web()
    process = platform.start("manage.py", "serve", argument)
    assert process.wait() == 1
    assert "unknown fault 'gremlins'" in process.output.splitlines()[-1]
