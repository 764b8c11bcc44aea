"""Reading alerts."""

from __future__ import annotations

from typing import Any, Final

from django.db import connection
from django.db.models import QuerySet

from deltastrangle.exceptions import NotFound
from trading.models import Alert, Severity
from trading.selectors.session_views import Page

ALERT_COUNTS: Final = f"""
    SELECT COUNT(*) AS open,
        COUNT(CASE WHEN severity IN ('{Severity.WARNING.value}', '{Severity.CRITICAL.value}') THEN 1 END) AS loud,
        COUNT(CASE WHEN severity = '{Severity.CRITICAL.value}' THEN 1 END) AS critical,
        MAX(id) AS newest,
        (SELECT COUNT(*) FROM trading_lockout WHERE lifted_at IS NULL) AS unlifted
    FROM trading_alert WHERE acknowledged_at IS NULL
"""
COUNTED: Final = ("open", "loud", "critical", "newest", "unlifted")
"""The columns of ``ALERT_COUNTS``. What is loud is counted in the bar; information waits for nobody."""


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
    with connection.cursor() as cursor:
        cursor.execute(ALERT_COUNTS)
        return dict(zip(COUNTED, cursor.fetchone(), strict=True))


def _for_show(found: QuerySet[Alert]) -> QuerySet[Alert]:
    return found.select_related("session", "acknowledged_by").order_by("-id")
