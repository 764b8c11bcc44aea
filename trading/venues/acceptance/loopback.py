"""An ASGI application's HTTP and WebSockets on ports of this machine, served from within the caller's own event
loop, which decides when time passes on both ends of the wire.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, MutableMapping
from contextlib import asynccontextmanager
from typing import Any

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from trading.venues.delta_server.app import DeltaApp

Message = MutableMapping[str, Any]


class Exchange:
    """One request and its answer on a kept-alive connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, body: bytes) -> None:
        self._reader = reader
        self._writer = writer
        self._body: bytes | None = body

    async def receive(self) -> Message:
        """The body, once; then nothing until the other side is gone."""
        if self._body is not None:
            body, self._body = self._body, None
            return {"type": "http.request", "body": body, "more_body": False}
        await self._reader.read(1)
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        """Write the head or the body of the answer."""
        if message["type"] == "http.response.start":
            lines = [b"HTTP/1.1 %d -" % message["status"], *(b": ".join(pair) for pair in message["headers"])]
            self._writer.write(b"\r\n".join(lines) + b"\r\n\r\n")
        else:
            self._writer.write(message["body"])


async def _answer(app: DeltaApp, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    head, *lines = (await reader.readuntil(b"\r\n\r\n"))[:-4].split(b"\r\n")
    method, target, _ = head.split(b" ", 2)
    path, _, query = target.partition(b"?")
    headers = [(name.strip().lower(), value.strip()) for name, _, value in (line.partition(b":") for line in lines)]
    body = await reader.readexactly(int(dict(headers).get(b"content-length", b"0")))
    exchange = Exchange(reader, writer, body)
    scope = {
        "type": "http",
        "method": method.decode(),
        "path": path.decode(),
        "raw_path": path,
        "query_string": query,
        "headers": headers,
        "client": ("127.0.0.1", 40_000),
    }
    await app(scope, exchange.receive, exchange.send)
    await writer.drain()


@asynccontextmanager
async def http(app: DeltaApp) -> AsyncIterator[str]:
    """Serve the application's HTTP; gives its base URL."""
    connections: set[asyncio.Task[None]] = set()

    async def keep_alive(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                await _answer(app, reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the client is gone
        finally:
            writer.close()  # also when the application failed: a client that waits for its answer hears of it

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(keep_alive(reader, writer))
        connections.add(task)
        task.add_done_callback(connections.discard)

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for task in list(connections):
            task.cancel()
        await asyncio.gather(*connections, return_exceptions=True)


@asynccontextmanager
async def sockets(app: DeltaApp) -> AsyncIterator[str]:
    """The application's WebSockets on a port of this machine; gives its base URL."""

    async def handle(connection: ServerConnection) -> None:
        inbox: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        inbox.put_nowait({"type": "websocket.connect"})

        async def send(message: Any) -> None:
            try:
                if message["type"] == "websocket.send":
                    await connection.send(message["text"])
                elif message["type"] == "websocket.close":
                    await connection.close(message.get("code") or 1000)
            except ConnectionClosed:
                pass  # the client is gone, which the application hears of as a disconnect

        listening = asyncio.create_task(_listen(connection, inbox))
        path = connection.request.path if connection.request is not None else ""
        scope = {"type": "websocket", "path": path, "headers": [], "client": ["127.0.0.1", 5]}
        await app(scope, inbox.get, send)
        await asyncio.gather(listening, return_exceptions=True)

    async with serve(handle, "127.0.0.1", 0, ping_interval=None, compression=None, close_timeout=1) as running:
        host, port = next(iter(running.sockets)).getsockname()[:2]
        yield f"ws://{host}:{port}"


async def _listen(connection: ServerConnection, inbox: asyncio.Queue[dict[str, Any]]) -> None:
    try:
        async for text in connection:
            inbox.put_nowait({"type": "websocket.receive", "text": text})
    except ConnectionClosed:
        pass  # broken rather than closed: the same disconnect
    finally:
        inbox.put_nowait({"type": "websocket.disconnect"})
