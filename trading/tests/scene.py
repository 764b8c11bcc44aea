"""A rig under watch: every order is seen the moment it arrives, hooks let tests strike between two effects, and
``assert_settled`` is the one check every scenario ends with.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import datetime
from decimal import Decimal
from typing import Any

from trading.engine.ports import SessionWrite
from trading.engine.runtime import Engine, EngineSettings
from trading.models import DecisionRecord, FillLedger, OrderLedger, StrategySession
from trading.store import DjangoStore
from trading.strategy.arming import armed_ids
from trading.strategy.codec import loads
from trading.strategy.state import SessionState
from trading.strategy.types import OrderIntent, OrderReport, Side
from trading.tests.rig import Rig, ledger_cash
from trading.venues.simulated.clock import from_micros
from trading.venues.simulated.exchange import SimulatedExchange
from trading.venues.simulated.faults import FaultPlan
from trading.venues.simulated.records import FillRecord, FillType
from trading.venues.simulated.venue import SimulatedVenue

Point = Callable[[str], Any]


async def nowhere(_what: str) -> None:
    """The hook of a scene that strikes nowhere."""


class WatchedVenue(SimulatedVenue):
    """The simulated venue with an awaited ``point`` before and after every request that matters."""

    def __init__(self, exchange: SimulatedExchange, faults: FaultPlan, scene: Scene) -> None:
        super().__init__(exchange, faults)
        self._scene = scene

    async def place(self, intent: OrderIntent) -> OrderReport:
        """Place, watched."""
        await self._scene.point(f"place {intent.client_order_id}")
        self._scene.sent.append(intent)
        if intent.client_order_id not in self._scene.written:
            self._scene.hasty.append(intent.client_order_id)
        report = await super().place(intent)
        self._scene.look()
        await self._scene.point(f"placed {intent.client_order_id}")
        return report

    async def cancel(self, client_order_id: str, venue_order_id: str, product_id: int) -> OrderReport:
        """Cancel, watched."""
        await self._scene.point(f"cancel {client_order_id}")
        return await super().cancel(client_order_id, venue_order_id, product_id)

    async def order(self, client_order_id: str, product_id: int, since: datetime) -> OrderReport:
        """Query, watched."""
        await self._scene.point(f"query {client_order_id}")
        return await super().order(client_order_id, product_id, since)

    async def positions(self, underlying: str = "") -> list[Any]:
        """Read, watched."""
        await self._scene.point("positions")
        return await super().positions(underlying)


class WatchedStore(DjangoStore):
    """The real store with an awaited ``point`` before and after every ledger write."""

    def __init__(self, scene: Scene) -> None:
        super().__init__()
        self._scene = scene

    async def write(self, write: SessionWrite, *, token: int) -> None:
        """Write, watched."""
        await self._scene.point("write")
        await super().write(write, token=token)
        self._scene.written.update(intent.client_order_id for intent in write.intents)
        self._scene.written.update(armed_ids(loads(SessionState, write.record.state)))
        await self._scene.point("written")


class Scene(Rig):
    """A rig that keeps witness: ``sent`` is every placement in order, ``peak`` the most contracts ever outstanding
    (sold and not bought back, plus resting sells) of each option.
    """

    def __init__(self, *, faults: str = "", **options: Any) -> None:
        self.point: Point = nowhere
        self.release: Callable[[], Any] = lambda: None
        self.held = 0
        self.sent: list[OrderIntent] = []
        self.written: set[str] = set()
        self.hasty: list[str] = []
        self.peak: Counter[str] = Counter()
        super().__init__(**options)
        self.venue = WatchedVenue(self.exchange, self.faults, self)
        self.engine = self.new_engine()
        self.faults.inject(faults)

    def new_engine(self, owner: str = "rig", venue: SimulatedVenue | None = None) -> Engine:
        """An engine whose store is watched too."""
        self.store = WatchedStore(self)
        return Engine(
            store=self.store,
            venue_for=lambda _mode: venue or self.venue,
            owner=owner,
            settings=EngineSettings(lease_seconds=600, publish_seconds=60, sample_seconds=60),
            wall=lambda: next(self.ticks) * 0.01,
        )

    @property
    def state(self) -> SessionState:
        """The strategy's state of the running session."""
        assert self.engine.session is not None
        return self.engine.session.state

    @property
    def struck(self) -> bool:
        """Every fault that was to strike so many times has done so."""
        return not any(self.faults._left)

    def look(self) -> None:
        """Take note of what is outstanding at the venue now."""
        outstanding = Counter({p.symbol: -p.size for p in self.exchange.positions()})
        for order in self.exchange.open_orders():
            if order.side is Side.SELL:
                outstanding[order.symbol] += order.unfilled
        for symbol, size in outstanding.items():
            self.peak[symbol] = max(self.peak[symbol], size)

    def becalm(self, calm: bool = True) -> None:
        """Nobody takes a resting order while it is calm; afterwards the market catches up on what it missed."""
        if calm:
            setattr(self.exchange, "_match_resting", lambda _until: None)  # noqa: B010
        else:
            self.exchange.__dict__.pop("_match_resting", None)

    async def until_closed(self, seconds: float = 1.0) -> None:
        """Step until no session is open; an hour of venue time is more than any end may take."""
        await self.run(lambda: self.engine.session is None, seconds=seconds, limit=3600)

    async def step(self, seconds: float = 1.0) -> None:
        """Step, and look."""
        await super().step(seconds)
        self.look()

    async def turn(self, seconds: float = 0.0) -> None:
        """Step without waiting for the requests that a test holds back."""
        self.clock.advance(seconds)
        await self.engine.step()
        while (session := self.engine.session) is not None and (len(session._tasks) > self.held or session._inbox):
            if len(session._tasks) > self.held:
                await asyncio.wait(set(session._tasks), timeout=0.01, return_when=asyncio.FIRST_COMPLETED)
            await self.engine.step()
        self.look()

    async def hold(self, until: asyncio.Event) -> None:
        """Hold the request that is at this point back."""
        self.held += 1
        try:
            await until.wait()
        finally:
            self.held -= 1

    async def kill(self) -> None:
        """The worker dies: its requests in flight and its connection end, nobody says goodbye."""
        if self.engine.session is not None:
            tasks = set(self.engine.session._tasks)
            self.engine.session.abandon()
            await asyncio.gather(*tasks, return_exceptions=True)
        await self.store.close()

    async def restart(self, owner: str = "rig") -> None:
        """Die and start again."""
        await self.kill()
        self.venue = WatchedVenue(self.exchange, self.faults, self)
        self.engine = self.new_engine(owner)
        await self.step(0)

    async def play(self, *, seconds: float = 1.0, **changes: Any) -> StrategySession:
        """A whole session from start now to its end, in steps of so many seconds."""
        session = await self.start(**{"max_hold_minutes": 3, **changes})
        await self.until_closed(seconds)
        return session


def longest_naked(fills: Iterable[FillRecord]) -> float:
    """Seconds of the longest stretch in which the account held more of one leg than of the other."""
    held: Counter[str] = Counter()
    longest, since = 0.0, None
    ordered = sorted((f for f in fills if f.fill_type is FillType.NORMAL), key=lambda f: f.at)
    for index, fill in enumerate(ordered):
        held[fill.symbol[0]] += fill.size if fill.side is Side.SELL else -fill.size
        if index + 1 < len(ordered) and ordered[index + 1].at == fill.at:
            continue
        at = from_micros(fill.at)
        if since is not None and held["C"] == held["P"]:
            longest, since = max(longest, (at - since).total_seconds()), None
        elif since is None and held["C"] != held["P"]:
            since = at
    return longest


def session_of(client_order_id: str) -> str:
    """The part of a client order id that names its session."""
    return client_order_id.rsplit("-", 2)[0]


async def assert_settled(scene: Scene, session: StrategySession, *, naked_seconds: float = 30) -> None:
    """The end state of every fault: venue and ledger agree on orders, fills, prices, positions and cash; nothing is
    open unless handed over; never more than asked was outstanding; no leg was alone for longer than its budget
    (``naked_seconds`` is raised only where the venue was out of reach).
    """
    await session.arefresh_from_db()
    assert session.status == "stopped", f"{session.phase}: {session.session_metadata.get('attention')}"
    prefix = "ds" + session.strategy_id.removeprefix("delta-strangle-")
    await _assert_positions_agree(scene, session)
    await _assert_orders_agree(scene, session, prefix)
    await _assert_fills_agree(scene, session, prefix)
    asked = session.config_snapshot["quantity"]
    assert all(size <= asked for size in scene.peak.values()), scene.peak
    assert scene.hasty == [], "an order left before its intent was on disk"
    if session.exit_reason != "handed_over":
        assert longest_naked(scene.exchange.fills()) <= naked_seconds


async def _assert_positions_agree(scene: Scene, session: StrategySession) -> None:
    legs = {leg.symbol: leg async for leg in session.positions.all()}
    held = {p.symbol: -p.size for p in scene.exchange.positions()}
    assert held == {symbol: leg.open_quantity for symbol, leg in legs.items() if leg.open_quantity}
    if session.exit_reason != "handed_over":
        assert held == {}
    assert scene.exchange.open_orders() == []


async def _assert_orders_agree(scene: Scene, session: StrategySession, prefix: str) -> None:
    venue = [o for o in scene.exchange.orders() if session_of(o.client_order_id) == prefix]
    assert len({o.client_order_id for o in venue}) == len(venue), "a client order id was used twice"
    rows = {o.client_order_id: o async for o in OrderLedger.objects.filter(session=session)}
    known = {o.client_order_id: (o.filled, o.state.value) for o in venue}
    assert {key: (rows[key].filled_quantity, rows[key].status) for key in known} == known
    never = {key: (row.filled_quantity, row.status) for key, row in rows.items() if key not in known}
    assert set(never.values()) <= {(0, "rejected")}, never


async def _assert_fills_agree(scene: Scene, session: StrategySession, prefix: str) -> None:
    venue = {
        f.id: (f.client_order_id, f.price, f.size, f.commission)
        for f in scene.exchange.fills()
        if session_of(f.client_order_id) == prefix
    }
    ours = {
        f.fill_id: (f.order.client_order_id, f.price, f.quantity, f.commission)
        async for f in FillLedger.objects.filter(session=session).select_related("order")
    }
    assert ours == venue
    async for leg in session.positions.all():
        for side, price in (("sell", leg.entry_price), ("buy", leg.exit_price)):
            rows = [f async for f in FillLedger.objects.filter(session=session, symbol=leg.symbol, side=side)]
            size = sum(f.quantity for f in rows)
            vwap = sum((f.price * f.quantity for f in rows), Decimal(0)) / size if size else None
            assert price == (None if vwap is None else vwap.quantize(Decimal("1e-8")))
    if all(session_of(f.client_order_id) == prefix for f in scene.exchange.fills()):
        assert await ledger_cash(session) == scene.exchange.balance().cash - scene.opening_cash


async def said(session: StrategySession, kind: str) -> list[str]:
    """Messages of one kind in the session's decision feed, oldest first."""
    rows = DecisionRecord.objects.filter(session=session, kind=kind).order_by("id")
    return [row.message async for row in rows]
