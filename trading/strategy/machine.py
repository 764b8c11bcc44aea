"""The life of a session as a table: which phase follows which trigger. Anything else is an error, never silence."""

from __future__ import annotations

from enum import StrEnum

from trading.strategy.types import Phase


class Trigger(StrEnum):
    """What moves a session from one phase to the next."""

    BEGIN = "begin"
    WINDOW_OPEN = "window_open"
    PICKED = "picked"
    BALANCED = "balanced"
    EXIT = "exit"
    DOUBT = "doubt"
    RESOLVED = "resolved"
    ABANDON = "abandon"
    FLAT = "flat"


class IllegalTransition(ValueError):
    """A trigger came in a phase that does not know it."""


TRANSITIONS: dict[tuple[Phase, Trigger], Phase] = {
    (Phase.IDLE, Trigger.BEGIN): Phase.WAITING,
    (Phase.WAITING, Trigger.WINDOW_OPEN): Phase.SELECTING,
    (Phase.WAITING, Trigger.ABANDON): Phase.CLOSED,
    (Phase.SELECTING, Trigger.PICKED): Phase.ENTERING,
    (Phase.SELECTING, Trigger.ABANDON): Phase.CLOSED,
    (Phase.ENTERING, Trigger.BALANCED): Phase.LIVE,
    (Phase.ENTERING, Trigger.EXIT): Phase.EXITING,
    (Phase.LIVE, Trigger.EXIT): Phase.EXITING,
    (Phase.LIVE, Trigger.DOUBT): Phase.ATTENTION,
    (Phase.EXITING, Trigger.DOUBT): Phase.ATTENTION,
    (Phase.EXITING, Trigger.FLAT): Phase.CLOSED,
    (Phase.ATTENTION, Trigger.RESOLVED): Phase.LIVE,
    (Phase.ATTENTION, Trigger.EXIT): Phase.EXITING,
    (Phase.ATTENTION, Trigger.FLAT): Phase.CLOSED,
}


def next_phase(phase: Phase, trigger: Trigger) -> Phase:
    """The phase that follows ``trigger`` in ``phase``; raises IllegalTransition when the table has no such move."""
    try:
        return TRANSITIONS[phase, trigger]
    except KeyError:
        raise IllegalTransition(f"A session that is {phase.value} has no move for '{trigger.value}'.") from None
