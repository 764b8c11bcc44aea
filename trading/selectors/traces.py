"""Why a session did what it did: the trace of its exit rules, by moment and over its whole life."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.db.models import Max, Min, Q, QuerySet

from deltastrangle.exceptions import NotFound
from trading.models import DecisionRecord, DecisionTrace, StrategySession
from trading.selectors.session_views import Page

MINUTE: Final = timedelta(minutes=1)
CHUNK: Final = 500


@dataclass(frozen=True, slots=True)
class Nearest:
    """How near one rule came to acting in the whole session: ``progress`` 0 to 1, and when that was (ISO 8601)."""

    rule: str
    progress: float
    at: str


@dataclass(frozen=True, slots=True)
class Why:
    """Why a session closed. ``rule`` is the result of the rule that acted (value, threshold, unit, detail) and ``at``
    when; both None when no rule did (an operator, a venue, a failed entry) or the session is open.
    """

    reason: str
    detail: str
    at: datetime | None
    rule: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class Decisions:
    """What was decided in a span of time: lines of the journal and stretches of the trace, oldest first; one page of
    each.
    """

    journal: Page[DecisionRecord]
    traces: Page[DecisionTrace]


def why_closed(pk: int) -> Why:
    """The rule that closed the session. Raises NotFound."""
    session = _session(pk)
    stored = (session.session_metadata or {}).get("exit") or {}
    detail = str(stored.get("exit_detail") or "")
    deciding = DecisionTrace.objects.filter(session_id=pk, nearest_progress__gte=1).order_by("-first_at", "-id")
    for stretch in deciding[:CHUNK]:
        acting = next((rule for rule in stretch.results if rule.get("verdict") == "act"), None)
        if acting is not None and acting.get("rule") == stored.get("exit_reason", session.exit_reason):
            return Why(session.exit_reason, detail, stretch.last_at, acting)
    return Why(session.exit_reason, detail, None, None)


def nearest_of(pk: int) -> list[Nearest]:
    """Each rule's nearest approach over the session, nearest first; rules that were never judged are left out."""
    best: dict[str, Nearest] = {}
    rows = DecisionTrace.objects.filter(session_id=pk).order_by("first_at", "id").values_list("results", flat=True)
    for results in rows.iterator(chunk_size=CHUNK):
        for rule in results:
            peak, name = rule.get("peak"), str(rule.get("rule"))
            if peak is not None and (name not in best or peak > best[name].progress):
                best[name] = Nearest(name, float(peak), str(rule.get("peak_at") or ""))
    return sorted(best.values(), key=lambda found: -found.progress)


def stretches_at(pk: int, at: datetime) -> list[DecisionTrace]:
    """The stretches that touch the minute from ``at`` on, oldest first; if none does, the last one before it."""
    traces = DecisionTrace.objects.filter(session_id=pk)
    found = list(traces.filter(first_at__lt=at + MINUTE, last_at__gte=at).order_by("first_at", "id")[:CHUNK])
    if found:
        return found
    last = traces.filter(last_at__lt=at).order_by("-last_at", "-id").first()
    return [last] if last is not None else []


def trace_span(pk: int) -> tuple[datetime, datetime] | None:
    """First and last look of a session; None while there is none."""
    ends = DecisionTrace.objects.filter(session_id=pk).aggregate(first=Min("first_at"), last=Max("last_at"))
    return (ends["first"], ends["last"]) if ends["first"] is not None else None


def decisions_between(
    pk: int, *, start: datetime | None = None, end: datetime | None = None, page: int = 1, page_size: int = 50
) -> Decisions:
    """Journal and trace from ``start`` to ``end``, both included, all of the session where one is left out. Raises
    NotFound.
    """
    _session(pk)
    journal = DecisionRecord.objects.filter(session_id=pk).filter(_between("at", "at", start, end))
    traces = DecisionTrace.objects.filter(session_id=pk).filter(_between("first_at", "last_at", start, end))
    return Decisions(
        _paged(journal.order_by("id"), page, page_size), _paged(traces.order_by("first_at", "id"), page, page_size)
    )


def _between(first: str, last: str, start: datetime | None, end: datetime | None) -> Q:
    found = Q()
    if start is not None:
        found &= Q(**{f"{last}__gte": start})
    if end is not None:
        found &= Q(**{f"{first}__lte": end})
    return found


def _paged(rows: QuerySet[Any], page: int, size: int) -> Page[Any]:
    begin = (page - 1) * size
    items: Sequence[Any] = list(rows[begin : begin + size])
    return Page(items, rows.count(), page, size)


def _session(pk: int) -> StrategySession:
    session = StrategySession.objects.defer("engine_state", "config_snapshot").filter(pk=pk).first()
    if session is None:
        raise NotFound("Session not found")
    return session
