"""The web process misses a worker that does not come, and says so itself: daphne as it is, without a lifespan."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest

from trading.tests.process.conftest import NewPlatform
from trading.tests.process.processes import free_port, until


class Hook:
    """A web hook on this machine, and the titles it received."""

    def __init__(self) -> None:
        self.titles: list[str] = []
        hook = self

        class Answer(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                hook.titles.append(json.loads(body)["title"])
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *args: object) -> None:
                """Says nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
        self.url = f"json://127.0.0.1:{self.server.server_address[1]}/"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05})
        self.thread.start()


@pytest.fixture
def hook() -> Iterator[Hook]:
    """A web hook that answers."""
    made = Hook()
    yield made
    made.server.shutdown()
    made.thread.join()
    made.server.server_close()


def answers(port: int) -> bool:
    """Whether the web process says that it is well."""
    try:
        return httpx.get(f"http://127.0.0.1:{port}/healthz").status_code == 200
    except httpx.TransportError:
        return False


@pytest.mark.slow
def test_a_session_that_nobody_guards_is_told_by_the_web_process_and_its_guard_when_he_comes(
    new_platform: NewPlatform, hook: Hook
) -> None:
    platform = new_platform(ALERT_URLS=f"info={hook.url}", ALERT_WORKER_SILENT_SECONDS="2")
    asked = platform.start("manage.py", "start", "--configuration", "Two hours", "--timeout", "1")
    assert asked.wait(60) == 3, asked.output
    port = free_port()
    daphne = ("-m", "daphne", "-b", "127.0.0.1", "-p", str(port), "deltastrangle.asgi:application")
    web = platform.start(sys.executable, *daphne)
    until(lambda: answers(port), "the web process answers", seconds=60, of=web)
    until(lambda: "[critical] The worker is down" in hook.titles, "the outage is told", seconds=60, of=web)
    worker = platform.start("manage.py", "serve", "--port", str(free_port()))
    until(lambda: "[info] The worker is back" in hook.titles, "the return is told", seconds=60, of=worker)
    assert hook.titles.count("[critical] The worker is down") == 1
    assert hook.url not in web.output + worker.output
    assert worker.terminate() == 0, worker.output
    assert web.terminate() == 0, web.output
