"""A process between the simulator's public socket and a client, which on request sends a quote that breaches a stop.

``python -m benchmarks.relay PORT UPSTREAM``. Who connects to ``/go`` and sends a symbol has the newest ``ob_l1`` frame
of that symbol sent to every client of ``/public`` at once, with ``FACTOR`` times its ask and the key ``breach``.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import time
from decimal import Decimal
from typing import Any

from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

MARKER = "breach"
FACTOR = 2
MICROS = 1_000_000


class Relay:
    """The newest books, and the clients that hear of them."""

    def __init__(self, upstream: str) -> None:
        self._upstream = upstream
        self._books: dict[str, tuple[float, dict[str, Any]]] = {}
        self._clients: set[ServerConnection] = set()

    async def handle(self, client: ServerConnection) -> None:
        """Serve one connection."""
        with contextlib.suppress(ConnectionClosed):
            if client.request is not None and client.request.path == "/go":
                async for symbol in client:
                    await client.send(await self._breach(str(symbol)))
            else:
                await self._pass_on(client)

    async def _pass_on(self, client: ServerConnection) -> None:
        self._clients.add(client)
        try:
            async with connect(self._upstream, compression=None, proxy=None, user_agent_header="relay") as server:
                up = asyncio.create_task(self._upwards(client, server))
                try:
                    async for text in server:
                        self._note(str(text))
                        await client.send(text)
                finally:
                    up.cancel()
        finally:
            self._clients.discard(client)

    async def _upwards(self, client: ServerConnection, server: Any) -> None:
        with contextlib.suppress(ConnectionClosed):
            async for text in client:
                await server.send(text)
        await server.close()

    def _note(self, text: str) -> None:
        if '"ob_l1"' in text[:40]:
            frame = json.loads(text)
            self._books[frame["sy"]] = (time.monotonic(), frame)

    async def _breach(self, symbol: str) -> str:
        """Send the frame, and say so; nothing while no book of the symbol is known."""
        if symbol not in self._books:
            return ""
        noted, frame = self._books[symbol]
        later = int((time.monotonic() - noted) * MICROS)
        price = str(Decimal(frame["ap"]) * FACTOR)
        text = json.dumps({**frame, "ap": price, "ts": frame["ts"] + later, MARKER: 1}, separators=(",", ":"))
        for client in self._clients:
            await client.send(text)
        return "sent"


async def main(port: int, upstream: str) -> None:
    """Serve until killed."""
    relay = Relay(upstream)
    async with serve(relay.handle, "127.0.0.1", port, compression=None):
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), sys.argv[2]))
