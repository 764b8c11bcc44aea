"""Reading alerts."""

from __future__ import annotations

from typing import Any

from django.db.models import Count, Max, Q, QuerySet

from deltastrangle.exceptions import NotFound
from trading.models import Alert, Lockout, Severity
from trading.selectors.session_views import Page

LOUD = (Severity.WARNING, Severity.CRITICAL)
"""What is counted in the bar; information waits for nobody."""


def list_alerts(
    *, page: int = 1, page_size: int = 25, severity: str = "", open: bool | None = None, kind: str = ""
) -> Page[Alert]:
    """A page of alerts, newest first. ``open``: only those that nobody has acknowledged, or only the others."""
    exact = {name: value for name, value in (("severity", severity), ("kind", kind)) if value}
    found = Alert.objects.filter(**exact)
    if open is not None:
        found = found.filter(acknowledged_at__isnull=open)
    total = found.count()
    rows = _for_show(found)[(page - 1) * page_size : page * page_size]
    return Page(list(rows), total, page, page_size)


def open_alerts(limit: int) -> list[Alert]:
    """The newest unacknowledged alerts."""
    return list(_for_show(Alert.objects.filter(acknowledged_at=None))[:limit])


def alert_by_id(pk: int) -> Alert:
    """One alert. Raises ``NotFound``."""
    found = _for_show(Alert.objects.filter(pk=pk)).first()
    if found is None:
        raise NotFound("Alert not found")
    return found


def alert_counts() -> dict[str, Any]:
    """How many alerts are open: ``open`` of any severity, ``loud`` from warning on, ``critical``; ``newest`` is the id
    of the newest. ``unlifted`` counts the lockouts that nobody lifted, whether their day is over or not.
    """
    unlifted = Lockout.objects.filter(lifted_at=None).count()
    alerts = Alert.objects.filter(acknowledged_at=None).aggregate(
        open=Count("id"),
        loud=Count("id", filter=Q(severity__in=LOUD)),
        critical=Count("id", filter=Q(severity=Severity.CRITICAL)),
        newest=Max("id"),
    )
    return {**alerts, "unlifted": unlifted}


def _for_show(found: QuerySet[Alert]) -> QuerySet[Alert]:
    return found.select_related("session", "acknowledged_by").order_by("-id")
