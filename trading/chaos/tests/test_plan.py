"""A seed is a plan, always the same one."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading.chaos.plan import ABSENCES, FAULTS, NTH, Plan, Point, plan_of
from trading.configuration_rules import clean
from trading.tests.factories_configurations import values
from trading.venues.delta_server.faults import WireFault, parse_faults

SEEDS = range(1, 400)


def plans() -> list[Plan]:
    return [plan_of(seed, kill=True, faults=True) for seed in SEEDS]


@given(st.integers(0, 10**9), st.booleans(), st.booleans())
def test_the_same_seed_is_the_same_plan(seed: int, kill: bool, faults: bool) -> None:
    assert plan_of(seed, kill=kill, faults=faults) == plan_of(seed, kill=kill, faults=faults)


@given(st.integers(0, 10**9))
def test_every_plan_is_a_valid_configuration_with_faults_that_the_simulator_knows(seed: int) -> None:
    plan = plan_of(seed, kill=True, faults=True)
    clean(values(**plan.configuration), today=plan.begins.date())
    assert parse_faults("; ".join(plan.faults))


@pytest.mark.parametrize("seed", range(1, 30))
def test_kills_change_neither_the_configuration_nor_the_chosen_faults(seed: int) -> None:
    alone, killed = (plan_of(seed, kill=kill, faults=True) for kill in (False, True))
    assert alone.configuration == killed.configuration
    assert killed.faults[: len(alone.faults)] == alone.faults
    assert alone.kills == ()


def test_a_few_hundred_seeds_kill_at_every_point_and_know_every_fault() -> None:
    points = Counter(kill.point for plan in plans() for kill in plan.kills)
    assert set(points) == set(Point) == set(NTH)
    names = {spec.kind for plan in plans() for spec in parse_faults("; ".join(plan.faults))}
    assert names == set(WireFault)
    assert len(FAULTS) > 30


def test_where_options_are_to_expire_the_first_death_lasts_across_the_settlement_mostly() -> None:
    some = [plan_of(seed, kill=True, faults=True, expiry=True) for seed in SEEDS]
    settles = datetime(2026, 9, 4, 12, 0, tzinfo=UTC)
    returns = [plan.begins + timedelta(seconds=plan.kills[0].restart_after) for plan in some]
    assert all(plan.begins < settles and plan.configuration["days_to_expiry"] == 0 for plan in some)
    assert len([at for at in returns if at > settles]) > len(some) * 0.6
    assert {plan.kills[0].point for plan in some} == set(ABSENCES)
    assert any(plan.price_after for plan in some)
    for plan in some:
        clean(values(**plan.configuration), today=plan.begins.date())
        assert parse_faults("; ".join(plan.faults)) or not plan.faults


def test_no_fault_that_could_keep_a_session_from_ending_lasts_for_ever() -> None:
    for plan in plans():
        for spec in parse_faults("; ".join(plan.faults)):
            endless = spec.count is None and spec.nth is None and spec.duration is None
            harmless = spec.kind in {WireFault.SKEW, WireFault.PUBLIC_DROP, WireFault.PRIVATE_DROP, WireFault.SEQ_RESET}
            assert not endless or harmless or (spec.kind is WireFault.REJECT and spec.side == "sell"), spec
