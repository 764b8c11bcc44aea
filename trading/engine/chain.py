"""The chain of decisions: SHA-256 over every event, what was decided on it, and all that came before.

``h' = sha256(h + event + "\\n" + decision)``. The event is its canonical text (``trading.strategy.codec``), the
decision is :func:`told`: phase, reason, verdicts, P&L, actions, and after a durable decision the whole state. Whatever
the strategy does differently changes the hash from there on.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from trading.strategy.codec import dumps, same_text
from trading.strategy.decide import Decision
from trading.strategy.events import Event, MarketSeen, QuoteSeen, SpotSeen, Tick
from trading.strategy.state import SessionState

PASSING = frozenset({Tick, QuoteSeen, SpotSeen, MarketSeen})


@dataclass(frozen=True, slots=True)
class Link:
    """A point of the chain: the SHA-256 of everything so far (hex; empty before the first) and how many are in it."""

    hash: str = ""
    count: int = 0

    def after(self, event: str, decision: str) -> Link:
        """The next point."""
        return Link(sha256(f"{self.hash}{event}\n{decision}".encode()).hexdigest(), self.count + 1)

    def taken_up(self, state: str, at: datetime) -> Link:
        """The point at which a worker takes the session up with this state (its text): a decision like any other."""
        return self.after(at.isoformat(), state)


def changes_nothing(before: SessionState, event: Event, decision: Decision) -> bool:
    """A tick, or a quote seen twice, after which all is as before. It is neither recorded nor counted: an idle session
    looks ten times a second, for hours.

    As before to the letter: a price that only lost a trailing zero is equal, but the digest of the state is another.
    """
    if type(event) not in PASSING or decision.durable or decision.actions:
        return False
    if decision.state is before:
        return True
    return same_text(decision.state, before)


def told(decision: Decision, state: str) -> str:
    """What was decided, in one line. ``state`` is the text of the state after it, looked at if the decision is durable.

    Phase, exit reason, the first letters of the ten verdicts, then gross and net dollars and the locked level if the
    session was valued, the actions, and the digest of the state.
    """
    after, totals = decision.state, decision.totals
    words = [after.phase.value, after.exit_reason or "-", "".join([verdict[0] for verdict in decision.verdicts]) or "-"]
    if totals is not None:
        words.append(f"gross={totals.gross} net={totals.net} level={after.trail.level_pct}")
    words.extend([dumps(action) for action in decision.actions])
    if decision.durable:
        words.append(f"state={digest(state)}")
    return " ".join(words)


def digest(text: str) -> str:
    """SHA-256 of a text, hex."""
    return sha256(text.encode()).hexdigest()
