"""Logs are JSON lines with context, without secrets, in a file that processes share."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deltastrangle.logs import JsonFormatter, SharedRotatingFileHandler, logging_context, redact
from deltastrangle.tests.house import ROOT


def line(message: str, *arguments: object, **extra: object) -> dict[str, Any]:
    """What a record becomes in the log."""
    record = logging.makeLogRecord({"name": "trading.engine", "levelname": "INFO", "msg": message, "args": arguments})
    record.__dict__.update(extra)
    parsed: dict[str, Any] = json.loads(JsonFormatter().format(record))
    return parsed


def test_a_line_has_the_fixed_fields_and_the_context() -> None:
    with logging_context(correlation_id="c1", strategy_id="s1"):
        written = line("sold %s", "C-BTC-100000", event="order.filled", price=12.5)
    assert datetime.fromisoformat(written.pop("timestamp")).tzinfo is not None
    assert written == {
        "message": "sold C-BTC-100000",
        "level": "INFO",
        "logger": "trading.engine",
        "correlation_id": "c1",
        "strategy_id": "s1",
        "event": "order.filled",
        "price": 12.5,
    }


def test_contexts_nest_and_end() -> None:
    with logging_context(a=1):
        with logging_context(b=2):
            assert {"a", "b"} <= set(line("inside"))
        assert "b" not in line("between")
    assert "a" not in line("outside")


@pytest.mark.parametrize(
    "name", ["api_key", "api-key", "DELTA_API_SECRET", "password", "Authorization", "access_token", "signature"]
)
def test_a_secret_does_not_reach_the_log(name: str) -> None:
    with logging_context(**{name: "hush-1"}):
        written = line(f"sent {name}=hush-2 and {name}: 'hush-3'", request={"headers": [{name: "hush-4"}]})
    assert "hush" not in json.dumps(written)
    assert written[name] == "***"


def test_a_secret_among_the_arguments_of_a_message_is_blotted_out() -> None:
    written = line("headers %s", {"api-key": "hush", "timestamp": 5})
    assert written["message"] == "headers {'api-key': ***, 'timestamp': 5}"
    assert line("Authorization: Bearer abc.def.ghi sent")["message"] == "Authorization: *** sent"


def test_an_exception_keeps_its_trace() -> None:
    try:
        raise ValueError("password=hush")
    except ValueError:
        written = line("failed", exc_info=sys.exc_info())
    assert "ValueError" in written["exc_info"]
    assert "hush" not in written["exc_info"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text("abc xyz"),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["price", "size", "leg"]), inner),
)


@given(JSON)
def test_what_holds_no_secret_passes_unchanged(value: object) -> None:
    assert redact(value) == value


def test_it_follows_a_file_another_process_has_rotated(tmp_path: Path) -> None:
    path = tmp_path / "logs" / "backend.log"
    handler = SharedRotatingFileHandler(str(path))
    handler.emit(logging.makeLogRecord({"msg": "one"}))
    path.rename(tmp_path / "logs" / "backend.log.1")
    handler.emit(logging.makeLogRecord({"msg": "two"}))
    handler.close()
    assert path.read_text() == "two\n"


WRITER = """
import logging, sys
from deltastrangle.logs import SharedRotatingFileHandler
handler = SharedRotatingFileHandler(sys.argv[1], maxBytes=2000, backupCount=100)
for number in range(300):
    handler.emit(logging.makeLogRecord({"msg": f"{sys.argv[2]}-{number}"}))
"""


def test_two_processes_share_a_rotating_file_without_losing_a_line(tmp_path: Path) -> None:
    path = tmp_path / "backend.log"
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(path), name], cwd=ROOT) for name in ("web", "worker")
    ]
    assert [writer.wait(60) for writer in writers] == [0, 0]
    lines = [text for file in tmp_path.glob("backend.log*") for text in file.read_text().splitlines()]
    assert sorted(lines) == sorted(f"{name}-{number}" for name in ("web", "worker") for number in range(300))
    assert len(list(tmp_path.glob("backend.log.*"))) > 2
