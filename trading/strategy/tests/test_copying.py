"""Quick copies are what ``dataclasses.replace`` makes."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, dataclass, replace
from decimal import Decimal

import pytest

from trading.strategy.copying import altered
from trading.strategy.tests.desk import Desk
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


def test_a_class_without_slots_is_refused() -> None:
    @dataclass(frozen=True)
    class Loose:
        one: int
        two: int

    with pytest.raises(TypeError, match="no plain dataclass with slots"):
        altered(Loose(1, 2), one=3)
