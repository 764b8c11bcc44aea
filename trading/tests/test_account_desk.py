"""The account beside the session: read by the engine, and foreign positions ignored, flattened and adopted."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from asgiref.sync import sync_to_async

from deltastrangle.exceptions import Conflict, InvalidInput
from trading.engine.account import READ_SECONDS
from trading.engine.ownership import flatten_order_id
from trading.engine.ports import ModeUnavailable
from trading.models import AccountReading, EngineCommand, IgnoredPosition, OrderLedger, PositionLedger
from trading.selectors.positions import AccountView, account_view
from trading.services import positions
from trading.strategy.schedule import trading_day
from trading.strategy.types import Phase, Side
from trading.tests.scene import Scene, assert_settled, said
from trading.venues.simulated.records import OrderRequest

pytestmark = pytest.mark.django_db(transaction=True)
CALM = {"max_loss_pct": "1000", "max_profit_pct": "100"}
PRICE = Decimal("123.4")


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    made = Scene()
    yield made
    await made.close()


async def ask(scene: Scene, service: Callable[..., Any], **given: Any) -> EngineCommand:
    """An operator's wish, carried out by the engine."""
    answer = await sync_to_async(service)(actor=None, source="command", mode="paper", **given)
    scene.engine.wake()
    await scene.step()
    return await EngineCommand.objects.aget(pk=answer.command_id or 0)


async def seen() -> AccountView:
    return await sync_to_async(account_view)("paper")


async def live(scene: Scene, **changes: Any) -> Any:
    session = await scene.start(**{**CALM, **changes})
    await scene.until_live()
    return session


async def seed(scene: Scene, symbol: str, size: int) -> None:
    """Somebody trades by hand, and the engine reads the account."""
    scene.venue.seed_position(symbol, size, PRICE)
    await ask(scene, positions.read_account)


def far_call(scene: Scene) -> str:
    """An option that no session sells."""
    rows = scene.exchange.chain("BTC").rows
    return next(r.instrument.symbol for r in rows if r.quote.ask and r.quote.ask > 50 and r.quote.bid)


def held(scene: Scene) -> dict[str, int]:
    return {row.symbol: row.size for row in scene.exchange.positions()}


async def test_a_worker_reads_the_account_when_it_starts_and_every_minute(scene: Scene) -> None:
    wall = 0.0
    scene.engine._wall = lambda: wall
    await scene.step()
    first = await AccountReading.objects.aget(mode="paper")
    assert (first.positions, first.orders, first.error) == ([], [], "")
    scene.venue.seed_position(far_call(scene), -5, PRICE)
    wall = READ_SECONDS - 1
    await scene.step()
    assert (await AccountReading.objects.aget(mode="paper")).read_at == first.read_at
    wall = READ_SECONDS
    await scene.step()
    assert [row["size"] for row in (await AccountReading.objects.aget(mode="paper")).positions] == [-5]


async def test_the_reading_follows_a_session_into_the_market_and_out(scene: Scene) -> None:
    session = await live(scene)
    account = await seen()
    assert {(p.size, p.held, p.owner) for p in account.positions} == {(-10, 10, "session")}
    assert not account.troubled
    await scene.ask("stop")
    await scene.until_closed()
    await scene.step()
    assert (await seen()).positions == ()
    await assert_settled(scene, session)


async def test_a_failed_read_keeps_the_last_picture_and_says_that_it_does_not_know(scene: Scene) -> None:
    await scene.step()
    symbol = far_call(scene)
    await seed(scene, symbol, -5)
    scene.faults.inject("positions_fail")
    command = await ask(scene, positions.read_account)
    assert command.status == "failed"
    account = await seen()
    assert account.error == "positions could not be read"
    assert [(p.symbol, p.size) for p in account.positions] == [(symbol, -5)]
    assert account.troubled
    with pytest.raises(positions.NothingForeign, match="unknown"):
        await ask(scene, positions.flatten_position, symbol=symbol, confirm=symbol)


async def test_it_flattens_exactly_the_foreign_part_of_a_strike_the_session_is_in(scene: Scene) -> None:
    session = await live(scene)
    symbol = scene.state.legs[0].instrument.symbol
    await seed(scene, symbol, -4)
    position = (await seen()).position(symbol)
    assert position is not None
    assert (position.owner, position.held, position.foreign) == ("foreign", 10, -4)
    command = await ask(scene, positions.flatten_position, symbol=symbol, confirm=symbol)
    assert (command.status, command.result["filled"]) == ("done", 4)
    assert sum(fill["size"] for fill in command.result["fills"]) == 4
    assert held(scene)[symbol] == -10
    assert all(order.reduce_only for order in scene.sent if order.client_order_id.startswith("df"))
    await scene.run(lambda: scene.phase is Phase.LIVE and not scene.state.mismatches, limit=60)
    await scene.ask("stop")
    await scene.until_closed()
    scene.peak.clear()
    await session.arefresh_from_db()
    assert (session.exit_reason, held(scene)) == ("stopped", {})


async def test_it_flattens_a_position_while_no_session_runs_and_a_long_one_by_selling(scene: Scene) -> None:
    await scene.step()
    symbol = far_call(scene)
    await seed(scene, symbol, 7)
    command = await ask(scene, positions.flatten_position, symbol=symbol, confirm=symbol)
    assert (command.status, command.result["filled"], held(scene)) == ("done", 7, {})
    assert {order.side for order in scene.sent} == {Side.SELL}
    assert (await seen()).positions == ()


async def test_it_goes_on_after_a_partial_fill_and_a_refusal_without_closing_too_much(scene: Scene) -> None:
    await scene.step()
    symbol = far_call(scene)
    await seed(scene, symbol, -8)
    scene.faults.inject("partial:fraction=0.5,count=1;reject:count=1")
    command = await ask(scene, positions.flatten_position, symbol=symbol, confirm=symbol)
    assert (command.status, command.result["filled"], held(scene)) == ("done", 8, {})
    assert len(scene.sent) == 3


async def test_an_order_without_an_answer_is_asked_after_before_another_is_sent(scene: Scene) -> None:
    await scene.step()
    symbol = far_call(scene)
    await seed(scene, symbol, -8)
    scene.faults.inject("timeout_after:count=1")
    command = await ask(scene, positions.flatten_position, symbol=symbol, confirm=symbol)
    assert (command.status, command.result["filled"], len(scene.sent)) == ("done", 8, 1)
    assert held(scene) == {}


async def test_a_worker_killed_while_flattening_is_continued_by_the_next_and_closes_nothing_twice(
    scene: Scene,
) -> None:
    await scene.step()
    symbol = far_call(scene)
    await seed(scene, symbol, -8)
    killed: list[str] = []

    async def die(what: str) -> None:
        if what.startswith("placed df") and not killed:
            killed.append(what)
            scene.engine.desk.abandon()

    scene.point = die
    answer = await sync_to_async(positions.flatten_position)(
        actor=None, source="command", mode="paper", symbol=symbol, confirm=symbol
    )
    scene.engine.wake()
    await scene.engine.step()
    await scene.engine.desk.finish()
    assert killed
    command = await EngineCommand.objects.aget(pk=answer.command_id or 0)
    assert (command.status, [row[0] for row in command.result["sent"]]) == ("pending", [scene.sent[0].client_order_id])
    scene.venue.seed_position(symbol, -3, PRICE)
    await scene.restart()
    await scene.step()
    await command.arefresh_from_db()
    assert (command.status, command.result["filled"]) == ("done", 8)
    assert held(scene) == {symbol: -3}
    assert [order.client_order_id for order in scene.sent] == [flatten_order_id(command.payload["key"], 1)]


async def test_it_does_not_flatten_while_an_order_of_the_session_is_under_way(scene: Scene) -> None:
    await live(scene)
    symbol = scene.state.legs[0].instrument.symbol
    await seed(scene, symbol, -4)
    await sync_to_async(positions.flatten_position)(
        actor=None, source="command", mode="paper", symbol=symbol, confirm=symbol
    )
    await scene.ask("stop")
    scene.engine.wake()
    await scene.step()
    command = await EngineCommand.objects.filter(action="flatten").alast()
    assert command is not None
    sent = [order for order in scene.sent if order.client_order_id.startswith("df")]
    if command.status == "failed":
        assert "session" in command.result["error"]
        assert sent == []
    else:
        assert sum(order.size for order in sent) == 4


async def test_it_refuses_what_is_no_longer_foreign_when_the_engine_looks(scene: Scene) -> None:
    await scene.step()
    symbol = far_call(scene)
    await seed(scene, symbol, -4)
    scene.venue.seed_position(symbol, 4, PRICE)
    command = await ask(scene, positions.flatten_position, symbol=symbol, confirm=symbol)
    assert command.status == "failed"
    assert "foreign now" in command.result["error"]
    assert scene.sent == []


@pytest.mark.parametrize("confirm", ["", "yes", "C-BTC"])
async def test_flattening_needs_the_symbol_typed(scene: Scene, confirm: str) -> None:
    await scene.step()
    symbol = far_call(scene)
    await seed(scene, symbol, -4)
    with pytest.raises(InvalidInput, match="to confirm"):
        await ask(scene, positions.flatten_position, symbol=symbol, confirm=confirm)


async def test_a_mode_without_a_venue_is_refused_with_its_reason(scene: Scene) -> None:
    await scene.step()
    symbol = far_call(scene)
    await AccountReading.objects.acreate(
        mode="live",
        read_at="2026-11-22T00:00Z",
        tried_at="2026-11-22T00:00Z",
        positions=[{"symbol": symbol, "size": -4, "entry_price": "10"}],
    )

    def venue_for(mode: str) -> Any:
        if mode == "live":
            raise ModeUnavailable("Mode 'live' is switched off on the worker.")
        return scene.venue

    scene.engine._venue_for = venue_for
    answer = await sync_to_async(positions.flatten_position)(
        actor=None, source="command", mode="live", symbol=symbol, confirm=symbol
    )
    scene.engine.wake()
    await scene.step()
    command = await EngineCommand.objects.aget(pk=answer.command_id or 0)
    assert (command.status, command.result["error"]) == ("failed", "Mode 'live' is switched off on the worker.")


async def test_a_session_adopts_a_foreign_short_position_and_closes_it_with_its_own(scene: Scene) -> None:
    session = await live(scene)
    leg = scene.state.legs[0]
    symbol, sold = leg.instrument.symbol, leg.entry_value
    await seed(scene, symbol, -4)
    position = (await seen()).position(symbol)
    assert position is not None
    assert position.entry_price is not None
    command = await ask(scene, positions.adopt_position, symbol=symbol)
    assert (command.status, command.result["adopted"]) == ("done", 4)
    assert Decimal(command.result["price"]) == position.entry_price
    assert scene.state.legs[0].held == 14
    assert not (await seen()).troubled
    assert len(await said(session, "adopted")) == 1
    await scene.restart()
    await scene.run(lambda: scene.phase is Phase.LIVE and not scene.state.mismatches, limit=60)
    await scene.ask("stop")
    await scene.until_closed()
    row = await PositionLedger.objects.aget(session=session, symbol=symbol)
    await session.arefresh_from_db()
    assert (session.exit_reason, held(scene), row.quantity, row.open_quantity) == ("stopped", {}, 14, 0)
    exits = [o async for o in OrderLedger.objects.filter(session=session, symbol=symbol, purpose="exit")]
    assert sum(order.filled_quantity for order in exits) == 14
    assert row.exit_price is not None
    expected = (sold + position.entry_price * 4 - row.exit_price * 14) * row.contract_size - row.fees
    assert row.realized_pnl == pytest.approx(expected, abs=Decimal("1e-7"))


async def test_adopting_is_done_once_even_when_the_command_is_obeyed_again(scene: Scene) -> None:
    await live(scene)
    symbol = scene.state.legs[0].instrument.symbol
    await seed(scene, symbol, -4)
    command = await ask(scene, positions.adopt_position, symbol=symbol, size=2)
    await EngineCommand.objects.filter(pk=command.pk).aupdate(status="pending", result={})
    await scene.restart()
    await scene.step()
    await command.arefresh_from_db()
    assert command.status == "done"
    assert scene.state.legs[0].adopted == 2


async def test_it_refuses_to_adopt_what_is_long_elsewhere_or_without_a_session(scene: Scene) -> None:
    await scene.step()
    other = far_call(scene)
    await seed(scene, other, -4)
    with pytest.raises(Conflict, match="No session runs"):
        await ask(scene, positions.adopt_position, symbol=other)
    await live(scene)
    with pytest.raises(Conflict, match="one of the two legs"):
        await ask(scene, positions.adopt_position, symbol=other)
    symbol = scene.state.legs[1].instrument.symbol
    await seed(scene, symbol, -3)
    with pytest.raises(InvalidInput, match="between 1 and 3"):
        await ask(scene, positions.adopt_position, symbol=symbol, size=4)


async def test_an_ignored_position_is_shown_again_when_its_size_changes_or_the_day_is_over(scene: Scene) -> None:
    await scene.step()
    symbol = far_call(scene)
    await seed(scene, symbol, -4)
    assert (await seen()).troubled
    today = trading_day(scene.exchange.now())
    ignore = sync_to_async(positions.ignore_position)
    await scene.engine.store.publish({"venue": {"clock": scene.exchange.now().isoformat()}}, owner="rig")
    await ignore(actor=None, source="command", mode="paper", symbol=symbol, until=today)
    position = (await seen()).position(symbol)
    assert position is not None
    assert (position.owner, position.ignored_until) == ("ignored", today)
    assert not (await seen()).troubled
    await seed(scene, symbol, -1)
    assert (await seen()).troubled
    await IgnoredPosition.objects.aupdate(size=-5)
    assert not (await seen()).troubled
    await IgnoredPosition.objects.aupdate(until=today - timedelta(days=1))
    assert (await seen()).troubled
    with pytest.raises(InvalidInput, match="at most a year"):
        await ignore(actor=None, source="command", mode="paper", symbol=symbol, until=today - timedelta(days=1))


async def test_resting_orders_are_told_apart(scene: Scene) -> None:
    await live(scene)
    symbol = scene.state.legs[0].instrument.symbol
    for client_id in ("mine", "ds20200101000000-CE-e1"):
        request = OrderRequest(
            symbol=symbol, side=Side.SELL, size=1, limit_price=Decimal(9000), client_order_id=client_id
        )
        scene.exchange.place(request)
    await ask(scene, positions.read_account)
    account = await seen()
    assert {order.client_order_id: order.owner for order in account.orders} == {
        "mine": "foreign",
        "ds20200101000000-CE-e1": "orphan",
    }
    assert {order.symbol for order in account.orders} == {symbol}
    assert account.troubled
