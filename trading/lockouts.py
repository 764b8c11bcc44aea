"""Lockouts: entries of one mode are locked for the rest of an IST day. Made in the transaction that ends a session."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal

from django.db.models import QuerySet, Sum
from django.db.models.functions import Coalesce
from django.utils import timezone

from trading.engine.ports import DayFacts
from trading.models import Lockout, LockoutKind, PositionLedger, SessionStatus, Severity, StrategySession
from trading.notify import raise_alert
from trading.params import params_from_values
from trading.strategy.schedule import trading_day
from trading.strategy.types import ZERO

UNTIL = "Entries are locked until the next IST day, or until somebody types UNLOCK."


def entry_lock(mode: str, day: date) -> str:
    """Why entries of ``mode`` are locked on the IST day ``day``; empty when they are not."""
    reasons = binding(mode, day).values_list("reason", flat=True)
    return f"{' '.join(reasons)} {UNTIL}" if reasons else ""


def binding(mode: str, day: date) -> QuerySet[Lockout]:
    """The lockouts that hold in ``mode`` on that day, oldest first."""
    return Lockout.objects.filter(mode=mode, trading_day=day, lifted_at=None).order_by("id")


def day_facts(day: date, exclude_session_id: int) -> DayFacts:
    """What other sessions of this IST day did in the same mode. A lifted lockout gives its allowance anew: its figure
    then counts the sessions after the one that had locked.
    """
    mode = StrategySession.objects.filter(pk=exclude_session_id).values_list("mode", flat=True).first() or ""
    entered = _entered(mode, day).exclude(pk=exclude_session_id)
    loss, number = LockoutKind.DAILY_LOSS, LockoutKind.SESSIONS_PER_DAY
    return DayFacts(
        realised=_realised(entered.filter(pk__gt=_lifted_after(loss, mode, day))),
        sessions=entered.filter(pk__gt=_lifted_after(number, mode, day)).count(),
    )


def lock_after(session_id: int, at: datetime) -> list[Lockout]:
    """Make the lockouts that the session just closed at ``at`` (venue time) calls for, and tell of them.

    Idempotent. A limit is the session's own configuration's; what is counted is all sessions of its mode.
    """
    session = StrategySession.objects.select_related("revision").get(pk=session_id)
    if session.activated_at is None or session.trading_day is None:
        return []
    return [_lock(kind, session, day, reason) for kind, day, reason in _called_for(session, trading_day(at))]


def _called_for(session: StrategySession, today: date) -> Iterator[tuple[LockoutKind, date, str]]:
    params = params_from_values(session.revision.values)
    losses = session.revision.values.get("max_consecutive_losses")
    # A session of yesterday's that closed today says nothing about today's allowance.
    if session.trading_day == today:
        entered = _entered(session.mode, today)
        lost = -_realised(entered.filter(pk__gt=_lifted_after(LockoutKind.DAILY_LOSS, session.mode, today)))
        if params.daily_loss_limit is not None and lost >= params.daily_loss_limit:
            said = f"The day's realised loss is ${lost:,.2f}; the daily loss limit is ${params.daily_loss_limit:,.2f}."
            yield LockoutKind.DAILY_LOSS, today, said
        number = entered.filter(pk__gt=_lifted_after(LockoutKind.SESSIONS_PER_DAY, session.mode, today)).count()
        if params.max_sessions_per_day is not None and number >= params.max_sessions_per_day:
            said = f"{number} sessions were entered today; the limit is {params.max_sessions_per_day}."
            yield LockoutKind.SESSIONS_PER_DAY, today, said
    if losses and (streak := losing_streak(session.mode, int(losses))) >= int(losses):
        yield LockoutKind.CONSECUTIVE_LOSSES, today, f"The last {streak} sessions lost; the limit is {losses} in a row."


def losing_streak(mode: str, most: int) -> int:
    """How many of the newest closed sessions in this mode lost money, up to the first that did not, ``most`` at most.
    Only those after the last one whose losses were forgiven by an unlock count.
    """
    after = _lifted_after(LockoutKind.CONSECUTIVE_LOSSES, mode, None)
    closed = StrategySession.objects.filter(
        mode=mode, status=SessionStatus.STOPPED, activated_at__isnull=False, pk__gt=after
    ).annotate(net=Coalesce(Sum("positions__realized_pnl"), ZERO))
    streak = 0
    for net in closed.order_by("-deactivated_at", "-id").values_list("net", flat=True)[:most]:
        if net >= 0:
            break
        streak += 1
    return streak


def _entered(mode: str, day: date) -> QuerySet[StrategySession]:
    return StrategySession.objects.filter(mode=mode, trading_day=day, activated_at__isnull=False)


def _realised(sessions: QuerySet[StrategySession]) -> Decimal:
    # Summed here: SQLite adds decimals as floats, and a limit may be met to the cent.
    legs = PositionLedger.objects.filter(session__in=sessions, realized_pnl__isnull=False)
    return sum(legs.values_list("realized_pnl", flat=True), ZERO)


def _lifted_after(kind: LockoutKind, mode: str, day: date | None) -> int:
    """The session whose lockout of this kind was lifted last (on ``day``, if given): what counts begins after it."""
    lifted = Lockout.objects.filter(kind=kind, mode=mode, lifted_at__isnull=False, session__isnull=False)
    if day is not None:
        lifted = lifted.filter(trading_day=day)
    return lifted.order_by("-lifted_at").values_list("session_id", flat=True).first() or 0


def _lock(kind: LockoutKind, session: StrategySession, day: date, reason: str) -> Lockout:
    lockout, made = Lockout.objects.get_or_create(
        kind=kind, mode=session.mode, trading_day=day, defaults={"reason": reason[:255], "session": session}
    )
    if not made and lockout.lifted_at is None:
        return lockout
    if not made:
        lockout.reason, lockout.session, lockout.created_at = reason[:255], session, timezone.now()
        lockout.lifted_at = lockout.lifted_by = None
        lockout.save()
    raise_alert(
        kind="lockout",
        severity=Severity.WARNING,
        title=f"Entries locked: {lockout.get_kind_display().lower()} ({session.mode})",
        message=f"{reason} {UNTIL}",
        key=f"lockout:{kind.value}:{session.mode}:{day.isoformat()}",
        session_id=session.pk,
    )
    return lockout
