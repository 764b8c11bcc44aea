"""The dead-man switch, with the exchange's own protocol between engine and exchange."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from trading.models import StrategySession
from trading.strategy.types import Phase
from trading.tests.rig import ledger_cash
from trading.tests.wire_rig import CHORES, WireRig
from trading.venues.delta.dead_man import HEARTBEAT_ID
from trading.venues.simulated.records import OrderRecord

pytestmark = pytest.mark.django_db(transaction=True)
PARTLY = "partial:count=2,fraction=0.4,side=sell"


def rests(made: WireRig, monkeypatch: pytest.MonkeyPatch) -> WireRig:
    """A market in which nobody takes what rests."""
    monkeypatch.setattr(made.exchange, "_match_resting", lambda until: None)
    return made


@pytest_asyncio.fixture
async def rig(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[WireRig]:
    """An engine whose exchange fills the first entry orders in part and lets the rest of them lie."""
    made = rests(WireRig(faults=PARTLY, chores={**CHORES, "dead_man": True}), monkeypatch)
    yield made
    await made.close()


def armed(rig: WireRig) -> bool:
    """Whether the exchange holds an armed switch."""
    beats = rig.wire.server.deadman._beats
    return HEARTBEAT_ID in beats and beats[HEARTBEAT_ID].deadline is not None


def resting(rig: WireRig) -> list[OrderRecord]:
    """Entry orders at rest."""
    return rig.exchange.open_orders()


async def until_resting(rig: WireRig) -> None:
    """Step until entry orders rest at the exchange."""
    await rig.start(order_timeout_seconds=60, naked_leg_seconds=120)
    await rig.run(lambda: bool(resting(rig)), limit=20)
    await rig.step(0.1)


async def die(rig: WireRig) -> None:
    """The worker is gone without a word."""
    session = rig.engine.session
    assert session is not None
    session.abandon()
    await rig.wire.venue.close()


async def come_back(rig: WireRig) -> None:
    """Another worker on the same account and database."""
    rig.wire.connect()
    rig.engine = rig.over_the_wire()
    await rig.step(0)


async def test_entry_orders_of_a_dead_worker_are_cancelled_by_the_exchange_and_the_next_one_finds_the_truth(
    rig: WireRig,
) -> None:
    await until_resting(rig)
    assert armed(rig)
    left = {order.id for order in resting(rig)}
    await die(rig)
    await rig.wire.step(29)
    assert {order.id for order in resting(rig)} == left
    await rig.wire.step(2)
    assert resting(rig) == []
    assert {order.reason for order in rig.exchange.orders() if order.id in left} == {"cancelled_by_heartbeat"}
    await come_back(rig)
    session = rig.engine.session
    assert session is not None
    row = session.spec.session_id
    await rig.run(lambda: rig.phase in (Phase.LIVE, Phase.CLOSED), limit=200)
    await rig.ask("stop")
    await rig.until_closed()
    stored = await StrategySession.objects.aget(pk=row)
    assert await ledger_cash(stored) == rig.exchange.balance().cash - rig.opening_cash
    assert [held.size for held in rig.exchange.positions() if held.size] == []


async def test_it_is_acknowledged_for_as_long_as_the_orders_rest(rig: WireRig) -> None:
    await until_resting(rig)
    for _ in range(45):
        await rig.step(1)
        assert armed(rig)
    assert len(resting(rig)) == 2


async def test_it_is_never_armed_while_live(rig: WireRig) -> None:
    await rig.start(max_hold_minutes=3)
    seen: dict[Phase, set[bool]] = {}
    for _ in range(400):
        await rig.step(1)
        seen.setdefault(rig.phase, set()).add(armed(rig))
        if rig.phase is Phase.CLOSED:
            break
    assert seen[Phase.ENTERING] >= {True}
    assert seen[Phase.LIVE] == {False}
    assert seen[Phase.CLOSED] == {False}


async def test_a_refused_switch_is_logged_and_the_session_trades_without_it(
    rig: WireRig, caplog: pytest.LogCaptureFixture
) -> None:
    rig.wire.fault("server_error:path=/v2/heartbeat")
    await rig.start(max_hold_minutes=3)
    await rig.until_live()
    assert rig.phase is Phase.LIVE
    assert not armed(rig)
    assert "The dead-man switch" in caplog.text


async def test_what_an_earlier_worker_left_armed_is_disarmed_by_the_next(rig: WireRig) -> None:
    await until_resting(rig)
    await die(rig)
    assert armed(rig)
    for order in resting(rig):
        rig.exchange.cancel(order_id=order.id)
    await come_back(rig)
    await rig.step(0.1)
    assert not armed(rig)


async def test_it_stays_out_of_the_way_where_it_is_not_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    rig = rests(WireRig(faults=PARTLY), monkeypatch)
    await until_resting(rig)
    assert resting(rig)
    assert not rig.wire.server.deadman._beats
    await rig.close()
