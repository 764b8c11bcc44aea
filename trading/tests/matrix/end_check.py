"""What holds at the end of every row of the matrix, judged from the exchange's own books."""

from __future__ import annotations

from decimal import Decimal

from trading.models import FillLedger, OrderLedger, PositionLedger, SettlementLedger, StrategySession
from trading.strategy.types import Side
from trading.tests.matrix.stage import OURS, Stage, ours, said, vwap
from trading.tests.rig import ledger_cash
from trading.tests.scene import longest_naked, session_of
from trading.venues.simulated.records import FillRecord, FillType


async def end_check(stage: Stage, session: StrategySession, *, naked_seconds: float = 30.0) -> None:
    """Venue equals ledger, or the session says out loud that it does not know; never more than asked outstanding; no
    leg alone for longer than its budget (``naked_seconds`` is raised only where the venue was out of reach); and no
    price that is not a fill's, or the settlement's at the venue.
    """
    await session.arefresh_from_db()
    prefix = f"{OURS}{session.strategy_id.removeprefix('delta-strangle-')}-"
    fills = ours(stage.exchange.fills(), prefix)
    await _orders_agree(stage, session, prefix)
    await _fills_agree(session, fills)
    await _prices_are_fills(session, fills)
    await _cash_agrees(stage, session, fills)
    wrong = await _differences(stage, session, prefix)
    assert not wrong or await _says_so(session), f"{wrong}, and the session says nothing of it"
    if session.status == "stopped":
        assert not [o for o in stage.exchange.open_orders() if o.client_order_id.startswith(prefix)]
    asked = session.config_snapshot["quantity"]
    assert all(size <= asked for size in stage.peak.values()), f"more than {asked} outstanding: {stage.peak}"
    assert longest_naked(fills) <= naked_seconds


async def _says_so(session: StrategySession) -> bool:
    if session.exit_reason == "closed_outside" or session.phase == "attention":
        return True
    return bool(await said(session, "attention") or await said(session, "closed_outside"))


async def _orders_agree(stage: Stage, session: StrategySession, prefix: str) -> None:
    """Every order of ours at the venue is in the ledger as the venue has it, once; the others never reached it."""
    venue = [o for o in stage.exchange.orders() if o.client_order_id.startswith(prefix)]
    assert len({o.client_order_id for o in venue}) == len(venue), "a client order id was used twice"
    assert {session_of(o.client_order_id) + "-" for o in venue} <= {prefix}
    rows = {o.client_order_id: o async for o in OrderLedger.objects.filter(session=session)}
    known = {o.client_order_id: (o.filled, o.state.value, o.size) for o in venue}
    assert {k: (rows[k].filled_quantity, rows[k].status, _size(rows[k], known[k][2])) for k in known} == known
    never = {key: (row.filled_quantity, row.status) for key, row in rows.items() if key not in known}
    assert set(never.values()) <= {(0, "rejected")}, never


def _size(row: OrderLedger, venue: int) -> int:
    """A reduce-only order may have been cut down to the position by the exchange; anything else is as it was sent."""
    return min(row.quantity, venue) if row.reduce_only else row.quantity


async def _fills_agree(session: StrategySession, fills: list[FillRecord]) -> None:
    ledger = {
        f.fill_id: (f.order.client_order_id, f.symbol, f.side, f.price, f.quantity, f.commission)
        async for f in FillLedger.objects.filter(session=session).select_related("order")
    }
    venue = {f.id: (f.client_order_id, f.symbol, f.side.value, f.price, f.size, f.commission) for f in fills}
    assert ledger == venue


async def _prices_are_fills(session: StrategySession, fills: list[FillRecord]) -> None:
    async for leg in PositionLedger.objects.filter(session=session):
        for side, price in ((Side.SELL, leg.entry_price), (Side.BUY, leg.exit_price)):
            found = [(f.price, f.size) for f in fills if f.symbol == leg.symbol and f.side is side]
            if side is Side.BUY:
                rows = SettlementLedger.objects.filter(session=session, symbol=leg.symbol)
                found += [(row.price, row.quantity) async for row in rows]
            assert price == vwap(found), f"{leg.leg}: {price} is not the price of its fills"


async def _cash_agrees(stage: Stage, session: StrategySession, fills: list[FillRecord]) -> None:
    lots = {leg.symbol: leg.contract_size async for leg in session.positions.all()}
    moved = Decimal(0)
    for fill in fills:
        value = fill.price * fill.size * lots[fill.symbol]
        moved += (value if fill.side is Side.SELL else -value) - fill.commission
    async for row in SettlementLedger.objects.filter(session=session):
        moved -= row.price * row.quantity * lots[row.symbol] + row.commission
    assert await ledger_cash(session) == moved
    traded = [fill for fill in stage.exchange.fills() if fill.fill_type is not FillType.SETTLEMENT]
    if len(fills) == len(traded) and session.exit_reason != "closed_outside":
        assert moved == stage.exchange.balance().cash - stage.opening_cash


async def _differences(stage: Stage, session: StrategySession, prefix: str) -> list[str]:
    """Where the venue's position is not what the account held before the session less what the ledger has open."""
    held = {p.symbol: p.size for p in stage.exchange.positions()}
    before: dict[str, int] = {}
    for fill in stage.exchange.fills():
        if fill.client_order_id.startswith(prefix):
            break
        before[fill.symbol] = before.get(fill.symbol, 0) + (fill.size if fill.side is Side.BUY else -fill.size)
    wrong = []
    async for leg in session.positions.all():
        expected = before.get(leg.symbol, 0) - leg.open_quantity
        if held.get(leg.symbol, 0) != expected:
            wrong.append(f"{leg.symbol}: venue {held.get(leg.symbol, 0)}, ledger {expected}")
    return wrong
