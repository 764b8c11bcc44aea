"""Lockouts: made when a session closes, binding until the IST day is over or somebody types UNLOCK."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date, timedelta
from decimal import Decimal
from io import StringIO
from typing import Any

import pytest
import pytest_asyncio
import time_machine
from asgiref.sync import sync_to_async
from django.core.management import CommandError, call_command

from accounts.models import AuditEvent
from deltastrangle.exceptions import InvalidInput, NotFound, PermissionRefused
from trading.lockouts import day_facts, entry_lock, lock_after
from trading.models import Alert, Lockout, OrderLedger, SessionStatus, StrategySession, TradingConfiguration
from trading.selectors.lockouts import active_lockouts
from trading.services.control import request_control
from trading.services.lockouts import LockedOut, lift_lockout
from trading.strategy.types import Phase
from trading.tests import factories_control as make
from trading.tests.rig import Rig

pytestmark = pytest.mark.django_db(transaction=True)
DAY = date(2026, 11, 23)
LOSS, WIN = Decimal("-20"), Decimal("5")
LIMITS: dict[str, Any] = {"daily_loss_limit": None, "max_sessions_per_day": None, "max_consecutive_losses": None}


def limited(**limits: Any) -> TradingConfiguration:
    """A configuration with these limits and no others."""
    return make.configuration(**{**LIMITS, **limits})


class Book:
    """Closes sessions of one configuration, an hour apart, and has their lockouts made."""

    def __init__(self, of: TradingConfiguration) -> None:
        self.of = of
        self.at = make.ENTERED
        self.number = 0

    def close(self, net: Decimal, *, days_later: int = 0, **fields: Any) -> list[str]:
        """A session that realised ``net``; the kinds of the lockouts that it called for."""
        self.number += 1
        self.at += timedelta(hours=1, days=days_later)
        session = make.closed_session(
            self.of,
            f"s{self.number}",
            activated_at=self.at - timedelta(minutes=30),
            deactivated_at=self.at,
            trading_day=DAY + timedelta(days=(self.at - make.ENTERED).days),
            **fields,
        )
        make.leg(session, "call", realized_pnl=net / 2)
        make.leg(session, "put", realized_pnl=net / 2)
        return [lockout.kind for lockout in lock_after(session.pk, self.at)]


def test_the_daily_loss_locks_when_it_is_reached_to_the_cent() -> None:
    book = Book(limited(daily_loss_limit="40"))
    assert book.close(Decimal("-39.99")) == []
    assert book.close(Decimal("-0.01")) == ["daily_loss"]
    assert "The day's realised loss is $40.00; the daily loss limit is $40.00." in entry_lock("paper", DAY)
    assert entry_lock("live", DAY) == ""
    assert entry_lock("paper", DAY + timedelta(days=1)) == ""


def test_a_gain_makes_room_below_the_daily_loss_limit() -> None:
    book = Book(limited(daily_loss_limit="40"))
    assert [book.close(net) for net in (LOSS, WIN, LOSS, LOSS)] == [[], [], [], ["daily_loss"]]


def test_the_number_of_sessions_locks() -> None:
    book = Book(limited(max_sessions_per_day=2))
    assert [book.close(WIN), book.close(WIN)] == [[], ["sessions_per_day"]]


def test_losses_in_a_row_lock_and_a_win_ends_the_row() -> None:
    book = Book(limited(max_consecutive_losses=3))
    results = [book.close(net) for net in (LOSS, LOSS, WIN, LOSS, LOSS, LOSS)]
    assert results == [[], [], [], [], [], ["consecutive_losses"]]


def test_losses_in_a_row_count_over_days_and_lock_the_day_of_the_last() -> None:
    book = Book(limited(max_consecutive_losses=2))
    book.close(LOSS)
    assert book.close(LOSS, days_later=1) == ["consecutive_losses"]
    assert Lockout.objects.get().trading_day == DAY + timedelta(days=1)


def test_a_position_handed_over_counts_by_what_it_realised() -> None:
    book = Book(limited(max_consecutive_losses=1))
    assert book.close(Decimal("-0.5"), exit_reason="handed_over") == ["consecutive_losses"]


def test_sessions_of_another_mode_and_those_never_entered_do_not_count() -> None:
    book = Book(limited(max_consecutive_losses=2, daily_loss_limit="30", max_sessions_per_day=2))
    book.close(LOSS, mode="testnet")
    assert book.close(LOSS) == []
    never = make.closed_session(book.of, "never", activated_at=None, exit_reason="no_entry")
    assert lock_after(never.pk, book.at) == []


def test_a_session_of_yesterday_that_closes_today_says_nothing_about_todays_allowance() -> None:
    book = Book(limited(daily_loss_limit="10", max_sessions_per_day=1))
    session = make.closed_session(book.of, "late", trading_day=DAY - timedelta(days=1))
    make.leg(session, "call", realized_pnl=LOSS)
    assert lock_after(session.pk, make.ENTERED) == []


def test_closing_twice_locks_and_tells_once() -> None:
    book = Book(limited(daily_loss_limit="10"))
    book.close(LOSS)
    lock_after(StrategySession.objects.get().pk, book.at)
    assert Lockout.objects.count() == 1
    alert = Alert.objects.get()
    assert (alert.kind, alert.count) == ("lockout", 1)
    assert "until somebody types UNLOCK" in alert.message


def lift(**given: Any) -> Lockout:
    """The typed unlock of the only lockout."""
    lockout_id = given.pop("lockout_id", None) or Lockout.objects.get().pk
    return lift_lockout(**{"actor": None, "source": "command", "confirm": "UNLOCK", "lockout_id": lockout_id, **given})


def test_the_unlock_gives_the_allowance_anew_and_the_next_breach_locks_again() -> None:
    book = Book(limited(daily_loss_limit="30", max_sessions_per_day=2))
    book.close(LOSS)
    assert sorted(book.close(LOSS)) == ["daily_loss", "sessions_per_day"]
    for lockout in Lockout.objects.all():
        lift(lockout_id=lockout.pk)
    assert entry_lock("paper", DAY) == ""
    waiting = make.session(book.of)
    assert day_facts(DAY, waiting.pk).realised == 0
    assert day_facts(DAY, waiting.pk).sessions == 0
    StrategySession.objects.filter(pk=waiting.pk).delete()
    assert book.close(LOSS) == []
    assert sorted(book.close(LOSS)) == ["daily_loss", "sessions_per_day"]
    assert Lockout.objects.count() == 2
    assert entry_lock("paper", DAY)


def test_the_unlock_forgives_a_losing_streak() -> None:
    book = Book(limited(max_consecutive_losses=2))
    book.close(LOSS)
    book.close(LOSS)
    lift()
    assert [book.close(LOSS), book.close(LOSS)] == [[], ["consecutive_losses"]]


def test_the_unlock_is_typed_by_an_operator_and_audited() -> None:
    Book(limited(daily_loss_limit="10")).close(LOSS)
    with pytest.raises(InvalidInput, match="Type UNLOCK"):
        lift(confirm="unlock")
    with pytest.raises(PermissionRefused):
        lift(actor=make.user("viewer"), source="web")
    with pytest.raises(NotFound):
        lift(lockout_id=99)
    operator = make.user()
    assert lift(actor=operator, source="web").lifted_by == operator
    outcomes = AuditEvent.objects.filter(action="lockout.lift").order_by("id").values_list("outcome", flat=True)
    assert list(outcomes) == ["refused", "refused", "refused", "ok"]
    assert Alert.objects.get().acknowledged_at is not None


def snapshot_of_that_day(name: str = "simulated") -> None:
    """A worker at a venue whose clock shows the day of the losses."""
    make.alive_engine(venue={"name": name, "clock": make.ENTERED.isoformat(), "speed": 1})


def test_a_start_is_refused_with_the_reason_and_the_way_out() -> None:
    chosen = limited(daily_loss_limit="10")
    Book(chosen).close(LOSS)
    snapshot_of_that_day()
    with pytest.raises(LockedOut) as refused:
        request_control(actor=None, source="command", action="start", configuration_id=chosen.pk)
    assert refused.value.status == 409
    assert refused.value.code == "locked_out"
    assert "The day's realised loss is $20.00" in refused.value.detail
    assert "manage.py lift_lockout --confirm UNLOCK" in refused.value.detail
    lift()
    assert request_control(actor=None, source="command", action="start", configuration_id=chosen.pk).session_id


@time_machine.travel("2027-01-15T06:00:00Z", tick=False)
def test_the_lockout_of_one_mode_does_not_bind_another_nor_another_day() -> None:
    chosen = limited(daily_loss_limit="10")
    Book(chosen).close(LOSS)
    snapshot_of_that_day()
    assert [lockout.kind for lockout in active_lockouts()] == ["daily_loss"]
    Lockout.objects.update(mode="live")
    assert active_lockouts() == []
    Lockout.objects.update(mode="paper", trading_day=DAY - timedelta(days=1))
    assert active_lockouts() == []


def test_the_command_shows_and_lifts() -> None:
    Book(limited(daily_loss_limit="10")).close(LOSS)
    snapshot_of_that_day()
    output = StringIO()
    with pytest.raises(CommandError, match="Type UNLOCK"):
        call_command("lift_lockout", stdout=output)
    assert "paper: Daily loss limit. The day's realised loss is $20.00" in output.getvalue()
    call_command("lift_lockout", "--mode", "live", stdout=output)
    assert Lockout.objects.get().lifted_at is None
    call_command("lift_lockout", "--confirm", "UNLOCK", stdout=output)
    assert Lockout.objects.get().lifted_at is not None
    call_command("lift_lockout", stdout=output)
    assert output.getvalue().endswith("Nothing is locked.\n")


# --- In a whole engine ---------------------------------------------------------------------------------------------


@pytest_asyncio.fixture
async def rig() -> AsyncIterator[Rig]:
    """A fresh engine at 09:25 IST."""
    made = Rig()
    yield made
    await made.close()


async def test_the_engine_locks_in_the_transaction_that_closes_the_session(rig: Rig) -> None:
    session = await rig.start(max_hold_minutes=5, max_sessions_per_day=1)
    await rig.until_live()
    await rig.until_closed(seconds=5)
    lockout = await Lockout.objects.aget()
    assert (lockout.kind, lockout.mode, lockout.session_id) == ("sessions_per_day", "paper", session.pk)
    assert [alert.kind async for alert in Alert.objects.order_by("id")] == ["entered", "exit", "lockout"]
    with pytest.raises(LockedOut):
        await rig.ask("start", configuration_id=session.configuration_id)


async def test_a_session_that_was_opened_all_the_same_does_not_enter(rig: Rig) -> None:
    """A restart reopens behind the service's back: the engine itself refuses, and goes on after the unlock."""
    session = await rig.start(max_hold_minutes=5, max_sessions_per_day=1)
    await rig.until_live()
    await rig.ask("restart", now=True)
    await rig.run(lambda: rig.phase is Phase.SELECTING)
    for _ in range(10):
        await rig.step()
    reopened = await StrategySession.objects.aget(status=SessionStatus.RUNNING)
    assert reopened.pk != session.pk
    assert not await OrderLedger.objects.filter(session=reopened).aexists()
    said = [line.message async for line in reopened.decisions.filter(kind="selection_refused")]
    assert "1 sessions were entered today; the limit is 1." in said[0]
    lockout = await Lockout.objects.aget()
    await sync_to_async(lift_lockout)(actor=None, lockout_id=lockout.pk, confirm="UNLOCK", source="command")
    await rig.until_live()
    assert rig.phase is Phase.LIVE


async def test_a_daily_configuration_goes_on_with_the_next_day(rig: Rig) -> None:
    await rig.start(now=False, max_hold_minutes=5, max_sessions_per_day=1, repeat="daily")
    await rig.until_live()
    await rig.run(lambda: rig.phase is Phase.WAITING, seconds=5)
    assert await Lockout.objects.acount() == 1
    await rig.run(lambda: rig.phase is Phase.LIVE, seconds=30)
    days = [row.trading_day async for row in StrategySession.objects.order_by("id") if row.trading_day is not None]
    assert days[1] == days[0] + timedelta(days=1)
