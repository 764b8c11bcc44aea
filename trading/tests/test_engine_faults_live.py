"""Faults while the strangle is open, and while it is being closed."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from trading.models import StrategySession
from trading.strategy.types import Phase
from trading.tests.scene import Scene, assert_settled, said

pytestmark = pytest.mark.django_db(transaction=True)

BUSY = "code=unavailable"


@pytest_asyncio.fixture
async def scene() -> AsyncIterator[Scene]:
    """A fresh, watched engine at 09:25 IST."""
    made = Scene()
    yield made
    await made.close()


@pytest.mark.parametrize(
    "faults",
    [
        pytest.param("timeout_before:purpose=exit,leg=put,count=1", id="leg 2 timed out before acceptance"),
        pytest.param("timeout_before:purpose=exit,count=4", id="both timed out before acceptance, twice"),
        pytest.param("timeout_after:purpose=exit,leg=call,count=1", id="leg 1 timed out after acceptance"),
        pytest.param("timeout_after:purpose=exit,leg=put,count=1", id="leg 2 timed out after acceptance"),
        pytest.param("timeout_after:purpose=exit,count=2", id="both timed out after acceptance"),
        pytest.param("timeout_after:purpose=exit;lost_fill:side=buy", id="both answers and both fills lost"),
        pytest.param("timeout_after:purpose=exit,leg=put;lost_fill:leg=put", id="answer and fill of leg 2 lost"),
        pytest.param("partial:purpose=exit,leg=call,fraction=0.3,count=2", id="leg 1 filled in part, twice"),
        pytest.param(
            "partial:purpose=exit,leg=call,fraction=0.3,count=1;partial:purpose=exit,leg=put,fraction=0.8,count=1",
            id="both filled in part, with different sizes",
        ),
        pytest.param("partial:purpose=exit,fraction=0,count=6", id="nothing filled at first"),
        pytest.param("lost_fill:side=buy", id="fills lost"),
        pytest.param("duplicate_fill", id="fills reported twice"),
        pytest.param(f"reject:purpose=exit,leg=put,count=3,{BUSY}", id="leg 2 rejected three times"),
        pytest.param("reject_reduce_only:leg=put,count=1", id="reduce-only refused once"),
        pytest.param("reject_reduce_only:leg=call,count=3", id="reduce-only refused three times"),
        pytest.param("reject_reduce_only:count=4", id="reduce-only refused twice on both"),
        pytest.param("positions_fail:count=5", id="positions cannot be read"),
        pytest.param("slow:purpose=exit,leg=call,seconds=10,count=1", id="leg 1 answers late"),
    ],
)
async def test_it_closes_flat_despite(scene: Scene, faults: str) -> None:
    session = await scene.start(max_hold_minutes=3)
    await scene.until_live()
    scene.faults.inject(faults)
    await scene.until_closed()
    await assert_settled(scene, session)
    assert scene.struck
    assert session.exit_reason == "time_exit"
    assert await said(session, "proof_of_flat")


async def test_a_failed_read_of_positions_is_not_flat(scene: Scene) -> None:
    session = await scene.start()
    await scene.until_live()
    scene.faults.inject("positions_fail:for=30")
    await scene.ask("stop")
    for _ in range(25):
        await scene.step()
        assert scene.phase is Phase.EXITING
    assert scene.exchange.positions() == []
    await scene.until_closed()
    await assert_settled(scene, session)
    assert await said(session, "positions_unreadable")


@pytest.mark.parametrize("phase", ["live", "exiting"])
async def test_it_goes_on_after_a_minute_without_a_link_while(scene: Scene, phase: str) -> None:
    session = await scene.start(max_hold_minutes=5, stale_quote_seconds=120)
    await scene.until_live()
    if phase == "live":
        scene.faults.inject("disconnect:for=60")
        for _ in range(12):
            await scene.step(5)
            assert scene.phase is Phase.LIVE
    else:

        async def cut(what: str) -> None:
            if "CE-x1" in what and not scene.faults.active:
                scene.faults.inject("disconnect:for=60")

        scene.point = cut
    await scene.until_closed()
    await assert_settled(scene, session, naked_seconds=62 if phase == "exiting" else 30)
    assert session.exit_reason == "time_exit"


async def test_it_closes_when_quotes_go_stale(scene: Scene) -> None:
    session = await scene.start(stale_quote_seconds=30)
    await scene.until_live()
    await scene.step(10)
    scene.faults.inject("stale")
    began = scene.exchange.now()
    await scene.until_closed()
    await assert_settled(scene, session)
    assert session.exit_reason == "stale_data"
    assert 25 <= (scene.exchange.now() - began).total_seconds() <= 40


@pytest.mark.parametrize(
    "fault", ["one_sided:empty=ask", "one_sided:empty=both", "crossed", "one_sided:leg=put,empty=ask"]
)
async def test_a_book_one_cannot_close_at_is_blindness_and_not_a_profit_or_a_loss(scene: Scene, fault: str) -> None:
    """Only the venue's picture is broken; a close by market order still finds the real book."""
    session = await scene.start(stale_quote_seconds=30, max_loss_pct="5", max_profit_pct="5")
    await scene.until_live()
    scene.faults.inject(fault)
    for _ in range(25):
        await scene.step()
        assert scene.phase is Phase.LIVE
    await scene.until_closed()
    await assert_settled(scene, session)
    assert session.exit_reason == "stale_data"


async def test_a_book_without_bids_keeps_the_strangle_open(scene: Scene) -> None:
    session = await scene.start(stale_quote_seconds=30, max_hold_minutes=3)
    await scene.until_live()
    scene.faults.inject("one_sided:empty=bid")
    await scene.until_closed()
    await assert_settled(scene, session)
    assert session.exit_reason == "time_exit"


async def test_it_closes_without_an_offer_in_sight(scene: Scene) -> None:
    session = await scene.start(stale_quote_seconds=600)
    await scene.until_live()
    scene.faults.inject("one_sided:empty=ask")
    await scene.ask("stop")
    await scene.until_closed()
    await assert_settled(scene, session)
    assert session.exit_reason == "stopped"


async def test_a_refused_leg_does_not_read_positions_in_a_circle_while_the_other_leg_rests(scene: Scene) -> None:
    reads: list[str] = []

    async def count(what: str) -> None:
        if what == "positions":
            reads.append(what)

    session = await scene.start(stale_quote_seconds=600)
    await scene.until_live()
    scene.becalm()
    scene.faults.inject("one_sided:leg=put,empty=ask;partial:leg=put,purpose=exit,fraction=0,count=1")
    scene.faults.inject("reject_reduce_only:leg=call,count=1")
    scene.point = count
    await scene.step()
    await scene.ask("stop")
    for _ in range(4):
        await scene.step()
    assert scene.state.unsettled
    assert 1 <= len(reads) <= 3
    scene.becalm(False)
    await scene.until_closed()
    await assert_settled(scene, session)


async def test_it_says_so_and_goes_on_trying_when_a_leg_cannot_be_closed(scene: Scene) -> None:
    session = await scene.start(order_attempts=2)
    await scene.until_live()
    scene.faults.inject(f"reject:leg=call,purpose=exit,for=60,{BUSY}")
    await scene.ask("stop")
    await scene.run(lambda: scene.phase is Phase.ATTENTION, limit=40)
    assert "could not be closed" in scene.state.attention
    assert scene.state.legs[0].exit_price is None
    await scene.until_closed()
    await assert_settled(scene, session, naked_seconds=70)


async def test_it_books_no_price_for_a_leg_that_was_closed_by_hand(scene: Scene) -> None:
    session = await scene.start()
    await scene.until_live()
    call = scene.state.legs[0].instrument.symbol
    quote = scene.exchange.quote(call)
    assert quote is not None
    assert quote.ask is not None
    scene.exchange.seed_position(call, 10, quote.ask)
    await scene.run(lambda: scene.phase is Phase.ATTENTION, limit=60)
    assert "venue +0, ledger -10" in scene.state.attention
    await scene.ask("panic")
    await scene.until_closed()
    await session.arefresh_from_db()
    assert session.exit_reason == "closed_outside"
    assert scene.exchange.positions() == []
    leg = await session.positions.aget(leg="call")
    assert (leg.open_quantity, leg.exit_price, leg.analytics["external"]) == (0, None, 10)  # type: ignore[index]


async def test_it_closes_what_it_owns_and_leaves_a_foreign_position_alone(scene: Scene) -> None:
    """Two strangles of the same strikes in one account: the first was handed over and is now foreign."""
    first = await scene.start()
    await scene.until_live()
    await scene.ask("stop", leave_open=True)
    await scene.until_closed()
    foreign = {p.symbol: p.size for p in scene.exchange.positions()}
    await scene.ask("start", configuration_id=first.configuration_id, now=True)
    await scene.step(0)
    second = await StrategySession.objects.aget(status="running")
    await scene.until_live()
    assert {leg.instrument.symbol: leg.baseline for leg in scene.state.legs} == foreign
    await scene.ask("stop")
    await scene.until_closed()
    await second.arefresh_from_db()
    assert second.exit_reason == "stopped"
    assert {p.symbol: p.size for p in scene.exchange.positions()} == foreign
