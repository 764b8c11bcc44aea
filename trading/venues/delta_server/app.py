"""The ASGI application: REST, sockets and control behind one address."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from trading.venues.delta_server.control import Control
from trading.venues.delta_server.door import Door, Hang
from trading.venues.delta_server.hub import Hub
from trading.venues.delta_server.server import DeltaServer
from trading.venues.delta_server.sockets import serve_socket
from trading.venues.delta_server.wire import Request, Response, failure, html

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
MAX_BODY = 1_000_000
GOODBYE = 1000
FAREWELL_SECONDS = 0.3


class DeltaApp:
    """``await app(scope, receive, send)``. With ``pump`` False nothing moves by itself: a test calls ``hub.step()``."""

    def __init__(self, server: DeltaServer, *, pump: bool = True) -> None:
        self.server = server
        self.hub = Hub(server)
        self.door = Door(server)
        self.control = Control(server, self.hub)
        self._pumps = pump
        self._pump: asyncio.Task[None] | None = None
        self._connections: set[asyncio.Task[Any]] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
            return
        self._start()
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            if scope["type"] == "websocket":
                await serve_socket(self.server, self.hub, scope, receive, send)
            else:
                await self._http(scope, receive, send)
        finally:
            self._connections.discard(task)

    def _start(self) -> None:
        if self._pumps and (self._pump is None or self._pump.done()):
            self._pump = asyncio.get_running_loop().create_task(self.hub.run())

    async def close(self) -> None:
        """Say goodbye to everybody, stop the streams and let go of the account's file."""
        self._pumps = False
        self.hub.drop(self.hub.sessions, GOODBYE)
        if self._connections:
            await asyncio.wait(self._connections, timeout=FAREWELL_SECONDS)
        running = [*self._connections, *([self._pump] if self._pump else [])]
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        self.server.exchange.close()

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                await send({"type": "lifespan.startup.complete"})
            else:
                await self.close()
                await send({"type": "lifespan.shutdown.complete"})
                return

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = await read_body(receive)
        if body is None:
            await respond(send, failure(413, "bad_schema"))
            return
        request = request_of(scope, body)
        started = time.perf_counter()
        try:
            if request.path.startswith("/_control"):
                response = await self.control.answer(request)
            else:
                response = await self.door.answer(request)
                self.hub.pump_private()
        except Hang as hang:
            self.hub.pump_private()
            response = await self._hang(hang.seconds, receive)
        await respond(send, response, elapsed=time.perf_counter() - started)

    async def _hang(self, seconds: float, receive: Receive) -> Response:
        """Keep the caller waiting until it leaves or ``seconds`` passed."""
        gone = asyncio.ensure_future(left(receive))
        waited = asyncio.ensure_future(self.server.sleep(seconds))
        try:
            await asyncio.wait({gone, waited}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            gone.cancel()
            waited.cancel()
        return html(504, "The origin did not answer in time.")


async def left(receive: Receive) -> None:
    """Return once the other side is gone."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def read_body(receive: Receive) -> bytes | None:
    """The whole body; None when it is unreasonably long."""
    parts, size = [], 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return b""
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > MAX_BODY:
            return None
        if not message.get("more_body"):
            return b"".join(parts)


def request_of(scope: Scope, body: bytes) -> Request:
    """The request with its path and query as they were on the wire."""
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
    raw_path: bytes = scope.get("raw_path") or scope["path"].encode()
    return Request(
        method=scope["method"],
        raw_path=raw_path.split(b"?", 1)[0],
        query=scope.get("query_string", b""),
        headers=headers,
        body=body,
        client=client_of(scope),
    )


def client_of(scope: Scope) -> str:
    """The address of the other side."""
    client = scope.get("client")
    return str(client[0]) if client else "127.0.0.1"


async def respond(send: Send, response: Response, *, elapsed: float = 0.0) -> None:
    """Send an answer. ``elapsed`` seconds are told in a header, for benchmarks."""
    headers = {
        "content-type": response.content_type,
        "content-length": str(len(response.body)),
        "x-elapsed-ms": f"{elapsed * 1000:.2f}",
        **response.headers,
    }
    encoded = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": response.status, "headers": encoded})
    await send({"type": "http.response.body", "body": response.body})
