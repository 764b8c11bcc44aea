"""Every pair of phase and trigger is a move of the table or a typed error."""

from __future__ import annotations

import itertools

import pytest

from trading.strategy.machine import TRANSITIONS, IllegalTransition, Trigger, next_phase
from trading.strategy.types import Phase


@pytest.mark.parametrize(("phase", "trigger"), list(itertools.product(Phase, Trigger)))
def test_it_knows_the_move_or_refuses_it_by_name(phase: Phase, trigger: Trigger) -> None:
    if (phase, trigger) in TRANSITIONS:
        assert next_phase(phase, trigger) is TRANSITIONS[phase, trigger]
    else:
        with pytest.raises(IllegalTransition, match=phase.value):
            next_phase(phase, trigger)


def test_every_phase_can_be_reached_and_only_closed_is_an_end() -> None:
    reached = {Phase.IDLE, *TRANSITIONS.values()}
    left = {phase for phase, _ in TRANSITIONS}
    assert reached == set(Phase)
    assert set(Phase) - left == {Phase.CLOSED}
