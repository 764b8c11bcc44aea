"""The outbox: which alerts are due, who may send one, and what came of it. Any number of processes may send."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from django.db.models import F, Q, QuerySet
from django.utils import timezone

from trading.models import Alert, AlertStatus

FIRST_PAUSE_SECONDS: Final = 30.0
"""Also the right to send: whoever dies while sending is followed after it, so it must outlast a sending."""
LONGEST_PAUSE_SECONDS: Final = 3600.0
MOST_ATTEMPTS: Final = 12
BATCH: Final = 20


def due(now: datetime) -> list[Alert]:
    """The alerts to send now, oldest first."""
    rows = Alert.objects.select_related("session").filter(_due(now), status=AlertStatus.PENDING)
    return list(rows.order_by("id")[:BATCH])


def claim(alert: Alert, now: datetime) -> bool:
    """Take the right to make the next attempt; False when another process has it, or it became worse meanwhile."""
    mine = _as_read(alert).filter(_due(now), attempts=alert.attempts)
    return mine.update(attempts=F("attempts") + 1, next_attempt_at=now + pause_after(alert.attempts + 1)) == 1


def settle(alert: Alert, *, error: str) -> None:
    """Write down how the attempt that was claimed went. After the last failed one the alert is given up. One that
    became worse meanwhile is due anew, and stays so.
    """
    row = _as_read(alert)
    if not error:
        row.update(status=AlertStatus.SENT, sent_at=timezone.now(), next_attempt_at=None, error="")
    elif alert.attempts + 1 >= MOST_ATTEMPTS:
        row.update(status=AlertStatus.FAILED, next_attempt_at=None, error=error[:500])
    else:
        row.update(error=error[:500])


def keep(alert: Alert) -> None:
    """No destination takes this severity: it stays on the page only."""
    _as_read(alert).update(status=AlertStatus.KEPT, next_attempt_at=None)


def pause_after(attempts: int) -> timedelta:
    """How long to wait after the ``attempts``-th attempt: doubling, an hour at most."""
    return timedelta(seconds=min(FIRST_PAUSE_SECONDS * 2 ** (attempts - 1), LONGEST_PAUSE_SECONDS))


def _as_read(alert: Alert) -> QuerySet[Alert]:
    return Alert.objects.filter(pk=alert.pk, status=AlertStatus.PENDING, severity=alert.severity)


def _due(now: datetime) -> Q:
    return Q(next_attempt_at__isnull=True) | Q(next_attempt_at__lte=now)
