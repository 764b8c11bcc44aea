"""The one write of this app: a snapshot for every session that has ended, whatever ended it."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from datetime import datetime
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any, Final

from django.db import OperationalError
from django.db.models import QuerySet
from django.utils import timezone

from analytics.models import SessionSnapshot
from analytics.stats import IST
from trading.selectors.analytics_source import SessionFacts, closed_session_ids, session_facts, unrecorded_sessions

log = logging.getLogger("analytics")
AT_ONCE: Final = 100
WHILE_READING: Final = 20
EIGHT: Final = Decimal("1e-8")
KEYS: Final = {"id", "session"}


def record_sessions(ids: Sequence[int]) -> int:
    """Record the closed sessions among ``ids``, again where they were; returns how many. Any number of processes may do
    so at the same time.
    """
    now = timezone.now()
    rows = [_snapshot(facts, now) for facts in session_facts(ids)]
    SessionSnapshot.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["session"],
        update_fields=[field.name for field in SessionSnapshot._meta.concrete_fields if field.name not in KEYS],
    )
    return len(rows)


def catch_up(most: int = WHILE_READING) -> int:
    """Record sessions that ended while nobody listened (a killed process, a clean-up), at most so many of them; returns
    how many are left. A database too busy to write to is not the reader's problem: they are left, then.
    """
    missing = unrecorded_sessions(_recorded())
    try:
        done = record_sessions(missing[:most]) if missing else 0
    except OperationalError:
        log.warning("Sessions wait to be recorded", extra={"event": "analytics_catch_up_failed"}, exc_info=True)
        return len(missing)
    return len(missing) - done


def record_all(*, again: bool = False) -> tuple[int, Iterator[int]]:
    """How many sessions there are to record, and the recording itself, a count at a time. ``again`` takes all closed
    sessions, not only those without a snapshot.
    """
    ids = closed_session_ids() if again else unrecorded_sessions(_recorded())
    return len(ids), (record_sessions(ids[start : start + AT_ONCE]) for start in range(0, len(ids), AT_ONCE))


def _recorded() -> QuerySet[SessionSnapshot, Any]:
    return SessionSnapshot.objects.order_by().values("session_id")


def _snapshot(facts: SessionFacts, now: datetime) -> SessionSnapshot:
    entered = facts.entered_at.astimezone(IST)
    causes = facts.attribution
    return SessionSnapshot(
        session_id=facts.session_id,
        recorded_at=now,
        strategy_id=facts.strategy_id,
        mode=facts.mode,
        configuration_id=facts.configuration_id,
        configuration_name=facts.configuration_name,
        revision=facts.revision,
        exit_reason=facts.exit_reason,
        trading_day=facts.trading_day,
        weekday=facts.trading_day.weekday(),
        entry_hour=entered.hour,
        entered_at=facts.entered_at,
        closed_at=facts.closed_at,
        hold_seconds=max(0, int((facts.closed_at - facts.entered_at).total_seconds())),
        traded=facts.traded,
        open_quantity=facts.open_quantity,
        credit=_eight(facts.credit),
        gross=_eight(facts.gross),
        fees=_eight(facts.fees),
        net=_eight(facts.net),
        cash=_eight(facts.cash),
        best=_eight(facts.best),
        worst=_eight(facts.worst),
        margin=None if facts.margin is None else _eight(facts.margin),
        slippage=_eight(causes.slippage),
        delta_pnl=_eight(causes.delta),
        gamma_pnl=_eight(causes.gamma),
        theta_pnl=_eight(causes.theta),
        vega_pnl=_eight(causes.vega),
        residual_pnl=_eight(causes.residual),
        remark=facts.remark[:200],
    )


def _eight(value: Decimal) -> Decimal:
    return value.quantize(EIGHT, rounding=ROUND_HALF_EVEN)
