"""From the arrival of the quote that breaches a stop to the last byte of the first closing order.

``python -m benchmarks.tick_to_order [--sessions 100] [--turns 200]``: everything on this machine; see README.md.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import secrets
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx

from benchmarks.stamps import Stamps, percentile

PROJECT = Path(__file__).resolve().parents[1]
SESSIONS_PER_WINDOW = 30
"""A session spends about 160 of the 6,375 units of weight that reads may have in five minutes."""
KEY, SECRET = "benchmark-key", secrets.token_hex(16)


def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def process(*argv: str) -> Iterator[None]:
    """A child of ours, ended in the end."""
    child = subprocess.Popen([sys.executable, *argv], cwd=PROJECT, stdout=subprocess.DEVNULL)
    try:
        yield
    finally:
        child.terminate()
        child.wait()


def prepare(data: str) -> None:
    """Django on an empty database of its own, synchronous as in production."""
    os.environ |= {
        "DATA_DIR": data,
        "BACKEND_LOG_PATH": f"{data}/backend.log",
        "SECRET_KEY": secrets.token_hex(40),
        "JWT_SECRET_KEY": secrets.token_hex(40),
        "STRANGLE_LAYOUT": "split",
        "STRANGLE_ROLE": "worker",
        "LOG_LEVEL": "ERROR",
        "DJANGO_SETTINGS_MODULE": "deltastrangle.settings",
    }
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0)


def wait_for(url: str) -> None:
    """Until the simulator answers."""
    deadline = time.monotonic() + 30
    while True:
        try:
            httpx.get(f"{url}/v2/settings", headers={"User-Agent": "benchmark"})
        except httpx.TransportError:
            if time.monotonic() > deadline:
                raise
        else:
            return


def a_call(url: str) -> tuple[str, int]:
    """Symbol and product id of a liquid call."""
    query = "contract_types=call_options&underlying_asset_symbols=BTC"
    rows = httpx.get(f"{url}/v2/tickers?{query}", headers={"User-Agent": "benchmark"}).json()["result"]
    row = min(rows, key=lambda found: abs(float(found["greeks"]["delta"]) - 0.2))
    return row["symbol"], row["product_id"]


async def measure(
    stamps: Stamps, url: str, relay: str, *, turns: int, sessions: int, batch: int
) -> dict[str, list[float]]:
    """One batch of all series, in seconds: ``turns`` of each floor, then ``sessions`` through the engine."""
    from websockets.asyncio.client import connect

    from benchmarks.engine_path import through_the_engine
    from benchmarks.floors import floor, over_a_socket, over_httpx
    from trading.venues.delta.config import DeltaConfig
    from trading.venues.delta.signing import Signer

    public, signer, leg = f"{relay}/public", Signer(KEY, SECRET), a_call(url)
    taken: dict[str, list[float]] = {}
    async with connect(f"{relay}/go", compression=None, proxy=None) as trigger:

        async def breach(symbol: str) -> bool:
            await trigger.send(symbol)
            return bool(await trigger.recv())

        for name, way in (("raw socket", over_a_socket), ("httpx", over_httpx)):
            async with way(url, stamps) as send:
                taken[name] = await floor(
                    name, stamps, public=public, signer=signer, leg=leg, send=send, breach=breach, count=turns
                )
        config = DeltaConfig(
            environment="custom",
            rest_url=url,
            ws_public_url=public,
            ws_private_url=f"{url.replace('http', 'ws')}/private",
            api_key=KEY,
            api_secret=SECRET,
        )
        name = f"Benchmark {batch}"
        return taken | await through_the_engine(config, stamps, breach, sessions, name)


def one_batch(stamps: Stamps, *, turns: int, sessions: int, batch: int) -> dict[str, list[float]]:
    """Measure on a simulator of its own, whose five minutes of request weight are fresh."""
    port, relay = free_port(), free_port()
    url = f"http://127.0.0.1:{port}"
    simulator = ("manage.py", "delta_simulator", "--port", str(port), "--start", "09:25", "--balance", "100000")
    account = ("--api-key", KEY, "--api-secret", SECRET, "--path", ":memory:")
    relaying = ("-m", "benchmarks.relay", str(relay), f"ws://127.0.0.1:{port}/public")
    with process(*simulator, *account), process(*relaying):
        wait_for(url)
        local = f"ws://127.0.0.1:{relay}"
        return asyncio.run(measure(stamps, url, local, turns=turns, sessions=sessions, batch=batch))


def table(taken: dict[str, list[float]]) -> Iterator[str]:
    """The figures, in milliseconds and as ratios to the floors."""
    yield "| | n | p50 ms | p99 ms | max ms | p50 / httpx | p99 / httpx | p50 / raw | p99 / raw |"
    yield "|---|---:|---:|---:|---:|---:|---:|---:|---:|"
    for name, values in taken.items():
        middle, high = percentile(values, 0.5), percentile(values, 0.99)
        figures = [f"{1000 * middle:.2f}", f"{1000 * high:.2f}", f"{1000 * max(values):.2f}"]
        for base in ("httpx", "raw socket"):
            of = taken[base]
            ratios = [f"{middle / percentile(of, 0.5):.2f}", f"{high / percentile(of, 0.99):.2f}"]
            figures += ratios if name in ("raw socket", "httpx", "engine") else ["–", "–"]
        yield f"| {name} | {len(values)} | {' | '.join(figures)} |"


def main(argv: Sequence[str] | None = None) -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", type=int, default=100, help="Sessions through the engine.")
    parser.add_argument("--turns", type=int, default=200, help="Turns of each floor.")
    given = parser.parse_args(argv)
    batches = -(-given.sessions // SESSIONS_PER_WINDOW)
    stamps, taken = Stamps(), dict[str, list[float]]()
    stamps.watch_sockets()
    with tempfile.TemporaryDirectory() as data:
        prepare(data)
        for batch in range(1, batches + 1):
            share = {"turns": given.turns // batches, "sessions": given.sessions // batches}
            for name, values in one_batch(stamps, batch=batch, **share).items():
                taken.setdefault(name, []).extend(values)
    sys.stdout.write("\n".join(table(taken)) + "\n")


if __name__ == "__main__":
    main()
