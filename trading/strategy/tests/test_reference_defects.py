"""Defects of the product this one replaces that no other test of the strategy names, each as it must not come back."""

from __future__ import annotations

from dataclasses import replace
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

import pytest

from trading.strategy.events import Order
from trading.strategy.execution import to_tick
from trading.strategy.tests.desk import Desk
from trading.strategy.types import ExitReason, OptionType, OrderStatus, Outcome, Phase


@pytest.mark.parametrize("days", [0, 1, 2])
def test_the_choice_of_expiry_does_not_change_how_soon_a_stop_acts(days: int) -> None:
    desk = Desk().live()
    desk.state = replace(desk.state, params=replace(desk.state.params, days_to_expiry=days))
    entry = desk.leg(OptionType.CALL).entry_price
    assert entry is not None
    desk.quote(OptionType.CALL, bid=entry * 3, ask=entry * 3 + 1, mark=entry * 3)
    assert (desk.state.phase, desk.state.exit_reason) == (Phase.EXITING, ExitReason.MAX_LOSS)


@pytest.mark.parametrize(
    ("price", "tick", "down", "up"),
    [("10.3", "0.5", "10", "10.5"), ("1234.37", "0.25", "1234.25", "1234.5"), ("17", "5", "15", "20")],
)
def test_a_price_is_a_whole_multiple_of_its_tick_and_not_merely_as_long(
    price: str, tick: str, down: str, up: str
) -> None:
    assert to_tick(Decimal(price), Decimal(tick), ROUND_FLOOR) == Decimal(down)
    assert to_tick(Decimal(price), Decimal(tick), ROUND_CEILING) == Decimal(up)


def test_a_leg_sold_by_several_orders_has_the_price_of_all_its_fills() -> None:
    desk = Desk()
    call, put = desk.select()
    desk.fill(put)
    desk.fill(call, 5, "30")
    desk.report(call, Outcome.ACCEPTED, OrderStatus.CANCELLED, filled=5, venue_order_id="v")
    (again,) = desk.placed()
    assert again.size == 5
    desk.fill(again, 5, "42")
    assert desk.leg(OptionType.CALL).entry_price == Decimal(36)


def test_a_close_in_part_realises_its_part_and_keeps_the_rest_open() -> None:
    desk = Desk().live()
    desk.wait(1)
    desk.order(Order.STOP)
    call = next(order for order in desk.placed() if order.leg is OptionType.CALL)
    before = desk.leg(OptionType.CALL)
    desk.fill(call, 3, "10")
    leg = desk.leg(OptionType.CALL)
    assert before.entry_price is not None
    assert (leg.held, leg.exit_size) == (7, 3)
    assert leg.realised == (before.entry_price - 10) * 3 * leg.instrument.contract_value
