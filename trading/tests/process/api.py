"""The platform's API as a program with a token uses it."""

from __future__ import annotations

from typing import Any

import httpx

from trading.tests.process.installation import OPERATOR, PASSWORD
from trading.tests.process.processes import Platform, Process, free_port, until


class Api:
    """A client of the web process at ``port``."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=10)

    def answers(self) -> bool:
        """Whether the web process is up and its database too."""
        try:
            return bool(self.client.get("/healthz").json() == {"status": "ok", "database": "ok"})
        except httpx.TransportError:
            return False

    def sign_in(self) -> None:
        """Take a token as the operator."""
        answer = self.client.post("/api/auth/login", json={"email": OPERATOR, "password": PASSWORD})
        assert answer.status_code == 200, answer.text
        self.client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"

    def get(self, path: str) -> Any:
        """The body of a GET that must succeed."""
        answer = self.client.get(f"/api/trading/{path}")
        assert answer.status_code == 200, answer.text
        return answer.json()

    def control(self, action: str, **given: Any) -> httpx.Response:
        """Command the engine."""
        return self.client.post("/api/trading/control", json={"action": action, **given})

    def started(self, configuration: str = "Brief") -> int:
        """Start a session now; its id."""
        answer = self.control("start", configuration=configuration, now=True)
        assert answer.status_code == 200, answer.text
        return int(answer.json()["session_id"])

    def until_phase(self, *phases: str, seconds: float = 30.0) -> dict[str, Any]:
        """The runtime picture once it is in one of these phases."""

        def seen() -> dict[str, Any] | None:
            runtime: dict[str, Any] = self.get("runtime")
            return runtime if runtime["phase"] in phases else None

        return until(seen, f"phase {phases}", seconds=seconds)

    def until_closed(self, session_id: int, seconds: float = 40.0) -> dict[str, Any]:
        """The session once it is over."""

        def seen() -> dict[str, Any] | None:
            session: dict[str, Any] = self.get(f"sessions/{session_id}")
            return session if session["status"] == "stopped" else None

        return until(seen, "the session is over", seconds=seconds)


def signed_in(platform: Platform, process: Process, port: int) -> Api:
    """A client with a token, once the web process of ``platform`` answers at ``port``."""
    api = Api(port)
    platform.keep(api.client)
    until(api.answers, "healthz answers", of=process)
    api.sign_in()
    return api


def free_web() -> tuple[str, int]:
    """Arguments that make ``serve`` listen on a free port, and the port."""
    port = free_port()
    return f"--port={port}", port
