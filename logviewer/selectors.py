"""Every read of the logs. Totals come from counts by the hour, so that they cost the same for a million lines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from django.db.models import Count, Q, QuerySet, Sum

from logviewer.lines import level_of
from logviewer.models import BackendLog, FrontendLog, LogTally
from logviewer.search import beyond, is_scanned, matching
from logviewer.writers import hour_of

COUNTED: Final = 1_000
TOP: Final = 5
HOUR: Final = timedelta(hours=1)
ERRORS: Final = ("ERROR", "CRITICAL")
EXPORTED_AT_ONCE: Final = 500
FAR: Final = 2_000
"""From so many lines back on, a page is looked for by the counts of the hours before it."""


@dataclass(frozen=True, slots=True)
class LogQuery:
    """Which backend lines are meant; an empty field does not filter.

    ``level`` is any spelling, ``logger`` a part of the name, ``search`` a part of the message in any case, ``start``
    and ``end`` aware and both included.
    """

    level: str = ""
    event: str = ""
    logger: str = ""
    strategy_id: str = ""
    correlation_id: str = ""
    search: str = ""
    start: datetime | None = None
    end: datetime | None = None

    @property
    def is_counted_row_by_row(self) -> bool:
        """Whether the counts by the hour do not know this filter."""
        return bool(self.search or self.correlation_id)


@dataclass(frozen=True, slots=True)
class LogPage:
    """A page of lines and how many there are; with ``is_capped`` there are more than that.

    With ``is_partial`` a search without the help of an index has left out older lines.
    """

    items: list[BackendLog]
    total: int
    is_capped: bool
    is_partial: bool


@dataclass(slots=True)
class LogSummary:
    """Figures over the lines of a query."""

    total: int = 0
    is_capped: bool = False
    is_partial: bool = False
    level_counts: dict[str, int] = field(default_factory=dict)
    top_loggers: list[tuple[str, int]] = field(default_factory=list)
    top_events: list[tuple[str, int]] = field(default_factory=list)
    latest: BackendLog | None = None
    latest_error: BackendLog | None = None
    latest_warning: BackendLog | None = None

    @property
    def ingestion_lag_seconds(self) -> float | None:
        """How long the newest line took from being logged to being stored."""
        latest = self.latest
        return None if latest is None else (latest.ingested_at - latest.logged_at).total_seconds()


def lines_of(query: LogQuery) -> QuerySet[BackendLog]:
    """The lines meant, the newest first: by their time, with a search by their arrival."""
    rows = _rows(query).filter(_times(query, "logged_at"))
    return matching(rows, query.search) if query.search else rows.order_by("-logged_at", "-id")


def _rows(query: LogQuery) -> QuerySet[BackendLog]:
    """The lines of the kind meant, at any time."""
    rows = BackendLog.objects.filter(_kind(query))
    if query.correlation_id:
        rows = rows.filter(correlation_id=query.correlation_id)
    # These columns' indexes leave out empty values, and a database uses one only where the query says so, too.
    asked = [name for name in ("event", "strategy_id", "correlation_id") if getattr(query, name)]
    return rows.extra(where=[f"NOT (logviewer_backendlog.{name} = '')" for name in asked])


def _kind(query: LogQuery) -> Q:
    """The filters that rows and counts share."""
    wanted = Q()
    if query.level:
        wanted &= Q(level=level_of(query.level))
    if query.event:
        wanted &= Q(event=query.event)
    if query.strategy_id:
        wanted &= Q(strategy_id=query.strategy_id)
    if query.logger:
        names = [name for name in logger_names() if query.logger.lower() in name.lower()]
        wanted &= Q(logger_name=names[0]) if len(names) == 1 else Q(logger_name__in=names)
    return wanted


def _times(query: LogQuery, name: str) -> Q:
    wanted = Q()
    if query.start:
        wanted &= Q(**{f"{name}__gte": query.start})
    if query.end:
        wanted &= Q(**{f"{name}__lte": query.end})
    return wanted


def logger_names() -> list[str]:
    """Every logger that has said something."""
    return list(LogTally.objects.order_by("logger_name").values_list("logger_name", flat=True).distinct())


def logs_page(query: LogQuery, *, page: int, page_size: int) -> LogPage:
    """Page ``page`` (from 1) of the lines meant; empty beyond the last."""
    first = (page - 1) * page_size
    total, is_capped = count_of(query)
    if first >= total and not is_capped:
        return LogPage([], total, is_capped, _is_partial(query))
    rows = lines_of(query)
    if first >= FAR and not query.is_counted_row_by_row:
        before, first = _nearest(query, first)
        rows = rows.filter(logged_at__lt=before) if before else rows
    return LogPage(list(rows[first : first + page_size]), total, is_capped, _is_partial(query))


def _nearest(query: LogQuery, first: int) -> tuple[datetime | None, int]:
    """An hour's end and the place of line ``first`` among the lines before it: the database would count off line after
    line, and the counts by the hour know. None is without one.
    """
    hours, edges = _parts(query)
    if hours is None:
        return None, first
    newest = edges[-1].count() if query.end else 0
    if first < newest:
        return None, first
    place = first - newest
    for hour, lines in hours.order_by("-hour").values_list("hour").annotate(Sum("lines")):
        if place < lines:
            return _later(hour), place
        place -= lines
    whole = _whole_from(query.start)
    return (whole, place) if whole else (None, first)


def _is_partial(query: LogQuery) -> bool:
    return bool(query.search) and is_scanned(query.search) and beyond(BackendLog.objects.all()).exists()


def count_of(query: LogQuery) -> tuple[int, bool]:
    """How many lines are meant, and whether counting stopped at ``COUNTED`` (searches only)."""
    if query.is_counted_row_by_row:
        found = lines_of(query).order_by()[: COUNTED + 1].count()
        return min(found, COUNTED), found > COUNTED
    hours, edges = _parts(query)
    total = hours.aggregate(total=Sum("lines"))["total"] or 0 if hours is not None else 0
    return total + sum(rows.count() for rows in edges), False


def _parts(query: LogQuery) -> tuple[QuerySet[LogTally] | None, list[QuerySet[BackendLog]]]:
    """The counts of the whole hours meant, and the lines of the hours that are meant in part."""
    wanted = _kind(query)
    rows = _rows(query).order_by()
    first = _whole_from(query.start)
    last = hour_of(query.end) if query.end else None
    if first and last and first >= last:
        return None, [rows.filter(_times(query, "logged_at"))]
    edges = []
    hours = LogTally.objects.filter(wanted, lines__gt=0).order_by()
    if query.start and first:
        hours = hours.filter(hour__gte=first)
        edges.append(rows.filter(logged_at__gte=query.start, logged_at__lt=first))
    if query.end and last:
        hours = hours.filter(hour__lt=last)
        edges.append(rows.filter(logged_at__gte=last, logged_at__lte=query.end))
    return hours, edges


def _whole_from(start: datetime | None) -> datetime | None:
    """The first full hour at or after ``start``."""
    if start is None:
        return None
    hour = hour_of(start)
    return hour if hour == start else _later(hour)


def _later(hour: datetime) -> datetime:
    try:
        return hour + HOUR
    except OverflowError:
        return hour


def summary_of(query: LogQuery) -> LogSummary:
    """The figures over the lines meant. A search is summed up over its newest ``COUNTED`` lines."""
    found = LogSummary(is_partial=_is_partial(query))
    levels: Counter[str] = Counter()
    loggers: Counter[str] = Counter()
    events: Counter[str] = Counter()
    for level, logger, event, count in _counted(query):
        levels[level] += count
        loggers[logger] += count
        if event:
            events[event] += count
    found.total = sum(levels.values())
    if query.is_counted_row_by_row:
        found.is_capped = found.total == COUNTED and count_of(query)[1]
    found.level_counts = dict(sorted(levels.items()))
    found.top_loggers, found.top_events = _top(loggers), _top(events)
    rows = lines_of(query)
    found.latest = rows.first()
    found.latest_error = _latest(rows, ERRORS, levels)
    found.latest_warning = _latest(rows, ("WARNING",), levels)
    return found


def _counted(query: LogQuery) -> Iterator[tuple[str, str, str, int]]:
    names = ("level", "logger_name", "event")
    if query.is_counted_row_by_row:
        newest = lines_of(query).values_list(*names)[:COUNTED]
        yield from ((*kind, count) for kind, count in Counter(newest).items())
        return
    hours, edges = _parts(query)
    if hours is not None:
        yield from hours.values_list(*names).annotate(Sum("lines"))
    for rows in edges:
        yield from rows.values_list(*names).annotate(Count("id"))


def _top(counts: Counter[str]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))[:TOP]


def _latest(rows: QuerySet[BackendLog], levels: Iterable[str], counts: Counter[str]) -> BackendLog | None:
    """The newest line of one of ``levels``; levels that were not counted are not looked for."""
    newest = [row for level in levels if counts[level] and (row := rows.filter(level=level).first())]
    return max(newest, key=lambda row: (row.logged_at, row.pk), default=None)


def export_lines(query: LogQuery) -> Iterator[BackendLog]:
    """All lines meant, read as they are taken."""
    yield from lines_of(query).iterator(chunk_size=EXPORTED_AT_ONCE)


def frontend_logs(**given: Any) -> QuerySet[FrontendLog]:
    """Reports of browsers, the newest first; each keyword of the API filters."""
    rows = FrontendLog.objects.order_by("-created_at", "-id")
    names = {
        "event": "event",
        "sessionId": "session_id",
        "userId": "user_id",
        "correlationId": "correlation_id",
        "startTime": "created_at__gte",
        "endTime": "created_at__lte",
    }
    rows = rows.filter(**{column: given[name] for name, column in names.items() if given.get(name)})
    if given.get("level"):
        rows = rows.filter(level=level_of(given["level"]))
    return rows.filter(message__icontains=given["search"]) if given.get("search") else rows
