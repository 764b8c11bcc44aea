"""What became of an order: by id, among the open ones, in the history, through its fills, then the position (§3.3).

"Absent" is said only when every read answered, none showed the order, and a late copy of the request could no longer
be accepted; in every other case the word is "unknown".
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from trading.strategy.types import OrderReport, Outcome
from trading.venues.delta.clock import VenueClock, to_micros
from trading.venues.delta.config import DeltaConfig
from trading.venues.delta.errors import DeltaError, ErrorClass
from trading.venues.delta.fields import BadField, Row
from trading.venues.delta.fills import MARGIN_SECONDS, FillDesk
from trading.venues.delta.memory import OrderMemory, with_owner
from trading.venues.delta.parse_account import order, position_rows
from trading.venues.delta.rest import Rest
from trading.venues.delta.stream import Waits


class Lookup:
    """Resolves orders by asking the exchange."""

    def __init__(
        self, config: DeltaConfig, rest: Rest, memory: OrderMemory, clock: VenueClock, fills: FillDesk, waits: Waits
    ) -> None:
        self._config = config
        self._rest = rest
        self._memory = memory
        self._clock = clock
        self._fills = fills
        self._mono = waits.mono

    async def resolve(self, client_order_id: str, product_id: int, since: datetime) -> OrderReport:
        """The newest word on an order; ``since`` is the venue time it was committed."""
        late = self._is_late(client_order_id, since)
        try:
            found = await self._find(
                client_order_id, product_id, since, everywhere=late or self._may_search(client_order_id)
            )
        except (DeltaError, BadField) as error:
            return OrderReport(
                client_order_id, Outcome.UNKNOWN, code=getattr(error, "code", "bad_body"), detail=str(error)
            )
        if found is not None:
            return found
        known = self._memory.get(client_order_id)
        refusal, detail = (known.refusal, known.detail) if known is not None else ("", "")
        if late:
            return OrderReport(
                client_order_id, Outcome.ABSENT, code=refusal, detail=detail or "the exchange never had it"
            )
        return OrderReport(client_order_id, Outcome.UNKNOWN, code=refusal, detail="not seen yet; it may still arrive")

    def _is_late(self, client_order_id: str, since: datetime) -> bool:
        """Judged before the reads: no copy of the request can be accepted any more once they begin."""
        known = self._memory.get(client_order_id)
        if known is not None and known.sent is not None:
            return self._mono() - known.sent >= self._config.absent_after_seconds + self._config.order_wait_seconds
        age = self._clock.wall_seconds_since(since)
        return age >= self._config.absent_after_seconds + 2 * self._config.order_wait_seconds

    def _may_search(self, client_order_id: str) -> bool:
        """Whether the heavy reads are due; until the answer can be conclusive they need not follow every question."""
        known = self._memory.known(client_order_id)
        due = known.searched is None or self._mono() - known.searched >= self._config.search_seconds
        if due:
            known.searched = self._mono()
        return due

    async def _find(
        self, client_order_id: str, product_id: int, since: datetime, *, everywhere: bool
    ) -> OrderReport | None:
        direct = await self._direct(client_order_id)
        if direct is not None or not everywhere:
            return direct
        if self._config.by_client_id_finds_filled:
            return None
        resting = self._among(client_order_id, await self._rest.open_orders(product_id))
        if resting is not None:
            return resting
        start = since - timedelta(seconds=MARGIN_SECONDS * self._clock.speed)
        past = await self._rest.history(since=to_micros(start), product_ids=(product_id,))
        ended = self._among(client_order_id, past)
        if ended is not None:
            return ended
        return await self._by_fills(client_order_id, product_id, since)

    async def _direct(self, client_order_id: str) -> OrderReport | None:
        """By the exchange's id where it is known, else by ours."""
        known = self._memory.get(client_order_id)
        try:
            if known is not None and known.order_id:
                row = await self._rest.order_by_id(known.order_id)
            else:
                row = await self._rest.order_by_client_id(client_order_id)
        except DeltaError as error:
            if error.error_class is ErrorClass.GONE or error.status == 404:
                return None
            raise
        return self._among(client_order_id, [row] if row else [])

    def _among(self, client_order_id: str, rows: Iterable[Row]) -> OrderReport | None:
        """The report of our order among rows; every row is remembered. Unreadable rows of others do not matter."""
        found: OrderReport | None = None
        for row in rows:
            try:
                seen = order(row)
            except BadField:
                if row.get("client_order_id") == client_order_id:
                    raise
                continue
            known = self._memory.saw(seen)
            if known.client_order_id == client_order_id:
                found = with_owner(seen, known)
        return found

    async def _by_fills(self, client_order_id: str, product_id: int, since: datetime) -> OrderReport | None:
        """Fills name only order ids; reading the unknown ones among them finds an order that no list showed. Then the
        position is read: when not even that can be read, nothing is conclusive.
        """
        fills = await self._fills.read(since, (product_id,))
        mine = [fill for fill in fills if fill.client_order_id == client_order_id]
        if mine:
            row = await self._rest.order_by_id(mine[-1].venue_order_id)
            report = order(row, client_order_id=client_order_id).report
            return replace(report, client_order_id=client_order_id)
        position_rows(await self._rest.position(product_id))
        return None
