"""Dying on purpose: hooks around the store, the venue and the wire of one worker, so that the engine has none."""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from django.db import connection

from trading.chaos.plan import Point
from trading.engine.ports import SessionWrite
from trading.store import DjangoStore
from trading.strategy.types import Fill, OrderIntent, OrderReport
from trading.venues.delta.venue import DeltaVenue

STATES = {
    "selecting": Point.ENTERING,
    "entering": Point.ENTERING,
    "live": Point.LIVE,
    "exiting": Point.EXITING,
    "attention": Point.EXITING,
}


class Reaper:
    """Counts the effects of a worker's life and ends it, without a word, at the ``nth`` passage of ``point``.

    ``state`` tells the phase of the session at hand; ``reborn`` says that this life takes up what another left.
    """

    def __init__(self, point: Point | None, nth: int, *, reborn: bool) -> None:
        self.state: Callable[[], str] = lambda: ""
        self.passed: Counter[Point] = Counter()
        self._point = point
        self._nth = nth
        self._reborn = reborn

    def passing(self, point: Point) -> None:
        """An effect is about to happen or has just happened; whoever is meant does not return."""
        self._count(point)
        if point is not Point.IN_COMMIT:
            self.between()

    def between(self) -> None:
        """An effect of no kind of its own: it only counts for the session's state and for the life."""
        if (phase := STATES.get(self.state())) is not None:
            self._count(phase)
        if self._reborn:
            self._count(Point.RECOVERY)

    def _count(self, point: Point) -> None:
        self.passed[point] += 1
        if point is self._point and self.passed[point] == self._nth:
            os.kill(os.getpid(), signal.SIGKILL)


class MortalStore(DjangoStore):
    """The real store; its worker may die before, in the midst of, and after a commit of the ledger."""

    def __init__(self, reaper: Reaper) -> None:
        super().__init__()
        self._reaper = reaper
        self._hooked = False

    async def write(self, write: SessionWrite, *, token: int) -> None:
        """See the port."""
        if not self._hooked:
            self._hooked = True
            await self._run(self._hook)
        self._reaper.passing(Point.BEFORE_COMMIT)
        await super().write(write, token=token)
        self._reaper.passing(Point.AFTER_COMMIT)

    async def publish(self, payload: Mapping[str, object], *, owner: str) -> None:
        """See the port."""
        self._reaper.between()
        await super().publish(payload, owner=owner)

    async def settle_command(self, command_id: int, *, ok: bool, result: Mapping[str, object], token: int) -> None:
        """See the port."""
        self._reaper.between()
        await super().settle_command(command_id, ok=ok, result=result, token=token)
        self._reaper.between()

    def _hook(self) -> None:
        connection.execute_wrappers.append(self._statement)

    def _statement(self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        """One statement; those inside of a transaction are points to die at."""
        result = execute(sql, params, many, context)
        if connection.in_atomic_block:
            self._reaper.passing(Point.IN_COMMIT)
        return result


class MortalVenue(DeltaVenue):
    """The real Delta client; its worker may die before a request and after its answer. ``fills_read`` counts answers
    that told which orders were filled.
    """

    reaper: Reaper
    fills_read = 0

    async def place(self, intent: OrderIntent) -> OrderReport:
        """See the port."""
        self.reaper.passing(Point.BEFORE_SEND)
        report = await super().place(intent)
        self.reaper.passing(Point.AFTER_ACK)
        return report

    async def cancel(self, client_order_id: str, venue_order_id: str, product_id: int) -> OrderReport:
        """See the port."""
        report = await super().cancel(client_order_id, venue_order_id, product_id)
        self.reaper.passing(Point.IN_CANCEL)
        return report

    async def order(self, client_order_id: str, product_id: int, since: datetime) -> OrderReport:
        """See the port."""
        report = await super().order(client_order_id, product_id, since)
        self.reaper.passing(Point.IN_QUERY)
        return report

    async def fills(self, client_order_ids: Sequence[str], since: datetime) -> list[Fill]:
        """See the port."""
        found = await super().fills(client_order_ids, since)
        self.fills_read += 1
        return found


def watched(reaper: Reaper, method: str, path: str) -> Callable[[], None] | None:
    """What to call when an order or a cancel has left: every byte is with the kernel, no answer has come."""
    point = {"POST": Point.AFTER_SEND, "DELETE": Point.IN_CANCEL}.get(method)
    if point is None or not path.startswith("/v2/orders"):
        return None
    return partial(reaper.passing, point)
