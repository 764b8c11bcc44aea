"""Carrying out what the strategy decided: one coroutine per action, each ending in events.

Nothing here retries or guesses.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from trading.engine.evidence import hearing
from trading.engine.margin import margin_seen
from trading.engine.ports import AccountSeen, Venue, VenueUnavailable
from trading.strategy.events import (
    Action,
    Cancel,
    ChainRead,
    Event,
    FetchFills,
    FillSeen,
    FillsRead,
    LimitsSeen,
    LoadChain,
    OrderReported,
    Place,
    PositionsRead,
    Query,
    ReadPositions,
    ReadSettlements,
    SettlementsRead,
    Watch,
)
from trading.strategy.execution import order_prefix
from trading.strategy.types import OrderIntent, OrderReport, Outcome, Position, Purpose, StrategyParams

log = logging.getLogger("trading.engine")
WATCH_AGAIN_SECONDS = 2.0
READ_AGAIN_SECONDS = 2.0
Limits = Callable[[], Awaitable[LimitsSeen]]
Gate = Callable[[OrderIntent], Awaitable[str]]


class Actor:
    """The hands of one session at one venue.

    ``gate`` answers why an order may not leave now (empty: it may); ``limits`` reads the day's facts.
    """

    def __init__(self, *, venue: Venue, params: StrategyParams, strategy_id: str, gate: Gate, limits: Limits) -> None:
        self._venue = venue
        self._params = params
        self._prefix = order_prefix(strategy_id) + "-"
        self._gate = gate
        self._limits = limits
        self._leaving: set[str] = set()
        self._unwatched: Watch | None = None
        self._watch_at: datetime | None = None
        self._first: FetchFills | None = None
        self._unread_at: datetime | None = None
        self.seen: AccountSeen | None = None
        """The newest whole reading of the account."""

    def begin(self, actions: Sequence[Action]) -> None:
        """A session is taken up with these actions: its fills are read until they are told, whatever fails."""
        self._first = next((action for action in actions if isinstance(action, FetchFills)), None)

    async def act(self, action: object) -> list[Event]:
        """Carry one action out and return what was learned.

        Unexpected errors become events too: a write is then unknown, a read failed.
        """
        match action:
            case Place():
                return [OrderReported(self._venue.now(), await self._place(action.intent))]
            case Cancel():
                return await self._report(
                    action.client_order_id,
                    self._venue.cancel(action.client_order_id, action.venue_order_id, action.product_id),
                )
            case Query():
                return await self._report(
                    action.client_order_id, self._venue.order(action.client_order_id, action.product_id, action.since)
                )
            case FetchFills():
                return await self._fills(action)
            case ReadPositions():
                return [await self._positions(action)]
            case ReadSettlements():
                return [await self._settlements(action)]
            case LoadChain():
                return await self._chain(action)
            case Watch():
                await self._watch(action)
        return []

    async def _place(self, intent: OrderIntent) -> OrderReport:
        self._leaving.add(intent.client_order_id)
        try:
            return await self._send(intent)
        finally:
            self._leaving.discard(intent.client_order_id)

    async def _send(self, intent: OrderIntent) -> OrderReport:
        refusal = await self._gate(intent)
        if refusal:
            return OrderReport(intent.client_order_id, Outcome.REJECTED, code="trading_mode", detail=refusal)
        try:
            return await self._venue.place(intent)
        except Exception as error:
            log.exception(
                "Placing %s failed unexpectedly", intent.client_order_id, extra={"event": "order_place_failed"}
            )
            return _unknown(intent.client_order_id, error)

    async def _report(self, client_order_id: str, request: Awaitable[OrderReport]) -> list[Event]:
        """What was learned of an order. While our own request for it has not come back, no answer is a conclusive
        absent: it may reach the venue after the question did, and a second order would then be one too many.
        """
        leaving = client_order_id in self._leaving
        try:
            report = await request
            if leaving and report.outcome is Outcome.ABSENT:
                report = replace(report, outcome=Outcome.UNKNOWN, detail="not there yet; its request is on the way")
        except Exception as error:
            log.warning("No word on %s: %s", client_order_id, error, extra={"event": "order_query_failed"})
            report = _unknown(client_order_id, error)
        return [OrderReported(self._venue.now(), report)]

    async def _fills(self, action: FetchFills) -> list[Event]:
        try:
            fills = await self._venue.fills(action.client_order_ids, action.since)
        except Exception as error:
            _log_failed_read("Fills", error)
            if action is self._first:
                self._unread_at = self._venue.now() + timedelta(seconds=READ_AGAIN_SECONDS)
            return []
        now = self._venue.now()
        return [*(FillSeen(now, fill) for fill in fills), FillsRead(now, action.client_order_ids)]

    async def _positions(self, action: ReadPositions) -> PositionsRead:
        try:
            if not action.whole:
                held = await self._venue.positions(self._params.underlying)
                return PositionsRead(self._venue.now(), ok=True, positions=_of(held, action.symbols), whole=False)
            with hearing() as raw:
                positions, resting = await asyncio.gather(self._venue.positions(), self._venue.open_orders())
        except Exception as error:
            _log_failed_read("Positions", error)
            return PositionsRead(self._venue.now(), ok=False, error=_cause(error), whole=action.whole)
        self.seen = AccountSeen(tuple(positions), tuple(resting))
        ours = _of(positions, action.symbols)
        orders = tuple(r.client_order_id for r in resting if r.client_order_id.startswith(self._prefix))
        return PositionsRead(
            self._venue.now(),
            ok=True,
            positions=ours,
            open_orders=orders,
            answers=_answers(positions, resting),
            raw=() if ours or orders else tuple(raw),
        )

    async def _settlements(self, action: ReadSettlements) -> SettlementsRead:
        fills = len(action.fill_ids)
        try:
            settled = await self._venue.settlements(action)
        except Exception as error:
            _log_failed_read("Settlements", error)
            return SettlementsRead(self._venue.now(), ok=False, error=_cause(error), fills=fills)
        return SettlementsRead(self._venue.now(), ok=True, settlements=tuple(settled), fills=fills)

    async def _chain(self, action: LoadChain) -> list[Event]:
        try:
            limits = await self._limits()
            chain, positions = await asyncio.gather(self._venue.chain(action.underlying), self._venue.positions())
            margin = await margin_seen(self._venue, self._params, chain, self._venue.now())
        except Exception as error:
            _log_failed_read("The option chain", error)
            return [ChainRead(self._venue.now(), None, error=_cause(error))]
        return [limits, ChainRead(self._venue.now(), chain, tuple(positions), margin=margin)]

    async def _watch(self, action: Watch) -> None:
        self._unwatched, self._watch_at = None, self._venue.now() + timedelta(seconds=WATCH_AGAIN_SECONDS)
        try:
            await self._venue.watch(self._params.underlying, action.symbols)
        except Exception as error:
            self._unwatched = action
            log.warning("Quotes could not be subscribed: %s", _cause(error), extra={"event": "watch_failed"})

    def owed(self) -> list[Action]:
        """What failed and has to be tried again by now: a session without quotes is blind, and one that was taken up
        does not know what it missed.
        """
        owed: list[Action] = []
        if self._unwatched is not None and (self._watch_at is None or self._venue.now() >= self._watch_at):
            owed.append(self._unwatched)
            self._unwatched = None
        if self._first is not None and self._unread_at is not None and self._venue.now() >= self._unread_at:
            owed.append(self._first)
            self._unread_at = None
        return owed


def entry_refusal(intent: OrderIntent, mode: str) -> str:
    """Why the trading mode keeps this order from leaving. Orders that the venue holds to reducing always may; an entry
    needs ``active``; a close that is not reduce-only may go unless the mode is ``reduce_only`` or ``halted``.
    """
    if intent.reduce_only or mode == "active":
        return ""
    if intent.purpose is not Purpose.ENTRY and mode == "stop_entries":
        return ""
    return f"the trading mode is {mode}: only orders that reduce risk may be sent"


def _of(positions: Sequence[Position], symbols: Sequence[str]) -> tuple[Position, ...]:
    return tuple(p for p in positions if p.symbol in symbols)


def _answers(positions: Sequence[Position], resting: Sequence[OrderReport]) -> tuple[str, ...]:
    """Everything the venue listed, ours or not: the evidence behind what is concluded from it."""
    held = (f"position {p.symbol} {p.size:+d} @ {'?' if p.entry_price is None else p.entry_price}" for p in positions)
    orders = (
        f"order {r.venue_order_id} {r.client_order_id or 'without a client id'} {r.status.value if r.status else '?'}"
        for r in resting
    )
    return (*held, *orders)


def _log_failed_read(what: str, error: Exception) -> None:
    """What the adapter foresaw is a warning; anything else is a bug of ours and comes with its traceback."""
    unforeseen = None if isinstance(error, VenueUnavailable) else error
    log.warning("%s could not be read: %s", what, _cause(error), extra={"event": "read_failed"}, exc_info=unforeseen)


def _cause(error: Exception) -> str:
    if isinstance(error, VenueUnavailable):
        return str(error)
    return f"{type(error).__name__}: {error}"[:200]


def _unknown(client_order_id: str, error: Exception) -> OrderReport:
    return OrderReport(client_order_id, Outcome.UNKNOWN, detail=f"{type(error).__name__}: {error}"[:200])
