"""``manage.py replay``: what it prints, and how it ends."""

from __future__ import annotations

import asyncio
import json
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from trading.models import StrategySession
from trading.tests.taped import TapedScene

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def taped(tmp_path: Path, settings: object) -> StrategySession:
    """A session that ran on tape."""

    async def play() -> StrategySession:
        scene = TapedScene(tmp_path)
        session = await scene.play(seconds=5)
        await scene.close()
        return session

    setattr(settings, "TAPE_DIR", tmp_path)  # noqa: B010
    return asyncio.run(play())


def replay(*arguments: str) -> tuple[str, int]:
    """Output and exit code."""
    out = StringIO()
    try:
        call_command("replay", *arguments, stdout=out)
    except SystemExit as end:
        return out.getvalue(), int(end.code or 0)
    except CommandError as error:
        return str(error), error.returncode
    return out.getvalue(), 0


def test_a_session_that_replays_alike_ends_with_0(taped: StrategySession) -> None:
    text, code = replay(taped.strategy_id)
    taped.refresh_from_db()
    assert code == 0
    assert "outcome    same" in text
    assert text.count(taped.decision_hash) == 2


def test_a_part_of_it_can_be_replayed(taped: StrategySession) -> None:
    text, code = replay(taped.strategy_id, "--until", "20")
    assert code == 0
    assert "decisions  20" in text


def test_a_session_whose_row_says_otherwise_ends_with_1(taped: StrategySession) -> None:
    StrategySession.objects.filter(pk=taped.pk).update(decision_hash="f" * 64)
    text, code = replay(taped.strategy_id)
    assert code == 1
    assert "DIFFERENT" in text


def test_a_missing_end_ends_with_4(taped: StrategySession) -> None:
    StrategySession.objects.filter(pk=taped.pk).update(decision_count=10_000)
    text, code = replay(taped.strategy_id)
    assert code == 4
    assert "incomplete: the tape ends with decision" in text


def test_all_tapes_come_in_a_table(taped: StrategySession, tmp_path: Path) -> None:
    text, code = replay("--all")
    assert code == 0
    assert f"{taped.strategy_id}" in text
    assert "1 replayed, 1 the same, 0 unreadable" in text
    (tmp_path / "delta-strangle-0.jsonl").write_text("{}\n")
    text, code = replay("--all")
    assert code == 1
    assert "cannot be read: delta-strangle-0.jsonl is no tape" in text


def test_a_file_can_be_named_and_the_first_difference_is_shown(taped: StrategySession, tmp_path: Path) -> None:
    import gzip

    lines = gzip.decompress((tmp_path / f"{taped.strategy_id}.jsonl.gz").read_bytes()).decode().splitlines()
    found = json.loads(lines[20])
    found["d"] = "closed max_loss"
    lines[20] = json.dumps(found, separators=(",", ":"))
    path = tmp_path / "copy.jsonl"
    path.write_text("\n".join(lines) + "\n")
    text, code = replay("--tape", str(path))
    assert code == 1
    assert f"decision {found['n']}: another decision" in text
    assert "recorded          closed max_loss" in text


def test_it_says_what_is_missing(taped: StrategySession) -> None:
    assert replay("delta-strangle-1")[1] == 1
    assert replay() == ("Name one session (or --tape PATH), or ask for --all.", 2)
