"""Chaos, a little of it in every run: fresh seeds each time, named when something is wrong.

``CHAOS_SEEDS`` says how many (default 8). To look at a failing one: ``manage.py chaos --seeds N --kill --faults``.
"""

from __future__ import annotations

import os
import random
from dataclasses import replace
from pathlib import Path

import pytest

from trading.chaos.run import Request, run
from trading.chaos.scorecard import Result, Scorecard

pytestmark = pytest.mark.slow
JOBS = 2
KNOWN = 4
"""A seed whose worker dies after a commit, in its recovery and before a commit, at an exchange that limits requests."""

SETTLES = 14
"""A seed of those with ``--expiry`` in which both legs expire while the worker is dead."""


def fresh_seeds(share: float = 1.0) -> list[int]:
    """Seeds that nobody has seen before."""
    count = max(2, round(int(os.environ.get("CHAOS_SEEDS", "8")) * share))
    return random.SystemRandom().sample(range(10_000, 10_000_000), count)


def run_all(
    seeds: list[int], folder: Path, *, kill: bool = False, cut: bool = False, expiry: bool = False, jobs: int = JOBS
) -> Scorecard:
    """Run and print the seeds, in case something is wrong with one."""
    scorecard = run(Request(seeds, kill=kill, faults=kill, cut=cut, expiry=expiry, jobs=jobs, failures=folder))
    print("seeds", *seeds)  # noqa: T201
    assert scorecard.failing == [], told(scorecard)
    return scorecard


def told(scorecard: Scorecard) -> str:
    """What went wrong where."""
    return "\n".join(f"seed {r.seed}: {text}" for r in scorecard.results for _, text in r.violations)


def without_times(result: Result) -> Result:
    """What must be the same whenever a seed is run."""
    return replace(result, seconds=0.0, recovery=(), recovery_wall=(), recovery_open=())


def test_sessions_end_flat_and_agree_with_the_exchange_whatever_fails_and_whenever_the_worker_dies(
    tmp_path: Path,
) -> None:
    scorecard = run_all(fresh_seeds(), tmp_path, kill=True)
    assert sum(result.orders for result in scorecard.results) > 0
    assert any(result.kills for result in scorecard.results)
    assert any(result.struck for result in scorecard.results)


def test_options_that_expire_while_nobody_works_are_booked_at_the_exchanges_price_whatever_fails(
    tmp_path: Path,
) -> None:
    scorecard = run_all([SETTLES, *fresh_seeds(0.5)], tmp_path, kill=True, expiry=True)
    assert any("settlement" in result.reasons for result in scorecard.results)


def test_a_power_cut_at_an_arbitrary_instant_leaves_a_database_that_the_next_worker_goes_on_with(
    tmp_path: Path,
) -> None:
    scorecard = run_all(fresh_seeds(0.5), tmp_path, cut=True)
    assert any(kill.startswith("power cut") for result in scorecard.results for kill in result.kills)


def test_a_seed_has_the_same_kills_faults_and_outcome_when_it_is_run_again(tmp_path: Path) -> None:
    first, again = run_all([KNOWN, KNOWN], tmp_path, kill=True, jobs=1).results
    assert without_times(first) == without_times(again)
    assert len(first.kills) >= 2
