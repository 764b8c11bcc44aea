"""Builder of the panel that tells the last session while no position is open."""

from __future__ import annotations

from typing import Any

from trading.panels.charts import pnl_chart
from trading.panels.records import Records, Runtime, Story, holds
from trading.panels.words import leg_name, reason_words
from trading.selectors.session_views import LegSummary


def last(runtime: Runtime, records: Records) -> dict[str, Any]:
    """The last session's result, chart and legs; nothing to show once something is sold, or before the first one."""
    story = None if holds(runtime) else records.last
    return {"shown": story is not None, **(_told(story) if story else {})}


def _told(story: Story) -> dict[str, Any]:
    item, values = story.item, story.values
    points = [(point.at.timestamp(), point.net_pct, point.level_pct) for point in story.points]
    return {
        "item": item,
        "pnl": item.pnl_summary,
        "sold": bool(item.legs_summary),
        "exit_text": reason_words(item.exit_reason) or "Ended",
        "chart": pnl_chart(points, stop=values.get("max_loss_pct"), target=values.get("max_profit_pct")),
        "legs": [{"leg": leg, "name": leg_name(leg.symbol), "pnl": _shown_pnl(leg)} for leg in item.legs_summary],
    }


def _shown_pnl(leg: LegSummary) -> object:
    """A leg that was handed over has no result of its own."""
    return leg.realized_pnl if leg.exit_price is not None else None
