"""The drawer of alerts: what waits for somebody to acknowledge it. It has buttons, so it is never pushed."""

from __future__ import annotations

from typing import Any, Final

from trading.panels.records import Runtime
from trading.selectors.alerts import open_alerts

SHOWN: Final = 20
ICONS: Final = {"critical": "i-attention", "warning": "i-attention", "info": "i-info"}
TONES: Final = {"critical": "down", "warning": "warn", "info": "accent"}
SENT: Final = {
    "pending": "not sent yet",
    "sent": "sent",
    "failed": "could not be sent",
    "kept": "shown here only",
}


def drawer(runtime: Runtime, *, operator: bool) -> dict[str, Any]:
    """The newest open alerts with how far each got, and how many there are in all."""
    counts = runtime["alerts"]
    rows = open_alerts(SHOWN) if counts["open"] else []
    return {
        "operator": operator,
        "alerts": [
            {"alert": row, "icon": ICONS[row.severity], "tone": TONES[row.severity], "sent": SENT[row.status]}
            for row in rows
        ],
        "counts": counts,
        "more": counts["open"] - len(rows),
        # Open it by itself for what is loud; information can wait behind its heading.
        "unfolded": bool(counts["loud"]),
    }
