"""What a session tells an operator by itself: a stop that was hit, a doubt, and that the doubt is over."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from trading.models import Alert
from trading.strategy.types import OrderType, Phase, Side, TimeInForce
from trading.tests.rig import Rig
from trading.venues.simulated.records import OrderRequest

pytestmark = pytest.mark.django_db(transaction=True)


@pytest_asyncio.fixture
async def rig() -> AsyncIterator[Rig]:
    """Engine, simulated venue and database at 09:25 IST."""
    made = Rig()
    yield made
    await made.close()


def by_hand(rig: Rig, symbol: str, side: Side, size: int) -> None:
    """Somebody trades on the account, past the platform."""
    rig.exchange.place(OrderRequest(symbol, side, size, OrderType.MARKET, None, TimeInForce.IOC))


async def test_it_tells_of_a_stop_that_was_hit_and_of_the_end(rig: Rig) -> None:
    session = await rig.start(max_loss_pct="0.5")
    await rig.until_closed()
    await session.arefresh_from_db()
    assert session.exit_reason == "max_loss"
    told = [(a.kind, a.severity, a.title) async for a in Alert.objects.filter(session=session).order_by("id")]
    assert told[:2] == [
        ("entered", "info", "Strangle sold (paper)"),
        ("exit_decided", "warning", "Stop hit: max loss (paper)"),
    ]
    assert told[2][:2] == ("exit", "info")
    assert len(told) == 3


async def test_it_tells_of_no_stop_when_the_time_has_come(rig: Rig) -> None:
    session = await rig.start(max_hold_minutes=1)
    await rig.until_closed()
    assert [a.kind async for a in Alert.objects.filter(session=session).order_by("id")] == ["entered", "exit"]


async def test_it_calls_for_attention_once_and_says_when_the_doubt_is_over(rig: Rig) -> None:
    session = await rig.start()
    await rig.until_live()
    assert rig.engine.session is not None
    symbol = rig.engine.session.state.symbols[0]
    by_hand(rig, symbol, Side.BUY, 4)
    await rig.run(lambda: rig.phase is Phase.ATTENTION, limit=120)
    for _ in range(30):
        await rig.step()
    alert = await Alert.objects.aget(session=session, kind="attention")
    assert (alert.severity, alert.count, alert.acknowledged_at) == ("critical", 1, None)
    assert symbol in alert.message
    by_hand(rig, symbol, Side.SELL, 4)
    await rig.run(lambda: rig.phase is Phase.LIVE, limit=120)
    await alert.arefresh_from_db()
    assert alert.acknowledged_at is not None
    assert await Alert.objects.filter(session=session, kind="resolved").acount() == 1
