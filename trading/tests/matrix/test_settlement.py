"""Options that expire while we hold them: the ledger books what the exchange settled, to the cent, or says that it does
not know. Over the real wire.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
import pytest_asyncio
from asgiref.sync import sync_to_async

from trading.models import FillLedger, SettlementLedger, StrategySession
from trading.selectors.analytics_source import session_facts
from trading.selectors.sessions import session_detail
from trading.strategy.types import Side
from trading.tests.matrix.end_check import end_check
from trading.tests.matrix.stage import Stage, said
from trading.tests.rig import ledger_cash
from trading.tests.test_engine_settlement import AFTERNOON, NEAR
from trading.tests.wire_rig import CHORES

pytestmark = pytest.mark.django_db(transaction=True)
FAR: dict[str, Any] = {**NEAR, "delta_range_low": "0.01", "delta_range_high": "0.04"}


@pytest_asyncio.fixture
async def stage() -> AsyncIterator[Stage]:
    """The afternoon of an expiry."""
    made = Stage(start=AFTERNOON, chores={**CHORES, "read_timeout": 10.0})
    yield made
    await made.close()


async def off(stage: Stage, seconds: float = 5400) -> None:
    """The worker dies, and nobody is there across the settlement."""
    await stage.die()
    stage.wire.time.advance(seconds)
    stage.wire.connect()
    stage.engine = stage.over_the_wire()
    await stage.step(0)


async def slept_through(stage: Stage, **changes: Any) -> StrategySession:
    """A live session whose worker is away from 16:31 to 18:01 IST."""
    session = await stage.start(**changes)
    await stage.until_live()
    await off(stage)
    return session


async def agrees(stage: Stage, session: StrategySession) -> None:
    """Cash of the account, ledger, P&L of the legs, session page and analytics say the same, to the last digit kept."""
    await session.arefresh_from_db()
    moved = stage.exchange.balance().cash - stage.opening_cash
    legs = [leg async for leg in session.positions.all()]
    assert await ledger_cash(session) == moved
    assert abs(sum((leg.realized_pnl or Decimal(0) for leg in legs), Decimal(0)) - moved) < Decimal("1e-7")
    assert abs(Decimal(str(session.pnl_summary["realized"])) - moved) < Decimal("1e-6")
    detail = await sync(session_detail, session.pk)
    assert detail.cash.net == moved
    (facts,) = await sync(session_facts, [session.pk])
    assert (facts.cash, facts.remark) == (moved, "")
    assert facts.exit_reason == session.exit_reason


async def sync(call: Any, *values: Any) -> Any:
    """A selector, from here."""
    return await sync_to_async(call)(*values)


async def symbols_of(session: StrategySession) -> list[str]:
    """The options of its legs."""
    return [leg.symbol async for leg in session.positions.all()]


async def settled(session: StrategySession) -> dict[str, SettlementLedger]:
    """The settlement rows by leg."""
    return {row.leg: row async for row in SettlementLedger.objects.filter(session=session)}


async def test_a_worker_that_was_off_books_what_each_leg_settled_at(stage: Stage) -> None:
    session = await slept_through(stage, **NEAR)
    await stage.until_closed(seconds=2)
    await end_check(stage, session)
    rows = await settled(session)
    assert session.exit_reason == "settlement"
    assert {leg: row.quantity for leg, row in rows.items()} == {"call": 10, "put": 10}
    assert sorted(row.price > 0 for row in rows.values()) == [False, True], "one leg in the money, one out of it"
    for row in rows.values():
        leg = await session.positions.aget(leg=row.leg)
        assert (leg.open_quantity, leg.exit_price) == (0, row.price.quantize(Decimal("1e-8")))
        assert row.settled_at == datetime(2026, 9, 4, 12, 0, tzinfo=UTC)
    assert not await FillLedger.objects.filter(session=session, side="buy").aexists(), "a settlement is no fill"
    assert not await session.orders.filter(purpose="exit").aexists(), "nothing is sent into a market that is over"
    assert len(await said(session, "settled")) == 2
    assert await said(session, "closed_outside") == []
    assert await said(session, "attention") == [], "what the venue explains needs nobody's attention"
    await agrees(stage, session)


async def test_two_legs_that_expired_worthless_are_booked_at_nothing(stage: Stage) -> None:
    session = await slept_through(stage, **FAR)
    await stage.until_closed(seconds=2)
    await end_check(stage, session)
    assert {row.price for row in (await settled(session)).values()} == {Decimal(0)}
    assert session.exit_reason == "settlement"
    await agrees(stage, session)


async def test_the_fee_of_a_settlement_is_the_exchanges_own(stage: Stage) -> None:
    stage.exchange._account._config = replace(stage.exchange.config, settlement_fee_rate=Decimal("0.0123"))
    session = await slept_through(stage, **NEAR)
    await stage.until_closed(seconds=2)
    rows = await settled(session)
    fees = [-t.amount for t in stage.exchange.transactions() if t.kind == "commission" and t.at >= 1788523200000000]
    assert [row.commission for row in rows.values() if row.commission] == fees
    assert len(fees) == 1
    await agrees(stage, session)


async def test_a_leg_that_settled_beside_one_that_was_bought_back(stage: Stage) -> None:
    """The put's closes are refused until the worker goes; the call is closed by its own order."""
    session = await stage.start(**NEAR)
    await stage.until_live()
    stage.wire.fault("reject:reduce_only=true,leg=put,code=order_size_not_available_in_orderbook")
    await stage.ask("stop")
    await stage.run(lambda: stage.state.legs[0].held == 0, limit=20)
    await off(stage)
    await stage.until_closed(seconds=2)
    await end_check(stage, session)
    assert set(await settled(session)) == {"put"}
    assert (await session.positions.aget(leg="call")).exit_price is not None
    assert session.exit_reason == "stopped", "what an operator ordered stays the reason"
    await agrees(stage, session)


async def test_a_price_that_comes_late_is_waited_for(stage: Stage) -> None:
    session = await stage.start(**NEAR)
    quirks = replace(stage.wire.server.config.quirks, settlement_price_seconds=1900)
    stage.wire.server.config = replace(stage.wire.server.config, quirks=quirks)
    await stage.until_live()
    await off(stage)
    await stage.until_closed(seconds=5)
    await end_check(stage, session)
    (line,) = await said(session, "settlement_unknown")
    assert all(symbol in line for symbol in await symbols_of(session)), "both legs in one line, said once"
    assert session.exit_reason == "settlement"
    assert not await session.orders.filter(purpose="exit").aexists(), "nothing is sent into a market that is over"
    assert await said(session, "attention") == [line], "the operator is told while it is waited for"
    await agrees(stage, session)


async def test_a_question_that_is_not_answered_is_asked_again(stage: Stage) -> None:
    session = await stage.start(**NEAR)
    await stage.until_live()
    stage.wire.fault("server_error:path=/v2/wallet/transactions,count=6")
    await off(stage)
    await stage.until_closed(seconds=5)
    await end_check(stage, session)
    assert "could not be read" in (await said(session, "settlement_unknown"))[0]
    assert session.exit_reason == "settlement"
    await agrees(stage, session)


async def test_a_price_that_never_comes_leaves_the_legs_without_one_and_says_so(stage: Stage) -> None:
    session = await stage.start(**NEAR)
    quirks = replace(stage.wire.server.config.quirks, settlement_price_seconds=10**9)
    stage.wire.server.config = replace(stage.wire.server.config, quirks=quirks)
    await stage.until_live()
    await off(stage)
    await stage.until_closed(seconds=30)
    await end_check(stage, session)
    assert session.exit_reason == "closed_outside"
    assert await settled(session) == {}
    assert all("does not say what they settled at" in line for line in await said(session, "closed_outside"))
    assert [(leg.open_quantity, leg.exit_price) async for leg in session.positions.all()] == [(0, None)] * 2


@pytest.mark.parametrize("changes", [NEAR, FAR], ids=["near the money", "worthless"])
async def test_contracts_bought_back_by_hand_before_the_expiry_are_not_taken_for_settled(
    stage: Stage, changes: dict[str, Any]
) -> None:
    session = await stage.start(**changes)
    await stage.until_live()
    symbols = [leg.instrument.symbol for leg in stage.state.legs]
    await stage.die()
    stage.wire.time.advance(60)
    for symbol in symbols:
        stage.by_hand(symbol, Side.BUY, 4)
    stage.wire.time.advance(5400)
    stage.wire.connect()
    stage.engine = stage.over_the_wire()
    await stage.step(0)
    await stage.until_closed(seconds=2)
    await end_check(stage, session)
    assert {leg: row.quantity for leg, row in (await settled(session)).items()} == {"call": 6, "put": 6}
    assert session.exit_reason == "closed_outside"
    assert all(line.startswith("4 of ") for line in await said(session, "closed_outside"))


async def test_where_the_wallet_lists_no_worthless_settlement_nothing_is_concluded_unless_the_setting_says_so(
    stage: Stage,
) -> None:
    session = await stage.start(**FAR)
    quirks = replace(stage.wire.server.config.quirks, lists_worthless=False)
    stage.wire.server.config = replace(stage.wire.server.config, quirks=quirks)
    await stage.until_live()
    await off(stage)
    for _ in range(12):
        await stage.step(5)
    assert await settled(session) == {}
    stage.wire.venue.settled._config = replace(stage.wire.venue.config, worthless_needs_row=False)
    await stage.until_closed(seconds=2)
    await end_check(stage, session)
    assert session.exit_reason == "settlement"
    await agrees(stage, session)
