"""The analytics as CSV (``reference_product.md`` §5.3): header, figures, and every order and leg, streamed."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

from django.utils import timezone

from analytics.selectors.history import status_of
from analytics.selectors.metrics import days_of, metrics_of, series_of, totals_of
from analytics.selectors.scope import Scope
from deltastrangle.csv_export import CsvResponse, stream_csv
from trading.selectors.analytics_timeline import TimelineEntry, stream_timeline, timeline_count

log = logging.getLogger("analytics.export")

HEADER: Final = ("section", "field", "value")
TIMELINE_HEADER: Final = (
    "timeline",
    "timestamp",
    "session_id",
    "entry_type",
    "order_id",
    "position_id",
    "symbol",
    "side",
    "quantity",
    "price",
    "fill_price",
    "realized_pnl",
    "unrealized_pnl",
    "metadata",
)


def export(scope: Scope) -> CsvResponse:
    """The download. Figures are made before the first byte leaves, the timeline while it does."""
    started, now = time.monotonic(), timezone.now()
    traded = scope.traded()
    totals = totals_of(traded)
    metrics = metrics_of(totals, series_of(traded), days_of(traded))
    ids = list(scope.sessions().values_list("session_id", flat=True))
    rows = _rows(scope, now, metrics, totals, ids)
    return stream_csv(HEADER, _logged(rows, scope, started), filename=f"analytics-export-{now:%Y%m%d-%H%M%S}.csv")


def _rows(
    scope: Scope, now: datetime, metrics: dict[str, Any], totals: dict[str, Any], ids: list[int]
) -> Iterator[tuple[object, ...]]:
    status = status_of(scope, totals)
    told: dict[str, object] = {
        "generated_at": now,
        "start": scope.start,
        "end": scope.end,
        "preset": scope.preset or None,
        "strategy_id": scope.wish.strategy_id or None,
        "record_count": timeline_count(scope.sessions().order_by().values("session_id")),
        "is_stale": status.is_stale,
        "status_message": status.message or None,
        "latest_timestamp": status.latest_timestamp,
        "mode": scope.mode,
    }
    yield from (("metadata", name, value) for name, value in told.items())
    yield ()
    yield from (("metrics", name, value) for name, value in metrics.items())
    yield ()
    yield TIMELINE_HEADER
    yield from (_entry(entry) for entry in stream_timeline(ids))


def _entry(entry: TimelineEntry) -> tuple[object, ...]:
    values = (getattr(entry, name) for name in TIMELINE_HEADER[1:])
    return ("timeline", *values)


def _logged(rows: Iterator[tuple[object, ...]], scope: Scope, started: float) -> Iterator[tuple[object, ...]]:
    """The rows, and a line in the log once the caller has read them all or something went wrong on the way."""
    told = {"mode": scope.mode, "start": scope.start.isoformat(), "end": scope.end.isoformat()}
    entries = 0
    try:
        for row in rows:
            entries += row[:1] == ("timeline",) and row is not TIMELINE_HEADER
            yield row
    except Exception:
        log.exception("Analytics export failed", extra={"event": "analytics_export_failed", **told, **_took(started)})
        raise
    extra = {"event": "analytics_export_completed", "timeline_records": entries, **told, **_took(started)}
    log.info("Analytics exported", extra=extra)


def _took(started: float) -> dict[str, int]:
    return {"duration_ms": round((time.monotonic() - started) * 1000)}
