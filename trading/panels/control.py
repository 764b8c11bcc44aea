"""The control panel: which buttons there are, for whom, and with what."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any, Final

from trading.panels.records import Records, Runtime, in_session

STOP_ENTRIES_HINT: Final = "Nothing new is sold until entries are resumed; what is open is guarded as before."
REDUCE_ONLY_HINT: Final = "Only orders that reduce a position leave until entries are resumed."
HOLDING: Final = frozenset({"entering", "live", "exiting", "attention"})


@dataclass(frozen=True, slots=True)
class Button:
    """One form with one button. ``confirm`` is asked first; ``css`` is its weight; ``hint`` says what it does.

    A disabled one says why.
    """

    action: str
    label: str
    now: bool = False
    css: str = ""
    confirm: str = ""
    enabled: bool = True
    why_not: str = ""
    icon: str = ""
    hint: str = ""


def control(runtime: Runtime, records: Records, *, operator: bool) -> dict[str, Any]:
    """Lead buttons (the obvious next action), the others, and a fresh idempotency key for this rendering."""
    phase = str(runtime.get("phase") or "idle")
    config = runtime.get("config") if in_session(runtime) else None
    mode = str(runtime.get("trading_mode") or "active")
    return {
        "operator": operator,
        "config": config,
        "configuration": records.configuration,
        "configuration_id": (config or {}).get("id") or (records.configuration.pk if records.configuration else ""),
        "key": uuid.uuid4().hex,
        "lead": _lead(runtime, records, phase, mode),
        "others": _others(phase, mode),
        "halted": mode == "halted",
        "lockouts": records.lockouts,
    }


def _lead(runtime: Runtime, records: Records, phase: str, mode: str) -> list[Button]:
    if not in_session(runtime):
        return _start(records, mode)
    if phase == "waiting":
        sure = "Sell the strangle at the market's bid at once, instead of at the scheduled time?"
        return [Button("restart", "Enter now", True, "primary", sure, mode == "active", "Entries are locked", "i-play")]
    return []


def _start(records: Records, mode: str) -> list[Button]:
    configuration = records.configuration
    why_not = "" if configuration else "No configuration is active"
    if mode != "active":
        why_not = "Trading is halted" if mode == "halted" else "New entries are stopped"
    elif configuration and any(lockout.mode == configuration.mode for lockout in records.lockouts):
        why_not = "Entries are locked for today"
    at = f" at {configuration.trade_time_ist} IST" if configuration else ""
    real = configuration is not None and configuration.mode == "live"
    sure = "Sell with live money as soon as two strikes pass the gates?" if real else ""
    return [
        Button("start", "Start now", True, "primary", sure, not why_not, why_not, "i-play"),
        Button("start", f"Start{at}", enabled=not why_not, why_not=why_not),
    ]


def _others(phase: str, mode: str) -> list[Button]:
    buttons = []
    if phase in HOLDING or phase in {"waiting", "selecting"}:
        buttons += [_stop(phase), _restart(phase, mode)]
    small = "" if buttons else "small"
    if mode == "active":
        buttons.append(Button("stop_entries", "Stop new entries", css=small, hint=STOP_ENTRIES_HINT))
    elif mode != "halted":
        buttons.append(Button("resume_entries", "Resume entries", css="" if buttons else "primary"))
    if mode in ("active", "stop_entries"):
        buttons.append(Button("reduce_only", "Reduce only", css=small, hint=REDUCE_ONLY_HINT))
    return buttons


def _stop(phase: str) -> Button:
    holding = phase in HOLDING
    sure = "Close both legs at the offer and end the session?" if holding else "End the session before it enters?"
    return Button("stop", "Stop", False, "danger", sure, phase != "exiting", "It is closing already")


def _restart(phase: str, mode: str) -> Button:
    first = "Close what is open and start" if phase in HOLDING else "Start"
    able = phase != "exiting" and mode == "active"
    return Button("restart", "Restart", False, "", f"{first} again with the newest revision?", able, "Not possible now")
