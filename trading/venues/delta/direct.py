"""HTTP/1.1 to the exchange, with the bytes of a request on the wire before anything else is done about it.

A close is sent once or twice in a session, out of cold caches, where every line of code costs several times what it
does in a loop. So a request is one write of bytes put together here; ``h11`` reads the answer, and checks what was
sent, once it has left. Connections are kept alive and shared by reads and orders, so that the reads of a session keep
them open for its close.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from collections.abc import Callable
from typing import Any, Final

import h11
import httpx

SENT: Final = "sent"
"""Extension of a request: what to call when every byte of it has been given to the socket and no answer has come."""
MOST_IDLE: Final = 10
FAREWELL_SECONDS: Final = 1.0
PORTS: Final = {"http": 80, "https": 443}


class Line(asyncio.Protocol):
    """One connection: one request at a time. ``broken`` once it cannot be used again."""

    def __init__(self) -> None:
        self.broken = False
        self.idle_since = 0.0
        self.closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._transport: asyncio.Transport | None = None
        self._request: httpx.Request | None = None
        self._parser = h11.Connection(h11.CLIENT)
        self._answer: asyncio.Future[httpx.Response] | None = None
        self._head: h11.Response | None = None
        self._parts: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Connected."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    async def ask(self, request: httpx.Request, seconds: float | None) -> httpx.Response:
        """Send, and give the answer. Raises httpx.ReadTimeout, ReadError or RemoteProtocolError: then nobody knows what
        became of the request. Raises httpx.LocalProtocolError, with nothing sent, for headers that are none.
        """
        assert self._transport is not None
        body = b"".join([part async for part in request.stream])  # type: ignore[union-attr]
        self._transport.write(_head(request) + body)
        if (sent := request.extensions.get(SENT)) is not None:
            sent()
        answer = self._expect(request, body)
        try:
            async with asyncio.timeout(seconds):
                return await answer
        except TimeoutError:
            raise httpx.ReadTimeout(f"no answer within {seconds} s", request=request) from None

    def _expect(self, request: httpx.Request, body: bytes) -> asyncio.Future[httpx.Response]:
        self._request, self._head, self._parts = request, None, []
        self._answer = answer = asyncio.get_running_loop().create_future()
        self._parser = parser = h11.Connection(h11.CLIENT)
        try:
            parser.send(h11.Request(method=request.method, target=request.url.raw_path, headers=request.headers.raw))
            if body:
                parser.send(h11.Data(data=body))
            parser.send(h11.EndOfMessage())
        except h11.LocalProtocolError as error:
            raise httpx.LocalProtocolError(str(error), request=request) from error
        if self.broken:
            self._fail(httpx.ReadError("the connection was closed"))
        return answer

    def data_received(self, data: bytes) -> None:
        """A part of the answer. What comes unasked makes the connection useless: it would be taken for an answer."""
        if self._answer is None or self._answer.done():
            self.drop()
            return
        self._take_in(data)

    def eof_received(self) -> None:
        """Nothing more will come, which may be how an answer ends."""
        self.broken = True
        if self._answer is not None and not self._answer.done():
            self._take_in(b"")

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone."""
        self.broken = True
        self._fail(httpx.ReadError(str(exc or "the connection was closed")))
        if not self.closed.done():
            self.closed.set_result(None)

    def drop(self) -> None:
        """Close at once; never used again."""
        self.broken = True
        if self._transport is not None:
            self._transport.abort()

    def _take_in(self, data: bytes) -> None:
        try:
            self._parser.receive_data(data)
            while (event := self._parser.next_event()) not in (h11.NEED_DATA, h11.PAUSED):
                match event:
                    case h11.Response():
                        self._head = event
                    case h11.Data():
                        self._parts.append(bytes(event.data))
                    case h11.EndOfMessage():
                        self._finish()
                        return
                    case h11.ConnectionClosed():
                        raise h11.RemoteProtocolError("the connection was closed before an answer")
        except h11.RemoteProtocolError as error:
            self._fail(httpx.RemoteProtocolError(str(error)))

    def _finish(self) -> None:
        parser, head, answer = self._parser, self._head, self._answer
        assert head is not None
        assert answer is not None
        if parser.their_state is not h11.DONE or parser.our_state is not h11.DONE or parser.trailing_data[0]:
            self.broken = True
        body = b"".join(self._parts)
        headers = list(head.headers.raw_items())
        answer.set_result(httpx.Response(head.status_code, headers=headers, content=body, request=self._request))

    def _fail(self, error: httpx.TransportError) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(error)
            self.drop()


class Direct(httpx.AsyncBaseTransport):
    """A pool of kept-alive connections. ``ipv4_only`` since keys are whitelisted by IPv4 address (§1.1); ``tls`` is
    httpx's own trust unless told otherwise.
    """

    def __init__(
        self,
        *,
        ipv4_only: bool = True,
        keepalive_seconds: float = 45.0,
        tls: ssl.SSLContext | None = None,
        mono: Callable[[], float] = time.monotonic,
    ) -> None:
        self._family = socket.AF_INET if ipv4_only else socket.AF_UNSPEC
        self._keepalive = keepalive_seconds
        self._idle: list[tuple[httpx.URL, Line]] = []
        self._closed = False
        self._tls = tls
        self._mono = mono

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """The whole answer to one request, which is sent once.

        Raises httpx.ConnectError, ConnectTimeout or UnsupportedProtocol when nothing was sent; else as ``Line.ask``.
        """
        patience: dict[str, Any] = request.extensions.get("timeout", {})
        line = self._kept(request.url) or await self._open(request, patience.get("connect"))
        try:
            answer = await line.ask(request, patience.get("read"))
        except BaseException:
            line.drop()
            raise
        self._keep(request.url, line)
        return answer

    async def aclose(self) -> None:
        """Close what is idle, and what is busy once it has its answer."""
        self._closed = True
        lines, self._idle = [line for _, line in self._idle], []
        for line in lines:
            line.drop()
        if lines:
            await asyncio.wait([line.closed for line in lines], timeout=FAREWELL_SECONDS)

    def _kept(self, url: httpx.URL) -> Line | None:
        """The connection used last: the one that is most likely still good."""
        now = self._mono()
        for place in range(len(self._idle) - 1, -1, -1):
            where, line = self._idle[place]
            if line.broken or now - line.idle_since > self._keepalive:
                del self._idle[place]
                line.drop()
            elif (where.host, where.port, where.scheme) == (url.host, url.port, url.scheme):
                del self._idle[place]
                return line
        return None

    def _keep(self, url: httpx.URL, line: Line) -> None:
        if self._closed or line.broken or len(self._idle) >= MOST_IDLE:
            line.drop()
            return
        line.idle_since = self._mono()
        self._idle.append((url, line))

    async def _open(self, request: httpx.Request, seconds: float | None) -> Line:
        url = request.url
        if url.scheme not in PORTS:
            raise httpx.UnsupportedProtocol(f"{url.scheme} is not spoken here", request=request)
        tls = self._secured() if url.scheme == "https" else None
        loop, port = asyncio.get_running_loop(), url.port or PORTS[url.scheme]
        try:
            async with asyncio.timeout(seconds):
                _, line = await loop.create_connection(Line, url.host, port, ssl=tls, family=self._family)
        except TimeoutError:
            raise httpx.ConnectTimeout(f"no connection within {seconds} s", request=request) from None
        except OSError as error:
            raise httpx.ConnectError(str(error), request=request) from error
        return line

    def _secured(self) -> ssl.SSLContext:
        if self._tls is None:
            self._tls = httpx.create_ssl_context(trust_env=False)
        return self._tls


def _head(request: httpx.Request) -> bytes:
    lines = [b"%s %s HTTP/1.1" % (request.method.encode(), request.url.raw_path)]
    for name, value in request.headers.raw:
        if b"\n" in value or b"\r" in value:
            raise httpx.LocalProtocolError(f"The header {name.decode('latin-1')} has a line break", request=request)
        lines.append(b"%s: %s" % (name, value))
    return b"\r\n".join([*lines, b"", b""])
