"""Two workers on one database: one trades, the other says that it stands by, and takes over when the first is gone."""

from __future__ import annotations

import signal

import pytest

from trading.tests.process.eyes import Eyes, assert_settled
from trading.tests.process.processes import Platform, Process, until


@pytest.fixture
def two(platform: Platform, eyes: Eyes) -> tuple[Process, Process]:
    """Two workers started at once under one name: the one that trades, and the one that stands by."""
    workers = [platform.worker(ENGINE_OWNER="twin", REDIS_URL="redis://127.0.0.1:1/0") for _ in range(2)]
    standing = until(
        lambda: [worker for worker in workers if "Standing by: the engine lease is held by twin-" in worker.output],
        "one of two stands by",
    )
    assert len(standing) == 1
    workers.remove(standing[0])
    until(lambda: eyes.picture, "the other one publishes", of=workers[0])
    return workers[0], standing[0]


def live_session(platform: Platform, eyes: Eyes) -> str:
    """A live session; the name of the engine that trades it."""
    start = platform.run("manage.py", "start", "--now", "--configuration", "Quarter hour")
    assert start.wait() == 0, start.output
    until(lambda: eyes.phase("live"), "the session is live")
    return str(eyes.lease["owner"])


def until_taken_from(owner: str, eyes: Eyes, by: Process) -> None:
    """Wait until another engine than ``owner`` publishes the open session."""

    def taken() -> bool:
        picture = eyes.picture
        return bool(picture["owner"] != owner and picture.get("session_id") == eyes.session["id"])

    until(taken, "the other worker guards the session", of=by)


@pytest.mark.slow
def test_the_second_takes_over_from_a_killed_first_and_finishes_the_session(
    two: tuple[Process, Process], platform: Platform, eyes: Eyes
) -> None:
    trading, standby = two
    owner = live_session(platform, eyes)
    trading.kill()
    until_taken_from(owner, eyes, standby)
    until(lambda: eyes.phase("closed"), "the session is over", seconds=40, of=standby)
    assert eyes.session["exit_reason"] == "time_exit"
    tokens = eyes.rows("SELECT purpose, fencing_token FROM trading_orderledger")
    assert {(row["purpose"], row["fencing_token"]) for row in tokens} == {("entry", 1), ("exit", 2)}
    assert_settled(eyes)


def test_a_clean_end_of_the_first_hands_over_without_waiting_for_the_lease(
    two: tuple[Process, Process], platform: Platform, eyes: Eyes
) -> None:
    trading, standby = two
    owner = live_session(platform, eyes)
    assert trading.terminate() == 0
    until_taken_from(owner, eyes, standby)
    assert platform.run("manage.py", "stop").wait() == 0
    assert_settled(eyes)


def test_a_first_that_was_only_frozen_finds_itself_replaced_and_stands_by(
    two: tuple[Process, Process], platform: Platform, eyes: Eyes
) -> None:
    trading, standby = two
    owner = live_session(platform, eyes)
    trading.send(signal.SIGSTOP)
    until_taken_from(owner, eyes, standby)
    trading.send(signal.SIGCONT)
    until(lambda: "Standing by" in trading.output, "the first one stands by", of=trading)
    assert platform.run("manage.py", "stop").wait() == 0
    assert eyes.lease["owner"] != owner
    assert_settled(eyes)
