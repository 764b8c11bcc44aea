"""Loops with no engine in them: read the frame, decode the JSON, sign, send."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import httpx
from tqdm import tqdm
from websockets.asyncio.client import ClientConnection, connect

from benchmarks.relay import MARKER
from benchmarks.stamps import Stamped, Stamps
from trading.venues.delta.signing import Signer

PATH = "/v2/orders"
Send = Callable[[bytes, dict[str, str]], Awaitable[None]]
Breach = Callable[[str], Awaitable[bool]]


def order_of(frame: dict[str, object], product_id: int) -> bytes:
    """A closing order such as the engine sends."""
    order = {
        "product_id": product_id,
        "size": 10,
        "side": "buy",
        "order_type": "limit_order",
        "time_in_force": "ioc",
        "reduce_only": True,
        "client_order_id": "floor-0000000000000-CE-x1",
        "limit_price": frame["ap"],
    }
    return json.dumps(order, separators=(",", ":")).encode()


@asynccontextmanager
async def over_httpx(url: str, stamps: Stamps) -> AsyncIterator[Send]:
    """httpx as it comes, kept alive."""
    async with httpx.AsyncClient(transport=Stamped(stamps), headers={"User-Agent": "floor"}) as client:

        async def send(body: bytes, headers: dict[str, str]) -> None:
            await client.post(url + PATH, content=body, headers=headers)

        yield send


@asynccontextmanager
async def over_a_socket(url: str, stamps: Stamps) -> AsyncIterator[Send]:
    """A raw socket, kept alive."""
    host = urlsplit(url)
    reader, writer = await asyncio.open_connection(host.hostname, host.port)

    async def send(body: bytes, headers: dict[str, str]) -> None:
        given = {"Host": host.netloc, "User-Agent": "floor", "Content-Length": str(len(body)), **headers}
        head = "".join(f"{name}: {value}\r\n" for name, value in given.items())
        writer.write(f"POST {PATH} HTTP/1.1\r\n{head}\r\n".encode() + body)
        stamps.sent.append(time.perf_counter())
        answer = await reader.readuntil(b"\r\n\r\n")
        length = next(line for line in answer.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        await reader.readexactly(int(length.split(b":")[1]))

    try:
        yield send
    finally:
        writer.close()


async def react(stream: ClientConnection, signer: Signer, product_id: int, send: Send) -> None:
    """One turn of the loop, once the breaching frame is there."""
    while True:
        frame = json.loads(await stream.recv())
        if MARKER in frame:
            break
    body = order_of(frame, product_id)
    headers = {"Content-Type": "application/json", **signer.headers("POST", int(time.time()), PATH, body)}
    await send(body, headers)


async def floor(
    name: str,
    stamps: Stamps,
    *,
    public: str,
    signer: Signer,
    leg: tuple[str, int],
    send: Send,
    breach: Breach,
    count: int,
) -> list[float]:
    """Seconds from arrival to last byte, ``count`` times."""
    symbol, product_id = leg
    taken: list[float] = []
    async with connect(public, compression=None, proxy=None) as stream:
        channels = [{"name": "ob_l1", "symbols": [symbol]}]
        await stream.send(json.dumps({"type": "subscribe", "payload": {"channels": channels}}))
        for number in tqdm(range(count + 5), desc=name):
            turn = asyncio.create_task(react(stream, signer, product_id, send))
            while not await breach(symbol):
                await asyncio.sleep(0.05)
            await turn
            if number >= 5:
                taken.append(stamps.sent[0] - stamps.arrived)
            await asyncio.sleep(0.15)
    return taken
