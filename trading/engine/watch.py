"""The engine's look at its surroundings, about once a second: the health gates, and a venue that stays away."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

from trading.engine.gates import GateRule, Gates, GateState, said
from trading.engine.ports import Notice, StoreHealth, VenueHealth
from trading.strategy.events import Event, OrderReported
from trading.strategy.state import SessionState
from trading.strategy.types import Outcome

OWN_REFUSALS = frozenset({"trading_mode"})
"""Codes of orders that we did not let out ourselves; the venue refused nothing there."""
MOST_REJECTS = 1000


class Watch:
    """Holds the gates and the outage clock. Times are seconds of the monotonic clock that ``look`` is given."""

    def __init__(self, gates: Gates, *, outage_seconds: float, reject_minutes: float = 5.0) -> None:
        self.gates = gates
        self._outage_seconds = outage_seconds
        self._reject_seconds = reject_minutes * 60
        self._rejects: deque[float] = deque(maxlen=MOST_REJECTS)
        self._new_rejects = 0
        self._mode = ""
        self._away_since: float | None = None
        # None until the venue was reached: an earlier process may have told of an outage that is over now.
        self._told: bool | None = None

    def saw(self, event: Event) -> None:
        """Count an order that the venue rejected, as of the next look: the venue's own clock may be days ahead."""
        if not isinstance(event, OrderReported) or event.report.outcome is not Outcome.REJECTED:
            return
        if event.report.code not in OWN_REFUSALS:
            self._new_rejects += 1

    def rejects(self, now: float) -> int:
        """Orders rejected within the window before ``now``."""
        self._rejects.extend([now] * self._new_rejects)
        self._new_rejects = 0
        while self._rejects and self._rejects[0] <= now - self._reject_seconds:
            self._rejects.popleft()
        return len(self._rejects)

    def look(
        self,
        venue: VenueHealth,
        store: StoreHealth,
        state: SessionState | None,
        *,
        now: float,
        session_id: int | None,
        mode: str = "",
    ) -> list[Notice]:
        """Take the readings in; what an operator should hear of comes back. ``mode`` is that of the session, if any:
        what one venue rejects says nothing of another.
        """
        self._enter_mode(mode)
        values = readings(venue, store, self.rejects(now), state)
        turned = self.gates.look(values, now)
        # Nobody waits for a gate without a session; one that opens again ends what may have been told before.
        told = [(rule, gate) for rule, gate in turned if session_id is not None or not gate.closed]
        found = [gate_notice(rule, gate, session_id) for rule, gate in told]
        return [*found, *self._outage(venue, now, session_id, holds=state is not None and state.held > 0)]

    def _enter_mode(self, mode: str) -> None:
        if mode and self._mode and mode != self._mode:
            self._rejects.clear()
            self._new_rejects = 0
            self.gates.forget("rejects")
        self._mode = mode or self._mode

    def _outage(self, venue: VenueHealth, now: float, session_id: int | None, *, holds: bool) -> list[Notice]:
        if venue.connected:
            told, self._told, self._away_since = self._told, False, None
            return [_back()] if told is not False else []
        self._away_since = now if self._away_since is None else self._away_since
        if self._told or session_id is None or now - self._away_since < self._outage_seconds:
            return []
        self._told = True
        severity = "critical" if holds else "warning"
        message = f"Not reached for {now - self._away_since:.0f} s. {venue.detail}".strip()
        return [Notice("venue_away", severity, "The venue cannot be reached", message, "venue_away", session_id)]


def readings(
    venue: VenueHealth, store: StoreHealth, rejects: int, state: SessionState | None
) -> Mapping[str, float | None]:
    """One value per gate. The age of quotes counts while a session watches options: those of one that is over are
    still watched until the next one, and settle unquoted.
    """
    watched = state is not None and state.open and bool(state.legs)
    return {
        "quote_age": venue.quote_age_seconds if watched else None,
        "venue_latency": venue.round_trip_p99_ms,
        "clock_skew": None if venue.skew_ms is None else abs(venue.skew_ms),
        "rejects": float(rejects),
        "throttled": None if venue.throttled is None else float(venue.throttled),
        "disk_space": store.disk_free_mb,
        "database_latency": store.write_p99_ms,
    }


def gate_notice(rule: GateRule, state: GateState, session_id: int | None) -> Notice:
    """A gate that closed, or that opened again. One that was never closed here ends what an earlier process told, and
    tells nothing itself: at the first look its reading may still be unknown.
    """
    key = f"gate_{rule.name}"
    if state.closed:
        title, message = f"Entries stopped by the gate: {rule.label}", f"{said(rule, state)}. Exits go on."
        return Notice("gate_closed", "warning", title, message, key, session_id)
    title = f"Gate open again: {rule.label}" if state.since is not None else ""
    return Notice("gate_opened", "info", title, "", f"{key}_open", session_id, ends=key)


def write_failing(session_id: int) -> Notice:
    """The ledger could not be written several times over."""
    message = "Nothing new is sent while it cannot be written; what the venue reports is taken in afterwards."
    return Notice("ledger_write", "critical", "The ledger cannot be written", message, "ledger_write", session_id)


def write_works(session_id: int) -> Notice:
    """It could be written after all."""
    key, title = "ledger_write_over", "The ledger is written again"
    return Notice("ledger_written", "info", title, "", key, session_id, ends="ledger_write")


def lease_lost(owner: str) -> Notice:
    """Another worker took the lease over while this one thought it held it."""
    message = f"{owner} was too slow to renew its lease; another worker has taken over."
    return Notice("lease_lost", "warning", "The engine lease was lost", message, "lease_lost")


def lease_held(owner: str) -> Notice:
    """A worker took the lease: whoever lost it before, it is in good hands."""
    title = "The engine lease is held again"
    return Notice("lease_held", "info", title, f"By {owner}.", "lease_held", ends="lease_lost")


def stranded(reason: str, session_id: int) -> Notice:
    """An open session that holds something has no venue in this process."""
    title = "Nobody guards the open session"
    return Notice("stranded", "critical", title, reason, f"stranded:{session_id}", session_id)


def guarded(session_id: int) -> Notice:
    """An open session was loaded: it has a venue."""
    key, title = f"guarded:{session_id}", "The open session is guarded again"
    return Notice("guarded", "info", title, "", key, session_id, ends=f"stranded:{session_id}")


def _back() -> Notice:
    return Notice("venue_back", "info", "The venue is reached again", "", "venue_back", ends="venue_away")
