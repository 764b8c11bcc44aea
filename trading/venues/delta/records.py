"""What the exchange remembers of the account: orders at rest, orders that ended, executions (§3.3, §3.4).

The history is paged by cursor; a page that cannot be read is an error and never an end.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from trading.engine.ports import VenueOrder
from trading.strategy.types import Fill, OrderType, Side, TimeInForce
from trading.venues.delta import parse_account
from trading.venues.delta.clock import to_micros
from trading.venues.delta.fields import BadField, Row, decimal, need_moment, need_text, need_whole, text
from trading.venues.delta.fills import FillDesk
from trading.venues.delta.memory import OrderMemory
from trading.venues.delta.rest import Rest

TRUE = ("true", "True", "1")


class Records:
    """Reads only. Raises DeltaError or BadField."""

    def __init__(self, rest: Rest, memory: OrderMemory, fills: FillDesk) -> None:
        self._rest = rest
        self._memory = memory
        self._fills = fills

    async def resting(self) -> list[VenueOrder]:
        """Orders at rest, anybody's."""
        return self._orders(await self._rest.open_orders())

    async def past(self, since: datetime) -> list[VenueOrder]:
        """Orders that ended since a venue time, anybody's, newest first."""
        return self._orders(await self._rest.history(since=to_micros(since)))

    async def executions(self, since: datetime) -> list[Fill]:
        """Fills since a venue time of orders with a client id, oldest first."""
        return await self._fills.read(since)

    def _orders(self, rows: Iterable[Row]) -> list[VenueOrder]:
        found = [venue_order(row) for row in rows]
        for row in rows:
            self._memory.saw(parse_account.order(row))
        return found


def venue_order(row: Row) -> VenueOrder:
    """An order row with everything it says. Raises BadField."""
    seen = parse_account.order(row)
    side, kind, force = need_text(row, "side"), text(row, "order_type"), text(row, "time_in_force")
    if side not in (Side.BUY, Side.SELL):
        raise BadField(f"side {side}")
    if seen.report.status is None:
        raise BadField("state is missing")
    limit = decimal(row, "limit_price")
    return VenueOrder(
        client_order_id=seen.client_order_id,
        venue_order_id=seen.order_id,
        symbol=seen.symbol,
        product_id=seen.product_id,
        side=Side(side),
        size=need_whole(row, "size"),
        filled=seen.report.filled,
        status=seen.report.status,
        order_type=OrderType.MARKET if kind == OrderType.MARKET else OrderType.LIMIT,
        time_in_force=TimeInForce.IOC if force == TimeInForce.IOC else TimeInForce.GTC,
        limit_price=None if kind == OrderType.MARKET else limit,
        average_price=seen.report.average_price,
        reduce_only=text(row, "reduce_only") in TRUE,
        created_at=need_moment(row, "created_at"),
    )
