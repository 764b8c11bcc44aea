"""The engine lease as database rows: claimed and renewed by one conditional update, in wall time."""

from __future__ import annotations

from datetime import timedelta

from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from trading.models import EngineLease


def claim(owner: str, seconds: float) -> int | None:
    """Claim or renew the lease for ``seconds``; the fencing token (grown by one for a new owner), or None while
    another owner holds it.
    """
    EngineLease.objects.get_or_create(name="engine")
    now = timezone.now()
    until = now + timedelta(seconds=seconds)
    row = EngineLease.objects.filter(name="engine")
    if row.filter(owner=owner, expires_at__gt=now).update(expires_at=until) == 1:
        return _token(owner)
    free = Q(expires_at__isnull=True) | Q(expires_at__lte=now)
    if row.filter(free).update(owner=owner, fencing_token=F("fencing_token") + 1, expires_at=until) == 1:
        return _token(owner)
    return None


def release(owner: str) -> None:
    """Give the lease up, if it is ours."""
    EngineLease.objects.filter(name="engine", owner=owner).update(expires_at=None)


def holder() -> str:
    """Who holds the lease now; empty if nobody."""
    row = EngineLease.objects.filter(name="engine", expires_at__gt=timezone.now()).first()
    return row.owner if row is not None else ""


def is_ours(token: int) -> bool:
    """Whether ``token`` is still the newest.

    Inside a transaction the row is locked, so that nobody takes over before it commits.
    """
    rows = EngineLease.objects.filter(name="engine", fencing_token=token)
    if transaction.get_connection().in_atomic_block:
        rows = rows.select_for_update()
    return rows.exists()


def _token(owner: str) -> int | None:
    return EngineLease.objects.filter(name="engine", owner=owner).values_list("fencing_token", flat=True).first()
