"""The end of a session, as the engine's process tells it."""

from __future__ import annotations

from typing import Any, Final

from analytics.services import catch_up, record_sessions
from deltastrangle.signals import session_closed

FEW: Final = 2


def connect() -> None:
    """Listen for sessions that end."""
    session_closed.connect(record_closed_session, dispatch_uid="analytics.record_closed_session")


def record_closed_session(sender: object, session_id: int, **_: Any) -> None:
    """Record this session, and one or two whose end nobody told: the engine's store waits meanwhile."""
    record_sessions([session_id])
    catch_up(FEW)
