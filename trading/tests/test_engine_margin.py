"""The margin is read before an entry: from the account in process, and from the exchange over the wire."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from decimal import Decimal

import pytest
import pytest_asyncio

from trading.engine.ports import VenueUnavailable
from trading.models import DecisionRecord, OrderLedger, StrategySession
from trading.strategy.types import ChainRow, Phase
from trading.tests.rig import Rig
from trading.tests.wire_rig import CHORES, WireRig

pytestmark = pytest.mark.django_db(transaction=True)


@pytest_asyncio.fixture(params=[Rig, WireRig])
async def rig(request: pytest.FixtureRequest) -> AsyncIterator[Rig]:
    """A fresh engine at 09:25 IST, in process and over the wire."""
    made: Rig = request.param()
    yield made
    await made.close()


async def refusals(session: StrategySession) -> list[str]:
    """Why nothing was entered, in the order in which it was said."""
    found = DecisionRecord.objects.filter(session=session, kind="selection_refused").order_by("id")
    return [row.message async for row in found]


async def test_the_figure_stays_with_the_session_and_is_what_the_position_then_binds(rig: Rig) -> None:
    session = await rig.start()
    await rig.until_live()
    await session.arefresh_from_db()
    required = session.session_metadata["entry"]["margin_required"]
    bound = float(rig.exchange.balance().margin)
    assert required == pytest.approx(bound, rel=0.05)


async def test_more_than_the_account_carries_is_refused_with_figures_and_nothing_is_sent(rig: Rig) -> None:
    session = await rig.start(quantity=40_000, entry_window_seconds=60)
    await rig.run(lambda: rig.phase is Phase.CLOSED, seconds=5)
    await session.arefresh_from_db()
    assert session.exit_reason == "no_entry"
    (said,) = {text.split(":")[0] for text in await refusals(session)}
    assert said == "Not enough margin"
    assert "$100,000.00 is free" in (await refusals(session))[0]
    assert not await OrderLedger.objects.filter(session=session).aexists()
    assert rig.exchange.orders() == []


async def test_a_failed_read_keeps_it_out_until_the_next_one_answers() -> None:
    rig = Rig()
    asked: list[int] = []
    read = rig.venue.margin_required

    async def unsteady(rows: Sequence[ChainRow], size: int) -> Decimal:
        asked.append(size)
        if len(asked) == 1:
            raise VenueUnavailable("HTTP 502")
        return await read(rows, size)

    rig.venue.margin_required = unsteady  # type: ignore[method-assign]
    session = await rig.start()
    await rig.step(1)
    assert rig.phase is Phase.SELECTING
    assert await refusals(session) == ["The margin could not be read: HTTP 502"]
    await rig.until_live()
    assert rig.phase is Phase.LIVE
    assert asked == [10, 10]
    await rig.close()


@pytest.mark.parametrize(("asked", "phase"), [(True, Phase.SELECTING), (False, Phase.LIVE)])
async def test_an_estimate_that_is_not_served_keeps_sessions_out_unless_it_is_switched_off(
    asked: bool, phase: Phase
) -> None:
    rig = WireRig(chores={**CHORES, "margin_check": asked})
    rig.wire.fault("server_error:path=/v2/products/")
    await rig.start()
    for _ in range(10):
        await rig.step(1)
    assert rig.phase is phase
    await rig.close()
