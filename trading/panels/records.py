"""What the panels show besides the runtime picture: rows of the database, read only when they may have changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from trading.models import DecisionRecord, OrderLedger, TradingConfiguration
from trading.selectors.configurations import active_configuration
from trading.selectors.live import newest_decisions, orders_with_fills
from trading.selectors.session_views import SessionItem
from trading.selectors.sessions import last_closed_session

DECISIONS: Final = 12
SESSION_PHASES: Final = frozenset({"waiting", "selecting", "entering", "live", "exiting", "attention"})
Runtime = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Records:
    """The newest decisions and all orders of one session, the last finished session and the active configuration."""

    decisions: tuple[DecisionRecord, ...] = ()
    orders: tuple[OrderLedger, ...] = ()
    last: SessionItem | None = None
    configuration: TradingConfiguration | None = None


def load(runtime: Runtime) -> Records:
    """Read the records that belong to ``runtime``; without a session, those of the last one."""
    last = None if in_session(runtime) else last_closed_session()
    session_id = runtime.get("session_id") or (last.id if last else None)
    return Records(
        decisions=newest_decisions(session_id, DECISIONS) if session_id else (),
        orders=orders_with_fills(session_id) if session_id and in_session(runtime) else (),
        last=last,
        configuration=active_configuration(),
    )


def version_of(runtime: Runtime) -> tuple[object, ...]:
    """Changes whenever the records of a running session may have changed; records of the idle page have no version."""
    versions = runtime.get("versions") or {}
    return (runtime.get("session_id"), runtime.get("phase"), versions.get("decisions"), versions.get("orders"))


def in_session(runtime: Runtime) -> bool:
    """Whether a session is open, from its waiting to its close."""
    return runtime.get("phase") in SESSION_PHASES
