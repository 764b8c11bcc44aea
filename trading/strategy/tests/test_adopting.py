"""Taking foreign contracts over, and hearing that some were closed."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from trading.strategy.events import Adopted, ForeignClosed, Order
from trading.strategy.tests.desk import Desk
from trading.strategy.tests.samples import CALL, PUT
from trading.strategy.types import Phase, Position

PRICE = Decimal(150)


def adoption(desk: Desk, **changes: Any) -> Adopted:
    """Four foreign contracts of the call, all to be adopted."""
    event = Adopted(desk.now, desk.leg(CALL).instrument.symbol, 4, PRICE, -4, "key-1", "tester")
    return replace(event, **changes)


def test_it_takes_foreign_contracts_over_at_the_venues_entry_price() -> None:
    desk = Desk().live()
    credit, entered = desk.state.credit, desk.leg(CALL).entry_price
    desk.send(adoption(desk))
    leg = desk.leg(CALL)
    assert (leg.held, leg.entry_size, leg.adopted, leg.baseline) == (14, 10, 4, 0)
    assert entered is not None
    assert leg.entry_price == (entered * 10 + PRICE * 4) / 14
    assert desk.state.credit == credit + PRICE * 4 * leg.instrument.contract_value
    assert "150" in desk.said("adopted")[0]
    assert "not a fill" in desk.said("adopted")[0]


def test_what_was_adopted_is_closed_with_the_rest_and_its_profit_is_counted() -> None:
    desk = Desk().live()
    entered = desk.leg(CALL).entry_value
    desk.send(adoption(desk))
    desk.wait(1)
    desk.order(Order.STOP)
    orders = desk.placed()
    assert {order.leg: order.size for order in orders if order.reduce_only} == {CALL: 14, PUT: 10}
    for order in orders:
        desk.fill(order, price="100")
    desk.close_everything()
    assert desk.state.phase is Phase.CLOSED
    leg = desk.leg(CALL)
    assert leg.realised == (entered + 4 * PRICE - 14 * 100) * leg.instrument.contract_value


def test_the_same_adoption_twice_is_one() -> None:
    desk = Desk().live()
    desk.send(adoption(desk))
    desk.send(adoption(desk))
    assert desk.leg(CALL).held == 14
    assert not desk.said("adoption_refused")


def test_what_the_session_found_there_when_it_sold_is_expected_no_longer() -> None:
    desk = Desk()
    chain_symbol = _picked_call(desk)
    for order in desk.select(held=(Position(chain_symbol, -6),)):
        desk.fill(order)
    assert desk.leg(CALL).baseline == -6
    desk.send(adoption(desk, foreign=-6, size=4))
    assert (desk.leg(CALL).held, desk.leg(CALL).baseline) == (14, -2)
    desk.positions()
    assert desk.state.mismatches == 0


def _picked_call(desk: Desk) -> str:
    other = Desk()
    other.select()
    return other.leg(CALL).instrument.symbol


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"symbol": "C-BTC-1-010126"}, "not a leg"),
        ({"foreign": 4}, "only a short position"),
        ({"foreign": 0}, "nothing"),
        ({"foreign": -3}, "between 1 and 3"),
        ({"size": 0}, "between 1 and 4"),
        ({"price": None}, "no entry price"),
    ],
)
def test_it_refuses_what_it_cannot_take_over_and_changes_nothing(changes: dict[str, Any], reason: str) -> None:
    desk = Desk().live()
    before = desk.state
    desk.send(adoption(desk, **changes))
    assert reason in desk.said("adoption_refused")[0]
    assert desk.state.legs == before.legs


def test_it_refuses_before_it_is_live_and_once_it_is_closing() -> None:
    desk = Desk()
    desk.send(Adopted(desk.now, "C-BTC-1-010126", 4, PRICE, -4, "key-1"))
    assert "waiting" in desk.said("adoption_refused")[0] or "selecting" in desk.said("adoption_refused")[0]
    desk = Desk().live()
    desk.order(Order.STOP)
    desk.send(adoption(desk))
    assert "exiting" in desk.said("adoption_refused")[0]
    assert desk.leg(CALL).adopted == 0


def test_a_position_opened_in_its_strike_meanwhile_is_expected_once_it_is_adopted() -> None:
    desk = Desk().live()
    for _ in range(3):
        desk.positions(call=-14)
        desk.wait(2)
    assert desk.state.phase is Phase.ATTENTION
    desk.send(adoption(desk))
    desk.positions()
    assert desk.state.phase is Phase.LIVE


@pytest.mark.parametrize(("left", "baseline"), [(0, 0), (-2, -2), (-6, -6), (-9, -6), (3, 0)])
def test_closing_foreign_contracts_never_makes_it_expect_more_of_them(left: int, baseline: int) -> None:
    desk = Desk()
    for order in desk.select(held=(Position(_picked_call(desk), -6),)):
        desk.fill(order)
    desk.send(ForeignClosed(desk.now, desk.leg(CALL).instrument.symbol, left))
    assert desk.leg(CALL).baseline == baseline
    assert desk.leg(CALL).held == 10
