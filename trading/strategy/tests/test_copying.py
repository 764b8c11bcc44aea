"""Quick copies are what ``dataclasses.replace`` makes."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, dataclass, replace
from decimal import Decimal

import pytest

from trading.strategy.copying import altered
from trading.strategy.judging import ExitContext
from trading.strategy.tests.desk import Desk
from trading.strategy.tests.samples import NOW, params
from trading.strategy.tests.test_pnl import value
from trading.strategy.trailing import TrailState
from trading.strategy.types import Phase


def test_a_copy_is_equal_and_the_original_stays_as_it_was() -> None:
    state = Desk().live().state
    changed = altered(state, phase=Phase.EXITING, spot=Decimal(1))
    assert changed == replace(state, phase=Phase.EXITING, spot=Decimal(1))
    assert state.phase is Phase.LIVE
    assert altered(state) == state
    assert altered(state) is not state
    assert hash(altered(state.legs[0])) == hash(state.legs[0])


def test_a_copy_is_as_frozen_as_the_original() -> None:
    with pytest.raises(FrozenInstanceError):
        setattr(altered(Desk().state), "phase", Phase.CLOSED)  # noqa: B010


def test_a_field_that_is_not_there_is_refused() -> None:
    with pytest.raises(TypeError, match="no field 'phrase'"):
        altered(Desk().state, phrase=Phase.CLOSED)


def test_a_class_with_slots_is_refused() -> None:
    @dataclass(frozen=True, slots=True)
    class Tight:
        one: int
        two: int

    with pytest.raises(TypeError, match="no plain dataclass without slots"):
        altered(Tight(1, 2), one=3)


def test_what_was_derived_of_the_original_is_not_kept() -> None:
    leg = Desk().live().state.legs[0]
    assert (leg.held, leg.book.size_open) == (10, 10)
    half = altered(leg, exit_size=5)
    assert (half.held, half.book.size_open) == (5, 5)
    assert (leg.held, half) == (10, replace(leg, exit_size=5))


def test_a_passing_value_is_made_and_compared_like_a_dataclass() -> None:
    trail = TrailState(Decimal(3), None)
    context = ExitContext(params(), value(), (), None, None, trail, NOW, NOW, NOW, None)
    assert context == replace(context)
    assert context != replace(context, realised_today=Decimal(1))
    assert not hasattr(context, "__dict__")
