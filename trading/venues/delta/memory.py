"""What this process knows of its own orders: which exchange id belongs to which client id, and when each was sent."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from trading.strategy.types import OrderIntent, OrderReport, OrderStatus, Purpose
from trading.venues.delta.parse_account import SeenOrder


@dataclass(slots=True)
class Known:
    """One order. ``sent`` (monotonic seconds) and ``since`` (venue time) say when it left; None: elsewhere."""

    client_order_id: str
    product_id: int = 0
    symbol: str = ""
    order_id: str = ""
    sent: float | None = None
    since: datetime | None = None
    purpose: Purpose | None = None
    status: OrderStatus | None = None
    filled: int = 0
    searched: float | None = None
    refusal: str = ""
    detail: str = ""

    @property
    def working(self) -> bool:
        """It may still be filled, as far as is known."""
        return self.sent is not None and self.status in (None, OrderStatus.OPEN) and bool(self.order_id)


class OrderMemory:
    """Orders by client id and by exchange id. Foreign orders are remembered as nobody's, to ask about them once."""

    def __init__(self) -> None:
        self._orders: dict[str, Known] = {}
        self._owners: dict[str, str] = {}
        self.on_change: Callable[[], None] = lambda: None

    def get(self, client_order_id: str) -> Known | None:
        """An order by client id."""
        return self._orders.get(client_order_id)

    def known(self, client_order_id: str) -> Known:
        """An order by client id, remembered from now on."""
        return self._orders.setdefault(client_order_id, Known(client_order_id))

    def sending(self, intent: OrderIntent, at: datetime, mono: float) -> None:
        """An order is about to leave."""
        self._orders[intent.client_order_id] = Known(
            intent.client_order_id, intent.product_id, intent.symbol, sent=mono, since=at, purpose=intent.purpose
        )

    def refused(self, client_order_id: str, code: str, detail: str, *, final: bool) -> None:
        """The exchange said no; without ``final`` it remains to be seen whether it meant it."""
        known = self.known(client_order_id)
        known.refusal, known.detail = code, detail
        if final:
            known.status = OrderStatus.REJECTED
        self.on_change()

    def saw(self, seen: SeenOrder) -> Known:
        """Take an order row in; returns what is known now. A row without client id is nobody's."""
        client_id = seen.client_order_id or self._owners.get(seen.order_id, "")
        self._owners[seen.order_id] = client_id
        if not client_id:
            return Known("")
        known = self.known(client_id)
        known.order_id = seen.order_id
        known.product_id = seen.product_id or known.product_id
        known.symbol = seen.symbol or known.symbol
        known.since = known.since or seen.created_at
        known.filled = max(known.filled, seen.report.filled)
        if known.status in (None, OrderStatus.OPEN, OrderStatus.REJECTED):
            known.status = seen.report.status
        self.on_change()
        return known

    def linked(self, order_id: str, client_order_id: str) -> None:
        """An execution told which order it belongs to."""
        self._owners[order_id] = client_order_id
        if client_order_id:
            self.known(client_order_id).order_id = order_id

    def owner(self, order_id: str) -> str | None:
        """Client id of an exchange id; empty for a foreign order, None if never heard of."""
        return self._owners.get(order_id)

    def working(self) -> list[Known]:
        """Orders of this process that may still be filled."""
        return [known for known in self._orders.values() if known.working]

    def entries_rest(self) -> bool:
        """Whether an entry order of this process may still rest at the exchange."""
        return any(known.purpose is Purpose.ENTRY for known in self.working())

    def product_ids(self, client_order_ids: Iterable[str]) -> list[int]:
        """Products of these orders; empty when one is unknown, so that a read by product would miss some."""
        found = [known.product_id if (known := self._orders.get(i)) is not None else 0 for i in client_order_ids]
        return list(dict.fromkeys(found)) if all(found) else []


def with_owner(seen: SeenOrder, known: Known) -> OrderReport | None:
    """The report of an order that is ours, else None."""
    return replace(seen.report, client_order_id=known.client_order_id) if known.client_order_id else None
