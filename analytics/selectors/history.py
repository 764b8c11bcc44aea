"""The history of a scope: the reference's answer (``reference_product.md`` §5.2), corrected, and what goes beyond."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.utils import timezone

from analytics.selectors.breakdowns import breakdowns_of
from analytics.selectors.metrics import (
    Day,
    attribution_of,
    charts_of,
    days_of,
    kpis_of,
    metrics_of,
    series_of,
    totals_of,
)
from analytics.selectors.scope import Scope
from trading.selectors.analytics_timeline import TimelineEntry, timeline

CHART_POINTS: Final = 500
STALE_AFTER: Final = timedelta(minutes=5)
NO_DATA: Final = "No data for selected range"


@dataclass(frozen=True, slots=True)
class Status:
    """How far the figures can be trusted; ``message`` is empty when there is nothing to say."""

    is_stale: bool
    latest_timestamp: datetime | None
    message: str
    unrecorded: int
    disagreements: int


@dataclass(frozen=True, slots=True)
class TimelinePage:
    """Orders and legs of one page of sessions, the oldest first; page 1 has the newest sessions, ``total`` counts
    sessions.
    """

    entries: Sequence[TimelineEntry]
    page: int
    page_size: int
    total: int

    @property
    def pages(self) -> int:
        """How many pages there are."""
        return -(-self.total // self.page_size) if self.page_size else 0


@dataclass(frozen=True, slots=True)
class History:
    """All that is told of a scope."""

    generated_at: datetime
    scope: Scope
    metrics: dict[str, Any]
    kpis: dict[str, Any]
    attribution: dict[str, Any]
    charts: dict[str, list[dict[str, Any]]]
    calendar: Sequence[Day]
    breakdowns: dict[str, list[dict[str, Any]]]
    timeline: TimelinePage
    status: Status


def history(scope: Scope, *, points: int = CHART_POINTS, page: int = 1, page_size: int = 25) -> History:
    """The figures of a scope in a fixed number of queries. ``page_size`` 0 leaves the timeline out."""
    traded = scope.traded()
    totals, series, days = totals_of(traded), series_of(traded), days_of(traded)
    return History(
        generated_at=timezone.now(),
        scope=scope,
        metrics=metrics_of(totals, series, days),
        kpis=kpis_of(totals, days),
        attribution=attribution_of(totals),
        charts=charts_of(traded, series, points),
        calendar=days,
        breakdowns=breakdowns_of(traded),
        timeline=timeline_page(scope, page, page_size),
        status=status_of(scope, totals),
    )


def timeline_page(scope: Scope, page: int, page_size: int) -> TimelinePage:
    """A page of the timeline; an empty one beyond the last."""
    if not page_size:
        return TimelinePage([], page, 0, 0)
    newest = scope.sessions().order_by("-closed_at", "-id")
    ids = newest.values_list("session_id", flat=True)[(page - 1) * page_size : page * page_size]
    return TimelinePage(timeline(list(ids)), page, page_size, newest.count())


def status_of(scope: Scope, totals: dict[str, Any]) -> Status:
    """Stale is only a stretch that reaches to the present and whose newest session is older than five minutes."""
    latest = totals["latest"]
    is_recent = abs(scope.now - scope.end) <= STALE_AFTER
    is_stale = latest is not None and is_recent and scope.now - latest > STALE_AFTER
    said = [NO_DATA] if latest is None else []
    if is_stale:
        said.append(f"Latest data is {(scope.now - latest) // timedelta(minutes=1)} minutes old")
    if scope.unrecorded:
        said.append(f"{scope.unrecorded} closed sessions are not recorded yet: run manage.py record_snapshots")
    if totals["odd"]:
        said.append(f"The ledgers of {totals['odd']} sessions disagree; see their remarks")
    return Status(is_stale, latest, "; ".join(said), scope.unrecorded, totals["odd"])
