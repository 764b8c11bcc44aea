"""Stops resident at the venue, with the real store: placed, fired, cancelled, and found again after a crash."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from itertools import count
from typing import Any

import pytest
import pytest_asyncio

from trading.models import OrderLedger, StrategySession
from trading.strategy.types import OptionType, Phase, Purpose
from trading.tests.rig import Rig, ledger_cash
from trading.tests.scene import Scene, assert_settled, nowhere, said
from trading.tests.wire_rig import WireRig
from trading.venues.simulated.records import FillType, OrderRecord

pytestmark = pytest.mark.django_db(transaction=True)
FAR, NEAR = (
    {"venue_stop_multiple": "5"},
    {"venue_stop_multiple": "1.05", "max_loss_pct": "1000", "max_profit_pct": "95"},
)
NUMBERS = count(1)


@pytest_asyncio.fixture
async def scene() -> AsyncIterator[Scene]:
    """A fresh, watched engine at 09:25 IST."""
    made = Scene()
    yield made
    await made.close()


def stops(rig: Rig) -> list[OrderRecord]:
    """Stops that wait at the exchange."""
    return rig.exchange.pending_orders()


async def until_stopped_in(rig: Rig, **changes: Any) -> StrategySession:
    """Start, and step until both stops rest."""
    session = await rig.start(**changes)
    await rig.until_live()
    await rig.run(lambda: len(stops(rig)) == 2, limit=10)
    return session


async def until_one_fires(rig: Rig) -> OrderRecord:
    """Let the exchange's time pass, without a worker, until a stop has been filled."""
    for _ in range(3000):
        rig.clock.advance(5)
        rig.exchange.catch_up()
        fired = [o for o in rig.exchange.orders() if "-s" in o.client_order_id and o.filled]
        if fired:
            return fired[0]
    raise AssertionError("no stop fired")


async def test_the_stops_rest_at_the_venue_for_exactly_what_is_held_and_are_in_the_books(scene: Scene) -> None:
    session = await until_stopped_in(scene, **FAR)
    held = {row.symbol: -row.size for row in scene.exchange.positions()}
    assert {order.symbol: order.size for order in stops(scene)} == held
    assert all(order.reduce_only for order in stops(scene))
    rows = [row async for row in OrderLedger.objects.filter(session=session, purpose="stop")]
    assert {(row.client_order_id, row.quantity, row.reduce_only, row.price) for row in rows} == {
        (order.client_order_id, order.size, True, None) for order in stops(scene)
    }
    assert {row.decision_price for row in rows} == {order.stop_price for order in stops(scene)}
    await scene.step(5)
    assert {row.status async for row in OrderLedger.objects.filter(session=session, purpose="stop")} == {"open"}
    assert len(await said(session, "stop_placed")) == 2


@pytest.mark.parametrize("action", ["stop", "panic"])
async def test_it_ends_flat_with_no_stop_left(scene: Scene, action: str) -> None:
    session = await until_stopped_in(scene, **FAR)
    await scene.ask(action)
    await scene.until_closed()
    await assert_settled(scene, session)
    assert stops(scene) == []


async def test_an_hour_with_resting_stops_is_an_hour_of_agreement(scene: Scene) -> None:
    session = await until_stopped_in(scene, **FAR, max_loss_pct="900", max_profit_pct="99")
    for _ in range(120):
        await scene.step(30)
    assert scene.phase is Phase.LIVE
    assert scene.state.mismatches == 0
    assert len(stops(scene)) == 2
    assert await said(session, "stop_lost") == []


async def test_when_one_fires_it_is_booked_and_the_other_leg_is_closed(scene: Scene) -> None:
    session = await until_stopped_in(scene, **NEAR)
    await scene.run(lambda: scene.phase is not Phase.LIVE, seconds=5, limit=4000)
    await scene.until_closed()
    await assert_settled(scene, session)
    assert session.exit_reason == "leg_stop"
    assert "stop at the venue fired" in (await said(session, "exit_decided"))[0]
    bought = [f for f in scene.exchange.fills() if f.fill_type is FillType.NORMAL and f.side == "buy"]
    assert {f.client_order_id.rsplit("-", 1)[1][0] for f in bought} == {"s", "x"}
    assert stops(scene) == []


async def test_after_a_kill_the_stops_are_found_again_and_not_doubled(scene: Scene) -> None:
    session = await until_stopped_in(scene, **FAR)
    before = {order.id for order in stops(scene)}
    await scene.restart()
    for _ in range(40):
        await scene.step(1)
    assert {order.id for order in stops(scene)} == before
    assert scene.phase is Phase.LIVE
    await scene.ask("stop")
    await scene.until_closed()
    await assert_settled(scene, session)
    assert stops(scene) == []


async def test_a_stop_that_fires_while_nobody_runs_is_found_and_the_other_leg_closes(scene: Scene) -> None:
    session = await until_stopped_in(scene, **NEAR)
    fired = await until_one_fires(scene)
    await scene.restart()
    await scene.until_closed()
    await assert_settled(scene, session, naked_seconds=100_000)
    assert session.exit_reason == "leg_stop"
    row = await OrderLedger.objects.aget(client_order_id=fired.client_order_id)
    assert (row.filled_quantity, row.purpose) == (fired.size, "stop")


@pytest.mark.parametrize(
    "faults",
    [
        "reject:purpose=stop,code=unavailable",
        "reject:purpose=stop,count=3,code=unavailable",
        "timeout_after:purpose=stop,count=2",
        "timeout_before:purpose=stop,count=2",
        "lost_fill",
    ],
)
async def test_trouble_with_stops_never_blocks_trading(faults: str) -> None:
    scene = Scene(faults=faults)
    session = await scene.play(**FAR, max_hold_minutes=20, seconds=2)
    await assert_settled(scene, session)
    assert stops(scene) == []
    refused = faults.startswith("reject")
    assert bool(await said(session, "stop_lost")) is refused or faults.startswith("timeout_before")
    await scene.close()


async def test_a_position_closed_by_hand_takes_its_stop_along(scene: Scene) -> None:
    session = await until_stopped_in(scene, **FAR)
    leg = next(leg for leg in scene.state.legs if leg.option_type is OptionType.CALL)
    scene.exchange.seed_position(leg.instrument.symbol, leg.held, leg.entry_price or 1)  # type: ignore[arg-type]
    await scene.ask("stop")
    await scene.until_closed()
    await session.arefresh_from_db()
    assert session.exit_reason in {"closed_outside", "stopped"}
    assert stops(scene) == []
    assert [row.size for row in scene.exchange.positions() if row.size] == []


async def lived(at: int) -> int:
    """A short session with stops whose worker dies at that point (0: never); how many points there were."""
    scene = Scene()
    passed = 0
    dead = asyncio.Event()

    async def point(_what: str) -> None:
        nonlocal passed
        passed += 1
        if passed == at:
            dead.set()
        if dead.is_set():
            await asyncio.Event().wait()

    scene.point = point
    name = f"Stops {next(NUMBERS)}"
    life = asyncio.create_task(scene.play(seconds=2, name=name, max_hold_minutes=1, **FAR))
    end = asyncio.create_task(dead.wait())
    await asyncio.wait({life, end}, return_when=asyncio.FIRST_COMPLETED)
    for task in (life, end):
        task.cancel()
    await asyncio.gather(life, end, return_exceptions=True)
    scene.point = nowhere
    if dead.is_set():
        await scene.restart()
        await scene.until_closed(seconds=2)
    session = await StrategySession.objects.alatest("id")
    await assert_settled(scene, session)
    assert stops(scene) == [], f"died at point {at}"
    sent = [intent for intent in scene.sent if intent.purpose is Purpose.STOP]
    assert {intent.size for intent in sent} == {10}
    await scene.close()
    return passed


async def test_it_survives_a_death_at_every_fifth_point_with_stops() -> None:
    points = await lived(0)
    assert points > 30
    for at in range(1, points + 1, 5):
        await lived(at)


async def test_over_the_wire_a_fired_stop_closes_the_other_leg_and_the_cash_agrees() -> None:
    rig = WireRig()
    session = await until_stopped_in(rig, **NEAR)
    assert all(order.stop_trigger == "mark_price" for order in stops(rig))
    await rig.run(lambda: rig.phase is not Phase.LIVE, seconds=10, limit=2000)
    await rig.until_closed()
    await session.arefresh_from_db()
    assert session.exit_reason == "leg_stop"
    assert await ledger_cash(session) == rig.exchange.balance().cash - rig.opening_cash
    assert stops(rig) == []
    assert [row.size for row in rig.exchange.positions() if row.size] == []
    await rig.close()
