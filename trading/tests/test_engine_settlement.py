"""Settlement over the in-process venue: while the worker runs, while it is off, and when the venue does not say."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
import pytest_asyncio
from asgiref.sync import sync_to_async

from trading.api.session_rows import detail_body
from trading.models import DecisionRecord, SettlementLedger, StrategySession
from trading.selectors.sessions import session_detail
from trading.tests.rig import Rig, ledger_cash

pytestmark = pytest.mark.django_db(transaction=True)
AFTERNOON = datetime(2026, 9, 4, 11, 0, tzinfo=UTC)
NEAR: dict[str, Any] = {
    "days_to_expiry": 0,
    "delta_range_low": "0.2",
    "delta_range_high": "0.65",
    "exit_time_ist": "17:20",
    "max_loss_pct": "1000",
    "max_profit_pct": "100",
}


@pytest_asyncio.fixture
async def rig() -> AsyncIterator[Rig]:
    """16:30 IST on a day of expiry."""
    made = Rig(start=AFTERNOON)
    yield made
    await made.close()


async def slept_through(rig: Rig, faults: str = "") -> StrategySession:
    """A live session whose worker is away across 17:30 IST."""
    session = await rig.start(**NEAR)
    await rig.until_live()
    rig.faults.inject(faults)
    rig.clock.advance(5400)
    await rig.restart()
    return session


async def agrees(rig: Rig, session: StrategySession) -> None:
    """Both legs are settled, and the cash is the account's."""
    await session.arefresh_from_db()
    moved = rig.exchange.balance().cash - rig.opening_cash
    assert session.exit_reason == "settlement"
    assert await SettlementLedger.objects.filter(session=session).acount() == 2
    assert await ledger_cash(session) == moved
    assert abs(Decimal(str(session.pnl_summary["realized"])) - moved) < Decimal("1e-6")
    told = await sync_to_async(lambda: detail_body(session_detail(session.pk)))()
    assert {row["symbol"] for row in told["settlements"]} == {row["symbol"] for row in told["positions"]}
    assert told["cash"]["net"] == float(moved)


async def test_a_worker_that_was_off_books_the_settlement(rig: Rig) -> None:
    session = await slept_through(rig)
    await rig.until_closed(seconds=2)
    await agrees(rig, session)


async def test_a_worker_that_cannot_close_books_the_settlement_while_it_runs(rig: Rig) -> None:
    session = await rig.start(**NEAR)
    await rig.until_live()
    rig.faults.inject("reject:reduce_only=true,code=order_size_not_available_in_orderbook")
    for _ in range(6):
        rig.clock.advance(600)
        await rig.step(1)
    await rig.until_closed(seconds=2)
    await agrees(rig, session)


async def test_it_asks_again_after_reads_that_failed(rig: Rig) -> None:
    session = await slept_through(rig, "settlement_fail:count=4")
    await rig.until_closed(seconds=2)
    await agrees(rig, session)
    said = DecisionRecord.objects.filter(session=session, kind="settlement_unknown")
    assert ["could not be read" in line.message async for line in said] == [True]


async def test_a_price_withheld_leaves_the_legs_without_one(rig: Rig) -> None:
    session = await slept_through(rig, "settlement_withheld")
    await rig.until_closed(seconds=12)
    await session.arefresh_from_db()
    assert session.exit_reason == "closed_outside"
    assert not await SettlementLedger.objects.aexists()
    lines = [line.message async for line in DecisionRecord.objects.filter(session=session, kind="closed_outside")]
    assert len(lines) == 2
    assert all("does not say what they settled at" in line for line in lines)


async def test_a_restart_while_it_waits_for_the_price_loses_nothing(rig: Rig) -> None:
    session = await slept_through(rig, "settlement_withheld:count=3")
    for _ in range(15):
        await rig.step(2)
    await rig.restart()
    await rig.until_closed(seconds=2)
    await agrees(rig, session)
