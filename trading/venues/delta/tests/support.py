"""For tests: time that moves when told, an exchange that answers from a script, a socket that says what it is told."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import httpx
from websockets.asyncio.server import ServerConnection, serve

from trading.strategy.types import OptionType, OrderIntent, OrderType, Purpose, Side, TimeInForce
from trading.venues.delta.config import DeltaConfig
from trading.venues.delta.stream import Waits

KEY, SECRET = "test-key-4711", "test-secret-0815"
WALL = 1_788_543_686.0
"""Unix seconds of 2026-09-04 17:41:26Z, when the spec's examples were captured."""
MICROS = int(WALL * 1_000_000)
PUT, CALL = "P-BTC-83200-050926", "C-BTC-84800-050926"
PUT_ID, CALL_ID = 151043, 151044
Answer = httpx.Response | Exception
Script = Answer | Callable[[httpx.Request], Answer]


@dataclass
class ManualTime:
    """Monotonic and wall seconds that only ``sleep`` and ``advance`` move."""

    elapsed: float = 0.0
    slept: list[float] = field(default_factory=list)

    def mono(self) -> float:
        return 1000.0 + self.elapsed

    def wall(self) -> float:
        return WALL + self.elapsed

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.elapsed += seconds
        await asyncio.sleep(0)

    def advance(self, seconds: float) -> None:
        self.elapsed += seconds

    @property
    def waits(self) -> Waits:
        return Waits(self.mono, self.sleep, lambda: 0.5)


def config(**changes: Any) -> DeltaConfig:
    """A connection to nowhere, with keys."""
    urls = {
        "rest_url": "https://rest.test",
        "ws_private_url": "ws://127.0.0.1:9",
        "ws_public_url": "ws://127.0.0.1:9",
    }
    return DeltaConfig(**{"environment": "custom", "api_key": KEY, "api_secret": SECRET, **urls, **changes})


def good(result: Any, after: str | None = None) -> httpx.Response:
    """A good answer in the exchange's envelope."""
    return httpx.Response(200, json={"success": True, "result": result, "meta": {"after": after, "before": None}})


def bad(code: str, status: int = 400, **context: Any) -> httpx.Response:
    """A refusal in the exchange's envelope."""
    return httpx.Response(status, json={"success": False, "error": {"code": code, "context": context}})


class Exchange:
    """Answers REST requests by method and path. The last answer of a script stays; what is not scripted is a 404."""

    def __init__(self) -> None:
        self.requests: list[httpx.Request] = []
        self._scripts: dict[str, deque[Script]] = {}
        self.on("GET /v2/settings", good({"server_time": MICROS}))

    def on(self, route: str, *answers: Script) -> None:
        """What ``METHOD /path`` answers, one after the other."""
        self._scripts[route] = deque(answers)

    def asked(self, route: str) -> list[httpx.Request]:
        """The requests to a route, oldest first."""
        return [request for request in self.requests if f"{request.method} {request.url.path}" == route]

    def sent(self, route: str) -> list[dict[str, Any]]:
        """The JSON bodies sent to a route."""
        return [json.loads(request.content) for request in self.asked(route)]

    @property
    def transport(self) -> httpx.MockTransport:
        return httpx.MockTransport(self._answer)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answers = self._scripts.get(f"{request.method} {request.url.path}")
        if not answers:
            return bad("open_order_not_found", 404)
        script = answers.popleft() if len(answers) > 1 else answers[0]
        answer = script if isinstance(script, httpx.Response | Exception) else script(request)
        if isinstance(answer, Exception):
            raise answer
        return httpx.Response(answer.status_code, headers=answer.headers, content=answer.content)


class Socket:
    """A WebSocket server of one test: acknowledges, authenticates, and sends what the test puts in."""

    def __init__(self) -> None:
        self.url = ""
        self.received: list[dict[str, Any]] = []
        self.connections: list[ServerConnection] = []
        self.refuse: dict[str, str] = {}
        self.silent = False
        self.auth: dict[str, Any] = {"type": "key-auth", "success": True, "status_code": 200, "status": "authenticated"}
        self._changed = asyncio.Condition()

    async def handle(self, connection: ServerConnection) -> None:
        self.connections.append(connection)
        async for text in connection:
            message = json.loads(text)
            async with self._changed:
                self.received.append(message)
                self._changed.notify_all()
            if not self.silent and (reply := self._reply(message)) is not None:
                await connection.send(json.dumps(reply))

    def _reply(self, message: Mapping[str, Any]) -> dict[str, Any] | None:
        match message["type"]:
            case "key-auth" | "auth":
                return self.auth
            case "subscribe":
                channels = message["payload"]["channels"]
                return {"type": "subscriptions", "channels": [self._ack(channel) for channel in channels]}
            case "ping":
                return {"type": "pong"}
        return None

    def _ack(self, channel: Mapping[str, Any]) -> dict[str, Any]:
        name = channel["name"]
        return {"name": name, "error": self.refuse[name]} if name in self.refuse else dict(channel)

    async def push(self, *frames: Mapping[str, Any] | str) -> None:
        """Send frames on the newest connection."""
        for frame in frames:
            await self.connections[-1].send(frame if isinstance(frame, str) else json.dumps(frame))

    async def drop(self) -> None:
        """Close the newest connection."""
        await self.connections[-1].close()

    async def heard(self, kind: str, times: int = 1) -> list[dict[str, Any]]:
        """Wait until so many messages of a type arrived."""

        def found() -> list[dict[str, Any]]:
            return [message for message in self.received if message["type"] == kind]

        async with asyncio.timeout(5), self._changed:
            await self._changed.wait_for(lambda: len(found()) >= times)
        return found()


@asynccontextmanager
async def socket() -> AsyncIterator[Socket]:
    """A running socket server."""
    server = Socket()
    async with serve(server.handle, "127.0.0.1", 0) as running:
        host, port = next(iter(running.sockets)).getsockname()[:2]
        server.url = f"ws://{host}:{port}"
        yield server


async def until(condition: Callable[[], object]) -> None:
    """Let the loop run until a condition holds."""
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.001)


def product(symbol: str = PUT, product_id: int = PUT_ID, **changes: Any) -> dict[str, Any]:
    """A product row as captured live (§2.2), trimmed."""
    kind = "put_options" if symbol.startswith("P") else "call_options"
    return {
        "id": product_id,
        "symbol": symbol,
        "contract_type": kind,
        "state": "live",
        "is_quanto": False,
        "trading_status": "operational",
        "strike_price": symbol.split("-")[2],
        "notional_type": "vanilla",
        "settlement_time": "2026-09-05T12:00:00Z",
        "contract_value": "0.001",
        "tick_size": "0.1",
        "maker_commission_rate": "0.0001",
        "taker_commission_rate": "0.0001",
        "price_band": "2",
        "product_specs": {"premium_commission_rate": 0.035, "only_reduce_only_orders_allowed": False},
        "underlying_asset": {"id": 13, "symbol": "BTC"},
        "spot_index": {"id": 14, "symbol": ".DEXBTUSD", "tick_size": "0.5"},
        **changes,
    }


PRODUCTS = [product(), product(CALL, CALL_ID)]


def ticker(symbol: str = PUT, **changes: Any) -> dict[str, Any]:
    """A ticker row as captured live (§2.3), trimmed."""
    kind = "put_options" if symbol.startswith("P") else "call_options"
    return {
        "symbol": symbol,
        "contract_type": kind,
        "underlying_asset_symbol": "BTC",
        "spot_price": "83528.1",
        "mark_price": "392.81008713",
        "mark_vol": "0.42445466",
        "oi_contracts": "1014",
        "timestamp": MICROS,
        "greeks": {"delta": "-0.16426413", "gamma": "0.00001532", "theta": "-23.86", "vega": "94.28", "rho": "27.02"},
        "quotes": {"best_bid": "391", "bid_size": "6501", "best_ask": "394.5", "ask_size": "4427", "mark_iv": "0.4245"},
        "price_band": {"lower_limit": "50.01", "upper_limit": "1644.08"},
        **changes,
    }


def l1(symbol: str = PUT, **changes: Any) -> dict[str, Any]:
    """A frame of ``ob_l1``."""
    book = {"ap": "394.5", "as": "4427", "bp": "391", "bs": "6501", "lts": MICROS, "ts": MICROS}
    return {"type": "ob_l1", "sy": symbol, **book, **changes}


def order_row(client_order_id: str | None = "ds1-PE-e1", **changes: Any) -> dict[str, Any]:
    """An order as the exchange answers it (§3.1), trimmed."""
    return {
        "id": 34521712,
        "product_id": PUT_ID,
        "product_symbol": PUT,
        "side": "sell",
        "order_type": "limit_order",
        "limit_price": "391.0",
        "size": 10,
        "unfilled_size": 10,
        "average_fill_price": None,
        "state": "open",
        "client_order_id": client_order_id,
        "cancellation_reason": None,
        "created_at": "2026-09-04T17:41:25.783638Z",
        **changes,
    }


def fill_row(**changes: Any) -> dict[str, Any]:
    """A row of ``/v2/fills`` (§3.6)."""
    return {
        "id": "a1b2c3d4e5",
        "order_id": "34521712",
        "product_id": PUT_ID,
        "product_symbol": PUT,
        "side": "sell",
        "size": 10,
        "price": "391",
        "role": "maker",
        "fill_type": "normal",
        "commission": "0.0753148",
        "created_at": "2026-09-04T17:41:26.1Z",
        **changes,
    }


def trade_frame(**changes: Any) -> dict[str, Any]:
    """A frame of ``v2/user_trades`` (§7.3)."""
    return {
        "type": "v2/user_trades",
        "sy": PUT,
        "f": "a1b2c3d4e5",
        "R": "normal",
        "u": 57354187,
        "o": 34521712,
        "S": "sell",
        "s": 10,
        "p": "391",
        "po": -10,
        "r": "maker",
        "c": "ds1-PE-e1",
        "t": MICROS,
        "se": 4,
        **changes,
    }


def intent(purpose: Purpose = Purpose.ENTRY, **changes: Any) -> OrderIntent:
    """An order of the strategy: the put sold, or bought back."""
    entry = purpose is Purpose.ENTRY
    values: dict[str, Any] = {
        "client_order_id": f"ds1-PE-{purpose.code}1",
        "leg": OptionType.PUT,
        "purpose": purpose,
        "attempt": 1,
        "symbol": PUT,
        "product_id": PUT_ID,
        "side": Side.SELL if entry else Side.BUY,
        "size": 10,
        "order_type": OrderType.LIMIT,
        "time_in_force": TimeInForce.GTC if entry else TimeInForce.IOC,
        "limit_price": Decimal("391.0"),
        "reduce_only": not entry,
    }
    return OrderIntent(**{**values, **changes})
