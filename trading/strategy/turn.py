"""One turn of the strategy: the state as it changes while an event is worked in, and what has to be done about it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from trading.strategy.copying import altered
from trading.strategy.events import Action, Finish, Journal, Place
from trading.strategy.exits import Look
from trading.strategy.machine import Trigger, next_phase
from trading.strategy.pnl import Totals
from trading.strategy.state import LegState, OrderState, SessionState
from trading.strategy.types import ExitReason, OrderIntent, Phase


class Turn:
    """Mutable only inside one call of ``decide``.

    ``durable`` says that something happened which must not be forgotten in a crash.
    """

    def __init__(self, state: SessionState, at: datetime) -> None:
        self.state = state
        self.at = at
        self.actions: list[Action] = []
        self.look: Look | None = None
        self.totals: Totals | None = None
        self.durable = False

    def note(self, **changes: Any) -> None:
        """Change the state in a way that a crash may forget (quotes, extremes)."""
        self.state = altered(self.state, **changes)

    def update(self, **changes: Any) -> None:
        """Change the state in a way that must be on disk."""
        self.note(**changes)
        self.durable = True

    def update_leg(self, leg: LegState, **changes: Any) -> LegState:
        """Change one leg, durably."""
        changed = altered(leg, **changes) if changes else leg
        self.state = self.state.with_leg(changed)
        self.durable = True
        return changed

    def move(self, trigger: Trigger) -> None:
        """Go to the next phase of the table."""
        self.update(phase=next_phase(self.state.phase, trigger))

    def do(self, action: Action) -> None:
        """Ask the shell to act."""
        self.actions.append(action)

    def say(self, kind: str, message: str, level: str = "info", **data: object) -> None:
        """Write a line into the decision feed."""
        self.durable = True
        self.do(Journal(kind, message, level, data))

    def doubt(self, why: str) -> None:
        """Ask for the operator's attention, and go on guarding or closing; the same doubt is said once."""
        if self.phase in (Phase.LIVE, Phase.EXITING):
            self.move(Trigger.DOUBT)
        if self.state.attention != why:
            self.update(attention=why)
            self.say("attention", why, "error")

    def place(self, leg: LegState, intent: OrderIntent, **changes: Any) -> LegState:
        """Register an order with its leg, which changes so, and have it sent."""
        changed = self.update_leg(leg.with_order(OrderState(intent, self.at)), **changes)
        self.do(Place(intent))
        return changed

    def due(self, when: datetime | None, seconds: float) -> bool:
        """Whether ``seconds`` have passed since ``when``, or it never happened."""
        return when is None or (self.at - when).total_seconds() >= seconds

    def close(self, reason: ExitReason, trigger: Trigger) -> None:
        """End the session for good; the reason already decided wins."""
        final = self.state.exit_reason or reason
        self.move(trigger)
        self.update(exit_reason=final, closed_at=self.at, spot_exit=self.state.spot)
        self.do(Finish(final))

    @property
    def phase(self) -> Phase:
        """The phase right now."""
        return self.state.phase
