"""A rule's distance in a few words, and the engine's sentences in our typography."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading.panels.formats import prose
from trading.panels.rule_words import distance
from trading.strategy.types import ExitReason


def words(rule: str, unit: str, value: object, threshold: object) -> str:
    """The distance of a rule with its no-break spaces made plain."""
    return distance({"rule": rule, "unit": unit, "value": value, "threshold": threshold}).replace("\u00a0", " ")


@pytest.mark.parametrize(
    ("rule", "unit", "value", "threshold", "text"),
    [
        ("max_loss", "%", -0.94, -60.0, "−0.9 % · acts at −60.0 %"),
        ("max_profit", "%", 31.4, 80, "+31.4 % · acts at +80.0 %"),
        ("trailing_sl", "%", 31.4, 0, "+31.4 % · acts at 0.0 %"),
        ("underlying_stop", "%", 1.25, 3, "1.3 % · acts at 3.0 %"),
        ("leg_stop", "x", 1.2149, 2.5, "1.21× · acts at 2.50×"),
        ("delta_stop", "Δ", 0.009, 0.1, "0.009 · acts at 0.100"),
        ("daily_loss", "$", -12.5, -100, "−$12.50 · acts at −$100.00"),
        ("stale_data", "s", 0.4, 60, "0.4 s · acts at 60 s"),
    ],
)
def test_a_distance_says_where_the_rule_stands_and_where_it_acts(
    rule: str, unit: str, value: object, threshold: object, text: str
) -> None:
    assert words(rule, unit, value, threshold) == text


@pytest.mark.parametrize("rule", ["time_exit", "settlement_guard"])
def test_a_clock_counts_down(rule: str) -> None:
    assert words(rule, "s", 14_880, 0) == "in 4 h 08 min"


@pytest.mark.parametrize("part", ["value", "threshold"])
def test_without_a_value_or_a_threshold_there_is_no_distance(part: str) -> None:
    rule: dict[str, Any] = {"rule": "trailing_sl", "unit": "%", "value": 31.4, "threshold": 15, part: None}
    assert distance(rule) == ""


@given(
    st.sampled_from([reason.value for reason in ExitReason]),
    st.sampled_from(["%", "x", "$", "s", "Δ", ""]),
    st.decimals(min_value=-(10**6), max_value=10**6, places=4),
    st.decimals(min_value=-(10**6), max_value=10**6, places=4),
)
def test_a_distance_is_short_and_has_no_hyphen_for_a_minus(
    rule: str, unit: str, value: Decimal, limit: Decimal
) -> None:
    told = distance({"rule": rule, "unit": unit, "value": str(value), "threshold": str(limit)})
    assert told
    assert "-" not in told
    assert len(told) <= 48


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("Δ +0.14 / -0.15, of 86 strikes", "Δ +0.14 / −0.15, of 86 strikes"),
        ("slippage +0.0 per unit", "slippage 0.0 per unit"),
        ("slippage -0.00.", "slippage 0.00."),
        ("slippage +0.05 per unit", "slippage +0.05 per unit"),
        ("lost -$12.50 (-.5)", "lost −$12.50 (−.5)"),
        ("no ask of P-BTC-78000-050926", "no ask of P-BTC-78000-050926"),
        ("delta-strangle-20261123040000 on 2026-09-04", "delta-strangle-20261123040000 on 2026-09-04"),
        ("gross -0.9 % against a limit", "gross −0.9\u00a0% against a limit"),
        (None, ""),
    ],
)
def test_a_sentence_gets_real_minuses_and_keeps_its_symbols(said: object, shown: str) -> None:
    assert prose(said) == shown


@given(st.text(alphabet="a0.5 %$-+−/C\u00a0") | st.text())
def test_typography_changes_nothing_but_signs_and_spaces(said: str) -> None:
    bare = str.maketrans("", "", "-−+ \u00a0")
    assert prose(said).translate(bare) == said.translate(bare)
