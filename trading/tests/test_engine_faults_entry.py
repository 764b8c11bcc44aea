"""Faults while the strangle is being sold: whatever the venue does, the end is the same."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from trading.tests.scene import Scene, assert_settled, said

pytestmark = pytest.mark.django_db(transaction=True)

BUSY = "code=unavailable"
LOST = "lost_fill:side=sell"


@pytest_asyncio.fixture
async def scene() -> AsyncIterator[Scene]:
    """A fresh, watched engine at 09:25 IST."""
    made = Scene()
    yield made
    await made.close()


@pytest.mark.parametrize(
    "faults",
    [
        pytest.param(f"reject:leg=put,purpose=entry,count=1,{BUSY}", id="leg 2 rejected once"),
        pytest.param(f"reject:leg=call,purpose=entry,count=2,{BUSY}", id="leg 1 rejected twice"),
        pytest.param("timeout_before:leg=put,purpose=entry,count=1", id="leg 2 timed out before acceptance"),
        pytest.param("timeout_before:purpose=entry,count=2", id="both timed out before acceptance"),
        pytest.param("timeout_after:leg=put,purpose=entry,count=1", id="leg 2 timed out after acceptance"),
        pytest.param("timeout_after:leg=call,purpose=entry,count=1", id="leg 1 timed out after acceptance"),
        pytest.param("timeout_after:purpose=entry,count=2", id="both timed out after acceptance"),
        pytest.param(f"timeout_after:purpose=entry;{LOST}", id="both answers and both fills lost"),
        pytest.param(f"timeout_after:leg=put,purpose=entry;{LOST},leg=put", id="answer and fill of leg 2 lost"),
        pytest.param("partial:leg=put,purpose=entry,fraction=0.3,count=1", id="leg 2 filled in part"),
        pytest.param("partial:leg=call,purpose=entry,fraction=0,count=1", id="leg 1 rests"),
        pytest.param(
            "partial:leg=call,purpose=entry,fraction=0.3,count=1;partial:leg=put,purpose=entry,fraction=0.7,count=1",
            id="both filled in part, with different sizes",
        ),
        pytest.param(
            "timeout_after:purpose=entry,count=2;partial:purpose=entry,fraction=0.5,count=2",
            id="both filled in part and their answers lost",
        ),
        pytest.param(LOST, id="fills lost"),
        pytest.param("duplicate_fill:side=sell", id="fills reported twice"),
        pytest.param("slow:leg=put,purpose=entry,seconds=8,count=1", id="leg 2 answers late"),
        pytest.param("slow:purpose=entry,seconds=4,count=2", id="both answer late"),
    ],
)
async def test_it_completes_the_strangle_despite(scene: Scene, faults: str) -> None:
    scene.faults.inject(faults)
    session = await scene.play()
    await assert_settled(scene, session)
    assert scene.struck
    assert session.exit_reason == "time_exit"
    assert [leg.quantity async for leg in session.positions.all()] == [10, 10]


@pytest.mark.parametrize(
    ("faults", "sold"),
    [
        pytest.param("reject:leg=put,purpose=entry", 10, id="leg 2 refused for want of margin"),
        pytest.param(f"reject:leg=put,purpose=entry,{BUSY}", 10, id="leg 2 rejected at every attempt"),
        pytest.param(f"reject:purpose=entry,{BUSY}", 0, id="both rejected at every attempt"),
        pytest.param("timeout_before:leg=put,purpose=entry", 10, id="leg 2 never arrives"),
        pytest.param("reject:leg=call,purpose=entry;lost_fill:leg=put", 10, id="leg 1 refused and leg 2's fill lost"),
    ],
)
async def test_it_unwinds_the_lone_leg_when(scene: Scene, faults: str, sold: int) -> None:
    scene.faults.inject(faults)
    session = await scene.play()
    await assert_settled(scene, session)
    assert session.exit_reason == "entry_failed"
    assert sum([leg.quantity async for leg in session.positions.all()]) == sold
    assert await said(session, "entry_abandoned")


async def test_it_shrinks_to_the_matched_size_when_one_leg_stays_partial(scene: Scene) -> None:
    scene.becalm()
    scene.faults.inject(
        f"partial:leg=put,purpose=entry,fraction=0.4,count=1;reject:leg=put,purpose=entry,after=0.5,{BUSY}"
    )
    session = await scene.start(max_hold_minutes=3, order_timeout_seconds=1)
    await scene.until_live()
    assert [leg.held for leg in scene.state.legs] == [4, 4]
    await scene.until_closed()
    await assert_settled(scene, session)


async def test_it_never_sells_more_when_a_cancel_and_a_fill_cross(scene: Scene) -> None:
    """The put rests; it fills at the venue just before the cancel arrives."""
    scene.faults.inject("partial:leg=put,purpose=entry,fraction=0,count=1;lost_fill:leg=put")
    crossed: list[str] = []

    async def fill_first(what: str) -> None:
        if what.startswith("cancel"):
            crossed.append(what)
            scene.becalm(False)

    scene.becalm()
    scene.point = fill_first
    session = await scene.play(order_timeout_seconds=1)
    await assert_settled(scene, session)
    assert crossed
    assert len([intent for intent in scene.sent if intent.leg == "put" and intent.purpose == "entry"]) == 1


async def test_it_waits_for_the_venue_to_come_back_while_entering(scene: Scene) -> None:
    """The link dies as the put leaves: the call's fill and the put's fate are unknown for a minute."""

    async def cut(what: str) -> None:
        if "PE-e1" in what and not scene.faults.active:
            scene.faults.inject("disconnect:for=60")

    scene.point = cut
    session = await scene.play()
    await assert_settled(scene, session, naked_seconds=62)


async def test_it_gives_the_entry_up_when_the_surplus_of_one_leg_cannot_be_bought_back(scene: Scene) -> None:
    scene.becalm()
    scene.faults.inject(
        "partial:leg=put,purpose=entry,fraction=0.5,count=1;reject:leg=put,purpose=entry,after=0.5;"
        f"reject:leg=call,purpose=unwind,{BUSY}"
    )
    session = await scene.play(order_timeout_seconds=1)
    await assert_settled(scene, session)
    assert await said(session, "leg_shrunk")
    assert session.exit_reason == "entry_failed"


async def test_it_does_not_wait_longer_than_the_budget_for_a_leg_that_nobody_takes(scene: Scene) -> None:
    scene.becalm()
    scene.faults.inject("partial:leg=put,purpose=entry,fraction=0,count=1")
    session = await scene.play(order_timeout_seconds=60, naked_leg_seconds=20)
    await assert_settled(scene, session, naked_seconds=20)
    assert session.exit_reason == "entry_failed"
