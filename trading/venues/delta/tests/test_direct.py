"""Requests over connections of our own: sent once and in one piece, answers read whole or named for what they lack."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from trading.venues.delta.direct import SENT, Direct

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
CLOSED = b""
"""In a script: hang up instead of answering."""
Script = list[bytes]


class Host:
    """A server on this machine that answers request after request from a script, whatever is asked."""

    def __init__(self, *script: bytes, hang: bool = False) -> None:
        self.script: Script = list(script)
        self.hang = hang
        self.requests: list[bytes] = []
        self.connections = 0
        self.writers: list[asyncio.StreamWriter] = []
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        self.connections += 1
        self.writers.append(writer)
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
                body = await reader.readexactly(int(length[0].split(b":")[1])) if length else b""
                self.requests.append(head + body)
                if self.hang:
                    continue
                answer = self.script.pop(0) if self.script else OK
                if answer == CLOSED:
                    break
                writer.write(answer)
                if b"Connection: close" in answer or (b"Content-Length" not in answer and b"chunked" not in answer):
                    break
        writer.close()


@asynccontextmanager
async def listening(host: Host, tls: ssl.SSLContext | None = None) -> AsyncIterator[Host]:
    """Serve on a free port; hang up in the end."""
    server = await asyncio.start_server(host.serve, "127.0.0.1", 0, ssl=tls)
    scheme = "http" if tls is None else "https"
    host.url = f"{scheme}://localhost:{server.sockets[0].getsockname()[1]}/v2/orders?a=%20b"
    try:
        yield host
    finally:
        server.close()
        for writer in host.writers:
            writer.close()
            with contextlib.suppress(ConnectionError, ssl.SSLError):
                await writer.wait_closed()


@asynccontextmanager
async def connected(host: Host, **options: object) -> AsyncIterator[Direct]:
    """A transport to the host, closed in the end."""
    direct = Direct(**options)  # type: ignore[arg-type]
    async with listening(host):
        try:
            yield direct
        finally:
            await direct.aclose()


def order(host: Host, **options: object) -> httpx.Request:
    """An order, put together from parts as the venue's client does it."""
    url, body = httpx.URL(host.url), b'{"size":1}'
    headers = [(b"Host", url.netloc), (b"Content-Length", b"%d" % len(body)), (b"api-key", b"k")]
    patience = {"connect": 5.0, "read": 5.0, **options}
    return httpx.Request(
        "POST", url, headers=headers, stream=httpx.ByteStream(body), extensions={"timeout": dict(patience)}
    )


async def failing(direct: Direct, request: httpx.Request) -> httpx.TransportError:
    """What a request that must fail fails with."""
    with pytest.raises(httpx.TransportError) as caught:
        await direct.handle_async_request(request)
    return caught.value


async def until(look: Callable[[], bool]) -> None:
    """Let the loop turn until ``look`` is true."""
    async with asyncio.timeout(5):
        while not look():
            await asyncio.sleep(0)


async def test_a_request_is_what_was_put_together_and_its_connection_is_kept() -> None:
    host = Host()
    async with connected(host) as direct:
        for _ in range(3):
            answer = await direct.handle_async_request(order(host))
            assert (answer.status_code, answer.content) == (200, b"ok")
    netloc = httpx.URL(host.url).netloc
    lines = [b"POST /v2/orders?a=%20b HTTP/1.1", b"Host: " + netloc, b"Content-Length: 10", b"api-key: k", b"", b""]
    assert host.requests == [b"\r\n".join(lines) + b'{"size":1}'] * 3
    assert host.connections == 1


async def test_whoever_wants_to_know_is_told_once_the_bytes_have_left_and_before_any_answer() -> None:
    host, told = Host(), list[int]()
    async with connected(host) as direct:
        request = order(host)
        request.extensions[SENT] = lambda: told.append(len(host.requests))
        await direct.handle_async_request(request)
    assert told == [0]


async def test_two_at_once_have_a_connection_each() -> None:
    host = Host()
    async with connected(host) as direct:
        await asyncio.gather(*(direct.handle_async_request(order(host)) for _ in range(2)))
        await asyncio.gather(*(direct.handle_async_request(order(host)) for _ in range(2)))
    assert (host.connections, len(host.requests)) == (2, 4)


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\nhello world",
        b"HTTP/1.1 200 OK\r\nContent-Length: 11\r\nConnection: close\r\n\r\nhello world",
        b"HTTP/1.1 200 OK\r\n\r\nhello world",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%s"
        % (len(gzip.compress(b"hello world", mtime=0)), gzip.compress(b"hello world", mtime=0)),
    ],
    ids=["in chunks", "after a continue", "with the last word", "up to the end of the connection", "compressed"],
)
async def test_an_answer_is_read_however_it_is_framed(answer: bytes) -> None:
    host = Host(answer)
    async with connected(host) as direct:
        assert (await direct.handle_async_request(order(host))).content == b"hello world"
        assert (await direct.handle_async_request(order(host))).content == b"ok"


@given(st.binary(max_size=3000), st.lists(st.integers(1, 400), max_size=12))
def test_an_answer_is_the_same_in_whatever_pieces_it_comes(body: bytes, cuts: list[int]) -> None:
    async def run() -> None:
        whole = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
        direct, over = Direct(), asyncio.Event()

        async def pieces(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b'{"size":1}')
            rest = whole
            for cut in cuts:
                writer.write(rest[:cut])
                rest = rest[cut:]
                await asyncio.sleep(0)
            writer.write(rest)
            with contextlib.suppress(ConnectionError):
                await reader.read()
            writer.close()
            over.set()

        server = await asyncio.start_server(pieces, "127.0.0.1", 0)
        host = Host()
        host.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        try:
            assert (await direct.handle_async_request(order(host))).content == body
        finally:
            await direct.aclose()
            await over.wait()
            server.close()

    asyncio.run(run())


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (CLOSED, httpx.RemoteProtocolError),
        (b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 9\r\n\r\nhalf", httpx.RemoteProtocolError),
        (b"<html>Connection: close", httpx.RemoteProtocolError),
    ],
    ids=["no answer", "half an answer", "no HTTP"],
)
async def test_a_connection_that_ends_without_an_answer_is_told_and_nothing_is_sent_again(
    answer: bytes, error: type[Exception]
) -> None:
    host = Host(answer)
    async with connected(host) as direct:
        assert isinstance(await failing(direct, order(host)), error)
        assert len(host.requests) == 1
        assert (await direct.handle_async_request(order(host))).content == b"ok"
    assert host.connections == 2


async def test_an_answer_that_does_not_come_is_not_waited_for_and_not_taken_for_the_next_ones() -> None:
    host = Host(hang=True)
    async with connected(host) as direct:
        assert isinstance(await failing(direct, order(host, read=0.01)), httpx.ReadTimeout)
        host.hang = False
        assert (await direct.handle_async_request(order(host))).content == b"ok"
    assert host.connections == 2


async def test_a_transport_that_was_closed_keeps_no_connection_whose_answer_came_afterwards() -> None:
    host = Host(hang=True)
    async with connected(host) as direct:
        asked = asyncio.ensure_future(direct.handle_async_request(order(host)))
        await until(lambda: len(host.requests) == 1)
        await direct.aclose()
        host.writers[0].write(OK)
        assert (await asked).content == b"ok"
        assert direct._idle == []
    assert host.connections == 1


async def test_a_request_that_is_given_up_takes_its_connection_with_it() -> None:
    host = Host(hang=True)
    async with connected(host) as direct:
        asked = asyncio.ensure_future(direct.handle_async_request(order(host)))
        await until(lambda: len(host.requests) == 1)
        asked.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asked
        host.hang = False
        assert (await direct.handle_async_request(order(host))).content == b"ok"
    assert host.connections == 2


@pytest.mark.parametrize("unasked", [b"", b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n"])
async def test_what_comes_unasked_is_never_an_answer(unasked: bytes) -> None:
    host = Host()
    async with connected(host) as direct:
        await direct.handle_async_request(order(host))
        (_, line) = direct._idle[0]
        if unasked:
            host.writers[0].write(unasked)
        else:
            host.writers[0].close()
        await until(lambda: line.broken)
        assert (await direct.handle_async_request(order(host))).status_code == 200
    assert host.connections == 2


async def test_two_answers_to_one_question_end_the_connection() -> None:
    host = Host(OK + b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nother")
    async with connected(host) as direct:
        assert (await direct.handle_async_request(order(host))).content == b"ok"
        assert (await direct.handle_async_request(order(host))).content == b"ok"
    assert host.connections == 2


async def test_a_connection_that_was_idle_for_too_long_is_not_used_again() -> None:
    host, now = Host(), [0.0]
    async with connected(host, keepalive_seconds=45.0, mono=lambda: now[0]) as direct:
        await direct.handle_async_request(order(host))
        now[0] = 44.0
        await direct.handle_async_request(order(host))
        assert host.connections == 1
        now[0] = 90.0
        await direct.handle_async_request(order(host))
    assert host.connections == 2


async def test_nothing_is_sent_where_nobody_listens() -> None:
    host = Host()
    async with listening(host):
        pass
    direct = Direct()
    assert isinstance(await failing(direct, order(host)), httpx.ConnectError)
    host.url = "ftp://localhost/"
    assert isinstance(await failing(direct, order(host)), httpx.UnsupportedProtocol)


async def test_a_header_with_a_line_break_is_not_sent() -> None:
    host = Host()
    async with connected(host) as direct:
        request = order(host)
        request.headers["user-agent"] = "me\r\napi-key: another"
        assert isinstance(await failing(direct, request), httpx.LocalProtocolError)
    assert host.requests == []


def certified(folder: Path) -> ssl.SSLContext:
    """A server's context with a certificate for localhost that only who has ``folder``'s file trusts."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "host.pem").write_bytes(
        made.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "host.pem")
    return context


async def test_an_encrypted_connection_is_used_as_any_other(tmp_path: Path) -> None:
    host, server = Host(), certified(tmp_path)
    async with listening(host, server):
        direct = Direct(tls=ssl.create_default_context(cafile=str(tmp_path / "host.pem")))
        for _ in range(2):
            assert (await direct.handle_async_request(order(host))).content == b"ok"
        await direct.aclose()
    assert (host.connections, len(host.requests)) == (1, 2)


async def test_nothing_is_sent_to_a_host_that_is_not_trusted(tmp_path: Path) -> None:
    host = Host()
    async with listening(host, certified(tmp_path)):
        assert isinstance(await failing(Direct(), order(host)), httpx.ConnectError)
    assert host.requests == []
