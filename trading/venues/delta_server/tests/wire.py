"""The simulator as a process of its own, and how to talk to it over loopback."""

from __future__ import annotations

import json
import os
import re
import secrets
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Final

import httpx

from trading.venues.delta_server.signing import signature
from trading.venues.delta_server.tests.support import AGENT, KEY, SECRET

PROJECT: Final = Path(__file__).resolve().parents[4]
KEPT: Final = ("PATH", "HOME", "LANG", "TMPDIR", "VIRTUAL_ENV")
PATIENCE: Final = 30.0


def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


class Simulator:
    """``manage.py delta_simulator`` on a data directory of its own; ended when the block is left."""

    def __init__(self, data: Path, *arguments: str) -> None:
        self._log = data / f"simulator-{secrets.token_hex(4)}.log"
        self._given = arguments
        self.use(free_port())
        self._environment = {
            **{name: os.environ[name] for name in KEPT if name in os.environ},
            "DATA_DIR": str(data),
            "DEBUG": "true",
            "BACKEND_LOG_PATH": str(data / "backend.log"),
        }

    def use(self, port: int) -> None:
        """Listen on this port."""
        self.port = port
        self._arguments = ["--port", str(port), *self._given]

    def run(self) -> int:
        """Start it, and return its exit code once it ends by itself."""
        self._start()
        return self._process.wait(PATIENCE)

    def _start(self) -> None:
        command = [sys.executable, "manage.py", "delta_simulator", *self._arguments]
        with self._log.open("wb") as output:
            self._process = subprocess.Popen(
                command, cwd=PROJECT, env=self._environment, stdout=output, stderr=subprocess.STDOUT
            )

    def __enter__(self) -> Simulator:
        self._start()
        deadline = time.monotonic() + PATIENCE
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self._process.kill()
                raise AssertionError(f"the simulator did not start:\n{self.output}")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()

    def _answers(self) -> bool:
        try:
            return httpx.get(f"{self.url}/v2/settings", headers={"User-Agent": AGENT}, timeout=1).status_code == 200
        except httpx.TransportError:
            # nothing to wait on but the attempt itself
            return False

    @property
    def url(self) -> str:
        """Where REST is served, without ``/v2``."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def output(self) -> str:
        """All that it printed."""
        return self._log.read_text(errors="replace")

    def told(self, name: str) -> str:
        """A value it printed at its start."""
        found = re.search(rf"^{name}\s+(\S+)", self.output, re.MULTILINE)
        assert found is not None, self.output
        return found[1]

    def end(self, sent: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal and return the exit code."""
        self._process.send_signal(sent)
        return self._process.wait(PATIENCE)


class Wire:
    """A signing client over one kept-alive connection."""

    def __init__(self, url: str, *, key: str = KEY, secret: str = SECRET) -> None:
        self.http = httpx.Client(base_url=url, headers={"User-Agent": AGENT}, timeout=10)
        self._key, self._secret = key, secret

    def send(self, method: str, path: str, body: dict[str, Any] | None = None) -> httpx.Response:
        """A signed request; ``path`` includes the query."""
        text = "" if body is None else json.dumps(body, separators=(",", ":"))
        stamp = str(int(time.time()))
        headers = {
            "api-key": self._key,
            "timestamp": stamp,
            "signature": signature(self._secret, f"{method}{stamp}{path}{text}".encode()),
            "Content-Type": "application/json",
        }
        return self.http.request(method, path, content=text.encode(), headers=headers)

    def result(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """The ``result`` of a request that must succeed."""
        response = self.send(method, path, body)
        assert response.status_code == 200, response.text
        return response.json()["result"]


def near_call(url: str) -> dict[str, Any]:
    """The ticker of a liquid call of the first expiry that is a day away or more."""
    with httpx.Client(base_url=url, headers={"User-Agent": AGENT}, timeout=10) as http:
        rows = http.get("/v2/tickers?contract_types=call_options&underlying_asset_symbols=BTC").json()["result"]
    usable = [row for row in rows if row["product_trading_status"] == "operational" and row["leverage"] < 200]
    return min(usable, key=lambda row: abs(float(row["greeks"]["delta"]) - 0.2))
