"""Drift that the private stream keeps to itself: found by looking, in time, over the real wire."""

from __future__ import annotations

import pytest

from trading.models import AccountReading
from trading.strategy.types import Phase, Side
from trading.tests.matrix.end_check import end_check
from trading.tests.matrix.stage import Stage, at, said

pytestmark = pytest.mark.django_db(transaction=True)
WITHIN_SECONDS = 10
MUTED = "; ".join(f"drop_frames:channel={name}" for name in ("positions", "v2/user_trades", "user_trades", "orders"))


@pytest.mark.parametrize("just_after", [0, 1, 3, 5])
@pytest.mark.parametrize("side", [Side.BUY, Side.SELL], ids=["closed by hand", "added by hand"])
async def test_a_stream_that_is_up_but_keeps_a_position_to_itself_costs_no_more_than_ten_seconds(
    stage: Stage, side: Side, just_after: int
) -> None:
    session = await stage.start()
    await stage.until_live()
    for _ in range(15 + just_after):
        await stage.step()
    stage.wire.fault(MUTED)
    symbol = stage.state.legs[0].instrument.symbol
    stage.by_hand(symbol, side, 4)
    began = at(stage)
    await stage.run(lambda: stage.phase is Phase.ATTENTION, limit=60)
    assert (at(stage) - began).total_seconds() <= WITHIN_SECONDS
    assert "Venue and ledger disagree" in stage.state.attention
    assert stage.wire.venue.account.stream.whole, "the stream was up all the while"
    assert (await said(session, "drift_noticed"))[0].startswith("Venue and ledger differ")
    stage.wire.server.faults.lift()
    await stage.ask("stop")
    await stage.until_closed(limit=300)
    if side is Side.SELL:
        stage.by_hand(symbol, Side.BUY, 4)
    await end_check(stage, session)


async def test_the_account_desk_shows_what_the_session_read_and_reads_nothing_itself(stage: Stage) -> None:
    await stage.start()
    await stage.until_live()
    stage.engine._wall = stage.wire.time.mono
    stage.engine._due.clear()
    for _ in range(61):
        await stage.step()
    pictures, calls = stage.engine.desk.reads, 0
    read = stage.wire.venue.resting_orders

    async def counted() -> object:
        nonlocal calls
        calls += 1
        return await read()

    setattr(stage.wire.venue, "resting_orders", counted)  # noqa: B010
    for _ in range(240):
        await stage.step()
    assert stage.engine.desk.reads - pictures >= 4
    assert calls == 0
    shown = await AccountReading.objects.aget()
    assert {row["size"] for row in shown.positions} == {-10}
