"""Builders of the panels about the platform: the bar, alerts, feeds, the venue and what Stop would do."""

from __future__ import annotations

from typing import Any, Final

from trading.panels import formats
from trading.panels.alerts import alerts as alert_list
from trading.panels.figures import part, venue_now
from trading.panels.records import Records, Runtime, holds, in_session
from trading.panels.words import MODES, PURPOSES, TRADING_MODES, order_words, phase_words

GIGABYTE: Final = 1024
"""In megabytes."""


def bar(runtime: Runtime, records: Records) -> dict[str, Any]:
    """Phase, mode, age of the newest figure and the session's clock."""
    phase = str(runtime.get("phase") or runtime.get("status") or "idle")
    label, icon = phase_words(phase)
    venue, worker = part(runtime, "venue"), part(runtime, "worker")
    speed = venue.get("speed") or 1
    simulated = venue.get("name") == "simulated" and bool(worker.get("alive"))
    mode = str(runtime.get("mode") or "")
    return {
        "phase": phase,
        "label": label,
        "icon": icon,
        "mode": mode,
        "mode_label": MODES.get(mode, mode),
        "age": _data_age(runtime),
        "active": in_session(runtime),
        "clock": venue_now(runtime) if worker.get("alive") else None,
        "clock_iso": str(venue.get("clock") or "") if worker.get("alive") else "",
        "speed": speed,
        "simulated": simulated,
        "state": ":".join(str(part_) for part_ in _state(runtime, records)),
        "told": part(runtime, "alerts"),
    }


def _data_age(runtime: Runtime) -> float | None:
    """Seconds since the newest figure was true: the quote's age when it was published, and how long ago that was."""
    heartbeat = formats.decimal_of(part(runtime, "worker").get("heartbeat_age_seconds"))
    quote = formats.decimal_of(part(runtime, "venue").get("quote_age_seconds")) if in_session(runtime) else None
    return None if heartbeat is None else round(float(heartbeat + (quote or 0)), 2)


def _state(runtime: Runtime, records: Records) -> tuple[object, ...]:
    """What decides which buttons there are; the page asks for them again when it changes."""
    config = part(runtime, "config")
    alive = part(runtime, "worker").get("alive")
    told = part(runtime, "alerts")
    locks = ",".join(str(lockout.pk) for lockout in records.lockouts)
    session = (runtime.get("phase"), runtime.get("session_id"), runtime.get("trading_mode"), config.get("revision"))
    account = part(runtime, "account").get("version")
    return (*session, alive, told.get("open"), told.get("newest"), locks, account)


def alerts(runtime: Runtime, records: Records) -> dict[str, Any]:
    """The alert strip."""
    return {"alerts": alert_list(runtime, records)}


def decisions(runtime: Runtime, records: Records) -> dict[str, Any]:
    """The newest decisions; of the last session when none is open."""
    session_id = runtime.get("session_id") or (records.last.item.id if records.last else None)
    shown = in_session(runtime) or bool(records.decisions)
    return {
        "shown": shown,
        "decisions": records.decisions,
        "session_id": session_id,
        "past": not in_session(runtime),
    }


def orders(runtime: Runtime, records: Records) -> dict[str, Any]:
    """Every order of the session with what became of it."""
    return {"shown": bool(records.orders), "orders": [order_row(order) for order in records.orders]}


def order_row(order: Any) -> dict[str, Any]:
    """One order of the ledger for a table, with its fills (prefetched)."""
    label, tone = order_words(order.status, order.filled_quantity, order.quantity)
    return {
        "order": order,
        "name": f"{PURPOSES.get(order.purpose, order.purpose)} {order.leg}",
        "label": label,
        "tone": tone,
        "fills": list(order.fills.all()),
    }


def venue(runtime: Runtime, records: Records) -> dict[str, Any]:
    """The link to the venue and the worker behind it."""
    data, worker = part(runtime, "venue"), part(runtime, "worker")
    now, reconciled = venue_now(runtime), formats.moment(data.get("reconciled_at"))
    ago = (now - reconciled).total_seconds() if now and reconciled else None
    if not worker.get("alive"):
        verdict = ("down", "engine not running")
    elif data.get("connected") is False:
        verdict = ("down", "disconnected")
    else:
        verdict = ("up", "standing by" if worker.get("standby") else "connected")
    mode = str(runtime.get("trading_mode") or "active")
    return {
        "venue": data,
        "worker": worker,
        "reconciled_ago": ago,
        "verdict": verdict,
        "trading_mode": mode,
        "trading_mode_label": TRADING_MODES.get(mode, mode),
    }


def gates(runtime: Runtime, records: Records) -> dict[str, Any]:
    """The health gates with their newest readings."""
    found = runtime.get("gates") or []
    closed = sum(1 for gate in found if gate["closed"])
    verdict = ("warn", f"{closed} closed: no entries") if closed else ("up", "all open")
    shown = [{**gate, "reading": _reading(gate["value"], gate["unit"])} for gate in found]
    return {"shown": bool(found), "gates": shown, "verdict": verdict}


def _reading(value: float | None, unit: str) -> str:
    if value is None:
        return formats.NONE
    if unit == "MB" and value >= GIGABYTE:
        return f"{formats.number(value / GIGABYTE, 1)} GB"
    return f"{formats.number(value, 0)} {unit}"


def control_note(runtime: Runtime, records: Records) -> dict[str, Any]:
    """What the next press would do and cost."""
    totals = part(runtime, "totals")
    return {
        "phase": str(runtime.get("phase") or "idle"),
        "alive": bool(part(runtime, "worker").get("alive")),
        "holds": holds(runtime),
        "cost": totals.get("cost_to_close"),
        "fees": totals.get("fees_to_close"),
        "net": totals.get("net"),
        "halted": runtime.get("trading_mode") == "halted",
        "locked": any(lockout.mode == getattr(records.configuration, "mode", "") for lockout in records.lockouts),
        "configuration": records.configuration,
    }
