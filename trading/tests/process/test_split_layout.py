"""The split layout as in production: daphne, the worker, PostgreSQL and Redis, each a process of its own."""

from __future__ import annotations

import sys
import time
import uuid
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest
import redis
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin

from trading.tests.process.api import Api, signed_in
from trading.tests.process.conftest import NewPlatform
from trading.tests.process.installation import OPERATOR, PASSWORD
from trading.tests.process.processes import Platform, Process, free_port, until

pytestmark = [pytest.mark.postgres, pytest.mark.redis]
NUDGED_SECONDS = 10.0
"""The worker of these tests polls for commands far more rarely than this: what it obeys sooner, it was told of."""


@dataclass(frozen=True)
class Split:
    """The running processes, and how to reach them."""

    platform: Platform
    web: Process
    worker: Process
    api: Api
    redis: redis.Redis
    client_name: str
    postgres_url: str

    @property
    def connections(self) -> dict[str, bool]:
        """Redis' connections of this installation by id, and whether they listen to anything."""
        clients: Any = self.redis.client_list()
        return {client["id"]: client["sub"] != "0" for client in clients if client["name"] == self.client_name}

    def redis_hangs_up(self) -> None:
        """Have Redis close all of them, as when it is restarted."""
        for identity in self.connections:
            self.redis.client_kill_filter(_id=identity)

    def database_hangs_up(self) -> None:
        """Have PostgreSQL end every session on this installation's database, as when it is restarted."""
        others = "datname = current_database() AND pid <> pg_backend_pid()"
        with psycopg.connect(self.postgres_url, autocommit=True) as connection:
            ended = connection.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {others}")
            assert ended.rowcount >= 2

    def until_going_on(self) -> None:
        """Wait for a picture that is newer than now."""
        before = self.picture_at()
        until(lambda: self.picture_at() > before, "the engine goes on", seconds=5, of=self.worker)

    def picture_at(self) -> str:
        """When the newest picture was taken; empty while the web process finds its way back to the database."""
        answer = self.api.client.get("/api/trading/runtime")
        return str(answer.json()["wall_at"]) if answer.status_code == 200 else ""


@pytest.fixture
def split(postgres_url: str, redis_url: str, bare_platform: NewPlatform) -> Split:
    """Migrated, filled and started as ``compose.yaml`` does it."""
    name = f"strangle-{uuid.uuid4().hex[:8]}"
    platform = bare_platform(
        STRANGLE_LAYOUT="split",
        DATABASE_URL=postgres_url,
        REDIS_URL=f"{redis_url}?client_name={name}",
        ENGINE_COMMAND_POLL_SECONDS="60",
    )
    installed = platform.run(sys.executable, "-m", "trading.tests.process.installation")
    assert installed.wait() == 0, installed.output
    port = free_port()
    daphne = ("-m", "daphne", "-b", "127.0.0.1", "-p", str(port), "deltastrangle.asgi:application")
    web = platform.start(sys.executable, *daphne, STRANGLE_ROLE="web")
    worker = platform.worker()
    api = signed_in(platform, web, port)
    until(lambda: api.get("runtime")["worker"]["alive"], "the worker is heard of", of=worker)
    client = redis.Redis.from_url(redis_url, decode_responses=True)
    platform.keep(client)
    return Split(platform, web, worker, api, client, name, postgres_url)


def open_socket(split: Split) -> ClientConnection:
    """The live page's socket, opened with the cookie of somebody who signed in with the form."""
    api = split.api
    api.client.get("/login/")
    form = {"email": OPERATOR, "password": PASSWORD, "csrfmiddlewaretoken": api.client.cookies["csrftoken"]}
    assert api.client.post("/login/", data=form).status_code == 302
    socket = connect(
        f"ws://127.0.0.1:{api.port}/ws/live/",
        origin=Origin(f"http://127.0.0.1:{api.port}"),
        additional_headers={"Cookie": f"sessionid={api.client.cookies['sessionid']}"},
    )
    split.platform.keep(socket)
    return socket


def until_pushed(socket: ClientConnection, text: str, seconds: float = NUDGED_SECONDS) -> None:
    """Receive until a push contains ``text``; TimeoutError when none comes in time."""
    deadline = time.monotonic() + seconds
    while text not in str(socket.recv(timeout=max(0.0, deadline - time.monotonic()))):
        pass


@pytest.mark.slow
def test_pages_are_pushed_and_engines_nudged_across_processes_even_after_redis_and_postgresql_hung_up(
    split: Split,
) -> None:
    standby = split.platform.worker()
    until(lambda: "Standing by" in standby.output, "the second worker stands by", of=standby)
    socket = open_socket(split)
    session_id = split.api.started("Two hours")
    until_pushed(socket, 'data-phase="live"')

    assert sum(split.connections.values()) == 3
    split.redis_hangs_up()
    split.database_hangs_up()
    split.until_going_on()
    until(lambda: sum(split.connections.values()) == 3, "web and workers listen again", of=split.worker)

    split.worker.kill()
    until(lambda: "Engine lease held" in standby.output, "the second worker takes over", seconds=6, of=standby)
    assert split.api.control("stop").status_code == 200
    assert split.api.until_closed(session_id, seconds=NUDGED_SECONDS)["exit_reason"] == "stopped"
    until_pushed(socket, 'data-phase="idle"')
    assert standby.terminate() == 0, standby.output
    assert split.web.terminate() == 0, split.web.output
