"""Entry windows and exit instants on IST days."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading.strategy.schedule import (
    IST,
    ExitClock,
    at_ist,
    entry_window,
    exit_plan,
    next_entry,
    parse_ist_time,
    settlement_instant,
    trading_day,
)
from trading.strategy.tests.samples import params
from trading.strategy.types import Repeat

FRIDAY = date(2026, 9, 4)
EPOCH = datetime(2024, 1, 1, tzinfo=UTC)
INSTANTS = st.integers(0, 6 * 365 * 86_400).map(lambda seconds: EPOCH + timedelta(seconds=seconds))
CLOCKS = st.times().map(lambda clock: f"{clock:%H:%M}")


def ist(day: date, clock: str) -> datetime:
    """An instant by the IST clock."""
    return at_ist(day, parse_ist_time(clock))


def test_a_time_of_day_is_read_strictly() -> None:
    assert parse_ist_time("09:30") == time(9, 30)
    assert parse_ist_time("00:00") == time(0, 0)
    assert parse_ist_time("23:59") == time(23, 59)


@pytest.mark.parametrize(
    "text", ["99:99", "24:00", "9:30", "09:60", "09:30:00", "09:30 AM", "", " 09:30", "09:30\n", "٠٩:٣٠"]
)
def test_anything_else_is_refused_with_the_expected_form(text: str) -> None:
    with pytest.raises(ValueError, match="use HH:MM from 00:00 to 23:59"):
        parse_ist_time(text)


def test_the_trading_day_changes_at_midnight_in_india() -> None:
    assert trading_day(datetime(2026, 9, 4, 18, 29, 59, tzinfo=UTC)) == FRIDAY
    assert trading_day(datetime(2026, 9, 4, 18, 30, tzinfo=UTC)) == date(2026, 9, 5)


@given(INSTANTS)
def test_india_has_no_daylight_saving(at: datetime) -> None:
    assert at.astimezone(IST).utcoffset() == timedelta(hours=5, minutes=30)
    assert at_ist(trading_day(at), at.astimezone(IST).time()) == at


def test_settlement_is_at_half_past_five_in_india() -> None:
    assert settlement_instant(FRIDAY) == datetime(2026, 9, 4, 12, tzinfo=UTC) == ist(FRIDAY, "17:30")


@pytest.mark.parametrize(
    ("clock", "day"),
    [("00:00", FRIDAY), ("09:30", FRIDAY), ("09:34", FRIDAY), ("09:35", date(2026, 9, 5)), ("23:59", date(2026, 9, 5))],
)
def test_a_missed_window_waits_for_the_next_day(clock: str, day: date) -> None:
    plan = next_entry(params(entry_window_seconds=300), ist(FRIDAY, clock))
    assert (plan.day, plan.entry_at, plan.entry_until) == (day, ist(day, "09:30"), ist(day, "09:35"))


def test_weekdays_bind_daily_sessions_only() -> None:
    monday_only = params(weekdays=(0,), repeat=Repeat.DAILY)
    assert next_entry(monday_only, ist(FRIDAY, "08:00")).day == date(2026, 9, 7)
    assert next_entry(params(weekdays=(0,), repeat=Repeat.ONCE), ist(FRIDAY, "08:00")).day == FRIDAY


def test_a_single_weekday_missed_waits_a_whole_week() -> None:
    friday_only = params(weekdays=(4,), repeat=Repeat.DAILY)
    assert next_entry(friday_only, ist(FRIDAY, "10:00")).day == date(2026, 9, 11)


def test_a_day_already_traded_is_not_entered_again() -> None:
    plan = next_entry(params(), ist(FRIDAY, "09:31"), not_before_day=date(2026, 9, 5))
    assert plan.day == date(2026, 9, 5)


def test_a_window_that_opened_before_midnight_is_still_yesterdays() -> None:
    late = params(trade_time_ist="23:58", entry_window_seconds=300)
    assert next_entry(late, ist(date(2026, 9, 5), "00:01")).day == FRIDAY
    assert next_entry(late, ist(date(2026, 9, 5), "00:03")).day == date(2026, 9, 5)


def test_no_weekday_is_an_error_and_not_an_endless_search() -> None:
    with pytest.raises(ValueError, match="No weekday"):
        next_entry(params(repeat=Repeat.DAILY, weekdays=()), ist(FRIDAY, "08:00"))


@given(INSTANTS, CLOCKS, st.integers(1, 86_400), st.lists(st.integers(0, 6), min_size=1, unique=True))
def test_the_next_window_is_the_first_allowed_one_not_over(
    now: datetime, clock: str, seconds: int, weekdays: list[int]
) -> None:
    chosen = params(trade_time_ist=clock, entry_window_seconds=seconds, repeat=Repeat.DAILY, weekdays=tuple(weekdays))
    plan = next_entry(chosen, now)
    assert now < plan.entry_until
    assert plan.day.weekday() in weekdays
    assert trading_day(plan.entry_at) == plan.day
    earlier = (entry_window(chosen, plan.day - timedelta(days=back)) for back in range(1, 8))
    assert all(window.entry_until <= now for window in earlier if window.day.weekday() in weekdays)


@pytest.mark.parametrize(
    ("entered", "exit_day"),
    [("09:30", FRIDAY), ("15:19", FRIDAY), ("15:20", date(2026, 9, 5)), ("18:00", date(2026, 9, 5))],
)
def test_the_exit_is_the_first_exit_time_after_entry(entered: str, exit_day: date) -> None:
    plan = exit_plan(params(), entered_at=ist(FRIDAY, entered), settlement_at=settlement_instant(date(2026, 9, 7)))
    assert plan.exit_at == ist(exit_day, "15:20")
    assert plan.reason_of_exit_at is ExitClock.EXIT_TIME


def test_the_holding_limit_can_come_first() -> None:
    plan = exit_plan(
        params(max_hold_minutes=90), entered_at=ist(FRIDAY, "09:31"), settlement_at=settlement_instant(FRIDAY)
    )
    assert plan.exit_at == ist(FRIDAY, "11:01")
    assert plan.reason_of_exit_at is ExitClock.MAX_HOLD


def test_the_guard_cuts_an_exit_time_that_is_too_late() -> None:
    late = params(exit_time_ist="17:15", settlement_guard_minutes=35)
    plan = exit_plan(late, entered_at=ist(FRIDAY, "09:31"), settlement_at=settlement_instant(FRIDAY))
    assert plan.exit_at == plan.guard_at == ist(FRIDAY, "16:55")
    assert plan.reason_of_exit_at is ExitClock.SETTLEMENT_GUARD


def test_an_exit_time_at_the_guard_belongs_to_the_guard() -> None:
    same = params(exit_time_ist="16:55", settlement_guard_minutes=35)
    plan = exit_plan(same, entered_at=ist(FRIDAY, "09:31"), settlement_at=settlement_instant(FRIDAY))
    assert (plan.exit_at, plan.reason_of_exit_at) == (plan.guard_at, ExitClock.SETTLEMENT_GUARD)


@given(
    INSTANTS,
    CLOCKS,
    st.none() | st.integers(1, 5000),
    st.integers(1, 600),
    st.integers(1, 5 * 86_400),
)
def test_an_exit_is_after_entry_and_never_after_the_guard(
    entered_at: datetime, clock: str, hold: int | None, guard: int, ahead: int
) -> None:
    chosen = params(exit_time_ist=clock, max_hold_minutes=hold, settlement_guard_minutes=guard)
    settlement_at = entered_at + timedelta(minutes=guard, seconds=ahead)
    plan = exit_plan(chosen, entered_at=entered_at, settlement_at=settlement_at)
    assert entered_at < plan.exit_at <= plan.guard_at < plan.settlement_at
    assert plan.exit_at <= entered_at + timedelta(days=1)
    assert hold is None or plan.exit_at <= entered_at + timedelta(minutes=hold)
