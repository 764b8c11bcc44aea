"""Writing alerts: one row per thing that is open, however often it is raised."""

from __future__ import annotations

from django.db import IntegrityError, transaction
from django.db.models import F, QuerySet
from django.utils import timezone

from trading.models import Alert, AlertStatus, Severity

RANK = {Severity.INFO.value: 0, Severity.WARNING.value: 1, Severity.CRITICAL.value: 2}


def raise_alert(
    *, kind: str, severity: str, title: str, message: str = "", key: str, session_id: int | None = None
) -> Alert:
    """Raise an alert in the caller's transaction.

    While one with the same ``key`` is unacknowledged it is counted there, with the newest words; it is sent again only
    when it became more severe. What is only information tells of an event, not of something that lasts: it takes the
    place of the one before. Text too long for its column is cut. ValueError for an unknown severity.
    """
    words = {"title": title[:120], "message": message[:1000]}
    level = Severity(severity)
    with transaction.atomic():
        if level is Severity.INFO:
            _open(key).filter(severity=level).update(acknowledged_at=timezone.now())
        again = _count_again(key, level, words)
        if again is not None:
            return again
        try:
            return _create(kind, level, key, session_id, words)
        except IntegrityError:
            # Somebody else raised it a moment ago.
            again = _count_again(key, level, words)
            if again is None:
                raise
            return again


def resolve_alert(key: str) -> bool:
    """Close the open alert of ``key`` because what it told is over; whether there was one. It is still sent if it has
    not been: that something was wrong for a minute is news too.
    """
    return _open(key).update(acknowledged_at=timezone.now()) > 0


def _open(key: str) -> QuerySet[Alert]:
    return Alert.objects.filter(dedup_key=key[:120], acknowledged_at=None)


def _create(kind: str, severity: Severity, key: str, session_id: int | None, words: dict[str, str]) -> Alert:
    now = timezone.now()
    with transaction.atomic():
        return Alert.objects.create(
            kind=kind[:32],
            severity=severity,
            dedup_key=key[:120],
            session_id=session_id,
            created_at=now,
            last_raised_at=now,
            **words,
        )


def _count_again(key: str, severity: Severity, words: dict[str, str]) -> Alert | None:
    alert = _open(key).select_for_update().first()
    if alert is None:
        return None
    changes: dict[str, object] = {**words, "count": F("count") + 1, "last_raised_at": timezone.now()}
    if RANK[severity.value] > RANK[alert.severity]:
        changes |= {"severity": severity, "status": AlertStatus.PENDING, "attempts": 0, "next_attempt_at": None}
    Alert.objects.filter(pk=alert.pk).update(**changes)
    return alert
