"""No tape is lost while the directory is kept tidy: not an open session's, not one that is begun meanwhile."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Callable
from pathlib import Path

import pytest

from trading.engine import tape_files
from trading.engine.archive import Archive
from trading.engine.ports import ModeUnavailable, Venue
from trading.engine.tape_files import DAY_SECONDS, Tapes
from trading.engine.tape_reader import Torn, read
from trading.tests.scene import WatchedVenue
from trading.tests.taped import TapedScene, assert_same

NAME = "delta-strangle-1"


@pytest.fixture
def tapes(tmp_path: Path) -> Tapes:
    """An empty directory of tapes."""
    return Tapes(tmp_path)


def write(tapes: Tapes, line: bytes) -> None:
    """A worker writes a line and is done with the tape."""
    tape = tapes.open(NAME)
    assert tape.write(line)
    tape.close()


def between(monkeypatch: pytest.MonkeyPatch, happens: Callable[[], None]) -> None:
    """Have something happen after a tape was compressed and before it takes the plain one's place."""
    real = tape_files._pack

    def pack(source: Path) -> None:
        real(source)
        happens()

    monkeypatch.setattr(tape_files, "_pack", pack)


def names(tapes: Tapes) -> list[str]:
    """Everything in the directory."""
    return sorted(path.name for path in tapes.directory.iterdir())


def test_a_tape_that_is_being_written_is_neither_packed_nor_deleted(tapes: Tapes) -> None:
    tape = tapes.open(NAME)
    assert tape.write(b"one\n")
    tapes.pack(NAME)
    later = tapes.wall() + 100 * DAY_SECONDS
    tapes.wall = lambda: later
    assert tapes.tidy(90) == []
    assert tape.write(b"two\n")
    assert tape.path.read_bytes() == b"one\ntwo\n"
    tape.close()
    tapes.tidy(0)
    assert names(tapes) == [f"{NAME}.jsonl.gz"]


def test_a_worker_that_opened_a_tape_later_keeps_it_when_the_earlier_one_gives_it_back(tapes: Tapes) -> None:
    earlier, later = tapes.open(NAME), tapes.open(NAME)
    assert later.write(b"one\n")
    earlier.close()
    tapes.tidy(0)
    assert names(tapes) == [f"{NAME}.jsonl"]


def test_a_tape_that_is_taken_up_while_it_is_packed_stays_plain(tapes: Tapes, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tapes, b"one\n")
    taken: list[tape_files.TapeFile] = []
    between(monkeypatch, lambda: taken.append(tapes.open(NAME)))
    tapes.tidy(0)
    assert taken[0].write(b"two\n")
    assert names(tapes) == [f"{NAME}.jsonl"]
    assert taken[0].path.read_bytes() == b"one\ntwo\n"


def test_a_line_that_came_while_it_was_packed_is_kept(tapes: Tapes, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tapes, b"one\n")
    between(monkeypatch, lambda: write(tapes, b"two\n"))
    tapes.pack(NAME)
    assert (tapes.directory / f"{NAME}.jsonl").read_bytes() == b"one\ntwo\n"


def test_what_is_packed_already_is_kept_in_front(tapes: Tapes) -> None:
    for line in (b"{}\n", b"[]\n", b"torn"):
        write(tapes, line)
        tapes.pack(NAME)
    packed = tapes.directory / f"{NAME}.jsonl.gz"
    assert names(tapes) == [packed.name]
    assert gzip.decompress(packed.read_bytes()) == b"{}\n[]\ntorn"
    assert [record for record, _ in read(packed)][-1] == Torn(3, last=True)


@pytest.mark.parametrize("goes_on", [b"", b"three\n"])
def test_a_crash_between_the_swap_and_the_deletion_doubles_nothing(tapes: Tapes, goes_on: bytes) -> None:
    write(tapes, b"one\n")
    tapes.pack(NAME)
    write(tapes, b"two\n")
    tapes.pack(NAME)
    write(tapes, b"two\n" + goes_on)
    for _ in range(2):
        tapes.pack(NAME)
    packed = tapes.directory / f"{NAME}.jsonl.gz"
    assert names(tapes) == [packed.name]
    assert gzip.decompress(packed.read_bytes()) == b"one\ntwo\n" + goes_on


async def test_without_a_session_at_hand_nothing_is_tidied(tapes: Tapes) -> None:
    write(tapes, b"one\n")
    archive = Archive(tapes, wall=lambda: 0.0)
    archive.look(None)
    await archive.done()
    assert names(tapes) == [f"{NAME}.jsonl"]
    archive.look("delta-strangle-2")
    await archive.done()
    assert names(tapes) == [f"{NAME}.jsonl.gz"]


@pytest.mark.django_db(transaction=True)
async def test_a_worker_that_cannot_guard_the_open_session_leaves_its_tape_alone(tmp_path: Path) -> None:
    scene = TapedScene(tmp_path)
    session = await scene.start(max_loss_pct="1000", max_profit_pct="100", max_hold_minutes=300)
    await scene.until_live()
    await scene.kill()
    await keyless(scene)
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".jsonl"]
    await scene.restart()
    await scene.step()
    await scene.ask("stop")
    await scene.until_closed()
    await scene.step()
    result = await scene.replayed(session)
    assert result.segments == 2
    assert_same(result)
    await scene.close()


async def keyless(scene: TapedScene) -> None:
    """A worker without the keys comes up, and ends."""

    def refuse(_mode: str) -> Venue:
        raise ModeUnavailable("no keys here")

    scene.venue = WatchedVenue(scene.exchange, scene.faults, scene)
    scene.engine = scene.new_engine()
    scene.engine._venue_for = refuse
    await scene.engine.step()
    assert scene.engine.stranded
    assert scene.engine.archive is not None
    await scene.engine.archive.done()
    await asyncio.wait_for(scene.engine.shut_down(), 5)
