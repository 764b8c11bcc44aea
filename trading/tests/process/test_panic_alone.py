"""Panic when things are down: no web process, no Redis, a Redis that never answers, no worker."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from trading.tests.process.conftest import NewPlatform
from trading.tests.process.eyes import Eyes, assert_settled
from trading.tests.process.processes import Platform, Process, until

NO_REDIS = "redis://127.0.0.1:1/0"


@pytest.fixture
def silent_redis() -> Iterator[str]:
    """The address of a Redis that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"redis://127.0.0.1:{server.getsockname()[1]}/0"


def live_session(platform: Platform) -> Process:
    """A worker with a live session, and no web process."""
    worker = platform.worker()
    start = platform.run("manage.py", "start", "--now", "--configuration", "Two hours")
    assert start.wait() == 0, start.output
    eyes = Eyes(platform.data)
    until(lambda: eyes.phase("live"), "the session is live", of=worker)
    return worker


def assert_halted_and_flat(platform: Platform, panic: Process) -> None:
    """The panic closed the session, and nothing may be entered any more."""
    assert panic.wait() == 0, panic.output
    assert "panic_close" in panic.output
    eyes = Eyes(platform.data)
    assert [row["mode"] for row in eyes.rows("SELECT mode FROM trading_tradingmode")] == ["halted"]
    assert_settled(eyes)


def test_a_living_worker_obeys_with_redis_and_the_web_down(new_platform: NewPlatform) -> None:
    platform = new_platform(REDIS_URL=NO_REDIS)
    worker = live_session(platform)
    panic = platform.run("manage.py", "panic")
    assert_halted_and_flat(platform, panic)
    assert "flattening from here" not in panic.output
    assert worker.output.count("cannot be announced") == 1
    assert "Traceback" not in panic.output + worker.output


def test_it_flattens_by_itself_when_the_worker_is_dead(new_platform: NewPlatform) -> None:
    platform = new_platform(REDIS_URL=NO_REDIS)
    live_session(platform).kill()
    panic = platform.run("manage.py", "panic")
    assert "No engine holds the lease: flattening from here." in panic.output
    assert_halted_and_flat(platform, panic)
    assert Eyes(platform.data).lease["expires_at"] is None


def test_a_worker_that_comes_back_meanwhile_and_the_panic_close_the_session_once(new_platform: NewPlatform) -> None:
    platform = new_platform(REDIS_URL=NO_REDIS)
    live_session(platform).kill()
    panic = platform.start("manage.py", "panic")
    platform.worker()
    panic.wait(20)
    assert_halted_and_flat(platform, panic)


def test_a_redis_that_never_answers_holds_up_neither_trading_nor_panic_nor_the_end(
    new_platform: NewPlatform, silent_redis: str
) -> None:
    platform = new_platform(REDIS_URL=silent_redis)
    worker = live_session(platform)
    panic = platform.run("manage.py", "panic", seconds=15)
    assert_halted_and_flat(platform, panic)
    assert worker.terminate(seconds=10) == 0, worker.output
