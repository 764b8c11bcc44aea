"""Parts that the wire's tests share: a server under clocks that only tests move, a signing client, a socket."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import httpx

from trading.strategy.types import Instrument, OptionType
from trading.venues.delta_server.app import DeltaApp
from trading.venues.delta_server.clock import WallClocks
from trading.venues.delta_server.config import ServerConfig
from trading.venues.delta_server.server import DeltaServer
from trading.venues.delta_server.signing import signature
from trading.venues.simulated.clock import ManualClock
from trading.venues.simulated.config import SimulatedConfig
from trading.venues.simulated.exchange import SimulatedExchange
from trading.venues.simulated.tests.support import SEED, SHARED_MARKET, START, option

KEY, SECRET = "test-key", "test-secret"
WALL = 1_790_000_000.0
AGENT = "delta-strangle-tests"
Json = dict[str, Any]


@dataclass
class Time:
    """Wall and monotonic seconds that move together when told to."""

    wall: float = WALL
    mono: float = 100.0

    def pass_(self, seconds: float) -> None:
        """Let wall time pass."""
        self.wall += seconds
        self.mono += seconds


@dataclass
class Bench:
    """A server in memory with a call and a put of the nearest expiry to trade."""

    time: Time
    clock: ManualClock
    exchange: SimulatedExchange
    app: DeltaApp
    call: Instrument
    put: Instrument
    slept: list[float] = field(default_factory=list)

    @property
    def server(self) -> DeltaServer:
        """The server behind the application."""
        return self.app.server

    def quote(self, item: Instrument) -> tuple[Decimal, Decimal]:
        """Bid and ask now."""
        found = self.exchange.quote(item.symbol)
        assert found is not None
        assert found.bid is not None
        assert found.ask is not None
        return found.bid, found.ask

    def advance(self, seconds: float) -> None:
        """Let venue and wall time pass together."""
        self.clock.advance(seconds)
        self.time.pass_(seconds)

    def client(self) -> httpx.AsyncClient:
        """An HTTP client in front of the application, without a network."""
        transport = httpx.ASGITransport(app=self.app, client=("127.0.0.1", 40_000))
        return httpx.AsyncClient(transport=transport, base_url="http://exchange", headers={"User-Agent": AGENT})

    async def send(self, method: str, path: str, query: str = "", body: Json | None = None) -> httpx.Response:
        """A signed request."""
        text = "" if body is None else json.dumps(body, separators=(",", ":"))
        headers = signed(method, path + query, text, self.time.wall)
        async with self.client() as client:
            return await client.request(method, path + query, content=text.encode(), headers=headers)

    async def result(self, method: str, path: str, query: str = "", body: Json | None = None) -> Any:
        """The ``result`` of a signed request that must succeed."""
        response = await self.send(method, path, query, body)
        assert response.status_code == 200, response.text
        answer = response.json()
        assert answer["success"] is True
        return answer["result"]

    async def code(self, method: str, path: str, query: str = "", body: Json | None = None) -> str:
        """The error code of a signed request that must fail."""
        response = await self.send(method, path, query, body)
        assert response.status_code >= 400, response.text
        answer = response.json()
        assert answer["success"] is False
        return str(answer["error"]["code"])

    async def read(self, path: str) -> Any:
        """The ``result`` of an unsigned read."""
        async with self.client() as client:
            response = await client.get(path)
        assert response.status_code == 200, response.text
        return response.json()["result"]

    async def limit(self, item: Instrument, side: str, size: int, price: Decimal | str, **more: Any) -> Any:
        """Place a limit order."""
        body = {"product_id": item.product_id, "size": size, "side": side, "order_type": "limit_order"}
        return await self.result("POST", "/v2/orders", body={**body, "limit_price": str(price), **more})

    async def market(self, item: Instrument, side: str, size: int, **more: Any) -> Any:
        """Place a market order."""
        body = {"product_id": item.product_id, "size": size, "side": side, "order_type": "market_order", **more}
        return await self.result("POST", "/v2/orders", body=body)


def signed(method: str, path: str, body: str, wall: float, *, key: str = KEY, secret: str = SECRET) -> dict[str, str]:
    """The headers of a signed request."""
    timestamp = str(int(wall))
    return {
        "api-key": key,
        "timestamp": timestamp,
        "signature": signature(secret, f"{method}{timestamp}{path}{body}".encode()),
        "Content-Type": "application/json",
    }


def make_bench(*, balance: str = "10000", config: ServerConfig | None = None) -> Bench:
    """A fresh account behind the wire."""
    time, clock = Time(), ManualClock(START)
    exchange = SimulatedExchange(
        SimulatedConfig(seed=SEED, start=START, balance=Decimal(balance)), clock, market=SHARED_MARKET
    )
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    server = DeltaServer(
        exchange,
        config or ServerConfig(api_key=KEY, api_secret=SECRET),
        clocks=WallClocks(lambda: time.wall, lambda: time.mono),
        sleep=sleep,
    )
    call = option(exchange, OptionType.CALL, 0.15).instrument
    put = option(exchange, OptionType.PUT, 0.15).instrument
    return Bench(time, clock, exchange, DeltaApp(server, pump=False), call, put, slept)


class Socket:
    """A WebSocket client of the application, without a network. Use as an async context manager."""

    def __init__(self, bench: Bench, path: str) -> None:
        self._bench = bench
        self._path = path
        self._to_app: asyncio.Queue[Json] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None
        self.frames: list[Json] = []
        self.accepted: bool | None = None
        self.close_code: int | None = None

    async def __aenter__(self) -> Socket:
        scope = {"type": "websocket", "path": self._path, "headers": [], "client": ["127.0.0.1", 5]}
        self._to_app.put_nowait({"type": "websocket.connect"})
        self._task = asyncio.ensure_future(self._bench.app(scope, self._to_app.get, self._send))
        await self.settle()
        return self

    async def __aexit__(self, *ignored: object) -> None:
        self._to_app.put_nowait({"type": "websocket.disconnect"})
        assert self._task is not None
        await self._task

    async def _send(self, message: Any) -> None:
        if message["type"] == "websocket.send":
            self.frames.append(json.loads(message["text"]))
        elif message["type"] == "websocket.accept":
            self.accepted = True
        else:
            self.accepted = bool(self.accepted)
            self.close_code = message["code"]

    async def settle(self) -> None:
        """Let everything that is ready run."""
        for _ in range(20):
            await asyncio.sleep(0)

    async def say(self, message: Json | str) -> None:
        """Send a message and let the server act."""
        text = message if isinstance(message, str) else json.dumps(message)
        self._to_app.put_nowait({"type": "websocket.receive", "text": text})
        await self.settle()

    async def subscribe(self, name: str, *symbols: str) -> Json:
        """Subscribe to a channel and return its entry in the acknowledgement."""
        channel: Json = {"name": name, "symbols": list(symbols)} if symbols else {"name": name}
        await self.say({"type": "subscribe", "payload": {"channels": [channel]}})
        (entry,) = self.of("subscriptions")[-1]["channels"]
        assert isinstance(entry, dict)
        return entry

    async def log_in(self, *, secret: str = SECRET) -> Json:
        """Authenticate and return the answer."""
        timestamp = str(int(self._bench.time.wall))
        payload = {
            "api-key": KEY,
            "timestamp": timestamp,
            "signature": signature(secret, f"GET{timestamp}/live".encode()),
        }
        await self.say({"type": "key-auth", "payload": payload})
        return self.of("key-auth")[-1]

    async def step(self, seconds: float = 0.0) -> None:
        """Let time pass, have the server look around once, and hear what it says."""
        self._bench.advance(seconds)
        self._bench.app.hub.step()
        await self.settle()

    def of(self, kind: str) -> list[Json]:
        """The frames of one type so far."""
        return [frame for frame in self.frames if frame["type"] == kind]

    def take(self, kind: str) -> list[Json]:
        """The frames of one type so far, which are then forgotten."""
        found = self.of(kind)
        self.frames = [frame for frame in self.frames if frame["type"] != kind]
        return found


def symbols_of(rows: list[Json]) -> Iterator[str]:
    """The symbols in rows of products or tickers."""
    return (str(row["symbol"]) for row in rows)
