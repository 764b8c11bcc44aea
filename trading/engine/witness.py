"""What a session leaves behind of its decisions: the tape, the chain's hash on its row, the trace of why."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from trading.engine.chain import Link
from trading.engine.ports import SessionSpec, SessionWrite, Store, TraceStretch
from trading.engine.records import session_write
from trading.engine.tape import Recorder
from trading.engine.tape_files import Tapes
from trading.engine.trace import TraceKeeper
from trading.strategy.decide import Decision
from trading.strategy.events import Event, Journal, Tick
from trading.strategy.pnl import Totals
from trading.strategy.state import SessionState
from trading.strategy.types import Phase

GUARDED = (Phase.LIVE, Phase.ATTENTION)
"""Phases in which rules are looked at; a session that has just been entered is looked at within the same event."""


class Witness:
    """Sees every decision of one session and makes the records of it; commits nothing itself."""

    def __init__(self, spec: SessionSpec, store: Store, tapes: Tapes | None) -> None:
        self._spec = spec
        self._store = store
        self._recorder = Recorder(spec.strategy_id, Link(spec.decision_hash, spec.decision_count), tapes)
        self._traces = TraceKeeper()

    def begin(self, state: SessionState, at: datetime) -> None:
        """This worker takes the session up in ``state``."""
        self._recorder.begin(state, at, saved=self._spec.state)

    def resumed(self, state: SessionState, at: datetime, journal: tuple[Journal, ...], token: int) -> SessionWrite:
        """The first write after a restart."""
        self._recorder.started(state, at, token)
        return self._aside(state, None, at, journal)

    def decided(self, before: SessionState, event: Event, decision: Decision, token: int) -> SessionWrite | None:
        """Put the decision on the tape; the write that it needs, None if it needs none. It counts once it stands."""
        self._traces.see(event.at, before.phase if before.phase in GUARDED else Phase.LIVE, decision.trace)
        write = session_write(self._spec, before, decision, event) if decision.durable else None
        link = self._recorder.record(before, event, decision, token, write.record.state if write else "")
        if write is None:
            return None
        left = before.exit_reason is not decision.state.exit_reason or not decision.state.open
        return replace(
            write,
            decision_hash=link.hash,
            decision_count=link.count,
            traces=self._last_traces() if left else (),
        )

    def stands(self) -> None:
        """The decision seen last is the session's now."""
        self._recorder.stands()

    def failed(self, before: SessionState, event: Event, error: Exception, token: int) -> None:
        """The strategy failed on an event, which changed nothing."""
        self._recorder.failed(before, event, error, token)

    def news(self, state: SessionState, totals: Totals | None, at: datetime) -> SessionWrite | None:
        """Queue the traces that are whole; a write when the tape stopped or went on, which the journal has to say."""
        stretches = self._traces.take()
        if stretches:
            self._store.trace(self._spec.session_id, stretches)
        said = self._recorder.news() if state.open else ""
        return self._aside(state, totals, at, (Journal("tape", said, "warning"),)) if said else None

    def close(self) -> None:
        """This worker is done with the session."""
        stretches = self._last_traces()
        if stretches:
            self._store.trace(self._spec.session_id, stretches)
        self._recorder.close()

    def _last_traces(self) -> tuple[TraceStretch, ...]:
        self._traces.end()
        return self._traces.take()

    def _aside(
        self, state: SessionState, totals: Totals | None, at: datetime, journal: tuple[Journal, ...]
    ) -> SessionWrite:
        """A write between two decisions: the session as it is, and lines for the journal."""
        write = session_write(self._spec, state, Decision(state, (), None, totals, True), Tick(at), journal=journal)
        link = self._recorder.link
        return replace(write, decision_hash=link.hash, decision_count=link.count)
