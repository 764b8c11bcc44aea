"""The demo configuration of a fresh installation: short on the clock, so that a paper session ends within minutes.

The simulated venue runs 60 times as fast as the machine: 60 seconds of the order timeout and of the naked-leg budget
are one of ours. With a real account's 5 and 30 a busy laptop would give up its first strangle.
"""

from __future__ import annotations

from typing import Any, Final

DEMO_CONFIGURATION: Final[dict[str, Any]] = {
    "name": "Demo BTC strangle",
    "underlying": "BTC",
    "mode": "paper",
    "trade_time_ist": "09:30",
    "exit_time_ist": "15:20",
    "max_hold_minutes": 150,
    "expiry_rule": "dte",
    "days_to_expiry": 0,
    "strike_selection_mode": "delta",
    "delta_range_low": "0.10",
    "delta_range_high": "0.20",
    "quantity": 100,
    "contract_size": "0.001",
    "max_loss_pct": "50",
    "max_profit_pct": "20",
    "trailing_sl_enabled": True,
    "trailing_rules": {"0.08": 0.0, "0.12": 0.06},
    "leg_stop_multiple": "2",
    "naked_leg_seconds": 240,
    "order_attempts": 4,
    "order_timeout_seconds": 15,
    "max_slippage_pct": "10",
}
"""Given to ``create_configuration``; fields left out take their defaults."""
