"""One engine: the lease decides who trades, and the fencing token keeps whoever lost it from writing."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
import pytest_asyncio
from asgiref.sync import sync_to_async
from django.utils import timezone

from trading import lease
from trading.engine.ports import LeaseLost
from trading.engine.runtime import Engine
from trading.models import EngineCommand, EngineLease, OrderLedger, StrategySession
from trading.services.positions import read_account
from trading.strategy.types import Phase
from trading.tests.scene import Scene, WatchedVenue, assert_settled

pytestmark = pytest.mark.django_db(transaction=True)


class TwoWorkers(Scene):
    """A scene with a second worker on the same database and account."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.first_store = self.engine, self.store
        self.second = self.new_engine("second", WatchedVenue(self.exchange, self.faults, self))

    async def close(self) -> None:
        """Give both back."""
        await self.first.shut_down()
        await self.first_store.close()
        self.engine = self.second
        await super().close()

    async def both(self, seconds: float = 1.0) -> None:
        """Time passes; both workers turn."""
        self.clock.advance(seconds)
        for engine in (self.first, self.second):
            await engine.step()
            await engine.settle()
        self.look()


@pytest_asyncio.fixture
async def scene() -> AsyncIterator[TwoWorkers]:
    """Two workers at 09:25 IST."""
    made = TwoWorkers()
    yield made
    await made.close()


async def lapse(holder: Engine) -> None:
    """The holder has not renewed for longer than the lease, by the database's clock and its own."""
    holder._leads_until = float("-inf")
    await EngineLease.objects.aupdate(expires_at=timezone.now() - timedelta(seconds=1))


def look_at_the_lease(engine: Engine) -> None:
    """The engine's next step renews or claims."""
    engine._due.pop("lease", None)


async def test_one_engine_trades_and_the_other_says_who_does(
    scene: TwoWorkers, caplog: pytest.LogCaptureFixture
) -> None:
    session = await scene.start(max_hold_minutes=3)
    with caplog.at_level(logging.WARNING):
        for _ in range(30):
            look_at_the_lease(scene.second)
            await scene.both(10)
    await assert_settled(scene, session)
    assert [r.getMessage() for r in caplog.records if "Standing by" in r.getMessage()] == [
        "Standing by: the engine lease is held by rig"
    ]
    assert scene.second.session is None
    assert {o.fencing_token async for o in OrderLedger.objects.all()} == {scene.first.token}


async def test_the_second_takes_over_with_a_higher_token_and_goes_on_with_the_same_session(scene: TwoWorkers) -> None:
    session = await scene.start(max_hold_minutes=5)
    await scene.until_live()
    token = scene.first.token
    assert token is not None
    await lapse(scene.first)
    await scene.second.step()
    await scene.second.settle()
    assert scene.second.token == token + 1
    assert scene.second.session is not None
    assert scene.second.session.spec.session_id == session.pk
    assert scene.second.session.state.phase is Phase.LIVE
    scene.engine = scene.second
    await scene.until_closed(seconds=5)
    await assert_settled(scene, session)
    tokens = {o.purpose: o.fencing_token async for o in OrderLedger.objects.filter(session=session)}
    assert tokens == {"entry": token, "exit": token + 1}


async def test_the_first_woken_late_cannot_write_and_stands_by(scene: TwoWorkers) -> None:
    session = await scene.start(max_hold_minutes=5)
    await scene.until_live()
    await lapse(scene.first)
    await scene.second.step()
    sent = len(scene.sent)
    scene.clock.advance(600)
    await scene.first.step()
    await scene.first.settle()
    assert scene.first.token is None
    assert scene.first.session is None
    assert len(scene.sent) == sent
    await session.arefresh_from_db()
    assert session.phase == "live"
    scene.engine = scene.second
    await scene.until_closed()
    await assert_settled(scene, session)


async def test_the_first_woken_late_by_a_command_stands_by_and_leaves_it_to_the_second(scene: TwoWorkers) -> None:
    session = await scene.start()
    await scene.until_live()
    await lapse(scene.first)
    await scene.second.step()
    await scene.ask("panic")
    await scene.first.step()
    assert scene.first.token is None
    assert await EngineCommand.objects.filter(action="panic", status="pending").aexists()
    scene.engine = scene.second
    scene.second.wake()
    await scene.until_closed()
    await assert_settled(scene, session)
    assert session.exit_reason == "panic_close"


async def test_a_late_worker_cannot_settle_a_command_that_asks_for_no_other_write(scene: TwoWorkers) -> None:
    await scene.step()
    await lapse(scene.first)
    await scene.second.step()
    assert scene.second.token is not None
    await scene.ask("start", configuration_id=await scene.configure(), now=False)
    await scene.first.step()
    assert scene.first.token is None
    command = await EngineCommand.objects.aget(action="start")
    assert (command.status, command.settled_at) == ("pending", None)
    scene.second.wake()
    await scene.second.step()
    await command.arefresh_from_db()
    assert command.status == "done"


async def test_a_command_that_was_under_way_when_the_lease_was_lost_is_left_to_the_next_worker(
    scene: TwoWorkers,
) -> None:
    await scene.step()
    await scene.first.settle()
    await sync_to_async(read_account)(actor=None, mode="paper", source="command")

    async def overtaken(what: str) -> None:
        if what == "positions" and scene.second.token is None:
            scene.second._venue = scene.second._venue_for("paper")
            await lapse(scene.first)
            await scene.second._hold_lease()

    scene.first.wake()
    scene.point = overtaken
    await scene.first.step()
    await scene.first.desk.finish()
    command = await EngineCommand.objects.aget(action="read_account")
    assert scene.second.token is not None
    assert command.status == "pending"
    scene.second.wake()
    await scene.second.step()
    await scene.second.settle()
    await command.arefresh_from_db()
    assert command.status == "done"


async def test_a_late_worker_opens_no_session_for_a_restart(scene: TwoWorkers) -> None:
    await scene.start()
    await scene.ask("restart")
    command = await EngineCommand.objects.aget(action="restart")
    token = scene.first.token
    assert token is not None
    await lapse(scene.first)
    await scene.second.step()
    with pytest.raises(LeaseLost):
        await scene.first_store.reopen(command.pk, token=token)
    assert await StrategySession.objects.acount() == 1


async def test_a_lease_that_lapsed_but_that_nobody_took_is_claimed_again_with_the_session_at_hand(
    scene: TwoWorkers,
) -> None:
    session = await scene.start(max_hold_minutes=3)
    await scene.until_live()
    runner, token = scene.first.session, scene.first.token
    assert token is not None
    await lapse(scene.first)
    look_at_the_lease(scene.first)
    await scene.step()
    assert scene.first.session is runner
    assert scene.first.token == token + 1
    await scene.until_closed(seconds=5)
    await assert_settled(scene, session)


async def test_the_first_takes_the_session_up_from_disk_when_the_second_had_it_in_between(scene: TwoWorkers) -> None:
    session = await scene.start(max_hold_minutes=3)
    await scene.until_live()
    runner = scene.first.session
    await lapse(scene.first)
    await scene.second.step()
    await scene.second.settle()
    await lapse(scene.first)
    look_at_the_lease(scene.first)
    await scene.step()
    assert scene.first.session is not None
    assert scene.first.session is not runner
    await scene.until_closed(seconds=5)
    await assert_settled(scene, session)


async def test_a_lease_given_up_is_free_at_once(scene: TwoWorkers) -> None:
    await scene.start(now=False)
    await scene.first.shut_down()
    await scene.second.step()
    assert scene.second.token is not None
    assert scene.second.session is not None
    assert await StrategySession.objects.filter(status="running").acount() == 1


@pytest.mark.django_db(transaction=True)
def test_only_the_newest_token_is_ours() -> None:
    first = lease.claim("a", 60)
    assert lease.claim("b", 60) is None
    assert lease.claim("a", 60) == first
    EngineLease.objects.update(expires_at=timezone.now())
    second = lease.claim("b", 60)
    assert first is not None
    assert second == first + 1
    assert not lease.is_ours(first)
    assert lease.is_ours(second)
    lease.release("a")
    assert lease.holder() == "b"
