"""Builders of the panels with figures: P&L, legs, payoff, schedule, rules, risk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from trading.panels import formats
from trading.panels.charts import payoff_chart, pnl_chart
from trading.panels.plan_words import expected_exit, plan_facts
from trading.panels.records import Records, Runtime, holds, in_session
from trading.panels.rule_words import distance
from trading.panels.timeline import timeline
from trading.panels.words import spoken

NEAR: Final = 0.66
"""A rule that has come this far towards acting is shown in the warning colour."""
MARGIN_HIGH_PERCENT: Final = 70


def part(runtime: Runtime, name: str) -> Mapping[str, Any]:
    """A section of the picture; an empty one where the engine gave none."""
    return runtime.get(name) or {}


def venue_now(runtime: Runtime) -> datetime | None:
    """The session's clock at the time of the picture."""
    return formats.moment(part(runtime, "venue").get("clock")) or formats.moment(runtime.get("generated_at"))


def hero(runtime: Runtime, records: Records) -> dict[str, Any]:
    """Net P&L with its chart once something was sold; before that, what comes next; when idle, what could."""
    limits, plan = part(runtime, "limits"), part(runtime, "schedule")
    points = runtime.get("history") or [] if holds(runtime) else []
    return {
        "view": "pnl" if holds(runtime) else "next" if in_session(runtime) else "idle",
        "totals": part(runtime, "totals"),
        "trailing": part(runtime, "trailing"),
        "chart": pnl_chart(points, stop=limits.get("max_loss_pct"), target=limits.get("max_profit_pct")),
        "phase": runtime.get("phase"),
        "schedule": plan,
        "facts": plan_facts(_planned(runtime, records)),
        "summary": spoken(part(runtime, "entry").get("summary") or ""),
        "today": _is_today(plan.get("scheduled_entry_at"), venue_now(runtime)),
        "configuration": records.configuration,
        "stopped": _stopped(runtime, records),
    }


def _stopped(runtime: Runtime, records: Records) -> str:
    """Why the active configuration cannot start now, in a few words; empty when it can."""
    mode = str(runtime.get("trading_mode") or "active")
    if mode != "active":
        return "Trading is halted" if mode == "halted" else "No new entries"
    configuration = records.configuration
    locked = configuration and any(lockout.mode == configuration.mode for lockout in records.lockouts)
    return "Locked for today" if locked else ""


def _planned(runtime: Runtime, records: Records) -> Mapping[str, Any]:
    """The values of what comes next: all of them from the records, else those that the picture has."""
    return {**part(runtime, "config"), **records.values}


def _is_today(value: object, now: datetime | None) -> bool:
    return now is None or formats.ist_day(value) == formats.ist_day(now)


def legs(runtime: Runtime, records: Records) -> dict[str, Any]:
    """Both legs and their net; nothing to show without a session."""
    positions = runtime.get("positions") or []
    settlement = part(runtime, "schedule").get("settlement_at")
    return {
        "shown": holds(runtime),
        "legs": [_leg(position) for position in positions],
        "totals": part(runtime, "totals"),
        "net_entry": _sum(positions, "entry_price"),
        "net_cost": _sum(positions, "cost_to_close"),
        "tick": positions[0].get("tick_size") if positions else None,
        "underlying": part(runtime, "config").get("underlying") or "Spot",
        "spot": part(runtime, "spot").get("last"),
        "expiry": _expiry(settlement, venue_now(runtime)),
    }


def _leg(position: Mapping[str, Any]) -> dict[str, Any]:
    size = position.get("open_size") if position.get("status") == "open" else position.get("size")
    closed = position.get("status") != "open"
    sign = -1 if (position.get("side") or position.get("direction")) == "short" else 1
    return {
        "tick_size": None,
        **position,
        "name": f"{str(position.get('leg') or '').capitalize()} {formats.number(position.get('strike'), 0)}",
        "closed": closed,
        "signed_size": sign * int(size or 0),
        "cost": position.get("exit_price") if closed else position.get("cost_to_close"),
    }


def _sum(positions: Sequence[Mapping[str, Any]], name: str) -> object:
    values = [formats.decimal_of(position.get(name)) for position in positions]
    known = [value for value in values if value is not None]
    return sum(known) if known and len(known) == len(values) else None


def _expiry(settlement: object, now: datetime | None) -> str:
    return f"expiry {_day_and_time(settlement, now)} IST" if formats.moment(settlement) else ""


def _day_and_time(at: object, now: datetime | None) -> str:
    """An instant in IST with its day in the shortest words: ``today 17:30``, ``tomorrow 16:55``, ``24 Nov 17:30``."""
    day, today = formats.ist_day(at), formats.ist_day(now)
    if day is None:
        return ""
    named = {today: "today", today + timedelta(days=1): "tomorrow"} if today else {}
    return f"{named.get(day, day.strftime('%d %b'))} {formats.ist(at, '%H:%M')}"


def payoff(runtime: Runtime, records: Records) -> dict[str, Any]:
    """P&L against the underlying, at expiry and now."""
    data = part(runtime, "payoff")
    credit = formats.decimal_of(part(runtime, "totals").get("credit"))
    share = formats.decimal_of(part(runtime, "limits").get("max_loss_pct"))
    chart = payoff_chart(
        data.get("spots") or [],
        data.get("expiry") or [],
        data.get("now") or [],
        spot=part(runtime, "spot").get("last"),
        strikes=[position.get("strike") for position in runtime.get("positions") or []],
        breakevens=data.get("breakevens") or [],
        stop=credit * share / 100 if credit is not None and share is not None else None,
    )
    return {"shown": holds(runtime), "chart": chart}


def schedule(runtime: Runtime, records: Records) -> dict[str, Any]:
    """The session's day on one axis, with what comes next in words; ahead of the entry, with the exit as planned."""
    plan, now = part(runtime, "schedule"), venue_now(runtime)
    if in_session(runtime) and not holds(runtime) and not plan.get("planned_exit_at"):
        plan = {**plan, **_planned_exit(runtime, records)}
    drawn = timeline(plan, now) if in_session(runtime) else None
    ahead = runtime.get("phase") == "waiting"
    first = plan.get("scheduled_entry_at") if ahead else now
    return {
        "shown": drawn is not None,
        "timeline": drawn,
        "schedule": plan,
        "waiting": ahead,
        "day": "Today" if _is_today(first, now) else formats.ist_day_words(first),
        "guard": _day_and_time(plan.get("guard_at"), now).removeprefix("today "),
        "settlement": _expiry(plan.get("settlement_at"), now),
    }


def _planned_exit(runtime: Runtime, records: Records) -> dict[str, Any]:
    plan = part(runtime, "schedule")
    entry_at = formats.moment(plan.get("entered_at")) or formats.moment(plan.get("scheduled_entry_at"))
    found = expected_exit(_planned(runtime, records), entry_at)
    return {"planned_exit_at": found.exit_at} if found else {}


def rules(runtime: Runtime, records: Records) -> dict[str, Any]:
    """The exit rules, nearest to acting first; those switched off by name only."""
    judged = [rule for rule in runtime.get("rules") or [] if rule.get("verdict") != "off"]
    judged.sort(key=lambda rule: -float(rule.get("progress") or 0))
    return {
        "shown": in_session(runtime) and bool(judged),
        "rules": [_rule(rule) for rule in judged],
        "off": [str(rule.get("label")) for rule in runtime.get("rules") or [] if rule.get("verdict") == "off"],
        "quote_age": part(runtime, "venue").get("quote_age_seconds"),
    }


def _rule(rule: Mapping[str, Any]) -> dict[str, Any]:
    progress = min(max(float(rule.get("progress") or 0), 0.0), 1.0)
    verdict = str(rule.get("verdict"))
    css = "acting" if verdict == "act" else "near" if progress >= NEAR else ""
    return {
        "label": rule.get("label") or rule.get("rule"),
        "width": f"{progress * 100:.1f}",
        "css": css,
        "detail": formats.prose(rule.get("detail")) or ("cannot be judged now" if verdict == "unknown" else ""),
        "distance": distance(rule),
        "verdict": verdict,
    }


def risk(runtime: Runtime, records: Records) -> dict[str, Any]:
    """Margin, shocks and the day's loss budget, with a verdict in one word."""
    data = part(runtime, "risk")
    margin, cash = formats.decimal_of(data.get("margin")), formats.decimal_of(data.get("cash"))
    used = margin / cash * 100 if margin is not None and cash else None
    budget, lost = formats.decimal_of(data.get("loss_budget")), formats.decimal_of(data.get("loss_used"))
    spent = bool(budget) and lost is not None and budget is not None and lost >= budget
    return {
        "shown": any(data.get(name) is not None for name in ("margin", "cash", "available")),
        "risk": data,
        "margin_pct": used,
        "verdict": ("down", "loss budget used up") if spent
        else ("warn", "margin is high") if used is not None and used >= MARGIN_HIGH_PERCENT
        else ("up", "healthy"),
        "underlying": part(runtime, "config").get("underlying") or "spot",
        "open": holds(runtime),
    }  # fmt: skip
