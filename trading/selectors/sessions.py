"""Sessions of the past and the present: a page of them, and all of one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, Final

from django.db.models import Count, Exists, F, FloatField, Max, OuterRef, Q, QuerySet, Window
from django.db.models.functions import Cast, Coalesce, Mod, RowNumber

from deltastrangle.exceptions import NotFound
from trading.models import (
    DecisionRecord,
    EngineCommand,
    FillLedger,
    OrderLedger,
    PnlPoint,
    PositionLedger,
    SessionStatus,
    SettlementLedger,
    StrategySession,
)
from trading.selectors.runtime import venue_now
from trading.selectors.session_views import Cash, Page, PnlRow, SessionItem, cash_of, session_item
from trading.strategy.schedule import IST

CHART_POINTS: Final = 400
DECISIONS_SHOWN: Final = 500
UNLISTED: Final = ("unrealized_pnl", "trailing_sl_state", "open_quantity")
BLOBS: Final = ("config_snapshot", "session_metadata", "engine_state", "proof_of_flat")


@dataclass(frozen=True, slots=True)
class SessionDetail:
    """All of one session. Orders carry their fills; decisions are the newest 500, newest first; points at most 400
    unless asked for otherwise.

    ``config_values`` are the fields of the pinned revision, decimals as text; ``summary`` and ``monitor_snapshot`` are
    the reference's, None while the engine has stored none. ``proof_of_flat`` is what the venue showed when it closed.
    """

    session: SessionItem
    orders: Sequence[OrderLedger]
    legs: Sequence[PositionLedger]
    decisions: Sequence[DecisionRecord]
    pnl_points: Sequence[PnlRow]
    cash: Cash
    config_values: dict[str, Any]
    metadata: dict[str, Any]
    summary: dict[str, Any] | None
    monitor_snapshot: dict[str, Any] | None
    proof_of_flat: dict[str, Any] | None
    settlements: Sequence[SettlementLedger] = ()

    @property
    def moves(self) -> list[FillLedger | SettlementLedger]:
        """Everything that moved cash: fills, then settlements."""
        return _moves(self.orders, self.settlements)


def list_sessions(
    *,
    page: int = 1,
    page_size: int = 25,
    status: str = "",
    mode: str = "",
    exit_reason: str = "",
    configuration_id: int | None = None,
    start: date | None = None,
    end: date | None = None,
    text: str = "",
) -> Page[SessionItem]:
    """A page of sessions, newest entry first, those never entered last. ``page`` counts from 1.

    ``start`` and ``end`` bound the entry (else the creation): IST days, both included, or instants. ``text`` is looked
    for in the session's id, its configuration's name and its legs' symbols. Three queries, whatever the page size.
    """
    found = matching_sessions(
        status=status,
        mode=mode,
        exit_reason=exit_reason,
        configuration_id=configuration_id,
        start=start,
        end=end,
        text=text,
    )
    total = found.count()
    newest = (F("activated_at").desc(nulls_last=True), "-id")
    # The rows before the page are counted off in an index: a page far back would read them all otherwise.
    shown = found.order_by(*newest).values("pk")[(page - 1) * page_size : page * page_size]
    rows = list(_for_items(StrategySession.objects.filter(pk__in=shown).order_by(*newest)))
    return Page(_items(rows, _legs(rows, *UNLISTED)), total, page, page_size)


def matching_sessions(
    *,
    status: str = "",
    mode: str = "",
    exit_reason: str = "",
    configuration_id: int | None = None,
    start: date | None = None,
    end: date | None = None,
    text: str = "",
) -> QuerySet[StrategySession]:
    """The sessions of these filters, which mean what they mean in ``list_sessions``, in no particular order."""
    return _in_range(_matching(status, mode, exit_reason, configuration_id, text), start, end)


def _moves(
    orders: Iterable[OrderLedger], settlements: Iterable[SettlementLedger]
) -> list[FillLedger | SettlementLedger]:
    moved: list[FillLedger | SettlementLedger] = []
    for order in orders:
        moved.extend(order.fills.all())
    moved.extend(settlements)
    return moved


def session_detail(pk: int, *, points: int = CHART_POINTS) -> SessionDetail:
    """All of one session, with at most ``points`` of P&L. Raises ``NotFound``. A fixed number of queries."""
    row = _for_items(StrategySession.objects.filter(pk=pk), blobs=True).first()
    if row is None:
        raise NotFound("Session not found")
    orders = list(row.orders.order_by("created_at", "id").prefetch_related("fills"))
    of_session = _legs([row])
    legs = of_session.get(row.pk, [])
    settlements = list(row.settlements.all())
    metadata = row.session_metadata or {}
    return SessionDetail(
        session=_items([row], of_session)[0],
        orders=orders,
        legs=legs,
        decisions=list(DecisionRecord.objects.filter(session=row)[:DECISIONS_SHOWN]),
        pnl_points=pnl_points(row.pk, most=points),
        cash=cash_of(_moves(orders, settlements), legs, row.config_snapshot),
        settlements=settlements,
        config_values=row.config_snapshot,
        metadata=metadata,
        summary=metadata.get("summary"),
        monitor_snapshot=(metadata.get("runtime") or {}).get("monitor"),
        proof_of_flat=row.proof_of_flat,
    )


def pnl_points(session_id: int, *, most: int = CHART_POINTS) -> list[PnlRow]:
    """P&L over time, oldest first, thinned evenly to at most ``most`` points that include the first and the last."""
    points = PnlPoint.objects.filter(session_id=session_id)
    ends = points.aggregate(total=Count("id"), last=Max("id"))
    if ends["total"] > most:
        step = -(-ends["total"] // (most - 1))
        numbered = points.annotate(place=Mod(Window(RowNumber(), order_by="id"), step))
        points = numbered.filter(Q(place=1) | Q(id=ends["last"]))
    amounts = [Cast(name, FloatField()) for name in PnlRow._fields[1:]]
    return [PnlRow._make(row) for row in points.order_by("id").values_list("at", *amounts)]


def last_closed_session() -> SessionItem | None:
    """The session that ended last, or None."""
    closed = StrategySession.objects.filter(status=SessionStatus.STOPPED).order_by("-id")
    rows = list(_for_items(closed)[:1])
    return _items(rows, _legs(rows))[0] if rows else None


def engine_command(pk: int) -> EngineCommand:
    """A command with its session. Raises ``NotFound``."""
    command = EngineCommand.objects.select_related("session").filter(pk=pk).first()
    if command is None:
        raise NotFound("Command not found")
    return command


def _matching(
    status: str, mode: str, exit_reason: str, configuration_id: int | None, text: str
) -> QuerySet[StrategySession]:
    exact = {"status": status, "mode": mode, "exit_reason": exit_reason, "configuration_id": configuration_id}
    found = StrategySession.objects.filter(**{name: value for name, value in exact.items() if value not in ("", None)})
    if not text:
        return found
    symbols = PositionLedger.objects.filter(session=OuterRef("pk"), symbol__icontains=text)
    named = Q(strategy_id__icontains=text) | Q(revision__configuration_name__icontains=text)
    return found.filter(named | Exists(symbols))


def _in_range(found: QuerySet[StrategySession], start: date | None, end: date | None) -> QuerySet[StrategySession]:
    entered = found.alias(entered=Coalesce("activated_at", "created_at"))
    if start is not None:
        entered = entered.filter(entered__gte=_instant(start))
    if isinstance(end, datetime):
        entered = entered.filter(entered__lte=end)
    elif end is not None:
        entered = entered.filter(entered__lt=_instant(end + timedelta(days=1)))
    return entered


def _instant(day: date) -> datetime:
    return day if isinstance(day, datetime) else datetime.combine(day, time.min, tzinfo=IST)


def _for_items(found: QuerySet[StrategySession], *, blobs: bool = False) -> QuerySet[StrategySession]:
    named = found.annotate(configuration_name=F("revision__configuration_name"), revision_number=F("revision__number"))
    return named.defer("engine_state") if blobs else named.defer(*BLOBS)


def _legs(rows: Sequence[StrategySession], *leave: str) -> dict[int, list[PositionLedger]]:
    """The legs of ``rows`` by session, without the fields ``leave``. A prefetch does the same at twice the price."""
    found: dict[int, list[PositionLedger]] = defaultdict(list)
    legs = PositionLedger.objects.filter(session_id__in=[row.pk for row in rows]).defer(*leave)
    for leg in legs.order_by("entry_time", "id"):
        found[leg.session_id].append(leg)
    return found


def _items(rows: Sequence[StrategySession], legs: Mapping[int, Sequence[PositionLedger]]) -> list[SessionItem]:
    running = any(row.status == SessionStatus.RUNNING and row.activated_at for row in rows)
    now = venue_now() if running else None
    return [session_item(row, legs.get(row.pk, ()), now) for row in rows]
