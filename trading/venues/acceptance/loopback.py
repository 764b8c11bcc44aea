"""An ASGI application's HTTP on a port of this machine, served from within the test's own event loop, so that a test
decides when time passes on both ends of the wire.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, MutableMapping
from contextlib import asynccontextmanager
from typing import Any

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

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                await _answer(app, reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(serve(reader, writer))
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
