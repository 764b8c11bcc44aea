"""What a configuration will do, in words, and when its session is expected to leave."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from trading.panels.plan_words import expected_exit, plan_facts

VALUES: dict[str, Any] = {
    "underlying": "BTC",
    "quantity": 100,
    "contract_size": "0.001",
    "trade_time_ist": "09:30",
    "entry_window_seconds": 300,
    "exit_time_ist": "15:20",
    "max_hold_minutes": 120,
    "strike_selection_mode": "delta",
    "delta_range_low": "0.1000",
    "delta_range_high": "0.15",
    "expiry_rule": "dte",
    "days_to_expiry": 1,
    "max_loss_pct": "60.0000",
    "max_profit_pct": "25",
    "trailing_sl_enabled": True,
    "trailing_rules": {"0.10": 0.0, "0.15": 0.08},
    "leg_stop_multiple": "2.500",
    "settlement_guard_minutes": 35,
}
"""A revision's values."""


def facts(**changes: Any) -> dict[str, str]:
    """The plan of ``VALUES`` with ``changes``, with plain spaces."""
    return {label: text.replace("\u00a0", " ") for label, text in plan_facts({**VALUES, **changes})}


def test_a_plan_says_what_is_sold_when_and_what_ends_it() -> None:
    assert facts() == {
        "Sells": "100 × BTC call, put",
        "Strikes": "|Δ| 0.10–0.15",
        "Expiry": "1 day out",
        "Entry": "09:30–09:35 IST",
        "Planned exit": "15:20 IST",
        "Longest hold": "2 h",
        "Target": "+25 % of credit",
        "Stop": "−60 % of credit",
        "Trailing stop": "+10 % locks 0 %, +15 % locks 8 %",
        "Leg stop": "2.5× its entry price",
        "Flat by": "16:55 on expiry day",
    }


@pytest.mark.parametrize(
    ("changes", "label", "text"),
    [
        ({"max_hold_minutes": 90}, "Longest hold", "1 h 30 min"),
        ({"max_hold_minutes": 45}, "Longest hold", "45 min"),
        ({"days_to_expiry": 0}, "Expiry", "same day"),
        ({"days_to_expiry": 3}, "Expiry", "3 days out"),
        ({"expiry_rule": "fixed", "expiry_date": "24-11-2026"}, "Expiry", "24 Nov 2026"),
        (
            {"strike_selection_mode": "expected_move", "expected_move_multiple": "1.200"},
            "Strikes",
            "1.2 × expected move",
        ),
        (
            {
                "strike_selection_mode": "price",
                "call_option_price_min": "60.00000000",
                "call_option_price_max": "80",
                "put_option_price_min": "40.5",
                "put_option_price_max": "90",
            },
            "Strikes",
            "call $60–$80, put $40.5–$90",
        ),
        ({"trailing_sl_enabled": False}, "Trailing stop", "off"),
        ({"trailing_rules": {}}, "Trailing stop", "no level"),
        ({"underlying_stop_pct": "3.0000"}, "Underlying stop", "±3 %"),
        ({"delta_stop": "0.3"}, "Delta stop", "±0.3 net"),
        ({"daily_loss_limit": "100.00000000"}, "Loss limit, a day", "$100"),
    ],
)
def test_a_plan_puts_each_setting_in_words(changes: dict[str, Any], label: str, text: str) -> None:
    assert facts(**changes)[label] == text


def test_what_a_plan_does_not_know_is_left_out() -> None:
    assert plan_facts({}) == []
    assert "Longest hold" not in facts(max_hold_minutes=None)


@pytest.mark.parametrize(
    ("changes", "leaves"),
    [
        ({}, "2026-09-04T06:00:00+00:00"),
        ({"max_hold_minutes": None}, "2026-09-04T09:50:00+00:00"),
        ({"max_hold_minutes": None, "exit_time_ist": "17:20", "days_to_expiry": 0}, "2026-09-04T11:25:00+00:00"),
    ],
)
def test_the_expected_exit_is_the_first_of_exit_time_longest_hold_and_guard(
    changes: dict[str, Any], leaves: str
) -> None:
    found = expected_exit({**VALUES, **changes}, datetime(2026, 9, 4, 4, tzinfo=UTC))
    assert found is not None
    assert found.exit_at.isoformat() == leaves


def test_nothing_is_expected_of_values_that_are_not_there() -> None:
    assert expected_exit({}, datetime(2026, 9, 4, 4, tzinfo=UTC)) is None
    assert expected_exit(VALUES, None) is None
