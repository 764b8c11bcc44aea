"""A rule's distance in a few words: where it stands, and where it acts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from trading.panels import formats

SIGNED_PERCENT = ("max_loss", "max_profit", "trailing_sl")


def distance(rule: Mapping[str, Any]) -> str:
    """For example ``+31.4 % · acts at +15.0 %``; empty when the rule has no value or no threshold now."""
    name, unit = rule.get("rule"), rule.get("unit")
    value, limit = rule.get("value"), rule.get("threshold")
    if value is None or limit is None:
        return ""
    if unit == "%":
        signed = name in SIGNED_PERCENT
        return _acts(*(formats.number(v, 1, signed=signed, suffix=f"{formats.GAP}%") for v in (value, limit)))
    if unit == "x":
        return _acts(*(formats.number(v, 2, suffix="×") for v in (value, limit)))
    if unit == "$":
        return _acts(formats.money(value), formats.money(limit))
    if unit == "s" and name in ("time_exit", "settlement_guard"):
        return f"in {formats.duration(value)}"
    if unit == "s":
        return _acts(formats.age(value), formats.age(limit))
    return _acts(formats.number(value, 3), formats.number(limit, 3))


def _acts(value: str, limit: str) -> str:
    return f"{value} · acts at {limit}"
