"""The REST calls this client uses, with their weights (``spec/delta_exchange.md`` §2 to §6, ``spec/delta_api.json``).

Every method raises DeltaError. Rows come back as the exchange sent them; ``parse`` gives them meaning.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from trading.venues.delta.config import DeltaConfig
from trading.venues.delta.errors import DeltaError
from trading.venues.delta.limits import Priority
from trading.venues.delta.transport import Call, Query, Transport

Row = Mapping[str, Any]
OPTIONS = "call_options,put_options"
MAX_IDS = 10
TRUTH = ("/v2/orders", "/v2/fills", "/v2/positions")
"""What a close needs to know to be finished: these reads may use a part of the reserve."""


class Rest:
    """Delta's REST API over one transport."""

    def __init__(self, config: DeltaConfig, transport: Transport) -> None:
        self.config = config
        self.transport = transport

    async def settings(self) -> Row:
        """``/v2/settings``: server time in microseconds, maintenance flag. Unsigned; undocumented, used by ccxt."""
        return _object(await self._read("/v2/settings", 1, signed=False))

    async def products(self, *, states: str = "live") -> list[Row]:
        """All option products in these states, every page."""
        query = [("contract_types", OPTIONS), ("states", states), ("page_size", str(self.config.products_page_size))]
        return await self._pages("/v2/products", 3, query, signed=False)

    async def tickers(self, underlying: str) -> list[Row]:
        """All option tickers of one underlying."""
        query = [("contract_types", OPTIONS), ("underlying_asset_symbols", underlying)]
        return _rows(await self._read("/v2/tickers", 3, query, signed=False))

    async def tickers_of(self, symbols: Sequence[str]) -> list[Row]:
        """Tickers of at most ten symbols; one symbol answers with an object."""
        result = await self._read(f"/v2/tickers/{','.join(symbols[:MAX_IDS])}", 3, signed=False)
        return [result] if isinstance(result, Mapping) else _rows(result)

    async def quota(self) -> Row:
        """The meter of the user's bucket: ``current_quota`` used, ``remaining_time_in_milliseconds``."""
        return _object(await self._read("/v2/rate_limits/quota", 3))

    async def trading_preferences(self) -> Row:
        """Preferences of the user; the source of the integer ``user_id`` since August 2026."""
        return _object(await self._read("/v2/users/trading_preferences", 1))

    async def margin_required(self, product_id: int, *, size: int, side: str, limit_price: str) -> Row:
        """Undocumented estimate of the margin an order needs (§3.6)."""
        query = [("size", str(size)), ("side", side), ("order_type", "limit_order"), ("limit_price", limit_price)]
        return _object(await self._read(f"/v2/products/{product_id}/margin_required", 1, query))

    async def balances(self) -> list[Row]:
        """One row per asset."""
        return _rows(await self._read("/v2/wallet/balances", 3))

    async def positions(self, underlying: str) -> Any:
        """Real-time positions of one underlying; documented shape is an object, seen ones are lists."""
        return await self._read("/v2/positions", 3, [("underlying_asset_symbol", underlying)])

    async def position(self, product_id: int) -> Any:
        """Real-time ``size`` and ``entry_price`` of one product."""
        return await self._read("/v2/positions", 3, [("product_id", str(product_id))])

    async def margined(self) -> list[Row]:
        """All positions, up to 10 s old: good for finding them, not for knowing their size."""
        return _rows(await self._read("/v2/positions/margined", 3, [("contract_types", OPTIONS)]))

    async def place(self, body: Mapping[str, object], *, priority: Priority) -> Row:
        """``POST /v2/orders``, once."""
        return _object(await self._write("POST", "/v2/orders", body, priority))

    async def edit(self, body: Mapping[str, object], *, priority: Priority = Priority.ENTRY) -> Row:
        """``PUT /v2/orders``, once; ``size`` is the new total, filled contracts included."""
        return _object(await self._write("PUT", "/v2/orders", body, priority))

    async def cancel(self, body: Mapping[str, object]) -> Row:
        """``DELETE /v2/orders`` with a body, once."""
        return _object(await self._write("DELETE", "/v2/orders", body, Priority.CANCEL))

    async def open_orders(self, product_id: int | None = None) -> list[Row]:
        """Every order that is open or waits for its trigger."""
        query = [("states", "open,pending"), ("page_size", str(self.config.page_size))]
        if product_id is not None:
            query.append(("product_ids", str(product_id)))
        return await self._pages("/v2/orders", 3, query)

    async def order_by_id(self, order_id: str) -> Row:
        """One order by the exchange's id."""
        return _object(await self._read(f"/v2/orders/{order_id}", 1))

    async def order_by_client_id(self, client_order_id: str) -> Row:
        """One order by our id; reported not to find filled ones (§3.3)."""
        return _object(await self._read(f"/v2/orders/client_order_id/{client_order_id}", 1))

    async def history(self, *, since: int, product_ids: Sequence[int] = ()) -> list[Row]:
        """Closed and cancelled orders since a time in microseconds, newest first, every page."""
        return await self._pages("/v2/orders/history", 10, self._since(since, product_ids))

    async def fills(self, *, since: int, product_ids: Sequence[int] = ()) -> list[Row]:
        """Executions since a time in microseconds, every page."""
        return await self._pages("/v2/fills", 10, self._since(since, product_ids))

    async def expired_products(self, day: date) -> list[Row]:
        """Option products that expired on a UTC day, with their ``settlement_price`` (§2.2), every page."""
        query = [("contract_types", OPTIONS), ("states", "expired"), ("expiry", day.isoformat())]
        query.append(("page_size", str(self.config.products_page_size)))
        return await self._pages("/v2/products", 3, query, signed=False)

    async def transactions(self, *, since: int) -> list[Row]:
        """Wallet entries since a time in microseconds, newest first, every page."""
        return await self._pages("/v2/wallet/transactions", 10, self._since(since, ()))

    async def heartbeat(self, heartbeat_id: str, ttl_ms: int) -> None:
        """Acknowledge the dead-man switch; 0 disables it (§5)."""
        body = {"heartbeat_id": heartbeat_id, "ttl": ttl_ms}
        await self._write("POST", "/v2/heartbeat", body, Priority.STOP, weight=1)

    async def create_heartbeat(self, heartbeat_id: str, underlyings: Sequence[str]) -> None:
        """Create a dead-man switch that cancels the option orders of these underlyings (India only)."""
        body: dict[str, object] = {
            "heartbeat_id": heartbeat_id,
            "impact": "contracts",
            "contract_types": OPTIONS.split(","),
            "underlying_assets": list(underlyings),
            "config": [{"action": "cancel_orders", "unhealthy_count": 1}],
        }
        await self._write("POST", "/v2/heartbeat/create", body, Priority.STOP, weight=1)

    def _since(self, since: int, product_ids: Sequence[int]) -> list[tuple[str, str]]:
        query = [("start_time", str(since)), ("page_size", str(self.config.page_size))]
        if product_ids:
            query.insert(0, ("product_ids", ",".join(map(str, product_ids[:MAX_IDS]))))
        return query

    async def _read(self, path: str, weight: int, query: Query = (), *, signed: bool = True) -> Any:
        return (await self.transport.read(self._get(path, weight, query, signed=signed))).result

    def _get(self, path: str, weight: int, query: Query, *, signed: bool) -> Call:
        priority = Priority.TRUTH if path.startswith(TRUTH) else Priority.READ
        wait = self.config.read_wait_seconds
        return Call("GET", path, weight, query, signed=signed, priority=priority, max_wait=wait)

    async def _pages(self, path: str, weight: int, query: Query, *, signed: bool = True) -> list[Row]:
        """All pages by the ``after`` cursor. Raises rather than give a part: an unread page is not an empty one."""
        rows: list[Row] = []
        cursor: str | None = None
        for _ in range(self.config.max_pages):
            paged = [*query, ("after", cursor)] if cursor else query
            reply = await self.transport.read(self._get(path, weight, paged, signed=signed))
            rows.extend(_rows(reply.result))
            cursor = reply.after
            if cursor is None or not reply.result:
                return rows
        raise DeltaError("bad_body", f"{path} goes on after {self.config.max_pages} pages")

    async def _write(
        self, method: str, path: str, body: Mapping[str, object], priority: Priority, *, weight: int = 5
    ) -> Any:
        call = Call(method, path, weight, body=body, priority=priority, max_wait=self.config.order_wait_seconds)
        return (await self.transport.write(call)).result


def _object(result: Any) -> Row:
    if not isinstance(result, Mapping):
        raise DeltaError("bad_body", f"Expected an object, got {type(result).__name__}")
    return result


def _rows(result: Any) -> list[Row]:
    if not isinstance(result, list) or not all(isinstance(row, Mapping) for row in result):
        raise DeltaError("bad_body", f"Expected a list of objects, got {type(result).__name__}")
    return result
