"""The trailing ladder and its notation."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading.strategy.trailing import TrailState, advance, parse_rules, rules_map
from trading.strategy.types import TrailingRule

D = Decimal
LADDER = parse_rules({"0.2": 0, "0.3": 0.1, "0.4": 0.15, "0.5": 0.25})
PERCENTS = st.decimals(-300, 300, places=2)


@st.composite
def ladders(draw: st.DrawFn) -> tuple[TrailingRule, ...]:
    """Any valid ladder, levels not necessarily rising."""
    triggers = draw(st.lists(st.integers(1, 10_000), unique=True, max_size=6))
    rules = {f"{D(t) / 1000}": D(draw(st.integers(0, t - 1))) / 1000 for t in triggers}
    return parse_rules(rules)


def test_nothing_is_locked_before_the_first_trigger() -> None:
    assert advance(LADDER, TrailState(), D("19.99")) == TrailState(D("19.99"), None)


def test_break_even_is_a_level_like_any_other() -> None:
    assert advance(LADDER, TrailState(), D(20)).level_pct == 0


def test_a_jump_locks_the_highest_level_passed() -> None:
    assert advance(LADDER, TrailState(), D(45)).level_pct == 15


def test_the_peak_starts_at_zero() -> None:
    assert advance(LADDER, TrailState(), D(-30)) == TrailState(D(0), None)


@given(ladders(), st.lists(PERCENTS, max_size=30))
def test_neither_peak_nor_level_is_ever_given_back(rules: tuple[TrailingRule, ...], path: list[Decimal]) -> None:
    state = TrailState()
    for net in path:
        before, state = state, advance(rules, state, net)
        assert state.peak_pct == max(before.peak_pct, net)
        assert before.level_pct is None or (state.level_pct is not None and state.level_pct >= before.level_pct)
        assert state.level_pct is None or state.level_pct < state.peak_pct


@given(ladders(), st.lists(PERCENTS, min_size=1, max_size=30))
def test_only_the_peak_matters_and_not_the_way_to_it(rules: tuple[TrailingRule, ...], path: list[Decimal]) -> None:
    state = TrailState()
    for net in path:
        state = advance(rules, state, net)
    assert state == advance(rules, TrailState(), max(path))
    reached = [rule.level_pct for rule in rules if rule.trigger_pct <= state.peak_pct]
    assert state.level_pct == max(reached, default=None)


def test_fractions_are_read_as_fractions_and_sorted() -> None:
    assert parse_rules({"1.0": "0.5", "0.005": 0.001, "0.20": 0}) == (
        TrailingRule(D("0.5"), D("0.1")),
        TrailingRule(D(20), D(0)),
        TrailingRule(D(100), D(50)),
    )


@pytest.mark.parametrize(
    ("ladder", "message"),
    [
        ({"0": 0}, "above 0 and at most 10"),
        ({"-0.1": 0}, "above 0 and at most 10"),
        ({"10.01": 0}, "above 0 and at most 10"),
        ({"20": 5}, "a fraction: 0.20 is 20 %"),
        ({"0.2": 0.2}, "below the trigger"),
        ({"0.2": 0.3}, "below the trigger"),
        ({"0.2": -0.1}, "at least 0"),
        ({"x": 0}, "must be a number"),
        ({"0.2": "x"}, "must be a number"),
        ({"0.2": None}, "must be a number"),
        ({"0.2": True}, "must be a number"),
        ({"0.2": float("nan")}, "ordinary size"),
        ({"Infinity": 0}, "ordinary size"),
        ({"1e999999": 0}, "ordinary size"),
        ({"0.2": 0, "0.20": 0.1}, "given twice"),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused_by_name(ladder: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message) as refused:
        parse_rules(ladder)
    assert repr(list(ladder)[-1]) in str(refused.value)


def test_the_map_is_written_as_the_reference_writes_it() -> None:
    assert rules_map(LADDER) == {"0.20": 0.0, "0.30": 0.1, "0.40": 0.15, "0.50": 0.25}
    assert rules_map(parse_rules({"10": 9.999, "0.005": 0.001})) == {"0.005": 0.001, "10.00": 9.999}


@given(ladders())
def test_writing_and_reading_gives_the_same_ladder(rules: tuple[TrailingRule, ...]) -> None:
    assert parse_rules(rules_map(rules)) == rules
