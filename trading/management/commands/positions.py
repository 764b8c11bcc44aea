"""``manage.py positions``: what an account at the exchange holds, has resting, and owns in cash."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.core.management.base import CommandParser

from trading.engine.ports import Balance
from trading.management.delta_tool import DeltaTool, columns, said
from trading.strategy.types import OrderReport, Position
from trading.venue_factory import account_config
from trading.venues.delta.config import DeltaConfig
from trading.venues.delta.venue import DeltaVenue


class Command(DeltaTool):
    """Reads only. Needs the keys (``STRANGLE_ROLE=worker``)."""

    help = "Show the positions, resting orders and cash of the account at the exchange."

    def add_arguments(self, parser: CommandParser) -> None:
        """Which account."""
        self.add_mode(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        """Read and tell."""
        with said():
            config = account_config(options["mode"])
        held, resting, money = self.at_exchange(_read(config))
        self.stdout.write("\n".join(_told(held, resting, money)))


async def _read(config: DeltaConfig) -> tuple[list[Position], list[OrderReport], Balance]:
    venue = DeltaVenue(config)
    try:
        await venue.link.set_clock()
        return await venue.positions(), await venue.open_orders(), await venue.balance()
    finally:
        await venue.close()


def _told(held: list[Position], resting: list[OrderReport], money: Balance) -> Iterator[str]:
    yield f"Cash {money.cash:,.2f} USD, {money.available:,.2f} free, {money.margin:,.2f} held as margin"
    if held:
        rows = [("position", "contracts", "entry price")]
        rows += [(p.symbol, f"{p.size:+d}", "-" if p.entry_price is None else f"{p.entry_price:f}") for p in held]
        yield columns(rows, right=frozenset({1, 2}))
    else:
        yield "No positions"
    if resting:
        orders = [("order", "client id", "filled")]
        orders += [(o.venue_order_id, o.client_order_id or "-", str(o.filled)) for o in resting]
        yield columns(orders, right=frozenset({2}))
    else:
        yield "No resting orders"
