"""``kill -9`` of the worker: the next one guards the same session within seconds, and the venue sees no order twice."""

from __future__ import annotations

import signal
import time

import pytest

from trading.tests.process.conftest import NewPlatform
from trading.tests.process.eyes import Eyes, assert_settled
from trading.tests.process.processes import Platform, Process, until

GUARDED_SECONDS = 5.0
"""What the platform promises, from the restart on."""
LONGER_THAN_A_LEASE = 4.0


@pytest.fixture
def platform(new_platform: NewPlatform) -> Platform:
    """A platform whose venue is slow enough for budgets to outlive a restart, and whose Redis is down."""
    return new_platform(SIMULATED_VENUE_SPEED="4", REDIS_URL="redis://127.0.0.1:1/0")


def killed_while(phase: str, worker: Process, eyes: Eyes, *, or_over: bool = False) -> None:
    """Kill the worker as soon as its session is in this phase; with ``or_over``, or has ended already."""
    phases = (phase, "closed") if or_over else (phase,)
    until(lambda: eyes.phase(*phases), f"the session is {phase}", of=worker)
    worker.kill()


def guarding_again(platform: Platform, eyes: Eyes, faults: str = "", *, or_over: bool = False) -> Process:
    """A new worker, which guards the open session within the promised time; with ``or_over``, or has closed it by then:
    the closing orders may have been filled while nobody ran, and then only booking is left to do.
    """
    worker = platform.worker(SIMULATED_VENUE_FAULTS=faults)
    until(
        lambda: eyes.guarded_by(worker) or (or_over and eyes.phase("closed")),
        "the session is guarded",
        seconds=GUARDED_SECONDS,
        of=worker,
    )
    return worker


def start(platform: Platform) -> None:
    """Start a session that nothing but an operator ends."""
    process = platform.run("manage.py", "start", "--configuration", "Two hours", "--now")
    assert process.wait() == 0, process.output


@pytest.mark.slow
def test_six_kills_in_one_session_lose_and_repeat_nothing(platform: Platform, eyes: Eyes) -> None:
    worker = platform.worker(SIMULATED_VENUE_FAULTS="slow:purpose=entry,seconds=3")
    start(platform)
    killed_while("entering", worker, eyes)
    worker = guarding_again(platform, eyes, "timeout_after:purpose=entry")
    killed_while("entering", worker, eyes)
    for _ in range(2):
        worker = guarding_again(platform, eyes)
        killed_while("live", worker, eyes)
    worker = guarding_again(platform, eyes, "slow:purpose=exit,seconds=3")
    stop = platform.start("manage.py", "stop")
    killed_while("exiting", worker, eyes)
    worker = guarding_again(platform, eyes, "timeout_after:purpose=exit", or_over=True)
    killed_while("exiting", worker, eyes, or_over=True)
    platform.worker()
    assert stop.wait() == 0, stop.output
    assert len(eyes.sessions) == 1
    assert eyes.session["exit_reason"] == "stopped"
    assert_settled(eyes)


def test_a_worker_frozen_for_longer_than_its_lease_goes_on_where_it_was(platform: Platform, eyes: Eyes) -> None:
    worker = platform.worker()
    start(platform)
    until(lambda: eyes.phase("live"), "the session is live", of=worker)
    token = eyes.lease["fencing_token"]
    worker.send(signal.SIGSTOP)
    frozen_at = time.monotonic()
    until(lambda: time.monotonic() > frozen_at + LONGER_THAN_A_LEASE, "the lease has run out")
    worker.send(signal.SIGCONT)
    until(lambda: eyes.guarded_by(worker), "the session is guarded", seconds=GUARDED_SECONDS, of=worker)
    assert eyes.lease["fencing_token"] == token + 1
    assert platform.run("manage.py", "stop").wait() == 0
    assert_settled(eyes)
