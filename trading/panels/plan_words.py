"""What a configuration will do, in a few words a fact: for the page before a session has sold anything."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from trading.configuration_rules import parse_expiry
from trading.panels import formats
from trading.params import params_from_values
from trading.strategy.schedule import ExitPlan, at_ist, exit_plan, parse_ist_time, settlement_instant, trading_day
from trading.strategy.types import ExpiryRule, StrategyParams

Values = Mapping[str, Any]
SETTLES_AT: Final = "17:30"
"""IST time of settlement (``delta_exchange.md`` §2.2)."""


def plan_facts(values: Values) -> list[tuple[str, str]]:
    """(label, text) of what a session with these values sells, when, and what ends it; rules that are off are left out.

    ``values`` are a revision's, or the part of them that the runtime picture has: what is missing is left out too.
    """
    return [(label, text) for label, text in _facts(values) if text]


def _facts(values: Values) -> Iterator[tuple[str, str]]:
    yield "Sells", _sells(values)
    yield "Strikes", _strikes(values)
    yield "Expiry", _expiry(values)
    yield "Entry", _entry(values)
    yield "Planned exit", _ending(values.get("exit_time_ist"), " IST")
    yield "Longest hold", _minutes(values.get("max_hold_minutes"))
    yield "Target", _ending(_number(values.get("max_profit_pct"), "+"), f"{formats.GAP}% of credit")
    yield "Stop", _ending(_number(values.get("max_loss_pct"), formats.MINUS), f"{formats.GAP}% of credit")
    yield "Trailing stop", _trailing(values)
    yield "Leg stop", _ending(_number(values.get("leg_stop_multiple")), "× its entry price")
    yield "Underlying stop", _ending(_number(values.get("underlying_stop_pct"), "±"), f"{formats.GAP}%")
    yield "Delta stop", _ending(_number(values.get("delta_stop"), "±"), " net")
    yield "Flat by", _guard(values.get("settlement_guard_minutes"))
    yield "Loss limit, a day", _number(values.get("daily_loss_limit"), "$")


def _ending(text: object, end: str) -> str:
    return f"{text}{end}" if text else ""


def _number(value: object, sign: str = "") -> str:
    """A setting as it was typed, without the zeros a database pads it with; empty for none."""
    exact = formats.decimal_of(value)
    return "" if exact is None else f"{sign}{exact.normalize():f}"


def _sells(values: Values) -> str:
    if not values.get("quantity"):
        return ""
    return f"{values['quantity']} × {values.get('underlying') or ''} call, put".replace("  ", " ")


def _strikes(values: Values) -> str:
    match str(values.get("strike_selection_mode") or ""):
        case "price":
            return f"call {_band(values, 'call')}, put {_band(values, 'put')}"
        case "expected_move":
            return _ending(_number(values.get("expected_move_multiple")), " × expected move")
        case "delta":
            low, high = values.get("delta_range") or (values.get("delta_range_low"), values.get("delta_range_high"))
            return f"|Δ| {formats.number(low)}–{formats.number(high)}" if low is not None else ""
        case _:
            return ""


def _band(values: Values, side: str) -> str:
    return "–".join(_number(values.get(f"{side}_option_price_{bound}"), "$") for bound in ("min", "max"))


def _expiry(values: Values) -> str:
    if values.get("expiry_date") and values.get("expiry_rule") == "fixed":
        return f"{parse_expiry(str(values['expiry_date'])):%d %b %Y}"
    days = values.get("days_to_expiry")
    if days is None:
        return ""
    return "same day" if days == 0 else f"{days} day{'' if days == 1 else 's'} out"


def _entry(values: Values) -> str:
    opens, window = values.get("trade_time_ist"), values.get("entry_window_seconds")
    if not opens or not window:
        return _ending(opens, " IST")
    until = at_ist(date(2000, 1, 1), parse_ist_time(str(opens))) + timedelta(seconds=int(window))
    return f"{opens}–{formats.ist(until, '%H:%M')} IST"


def _minutes(value: object) -> str:
    exact = formats.decimal_of(value)
    if not exact:
        return ""
    told = formats.duration(exact * 60).removesuffix(f" 00{formats.GAP}s")
    return told.removesuffix(f" 00{formats.GAP}min")


def _trailing(values: Values) -> str:
    if not values.get("trailing_sl_enabled"):
        return "" if values.get("trailing_sl_enabled") is None else "off"
    rules = values.get("trailing_rules")
    if rules is None:
        return "on"
    steps = sorted((Decimal(str(peak)), Decimal(str(level))) for peak, level in rules.items())
    told = (f"+{_percent(peak)} locks {_percent(level)}".replace(" ", formats.GAP) for peak, level in steps)
    return ", ".join(told) or "no level"


def _percent(fraction: Decimal) -> str:
    return f"{(fraction * 100).normalize():f}{formats.GAP}%"


def _guard(minutes: object) -> str:
    exact = formats.decimal_of(minutes)
    if exact is None:
        return ""
    at = at_ist(date(2000, 1, 1), parse_ist_time(SETTLES_AT)) - timedelta(minutes=int(exact))
    return f"{formats.ist(at, '%H:%M')} on expiry day"


def expected_exit(values: Values, entry_at: datetime | None) -> ExitPlan | None:
    """The ends of a session that enters at ``entry_at``, by the strategy's own rule; None for values that give none.

    The expiry is taken to be listed on the day the configuration asks for.
    """
    if entry_at is None:
        return None
    try:
        params = params_from_values(values)
        settles = settlement_instant(_expiry_day(params, entry_at))
        return exit_plan(params, entered_at=entry_at, settlement_at=settles)
    except (KeyError, TypeError, ValueError):
        return None


def _expiry_day(params: StrategyParams, entry_at: datetime) -> date:
    if params.expiry_rule is ExpiryRule.FIXED and params.expiry_date:
        return params.expiry_date
    return trading_day(entry_at) + timedelta(days=params.days_to_expiry)
