"""What the logs API takes and gives, under the reference's names."""

# ruff: noqa: N815 - the names are the reference's

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Any, Final

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from logviewer.lines import payload_of
from logviewer.models import BackendLog
from logviewer.selectors import LogQuery, LogSummary

LOST_PLUS: Final = re.compile(r" (?=\d\d:?\d\d$)")
MOST_PAGES: Final = 1_000_000
BIGGEST_DATA: Final = 8_192
QUERY_NAMES: Final = {
    "level": "level",
    "event": "event",
    "logger": "logger",
    "strategyId": "strategy_id",
    "correlationId": "correlation_id",
    "search": "search",
    "startTime": "start",
    "endTime": "end",
}


class Given(serializers.Serializer[Any]):
    """Base of what is no model."""


class Moment(serializers.DateTimeField):
    """An ISO-8601 time; without an offset it is UTC. A plus that a careless client did not encode is put back."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(default_timezone=UTC, **kwargs)

    def to_internal_value(self, value: Any) -> datetime:
        """The moment in UTC."""
        found = super().to_internal_value(LOST_PLUS.sub("+", value) if isinstance(value, str) else value)
        try:
            return found.astimezone(UTC)
        except OverflowError:
            self.fail("overflow")


class PageQuery(Given):
    """Which page."""

    page = serializers.IntegerField(min_value=1, max_value=MOST_PAGES, default=1)
    page_size = serializers.IntegerField(min_value=1, max_value=500, default=50)


class FilterQuery(Given):
    """Which lines."""

    level = serializers.CharField(max_length=16, required=False, help_text="In any case; WARN is WARNING.")
    event = serializers.CharField(max_length=128, required=False)
    strategyId = serializers.CharField(max_length=128, required=False)
    correlationId = serializers.CharField(max_length=128, required=False)
    logger = serializers.CharField(max_length=128, required=False, help_text="A part of the logger's name.")
    search = serializers.CharField(
        max_length=200,
        required=False,
        help_text="A part of the message, in any case.",
    )
    startTime = Moment(required=False)
    endTime = Moment(required=False)

    def query(self) -> LogQuery:
        """The checked filters; raises DRF's error, which is answered 422 at the fields."""
        self.is_valid(raise_exception=True)
        given = self.validated_data
        return LogQuery(**{column: given[name] for name, column in QUERY_NAMES.items() if name in given})


class LinesQuery(FilterQuery, PageQuery):
    """Which lines, and which page of them."""


class ExportQuery(FilterQuery):
    """Which lines, and the format, of which there is one."""

    format = serializers.CharField(max_length=8, default="csv", help_text="csv")


class ReportsQuery(PageQuery):
    """Which reports of browsers."""

    level = serializers.CharField(max_length=16, required=False)
    event = serializers.CharField(max_length=128, required=False)
    sessionId = serializers.CharField(max_length=64, required=False)
    userId = serializers.CharField(max_length=64, required=False)
    correlationId = serializers.CharField(max_length=128, required=False)
    search = serializers.CharField(max_length=200, required=False)
    startTime = Moment(required=False)
    endTime = Moment(required=False)


class LineRead(Given):
    """One line. ``payload`` is its whole JSON object, null for a line that was none."""

    id = serializers.IntegerField()
    logged_at = serializers.DateTimeField()
    ingested_at = serializers.DateTimeField()
    level = serializers.CharField()
    logger_name = serializers.CharField()
    event = serializers.CharField(allow_null=True)
    message = serializers.CharField(allow_blank=True)
    correlation_id = serializers.CharField(allow_null=True)
    strategy_id = serializers.CharField(allow_null=True)
    request_id = serializers.CharField(allow_null=True)
    payload = serializers.DictField(allow_null=True)


class LinePageRead(Given):
    """A page of lines. With ``is_capped`` there are more than ``total``: a search stops counting there.

    With ``is_partial`` only the newest 20,000 lines were searched: no index finds one or two characters.
    """

    total = serializers.IntegerField()
    is_capped = serializers.BooleanField()
    is_partial = serializers.BooleanField()
    page = serializers.IntegerField()
    page_size = serializers.IntegerField()
    pages = serializers.IntegerField()
    items = LineRead(many=True)


class CountRead(Given):
    """How many lines one name has."""

    name = serializers.CharField()
    count = serializers.IntegerField()


class NoteRead(Given):
    """The newest line of a level."""

    timestamp = serializers.DateTimeField()
    level = serializers.CharField()
    logger_name = serializers.CharField()
    event = serializers.CharField(allow_null=True)
    message = serializers.CharField(allow_blank=True)
    correlation_id = serializers.CharField(allow_null=True)
    strategy_id = serializers.CharField(allow_null=True)
    request_id = serializers.CharField(allow_null=True)


class SummaryRead(Given):
    """Figures over the lines meant; with a search, over its newest 1,000; ``is_partial`` as a page has it."""

    total = serializers.IntegerField()
    is_capped = serializers.BooleanField()
    is_partial = serializers.BooleanField()
    level_counts = serializers.DictField(child=serializers.IntegerField())
    top_loggers = CountRead(many=True)
    top_events = CountRead(many=True)
    latest_entry_at = serializers.DateTimeField(allow_null=True)
    latest_error = NoteRead(allow_null=True)
    latest_warning = NoteRead(allow_null=True)
    ingestion_lag_seconds = serializers.FloatField(allow_null=True)


@extend_schema_field({"type": "object", "additionalProperties": {}})
class DataField(serializers.DictField):
    """Any JSON object of at most 8 KiB."""

    def to_internal_value(self, data: Any) -> Any:
        """The object; refused when its JSON is too long or too deep."""
        value = super().to_internal_value(data)
        try:
            size = len(json.dumps(value, allow_nan=False))
        except (ValueError, RecursionError):
            raise serializers.ValidationError("Not plain JSON.") from None
        if size > BIGGEST_DATA:
            raise serializers.ValidationError(f"At most {BIGGEST_DATA} characters of JSON.")
        return value


def _text(longest: int, **kwargs: Any) -> serializers.CharField:
    return serializers.CharField(max_length=longest, required=False, allow_null=True, allow_blank=True, **kwargs)


class ReportGiven(Given):
    """One report of a browser."""

    level = serializers.ChoiceField(("debug", "info", "warn", "error"))
    message = serializers.CharField(max_length=512)
    timestamp = Moment()
    event = _text(128)
    sessionId = _text(64)
    environment = _text(32)
    source = _text(64, default="frontend")  # type: ignore[assignment] # the name is the reference's
    appVersion = _text(64)
    userId = _text(64)
    correlationId = _text(128)
    requestId = _text(128)
    data = DataField(required=False, allow_null=True)  # type: ignore[assignment] # the name is the reference's


class BatchGiven(Given):
    """Reports, at most ``LOG_INGEST_MAX_BATCH``."""

    entries = ReportGiven(many=True, allow_empty=False)


class StoredRead(Given):
    """How many reports were stored."""

    stored = serializers.IntegerField()


class ReportRead(Given):
    """A stored report; ``created_at`` is the browser's clock, ``received_at`` ours."""

    id = serializers.IntegerField()
    created_at = serializers.DateTimeField()
    received_at = serializers.DateTimeField()
    level = serializers.CharField()
    message = serializers.CharField()
    event = serializers.CharField(allow_null=True)
    session_id = serializers.CharField(allow_null=True)
    environment = serializers.CharField(allow_null=True)
    source = serializers.CharField()  # type: ignore[assignment] # the name is the reference's
    app_version = serializers.CharField(allow_null=True)
    user_id = serializers.CharField(allow_null=True)
    correlation_id = serializers.CharField(allow_null=True)
    request_id = serializers.CharField(allow_null=True)
    data = serializers.DictField()  # type: ignore[assignment] # the name is the reference's


class ReportPageRead(Given):
    """A page of reports."""

    total = serializers.IntegerField()
    page = serializers.IntegerField()
    page_size = serializers.IntegerField()
    pages = serializers.IntegerField()
    items = ReportRead(many=True)


WORDS: Final = ("event", "correlation_id", "strategy_id", "request_id")


def line_body(line: BackendLog) -> dict[str, Any]:
    """A line as JSON has it; made by hand, since a page has up to 500."""
    return {
        "id": line.pk,
        "logged_at": iso(line.logged_at),
        "ingested_at": iso(line.ingested_at),
        "level": line.level,
        "logger_name": line.logger_name,
        "message": line.message,
        **{name: getattr(line, name) or None for name in WORDS},
        "payload": payload_of(line.payload),
    }


def _note_body(line: BackendLog | None) -> dict[str, Any] | None:
    if line is None:
        return None
    told = {name: getattr(line, name) for name in ("level", "logger_name", "message")}
    return {"timestamp": iso(line.logged_at), **told, **{name: getattr(line, name) or None for name in WORDS}}


def summary_body(found: LogSummary) -> dict[str, Any]:
    """The summary as JSON has it."""
    return {
        "total": found.total,
        "is_capped": found.is_capped,
        "is_partial": found.is_partial,
        "level_counts": found.level_counts,
        "top_loggers": [{"name": name, "count": count} for name, count in found.top_loggers],
        "top_events": [{"name": name, "count": count} for name, count in found.top_events],
        "latest_entry_at": iso(found.latest.logged_at) if found.latest else None,
        "latest_error": _note_body(found.latest_error),
        "latest_warning": _note_body(found.latest_warning),
        "ingestion_lag_seconds": found.ingestion_lag_seconds,
    }


def iso(at: datetime) -> str:
    """ISO-8601 in UTC with Z."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")
