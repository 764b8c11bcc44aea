"""Delta's public market with fills simulated from its real book: mode ``dry_run``. Needs no key and sends no order."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal

import httpx

from trading.engine.ports import Balance, VenueHealth
from trading.strategy.events import Event, ReadSettlements
from trading.strategy.types import Chain, ChainRow, Fill, OrderIntent, OrderReport, Position, Settlement
from trading.venues.delta.config import DeltaConfig
from trading.venues.delta.errors import DeltaError
from trading.venues.delta.fields import BadField
from trading.venues.delta.health import health
from trading.venues.delta.link import Link
from trading.venues.delta.paper import PaperAccount
from trading.venues.delta.stream import Waits
from trading.venues.delta.venue import unavailable

START_CASH = Decimal(10_000)


class DryRunVenue:
    """Real quotes, paper orders. The account lives in this process: a restart begins with an empty one."""

    def __init__(
        self,
        config: DeltaConfig,
        *,
        cash: Decimal = START_CASH,
        http: httpx.AsyncBaseTransport | None = None,
        wall: Callable[[], float] = time.time,
        waits: Waits | None = None,
    ) -> None:
        self.config = config
        self.link = Link(config, http=http, wall=wall, waits=waits)
        self.market = self.link.market
        self.account = PaperAccount(self.market, self.link.inbox, self.link.clock.now, cash)
        self.market.on_quote = self.account.look

    @property
    def name(self) -> str:
        """Short name shown to people."""
        return f"dry run on delta {self.config.environment}".replace("_", " ")

    def now(self) -> datetime:
        """The exchange's clock, aware UTC."""
        return self.link.clock.now()

    async def connect(self) -> None:
        """Set the clock and start the public stream. Idempotent."""
        if self.link.started:
            return
        await self.market.stream.subscribe({"product_updates": (), "system_status": ()})
        try:
            await self.link.set_clock()
        except (DeltaError, BadField) as error:
            self.market.stream.problem = str(error)
        self.link.start()

    async def close(self) -> None:
        """Release the connection."""
        await self.link.close()

    async def chain(self, underlying: str) -> Chain:
        """All live options of ``underlying`` with quotes."""
        with unavailable(self.link, "option chain"):
            return await self.market.chain(underlying)

    async def watch(self, underlying: str, symbols: Sequence[str]) -> None:
        """Stream quotes of exactly these symbols and the index of ``underlying``."""
        with unavailable(self.link, "quotes"):
            await self.market.watch(underlying, symbols)

    async def poll(self) -> list[Event]:
        """Everything that arrived since the last poll."""
        return self.link.inbox.drain()

    async def wait(self, seconds: float) -> None:
        """Sleep until a frame arrived or ``seconds`` of wall time passed."""
        await self.link.inbox.wait(seconds)

    async def place(self, intent: OrderIntent) -> OrderReport:
        """Trade on paper against the newest quote."""
        return self.account.place(intent)

    async def cancel(self, client_order_id: str, venue_order_id: str, product_id: int) -> OrderReport:
        """Cancel a paper order."""
        return self.account.cancel(client_order_id)

    async def order(self, client_order_id: str, product_id: int, since: datetime) -> OrderReport:
        """What became of a paper order; always known."""
        return self.account.find(client_order_id)

    async def fills(self, client_order_ids: Sequence[str], since: datetime) -> list[Fill]:
        """Fills of these paper orders."""
        return self.account.fills_of(frozenset(client_order_ids))

    async def positions(self, underlying: str = "") -> list[Position]:
        """What the paper account holds, or holds of one underlying."""
        return self.account.positions(underlying)

    async def open_orders(self) -> list[OrderReport]:
        """Paper orders at rest."""
        return self.account.open_orders()

    async def settlements(self, asked: ReadSettlements) -> list[Settlement]:
        """What the paper account settled its expired options at."""
        return [found for symbol in asked.symbols if (found := self.account.settled.get(symbol)) is not None]

    async def balance(self) -> Balance:
        """The paper account's cash."""
        return self.account.balance()

    async def margin_required(self, rows: Sequence[ChainRow], size: int) -> Decimal:
        """By the paper account's rough figure: no exchange is asked without a key."""
        return self.account.margin_of(rows, size)

    def health(self) -> VenueHealth:
        """How the link to the public data feels."""
        return health(self.link, None)
