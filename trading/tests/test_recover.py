"""A fresh database gets its sessions back from the venue's record, and the worker goes on with them."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from unittest.mock import patch

import pytest
from asgiref.sync import sync_to_async
from django.core.management import call_command
from django.core.management.base import CommandError

from deltastrangle.exceptions import Conflict, InvalidInput
from trading import lease
from trading.engine.rebuild import NotRebuilt, rebuild, trails
from trading.management.recovery import Plan, Truth, plan_of, read_truth, told
from trading.models import (
    DecisionRecord,
    FillLedger,
    OrderLedger,
    PnlPoint,
    PositionLedger,
    SettlementLedger,
    StrategySession,
    TradingConfiguration,
)
from trading.opening import open_session
from trading.params import params_from_values
from trading.services.recovery import restore_sessions
from trading.strategy.types import Phase, Side
from trading.tests.rig import Rig, ledger_cash
from trading.tests.scene import Scene, assert_settled, said
from trading.tests.test_engine_settlement import AFTERNOON, NEAR
from trading.tests.wire_rig import CHORES, WireRig
from trading.venues.simulated.records import OrderRequest
from trading.venues.simulated.venue import SimulatedVenue

pytestmark = pytest.mark.django_db(transaction=True)
PATIENT = {**CHORES, "read_timeout": 10.0}
"""An answer that comes late on a busy machine is waited for: nobody steps the time for a retry here."""
CALM: dict[str, Any] = {"max_loss_pct": "1000", "max_profit_pct": "100"}


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    made = Scene()
    yield made
    await made.close()


@pytest.fixture
async def afternoon() -> AsyncIterator[Scene]:
    """16:30 IST on a day of expiry."""
    made = Scene(start=AFTERNOON)
    yield made
    await made.close()


async def lose_the_ledger(rig: Rig) -> None:
    """The worker stops; the database is new: only the configuration was made again."""
    if rig.engine.session is not None:
        await rig.engine.session.finish_requests()
        rig.engine.session.abandon()
    rig.engine.session = None
    await rig.engine.shut_down()
    await rig.store.publish({}, owner="rig")
    for model in (PnlPoint, DecisionRecord, FillLedger, OrderLedger, PositionLedger, SettlementLedger, StrategySession):
        await model.objects.all().adelete()


async def truth_of(rig: Rig, venue: Any = None) -> tuple[Truth, Plan]:
    """What the venue remembers, and what would be made of it."""
    configuration = await TradingConfiguration.objects.afirst()
    assert configuration is not None
    revision = await configuration.revisions.afirst()
    assert revision is not None
    params = params_from_values(revision.values)
    truth = await read_truth(venue or rig.venue, params, days=14)
    return truth, plan_of(truth, params)


def restore(plan: Plan, at: datetime, mode: str = "paper") -> list[StrategySession]:
    configuration = TradingConfiguration.objects.get()
    token = lease.claim("recover", 60)
    assert token is not None
    try:
        return restore_sessions(
            actor=None, configuration=configuration, mode=mode, sessions=plan.sessions, token=token, at=at
        )
    finally:
        lease.release("recover")


async def recovered(scene: Rig, venue: Any = None) -> StrategySession:
    """The ledger is lost and brought back; the newest session of it."""
    await lose_the_ledger(scene)
    truth, plan = await truth_of(scene, venue)
    assert plan.refused == ()
    written = await sync_to_async(restore)(plan, truth.at)
    return written[-1]


def ledger() -> tuple[set[Any], set[Any], set[Any]]:
    """Orders, fills and legs, without what only the lost database knew."""
    order_columns = ("client_order_id", "leg", "purpose", "attempt", "symbol", "side", "quantity", "filled_quantity")
    orders = set(OrderLedger.objects.values_list(*order_columns, "fill_price", "status", "order_id"))
    fills = set(FillLedger.objects.values_list("fill_id", "symbol", "side", "quantity", "price", "commission", "role"))
    legs = set(PositionLedger.objects.values_list("leg", "symbol", "quantity", "open_quantity", "entry_price", "fees"))
    return orders, fills, legs


async def test_a_live_session_comes_back_as_it_was_and_ends_flat(scene: Scene) -> None:
    session = await scene.start(**CALM)
    await scene.until_live()
    before = await sync_to_async(ledger)()
    again = await recovered(scene)
    assert (again.strategy_id, again.phase, again.status) == (session.strategy_id, "live", "running")
    assert await sync_to_async(ledger)() == before
    await scene.restart()
    assert scene.phase is Phase.LIVE
    await scene.run(lambda: scene.state.reconciled_at is not None, limit=90)
    assert scene.state.mismatches == 0
    await scene.ask("stop")
    await scene.until_closed()
    scene.hasty.clear()
    await assert_settled(scene, again)
    sent = [order.client_order_id for order in scene.sent]
    assert len(sent) == len(set(sent))


async def test_it_closes_by_its_exit_time_without_anybodys_help(scene: Scene) -> None:
    await scene.start(**{**CALM, "max_hold_minutes": 5})
    await scene.until_live()
    again = await recovered(scene)
    await scene.restart()
    await scene.until_closed()
    scene.hasty.clear()
    await assert_settled(scene, again)
    assert again.exit_reason == "time_exit"


async def test_a_session_with_one_leg_left_comes_back_closing_it(scene: Scene) -> None:
    await scene.start(**CALM)
    await scene.until_live()
    leg = scene.state.legs[0]
    scene.faults.inject("timeout_before:leg=put,side=buy;slow:leg=put,side=buy,seconds=1")
    await scene.ask("stop")
    await scene.run(lambda: scene.state.legs[0].held == 0, limit=60)
    scene.faults.clear()
    again = await recovered(scene)
    assert (again.phase, again.exit_reason) == ("attention", "resumed_exit")
    assert "exit had begun" in again.session_metadata["attention"]
    await scene.restart()
    await scene.until_closed()
    await again.arefresh_from_db()
    assert (again.status, scene.exchange.positions(), scene.exchange.open_orders()) == ("stopped", [], [])
    assert leg.held == 10


async def test_days_that_are_over_come_back_as_history(scene: Scene) -> None:
    first = await scene.play(**CALM)
    await first.arefresh_from_db()
    again = await recovered(scene)
    assert (again.strategy_id, again.status, again.exit_reason) == (first.strategy_id, "stopped", "")
    assert again.pnl_summary["realized"] == first.pnl_summary["realized"]
    assert again.trading_day == first.trading_day
    assert len(await said(again, "rebuilt")) == 1


async def test_no_later_session_gets_an_id_the_venue_has_seen(scene: Scene) -> None:
    session = await scene.play(**CALM)
    again = await recovered(scene)
    started = datetime.strptime(session.strategy_id.split("-")[2], "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    configuration = await TradingConfiguration.objects.aget()
    with patch("trading.opening.timezone.now", return_value=started):
        new = await sync_to_async(open_session)(configuration=configuration, started_by=None)
    assert new.strategy_id == f"{again.strategy_id}-2"


async def test_what_is_nobodys_is_told_and_left_alone(scene: Scene) -> None:
    await scene.start(**CALM)
    await scene.until_live()
    symbol = scene.state.legs[0].instrument.symbol
    scene.venue.seed_position(symbol, -3, Decimal(100))
    scene.exchange.place(
        OrderRequest(symbol=symbol, side=Side.SELL, size=1, limit_price=Decimal(9000), client_order_id="mine")
    )
    await lose_the_ledger(scene)
    truth, plan = await truth_of(scene)
    assert plan.foreign == {symbol: -3}
    lines = "\n".join(told(truth, plan))
    assert f"-3 {symbol} stays foreign" in lines
    assert "(mine), sell 1" in lines
    again = (await sync_to_async(restore)(plan, truth.at))[-1]
    assert {(p.analytics or {})["baseline"] async for p in again.positions.all()} == {-3, 0}


async def test_contracts_the_account_no_longer_shows_get_no_price(scene: Scene) -> None:
    await scene.start(**CALM)
    await scene.until_live()
    for leg in scene.state.legs:
        scene.venue.seed_position(leg.instrument.symbol, 4, Decimal(100))
    await lose_the_ledger(scene)
    truth, plan = await truth_of(scene)
    assert plan.opened is not None
    assert [(leg.held, leg.external) for leg in plan.opened.legs] == [(6, 4), (6, 4)]
    again = (await sync_to_async(restore)(plan, truth.at))[-1]
    assert "8 contracts are no longer shown" in (await said(again, "rebuilt"))[0]


async def test_options_that_settled_meanwhile_are_booked_at_what_the_venue_says(afternoon: Scene) -> None:
    session = await afternoon.start(**NEAR)
    await afternoon.until_live()
    await lose_the_ledger(afternoon)
    afternoon.clock.advance(5400)
    truth, plan = await truth_of(afternoon)
    assert "(expired)" in "\n".join(told(truth, plan))
    again = (await sync_to_async(restore)(plan, truth.at))[-1]
    assert (again.strategy_id, again.status) == (session.strategy_id, "running")
    assert "asked what they settled at" in (await said(again, "rebuilt"))[0]
    await afternoon.restart()
    await afternoon.until_closed(seconds=2)
    await again.arefresh_from_db()
    assert again.exit_reason == "settlement"
    assert await SettlementLedger.objects.filter(session=again).acount() == 2
    assert await ledger_cash(again) == afternoon.exchange.balance().cash - afternoon.opening_cash
    assert await said(again, "closed_outside") == []


async def test_fills_that_are_not_all_listed_make_no_session(scene: Scene) -> None:
    await scene.start(**CALM)
    await scene.until_live()
    await lose_the_ledger(scene)
    truth, plan = await truth_of(scene)
    trail = truth.trails[0]
    short = trails(trail.orders, trail.fills[1:])[0]
    assert plan.opened is not None
    with pytest.raises(NotRebuilt, match="are listed; read further back"):
        rebuild(short, plan.opened.params, truth.listed, {}, at=truth.at)


async def test_it_refuses_while_the_ledger_knows_the_session(scene: Scene) -> None:
    await scene.start(**CALM)
    await scene.until_live()
    truth, plan = await truth_of(scene)
    await scene.engine.shut_down()
    with pytest.raises(Conflict, match="already running"):
        await sync_to_async(restore)(plan, truth.at)
    await StrategySession.objects.aupdate(status="stopped")
    with pytest.raises(Conflict, match="already knows"):
        await sync_to_async(restore)(plan, truth.at)


async def test_it_refuses_a_configuration_of_another_mode(scene: Scene) -> None:
    await scene.play(**CALM)
    await lose_the_ledger(scene)
    truth, plan = await truth_of(scene)
    with pytest.raises(InvalidInput, match="trades in mode paper"):
        await sync_to_async(restore)(plan, truth.at, "live")
    assert await StrategySession.objects.acount() == 0


async def test_the_command_tells_asks_and_writes(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    session = await scene.start(**CALM)
    await scene.until_live()
    await lose_the_ledger(scene)
    monkeypatch.setattr(
        "trading.management.commands.recover.paper_venue", lambda: SimulatedVenue(scene.exchange, scene.faults)
    )
    monkeypatch.setattr("builtins.input", lambda question: "n")
    with pytest.raises(CommandError, match="Nothing was written"):
        await run_command()
    assert await StrategySession.objects.acount() == 0
    out = await run_command("--yes")
    assert f"{session.strategy_id} is open (live)" in out
    with pytest.raises(CommandError, match="already running"):
        await run_command("--yes")


async def test_the_command_needs_the_worker_stopped_and_a_configuration(scene: Scene) -> None:
    with pytest.raises(CommandError, match="no active configuration"):
        await run_command()
    await scene.configure()
    await scene.step()
    with pytest.raises(CommandError, match="lease is held by rig"):
        await run_command("--configuration", "Rig")


@sync_to_async
def run_command(*options: str) -> str:
    """``manage.py recover --from-venue``, and what it says."""
    out = io.StringIO()
    options = options if "--configuration" in options else (*options, *_named())
    call_command("recover", "--from-venue", *options, stdout=out)
    return out.getvalue()


def _named() -> tuple[str, ...]:
    return ("--configuration", "Rig") if TradingConfiguration.objects.exists() else ()


async def test_it_comes_back_from_the_exchanges_own_history_over_the_wire() -> None:
    rig = WireRig(chores=PATIENT)
    try:
        session = await rig.start(**CALM)
        await rig.until_live()
        before = await sync_to_async(ledger)()
        again = await recovered(rig, rig.wire.venue)
        assert (again.strategy_id, again.phase) == (session.strategy_id, "live")
        assert await sync_to_async(ledger)() == before
        rig.engine = rig.over_the_wire()
        await rig.step(0)
        assert rig.phase is Phase.LIVE
        await rig.ask("stop")
        await rig.until_closed()
        await again.arefresh_from_db()
        assert (again.status, rig.exchange.positions(), rig.exchange.open_orders()) == ("stopped", [], [])
        ours = {o async for o in OrderLedger.objects.values_list("client_order_id", "filled_quantity")}
        assert ours == {(o.client_order_id, o.filled) for o in rig.exchange.orders()}
    finally:
        await rig.close()


async def test_what_settled_meanwhile_is_booked_from_the_exchanges_own_history_over_the_wire() -> None:
    rig = WireRig(start=AFTERNOON, chores=PATIENT)
    try:
        await rig.start(**NEAR)
        await rig.until_live()
        await lose_the_ledger(rig)
        rig.wire.time.advance(5400)
        reading = asyncio.ensure_future(truth_of(rig, rig.wire.venue))
        await rig.wire.until_done([reading])
        truth, plan = reading.result()
        again = (await sync_to_async(restore)(plan, truth.at))[-1]
        rig.engine = rig.over_the_wire()
        await rig.step(0)
        await rig.until_closed(seconds=2)
        await again.arefresh_from_db()
        assert again.exit_reason == "settlement"
        assert await ledger_cash(again) == rig.exchange.balance().cash - rig.opening_cash
        prices = {row.symbol: row.price async for row in SettlementLedger.objects.filter(session=again)}
        assert len(prices) == 2
        assert any(price > 0 for price in prices.values()), "one leg ended in the money"
    finally:
        await rig.close()
