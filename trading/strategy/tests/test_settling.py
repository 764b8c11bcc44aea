"""Options that are past their expiry while a session still has them in its books."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from trading.strategy.events import PositionsRead, ReadPositions, ReadSettlements, SettlementsRead, Tick
from trading.strategy.settling import ASK_AGAIN_SECONDS, PATIENCE_SECONDS
from trading.strategy.tests.desk import Desk
from trading.strategy.types import ExitReason, OptionType, Phase, Position, Settlement

CALL, PUT = OptionType.CALL, OptionType.PUT


def expired(**changes: object) -> Desk:
    """A live strangle whose options have expired two minutes ago, seen for the first time since."""
    desk = Desk(**changes).live()
    desk.now = desk.leg(CALL).instrument.settlement_at + timedelta(minutes=2)
    desk.placed()
    desk.send(Tick(desk.now))
    return desk


def look(desk: Desk, **sizes: int) -> None:
    """Two seconds later: every fill is known, and the account shows these contracts (none, unless told)."""
    desk.now += timedelta(seconds=2)
    desk.fills_known()
    desk.send(
        PositionsRead(
            desk.now,
            True,
            tuple(Position(leg.instrument.symbol, sizes.get(leg.option_type.value, 0)) for leg in desk.state.legs),
        )
    )
    desk.send(Tick(desk.now))


def answer(desk: Desk, **prices: str) -> None:
    """The venue tells these settlement prices, each for the ten contracts of its leg."""
    told = tuple(
        Settlement(
            leg.instrument.symbol,
            Decimal(prices[leg.option_type.value]),
            leg.instrument.settlement_at,
            Decimal(0),
            size=-10,
        )
        for leg in desk.state.legs
        if leg.option_type.value in prices
    )
    count = sum(len(leg.fill_ids) for leg in desk.state.legs)
    desk.send(SettlementsRead(desk.now, True, told, fills=count))


def test_nothing_is_sent_for_an_option_that_has_expired_before_the_account_was_looked_at() -> None:
    desk = expired()
    assert desk.state.exit_reason is not None
    assert desk.placed() == []
    assert desk.taken(ReadPositions)
    desk.wait(20, requote=False)
    assert desk.placed() == []


def test_what_the_account_still_shows_after_the_expiry_is_closed_like_anything_else() -> None:
    desk = expired()
    look(desk, call=-10, put=-10)
    assert {order.leg for order in desk.placed()} == {CALL, PUT}


def test_an_account_that_shows_them_gone_is_asked_what_they_settled_at_without_a_call_for_attention() -> None:
    desk = expired()
    for _ in range(3):
        look(desk)
    assert len(desk.taken(ReadSettlements)) == 1
    answer(desk, call="0", put="120.5")
    look(desk)
    assert desk.state.phase is Phase.CLOSED
    assert desk.state.exit_reason is ExitReason.SETTLEMENT
    assert [leg.settlement_price for leg in desk.state.legs] == [Decimal(0), Decimal("120.5")]
    assert desk.said("attention") == []
    assert desk.placed() == []


def test_prices_that_are_not_told_yet_are_said_once_of_both_legs_and_waited_for() -> None:
    desk = expired()
    for _ in range(3):
        look(desk)
    for _ in range(10):
        answer(desk)
        desk.now += timedelta(seconds=ASK_AGAIN_SECONDS)
        look(desk)
    symbols = [leg.instrument.symbol for leg in desk.state.legs]
    (line,) = desk.said("settlement_unknown")
    assert all(symbol in line for symbol in symbols)
    assert desk.said("attention") == [line]
    assert desk.state.phase is Phase.ATTENTION
    answer(desk, call="3")
    assert [symbol in desk.said("settlement_unknown")[-1] for symbol in symbols] == [False, True]
    answer(desk, put="4")
    look(desk)
    assert desk.state.exit_reason is ExitReason.SETTLEMENT


def test_a_resting_order_or_another_position_is_a_disagreement_whatever_expired() -> None:
    desk = expired()
    for _ in range(3):
        look(desk, put=-4)
    assert any("Venue and ledger disagree" in line for line in desk.said("attention"))


def test_patience_ends_and_the_contracts_leave_the_books_without_a_price() -> None:
    desk = expired()
    for _ in range(3):
        look(desk)
    desk.now += timedelta(seconds=PATIENCE_SECONDS)
    look(desk)
    assert desk.state.exit_reason is ExitReason.CLOSED_OUTSIDE
    assert len(desk.said("closed_outside")) == 2
    assert [leg.settlement_price for leg in desk.state.legs] == [None, None]
