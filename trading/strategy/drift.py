"""Drift: what the account holds changed without a fill of ours, so the venue is asked at once, not in its turn."""

from __future__ import annotations

from trading.strategy.events import PositionsChanged
from trading.strategy.turn import Turn
from trading.strategy.types import Phase


def notice_drift(turn: Turn, event: PositionsChanged) -> None:
    """Open a doubt when the venue's word on a leg differs from the ledger while nothing of ours is under way.

    An open doubt has positions read now and every second until both agree or the operator is told. While selling
    or closing, fills and positions overtake each other all the time; there the proof of flat compares.
    """
    state = turn.state
    guarding = state.phase in (Phase.LIVE, Phase.ATTENTION) and state.exit_reason is None
    if not guarding or state.unsettled or state.mismatches:
        return
    for leg in state.legs:
        expected = leg.baseline - leg.net
        if leg.instrument.symbol == event.symbol and event.size != expected:
            turn.update(mismatches=1, unread=False, read_at=None)
            turn.say(
                "drift_noticed",
                f"{event.symbol}: the venue tells of {event.size:+d}, the ledger has {expected:+d}; reading positions",
                "warning",
                venue=event.size,
                ledger=expected,
            )
