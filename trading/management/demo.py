"""The demo configuration of a fresh installation: short on the clock, so that a paper session ends within minutes."""

from __future__ import annotations

from typing import Any, Final

DEMO_CONFIGURATION: Final[dict[str, Any]] = {
    "name": "Demo BTC strangle",
    "underlying": "BTC",
    "mode": "paper",
    "trade_time_ist": "09:30",
    "exit_time_ist": "15:20",
    "max_hold_minutes": 120,
    "expiry_rule": "dte",
    "days_to_expiry": 1,
    "strike_selection_mode": "delta",
    "delta_range_low": "0.10",
    "delta_range_high": "0.15",
    "quantity": 100,
    "contract_size": "0.001",
    "max_loss_pct": "60",
    "max_profit_pct": "25",
    "trailing_sl_enabled": True,
    "trailing_rules": {"0.10": 0.0, "0.15": 0.08},
    "leg_stop_multiple": "2.5",
    "naked_leg_seconds": 30,
    "order_attempts": 4,
    "order_timeout_seconds": 5,
    "max_slippage_pct": "10",
}
"""Given to ``create_configuration``; fields left out take their defaults."""
