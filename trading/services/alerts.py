"""Acknowledging alerts."""

from __future__ import annotations

from functools import partial
from typing import Final

from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone

from accounts.models import User
from accounts.services import record_event
from deltastrangle.exceptions import ApplicationError
from trading.models import Alert
from trading.selectors.alerts import alert_by_id
from trading.services.guards import require_operator

ACTION: Final = "alert.acknowledge"


def acknowledge_alert(
    *, actor: User | None, alert_id: int, source: str = "web", request: HttpRequest | None = None
) -> Alert:
    """Say that somebody has seen an alert: from then on the same thing is told anew. Doing so twice changes nothing.

    Raises ``PermissionRefused`` and ``NotFound``. Every call is audited.
    """
    audit = partial(record_event, actor=actor, action=ACTION, source=source, request=request)
    try:
        require_operator(actor=actor, source=source)
        with transaction.atomic():
            alert = alert_by_id(alert_id)
            _acknowledge(actor, alert_id)
    except ApplicationError as error:
        audit(outcome="refused", target=str(alert_id), detail={"refusal": error.detail})
        raise
    audit(outcome="ok", target=str(alert_id), detail={"title": alert.title})
    return alert_by_id(alert_id)


def acknowledge_all(
    *, actor: User | None, up_to: int | None = None, source: str = "web", request: HttpRequest | None = None
) -> int:
    """Acknowledge every open alert and return how many there were. ``up_to`` is the newest that the caller has seen:
    what was raised since stays open. Raises ``PermissionRefused``. Every call is audited.
    """
    audit = partial(record_event, actor=actor, action=ACTION, source=source, request=request)
    try:
        require_operator(actor=actor, source=source)
    except ApplicationError as error:
        audit(outcome="refused", target="all", detail={"refusal": error.detail})
        raise
    with transaction.atomic():
        number = _acknowledge(actor, None, up_to)
    audit(outcome="ok", target="all", detail={"acknowledged": number, "up_to": up_to})
    return number


def _acknowledge(actor: User | None, alert_id: int | None, up_to: int | None = None) -> int:
    found = Alert.objects.filter(acknowledged_at=None)
    if alert_id is not None:
        found = found.filter(pk=alert_id)
    if up_to is not None:
        found = found.filter(pk__lte=up_to)
    return found.update(acknowledged_at=timezone.now(), acknowledged_by=actor)
