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
from trading.selectors.session_blobs import reference_metadata
from trading.selectors.session_views import (
    Cash,
    ListedLeg,
    ListedSession,
    Page,
    PnlRow,
    SessionItem,
    cash_of,
    session_item,
)
from trading.strategy.schedule import IST

CHART_POINTS: Final = 400
DECISIONS_SHOWN: Final = 500
LEG: Final = ListedLeg._fields[:-1]
BLOBS: Final = ("config_snapshot", "session_metadata", "engine_state", "proof_of_flat")


@dataclass(frozen=True, slots=True)
class SessionDetail:
    """All of one session. Orders carry their fills; decisions are the newest 500, newest first; points at most 400
    unless asked for otherwise.

    ``config_values`` are the fields of the pinned revision, decimals as text; ``metadata`` is what the engine stored
    besides the ledgers. ``proof_of_flat`` is what the venue showed when it closed.
    """

    session: SessionItem
    orders: Sequence[OrderLedger]
    legs: Sequence[PositionLedger]
    decisions: Sequence[DecisionRecord]
    pnl_points: Sequence[PnlRow]
    cash: Cash
    config_values: dict[str, Any]
    metadata: dict[str, Any]
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
    full: bool = False,
) -> Page[SessionItem]:
    """A page of sessions, the one started last first, whether it has entered yet or not. ``page`` counts from 1.

    ``start`` and ``end`` bound the entry (else the creation): IST days, both included, or instants. ``text`` is looked
    for in the session's id, its configuration's name and its legs' symbols. ``full`` adds each session's ``metadata``
    in the reference's shape, without points. Three queries, whatever the page size.
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
    # The reference stamps a session when it is started, ours when it enters: its order by that stamp is ours by id.
    shown = StrategySession.objects.filter(pk__in=ids_of_page(found, page, page_size))
    told = _for_items(shown, blobs=full).order_by("-id")
    if full:
        return Page(_in_full(list(told)), total, page, page_size)
    rows = [ListedSession._make(row) for row in told.values_list(*ListedSession._fields)]
    return Page(_items(rows, _listed_legs(rows)), total, page, page_size)


def ids_of_page(found: QuerySet[StrategySession], page: int, page_size: int) -> QuerySet[StrategySession, Any]:
    """The ids of a page of ``found``, the newest first: the rows before it are counted off in an index, since a page
    far back would read them all otherwise.
    """
    return found.order_by("-id").values("pk")[(page - 1) * page_size : page * page_size]


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
    return SessionDetail(
        session=_items([row], of_session)[0],
        orders=orders,
        legs=legs,
        decisions=list(DecisionRecord.objects.filter(session=row)[:DECISIONS_SHOWN]),
        pnl_points=pnl_points(row.pk, most=points),
        cash=cash_of(_moves(orders, settlements), legs, row.config_snapshot),
        settlements=settlements,
        config_values=row.config_snapshot,
        metadata=row.session_metadata or {},
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
    row = _for_items(closed).first()
    return _items([row], _legs([row]))[0] if row else None


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


def _legs(rows: Sequence[StrategySession]) -> dict[int, list[PositionLedger]]:
    """The legs of ``rows`` by session."""
    found: dict[int, list[PositionLedger]] = defaultdict(list)
    legs = PositionLedger.objects.filter(session_id__in=[row.pk for row in rows])
    for leg in legs.order_by("entry_time", "id"):
        found[leg.session_id].append(leg)
    return found


def _listed_legs(rows: Sequence[ListedSession]) -> dict[int, list[ListedLeg]]:
    """The legs of ``rows`` by session, as tuples: a prefetch of models does the same at several times the price."""
    found: dict[int, list[ListedLeg]] = defaultdict(list)
    legs = PositionLedger.objects.filter(session_id__in=[row.pk for row in rows]).order_by("entry_time", "id")
    for values in legs.values_list(*LEG):
        leg = ListedLeg._make((*values, None))
        found[leg.session_id].append(leg)
    return found


def _in_full(rows: Sequence[StrategySession]) -> list[SessionItem]:
    """The items of ``rows``, read with their blobs, with their metadata."""
    legs = _legs(rows)
    return [
        item._replace(
            metadata=reference_metadata(
                item, legs=legs.get(row.pk, ()), stored=row.session_metadata or {}, config=row.config_snapshot
            ),
        )
        for item, row in zip(_items(rows, legs), rows, strict=True)
    ]


def _items(
    rows: Sequence[StrategySession | ListedSession], legs: Mapping[int, Sequence[PositionLedger | ListedLeg]]
) -> list[SessionItem]:
    running = any(row.status == SessionStatus.RUNNING and row.activated_at for row in rows)
    now = venue_now() if running else None
    return [session_item(row, legs.get(row.pk, ()), now) for row in rows]
