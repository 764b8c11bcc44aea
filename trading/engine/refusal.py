"""Sessions without a venue: the end of one that holds nothing, and what is shown of one that cannot end."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from trading.engine.ports import SessionSpec, SessionWrite
from trading.engine.records import session_record
from trading.strategy.codec import CodecError, loads
from trading.strategy.events import Journal
from trading.strategy.state import SessionState
from trading.strategy.types import ExitReason, Phase


@dataclass(frozen=True, slots=True)
class Stranded:
    """A session that holds something at a venue which this process cannot have."""

    spec: SessionSpec
    reason: str

    @property
    def seen(self) -> tuple[SessionSpec, SessionState]:
        """What was last known of it, asking for attention."""
        bare = SessionState(strategy_id=self.spec.strategy_id, params=self.spec.params, phase=Phase.ATTENTION)
        return self.spec, replace(_known(self.spec) or bare, attention=self.reason)


def holds_nothing(spec: SessionSpec) -> bool:
    """Whether a session never got as far as legs: then there is nothing at any venue to guard. One whose state cannot
    be read may hold something.
    """
    state = _known(spec)
    return not spec.state or (state is not None and not state.legs)


def _known(spec: SessionSpec) -> SessionState | None:
    try:
        return loads(SessionState, spec.state) if spec.state else None
    except CodecError:
        return None


def refused_session(spec: SessionSpec, reason: str, at: datetime) -> SessionWrite:
    """Close it as ``no_entry`` with the reason in its decisions. It does not repeat: the next one would end alike."""
    fresh = SessionState(
        strategy_id=spec.strategy_id, params=spec.params, phase=Phase.WAITING, enter_now=spec.enter_now, plan=None
    )
    state = loads(SessionState, spec.state) if spec.state else fresh
    closed = replace(state, phase=Phase.CLOSED, exit_reason=ExitReason.NO_ENTRY, exit_detail=reason, closed_at=at)
    return SessionWrite(
        session_id=spec.session_id,
        record=session_record(closed, None, at),
        journal=((at, Journal("mode_unavailable", reason, "error")),),
        at=at,
    )
