"""Executions with their commissions.

The fast private channel tells of a fill without its fee, and the ledger books fees, so a fill is not passed on until
``/v2/fills`` has shown it: that costs one round trip after the exchange's word, during which the order's own reports
(channel ``orders``, or the answer to the order) already tell how much is filled. Money is exact, the news is not late.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from trading.strategy.types import Fill
from trading.venues.delta import parse_account
from trading.venues.delta.clock import VenueClock, to_micros
from trading.venues.delta.config import DeltaConfig
from trading.venues.delta.errors import DeltaError, ErrorClass
from trading.venues.delta.fields import BadField, Row, text
from trading.venues.delta.memory import Known, OrderMemory
from trading.venues.delta.private_stream import SeenTrade
from trading.venues.delta.rest import Rest
from trading.venues.delta.stream import Waits

log = logging.getLogger("trading.venues.delta")
MARGIN_SECONDS = 30.0


@dataclass(slots=True)
class Owed:
    """Executions of one order that the stream told of and ``/v2/fills`` has not yet shown."""

    symbol: str
    since: datetime
    sizes: dict[str, int] = field(default_factory=dict)

    @property
    def contracts(self) -> int:
        """Contracts told of: by trades, or in total by a report (under the empty key), whichever is more."""
        return max(sum(size for fill_id, size in self.sizes.items() if fill_id), self.sizes.get("", 0))


class FillDesk:
    """Turns notices of trades into fills with commissions. ``emit`` gets each fill once."""

    def __init__(
        self,
        config: DeltaConfig,
        rest: Rest,
        memory: OrderMemory,
        clock: VenueClock,
        *,
        product_id: Callable[[str], int],
        emit: Callable[[Fill], None],
        waits: Waits,
    ) -> None:
        self._config = config
        self._rest = rest
        self._memory = memory
        self._clock = clock
        self._product_id = product_id
        self._emit = emit
        self._waits = waits
        self._owed: dict[str, Owed] = {}
        self._shown: dict[str, dict[str, int]] = {}
        self._emitted: set[str] = set()
        self._wake = asyncio.Event()

    @property
    def owed(self) -> int:
        """Contracts whose fills are still to be shown with their commission."""
        return sum(owed.contracts for owed in self._owed.values())

    def note(self, trade: SeenTrade) -> None:
        """The stream told of a trade."""
        owed = self._owed.setdefault(trade.order_id, Owed(trade.symbol, trade.at))
        owed.since = min(owed.since, trade.at)
        owed.sizes[trade.fill_id] = trade.size
        self._wake.set()

    def want(self, known: Known, since: datetime) -> None:
        """An order is filled to ``known.filled`` contracts: fetch what was not shown yet, from ``since`` on."""
        if known.filled > sum(self._shown.get(known.order_id, {}).values()):
            owed = self._owed.setdefault(known.order_id, Owed(known.symbol, since))
            owed.since = min(owed.since, since)
            owed.sizes[""] = known.filled
            self._wake.set()

    async def run(self) -> None:
        """Settle whatever is owed, for ever."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            await self.settle()

    async def settle(self) -> None:
        """Read fills until nothing is owed, with growing pauses, a bounded number of times. What is still missing then
        is found by the engine's own reading of fills and positions.
        """
        for attempt in range(self._config.fill_attempts):
            try:
                await self._fetch()
            except DeltaError as error:
                log.warning("Fills could not be read: %s", error, extra={"event": "delta_fills_unread"})
            if not self._owed:
                return
            if self._wake.is_set():
                self._wake.clear()
                continue
            await self._waits.sleep(self._config.fill_pause_seconds * min(2.0**attempt, 8.0))
        log.error(
            "The exchange told of trades but does not list them: orders %s",
            ", ".join(self._owed),
            extra={"event": "delta_fills_missing"},
        )
        self._owed.clear()

    async def _fetch(self) -> None:
        ids = [self._product_id(owed.symbol) for owed in self._owed.values()]
        products = list(dict.fromkeys(ids)) if all(ids) else []
        since = min((owed.since for owed in self._owed.values()), default=self._clock.now())
        await self.catch_up(since, products)

    async def catch_up(self, since: datetime, product_ids: Sequence[int] = ()) -> None:
        """Emit every fill of ours since a venue time that has not been emitted yet. Raises DeltaError."""
        for fill in await self.read(since, product_ids):
            if fill.fill_id not in self._emitted:
                self._emitted.add(fill.fill_id)
                self._emit(fill)
        for order_id, owed in list(self._owed.items()):
            if self._is_shown(order_id, owed):
                del self._owed[order_id]

    def _is_shown(self, order_id: str, owed: Owed) -> bool:
        """By contracts, since nobody documents that both channels use the same fill ids."""
        return sum(self._shown.get(order_id, {}).values()) >= owed.contracts

    async def read(self, since: datetime, product_ids: Sequence[int] = ()) -> list[Fill]:
        """Fills of orders with a client id since a venue time, oldest first. Raises DeltaError."""
        start = since - timedelta(seconds=MARGIN_SECONDS * self._clock.speed)
        products = product_ids if len(product_ids) <= 10 else ()
        rows = await self._rest.fills(since=to_micros(start), product_ids=products)
        found: dict[str, Fill] = {}
        for row in rows:
            fill = await self._owned(row)
            if fill is not None and (not products or self._product_id(fill.symbol) in (0, *products)):
                found[fill.fill_id] = fill
        return sorted(found.values(), key=lambda fill: (fill.at, fill.fill_id))

    async def _owned(self, row: Row) -> Fill | None:
        """The fill with its client order id; None for settlements, liquidations and foreign orders."""
        if not parse_account.is_trade(row):
            log.warning(
                "A %s fill in %s",
                text(row, "fill_type"),
                text(row, "product_symbol"),
                extra={"event": "delta_odd_fill"},
            )
            return None
        try:
            seen = parse_account.fill(row)
        except BadField as reason:
            raise DeltaError("bad_body", f"A fill cannot be read: {reason}") from None
        owner = seen.fill.client_order_id or await self._owner(seen.order_id)
        self._shown.setdefault(seen.order_id, {})[seen.fill_id] = seen.fill.size
        return replace(seen.fill, client_order_id=owner) if owner else None

    async def _owner(self, order_id: str) -> str:
        """Client id of the order behind a fill, asked once per order; empty for foreign ones."""
        known = self._memory.owner(order_id)
        if known is not None:
            return known
        try:
            self._memory.saw(parse_account.order(await self._rest.order_by_id(order_id)))
        except DeltaError as error:
            if error.error_class is not ErrorClass.GONE:
                raise
            self._memory.linked(order_id, "")
        except BadField as reason:
            raise DeltaError("bad_body", f"Order {order_id} cannot be read: {reason}") from None
        return self._memory.owner(order_id) or ""
