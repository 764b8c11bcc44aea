"""What analytics keeps of a closed session, read from its ledgers: the fills are the truth, all else is compared."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from django.db.models import F, QuerySet

from trading.models import FillLedger, PnlPoint, PositionLedger, SessionStatus, SettlementLedger, StrategySession
from trading.selectors.analytics_attribution import Attribution, ShortLeg, attribute
from trading.strategy.schedule import settlement_instant, trading_day
from trading.strategy.types import ZERO, ExitReason, OptionType

SYMBOL: Final = re.compile(r"[CP]-[A-Z0-9]+-(?P<strike>\d+(?:\.\d+)?)-(?P<expiry>\d{6})")
PATH_POINTS: Final = 240
EXIT_REASONS: Final = tuple(reason.value for reason in ExitReason)
CENT: Final = Decimal("0.01")
CENTS_APART: Final = "{what} {theirs} and legs {ours} differ"

Point = tuple[datetime, float]


@dataclass(frozen=True, slots=True)
class SessionFacts:
    """A closed session in figures. Dollars; ``net`` = ``gross`` − ``fees`` is what its legs realised, ``cash`` what its
    fills moved, ``slippage`` what the fills gave against the decision prices (negative is a cost), ``best`` and
    ``worst`` the extremes of its net P&L while it was open. ``margin`` is None where none was recorded. ``remark`` says
    where ledgers disagree by a cent or more.
    """

    session_id: int
    strategy_id: str
    mode: str
    configuration_id: int | None
    configuration_name: str
    revision: int
    exit_reason: str
    trading_day: date
    entered_at: datetime
    closed_at: datetime
    traded: bool
    open_quantity: int
    credit: Decimal
    gross: Decimal
    fees: Decimal
    net: Decimal
    cash: Decimal
    best: Decimal
    worst: Decimal
    margin: Decimal | None
    attribution: Attribution
    remark: str


def unrecorded_sessions(recorded: QuerySet[Any], limit: int | None = None) -> list[int]:
    """Ids of the closed sessions that are not among ``recorded`` (a query of session ids), the oldest first."""
    closed = StrategySession.objects.filter(status=SessionStatus.STOPPED).exclude(pk__in=recorded)
    return list(closed.order_by("pk").values_list("pk", flat=True)[:limit])


def closed_session_count() -> int:
    """How many sessions have ended; from indexes alone, since this is asked before every answer."""
    return StrategySession.objects.count() - StrategySession.objects.filter(status=SessionStatus.RUNNING).count()


def closed_session_ids() -> list[int]:
    """Ids of all closed sessions, the oldest first."""
    return list(
        StrategySession.objects.filter(status=SessionStatus.STOPPED).order_by("pk").values_list("pk", flat=True)
    )


def session_facts(ids: Sequence[int]) -> list[SessionFacts]:
    """The facts of the closed sessions among ``ids``. Five queries, however many they are."""
    closed = StrategySession.objects.filter(pk__in=ids, status=SessionStatus.STOPPED).defer(
        "engine_state", "config_snapshot", "proof_of_flat"
    )
    rows = closed.annotate(named=F("revision__configuration_name"), numbered=F("revision__number")).prefetch_related(
        "positions", "settlements"
    )
    fills, paths = _fills(ids), _paths(ids)
    return [_facts(row, fills[row.pk], paths[row.pk]) for row in rows.order_by("pk")]


def _fills(ids: Sequence[int]) -> dict[int, list[FillLedger]]:
    found: dict[int, list[FillLedger]] = defaultdict(list)
    rows = FillLedger.objects.filter(session_id__in=ids).annotate(decided=F("order__decision_price"))
    for fill in rows.order_by("filled_at", "id"):
        found[fill.session_id].append(fill)
    return found


def _paths(ids: Sequence[int]) -> dict[int, list[Point]]:
    found: dict[int, list[Point]] = defaultdict(list)
    points = PnlPoint.objects.filter(session_id__in=ids, spot__isnull=False).order_by("id")
    for session_id, at, spot in points.values_list("session_id", "at", "spot").iterator():
        found[session_id].append((at, float(spot or 0)))
    return found


def _facts(row: Any, fills: list[FillLedger], points: list[Point]) -> SessionFacts:
    legs: list[PositionLedger] = list(row.positions.all())
    net = sum((leg.realized_pnl or ZERO for leg in legs), ZERO)
    fees = sum((leg.fees for leg in legs), ZERO)
    entered, closed = row.activated_at or row.created_at, row.deactivated_at or row.created_at
    cash = _cash([*fills, *row.settlements.all()], legs)
    left = sum(leg.open_quantity for leg in legs)
    return SessionFacts(
        session_id=row.pk,
        strategy_id=row.strategy_id,
        mode=row.mode,
        configuration_id=row.configuration_id,
        configuration_name=row.named,
        revision=row.numbered,
        exit_reason=row.exit_reason,
        trading_day=row.trading_day or trading_day(entered),
        entered_at=entered,
        closed_at=closed,
        traded=any(leg.quantity for leg in legs),
        open_quantity=left,
        credit=sum(((leg.entry_price or ZERO) * leg.quantity * leg.contract_size for leg in legs), ZERO),
        gross=net + fees,
        fees=fees,
        net=net,
        cash=cash,
        best=_number(row.pnl_summary.get("max_profit_seen")) or ZERO,
        worst=-abs(_number(row.pnl_summary.get("max_drawdown_seen")) or ZERO),
        margin=_number((row.session_metadata.get("entry") or {}).get("margin_required")),
        attribution=_attribution(row, legs, fills, points),
        remark=_remark(net, None if left else cash, row.pnl_summary),
    )


def _cash(fills: Iterable[FillLedger | SettlementLedger], legs: Iterable[PositionLedger]) -> Decimal:
    sizes = {leg.symbol: leg.contract_size for leg in legs}
    total = ZERO
    for fill in fills:
        amount = fill.price * fill.quantity * sizes.get(fill.symbol, ZERO)
        total += (amount if fill.side == "sell" else -amount) - fill.commission
    return total


def _remark(net: Decimal, cash: Decimal | None, summary: dict[str, Any]) -> str:
    """Where the figures differ by a cent or more; ``cash`` is None while contracts are open, when it must differ."""
    told = {"cash of the fills": cash, "the session's total": _number(summary.get("realized"))}
    apart = (
        CENTS_APART.format(what=what, theirs=theirs.quantize(CENT), ours=net.quantize(CENT))
        for what, theirs in told.items()
        if theirs is not None and abs(theirs - net) >= CENT
    )
    return "; ".join(apart)


def _attribution(row: Any, legs: Iterable[PositionLedger], fills: list[FillLedger], points: list[Point]) -> Attribution:
    total = Attribution()
    for leg in legs:
        total += _leg_attribution(row.pnl_summary.get("spot") or {}, leg, fills, points)
    return total


def _leg_attribution(
    spots: dict[str, Any], leg: PositionLedger, fills: list[FillLedger], points: list[Point]
) -> Attribution:
    sold = [fill for fill in fills if fill.symbol == leg.symbol and fill.side == "sell"]
    bought = [fill for fill in fills if fill.symbol == leg.symbol and fill.side == "buy"]
    gross = (leg.realized_pnl or ZERO) + leg.fees
    terms = _terms(leg)
    if not sold or not bought or terms is None:
        return Attribution(residual=gross, fees=-leg.fees)
    begun, ended = sold[0].filled_at, bought[-1].filled_at
    units = sum(fill.quantity for fill in bought) * leg.contract_size
    asked, paid = _average(sold, decided=True), _average(bought, decided=True)
    slipped = (_average(sold) - asked) + (paid - _average(bought))
    short = ShortLeg(
        kind=OptionType(leg.leg),
        strike=terms[0],
        settles_at=terms[1],
        units=units,
        sold_at=begun,
        sold=asked,
        bought_at=ended,
        bought=paid,
        gross=gross,
        slippage=(slipped * units).quantize(Decimal("1e-8")),
        fees=leg.fees,
    )
    return attribute(short, _path(spots, points, begun, ended))


def _average(fills: list[FillLedger], *, decided: bool = False) -> Decimal:
    """The average price, or decision price; a fill whose order recorded none counts as without slippage."""
    prices = [(getattr(fill, "decided", None) or fill.price) if decided else fill.price for fill in fills]
    amount = sum((price * fill.quantity for price, fill in zip(prices, fills, strict=True)), ZERO)
    return amount / sum(fill.quantity for fill in fills)


def _path(spots: dict[str, Any], points: list[Point], begun: datetime, ended: datetime) -> list[Point]:
    """The index from entry to exit: the session's own prices at both ends, in between at most 240 recorded points."""
    between = [point for point in points if begun < point[0] < ended]
    stride = -(-len(between) // PATH_POINTS) or 1
    path = between[::stride]
    first, last = _number(spots.get("entry")), _number(spots.get("exit"))
    if first:
        path = [(begun, float(first)), *path]
    if last:
        path = [*path, (ended, float(last))]
    return path


def _terms(leg: PositionLedger) -> tuple[float, datetime] | None:
    """Strike and settlement of the leg's contract, as the engine recorded them or as its symbol says."""
    told = leg.analytics or {}
    named = SYMBOL.fullmatch(leg.symbol)
    strike = _number(told.get("strike")) or (Decimal(named["strike"]) if named else None)
    if strike is None:
        return None
    with_settlement = told.get("settlement_at")
    if with_settlement:
        return float(strike), datetime.fromisoformat(with_settlement)
    if named is None:
        return None
    try:
        expiry = datetime.strptime(named["expiry"], "%d%m%y").replace(tzinfo=UTC).date()
    except ValueError:
        return None
    return float(strike), settlement_instant(expiry)


def _number(value: object) -> Decimal | None:
    """A finite number of a JSON value, or None."""
    if value is None or isinstance(value, bool):
        return None
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return None
    return number if number.is_finite() else None
