"""Delta Exchange behind the engine's ``Venue`` port."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from typing import Any

import httpx

from trading.engine.ports import Balance, VenueHealth, VenueOrder, VenueUnavailable
from trading.strategy.events import Event, ReadSettlements
from trading.strategy.types import (
    Chain,
    ChainRow,
    Fill,
    OrderIntent,
    OrderReport,
    Outcome,
    Position,
    Purpose,
    Settlement,
)
from trading.venues.delta.account import Account
from trading.venues.delta.config import DeltaConfig
from trading.venues.delta.dead_man import DeadMan
from trading.venues.delta.errors import DeltaError
from trading.venues.delta.fields import BadField
from trading.venues.delta.health import health
from trading.venues.delta.link import Link
from trading.venues.delta.records import Records
from trading.venues.delta.settlements import Settlements
from trading.venues.delta.stream import Waits


@contextmanager
def unavailable(link: Link, what: str) -> Iterator[None]:
    """What goes wrong in reading ``what`` becomes the port's VenueUnavailable, with the advice in its text."""
    try:
        with link.troubles.watching(what):
            yield
    except (DeltaError, BadField) as error:
        raise VenueUnavailable(str(error)) from error


class DeltaVenue:
    """A real account, on production or testnet (or at a simulator that speaks the same protocol)."""

    def __init__(
        self,
        config: DeltaConfig,
        *,
        http: httpx.AsyncBaseTransport | None = None,
        wall: Callable[[], float] = time.time,
        waits: Waits | None = None,
    ) -> None:
        self.config = config
        self.link = Link(config, http=http, wall=wall, waits=waits)
        self.market = self.link.market
        self.account = Account(
            config,
            self.link.rest,
            self.link.clock,
            self.market,
            self.link.inbox,
            troubles=self.link.troubles,
            waits=self.link.waits,
        )
        self.records = Records(self.link.rest, self.account.memory, self.account.fills)
        self.settled = Settlements(config, self.link.rest)
        self.dead_man = DeadMan(
            self.link.rest,
            ttl_ms=config.dead_man_ttl_ms,
            ack_seconds=config.dead_man_ack_seconds,
            underlyings=config.underlyings,
            entries_rest=self.account.memory.entries_rest,
            waits=self.link.waits,
        )
        if config.dead_man:
            self.account.memory.on_change = self.dead_man.look

    @property
    def name(self) -> str:
        """Short name shown to people."""
        return f"delta {self.config.environment}".replace("_", " ")

    def now(self) -> datetime:
        """The exchange's clock, aware UTC."""
        return self.link.clock.now()

    async def connect(self) -> None:
        """Set the clock, start the streams and catch up. Idempotent; what fails is in ``health`` and is repeated."""
        if self.link.started:
            return
        await self.account.follow(())
        await self.market.stream.subscribe({"product_updates": (), "system_status": ()})
        try:
            async with asyncio.timeout(self.config.connect_wait_seconds):
                await self.link.set_clock()
                await self.account.catch_up()
        except (DeltaError, BadField, TimeoutError) as error:
            self.account.gap_seen(f"connecting failed: {str(error) or 'no answer in time'}")
        self.link.start(*self._chores())

    def _chores(self) -> list[Coroutine[Any, Any, None]]:
        every, config, account = self.link.every, self.config, self.account
        chores = [
            account.stream.run(),
            account.run(),
            account.fills.run(),
            every(config.wall(config.order_fallback_seconds), account.fall_back, what="working orders"),
            every(config.balance_seconds, account.read_balance, what="balance"),
        ]
        if config.quota_seconds:
            chores.append(every(config.quota_seconds, self.link.read_meter, what="meter"))
        if config.dead_man:
            chores.append(self.dead_man.run())
        return chores

    async def close(self) -> None:
        """Release the connections; the account goes on without us."""
        await self.link.close()
        self.account.stream.up = False

    async def chain(self, underlying: str) -> Chain:
        """All live options of ``underlying`` with quotes."""
        with unavailable(self.link, "option chain"):
            return await self.market.chain(underlying)

    async def watch(self, underlying: str, symbols: Sequence[str]) -> None:
        """Stream quotes of exactly these symbols, the index of ``underlying``, and this account's orders and fills."""
        await self.account.follow(symbols)
        with unavailable(self.link, "quotes"):
            await self.market.watch(underlying, symbols)

    async def poll(self) -> list[Event]:
        """Everything that arrived since the last poll."""
        return self.link.inbox.drain()

    async def wait(self, seconds: float) -> None:
        """Sleep until a frame arrived or ``seconds`` of wall time passed."""
        await self.link.inbox.wait(seconds)

    async def place(self, intent: OrderIntent) -> OrderReport:
        """Send an order once. Never retries. A stop is refused here while the dead-man switch might cancel it."""
        if self.config.dead_man and intent.purpose is Purpose.STOP:
            try:
                await self.dead_man.stand_down()
            except DeltaError as error:
                return OrderReport(intent.client_order_id, Outcome.REJECTED, code=error.code, detail=str(error))
        return await self.account.place(intent)

    async def cancel(self, client_order_id: str, venue_order_id: str, product_id: int) -> OrderReport:
        """Cancel an order and report its final state."""
        return await self.account.cancel(client_order_id, venue_order_id, product_id)

    async def order(self, client_order_id: str, product_id: int, since: datetime) -> OrderReport:
        """What became of an order: accepted with its state, absent when that is conclusive, else unknown."""
        return await self.account.order(client_order_id, product_id, since)

    async def fills(self, client_order_ids: Sequence[str], since: datetime) -> list[Fill]:
        """All fills of these orders."""
        with unavailable(self.link, "fills"):
            return await self.account.fills_of(client_order_ids, since)

    async def positions(self, underlying: str = "") -> list[Position]:
        """Everything the account holds, or what it holds of one underlying."""
        with unavailable(self.link, "positions"):
            return await self.account.positions(underlying)

    async def open_orders(self) -> list[OrderReport]:
        """Every order resting at the exchange."""
        with unavailable(self.link, "orders"):
            return await self.account.open_orders()

    async def resting_orders(self) -> list[VenueOrder]:
        """Every order at rest with all that is known of it."""
        with unavailable(self.link, "orders"):
            return await self.records.resting()

    async def past_orders(self, since: datetime) -> list[VenueOrder]:
        """Every order that has ended since then."""
        with unavailable(self.link, "order history"):
            return await self.records.past(since)

    async def executions(self, since: datetime) -> list[Fill]:
        """Every fill since then of an order with a client order id."""
        with unavailable(self.link, "fills"):
            return await self.records.executions(since)

    async def settlements(self, asked: ReadSettlements) -> list[Settlement]:
        """What expired options settled at, where the exchange tells all of it."""
        with unavailable(self.link, "settlements"):
            return await self.settled.read(asked)

    async def balance(self) -> Balance:
        """The account's cash."""
        try:
            return await self.account.balance()
        except (DeltaError, BadField) as error:
            raise VenueUnavailable(str(error)) from error

    async def margin_required(self, rows: Sequence[ChainRow], size: int) -> Decimal | None:
        """What selling these would bind by the exchange's estimate; None when it is not to be asked."""
        with unavailable(self.link, "margin"):
            return await self.account.margin_required(rows, size)

    def health(self) -> VenueHealth:
        """How the link feels right now."""
        return health(self.link, self.account)
