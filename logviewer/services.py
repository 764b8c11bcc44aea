"""Storing what browsers report, and putting it into the operator's log beside our own lines."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from django.conf import settings

from deltastrangle.exceptions import ApplicationError
from deltastrangle.logs import redact
from logviewer.lines import cleaned, level_of
from logviewer.models import FrontendLog

# The name is the reference's.
log = logging.getLogger("app.logs")
COLUMNS: Final = {
    "event": "event",
    "sessionId": "session_id",
    "environment": "environment",
    "source": "source",
    "appVersion": "app_version",
    "userId": "user_id",
    "correlationId": "correlation_id",
    "requestId": "request_id",
}


class BatchTooLarge(ApplicationError):
    """More reports at once than ``LOG_INGEST_MAX_BATCH``."""

    code = "batch_too_large"


def store_reports(entries: Sequence[Mapping[str, Any]], *, reporter: str = "") -> int:
    """Store checked ``entries`` of the batch API in one insert; returns how many.

    ``reporter`` is who was signed in: unlike ``userId`` nothing a browser could make up. Raises ``BatchTooLarge``
    (400). Secrets are blotted out of texts and data.
    """
    most = settings.LOG_INGEST_MAX_BATCH
    if len(entries) > most:
        raise BatchTooLarge(f"Batch size exceeds limit of {most}")
    now = datetime.now(UTC)
    rows = [_row(entry, now) for entry in entries]
    FrontendLog.objects.bulk_create(rows)
    for row in rows:
        _log_again(row, reporter)
    return len(rows)


def _row(entry: Mapping[str, Any], now: datetime) -> FrontendLog:
    named = {column: entry.get(name) or "" for name, column in COLUMNS.items()}
    return FrontendLog(
        **{**named, "source": named["source"] or "frontend"},
        created_at=entry["timestamp"],
        received_at=now,
        level=level_of(entry["level"]),
        message=str(redact(entry["message"]))[:512],
        data=cleaned(redact(entry.get("data") or {})),
    )


def _log_again(row: FrontendLog, reporter: str) -> None:
    # A line break would look like another line on a console; JSON escapes it in the file.
    extra: dict[str, object] = {"event": row.event or "frontend_log", "frontend": row.data, "source": row.source}
    extra |= {name: value for name in ("session_id", "user_id") if (value := getattr(row, name))}
    if row.correlation_id:
        extra["reported_correlation_id"] = row.correlation_id
    if reporter:
        extra["reporter"] = reporter
    log.log(logging.getLevelName(row.level), "%s", " ".join(row.message.split()), extra=extra)
