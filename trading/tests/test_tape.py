"""The tape never holds trading up: a full allowance, a full disk or a missing directory stop it, and it says so."""

from __future__ import annotations

import errno
import gzip
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from trading.engine.tape_files import DAY_SECONDS, MEGABYTE, Tapes
from trading.tests.scene import assert_settled, said
from trading.tests.taped import TapedScene, assert_same

MIDNIGHT = 20_000 * DAY_SECONDS - 19_800.0
"""Some midnight in India."""


class Wall:
    """A wall clock that stands still."""

    def __init__(self) -> None:
        self.now = MIDNIGHT + 3600

    def __call__(self) -> float:
        """The time in epoch seconds."""
        return self.now


@pytest.fixture
def wall() -> Wall:
    """One in the morning."""
    return Wall()


def of_age(path: Path, wall: Wall, days: float) -> Path:
    """The file, made and last written so many days ago."""
    path.write_bytes(b"{}\n")
    os.utime(path, (wall.now - days * DAY_SECONDS,) * 2)
    return path


def test_it_stops_at_the_days_allowance_and_goes_on_at_midnight_in_india(tmp_path: Path, wall: Wall) -> None:
    tapes = Tapes(tmp_path, max_mb=1, wall=wall)
    tape = tapes.open("delta-strangle-1")
    line = b"x" * (MEGABYTE // 4 - 1) + b"\n"
    assert [tape.write(line) for _ in range(5)] == [True] * 4 + [False]
    assert "TAPE_MAX_MB_PER_DAY" in tape.stopped
    assert not tape.ready()
    wall.now = MIDNIGHT + DAY_SECONDS - 1
    assert not tape.ready()
    wall.now += 1
    assert tape.ready()
    assert tape.interrupted
    assert tape.write(line)
    assert (tape.stopped, tape.interrupted) == ("", False)
    assert tape.path.stat().st_size == 5 * len(line)


def test_the_allowance_is_one_for_all_tapes_and_survives_a_restart(tmp_path: Path, wall: Wall) -> None:
    line = b"x" * (MEGABYTE // 2 - 1) + b"\n"
    tapes = Tapes(tmp_path, max_mb=1, wall=wall)
    assert tapes.open("delta-strangle-1").write(line)
    assert tapes.open("delta-strangle-2").write(line)
    assert not tapes.open("delta-strangle-3").write(line)
    for path in tmp_path.iterdir():
        os.utime(path, (wall.now, wall.now))
    assert not Tapes(tmp_path, max_mb=1, wall=wall).open("delta-strangle-3").write(line)
    wall.now += DAY_SECONDS
    assert Tapes(tmp_path, max_mb=1, wall=wall).open("delta-strangle-3").write(line)


def test_half_a_line_of_a_full_disk_is_kept_apart_from_the_next(
    tmp_path: Path, wall: Wall, monkeypatch: pytest.MonkeyPatch
) -> None:
    tape = Tapes(tmp_path, wall=wall).open("delta-strangle-1")
    assert tape.write(b"first\n")
    real = os.write
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", lambda handle, data: real(handle, data[:3]))
        assert not tape.write(b"second\n")
    assert "full" in tape.stopped
    assert not tape.ready()
    wall.now += 61
    assert tape.ready()
    assert tape.write(b"third\n")
    assert tape.path.read_bytes() == b"first\nsec\nthird\n"


def test_a_directory_that_cannot_be_made_stops_it_with_a_reason(tmp_path: Path, wall: Wall) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a directory")
    tape = Tapes(blocked / "tapes", wall=wall).open("delta-strangle-1")
    assert not tape.write(b"line\n")
    assert tape.stopped


def test_old_tapes_are_pruned_and_what_a_killed_worker_left_is_compressed(tmp_path: Path, wall: Wall) -> None:
    old = of_age(tmp_path / "delta-strangle-1.jsonl.gz", wall, 91)
    young = of_age(tmp_path / "delta-strangle-2.jsonl.gz", wall, 89)
    left = of_age(tmp_path / "delta-strangle-3.jsonl", wall, 2)
    running = of_age(tmp_path / "delta-strangle-4.jsonl", wall, 100)
    half = of_age(tmp_path / "delta-strangle-5.jsonl.gz.part", wall, 1)
    foreign = of_age(tmp_path / "market.jsonl.gz", wall, 1000)
    tapes = Tapes(tmp_path, wall=wall)
    assert tapes.tidy(90, ["delta-strangle-4"]) == [old.name]
    assert [path.exists() for path in (old, young, left, running, half, foreign)] == [
        False,
        True,
        False,
        True,
        False,
        True,
    ]
    assert gzip.decompress((tmp_path / "delta-strangle-3.jsonl.gz").read_bytes()) == b"{}\n"
    wall.now += 1000 * DAY_SECONDS
    assert tapes.tidy(0, ["delta-strangle-4"]) == []
    assert len(tapes.tidy(90, ["delta-strangle-4"])) == 2
    assert tapes.all() == [running]


@pytest_asyncio.fixture
async def scene(tmp_path: Path) -> AsyncIterator[TapedScene]:
    """A watched engine on tape at 09:25 IST."""
    made = TapedScene(tmp_path)
    yield made
    await made.close()


@pytest.fixture
def full_disk(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """A disk that is full while the list is not empty."""
    full: list[bool] = []
    real = os.write

    def write(handle: int, data: bytes) -> int:
        if full and data.startswith(b"{"):
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(handle, data)

    monkeypatch.setattr(os, "write", write)
    return full


@pytest.mark.django_db(transaction=True)
async def test_a_full_disk_leaves_trading_alone_and_a_gap_in_the_replay(
    scene: TapedScene, full_disk: list[bool]
) -> None:
    session = await scene.start(max_hold_minutes=5)
    await scene.until_live()
    full_disk.append(True)
    for _ in range(10):
        await scene.step(5)
    full_disk.clear()
    scene.tape_seconds += 61
    await scene.until_closed(seconds=5)
    await assert_settled(scene, session)
    told = await said(session, "tape")
    assert len(told) == 2
    assert "No space left" in told[0]
    assert "goes on" in told[1]
    result = await scene.replayed(session)
    assert result.divergence is None
    assert not result.same
    assert "not on the tape" in result.gaps[0]
    assert result.hash == result.expected


@pytest.mark.django_db(transaction=True)
async def test_a_full_allowance_is_in_the_journal_and_a_gap_in_the_replay(tmp_path: Path) -> None:
    scene = TapedScene(tmp_path)
    session = await scene.start(max_hold_minutes=5)
    await scene.until_live()
    tape = scene.tapes.find(session.strategy_id)
    assert tape is not None
    scene.tapes.max_mb = (tape.stat().st_size + 5000) / MEGABYTE
    await scene.until_closed(seconds=5)
    await assert_settled(scene, session)
    assert "TAPE_MAX_MB_PER_DAY" in (await said(session, "tape"))[0]
    result = await scene.replayed(session)
    assert result.events > 5
    assert "the tape ends with decision" in result.gaps[0]
    await scene.close()


@pytest.mark.django_db(transaction=True)
async def test_the_same_session_makes_the_same_tape_whether_ticks_come_often_or_not(scene: TapedScene) -> None:
    session = await scene.start(max_hold_minutes=3)
    await scene.until_live()
    assert scene.engine.session is not None
    before = scene.tapes.find(session.strategy_id)
    assert before is not None
    size = before.stat().st_size
    for _ in range(50):
        await scene.step(0)
    assert before.stat().st_size == size
    await scene.until_closed()
    assert_same(await scene.replayed(session))
