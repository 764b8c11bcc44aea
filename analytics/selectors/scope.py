"""Which sessions a question is about: one mode unless all are asked for, a stretch of time, and filters."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.db.models import Count, Max, QuerySet

from analytics.models import SessionSnapshot
from analytics.services import catch_up
from trading.selectors.analytics_source import closed_session_count
from trading.selectors.runtime import venue_now

ALL: Final = "all"
MODES: Final = ("live", "testnet", "dry_run", "paper")
"""The most real first: without a wish, the first that has a session is shown."""
PRESETS: Final = {"7D": 7, "30D": 30, "90D": 90}
USUAL_DAYS: Final = 30

Snapshots = QuerySet[SessionSnapshot]


@dataclass(frozen=True, slots=True)
class Wish:
    """What a caller asks for; empty means no wish. ``mode`` may be ``all``."""

    mode: str = ""
    start: datetime | None = None
    end: datetime | None = None
    preset: str = ""
    strategy_id: str = ""
    configuration_id: int | None = None
    revision: int | None = None
    exit_reason: str = ""


@dataclass(frozen=True, slots=True)
class Scope:
    """What is answered: a mode, a stretch of time, filters. ``now`` is the clock of the mode, ``unrecorded`` how many
    closed sessions have no snapshot yet and are therefore missing.
    """

    mode: str
    start: datetime
    end: datetime
    preset: str
    now: datetime
    wish: Wish
    unrecorded: int

    @property
    def filters(self) -> dict[str, Any]:
        """The filters that were asked for, by name."""
        named = ("strategy_id", "configuration_id", "revision", "exit_reason")
        return {name: getattr(self.wish, name) or None for name in named}

    def sessions(self) -> Snapshots:
        """Closed sessions that were open at some moment of the stretch, in the order in which they ended."""
        asked = {name: value for name, value in self.filters.items() if value is not None}
        if self.mode != ALL:
            asked["mode"] = self.mode
        found = SessionSnapshot.objects.filter(closed_at__gte=self.start, entered_at__lte=self.end, **asked)
        return found.order_by("closed_at", "id")

    def traded(self) -> Snapshots:
        """Those of them that sold anything."""
        return self.sessions().filter(traded=True)


def scope_of(wish: Wish) -> Scope:
    """The scope of a wish, after recording what nobody has. Four queries when nothing is to record.

    Without an end the stretch ends now, on the clock of the mode: a simulated venue's may be far from the wall's.
    Without a start it begins so many days earlier as the preset says, else 30. A reversed stretch is turned round.
    """
    newest, unrecorded = _newest_by_mode()
    mode = wish.mode or (ALL if wish.strategy_id else usual_mode(newest))
    seen = [at for name, at in newest.items() if mode in (ALL, name)]
    now = max([venue_now(), *seen])
    end = wish.end or now
    start = wish.start or end - timedelta(days=PRESETS.get(wish.preset, USUAL_DAYS))
    return Scope(mode, min(start, end), max(start, end), wish.preset, now, wish, unrecorded)


def _newest_by_mode() -> tuple[dict[str, datetime], int]:
    """When the newest session of each mode ended, and how many sessions remain unrecorded."""
    by_mode = SessionSnapshot.objects.order_by().values("mode").annotate(newest=Max("closed_at"), count=Count("id"))
    rows, unrecorded = list(by_mode), 0
    if closed_session_count() != sum(row["count"] for row in rows):
        unrecorded = catch_up()
        rows = list(by_mode.all())
    return {row["mode"]: row["newest"] for row in rows}, unrecorded


def usual_mode(known: Any) -> str:
    """The most real mode among those known, ``paper`` when none is."""
    return next((mode for mode in MODES if mode in known), MODES[-1])
