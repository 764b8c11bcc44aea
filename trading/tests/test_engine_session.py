"""A session from start to end, through the real store and the simulated venue."""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal

import pytest
import pytest_asyncio

from deltastrangle.exceptions import Conflict
from trading.models import Alert, DecisionRecord, FillLedger, OrderLedger, StrategySession
from trading.strategy.arming import armed_ids
from trading.strategy.codec import loads
from trading.strategy.state import SessionState
from trading.strategy.types import OrderIntent, OrderReport, Phase
from trading.tests.rig import Rig, ledger_cash

pytestmark = pytest.mark.django_db(transaction=True)


@pytest_asyncio.fixture
async def rig() -> AsyncIterator[Rig]:
    """A fresh engine at 09:25 IST."""
    made = Rig()
    yield made
    await made.close()


async def test_it_sells_two_legs_and_closes_them_by_a_rule(rig: Rig) -> None:
    session = await rig.start(max_hold_minutes=30)
    await rig.until_live()
    assert rig.phase is Phase.LIVE
    await rig.until_closed(seconds=5)
    await session.arefresh_from_db()
    assert session.status == "stopped"
    assert session.exit_reason in {"time_exit", "max_profit", "max_loss"}
    orders = [o async for o in OrderLedger.objects.filter(session=session)]
    assert {(o.leg, o.purpose) for o in orders} == {
        ("call", "entry"),
        ("put", "entry"),
        ("call", "exit"),
        ("put", "exit"),
    }


async def test_the_ledger_equals_the_venues_cash_to_the_last_digit(rig: Rig) -> None:
    session = await rig.start(max_hold_minutes=10)
    await rig.until_live()
    await rig.until_closed(seconds=5)
    change = rig.exchange.balance().cash - rig.opening_cash
    assert await ledger_cash(session) == change
    legs = [leg async for leg in session.positions.all()]
    realised = sum((leg.realized_pnl or Decimal(0) for leg in legs), Decimal(0))
    assert abs(realised - change) < Decimal("0.000001")


async def test_it_waits_for_its_entry_time(rig: Rig) -> None:
    await rig.start(now=False)
    for _ in range(4):
        await rig.step(60)
    assert rig.phase is Phase.WAITING
    assert rig.exchange.orders() == []
    await rig.step(61)
    await rig.until_live()
    assert rig.phase is Phase.LIVE


async def test_every_intent_is_on_disk_before_its_request_leaves(rig: Rig) -> None:
    seen: list[bool] = []
    place = rig.venue.place

    async def watched(intent: OrderIntent) -> OrderReport:
        stored = await StrategySession.objects.aget()
        armed = intent.client_order_id in armed_ids(loads(SessionState, stored.engine_state))
        seen.append(armed or await OrderLedger.objects.filter(client_order_id=intent.client_order_id).aexists())
        return await place(intent)

    rig.venue.place = watched  # type: ignore[method-assign]
    await rig.start(max_hold_minutes=5)
    await rig.until_live()
    await rig.until_closed(seconds=5)
    assert len(seen) >= 4
    assert all(seen)


async def test_its_time_exit_fires_at_the_frozen_instant(rig: Rig) -> None:
    session = await rig.start(max_hold_minutes=20, max_profit_pct="100", max_loss_pct="1000")
    await rig.until_live()
    planned = rig.engine.session.state.exit.exit_at  # type: ignore[union-attr]
    await rig.until_closed(seconds=1)
    await session.arefresh_from_db()
    assert session.exit_reason == "time_exit"
    assert session.session_metadata["exit"]["exit_triggered_at"] == planned.isoformat().replace("+00:00", "Z")


async def test_stop_closes_the_legs_and_says_why(rig: Rig) -> None:
    session = await rig.start()
    await rig.until_live()
    await rig.ask("stop")
    await rig.until_closed()
    await session.arefresh_from_db()
    assert session.exit_reason == "stopped"
    assert all(p.size == 0 for p in rig.exchange.positions())
    assert await DecisionRecord.objects.filter(session=session, kind="proof_of_flat").acount() == 1
    proof = session.proof_of_flat
    assert proof is not None
    assert (proof["positions"], proof["open_orders"], proof["answers"]) == ({}, [], [])
    assert len(proof["symbols"]) == 2
    assert sorted(proof["raw"]) == ["open orders and stops → []", "positions → []"]


async def test_stop_while_waiting_is_immediate(rig: Rig) -> None:
    session = await rig.start(now=False)
    await rig.ask("stop")
    await rig.step(0)
    await session.arefresh_from_db()
    assert session.status == "stopped"


async def test_leave_open_hands_the_legs_over(rig: Rig) -> None:
    session = await rig.start()
    await rig.until_live()
    await rig.ask("stop", leave_open=True)
    await rig.until_closed()
    await session.arefresh_from_db()
    assert session.exit_reason == "handed_over"
    assert sorted(p.size for p in rig.exchange.positions()) == [-10, -10]


async def test_restart_closes_the_old_session_and_opens_a_new_one(rig: Rig) -> None:
    first = await rig.start()
    await rig.until_live()
    await rig.ask("restart", now=True)
    await rig.run(lambda: rig.engine.session is not None and rig.engine.session.spec.session_id != first.pk)
    await rig.until_live()
    await first.arefresh_from_db()
    assert first.status == "stopped"
    assert await StrategySession.objects.filter(status="running").acount() == 1
    assert sorted(p.size for p in rig.exchange.positions() if p.size) == [-10, -10]


async def test_a_daily_configuration_opens_its_next_session_by_itself(rig: Rig) -> None:
    first = await rig.start(repeat="daily", max_hold_minutes=5, now=True)
    await rig.until_live()
    await rig.run(lambda: rig.engine.session is not None and rig.engine.session.spec.session_id != first.pk, seconds=5)
    assert rig.phase is Phase.WAITING
    plan = rig.engine.session.state.plan  # type: ignore[union-attr]
    assert plan is not None
    assert plan.day.isoformat() == "2026-09-05"


async def test_a_daily_configuration_that_cannot_go_on_says_so(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """As when a live configuration was edited and nobody confirmed the new revision."""

    def refuse(**_: object) -> StrategySession:
        raise Conflict("nobody confirmed its newest revision")

    await rig.start(repeat="daily", max_hold_minutes=5, now=True)
    await rig.until_live()
    monkeypatch.setattr("trading.store.open_session", refuse)
    await rig.until_closed(seconds=5)
    alert = await Alert.objects.aget(kind="repeat_refused")
    assert (alert.severity, "nobody confirmed" in alert.message) == ("warning", True)


async def test_fills_carry_the_venues_prices_and_commissions(rig: Rig) -> None:
    session = await rig.start(max_hold_minutes=5)
    await rig.until_live()
    await rig.until_closed(seconds=5)
    venue = {f.id: (f.price, f.size, f.commission) for f in rig.exchange.fills()}
    ours = {f.fill_id: (f.price, f.quantity, f.commission) async for f in FillLedger.objects.filter(session=session)}
    assert ours == venue
