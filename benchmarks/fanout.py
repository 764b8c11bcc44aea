"""From the worker's announcement to every script that listens: runtime sockets of one web process.

``python -m benchmarks.fanout [--sockets 500] [--seconds 60] [--rate 4]``: see README.md. Needs Redis at
``TEST_REDIS_URL`` (redis://127.0.0.1:6379/9 unless set).
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import re
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx
from tqdm import tqdm
from websockets.asyncio.client import ClientConnection, connect

from benchmarks.stamps import percentile
from benchmarks.tick_to_order import free_port, prepare, process

STAMP = re.compile(r'"stamp":([0-9.]+)')
OPENING_AT_ONCE = 50


@dataclass
class Reader:
    """What one socket heard: seconds from announcement to arrival, and whether each picture built on the one before."""

    taken: list[float] = field(default_factory=list)
    heard: list[int] = field(default_factory=list)
    size: int = 0
    broken: int = 0

    def note(self, text: str, arrived: float, last: int) -> int:
        """Take a message in; returns the sequence number it brought the picture to."""
        kind, sequence, previous = _head(text)
        stamp = STAMP.search(text)
        if stamp and kind == "update":
            self.taken.append(arrived - float(stamp[1]))
            self.heard.append(sequence)
            self.size += len(text)
            self.broken += previous != last
        return sequence


def _head(text: str) -> tuple[str, int, int | None]:
    """Kind, sequence and previous sequence from the beginning of a message."""
    kind = text[9 : text.index('"', 9)]
    sequence = text.partition('"sequence":')[2].partition(",")[0]
    previous = text.partition('"previous":')[2].partition(",")[0]
    return kind, int(sequence or 0), int(previous) if previous.isdecimal() else None


async def listen(connection: ClientConnection, reader: Reader, last: int) -> None:
    """Read until closed."""
    async for text in connection:
        last = reader.note(str(text), time.monotonic(), last)


def picture(base: dict[str, Any], number: int, chance: random.Random) -> dict[str, Any]:
    """The next picture of a live session: quotes, totals, rules, payoff and clocks differ, as they do."""
    spot = round(79_400 + chance.gauss(0, 40), 1)
    legs = [{**leg, "mark_price": round(150 + chance.random(), 2)} for leg in base["positions"]]
    rules = [{**rule, "value": round(chance.random(), 4)} for rule in base["rules"]]
    now = [round(value + chance.random(), 4) for value in base["payoff"]["now"]]
    return {
        **base,
        "generated_at": f"2026-09-04T05:41:{number % 60:02}Z",
        "positions": legs,
        "rules": rules,
        "totals": {**base["totals"], "net": round(14 + chance.random(), 4)},
        "spot": {**base["spot"], "last": spot},
        "payoff": {**base["payoff"], "now": now},
        "stamp": time.monotonic(),
    }


def a_token() -> str:
    """A personal token of an operator in the benchmark's database."""
    from accounts.services import create_api_token, create_user

    user = create_user(
        actor=None, email="bench@example.com", password="a benchmark 7 passes", role="operator", source="command"
    )
    return create_api_token(actor=user, name="fanout", asked=["read"], days=1)[1]


async def wait_for(url: str) -> None:
    """Until the web process answers."""
    async with asyncio.timeout(30), httpx.AsyncClient() as client:
        while True:
            try:
                await client.get(f"{url}/healthz")
            except httpx.TransportError:
                await asyncio.sleep(0.1)
            else:
                return


async def measure(port: int, token: str, *, sockets: int, seconds: int, rate: float) -> tuple[list[Reader], int]:
    """Open the sockets, announce at ``rate`` for ``seconds``, and give what each heard and how much was announced."""
    from trading.publish import announce
    from trading.tests import snapshots

    await wait_for(f"http://127.0.0.1:{port}")
    readers = [Reader() for _ in range(sockets)]
    tasks: list[asyncio.Task[None]] = []
    gate = asyncio.Semaphore(OPENING_AT_ONCE)

    async def open_one(reader: Reader) -> ClientConnection:
        async with gate:
            given = {"Authorization": f"Bearer {token}"}
            address = f"ws://127.0.0.1:{port}/ws/runtime/"
            connection = await connect(
                address, additional_headers=given, compression=None, proxy=None, ping_interval=None, open_timeout=60
            )
            last = reader.note(str(await connection.recv()), time.monotonic(), 0)
            tasks.append(asyncio.create_task(listen(connection, reader, last)))
            return connection

    opened = await asyncio.gather(*(open_one(reader) for reader in readers))
    chance, base, count = random.Random(7), snapshots.live(), int(seconds * rate)
    began = time.monotonic()
    for number in tqdm(range(1, count + 1), desc=f"{sockets} sockets"):
        await announce(number, picture(base, number, chance))
        await asyncio.sleep(max(began + number / rate - time.monotonic(), 0))
    await asyncio.sleep(2)
    for connection in opened:
        await connection.close()
    await asyncio.gather(*tasks)
    return readers, count


def table(readers: Sequence[Reader], count: int) -> str:
    """The figures."""
    taken = [seconds for reader in readers for seconds in reader.taken]
    due = count * len(readers)
    size = sum(reader.size for reader in readers) / max(len(taken), 1)
    rows = (
        ("sockets", f"{len(readers)}"),
        ("updates announced", f"{count}"),
        ("deliveries due", f"{due}"),
        ("delivered", f"{len(taken)}"),
        ("out of order or with a gap", f"{sum(reader.broken for reader in readers)}"),
        ("bytes per update", f"{size:.0f}"),
        *((f"p{share:.4g} ms", f"{1000 * percentile(taken, share / 100):.1f}") for share in (50, 90, 99, 99.9)),
        ("max ms", f"{1000 * max(taken):.1f}"),
    )
    return "\n".join(["| | |", "|---|---:|", *(f"| {name} | {value} |" for name, value in rows)])


def main(argv: Sequence[str] | None = None) -> None:
    """Measure and print a table; exit 1 when an update was not delivered."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sockets", type=int, default=500)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--rate", type=float, default=4.0, help="Updates a second.")
    given = parser.parse_args(argv)
    os.environ["REDIS_URL"] = os.environ.get("TEST_REDIS_URL", "redis://127.0.0.1:6379/9")
    with tempfile.TemporaryDirectory() as data:
        prepare(data)
        token, port = a_token(), free_port()
        os.environ |= {"STRANGLE_ROLE": "web", "STATIC_MANIFEST": "false"}
        with process("-m", "daphne", "-p", str(port), "-b", "127.0.0.1", "deltastrangle.asgi:application"):
            readers, count = asyncio.run(
                measure(port, token, sockets=given.sockets, seconds=given.seconds, rate=given.rate)
            )
    sys.stdout.write(table(readers, count) + "\n")
    complete = all(reader.heard == list(range(1, count + 1)) and not reader.broken for reader in readers)
    sys.exit(0 if complete else 1)


if __name__ == "__main__":
    main()
