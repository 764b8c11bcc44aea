"""The account's half of the venue: orders, fills, positions and cash, over REST with the private stream ahead of it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from trading.engine.ports import Balance
from trading.strategy.events import FillSeen, OrderReported, PositionsChanged
from trading.strategy.types import (
    ZERO,
    ChainRow,
    Fill,
    OrderIntent,
    OrderReport,
    OrderStatus,
    OrderType,
    Outcome,
    Position,
    Purpose,
    Side,
    TimeInForce,
)
from trading.venues.delta import parse_account
from trading.venues.delta.clock import VenueClock
from trading.venues.delta.config import DeltaConfig
from trading.venues.delta.errors import DeltaError, ErrorClass
from trading.venues.delta.fields import BadField, decimal
from trading.venues.delta.fills import FillDesk
from trading.venues.delta.inbox import Inbox
from trading.venues.delta.limits import Priority
from trading.venues.delta.lookup import Lookup
from trading.venues.delta.market import Market
from trading.venues.delta.memory import Known, OrderMemory, with_owner
from trading.venues.delta.parse_account import SeenOrder
from trading.venues.delta.positions import Positions
from trading.venues.delta.private_stream import PrivateFrames, PrivateStream, SeenTrade, channels
from trading.venues.delta.rest import Rest
from trading.venues.delta.stream import Waits
from trading.venues.delta.troubles import Troubles

log = logging.getLogger("trading.venues.delta")
PRIORITIES = {Purpose.ENTRY: Priority.ENTRY, Purpose.STOP: Priority.STOP}
DRIFT_SECONDS = 5.0
"""Venue seconds between reads of positions while the private stream, which would tell of a change, is down."""


class Account:
    """One account at the exchange. Reads raise DeltaError or BadField; writes answer with a report, always."""

    def __init__(
        self,
        config: DeltaConfig,
        rest: Rest,
        clock: VenueClock,
        market: Market,
        inbox: Inbox,
        *,
        troubles: Troubles,
        waits: Waits | None = None,
    ) -> None:
        self.config = config
        self.memory = OrderMemory()
        self.waits = waits or Waits()
        self._rest = rest
        self._clock = clock
        self._market = market
        self._inbox = inbox
        self._troubles = troubles
        self.fills = FillDesk(
            config, rest, self.memory, clock, product_id=self._product_id, emit=self._emit_fill, waits=self.waits
        )
        self._lookup = Lookup(config, rest, self.memory, clock, self.fills, self.waits)
        self._positions = Positions(config, rest, market.products, lambda: market.watched)
        self.frames = PrivateFrames(self)
        self.stream = PrivateStream(
            config,
            clock,
            on_frame=self.frames.take,
            on_change=self._stream_changed,
            on_skipped=self.gap_seen,
            waits=self.waits,
        )
        self._ready = asyncio.Event()
        self._stale = asyncio.Event()
        self._stale.set()
        self._caught_up_at: datetime | None = None
        self._wallet: Balance | None = None
        self._wallet_at = 0.0
        self._positions_at = 0.0

    @property
    def ready(self) -> bool:
        """Orders, fills and positions are known: nothing was missed since the last catching up."""
        return self._ready.is_set()

    async def follow(self, symbols: Sequence[str]) -> None:
        """Hear of everything by category, and get snapshots of these symbols."""
        await self.stream.subscribe(channels(symbols))

    async def place(self, intent: OrderIntent) -> OrderReport:
        """Send an order once."""
        if refusal := await self._entry_refusal(intent):
            return refusal
        client_id = intent.client_order_id
        self.memory.sending(intent, self._clock.now(), self.waits.mono())
        priority = PRIORITIES.get(intent.purpose, Priority.CLOSE)
        try:
            row = await self._rest.place(self.body(intent), priority=priority)
            return self._accepted(parse_account.order(row, client_order_id=client_id))
        except DeltaError as error:
            return self._failed(intent, error)
        except BadField as reason:
            return _unknown(client_id, "bad_body", f"The answer to the order cannot be read: {reason}")

    def body(self, intent: OrderIntent) -> dict[str, object]:
        """The order as ``POST /v2/orders`` wants it. Market orders carry no price; prices are plain decimals."""
        limit, order_type = intent.limit_price, intent.order_type
        if order_type is OrderType.MARKET and self.config.market_orders == "band" and intent.stop_price is None:
            limit = self._band_edge(intent)
            order_type = OrderType.MARKET if limit is None else OrderType.LIMIT
        body: dict[str, object] = {
            "product_id": intent.product_id,
            "size": intent.size,
            "side": intent.side.value,
            "order_type": order_type.value,
            "time_in_force": (TimeInForce.IOC if limit is not intent.limit_price else intent.time_in_force).value,
            "reduce_only": intent.reduce_only,
            "client_order_id": intent.client_order_id,
            **self._stop_fields(intent),
        }
        if limit is not None and order_type is OrderType.LIMIT:
            body["limit_price"] = format(limit, "f")
        return body

    def _stop_fields(self, intent: OrderIntent) -> dict[str, object]:
        """What makes an order a stop (§3.1). A plain stop outlives the position: it must only ever reduce."""
        if intent.stop_price is None:
            return {}
        return {
            "stop_order_type": "stop_loss_order",
            "stop_price": format(intent.stop_price, "f"),
            "stop_trigger_method": self.config.stop_trigger,
            "reduce_only": True,
        }

    def _band_edge(self, intent: OrderIntent) -> Decimal | None:
        """The worst price the exchange allows, on the tick; None while no band is known."""
        quote, option = self._market.quotes.newest(intent.symbol), self._market.products.get(intent.symbol)
        if quote is None or option is None:
            return None
        edge = quote.band_high if intent.side is Side.BUY else quote.band_low
        if edge is None:
            return None
        ticks = edge // option.tick_size
        if intent.side is Side.SELL and ticks * option.tick_size < edge:
            ticks += 1
        return max(ticks, Decimal(1)) * option.tick_size

    async def _entry_refusal(self, intent: OrderIntent) -> OrderReport | None:
        """Entries wait until the account is caught up after a gap, for a bounded time; closes never wait for that."""
        if intent.purpose is not Purpose.ENTRY:
            return None
        if self._market.halted:
            error = DeltaError("maintenance", f"The exchange's status is {self._market.status}")
            return _rejected(intent.client_order_id, error.code, str(error))
        try:
            async with asyncio.timeout(self.config.order_wait_seconds):
                await self._ready.wait()
        except TimeoutError:
            error = DeltaError("not_ready", "The account is not caught up")
            return _rejected(intent.client_order_id, error.code, str(error))
        return None

    def _accepted(self, seen: SeenOrder) -> OrderReport:
        self._want(self.memory.saw(seen))
        return seen.report

    def _failed(self, intent: OrderIntent, error: DeltaError) -> OrderReport:
        """A refusal, or not knowing. A repeated client id is the opposite of a refusal: the order is there."""
        client_id = intent.client_order_id
        repeated = error.code == self.config.duplicate_client_id_code and "client_order_id" in str(error.context)
        refused = (error.definitive or self._throttled(error)) and not repeated
        self.memory.refused(client_id, error.code, str(error), final=refused)
        if error.error_class is ErrorClass.SCHEMA:
            self._market.products.expire()
        log.warning(
            "%s: %s", client_id, error, extra={"event": "delta_order_refused" if refused else "delta_order_unknown"}
        )
        return _rejected(client_id, error.code, str(error)) if refused else _unknown(client_id, error.code, str(error))

    def _throttled(self, error: DeltaError) -> bool:
        return error.error_class is ErrorClass.RATE and self.config.throttled_writes_are_refused

    async def cancel(self, client_order_id: str, venue_order_id: str, product_id: int) -> OrderReport:
        """Cancel, and report the order's end; an order that is no longer open is read back."""
        body: dict[str, object] = {"product_id": product_id}
        if venue_order_id.isdecimal():
            body["id"] = int(venue_order_id)
        else:
            body["client_order_id"] = client_order_id
        try:
            row = await self._rest.cancel(body)
            seen = parse_account.order(row, client_order_id=client_order_id)
        except DeltaError as error:
            if error.error_class is ErrorClass.GONE or error.status == 404:
                return await self.order(client_order_id, product_id, self._clock.now())
            return _unknown(client_order_id, error.code, str(error))
        except BadField as reason:
            return _unknown(client_order_id, "bad_body", str(reason))
        report = self._accepted(seen)
        if report.status is OrderStatus.OPEN:
            return await self.order(client_order_id, product_id, self._clock.now())
        return report

    async def order(self, client_order_id: str, product_id: int, since: datetime) -> OrderReport:
        """What became of an order; see ``lookup``."""
        report = await self._lookup.resolve(client_order_id, product_id, since)
        known = self.memory.get(client_order_id)
        if known is not None and report.filled:
            self._want(known, since)
        return report

    async def fills_of(self, client_order_ids: Sequence[str], since: datetime) -> list[Fill]:
        """All fills of these orders, with commissions."""
        wanted = frozenset(client_order_ids)
        fills = await self.fills.read(since, self.memory.product_ids(client_order_ids))
        return [fill for fill in fills if fill.client_order_id in wanted]

    async def positions(self, underlying: str = "") -> list[Position]:
        """What the account holds in all configured underlyings, or in this one, in real time."""
        return await self._positions.read(underlying)

    async def open_orders(self) -> list[OrderReport]:
        """Every order resting at the exchange; foreign ones have an empty client id."""
        seen = [parse_account.order(row) for row in await self._rest.open_orders()]
        for row in seen:
            self.memory.saw(row)
        return [row.report for row in seen]

    async def balance(self) -> Balance:
        """Cash as last read or heard (the ``margins`` channel tells of changes). The engine asks every few seconds from
        within its loop, so this answers from memory; only the first time it reads. Too old a figure is an error.
        """
        if self._wallet is None:
            await self.read_balance()
        age = self.waits.mono() - self._wallet_at
        if self._wallet is None or age > 3 * self.config.balance_seconds:
            raise DeltaError("timeout", f"The balance is {age:.0f} s old")
        return self._wallet

    async def margin_required(self, rows: Sequence[ChainRow], size: int) -> Decimal | None:
        """The exchange's own estimate of each leg, added up: isolated margin nets nothing. None when ``margin_check``
        is off, as it must be where the undocumented estimate is not served.
        """
        if not self.config.margin_check:
            return None
        return sum(await asyncio.gather(*(self._margin_of(row, size) for row in rows)), ZERO)

    async def _margin_of(self, row: ChainRow, size: int) -> Decimal:
        limit = format(row.quote.bid or row.instrument.tick_size, "f")
        answer = await self._rest.margin_required(row.instrument.product_id, size=size, side="sell", limit_price=limit)
        margin = decimal(answer, "initial_margin")
        if margin is None:
            raise DeltaError("bad_body", "margin_required carries no initial_margin")
        return margin

    async def read_balance(self) -> None:
        """Read the cash."""
        self.wallet_seen(parse_account.balance(await self._rest.balances()))

    async def run(self) -> None:
        """Catch up whenever something may have been missed, for ever; a failed attempt is repeated."""
        failures = 0
        while True:
            await self._stale.wait()
            try:
                await self.catch_up()
                failures = 0
            except (DeltaError, BadField) as error:
                log.warning("The account could not be caught up: %s", error, extra={"event": "delta_catch_up_failed"})
                pause = min(self.config.backoff_first * 2.0 ** min(failures, 16), self.config.backoff_last)
                await self.waits.sleep(pause * (0.5 + self.waits.jitter() / 2))
                failures += 1

    async def catch_up(self) -> None:
        """Read open orders, orders of ours that are no longer among them, fills since the last time, cash and
        positions; only then entries may go on.
        """
        self._stale.clear()
        started = self._clock.now()
        try:
            with self._troubles.watching("account"):
                await self._read_all(started)
        except BaseException:
            self._stale.set()
            raise
        self._caught_up_at = started
        if not self._stale.is_set():
            self._ready.set()

    async def _read_all(self, started: datetime) -> None:
        resting = {report.venue_order_id: report for report in await self.open_orders()}
        for report in resting.values():
            self._report(report)
        await self._read_working(frozenset(resting))
        await self.fills.catch_up(self._caught_up_at or started)
        await self.read_balance()
        await self._compare_positions()

    async def fall_back(self) -> None:
        """One step of the fallback while the private stream is down or lacks a channel: read this process's working
        orders, one light read each; their fills follow. Now and then positions, so that drift is found as well.
        """
        if self.stream.whole:
            return
        await self._read_working(frozenset())
        if self._market.watched and self.waits.mono() - self._positions_at >= self.config.wall(DRIFT_SECONDS):
            await self._compare_positions()

    async def _compare_positions(self) -> None:
        """Read positions, and tell what is held of the watched options."""
        self._positions_at = self.waits.mono()
        held = {row.symbol: row.size for row in await self.positions()}
        self.frames.positions = held
        for symbol in self._market.watched:
            self.position_seen(symbol, held.get(symbol, 0))

    async def _read_working(self, seen: frozenset[str]) -> None:
        for known in self.memory.working():
            if known.order_id not in seen:
                since = known.since or self._clock.now()
                report = await self.order(known.client_order_id, known.product_id, since)
                if report.outcome is Outcome.ACCEPTED:
                    self._report(report)

    def order_seen(self, seen: SeenOrder) -> None:
        """The stream or a read told of an order."""
        known = self.memory.saw(seen)
        report = with_owner(seen, known)
        if report is not None:
            self._inbox.put(OrderReported(self._clock.now(), report))
            self._want(known)

    def _want(self, known: Known, since: datetime | None = None) -> None:
        if known.filled:
            self.fills.want(known, since or known.since or self._clock.now())

    def trade_seen(self, trade: SeenTrade) -> None:
        """The stream told of a trade; its fill follows with the commission."""
        self.memory.linked(trade.order_id, trade.client_order_id)
        if trade.client_order_id:
            log.info(
                "The private stream told of %d contracts for %s",
                trade.size,
                trade.client_order_id,
                extra={"event": "delta_fill_streamed"},
            )
            self.fills.note(trade)

    def wallet_seen(self, balance: Balance) -> None:
        """The wallet as it is now."""
        self._wallet, self._wallet_at = balance, self.waits.mono()

    def position_seen(self, symbol: str, size: int) -> None:
        """What is held of an option; the strategy knows whether that is what it should be."""
        if symbol in self._market.watched:
            self._inbox.put(PositionsChanged(self._clock.now(), symbol, size))

    def gap_seen(self, what: str) -> None:
        """Something was missed: entries stop until the account is read again."""
        log.warning("Catching up: %s", what, extra={"event": "delta_gap"})
        self._ready.clear()
        self._stale.set()

    def _stream_changed(self, up: bool) -> None:
        self.frames.sequences.reset()
        self.gap_seen("the private stream is back" if up else "the private stream is gone")

    def _report(self, report: OrderReport) -> None:
        if report.client_order_id:
            self._inbox.put(OrderReported(self._clock.now(), report))

    def _emit_fill(self, fill: Fill) -> None:
        self._inbox.put(FillSeen(self._clock.now(), fill))

    def _product_id(self, symbol: str) -> int:
        option = self._market.products.get(symbol)
        return 0 if option is None else option.product_id


def _rejected(client_order_id: str, code: str, detail: str) -> OrderReport:
    return OrderReport(client_order_id, Outcome.REJECTED, OrderStatus.REJECTED, code=code, detail=detail)


def _unknown(client_order_id: str, code: str, detail: str) -> OrderReport:
    return OrderReport(client_order_id, Outcome.UNKNOWN, code=code, detail=detail)
