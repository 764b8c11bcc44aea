"""The check that ends every row of the matrix can fail: a flawless session, and one flaw at a time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from decimal import Decimal

import pytest
from django.db.models import F

from trading.models import FillLedger, OrderLedger, PositionLedger, StrategySession
from trading.strategy.types import Side
from trading.tests.matrix.end_check import end_check
from trading.tests.matrix.stage import Stage
from trading.tests.scene import session_of

pytestmark = pytest.mark.django_db(transaction=True)
Flaw = Callable[[Stage, StrategySession], Awaitable[object]]


async def a_fill_is_missing(_stage: Stage, session: StrategySession) -> object:
    last = await FillLedger.objects.filter(session=session).alatest("id")
    return await last.adelete()


async def a_price_is_invented(_stage: Stage, session: StrategySession) -> object:
    return await PositionLedger.objects.filter(session=session, leg="put").aupdate(exit_price=Decimal(1))


async def a_commission_is_an_estimate(_stage: Stage, session: StrategySession) -> object:
    fill = await FillLedger.objects.filter(session=session).alatest("id")
    return await FillLedger.objects.filter(pk=fill.pk).aupdate(commission=F("commission") * 2)


async def an_order_is_not_in_the_books(_stage: Stage, session: StrategySession) -> object:
    order = await OrderLedger.objects.filter(session=session).alatest("id")
    return await OrderLedger.objects.filter(pk=order.pk).aupdate(client_order_id="another")


async def an_order_has_another_end(_stage: Stage, session: StrategySession) -> object:
    return await OrderLedger.objects.filter(session=session).aupdate(status="cancelled")


async def the_venue_holds_what_nobody_speaks_of(stage: Stage, session: StrategySession) -> object:
    leg = await session.positions.aget(leg="call")
    return stage.by_hand(leg.symbol, Side.SELL, 1)


async def it_is_not_over(_stage: Stage, session: StrategySession) -> object:
    return await StrategySession.objects.filter(pk=session.pk).aupdate(status="running")


async def a_leg_is_still_open(_stage: Stage, session: StrategySession) -> object:
    return await PositionLedger.objects.filter(session=session, leg="call").aupdate(open_quantity=1)


async def too_much_was_outstanding(stage: Stage, session: StrategySession) -> object:
    leg = await session.positions.aget(leg="call")
    order = await OrderLedger.objects.filter(session=session).afirst()
    assert order is not None
    stage.peak[session_of(order.client_order_id), leg.symbol] += 1
    return None


async def nobody_watched_the_size(stage: Stage, _session: StrategySession) -> object:
    stage.peak.clear()
    return None


@pytest.mark.parametrize(
    "flaw",
    [
        a_fill_is_missing,
        a_price_is_invented,
        a_commission_is_an_estimate,
        an_order_is_not_in_the_books,
        an_order_has_another_end,
        the_venue_holds_what_nobody_speaks_of,
        it_is_not_over,
        a_leg_is_still_open,
        too_much_was_outstanding,
        nobody_watched_the_size,
    ],
    ids=lambda flaw: flaw.__name__,
)
async def test_it_fails_when(stage: Stage, flaw: Flaw) -> None:
    session = await stage.play(max_hold_minutes=1)
    await end_check(stage, session)
    await flaw(stage, session)
    with pytest.raises((AssertionError, KeyError)):
        await end_check(stage, session)


async def test_it_fails_when_a_leg_was_alone_for_too_long(stage: Stage) -> None:
    session = await stage.play("reject:leg=put,side=sell,code=insufficient_margin")
    await end_check(stage, session)
    with pytest.raises(AssertionError):
        await end_check(stage, session, naked_seconds=-1.0)
