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
    """The session is over; venue equals ledger, or the session says of that very option out loud that it does not
    know; its own orders never had more than asked outstanding; no leg was alone for longer than its budget
    (``naked_seconds`` is raised only where the venue was out of reach); and no price that is not a fill's, or the
    settlement's at the venue.
    """
    await session.arefresh_from_db()
    assert session.status == "stopped", f"{session.phase}: {session.session_metadata.get('attention')}"
    name = f"{OURS}{session.strategy_id.removeprefix('delta-strangle-')}"
    fills = [fill for fill in ours(stage.exchange.fills()) if session_of(fill.client_order_id) == name]
    await _orders_agree(stage, session, name)
    await _fills_agree(session, fills)
    await _prices_are_fills(session, fills)
    await _cash_agrees(stage, session, fills)
    for symbol, wrong in (await _differences(stage, session, name)).items():
        assert await _says_so(session, symbol), f"{symbol}: {wrong}, and the session says nothing of it"
    assert not [o for o in stage.exchange.open_orders() if session_of(o.client_order_id) == name]
    if session.exit_reason != "handed_over":
        assert [leg.open_quantity async for leg in session.positions.all() if leg.open_quantity] == []
    _never_more_than_asked(stage, name, session.config_snapshot["quantity"], fills)
    assert longest_naked(fills) <= naked_seconds


async def _says_so(session: StrategySession, symbol: str) -> bool:
    told = [line for kind in ("attention", "closed_outside", "foreign_left") for line in await said(session, kind)]
    return any(symbol in line for line in told)


def _never_more_than_asked(stage: Stage, name: str, asked: int, fills: list[FillRecord]) -> None:
    """By the size watch, which must have seen every option that the session sold."""
    peak = {symbol: size for (whose, symbol), size in stage.peak.items() if whose == name}
    assert {f.symbol for f in fills if f.side is Side.SELL} <= set(peak), "the size watch missed an order"
    assert all(size <= asked for size in peak.values()), f"more than {asked} outstanding: {peak}"


async def _orders_agree(stage: Stage, session: StrategySession, name: str) -> None:
    """Every order of ours at the venue is in the ledger as the venue has it, once; the others never reached it."""
    venue = [o for o in stage.exchange.orders() if session_of(o.client_order_id) == name]
    assert len({o.client_order_id for o in venue}) == len(venue), "a client order id was used twice"
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


async def _differences(stage: Stage, session: StrategySession, name: str) -> dict[str, str]:
    """Where the venue's position is not what the account held before the session less what the ledger has open; what
    other sessions of ours did meanwhile is theirs to answer for.
    """
    held = {p.symbol: p.size for p in stage.exchange.positions()}
    beside: dict[str, int] = {}
    began = False
    for fill in stage.exchange.fills():
        its_own = session_of(fill.client_order_id) == name
        began = began or its_own
        if not began or (fill.client_order_id.startswith(OURS) and not its_own):
            beside[fill.symbol] = beside.get(fill.symbol, 0) + (fill.size if fill.side is Side.BUY else -fill.size)
    wrong = {}
    async for leg in session.positions.all():
        venue, ledger = held.get(leg.symbol, 0), beside.get(leg.symbol, 0) - leg.open_quantity
        if venue != ledger:
            wrong[leg.symbol] = f"venue {venue}, ledger {ledger}"
    return wrong
