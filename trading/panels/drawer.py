"""The drawer of alerts: what waits for somebody to acknowledge it. It has buttons, so it is never pushed."""

from __future__ import annotations

from typing import Any, Final

from trading.models import Alert
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


def _message(alert: Alert) -> str:
    """What it says, without the id of the session that it links to."""
    said = alert.message.removeprefix(f"{alert.session.strategy_id}: ") if alert.session else alert.message
    return said[:1].upper() + said[1:]


def drawer(runtime: Runtime, *, operator: bool) -> dict[str, Any]:
    """The newest open alerts with how far each got, and how many there are in all."""
    counts = runtime["alerts"]
    rows = open_alerts(SHOWN) if counts["open"] else []
    return {
        "operator": operator,
        "alerts": [
            {
                "alert": row,
                "message": _message(row),
                "icon": ICONS[row.severity],
                "tone": TONES[row.severity],
                "sent": SENT[row.status],
            }
            for row in rows
        ],
        "counts": counts,
        "more": counts["open"] - len(rows),
        # The venue's clock in the bar runs faster than the one that dates an alert.
        "other_clock": (runtime.get("venue") or {}).get("name") == "simulated",
        # Open it by itself for what is loud; information can wait behind its heading.
        "unfolded": bool(counts["loud"]),
    }
