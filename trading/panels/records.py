"""What the panels show besides the runtime picture: rows of the database, read only when they may have changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from trading.models import DecisionRecord, Lockout, OrderLedger, TradingConfiguration
from trading.params import values_of
from trading.selectors.configurations import active_configuration, revisions_of
from trading.selectors.live import newest_decisions, orders_with_fills
from trading.selectors.lockouts import active_lockouts
from trading.selectors.runtime import running_session, trading_mode
from trading.selectors.session_views import PnlRow, SessionItem
from trading.selectors.sessions import last_closed_session, pnl_points

DECISIONS: Final = 12
LAST_POINTS: Final = 120
"""Points of the last session's chart: it is drawn again at every push of the idle page."""
SESSION_PHASES: Final = frozenset({"waiting", "selecting", "entering", "live", "exiting", "attention"})
Runtime = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Story:
    """The last finished session with the values it ran by and its P&L over time, oldest first."""

    item: SessionItem
    values: Mapping[str, Any]
    points: Sequence[PnlRow]


@dataclass(frozen=True, slots=True)
class Records:
    """Rows of one session, the last finished one, the active configuration, and why entries are locked (trading mode
    and the lockouts of today).

    ``values`` are those of the open session's revision, or of the active configuration when none is open.
    """

    decisions: tuple[DecisionRecord, ...] = ()
    orders: tuple[OrderLedger, ...] = ()
    last: Story | None = None
    configuration: TradingConfiguration | None = None
    locked_because: str = ""
    lockouts: tuple[Lockout, ...] = ()
    values: Mapping[str, Any] = field(default_factory=dict)


def load(runtime: Runtime) -> Records:
    """Read the records that belong to ``runtime``; without a session, those of the last one."""
    last = None if holds(runtime) else _story()
    session_id = runtime.get("session_id") or (last.item.id if last else None)
    configuration = active_configuration()
    return Records(
        decisions=newest_decisions(session_id, DECISIONS) if session_id else (),
        orders=orders_with_fills(session_id) if session_id and in_session(runtime) else (),
        last=last,
        configuration=configuration,
        locked_because=_why_locked() if runtime.get("trading_mode") not in (None, "active") else "",
        lockouts=tuple(active_lockouts()),
        values=_values(runtime, configuration),
    )


def _story() -> Story | None:
    last = last_closed_session()
    if last is None:
        return None
    revision = revisions_of(last.configuration_id or 0).filter(number=last.revision).first()
    return Story(last, revision.values if revision else {}, pnl_points(last.id, most=LAST_POINTS))


def _values(runtime: Runtime, configuration: TradingConfiguration | None) -> Mapping[str, Any]:
    if holds(runtime):
        return {}
    if in_session(runtime):
        session = running_session()
        return session.config_snapshot if session else {}
    return values_of(configuration) if configuration else {}


def _why_locked() -> str:
    mode = trading_mode()
    return ", ".join(filter(None, (mode.reason, mode.changed_by and f"by {mode.changed_by}")))


def version_of(runtime: Runtime) -> tuple[object, ...]:
    """Changes whenever the records of a running session may have changed; records of the idle page have no version."""
    versions = runtime.get("versions") or {}
    state = (runtime.get("session_id"), runtime.get("phase"), runtime.get("trading_mode"))
    unlifted = (runtime.get("alerts") or {}).get("unlifted")
    return (*state, versions.get("decisions"), versions.get("orders"), unlifted)


def in_session(runtime: Runtime) -> bool:
    """Whether a session is open, from its waiting to its close."""
    return runtime.get("phase") in SESSION_PHASES


def holds(runtime: Runtime) -> bool:
    """Whether a session is open that has sold something."""
    return in_session(runtime) and bool(runtime.get("positions"))
