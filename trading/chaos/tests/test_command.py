"""``manage.py chaos``: what it refuses, what it prints, and how it ends."""

from __future__ import annotations

from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from trading.chaos import run as chaos_run
from trading.chaos.run import Request
from trading.chaos.scorecard import Result, Scorecard
from trading.management.commands import chaos

GOOD = Result(
    1,
    2.0,
    sessions=1,
    orders=4,
    fills=4,
    reasons=["time_exit"],
    kills=["after send"],
    recovery=[3.5],
    recovery_wall=[0.5],
    recovery_open=[3.5],
)
BAD = Result(2, 3.0, sessions=1, orders=5, violations=[("duplicate", "ds1-CE-e1 was accepted 2 times")])


def pretend(monkeypatch: pytest.MonkeyPatch, *results: Result) -> list[Request]:
    """Have the runs give these results; the requests that were made."""
    asked: list[Request] = []

    def run(request: Request, on_result: object) -> Scorecard:
        asked.append(request)
        scorecard = Scorecard()
        for result in results:
            scorecard.add(result)
        return scorecard

    monkeypatch.setattr(chaos, "run", run)
    return asked


def printed(*arguments: str) -> str:
    out = StringIO()
    call_command("chaos", *arguments, stdout=out)
    return out.getvalue()


def test_it_prints_the_scorecard_of_a_run_in_which_nothing_was_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    requests = pretend(monkeypatch, GOOD)
    text = printed("--seeds", "3-5", "--kill", "--jobs", "1")
    assert (list(requests[0].seeds), requests[0].kill, requests[0].faults) == ([3, 4, 5], True, False)
    for line in ("seeds                    1 (0 failing)", "kills by point           after send 1"):
        assert line in text
    assert "p50 3.50 s, p99 3.50 s, worst 3.50 s (1)" in text


def test_it_fails_on_any_violation_and_names_the_seeds(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pretend(monkeypatch, GOOD, BAD)
    listed = tmp_path / "seeds"
    listed.write_text("1\n2\n")
    out = StringIO()
    with pytest.raises(CommandError) as failed:
        call_command("chaos", "--seed-file", str(listed), "--kill", "--faults", stdout=out)
    assert failed.value.returncode == 1
    assert "Failing seeds: 2" in out.getvalue()
    assert "manage.py chaos --seeds 2 --kill --faults" in out.getvalue()
    assert listed.read_text() == "2\n"


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [((), "Which seeds"), (("--seeds", "a-b"), "takes a number"), (("--seeds", "1", "--jobs", "0"), "at least 1")],
)
def test_it_says_what_is_wrong_with_its_arguments(arguments: tuple[str, ...], reason: str) -> None:
    with pytest.raises(CommandError, match=reason):
        printed(*arguments)


def test_jobs_inherit_neither_keys_nor_databases_nor_addresses(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    secrets = {
        "DELTA_API_KEY": "k",
        "DELTA_API_SECRET_FILE": "/s",
        "DATABASE_URL": "postgres://x",
        "REDIS_URL": "redis://x",
        "ALERT_URLS": "mailto://x",
    }
    for name, value in secrets.items():
        monkeypatch.setenv(name, value)
    assert not set(secrets) & set(chaos_run.environment_of(tmp_path))
