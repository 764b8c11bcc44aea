"""Rows of the fault matrix about our own side: the database, the process, and what operators do meanwhile."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest
from asgiref.sync import sync_to_async
from django.db import OperationalError, connection
from django.utils import timezone

from deltastrangle.exceptions import ApplicationError
from trading.engine import session as engine_session
from trading.engine.tape_files import Tapes
from trading.models import Alert, EngineLease, StrategySession
from trading.services.configurations import update_configuration
from trading.services.trading_mode import set_trading_mode
from trading.strategy.types import Phase, Side
from trading.tests.matrix.end_check import end_check
from trading.tests.matrix.stage import Stage, at, nowhere, said
from trading.tests.matrix.troubles import FullDisk, HeldLock, NoMorePages, Trouble

pytestmark = pytest.mark.django_db(transaction=True)
sqlite = pytest.mark.skipif(connection.vendor != "sqlite", reason="a full disk is made under SQLite")


@pytest.mark.parametrize("refusals", [3, 40])
async def test_database_locked(stage: Stage, monkeypatch: pytest.MonkeyPatch, refusals: int) -> None:
    """A second connection holds the write lock for longer than ours waits, over and over."""
    session = await _through_trouble(stage, HeldLock(stage), refusals, monkeypatch)
    await end_check(stage, session)


async def test_database_locked_while_live(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """What happens meanwhile (a contract bought by hand) cannot be written down; the rules are judged all the same, and
    the exit leaves at its time.
    """
    monkeypatch.setattr(engine_session, "WRITE_PAUSE_SECONDS", 0.0)
    session = await stage.start(max_hold_minutes=2)
    await stage.until_live()
    await stage.step()
    lock = HeldLock(stage)
    lock.begin()
    stage.by_hand(stage.state.symbols[0], Side.BUY, 1)
    try:
        for _ in range(20):
            with suppress(OperationalError):
                await stage.step(8)
        assert stage.watched_store.failed, "there was something to write"
        assert [o.filled for o in stage.exchange.orders() if "-x" in o.client_order_id] == [9, 10]
    finally:
        lock.end()
    await stage.until_closed()
    await end_check(stage, session)
    assert session.exit_reason == "closed_outside"


@sqlite
async def test_disk_full(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    session = await _through_trouble(stage, NoMorePages(stage), 60, monkeypatch)
    await end_check(stage, session)


@sqlite
async def test_disk_full_under_database_and_tapes(
    small_disk: Path, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file system of its own, filled to the last byte. The tape says what it lost; trading does not wait for it."""
    stage.tapes = Tapes(small_disk / "tapes", wall=lambda: at(stage).timestamp())
    session = await _through_trouble(stage, FullDisk(stage, small_disk), 30, monkeypatch)
    await end_check(stage, session)
    lines = [line.split(":")[0] for line in await said(session, "tape")]
    assert lines == ["The tape stopped", "The tape goes on with a new segment", "The tape stopped"]
    assert stage.tapes.find(session.strategy_id) is not None


async def _through_trouble(
    stage: Stage, trouble: Trouble, refusals: int, monkeypatch: pytest.MonkeyPatch
) -> StrategySession:
    """The trouble is there when the entry is due, and again when the exit is."""
    monkeypatch.setattr(engine_session, "WRITE_PAUSE_SECONDS", 0.0)
    session = await stage.start(now=False, max_hold_minutes=3)
    await trouble.until_refused(refusals, seconds=301)
    assert trouble.orders == 0, "an order left before its intent was on disk"
    await stage.until_live()
    await stage.step(61)
    await stage.ask("stop")
    await trouble.until_refused(refusals, seconds=1)
    if refusals > engine_session.WRITE_ATTEMPTS:
        assert trouble.orders == 4, "armed exits wait for no database"
    await stage.until_closed()
    assert len(stage.exchange.orders()) == 4
    await session.arefresh_from_db()
    assert session.exit_reason == "stopped"
    await stage.watched_store.board.settled()
    told = await Alert.objects.filter(session=session, kind="ledger_write").acount()
    assert bool(told) is (refusals >= engine_session.TELL_ATTEMPT)
    return session


class Death:
    """Ends the worker at the ``at``-th effect: before and after every write, order and cancel. 0 is never."""

    def __init__(self, stage: Stage, at: int) -> None:
        self.stage = stage
        self.at = at
        self.passed = 0
        self.where = ""
        self.come = asyncio.Event()

    def __call__(self, what: str) -> None:
        """An effect on the exchange's side."""
        self.passed += 1
        if self.passed == self.at:
            self.where = what
            self.come.set()
            if self.stage.engine.session is not None:
                self.stage.engine.session.abandon()

    async def on_disk(self, what: str) -> None:
        """An effect on ours: nothing that was begun comes to anything afterwards."""
        self(what)
        if self.come.is_set():
            await asyncio.Event().wait()


async def _live_and_die(at: int) -> int:
    stage = Stage()
    death = Death(stage, at)
    try:
        stage.wire.fault("partial:leg=call,side=sell,fraction=0.3,count=1; timeout_after:leg=put,side=buy,count=1")
        session = await stage.start(name=f"Rig {at}", now=False, max_hold_minutes=1)
        stage.struck_by, stage.watched_store.point = death, death.on_disk
        life = asyncio.create_task(_one_life(stage))
        end = asyncio.create_task(death.come.wait())
        await asyncio.wait({life, end}, return_when=asyncio.FIRST_COMPLETED)
        for task in (life, end):
            task.cancel()
        await asyncio.gather(life, end, return_exceptions=True)
        if death.come.is_set():
            stage.struck_by, stage.watched_store.point = lambda _what: None, nowhere
            await stage.restart()
            await stage.until_closed(seconds=2)
        await end_check(stage, session)
        assert session.exit_reason in ("time_exit", "resumed_exit")
    except AssertionError as error:
        raise AssertionError(f"died at effect {at} ({death.where}): {error}") from error
    finally:
        await stage.close()
    return death.passed


async def _one_life(stage: Stage) -> None:
    await stage.step(301)
    await stage.until_closed(seconds=2)


@pytest.mark.slow
async def test_kill_9_between_any_two_effects() -> None:
    """Every fourth effect of a rough session here; real signals at seeded points are the chaos command's business."""
    effects = await _live_and_die(0)
    assert effects > 20
    for effect in range(1, effects + 1, 4):
        await _live_and_die(effect)


async def test_kill_9_between_two_steps(stage: Stage) -> None:
    session = await stage.start(max_hold_minutes=1)
    while await StrategySession.objects.filter(pk=session.pk, status="running").aexists():
        await stage.restart()
        await stage.step(8)
    await end_check(stage, session)
    assert len(stage.exchange.orders()) == 4
    assert session.exit_reason == "time_exit"


async def test_two_workers_at_once(stage: Stage) -> None:
    """The second stands by and takes over when the first is frozen; the first, woken late, can no longer write."""
    session = await stage.start()
    await stage.until_live()
    first, first_store = stage.engine, stage.store
    stage.owner = "second"
    second, second_store = stage.over_the_wire(), stage.store
    await second.step()
    assert (second.token, second.session) == (None, None)
    await EngineLease.objects.aupdate(expires_at=timezone.now() - timedelta(seconds=1))
    second._due.clear()
    stage.engine, stage.store = second, second_store
    await stage.step()
    assert second.token is not None
    assert stage.phase is Phase.LIVE
    await stage.ask("stop")
    first.wake()
    await first.step()
    assert (first.token, first.session) == (None, None), "its first write was refused"
    await stage.until_closed()
    await first.step()
    assert first.token is None
    await first_store.close()
    await end_check(stage, session)
    assert len(stage.exchange.orders()) == 4
    assert session.exit_reason in ("stopped", "resumed_exit"), "the late one's armed exits had left, and were found"


async def test_config_edited_during_a_session(stage: Stage) -> None:
    session = await stage.start(max_hold_minutes=2)
    await stage.until_live()
    planned = stage.state.exit
    assert session.configuration_id is not None
    await sync_to_async(update_configuration)(
        actor=None,
        configuration_id=session.configuration_id,
        values={"quantity": 50, "max_hold_minutes": 60, "max_loss_pct": "1"},
        source="command",
    )
    assert stage.state.exit == planned
    await stage.restart()
    assert (stage.phase, stage.state.exit, stage.state.params.quantity) == (Phase.LIVE, planned, 10)
    await stage.until_closed()
    await end_check(stage, session)
    assert session.exit_reason == "time_exit"
    assert session.config_snapshot["quantity"] == 10
    assert [leg.quantity async for leg in session.positions.all()] == [10, 10]


async def test_unlock_after_panic(stage: Stage) -> None:
    first = await stage.start()
    await stage.until_live()
    await stage.ask("panic")
    await stage.until_closed()
    await end_check(stage, first)
    assert first.exit_reason == "panic_close"
    with pytest.raises(ApplicationError, match="halted"):
        await stage.ask("start", configuration_id=first.configuration_id, now=True)
    await sync_to_async(set_trading_mode)(
        actor=None, mode="active", reason="looked at it", confirm="RESUME", source="command"
    )
    asked = await stage.ask("start", configuration_id=first.configuration_id, now=True)
    await stage.step(0)
    await stage.until_live()
    await stage.ask("stop")
    await stage.until_closed()
    second = await StrategySession.objects.aget(pk=asked.session_id)
    await end_check(stage, second)
    assert second.exit_reason == "stopped"
    assert [leg.quantity async for leg in second.positions.all()] == [10, 10]


async def test_fills_that_cannot_be_read_at_a_restart_are_read_until_they_are_told(stage: Stage) -> None:
    session = await stage.start()
    await stage.until_live()
    stage.wire.fault("server_error:path=/v2/fills,for=20")
    await stage.restart()
    began = at(stage)
    assert stage.state.fills_read_at is None
    await stage.run(lambda: stage.state.fills_read_at is not None, seconds=1, limit=60)
    assert timedelta(seconds=15) <= at(stage) - began <= timedelta(seconds=40)
    assert stage.wire.venue.link.limits.signed.used < 2000, "nothing is asked in a circle meanwhile"
    await stage.ask("stop")
    await stage.until_closed()
    await end_check(stage, session)
