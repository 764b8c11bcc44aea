"""Rows of the fault matrix about the account and the calendar: what others do there, settlement, the turn of a day."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from trading.models import StrategySession
from trading.strategy.types import Phase, Side
from trading.tests.matrix.end_check import end_check
from trading.tests.matrix.stage import PUSHED, Stage, at, said

pytestmark = pytest.mark.django_db(transaction=True)

DRIFT_SECONDS = 10
EXPIRING: dict[str, Any] = {
    "days_to_expiry": 0,
    "delta_range_low": "0.04",
    "exit_time_ist": "17:20",
    "max_loss_pct": "1000",
}


async def found(stage: Stage) -> float:
    """Seconds until the session says that venue and ledger differ."""
    began = at(stage)
    await stage.run(lambda: stage.phase is Phase.ATTENTION, limit=60)
    assert "Venue and ledger disagree" in stage.state.attention
    return (at(stage) - began).total_seconds()


@pytest.mark.parametrize(
    "fault", ["server_error:path=/v2/positions", "not_success:path=/v2/positions", "truncated:path=/v2/positions"]
)
async def test_positions_read_fails(stage: Stage, fault: str) -> None:
    """A failed read is not "flat": with everything bought back the session goes on asking, and closes on an answer."""
    session = await stage.start()
    await stage.until_live()
    stage.wire.fault(fault)
    await stage.ask("stop")
    await stage.step(0)
    for _ in range(40):
        await stage.step()
        assert stage.phase is Phase.EXITING
    (armed,) = stage.wire.server.faults.armed
    assert armed.struck >= 10, "it goes on asking"
    assert stage.exchange.positions() == []
    assert len(stage.exchange.orders()) == 4, "nothing is sent on a guess"
    assert await said(session, "positions_unreadable")
    assert not await said(session, "proof_of_flat")
    stage.wire.server.faults.lift()
    await stage.until_closed(limit=10)
    await end_check(stage, session)
    assert session.exit_reason == "stopped"
    assert session.proof_of_flat is not None
    assert (session.proof_of_flat["answers"], session.proof_of_flat["open_orders"]) == ([], [])
    raw = session.proof_of_flat["raw"]
    assert {line.split("?")[0] for line in raw} == {"GET /v2/orders", "GET /v2/positions"}
    assert all(' → HTTP 200 {"success":true,"result":[]' in line for line in raw), "the exchange's own words"


async def test_positions_read_fails_while_something_is_still_held(stage: Stage) -> None:
    """The exchange says that there is nothing to close, and positions cannot be read: still not flat."""
    session = await stage.start()
    await stage.until_live()
    stage.wire.fault("server_error:path=/v2/positions")
    stage.wire.fault("reject:reduce_only=true,code=no_position_for_reduce_only,count=2")
    await stage.ask("stop")
    for _ in range(25):
        await stage.step()
        assert stage.phase in (Phase.EXITING, Phase.ATTENTION)
    assert stage.struck
    assert [p.size for p in stage.exchange.positions()] == [-10, -10]
    stage.wire.server.faults.lift()
    await stage.until_closed(limit=30)
    await end_check(stage, session)
    assert stage.exchange.positions() == []
    assert not await said(session, "closed_outside")
    assert session.exit_reason == "stopped"


async def test_position_closed_by_hand(stage: Stage) -> None:
    session = await stage.start()
    await stage.until_live()
    for _ in range(7):
        await stage.step()
    stage.by_hand(stage.state.legs[0].instrument.symbol, Side.BUY, 10)
    assert await found(stage) <= DRIFT_SECONDS
    await stage.ask("stop")
    await stage.until_closed()
    await end_check(stage, session)
    assert session.exit_reason == "closed_outside"
    call = await session.positions.aget(leg="call")
    assert (call.open_quantity, call.exit_price) == (0, None)
    assert stage.exchange.positions() == []


@pytest.mark.parametrize("size", [1, 4, 10])
async def test_position_closed_by_hand_while_the_private_socket_is_down(stage: Stage, size: int) -> None:
    session = await stage.start()
    await stage.until_live()
    symbol = stage.state.legs[1].instrument.symbol
    stage.wire.fault("private_drop:count=1000")
    await stage.step()
    stage.by_hand(symbol, Side.BUY, size)
    assert await found(stage) <= DRIFT_SECONDS
    stage.wire.server.faults.lift()
    await stage.ask("stop")
    await stage.until_closed()
    await end_check(stage, session)


async def test_foreign_position_on_the_same_strike(stage: Stage) -> None:
    """Two strangles of the same strikes in one account: the first was handed over and is now foreign."""
    first = await stage.start()
    await stage.until_live()
    await stage.ask("stop", leave_open=True)
    await stage.until_closed()
    foreign = {p.symbol: p.size for p in stage.exchange.positions()}
    await stage.ask("start", configuration_id=first.configuration_id, now=True)
    await stage.step(0)
    second = await StrategySession.objects.aget(status="running")
    await stage.until_live()
    assert {leg.instrument.symbol for leg in stage.state.legs} == set(foreign)
    for _ in range(40):
        await stage.step()
        assert stage.phase is Phase.LIVE
    await stage.ask("stop")
    await stage.until_closed()
    await end_check(stage, first)
    await end_check(stage, second)
    assert first.exit_reason == "handed_over"
    assert second.exit_reason != "closed_outside"
    assert {p.symbol: p.size for p in stage.exchange.positions()} == foreign


async def test_foreign_position_on_the_same_strike_that_comes_later(stage: Stage) -> None:
    session = await stage.start()
    await stage.until_live()
    for _ in range(7):
        await stage.step()
    symbol = stage.state.legs[0].instrument.symbol
    stage.by_hand(symbol, Side.SELL, 5)
    assert await found(stage) <= DRIFT_SECONDS
    stage.by_hand(symbol, Side.BUY, 5)
    await stage.run(lambda: stage.phase is Phase.LIVE, limit=10)
    assert await said(session, "resolved")
    await stage.ask("stop")
    await stage.until_closed()
    await end_check(stage, session)
    assert session.exit_reason == "stopped"


async def test_foreign_position_on_the_same_strike_that_stays(stage: Stage) -> None:
    session = await stage.start()
    await stage.until_live()
    symbol = stage.state.legs[0].instrument.symbol
    stage.by_hand(symbol, Side.SELL, 5)
    await stage.ask("stop")
    await stage.until_closed(limit=300)
    await session.arefresh_from_db()
    assert session.exit_reason == "stopped"
    assert {p.symbol: p.size for p in stage.exchange.positions()} == {symbol: -5}
    assert len(await said(session, "foreign_left")) == 1
    assert session.proof_of_flat is not None
    assert [line.split(" @ ")[0] for line in session.proof_of_flat["answers"]] == [f"position {symbol} -5"]
    await end_check(stage, session)


async def test_what_is_not_explained_stays_a_doubt_while_the_fills_cannot_be_read(stage: Stage) -> None:
    session = await stage.start()
    await stage.until_live()
    symbol = stage.state.legs[0].instrument.symbol
    stage.by_hand(symbol, Side.SELL, 5)
    await stage.ask("stop")
    await stage.run(lambda: stage.state.held == 0, limit=30)
    stage.wire.fault("server_error:path=/v2/fills")
    for _ in range(90):
        await stage.step()
    assert stage.phase is Phase.ATTENTION
    assert await said(session, "foreign_left") == []
    stage.wire.server.faults.lift()
    await stage.until_closed(limit=300)
    assert len(await said(session, "foreign_left")) == 1
    await end_check(stage, session)


@pytest.fixture
def afternoon() -> datetime:
    """16:30 IST, an hour before the day's options settle."""
    return datetime(2026, 9, 4, 11, 0, tzinfo=UTC)


async def test_expiry_while_exiting(afternoon: datetime) -> None:
    """No close succeeds from the guard until the options have settled."""
    stage = Stage(start=afternoon)
    try:
        session = await stage.start(**EXPIRING)
        await stage.until_live()
        stage.wire.fault(f"reject:reduce_only=true,code={PUSHED}")
        await stage.run(lambda: stage.phase is Phase.ATTENTION, seconds=5)
        assert "could not be closed" in stage.state.attention
        await stage.until_closed(seconds=10)
        await end_check(stage, session)
        assert session.exit_reason == "settlement"
        assert at(stage) >= afternoon + timedelta(hours=1)
        settled = [row async for row in session.settlements.all()]
        assert sorted((row.leg, row.quantity) for row in settled) == [("call", 10), ("put", 10)]
        assert await said(session, "closed_outside") == []
    finally:
        await stage.close()


async def test_settlement_without_a_fill(afternoon: datetime) -> None:
    """The options settle while nobody is there: the exchange lists a settlement, which is no fill of ours."""
    stage = Stage(start=afternoon)
    try:
        session = await stage.start(**EXPIRING)
        await stage.until_live()
        await stage.die()
        stage.wire.time.advance(5400)
        stage.wire.connect()
        stage.engine = stage.over_the_wire()
        await stage.step(0)
        await stage.until_closed(seconds=2)
        await end_check(stage, session)
        assert session.exit_reason == "settlement"
        assert len(await said(session, "settled")) == 2
        settled = {row.leg: row.price.quantize(Decimal("1e-8")) async for row in session.settlements.all()}
        assert {leg.leg: leg.exit_price async for leg in session.positions.all()} == settled
    finally:
        await stage.close()


@pytest.mark.parametrize(
    ("start", "same_day"),
    [
        pytest.param(datetime(2026, 9, 4, 23, 57, tzinfo=UTC), True, id="midnight in UTC"),
        pytest.param(datetime(2026, 9, 4, 18, 27, tzinfo=UTC), False, id="midnight in India"),
    ],
)
async def test_utc_ist_day_boundary(start: datetime, same_day: bool) -> None:
    """A session across each midnight ends at its instant; only the Indian one begins a new trading day."""
    stage = Stage(start=start)
    try:
        first = await stage.start(max_hold_minutes=6, max_sessions_per_day=1)
        await stage.until_closed()
        await end_check(stage, first)
        assert first.exit_reason == "time_exit"
        decided = datetime.fromisoformat(first.session_metadata["exit"]["exit_triggered_at"])
        assert timedelta(0) <= decided - (start + timedelta(minutes=6)) <= timedelta(seconds=15)
        await stage.ask("start", configuration_id=first.configuration_id, now=True)
        await stage.step(0)
        await stage.until_closed(seconds=5)
        second = await StrategySession.objects.alatest("id")
        await end_check(stage, second)
        assert second.exit_reason == ("no_entry" if same_day else "time_exit")
    finally:
        await stage.close()
