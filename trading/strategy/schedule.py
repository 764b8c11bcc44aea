"""When to enter and when to leave. A trading day is an IST day; IST is a fixed +05:30 without daylight saving. Instants
are aware UTC.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone
from enum import StrEnum

from trading.strategy.types import Repeat, StrategyParams

IST = timezone(timedelta(hours=5, minutes=30), "IST")
SETTLEMENT_TIME_UTC = time(12, 0)
_CLOCK = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])")
_DAYS_SEARCHED = 9


class ExitClock(StrEnum):
    """What set the planned exit instant."""

    EXIT_TIME = "exit_time"
    MAX_HOLD = "max_hold"
    SETTLEMENT_GUARD = "settlement_guard"


@dataclass(frozen=True, slots=True)
class EntryPlan:
    """An entry window: enter at or after ``entry_at`` and before ``entry_until``, on the IST trading day ``day``."""

    day: date
    entry_at: datetime
    entry_until: datetime


@dataclass(frozen=True, slots=True)
class ExitPlan:
    """The frozen ends of a session: planned exit, the settlement guard and settlement itself. ``exit_at`` is never
    after ``guard_at``.
    """

    exit_at: datetime
    guard_at: datetime
    settlement_at: datetime
    reason_of_exit_at: ExitClock


def parse_ist_time(text: str) -> time:
    """Read ``HH:MM`` of a 24-hour clock; ValueError says what was expected."""
    match = _CLOCK.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not a time of day: use HH:MM from 00:00 to 23:59 (IST).")
    return time(int(match[1]), int(match[2]))


def trading_day(at: datetime) -> date:
    """The IST date of an instant."""
    return at.astimezone(IST).date()


def at_ist(day: date, clock: time) -> datetime:
    """The UTC instant at which the IST clock shows ``clock`` on ``day``."""
    return datetime.combine(day, clock, IST).astimezone(UTC)


def settlement_instant(expiry: date) -> datetime:
    """When BTC and ETH options of an expiry settle: 12:00 UTC, 17:30 IST (``spec/delta_exchange.md`` §2.2)."""
    return datetime.combine(expiry, SETTLEMENT_TIME_UTC, UTC)


def next_entry(params: StrategyParams, now: datetime, *, not_before_day: date | None = None) -> EntryPlan:
    """The entry window that is open now or opens next, on an allowed weekday (Monday is 0; weekdays bind daily repeats
    only).

    ``not_before_day`` keeps a day that was already traded from being entered again. ValueError when no weekday is
    allowed.
    """
    # Yesterday first: a window that opens just before midnight IST is still yesterday's.
    first = trading_day(now) - timedelta(days=1)
    if not_before_day is not None:
        first = max(first, not_before_day)
    for offset in range(_DAYS_SEARCHED):
        plan = entry_window(params, first + timedelta(days=offset))
        if now < plan.entry_until and _allowed(params, plan.day):
            return plan
    raise ValueError("No weekday is chosen, so there is no next entry.")


def entry_window(params: StrategyParams, day: date) -> EntryPlan:
    """The entry window of one trading day."""
    entry_at = at_ist(day, parse_ist_time(params.trade_time_ist))
    return EntryPlan(day, entry_at, entry_at + timedelta(seconds=params.entry_window_seconds))


def guard_instant(params: StrategyParams, settlement_at: datetime) -> datetime:
    """When a session must be flat, ahead of the settlement average."""
    return settlement_at - timedelta(minutes=params.settlement_guard_minutes)


def exit_plan(params: StrategyParams, *, entered_at: datetime, settlement_at: datetime) -> ExitPlan:
    """The ends of a session entered at ``entered_at``: the first exit time strictly after it, the holding limit or the
    guard, whichever is first.

    A session entered after its guard gets an exit in the past, and so is closed at once.
    """
    guard_at = guard_instant(params, settlement_at)
    exit_at, reason = _first_exit_time(params, entered_at), ExitClock.EXIT_TIME
    if params.max_hold_minutes is not None:
        held_until = entered_at + timedelta(minutes=params.max_hold_minutes)
        if held_until < exit_at:
            exit_at, reason = held_until, ExitClock.MAX_HOLD
    if guard_at <= exit_at:
        exit_at, reason = guard_at, ExitClock.SETTLEMENT_GUARD
    return ExitPlan(exit_at, guard_at, settlement_at, reason)


def _first_exit_time(params: StrategyParams, entered_at: datetime) -> datetime:
    clock = parse_ist_time(params.exit_time_ist)
    today = at_ist(trading_day(entered_at), clock)
    return today if today > entered_at else today + timedelta(days=1)


def _allowed(params: StrategyParams, day: date) -> bool:
    return params.repeat is Repeat.ONCE or day.weekday() in params.weekdays
