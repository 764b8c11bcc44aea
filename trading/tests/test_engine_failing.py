"""An engine that fails where nobody expects it says so, keeps its lease, and goes on with everything else."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator
from dataclasses import replace
from decimal import Decimal
from itertools import pairwise
from typing import Any, NoReturn

import pytest
from asgiref.sync import sync_to_async

from trading import lease
from trading.engine.runtime import FAILURES_TOLD, EngineSettings
from trading.engine.session import CannotDecide, SessionRunner
from trading.models import Alert, RuntimeSnapshot, StrategySession
from trading.selectors.runtime import current_runtime
from trading.strategy.codec import CodecError
from trading.tests.scene import Scene, WatchedVenue

pytestmark = pytest.mark.django_db(transaction=True)
CALM: dict[str, Any] = {"max_loss_pct": "1000", "max_profit_pct": "100"}
EAGER = EngineSettings(lease_seconds=600, publish_seconds=0, sample_seconds=60)


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    made = Scene()
    await made.start(**CALM)
    await made.until_live()
    yield made
    await made.close()


async def stumble(scene: Scene, steps: int = FAILURES_TOLD + 5) -> None:
    """So many steps, each of which may fail, and all that they told."""
    for _ in range(steps):
        scene.clock.advance(1)
        scene.engine.wake()
        with contextlib.suppress(CodecError, CannotDecide, ArithmeticError):
            await scene.engine.step()
        await scene.engine._told()
    await scene.store.board.settled()


async def alerts(kind: str) -> list[tuple[str, str]]:
    """State and message of the alerts of one kind."""
    return [(alert.severity, alert.message) async for alert in Alert.objects.filter(kind=kind)]


async def test_a_session_whose_state_cannot_be_read_is_shown_as_guarded_by_nobody_and_told(scene: Scene) -> None:
    session = await StrategySession.objects.aget()
    await scene.kill()
    newer = session.engine_state.replace('"phase":', '"newer":1,"phase":', 1)
    await StrategySession.objects.filter(pk=session.pk).aupdate(engine_state=newer)
    scene.venue = WatchedVenue(scene.exchange, scene.faults, scene)
    scene.engine = scene.new_engine()
    scene.engine.settings = EAGER
    await stumble(scene, 30)
    ((severity, message),) = await alerts("stranded")
    assert severity == "critical"
    assert "cannot be taken up" in message
    assert "cannot be taken up" in (await sync_to_async(current_runtime)())["attention"]
    await StrategySession.objects.filter(pk=session.pk).aupdate(engine_state=session.engine_state)
    await stumble(scene, 3)
    assert scene.engine.session is not None
    assert not await Alert.objects.filter(kind="stranded", acknowledged_at=None).aexists()
    await scene.ask("stop")
    await scene.until_closed()


async def test_a_strategy_that_fails_at_every_turn_is_told_and_shown(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> NoReturn:
        raise ArithmeticError("a bug")

    scene.engine.settings = EAGER
    scene.engine._due.clear()
    with monkeypatch.context() as broken:
        broken.setattr("trading.engine.session.decide", fail)
        await stumble(scene)
        ((severity, message),) = await alerts("stranded")
        assert (severity, "a bug" in message) == ("critical", True)
        shown = await RuntimeSnapshot.objects.aget(name="engine")
        assert "fails at every turn" in shown.payload["attention"]
    await stumble(scene, 2)
    assert not await Alert.objects.filter(kind="stranded", acknowledged_at=None).aexists()
    await scene.ask("stop")
    await scene.until_closed()


async def test_a_turn_that_fails_costs_neither_the_lease_nor_the_commands(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    wall, claims = [100.0], [100.0]
    engine, claim = scene.engine, scene.store.claim_lease

    async def claimed(owner: str, seconds: float) -> int | None:
        claims.append(wall[0])
        return await claim(owner, seconds)

    async def fail(*_: object) -> NoReturn:
        raise ArithmeticError("a bug")

    monkeypatch.setattr(engine, "_wall", lambda: wall[0])
    monkeypatch.setattr(scene.store, "claim_lease", claimed)
    monkeypatch.setattr(SessionRunner, "turn", fail)
    engine._due.clear()
    engine.settings = EngineSettings(lease_seconds=3, publish_seconds=60)
    for _ in range(60):
        wall[0] += 0.1
        await stumble(scene, 1)
    assert max(after - before for before, after in pairwise(claims)) <= 1.2


async def test_a_stop_acts_while_the_database_is_locked_and_the_lease_holds(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every call of the database hangs; the lease does not lapse here, by a clock that stands still."""
    free, claim = threading.Event(), lease.claim

    def hanging(*values: Any) -> int | None:
        free.wait(60)
        return claim(*values)

    engine = scene.engine
    engine.settings = EngineSettings(lease_seconds=0.6, publish_seconds=60)
    engine._leads_until = float("inf")
    monkeypatch.setattr(lease, "claim", hanging)
    try:
        engine._due.pop("lease", None)
        with pytest.raises(TimeoutError, match="the market goes on"):
            await engine.step()
        assert engine.session is not None
        engine.session.state = replace(
            scene.state, params=replace(scene.state.params, leg_stop_multiple=Decimal("0.01"))
        )
        turn = asyncio.ensure_future(engine.session.turn(1))
        for _ in range(500):
            await asyncio.sleep(0)
            if [intent for intent in scene.sent if intent.reduce_only]:
                break
        assert len([intent for intent in scene.sent if intent.reduce_only]) == 2
    finally:
        free.set()
    await turn


async def test_a_balance_that_does_not_come_holds_no_heartbeat_up(scene: Scene) -> None:
    never = asyncio.Event()

    async def hang() -> NoReturn:
        await never.wait()
        raise AssertionError

    scene.engine.settings = replace(EAGER, balance_seconds=0)
    scene.engine._due.clear()
    scene.venue.balance = hang  # type: ignore[method-assign]
    before = (await RuntimeSnapshot.objects.aget(name="engine")).sequence
    await stumble(scene, 3)
    assert (await RuntimeSnapshot.objects.aget(name="engine")).sequence > before
    assert scene.engine._reading is not None
    assert not scene.engine._reading.done()
    scene.engine._reading.cancel()
