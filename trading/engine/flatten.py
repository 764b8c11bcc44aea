"""Closing contracts that no session owns, on an operator's word: at most so many as are foreign at that moment, with
orders that can only reduce.

The command is the intent: each order's id is noted in its row before the order leaves, so that after a crash the next
worker asks what became of it before it sends another.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Final

from trading.engine.ownership import Owned, Share, flatten_order_id, share_of
from trading.engine.ports import Venue, VenueUnavailable
from trading.strategy.events import ForeignClosed
from trading.strategy.execution import to_tick
from trading.strategy.types import (
    ChainRow,
    Fill,
    OrderIntent,
    OrderReport,
    OrderStatus,
    OrderType,
    Outcome,
    Purpose,
    Quote,
    Side,
    TimeInForce,
)

log = logging.getLogger("trading.engine")
ATTEMPTS: Final = 5
LIMIT_ATTEMPTS: Final = 3
STEP: Final = Decimal("0.05")
ASKS: Final = 60
FILL_READS: Final = 10
PAUSE_SECONDS: Final = 0.5


class NotClosed(Exception):
    """The position, or what is left of it, was not closed; the text says why and what can be done."""


@dataclass(frozen=True, slots=True)
class FlattenWish:
    """``size`` is the foreign position (signed contracts) that the operator saw and wants gone; ``key`` is unique to
    the command and makes the client order ids.
    """

    key: str
    symbol: str
    size: int


@dataclass(slots=True)
class Progress:
    """Orders that left or may have left: client id, product and venue time; contracts known to be filled."""

    sent: list[tuple[str, int, datetime]] = field(default_factory=list)
    filled: int = 0

    @classmethod
    def of(cls, noted: Mapping[str, object]) -> Progress:
        """What an earlier worker noted in the command's row."""
        rows = noted.get("sent")
        listed = rows if isinstance(rows, list) else []
        return cls([(str(row[0]), int(row[1]), datetime.fromisoformat(str(row[2]))) for row in listed])

    def noted(self) -> dict[str, object]:
        """As it is noted."""
        return {"sent": [[order_id, product_id, at.isoformat()] for order_id, product_id, at in self.sent]}


class Flattening:
    """One command. ``owned`` says what sessions own now, ``hindrance`` why this symbol must be left alone now (empty:
    it need not), ``note`` puts progress on disk, ``closed`` tells the session that holds the same option.
    """

    def __init__(
        self,
        wish: FlattenWish,
        venue: Venue,
        *,
        owned: Callable[[], tuple[Owned, ...]],
        hindrance: Callable[[], str],
        note: Callable[[Mapping[str, object]], Awaitable[None]],
        closed: Callable[[ForeignClosed], None],
    ) -> None:
        self.wish = wish
        self._venue = venue
        self._owned = owned
        self._hindrance = hindrance
        self._note = note
        self._closed = closed
        self._progress = Progress()

    async def run(self, noted: Mapping[str, object]) -> dict[str, object]:
        """Close it. The result has ``filled``, ``fills``, and ``error`` when it is not all of what was asked."""
        self._progress = Progress.of(noted)
        error = ""
        try:
            for order_id, product_id, at in self._progress.sent:
                self._progress.filled += (await self._ask(order_id, product_id, at)).filled
            while self._progress.filled < abs(self.wish.size):
                await self._attempt()
        except (NotClosed, VenueUnavailable) as reason:
            error = str(reason)
        return await self._result(error)

    async def _attempt(self) -> None:
        number = len(self._progress.sent) + 1
        if number > ATTEMPTS:
            raise NotClosed(f"{ATTEMPTS} orders did not close it all; read the account and try again")
        if why := self._hindrance():
            raise NotClosed(why)
        row = await self._row()
        share = share_of(self.wish.symbol, await self._venue.positions(), self._owned())
        if why := self._hindrance():
            raise NotClosed(why)
        intent = _intent(self.wish, row, number, self._size(share))
        self._progress.sent.append((intent.client_order_id, intent.product_id, self._venue.now()))
        await self._note(self._progress.noted())
        report = await self._venue.place(intent)
        if report.outcome is Outcome.UNKNOWN or report.status is OrderStatus.OPEN:
            report = await self._ask(*self._progress.sent[-1])
        log.warning("Flattening %s: %s", self.wish.symbol, report.detail or report.status, extra={"event": "flatten"})
        self._progress.filled += report.filled
        if report.filled:
            bought = report.filled if intent.side is Side.BUY else -report.filled
            self._closed(ForeignClosed(self._venue.now(), self.wish.symbol, share.foreign + bought))
        elif report.outcome is Outcome.REJECTED and number >= LIMIT_ATTEMPTS:
            raise NotClosed(f"the venue refused: {report.detail or report.code}")

    async def _row(self) -> ChainRow:
        parts = self.wish.symbol.split("-")
        chain = await self._venue.chain(parts[1]) if len(parts) == 4 else None
        rows = chain.rows if chain is not None else ()
        found = next((row for row in rows if row.instrument.symbol == self.wish.symbol), None)
        if found is None:
            raise NotClosed(f"{self.wish.symbol} is not a listed option of this venue; close it at the venue itself")
        return found

    def _size(self, share: Share) -> int:
        """Contracts to close now: what is foreign of what was asked, and not closed yet."""
        if share.foreign * self.wish.size <= 0:
            raise NotClosed(f"of {self.wish.symbol} {share.foreign:+d} contracts are foreign now; look again")
        size = min(share.closable, abs(self.wish.size) - self._progress.filled)
        if size <= 0:
            raise NotClosed("it lies against the session's own position: no order that only reduces can close it")
        return size

    async def _ask(self, order_id: str, product_id: int, since: datetime) -> OrderReport:
        """What became of an order, asked until it is known."""
        for _ in range(ASKS):
            try:
                report = await self._venue.order(order_id, product_id, since)
            except VenueUnavailable:
                report = OrderReport(order_id, Outcome.UNKNOWN)
            known = report.outcome in (Outcome.REJECTED, Outcome.ABSENT)
            if known or (report.outcome is Outcome.ACCEPTED and report.status is not OrderStatus.OPEN):
                return report
            await self._venue.wait(PAUSE_SECONDS)
        raise NotClosed(f"nobody knows what became of order {order_id}; nothing more was sent. Look at the venue")

    async def _result(self, error: str) -> dict[str, object]:
        done = self._progress.filled
        result: dict[str, object] = {
            "symbol": self.wish.symbol,
            "asked": abs(self.wish.size),
            "filled": done,
            "orders": [order_id for order_id, _, _ in self._progress.sent],
            "fills": [_told(fill) for fill in await self._fills()],
        }
        if error:
            result["error"] = f"Closed {done} of {abs(self.wish.size)}: {error}" if done else error
        return result

    async def _fills(self) -> list[Fill]:
        """The fills of all that was sent; those that the venue does not list in time are left out, and counted."""
        sent = self._progress.sent
        fills: list[Fill] = []
        for _ in range(FILL_READS if self._progress.filled else 0):
            try:
                fills = await self._venue.fills([order_id for order_id, _, _ in sent], min(at for _, _, at in sent))
            except VenueUnavailable as error:
                log.warning("Fills could not be read: %s", error, extra={"event": "read_failed"})
            if sum(fill.size for fill in fills) >= self._progress.filled:
                break
            await self._venue.wait(PAUSE_SECONDS)
        return fills


def _intent(wish: FlattenWish, row: ChainRow, number: int, size: int) -> OrderIntent:
    side = Side.BUY if wish.size < 0 else Side.SELL
    limit = _limit(row, side, number) if number <= LIMIT_ATTEMPTS else None
    return OrderIntent(
        client_order_id=flatten_order_id(wish.key, number),
        leg=row.instrument.option_type,
        purpose=Purpose.UNWIND,
        attempt=number,
        symbol=wish.symbol,
        product_id=row.instrument.product_id,
        side=side,
        size=size,
        order_type=OrderType.MARKET if limit is None else OrderType.LIMIT,
        time_in_force=TimeInForce.IOC,
        limit_price=limit,
        reduce_only=True,
        decision_price=_touch(row.quote, side),
    )


def _touch(quote: Quote, side: Side) -> Decimal | None:
    return quote.ask if side is Side.BUY else quote.bid


def _limit(row: ChainRow, side: Side, number: int) -> Decimal | None:
    """Through the best price by a step more with every attempt, within the venue's band; None without a price."""
    quote, tick = row.quote, row.instrument.tick_size
    touch = _touch(quote, side)
    if touch is None:
        return None
    if side is Side.BUY:
        price = to_tick(touch * (1 + STEP * number), tick, ROUND_CEILING)
        high = quote.band_high
        return price if high is None or price <= high else to_tick(high, tick, ROUND_FLOOR)
    price = to_tick(touch * (1 - STEP * number), tick, ROUND_FLOOR)
    low = quote.band_low
    return price if low is None or price >= low else to_tick(low, tick, ROUND_CEILING)


def _told(fill: Fill) -> dict[str, object]:
    return {
        "fill_id": fill.fill_id,
        "client_order_id": fill.client_order_id,
        "side": fill.side.value,
        "size": fill.size,
        "price": str(fill.price),
        "commission": str(fill.commission),
        "at": fill.at.isoformat(),
    }
