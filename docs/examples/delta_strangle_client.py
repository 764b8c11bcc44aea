"""A small client of Delta Strangle's API: copy it beside your script. Needs httpx; `watch` also needs websockets.

    with Strangle("https://desk.example", token="dst_…") as desk:
        desk.start("Daily BTC")
        for picture in desk.watch():
            print(picture["status"], picture["totals"]["total_pnl"])

`python delta_strangle_client.py https://desk.example status` works too, with the token in `STRANGLE_TOKEN`.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import uuid
from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import Any, Self, TypedDict, cast

import httpx

Json = dict[str, Any]


class Command(TypedDict):
    """The answer to a control request; `command_id` leads to what the engine made of it."""

    status: str
    message: str
    strategy_id: str | None
    session_id: int | None
    command_id: int | None


class Refused(Exception):
    """An answer of 400 or more: `status`, the API's `code` and `detail`, and what is wrong at which field."""

    def __init__(self, response: httpx.Response) -> None:
        try:
            body = response.json()
        except ValueError:
            body = {}
        self.status = response.status_code
        self.code = str(body.get("code", "unknown"))
        self.detail = str(body.get("detail", response.reason_phrase))
        self.fields: dict[str, list[str]] = body.get("fields", {})
        self.correlation_id = response.headers.get("X-Correlation-ID", "")
        super().__init__(f"{self.status} {self.code}: {self.detail}")


class Strangle:
    """One platform, called with a personal token, or with `sign_in` by e-mail and password."""

    def __init__(self, url: str, *, token: str = "", client: httpx.Client | None = None) -> None:
        self.url = url.rstrip("/")
        self._http = client or httpx.Client(base_url=self.url, timeout=15)
        self._refresh = ""
        self._token = token

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._http.close()

    # --- Who I am ------------------------------------------------------------------------------

    def sign_in(self, email: str, password: str, *, scope: str = "") -> Json:
        """Take tokens for an account; returns the user. `scope` narrows them (`read control`)."""
        given = {"username": email, "password": password, **({"scope": scope} if scope else {})}
        return self._keep(self.call("POST", "auth/login", json=given))

    def refresh(self) -> Json:
        """Exchange the refresh token, which serves once; returns the user."""
        return self._keep(self.call("POST", "auth/refresh", json={"refresh_token": self._refresh}))

    def sign_out(self) -> None:
        """Give the refresh token up."""
        self.call("POST", "auth/logout", json={"refresh_token": self._refresh})
        self._token = self._refresh = ""

    def me(self) -> Json:
        """The user."""
        return cast(Json, self.call("GET", "auth/me"))

    # --- What is happening ---------------------------------------------------------------------

    def runtime(self) -> Json:
        """The picture of the engine now."""
        return cast(Json, self.call("GET", "trading/runtime"))

    def risk(self) -> Json:
        """Payoff, break-evens, greeks, margin and the distance to every stop."""
        return cast(Json, self.call("GET", "trading/risk"))

    def sessions(self, **filters: Any) -> Iterator[Json]:
        """All sessions that match (`status`, `mode`, `exit_reason`, `start`, `end`, `text` …), page after page."""
        page = 1
        while True:
            found = self.call("GET", "trading/sessions", params={"page_size": 100, **filters, "page": page})
            yield from found["items"]
            if page >= found["pages"]:
                return
            page += 1

    def session(self, session_id: int, *, points: int = 400) -> Json:
        """All of one session."""
        return cast(Json, self.call("GET", f"trading/sessions/{session_id}", params={"points": points}))

    def sessions_csv(self, **filters: Any) -> Iterator[bytes]:
        """The sessions as CSV, part by part."""
        with self._http.stream("GET", "/api/trading/sessions/export", params=filters, headers=self._headers()) as got:
            if got.is_error:
                got.read()
                raise Refused(got)
            yield from got.iter_bytes()

    # --- Telling it what to do -----------------------------------------------------------------

    def start(self, configuration: str, *, now: bool = False, key: str = "") -> Command:
        """Start a session of the configuration of this name; `now` enters at once."""
        return self.control("start", configuration=configuration, now=now, key=key)

    def stop(self, *, reason: str = "", leave_open: bool = False) -> Command:
        """Close the position and end the session."""
        return self.control("stop", reason=reason, leave_open=leave_open)

    def panic(self, *, reason: str = "") -> Command:
        """Close everything and halt the platform."""
        return self.control("panic", reason=reason)

    def control(self, action: str, *, key: str = "", **given: Any) -> Command:
        """A control request. It is sent with an idempotency key, so that it may be repeated after a lost answer."""
        headers = {"Idempotency-Key": key or uuid.uuid4().hex}
        answer = self.call("POST", "trading/control", json={"action": action, **given}, headers=headers)
        return cast(Command, answer)

    def command(self, command_id: int) -> Json:
        """What the engine made of a command: `status` is pending, done or failed."""
        return cast(Json, self.call("GET", f"trading/commands/{command_id}"))

    # --- The stream ----------------------------------------------------------------------------

    def watch(self) -> Iterator[Json]:
        """The picture, and again each time it changes. Ends when the server closes; `Closed` says why if it refused."""
        from websockets.sync.client import connect

        address = self.url.replace("http", "ws", 1) + "/ws/runtime/"
        with connect(address, additional_headers=self._headers(), open_timeout=15) as socket:
            picture: Json = {}
            for text in socket:
                message = json.loads(text)
                if message["type"] == "error":
                    raise Closed(message["code"], message["detail"])
                socket.send('{"type": "ack"}')
                if message["type"] in ("snapshot", "update"):
                    picture = {**(picture if message["type"] == "update" else {}), **message["payload"]}
                    yield {**picture, "sequence": message["sequence"], "events": message["events"]}

    def call(self, method: str, path: str, *, headers: Mapping[str, str] | None = None, **given: Any) -> Any:
        """One request under `/api/`; the decoded body, None when there is none. Raises `Refused`."""
        response = self._http.request(method, f"/api/{path}", headers={**self._headers(), **(headers or {})}, **given)
        if response.is_error:
            raise Refused(response)
        return response.json() if response.content else None

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._token}"} if self._token else {}

    def _keep(self, tokens: Json) -> Json:
        self._token, self._refresh = tokens["access_token"], tokens["refresh_token"]
        return cast(Json, tokens["user"])


class Closed(Exception):
    """The stream was refused or ended: a `code` and a sentence."""

    def __init__(self, code: str, detail: str) -> None:
        self.code, self.detail = code, detail
        super().__init__(f"{code}: {detail}")


def main() -> None:
    """`status`, `sessions`, `stop`, `panic` or `watch` from the command line."""
    parser = argparse.ArgumentParser(description="Delta Strangle from the command line.")
    parser.add_argument("url")
    parser.add_argument("what", choices=("status", "sessions", "stop", "panic", "watch"))
    given = parser.parse_args()
    with Strangle(given.url, token=os.environ.get("STRANGLE_TOKEN", "")) as desk:
        if given.what == "watch":
            for picture in desk.watch():
                sys.stdout.write(f"{picture['status']} {picture['totals'].get('total_pnl')}\n")
        elif given.what == "sessions":
            for session in desk.sessions():
                sys.stdout.write(f"{session['strategy_id']} {session['exit_reason']}\n")
        else:
            answer = desk.runtime() if given.what == "status" else desk.control(given.what)
            sys.stdout.write(json.dumps(answer, indent=2) + "\n")


if __name__ == "__main__":
    main()
