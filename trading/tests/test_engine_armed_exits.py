"""Armed exits: closing waits for no disk, and a crash in that gap loses nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from decimal import Decimal

import pytest
import pytest_asyncio
from django.db import OperationalError

from trading.engine.ports import SessionWrite
from trading.engine.session import WRITE_ATTEMPTS
from trading.models import DecisionRecord, OrderLedger, StrategySession
from trading.store import DjangoStore
from trading.strategy.arming import armed_ids
from trading.strategy.codec import loads
from trading.strategy.state import SessionState
from trading.tests.scene import Scene, assert_settled, nowhere

pytestmark = pytest.mark.django_db(transaction=True)


@pytest_asyncio.fixture
async def scene() -> AsyncIterator[Scene]:
    """09:25 IST."""
    made = Scene()
    yield made
    await made.close()


async def live(scene: Scene) -> StrategySession:
    """A session that is live and has looked at its quotes."""
    session = await scene.start(max_hold_minutes=30, max_loss_pct="1000", max_profit_pct="100")
    await scene.until_live()
    await scene.step()
    return session


async def exits_on_disk() -> int:
    """Rows of closing orders."""
    return await OrderLedger.objects.filter(purpose="exit").acount()


async def test_every_open_leg_is_armed_from_the_moment_the_session_is_live(scene: Scene) -> None:
    await live(scene)
    assert {i.rsplit("-", 1)[1] for i in armed_ids(scene.state)} == {"x1"}
    assert len(armed_ids(scene.state)) == 2
    assert await exits_on_disk() == 0


async def test_both_closes_leave_before_the_exit_is_written_down(scene: Scene) -> None:
    session = await live(scene)
    rows_when_sent: list[int] = []

    async def note(what: str) -> None:
        if what.startswith("place "):
            rows_when_sent.append(await exits_on_disk())

    scene.point = note
    await scene.ask("stop")
    await scene.until_closed()
    assert rows_when_sent == [0, 0]
    await assert_settled(scene, session)


async def test_both_closes_leave_once_although_the_database_refuses_to_write(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = await live(scene)
    write, refusals = DjangoStore.write, iter(range(WRITE_ATTEMPTS + 2))
    monkeypatch.setattr("trading.engine.session.WRITE_PAUSE_SECONDS", 0)

    async def refuse(self: DjangoStore, what: SessionWrite, *, token: int) -> None:
        if next(refusals, None) is not None:
            raise OperationalError("database is locked")
        await write(self, what, token=token)

    monkeypatch.setattr(DjangoStore, "write", refuse)
    scene.clock.advance(1900)
    with pytest.raises(OperationalError):
        await scene.engine.step()
    assert len([i for i in scene.sent if i.reduce_only]) == 2
    assert await exits_on_disk() == 0
    await scene.until_closed()
    closes = [i.client_order_id for i in scene.sent if i.reduce_only]
    assert len(closes) == len(set(closes))
    await assert_settled(scene, session)


async def test_a_close_that_is_armed_in_memory_alone_waits_for_the_disk(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database refuses from the arming on: the rules go on, but an id that a crash would forget is not sent."""
    write, locked = DjangoStore.write, asyncio.Event()
    monkeypatch.setattr("trading.engine.session.WRITE_PAUSE_SECONDS", 0)

    async def refuse(self: DjangoStore, what: SessionWrite, *, token: int) -> None:
        if armed_ids(loads(SessionState, what.record.state)):
            locked.set()
        if locked.is_set():
            raise OperationalError("database is locked")
        await write(self, what, token=token)

    monkeypatch.setattr(DjangoStore, "write", refuse)
    session = await scene.start(max_hold_minutes=30, max_loss_pct="1000", max_profit_pct="100")
    await scene.until_live()
    await scene.step()
    assert locked.is_set()
    assert len(armed_ids(scene.state)) == 2
    scene.clock.advance(1900)
    for _ in range(3):
        with pytest.raises(OperationalError):
            await scene.engine.step()
    assert [i for i in scene.sent if i.reduce_only] == []
    monkeypatch.setattr(DjangoStore, "write", write)
    await scene.until_closed()
    await assert_settled(scene, session)


async def test_a_close_that_left_before_the_worker_died_is_found_and_the_exit_goes_on(scene: Scene) -> None:
    session = await live(scene)
    dead = asyncio.Event()

    async def die(what: str) -> None:
        if what == "write":
            dead.set()
            await asyncio.Event().wait()

    scene.point = die
    assert scene.engine.session is not None
    # A stop that is touched for a moment only: after the restart no rule would close.
    touchy = replace(scene.state.params, leg_stop_multiple=Decimal("0.01"))
    scene.engine.session.state = replace(scene.state, params=touchy)
    step = asyncio.create_task(scene.engine.step())
    await asyncio.wait_for(dead.wait(), 5)
    for _ in range(50):
        await asyncio.sleep(0)
    step.cancel()
    await asyncio.gather(step, return_exceptions=True)
    assert [i.client_order_id[-2:] for i in scene.sent if i.reduce_only] == ["x1", "x1"]
    assert await exits_on_disk() == 0
    scene.point = nowhere
    await scene.restart()
    await scene.until_closed()
    await session.arefresh_from_db()
    assert session.exit_reason == "resumed_exit"
    assert await DecisionRecord.objects.filter(session=session, kind="exit_decided").acount() == 1
    await assert_settled(scene, session)
