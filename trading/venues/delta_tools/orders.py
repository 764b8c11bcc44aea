"""A manual order: its exact request first, and only then, if wanted, the sending."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

import httpx

from trading.strategy.types import (
    OrderIntent,
    OrderReport,
    OrderType,
    Purpose,
    Side,
    TimeInForce,
)
from trading.venues.delta import parse_account
from trading.venues.delta.config import DeltaConfig
from trading.venues.delta.direct import Direct
from trading.venues.delta.errors import DeltaError
from trading.venues.delta.limits import Priority
from trading.venues.delta.venue import DeltaVenue

MASKED: Final = frozenset({"api-key", "signature"})
SHOWN_HEADERS: Final = ("Content-Type", "User-Agent", "api-key", "timestamp", "signature")


class HeldBack(httpx.AsyncBaseTransport):
    """The network, but for writes while ``holding``: those are kept instead of sent."""

    def __init__(self, network: httpx.AsyncBaseTransport) -> None:
        self.holding = True
        self.held: list[httpx.Request] = []
        self._network = network

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Pass a request on, or keep it."""
        if self.holding and request.method != "GET":
            self.held.append(request)
            raise httpx.ConnectError("held back", request=request)
        return await self._network.handle_async_request(request)

    async def aclose(self) -> None:
        """Close the network."""
        await self._network.aclose()


class ManualDesk:
    """One order by hand at one account, outside of any session. ``network`` is injected in tests."""

    def __init__(self, config: DeltaConfig, *, network: httpx.AsyncBaseTransport | None = None) -> None:
        self._wire = HeldBack(network or Direct(ipv4_only=config.ipv4_only))
        self._venue = DeltaVenue(config, http=self._wire)

    async def close(self) -> None:
        """Release the connection."""
        await self._venue.close()

    async def intent(
        self, symbol: str, side: Side, size: int, *, limit: Decimal | None, reduce_only: bool, client_order_id: str
    ) -> OrderIntent:
        """The order for a listed symbol; a market order without ``limit`` (dollars). DeltaError, or ValueError for an
        unknown symbol and for a price off the tick.
        """
        await self._venue.link.set_clock()
        await self._venue.market.products.fresh()
        option = self._venue.market.products.get(symbol)
        if option is None:
            raise ValueError(f"{symbol} is not among the live options.")
        if limit is not None and (limit <= 0 or limit % option.tick_size):
            raise ValueError(f"The limit must be a positive multiple of {option.tick_size}.")
        return OrderIntent(
            client_order_id=client_order_id,
            leg=option.option_type,
            purpose=Purpose.EXIT if reduce_only else Purpose.ENTRY,
            attempt=1,
            symbol=symbol,
            product_id=option.product_id,
            side=side,
            size=size,
            order_type=OrderType.MARKET if limit is None else OrderType.LIMIT,
            time_in_force=TimeInForce.IOC if limit is None else TimeInForce.GTC,
            limit_price=limit,
            reduce_only=reduce_only,
        )

    async def preview(self, intent: OrderIntent) -> str:
        """The signed request as it would leave, key and signature masked; nothing is sent."""
        self._wire.holding = True
        self._wire.held.clear()
        try:
            await self._send(intent)
        except DeltaError as error:
            if not self._wire.held or error.code != "not_sent":
                raise
        request = self._wire.held[-1]
        return _shown(request, await request.aread())

    async def place(self, intent: OrderIntent) -> OrderReport:
        """Send it, once, signed anew. DeltaError, whose ``definitive`` says whether it certainly did nothing."""
        self._wire.holding = False
        return await self._send(intent)

    async def _send(self, intent: OrderIntent) -> OrderReport:
        priority = Priority.CLOSE if intent.reduce_only else Priority.ENTRY
        row = await self._venue.link.rest.place(self._venue.account.body(intent), priority=priority)
        return parse_account.order(row, client_order_id=intent.client_order_id).report


def _shown(request: httpx.Request, body: bytes) -> str:
    lines = [f"{request.method} {request.url}"]
    for name in SHOWN_HEADERS:
        value = request.headers.get(name, "")
        lines.append(f"{name}: {'***' if name in MASKED else value}")
    return "\n".join([*lines, "", body.decode()])
