"""Reading lockouts: which hold now, and which there were."""

from __future__ import annotations

from datetime import date
from typing import Any

from django.db.models import Q
from django.utils import timezone

from deltastrangle.exceptions import NotFound
from trading.models import Lockout, Mode
from trading.selectors.runtime import snapshot_row, venue_now
from trading.selectors.session_views import Page
from trading.strategy.schedule import trading_day


def today_of(mode: str) -> date:
    """The IST day it is where ``mode`` trades: by the clock of the venue the worker is at, if it is that one, else by
    the wall's.
    """
    snapshot = snapshot_row()
    venue: dict[str, Any] = (snapshot.payload.get("venue") or {}) if snapshot else {}
    same = (venue.get("name") == "simulated") is (mode == Mode.PAPER)
    return trading_day(venue_now() if venue and same else timezone.now())


def active_lockouts() -> list[Lockout]:
    """The lockouts that bind now, oldest first. One query, and one more when there are any."""
    unlifted = list(
        Lockout.objects.select_related("session").filter(lifted_at=None).order_by("-trading_day", "id")[:50]
    )
    days = {mode: today_of(mode) for mode in {lockout.mode for lockout in unlifted}}
    return [lockout for lockout in unlifted if lockout.trading_day == days[lockout.mode]]


def list_lockouts(*, page: int = 1, page_size: int = 25, mode: str = "", open: bool | None = None) -> Page[Lockout]:
    """A page of lockouts, newest first. ``open``: only those that nobody has lifted, whether their day is over or not,
    or only the others.
    """
    found = Lockout.objects.filter(Q(mode=mode) if mode else Q())
    if open is not None:
        found = found.filter(lifted_at__isnull=open)
    rows = found.select_related("session", "lifted_by").order_by("-id")[(page - 1) * page_size : page * page_size]
    return Page(list(rows), found.count(), page, page_size)


def lockout_by_id(pk: int) -> Lockout:
    """One lockout. Raises ``NotFound``."""
    found = Lockout.objects.select_related("session", "lifted_by").filter(pk=pk).first()
    if found is None:
        raise NotFound("Lockout not found")
    return found
