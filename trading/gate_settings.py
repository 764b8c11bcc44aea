"""The health gates as configured by settings."""

from __future__ import annotations

from typing import Final

from django.conf import settings

from trading.engine.gates import GateRule, Gates
from trading.engine.watch import Watch

GATES: Final = (
    ("quote_age", "Quote age", "s", False),
    ("venue_latency", "Venue latency", "ms", False),
    ("clock_skew", "Clock skew", "ms", False),
    ("rejects", "Rejected orders", "in 5 min", False),
    ("throttled", "HTTP 429", "in 5 min", False),
    ("disk_space", "Disk space", "MB", True),
    ("database_latency", "Database latency", "ms", False),
)
"""Name, label, unit, and whether small values are bad; thresholds are ``GATE_<NAME>_CLOSE`` and ``_REOPEN``."""


def gate_rules() -> tuple[GateRule, ...]:
    """The gates that are switched on."""
    rules = (
        GateRule(name, label, unit, _setting(name, "CLOSE"), _setting(name, "REOPEN"), below)
        for name, label, unit, below in GATES
    )
    return tuple(rule for rule in rules if rule.close > 0)


def build_watch() -> Watch:
    """The engine's look at its surroundings."""
    return Watch(
        Gates(gate_rules(), settings.GATE_HOLD_SECONDS),
        outage_seconds=settings.ALERT_VENUE_AWAY_SECONDS,
    )


def _setting(name: str, which: str) -> float:
    return float(getattr(settings, f"GATE_{name.upper()}_{which}"))
