"""The stage of the fault matrix: sessions over the wire under watch, every order looked at as it is accepted."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Collection
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import OperationalError

from trading.engine.archive import Archive
from trading.engine.ports import SessionWrite
from trading.engine.runtime import Engine
from trading.engine.tape_files import Tapes
from trading.models import DecisionRecord, StrategySession
from trading.store import DjangoStore
from trading.strategy.state import SessionState
from trading.strategy.types import OrderType, Side, TimeInForce
from trading.tests.scene import session_of
from trading.tests.wire_rig import CHORES, WireRig
from trading.venues.simulated.records import FillRecord, FillType, OrderRecord, OrderRequest

OURS = "ds"
PATIENCE = {**CHORES, "read_timeout": 1.0}
"""Wall seconds after which an answer counts as lost: not so few that a busy machine loses answers by itself."""
PUSHED = "order_size_not_available_in_orderbook"
"""A refusal that the next attempt need not get again."""


async def nowhere(_what: str) -> None:
    """The point of a stage where nothing strikes."""


class WatchedStore(DjangoStore):
    """The real store. ``failed`` is what the database itself said of each ledger write that it refused, ``on_failure``
    hears of each; ``point`` is passed around every write.
    """

    point: Callable[[str], Any] = staticmethod(nowhere)

    def __init__(self) -> None:
        super().__init__()
        self.failed: list[str] = []
        self.on_failure: Callable[[], None] = lambda: None

    async def write(self, write: SessionWrite, *, token: int) -> None:
        """Write, watched."""
        await self.point("write")
        try:
            await super().write(write, token=token)
        except OperationalError as error:
            self.failed.append(str(error))
            self.on_failure()
            raise
        await self.point("written")


class Stage(WireRig):
    """A wire rig that keeps witness: ``peak`` is the most contracts that each session ever had outstanding of each
    option (sold by its orders and not bought back by them, plus what its resting sells may add), looked at after every
    single order that the exchange accepted. ``struck_by`` hears of orders as they arrive: ``place``, ``placed`` and
    ``cancel`` with the client order id.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"chores": PATIENCE, **options})
        self.peak: Counter[tuple[str, str]] = Counter()
        self.struck_by: Callable[[str], None] = lambda _what: None
        self.tapes: Tapes | None = None
        self._place, self._cancel = self.exchange.place, self.exchange.cancel
        setattr(self.exchange, "place", self._placed)  # noqa: B010
        setattr(self.exchange, "cancel", self._cancelled)  # noqa: B010

    def _placed(self, request: OrderRequest, **how: Any) -> OrderRecord:
        self.struck_by(f"place {request.client_order_id}")
        order = self._place(request, **how)
        for whose, size in outstanding(self).items():
            self.peak[whose] = max(self.peak[whose], size)
        self.struck_by(f"placed {request.client_order_id}")
        return order

    def _cancelled(self, **which: Any) -> OrderRecord:
        found = self.exchange.find(**{k: v for k, v in which.items() if k in ("order_id", "client_order_id")})
        self.struck_by(f"cancel {found.client_order_id if found else ''}")
        return self._cancel(**which)

    def over_the_wire(self) -> Engine:
        """An engine whose store is watched too."""
        engine = super().over_the_wire()
        engine.store = self.store = WatchedStore()
        engine.archive = Archive(self.tapes) if self.tapes is not None else None
        return engine

    @property
    def watched_store(self) -> WatchedStore:
        """The store of the engine of the moment."""
        assert isinstance(self.store, WatchedStore)
        return self.store

    @property
    def state(self) -> SessionState:
        """The strategy's state of the running session."""
        assert self.engine.session is not None
        return self.engine.session.state

    @property
    def struck(self) -> bool:
        """Every fault that was to strike so many times has done so, and every other one at least once."""
        return all(item.left == 0 or (item.left is None and item.struck) for item in self.wire.server.faults.armed)

    def becalm(self, calm: bool = True) -> None:
        """Nobody takes a resting order while it is calm; afterwards the market catches up on what it missed."""
        if calm:
            setattr(self.exchange, "_match_resting", lambda _until: None)  # noqa: B010
        else:
            self.exchange.__dict__.pop("_match_resting", None)

    def by_hand(self, symbol: str, side: Side, size: int) -> OrderRecord:
        """Somebody trades on the account, past the platform."""
        order = OrderRequest(symbol, side, size, OrderType.MARKET, None, TimeInForce.IOC)
        return self.exchange.place(order)

    async def until_closed(self, seconds: float = 1.0, limit: int = 3600) -> None:
        """Step until no session is open."""
        await self.run(lambda: self.engine.session is None, seconds=seconds, limit=limit)

    async def play(self, faults: str = "", *, seconds: float = 1.0, **changes: Any) -> StrategySession:
        """A whole session from start now to its end, with these faults in force from its start."""
        self.wire.fault(faults)
        session = await self.start(**{"max_hold_minutes": 2, **changes})
        await self.until_closed(seconds)
        return session

    async def die(self) -> None:
        """The worker ends without a word, its connections with it; another process with nothing in memory starts."""
        if self.engine.session is not None:
            tasks = set(self.engine.session._tasks)
            self.engine.session.abandon()
            await asyncio.gather(*tasks, return_exceptions=True)
        await self.store.close()
        await self.wire.venue.close()

    async def restart(self, owner: str = "rig") -> None:
        """Die and start again."""
        await self.die()
        self.wire.connect()
        self.owner = owner
        self.engine = self.over_the_wire()
        await self.step(0)


def ours(fills: Collection[FillRecord]) -> list[FillRecord]:
    """Fills of orders of ours, in the order in which they happened."""
    return [f for f in fills if f.fill_type is FillType.NORMAL and f.client_order_id.startswith(OURS)]


def outstanding(stage: Stage) -> Counter[tuple[str, str]]:
    """By name of the session and symbol: contracts sold by its orders and not bought back by them, plus those that
    its resting sells may still sell.
    """
    out: Counter[tuple[str, str]] = Counter()
    for fill in ours(stage.exchange.fills()):
        out[session_of(fill.client_order_id), fill.symbol] += fill.size if fill.side is Side.SELL else -fill.size
    for order in stage.exchange.open_orders():
        if order.side is Side.SELL and order.client_order_id.startswith(OURS):
            out[session_of(order.client_order_id), order.symbol] += order.unfilled
    return out


async def said(session: StrategySession, kind: str) -> list[str]:
    """Messages of one kind in the session's decision feed, oldest first."""
    rows = DecisionRecord.objects.filter(session=session, kind=kind).order_by("id")
    return [row.message async for row in rows]


def at(stage: Stage) -> datetime:
    """The exchange's time."""
    return stage.exchange.now()


def vwap(fills: Collection[tuple[Decimal, int]]) -> Decimal | None:
    """Volume-weighted price, as the ledger stores it; None without fills."""
    size = sum(count for _, count in fills)
    total = sum((price * count for price, count in fills), Decimal(0))
    return (total / size).quantize(Decimal("1e-8")) if size else None
