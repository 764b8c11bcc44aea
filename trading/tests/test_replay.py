"""A replayed session decides as it did: through crashes, faults, lost commits and taken-back decisions."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import AsyncIterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from django.db import OperationalError

from trading.engine import session as engine_session
from trading.engine.replay import replay_tape
from trading.engine.tape_reader import Line, TapeError, read
from trading.models import StrategySession
from trading.strategy.decide import Decision, decide
from trading.strategy.events import Event, PositionsRead
from trading.strategy.state import SessionState
from trading.strategy.types import Phase
from trading.tests.scene import nowhere
from trading.tests.taped import TapedScene, assert_same, edited
from trading.tests.test_engine_recovery import ROUGH, Death, locked_store, patiently

pytestmark = pytest.mark.django_db(transaction=True)
NUMBERS = count(1)


@pytest_asyncio.fixture
async def scene(tmp_path: Path) -> AsyncIterator[TapedScene]:
    """A watched engine on tape at 09:25 IST."""
    made = TapedScene(tmp_path)
    yield made
    await made.close()


async def die_and_replay(directory: Path, at: int, faults: str) -> int:
    """A session whose worker dies at that point, and the replay of it; how many points a life without death has."""
    scene = TapedScene(directory, faults=faults)
    death = Death(at)
    scene.point = death
    life = asyncio.create_task(scene.play(seconds=2, name=f"Taped {next(NUMBERS)}", max_hold_minutes=1))
    end = asyncio.create_task(death.come.wait())
    await asyncio.wait({life, end}, return_when=asyncio.FIRST_COMPLETED)
    for task in (life, end):
        task.cancel()
    await asyncio.gather(life, end, return_exceptions=True)
    scene.point = nowhere
    taken_up = await StrategySession.objects.filter(status="running").aexists()
    if death.come.is_set():
        await scene.restart()
        await scene.until_closed(seconds=2)
    result = await scene.replayed(await StrategySession.objects.alatest("id"))
    await scene.close()
    try:
        assert_same(result)
        assert result.segments == 1 + taken_up
    except AssertionError as error:
        raise AssertionError(f"died at point {at} ({death.where}): {error}") from error
    return death.passed


@pytest.mark.parametrize(("faults", "stride"), [("", 1), (ROUGH, 3)], ids=["a calm session", "a rough session"])
async def test_it_replays_through_a_death_at_any_point_of(tmp_path: Path, faults: str, stride: int) -> None:
    points = await die_and_replay(tmp_path, 0, faults)
    assert points > 20
    for at in range(1, points + 1, stride):
        await die_and_replay(tmp_path, at, faults)


@pytest.mark.parametrize("seed", range(3))
async def test_it_replays_sessions_of_many_markets(tmp_path: Path, seed: int) -> None:
    scene = TapedScene(tmp_path, seed=seed, faults="duplicate_fill;partial:leg=put,fraction=0.4,count=2")
    rules = {"leg_stop_multiple": "2", "underlying_stop_pct": "1", "delta_stop": "0.4"}
    trailing = {"trailing_sl_enabled": True, "trailing_rules": {"0.01": 0.0, "0.05": 0.02}}
    session = await scene.play(seconds=5, max_hold_minutes=20, **rules, **trailing)
    result = await scene.replayed(session)
    assert_same(result)
    assert result.events > 100
    await scene.close()


async def test_a_restart_at_every_step_is_replayed(scene: TapedScene) -> None:
    session = await scene.start(max_hold_minutes=3)
    for _ in range(40):
        if scene.engine.session is None:
            break
        await scene.restart()
        await scene.step(10)
    result = await scene.replayed(session)
    assert_same(result)
    assert result.segments >= 15


async def test_a_decision_whose_commit_failed_is_taken_back(scene: TapedScene, monkeypatch: pytest.MonkeyPatch) -> None:
    store = locked_store(scene, monkeypatch)
    session = await scene.start(now=False, max_hold_minutes=3)
    store.locked = 60
    await patiently(scene, store, seconds=301)
    await scene.until_live()
    await scene.ask("stop")
    store.locked = 60
    await patiently(scene, store)
    await scene.until_closed()
    numbers = [line.number for line, _ in read(await packed(scene, session)) if isinstance(line, Line)]
    assert len(numbers) > len(set(numbers))
    assert_same(await scene.replayed(session))


async def test_a_commit_whose_answer_was_lost_is_replayed(scene: TapedScene, monkeypatch: pytest.MonkeyPatch) -> None:
    store = locked_store(scene, monkeypatch)
    session = await scene.start(now=False, max_hold_minutes=3)
    store.torn = 30
    with pytest.raises(OperationalError):
        await scene.step(301)
    await scene.restart()
    assert session.strategy_id == scene.state.strategy_id
    await scene.until_closed()
    assert_same(await scene.replayed(session))


async def test_an_event_the_strategy_failed_on_is_kept_and_changes_nothing(
    scene: TapedScene, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = await scene.start(max_hold_minutes=3)
    await scene.until_live()

    def brittle(state: SessionState, event: Event) -> Decision:
        if isinstance(event, PositionsRead) and state.phase is Phase.LIVE:
            raise ArithmeticError("a bug")
        return decide(state, event)

    monkeypatch.setattr(engine_session, "decide", brittle)
    await scene.until_closed(seconds=5)
    result = await scene.replayed(session)
    assert_same(result)
    assert any("a bug" in note for note in result.notes)


async def packed(scene: TapedScene, session: StrategySession) -> Path:
    """The compressed tape of a closed session."""
    assert scene.engine.archive is not None
    await scene.engine.archive.done()
    path = scene.tapes.find(session.strategy_id)
    assert path is not None
    return path


async def plain(scene: TapedScene, session: StrategySession) -> Path:
    """A closed session's tape, unpacked."""
    path = await packed(scene, session)
    copy = path.with_suffix("")
    copy.write_bytes(gzip.decompress(path.read_bytes()))
    return copy


async def test_the_tape_of_a_closed_session_is_compressed(scene: TapedScene) -> None:
    session = await scene.start(max_hold_minutes=3)
    await scene.until_live()
    open_tape = scene.tapes.find(session.strategy_id)
    assert open_tape is not None
    assert open_tape.suffix == ".jsonl"
    await scene.until_closed()
    path = await packed(scene, session)
    assert path.name == f"{session.strategy_id}.jsonl.gz"
    assert not open_tape.exists()
    assert path.stat().st_mode & 0o077 == 0


def quotes_of(path: Path) -> list[int]:
    """Numbers of the decisions on quotes that decided nothing of note."""
    lines = [json.loads(text) for text in path.read_text().splitlines()]
    return [line["n"] for line in lines if line.get("e", {}).get("$") == "MarketSeen" and len(line["h"]) < 64]


async def test_one_changed_quote_is_the_first_divergence(scene: TapedScene) -> None:
    path = await plain(scene, await scene.play(seconds=5))
    number = quotes_of(path)[-3]

    def dearer(event: dict[str, Any]) -> None:
        event["quotes"][0]["ask"] = str(float(event["quotes"][0]["ask"]) + 0.1)

    found = replay_tape(edited(path, number, dearer)).divergence
    assert found is not None
    assert found.number == number
    assert found.recorded != found.replayed
    assert "MarketSeen" in found.event
    assert found.at.startswith("2026-09-04T")


async def test_a_changed_quote_that_decides_alike_is_found_all_the_same(scene: TapedScene) -> None:
    path = await plain(scene, await scene.play(seconds=5))
    number = quotes_of(path)[-3]

    def deeper(event: dict[str, Any]) -> None:
        event["quotes"][0]["bid_size"] += 1

    found = replay_tape(edited(path, number, deeper)).divergence
    assert found is not None
    assert (found.number, found.recorded) == (number, found.replayed)
    assert "record was changed" in found.why


async def test_another_hash_in_the_row_is_a_divergence(scene: TapedScene) -> None:
    session = await scene.play(seconds=5)
    await StrategySession.objects.filter(pk=session.pk).aupdate(decision_hash="0" * 64)
    result = await scene.replayed(session)
    assert not result.same
    assert result.divergence is not None
    assert "another hash" in result.divergence.why


async def test_a_torn_tail_is_cut_and_what_it_held_is_a_gap(scene: TapedScene) -> None:
    session = await scene.play(seconds=5)
    path = await plain(scene, session)
    path.write_bytes(path.read_bytes()[:-20])
    result = await scene.replayed(session)
    assert result.divergence is None
    assert not result.same
    assert "torn" in result.gaps[0]
    assert f"the session's row holds {session.decision_count}" in result.gaps[0]


async def test_a_packed_tape_that_was_cut_short_is_read_as_far_as_it_goes(scene: TapedScene) -> None:
    session = await scene.play(seconds=5)
    path = await packed(scene, session)
    path.write_bytes(path.read_bytes()[:-200])
    result = await scene.replayed(session)
    assert result.events > 0
    assert not result.same
    assert "torn" in result.gaps[0]


async def test_a_line_that_was_torn_by_a_crash_does_no_harm_when_it_was_not_committed(scene: TapedScene) -> None:
    session = await scene.start(max_hold_minutes=3)
    await scene.until_live()
    path = scene.tapes.find(session.strategy_id)
    assert path is not None
    path.write_bytes(path.read_bytes() + b'{"n":99999,"t":1,"h":"12')
    await scene.restart()
    await scene.until_closed()
    result = await scene.replayed(session)
    assert_same(result)
    assert any("torn" in note for note in result.notes)


async def test_a_missing_line_is_a_gap(scene: TapedScene) -> None:
    session = await scene.play(seconds=5)
    path = await plain(scene, session)
    lines = path.read_text().splitlines(keepends=True)
    del lines[30]
    path.write_text("".join(lines))
    result = await scene.replayed(session)
    assert not result.same
    assert "follows on" in result.gaps[0]


async def test_it_stops_where_it_is_told_to(scene: TapedScene) -> None:
    path = await plain(scene, await scene.play(seconds=5))
    result = replay_tape(path, until=40)
    assert result.count == 40
    assert result.same
    assert result.hash.startswith(result.expected)


async def test_what_is_no_tape_is_said_to_be_none(tmp_path: Path) -> None:
    path = tmp_path / "other.jsonl"
    path.write_text('{"some": "thing"}\n')
    with pytest.raises(TapeError, match="no tape"):
        replay_tape(path)
    path.write_text('{"tape": 99, "t": 1}\n')
    with pytest.raises(TapeError, match="format 99"):
        replay_tape(path)
