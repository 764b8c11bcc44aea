"""The example client of docs/examples against a real web process: HTTP and the runtime socket."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import pytest

from trading.tests import page_server
from trading.tests.process.processes import PROJECT, Platform, free_port, until

SOURCE = PROJECT / "docs/examples/delta_strangle_client.py"


def load() -> ModuleType:
    """The example as a script would import it."""
    spec = importlib.util.spec_from_file_location("delta_strangle_client", SOURCE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


example = load()


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a web process with an operator, a finished and an open session."""
    data: Path = tmp_path_factory.mktemp("client")
    (data / "scene").write_text("live")
    port = free_port()
    address = f"http://127.0.0.1:{port}"

    def answers() -> bool:
        try:
            return httpx.get(f"{address}/healthz").status_code == 200
        except httpx.TransportError:
            return False

    with closing(Platform(data)) as platform:
        process = platform.start(sys.executable, "-m", "trading.tests.page_server", str(port))
        until(answers, "the web process answers", seconds=60, of=process)
        yield address


@pytest.fixture
def desk(url: str) -> Iterator[Any]:
    """The client, signed in as the operator."""
    with example.Strangle(url) as signed_in:
        signed_in.sign_in(page_server.OPERATOR, page_server.PASSWORD)
        yield signed_in


def test_it_signs_in_refreshes_and_signs_out(desk: Any) -> None:
    assert desk.me()["role"] == "operator"
    assert desk.refresh()["email"] == page_server.OPERATOR
    desk.sign_out()
    with pytest.raises(example.Refused) as refusal:
        desk.me()
    assert (refusal.value.status, refusal.value.code) == (401, "not_authenticated")
    assert refusal.value.correlation_id


def test_it_reads_what_is_happening(desk: Any) -> None:
    assert desk.runtime()["status"] == "live"
    assert len(desk.risk()["payoff"]) == 61
    closed = list(desk.sessions(status="stopped", page_size=1))
    assert [session["exit_reason"] for session in closed] == ["trailing_sl"]
    assert len(desk.session(closed[0]["id"], points=10)["pnl_points"]) <= 10
    csv = b"".join(desk.sessions_csv(exit_reason="trailing_sl")).decode()
    assert csv.count("\r\n") == 2
    with pytest.raises(example.Refused, match="Only CSV"):
        list(desk.sessions_csv(format="xlsx"))


def test_the_same_key_commands_once(desk: Any) -> None:
    first = desk.control("stop", key="a-key", reason="enough")
    again = desk.control("stop", key="a-key", reason="enough")
    assert (first["status"], first["command_id"]) == ("stopping", again["command_id"])
    assert desk.command(first["command_id"])["status"] == "pending"


def test_a_refusal_says_the_field(desk: Any) -> None:
    with pytest.raises(example.Refused) as refusal:
        desk.control("jump")
    assert (refusal.value.status, list(refusal.value.fields)) == (422, ["action"])


def test_it_watches_the_stream(desk: Any) -> None:
    pictures = desk.watch()
    seen = [next(pictures) for _ in range(4)]
    pictures.close()
    assert {picture["status"] for picture in seen} == {"live"}
    assert all(picture["totals"]["credit"] == 46.55 for picture in seen)
    sequences = [picture["sequence"] for picture in seen]
    assert sequences == sorted(sequences)


def test_a_stream_without_a_good_token_says_why(url: str) -> None:
    with example.Strangle(url, token="dst_nonsense") as stranger, pytest.raises(example.Closed) as closed:
        next(stranger.watch())
    assert closed.value.code == "not_authenticated"
