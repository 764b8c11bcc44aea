"""Rows of the fault matrix about single orders: answers lost, repeated and refused, fills in part and in between."""

from __future__ import annotations

import pytest

from trading.strategy.types import OrderType, Phase
from trading.tests.matrix.end_check import end_check
from trading.tests.matrix.stage import PUSHED, Stage, at, said
from trading.venues.simulated.records import OrderState

pytestmark = pytest.mark.django_db(transaction=True)


async def test_timeout_after_acceptance(stage: Stage) -> None:
    session = await stage.play("timeout_after:count=1,leg=put,side=sell; timeout_after:count=1,leg=call,side=buy")
    await end_check(stage, session)
    assert stage.struck
    assert len(await said(session, "order_unknown")) == 2
    assert len(stage.exchange.orders()) == 4
    assert session.exit_reason == "time_exit"


async def test_timeout_before_acceptance(stage: Stage) -> None:
    lost = "timeout_before:count=1,method=POST,path=/v2/orders,leg=put,side"
    session = await stage.play(f"{lost}=sell; {lost}=buy")
    await end_check(stage, session)
    assert stage.struck
    assert len(await said(session, "order_unknown")) == 2
    assert len(stage.exchange.orders()) == 4
    assert session.exit_reason == "time_exit"


async def test_duplicate_acknowledgement(stage: Stage) -> None:
    session = await stage.play("duplicate_frames:channel=orders; duplicate_frames:channel=v2/user_trades")
    await end_check(stage, session)
    assert stage.struck
    assert [leg.quantity async for leg in session.positions.all()] == [10, 10]


async def test_acknowledgement_lost_and_the_fill_seen_on_the_socket_only(stage: Stage) -> None:
    """From the first order on nothing can be read of orders; only the private socket tells that they were filled."""

    def deaf(what: str) -> None:
        if what.startswith("placed") and not stage.wire.server.faults.armed[1:]:
            stage.wire.fault("server_error:method=GET,path=/v2/orders,for=40")

    stage.wire.fault("timeout_after:count=2,side=sell")
    stage.struck_by = deaf
    session = await stage.start(max_hold_minutes=2)
    began = at(stage)
    await stage.until_live()
    assert (at(stage) - began).total_seconds() < 30, "live while no read of an order could have told"
    await stage.until_closed()
    await end_check(stage, session)
    assert stage.struck
    assert session.exit_reason == "time_exit"


async def test_reject_of_leg_2(stage: Stage) -> None:
    session = await stage.play("reject:leg=put,side=sell,code=insufficient_margin")
    await end_check(stage, session)
    assert session.exit_reason == "entry_failed"
    assert [leg.quantity async for leg in session.positions.all()] == [10, 0]
    assert await said(session, "entry_abandoned")


async def test_partial_fill_of_leg_1_then_reject(stage: Stage) -> None:
    """The call fills in part and rests; whatever is sent for it after that is refused."""

    def thin(what: str) -> None:
        if what.startswith("placed") and "-CE-e1" in what:
            stage.wire.fault(f"reject:leg=call,side=sell,code={PUSHED}")

    stage.becalm()
    stage.struck_by = thin
    stage.wire.fault("partial:leg=call,side=sell,fraction=0.4,count=1")
    session = await stage.start(order_timeout_seconds=1, max_hold_minutes=2)
    await stage.until_live()
    assert [leg.held for leg in stage.state.legs] == [4, 4]
    await stage.until_closed()
    await end_check(stage, session)
    assert await said(session, "leg_shrunk")
    assert stage.struck


async def test_cancel_fill_race(stage: Stage) -> None:
    """The put rests; it is taken just before its cancel arrives."""
    crossed: list[str] = []

    def taken_first(what: str) -> None:
        if what.startswith("cancel"):
            crossed.append(what)
            stage.becalm(False)

    stage.becalm()
    stage.struck_by = taken_first
    session = await stage.play("partial:leg=put,side=sell,fraction=0,count=1", order_timeout_seconds=1)
    await end_check(stage, session)
    assert crossed
    assert len([o for o in stage.exchange.orders() if "-PE-e" in o.client_order_id]) == 1
    assert [leg.quantity async for leg in session.positions.all()] == [10, 10]


async def test_close_filled_but_not_reported(stage: Stage) -> None:
    session = await stage.start()
    await stage.until_live()
    stage.wire.fault("timeout_after:side=buy,count=2; private_silent:for=15")
    await stage.ask("stop")
    await stage.until_closed()
    await end_check(stage, session)
    assert len(await said(session, "order_unknown")) == 2
    assert len(stage.exchange.orders()) == 4
    assert session.exit_reason == "stopped"


async def test_reduce_only_refused(stage: Stage) -> None:
    session = await stage.start()
    await stage.until_live()
    stage.wire.fault("reject:reduce_only=true,leg=put,count=2,code=no_position_for_reduce_only")
    await stage.ask("stop")
    await stage.until_closed()
    await end_check(stage, session)
    assert stage.struck
    assert stage.exchange.positions() == []
    assert await said(session, "proof_of_flat")


async def test_market_order_outside_the_price_band(stage: Stage) -> None:
    """For half a minute the exchange's own band ends at its mark, below every offer: no market order may trade."""
    session = await stage.start(order_attempts=2)
    await stage.until_live()
    stage.exchange.market.band_width = 0.0
    began, legs = at(stage), stage.state.symbols
    await stage.ask("stop")
    while (at(stage) - began).total_seconds() < 30:
        quotes = [stage.exchange.quote(symbol) for symbol in legs]
        assert all(q and q.ask and q.band_high and q.band_high < q.ask for q in quotes)
        await stage.step()
    assert {p.symbol: p.size for p in stage.exchange.positions()} == dict.fromkeys(legs, -10)
    assert stage.phase is Phase.ATTENTION
    assert "could not be closed" in stage.state.attention
    stage.exchange.market.band_width = 1.0
    await stage.until_closed(limit=15)
    await end_check(stage, session)
    markets = [o for o in stage.exchange.orders() if o.reduce_only and o.order_type is OrderType.MARKET]
    refused = [o for o in markets if o.filled == 0]
    assert len(refused) >= 4, "market orders met the band, of both legs"
    assert {(o.state, o.reason) for o in refused} == {(OrderState.CANCELLED, "ioc_remainder")}
    assert stage.exchange.positions() == []
    assert session.exit_reason == "stopped"


async def test_http_200_with_success_false(stage: Stage) -> None:
    session = await stage.start()
    await stage.until_live()
    stage.wire.fault("not_success:count=1,method=POST,path=/v2/orders,leg=put; not_success:count=2,path=/v2/positions")
    await stage.ask("stop")
    await stage.until_closed()
    await end_check(stage, session)
    assert stage.struck
    assert len(stage.exchange.orders()) == 4, "the order was executed, whatever the envelope said, and is not repeated"


async def test_html_error_body(stage: Stage) -> None:
    session = await stage.play(
        "error_after:count=1,leg=put,side=sell; server_error:count=1,method=POST,path=/v2/orders,leg=call,side=buy"
    )
    await end_check(stage, session)
    assert stage.struck
    assert len(stage.exchange.orders()) == 4
    assert session.exit_reason == "time_exit"
