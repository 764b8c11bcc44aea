"""Panic and stop, at every moment of a session: flat, once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
import pytest_asyncio

from trading.models import EngineCommand, StrategySession, TradingMode
from trading.strategy.types import Phase, Purpose
from trading.tests.scene import Scene, assert_settled, said

pytestmark = pytest.mark.django_db(transaction=True)

Moment = Callable[[Scene], Awaitable[StrategySession]]


@pytest_asyncio.fixture
async def scene() -> AsyncIterator[Scene]:
    """A fresh, watched engine at 09:25 IST."""
    made = Scene()
    yield made
    await made.close()


async def waiting(scene: Scene) -> StrategySession:
    session = await scene.start(now=False)
    assert scene.phase is Phase.WAITING
    return session


async def selecting(scene: Scene) -> StrategySession:
    scene.faults.inject("no_chain")
    session = await scene.start()
    assert scene.phase is Phase.SELECTING
    return session


async def before_any_answer(scene: Scene) -> StrategySession:
    """Both orders have left; the answers come after the next command."""
    arrived = asyncio.Event()

    async def hold(what: str) -> None:
        if what.startswith("place ") and "-e1" in what:
            await scene.hold(arrived)

    scene.point = hold
    await scene.configure()
    await scene.ask("start", now=True, configuration_name="Rig")
    await scene.turn()
    assert scene.phase is Phase.ENTERING
    assert scene.sent == []
    scene.release = arrived.set
    return await StrategySession.objects.aget()


async def one_leg_filled(scene: Scene) -> StrategySession:
    scene.becalm()
    scene.faults.inject("partial:leg=put,purpose=entry,fraction=0,count=1")
    session = await scene.start()
    assert [leg.held for leg in scene.state.legs] == [10, 0]
    return session


async def one_leg_unknown(scene: Scene) -> StrategySession:
    """The put was accepted and filled, but the link died with it for fifteen seconds."""

    async def cut(what: str) -> None:
        if what.startswith("placed") and "PE-e1" in what:
            scene.faults.inject("timeout_after:count=1;disconnect:for=15")

    scene.point = cut
    session = await scene.start()
    assert scene.phase is Phase.ENTERING
    assert scene.state.unsettled
    return session


async def live(scene: Scene) -> StrategySession:
    session = await scene.start()
    assert scene.phase is Phase.LIVE
    return session


async def exiting(scene: Scene) -> StrategySession:
    session = await live(scene)
    scene.faults.inject("reject:purpose=exit,leg=put,for=4,code=unavailable")
    await scene.ask("stop")
    await scene.step()
    assert scene.phase is Phase.EXITING
    return session


MOMENTS = (waiting, selecting, before_any_answer, one_leg_filled, one_leg_unknown, live, exiting)
ENTERING = (before_any_answer, one_leg_filled, one_leg_unknown)


def named(moment: Moment) -> str:
    """A parameter's name."""
    return moment.__name__.replace("_", " ")


async def finish(scene: Scene) -> None:
    """Let the command be obeyed, what was held back arrive, and the session end."""
    await scene.turn()
    scene.release()
    await scene.until_closed()


@pytest.mark.parametrize("moment", MOMENTS, ids=named)
async def test_a_panic_ends_flat_and_halts_the_platform_while(scene: Scene, moment: Moment) -> None:
    session = await moment(scene)
    await scene.ask("panic")
    await finish(scene)
    await assert_settled(scene, session)
    assert session.exit_reason == ("stopped" if moment is exiting else "panic_close")
    assert (await TradingMode.objects.aget()).mode == "halted"


@pytest.mark.parametrize("moment", MOMENTS, ids=named)
async def test_a_panic_pressed_again_and_again_ends_flat_once_while(scene: Scene, moment: Moment) -> None:
    session = await moment(scene)
    await asyncio.gather(scene.ask("panic"), scene.ask("panic"))
    await scene.turn()
    await scene.ask("panic")
    await finish(scene)
    await assert_settled(scene, session)
    assert len(await said(session, "proof_of_flat")) == (0 if moment in (waiting, selecting) else 1)
    assert not await EngineCommand.objects.filter(status="pending").aexists()
    bought = sum(f.size for f in scene.exchange.fills() if f.side == "buy")
    assert bought == sum(f.size for f in scene.exchange.fills() if f.side == "sell")


@pytest.mark.parametrize("moment", MOMENTS, ids=named)
async def test_a_stop_ends_flat_while(scene: Scene, moment: Moment) -> None:
    session = await moment(scene)
    await scene.ask("stop")
    await finish(scene)
    await assert_settled(scene, session)
    assert session.exit_reason == "stopped"
    assert not await TradingMode.objects.filter(mode="halted").aexists()


@pytest.mark.parametrize("moment", [waiting, selecting], ids=named)
async def test_before_the_entry_a_stop_is_immediate_while(scene: Scene, moment: Moment) -> None:
    session = await moment(scene)
    await scene.ask("stop")
    await scene.step(0)
    await session.arefresh_from_db()
    assert session.status == "stopped"
    assert scene.sent == []


@pytest.mark.parametrize("moment", ENTERING, ids=named)
async def test_it_hands_over_what_was_sold_so_far_while(scene: Scene, moment: Moment) -> None:
    session = await moment(scene)
    await scene.ask("stop", leave_open=True)
    await finish(scene)
    await assert_settled(scene, session)
    assert session.exit_reason == "handed_over"
    assert {intent.purpose for intent in scene.sent} == {Purpose.ENTRY}
    assert all(intent.attempt == 1 for intent in scene.sent)


async def test_a_panic_closes_what_was_about_to_be_handed_over(scene: Scene) -> None:
    session = await one_leg_unknown(scene)
    await scene.ask("stop", leave_open=True)
    await scene.step()
    assert scene.phase is Phase.EXITING
    await scene.ask("panic")
    await finish(scene)
    await assert_settled(scene, session)
    assert session.exit_reason == "panic_close"


async def test_a_halted_platform_sells_nothing(scene: Scene) -> None:
    session = await waiting(scene)
    await scene.ask("panic")
    await scene.until_closed()
    configuration = session.configuration_id
    await TradingMode.objects.aupdate(mode="active")
    await scene.ask("start", configuration_id=configuration, now=True)
    await TradingMode.objects.aupdate(mode="halted")
    await scene.step(0)
    second = await StrategySession.objects.aget(status="running")
    await scene.until_closed(seconds=10)
    await assert_settled(scene, second)
    assert second.exit_reason == "no_entry"
    assert "halted" in (await said(second, "selection_refused"))[0]
    assert scene.sent == []


async def test_a_panic_after_a_restart_was_asked_for_opens_no_new_session(scene: Scene) -> None:
    session = await live(scene)
    await scene.ask("restart", now=True)
    await scene.ask("panic")
    await scene.until_closed()
    await assert_settled(scene, session)
    assert await StrategySession.objects.acount() == 1
    assert await EngineCommand.objects.filter(action="restart", status="failed").aexists()
