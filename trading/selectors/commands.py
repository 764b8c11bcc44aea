"""Commands to the engine, and what came of them."""

from __future__ import annotations

from trading.models import EngineCommand
from trading.selectors.session_views import Page


def list_commands(
    *, page: int = 1, page_size: int = 25, status: str = "", action: str = "", session_id: int | None = None
) -> Page[EngineCommand]:
    """A page of commands with their sessions, newest first. ``page`` counts from 1. Two queries."""
    asked = {"status": status, "action": action, "session_id": session_id}
    found = EngineCommand.objects.filter(**{name: value for name, value in asked.items() if value not in ("", None)})
    rows = found.select_related("session").order_by("-id")[(page - 1) * page_size : page * page_size]
    return Page(list(rows), found.count(), page, page_size)
