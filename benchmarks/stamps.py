"""When a frame came in and when an order's last byte went out, in seconds of ``time.perf_counter``."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx
from websockets.asyncio.connection import Connection

from benchmarks.relay import MARKER
from trading.venues.delta.direct import SENT, Direct


@dataclass
class Stamps:
    """The newest breach's arrival, and the last bytes of the orders sent since."""

    arrived: float = 0.0
    sent: list[float] = field(default_factory=list)

    def watch_sockets(self) -> None:
        """Stamp the breaching frame when its bytes come from the loop, before anything decodes them."""
        original = Connection.data_received
        marker = f'"{MARKER}"'.encode()

        def stamped(connection: Connection, data: bytes) -> None:
            if marker in data:
                self.arrived, self.sent = time.perf_counter(), []
            original(connection, data)

        Connection.data_received = stamped  # type: ignore[method-assign, assignment]

    async def _trace(self, name: str, _info: Any) -> None:
        if name == "http11.send_request_body.complete":
            self.sent.append(time.perf_counter())

    def note(self, request: httpx.Request) -> None:
        """Have the last byte of this request stamped if it is an order."""
        if request.method == "POST":
            request.extensions["trace"] = self._trace

    def sent_now(self) -> None:
        """An order's last byte has left."""
        self.sent.append(time.perf_counter())


class Stamped(httpx.AsyncHTTPTransport):
    """httpx's own transport, with stamps: what a floor sends through."""

    def __init__(self, stamps: Stamps) -> None:
        limits = httpx.Limits(max_keepalive_connections=10, keepalive_expiry=45.0)
        super().__init__(local_address="0.0.0.0", limits=limits)
        self._stamps = stamps

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send."""
        self._stamps.note(request)
        return await super().handle_async_request(request)


class StampedDirect(Direct):
    """The venue's transport, with stamps."""

    def __init__(self, stamps: Stamps) -> None:
        super().__init__()
        self._stamps = stamps

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send."""
        if request.method == "POST":
            request.extensions[SENT] = self._stamps.sent_now
        return await super().handle_async_request(request)


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that ``share`` (0 to 1) of the values do not exceed."""
    ordered = sorted(values)
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)]
