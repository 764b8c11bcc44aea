"""What the page draws: each chart as data for uPlot, as a table, and as CSV."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import groupby
from typing import Any, Final

from analytics.selectors.history import History
from analytics.selectors.metrics import Day
from analytics.stats import IST

TABLE_ROWS: Final = 40
MONTHS_SHOWN: Final = 12
EQUITY: Final = (
    ("Net P&L", "cumulative_pnl", "accent", "area"),
    ("Before fees", "cumulative_gross_pnl", "up", "line"),
    ("Fees", "cumulative_fees", "warn", "dashed"),
)


@dataclass(frozen=True, slots=True)
class Chart:
    """One chart. ``columns`` and ``rows`` hold all of it, ``shown`` the newest rows for the page's table; ``data`` is
    what ``static/js/analytics.js`` draws.
    """

    name: str
    title: str
    note: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]
    data: dict[str, Any]

    @property
    def json(self) -> str:
        """``data`` as an attribute has it: htmx takes scripts out of what it swaps in."""
        return json.dumps(self.data, separators=(",", ":"))

    @property
    def shown(self) -> Sequence[Sequence[Any]]:
        """The newest rows, the newest first; all rows of a histogram, in order."""
        return self.rows if self.name == "histogram" else self.rows[: -TABLE_ROWS - 1 : -1]


@dataclass(frozen=True, slots=True)
class Month:
    """One month of the calendar: weeks of seven places, Monday first, empty where the month has no such day or the day
    no session.
    """

    name: str
    net: Decimal
    weeks: Sequence[Sequence[tuple[int, Day | None] | None]]


def charts_of(found: History) -> list[Chart]:
    """The page's charts, the empty ones too."""
    drawn = found.charts
    times = [point["timestamp"] for point in drawn["cumulative_pnl"]]
    return [
        _over_time("equity", "Equity", "Sum of the sessions' net P&L, in dollars", times, drawn, EQUITY, "$"),
        _over_time(
            "drawdown",
            "Drawdown",
            "How far the sum is below its highest, in dollars",
            times,
            drawn,
            (("Drawdown", "drawdown", "down", "area"),),
            "$",
        ),
        _over_time(
            "rolling_win_rate",
            "Rolling win rate",
            "Wins among the newest ten sessions, percent",
            times,
            drawn,
            (("Win rate", "rolling_win_rate", "accent", "line"),),
            "%",
        ),
        _histogram(drawn["trades_histogram"]),
    ]


def _over_time(
    name: str,
    title: str,
    note: str,
    times: Sequence[datetime],
    drawn: dict[str, list[dict[str, Any]]],
    series: Sequence[tuple[str, str, str, str]],
    unit: str,
) -> Chart:
    values = [[point["value"] for point in drawn[key]] for _, key, _, _ in series]
    return Chart(
        name=name,
        title=title,
        note=note,
        columns=("Ended", *(label for label, *_ in series)),
        rows=list(zip(times, *values, strict=True)),
        data={
            "kind": "time",
            "unit": unit,
            "x": [at.timestamp() for at in times],
            "series": [
                {"label": label, "tone": tone, "style": style, "y": [float(value) for value in column]}
                for (label, _, tone, style), column in zip(series, values, strict=True)
            ],
        },
    )


def _histogram(buckets: Sequence[dict[str, Any]]) -> Chart:
    middles = [float(bucket["start"] + bucket["end"]) / 2 for bucket in buckets]
    counts = [bucket["count"] for bucket in buckets]
    return Chart(
        name="histogram",
        title="Session P&L histogram",
        note="How many sessions ended between two amounts of net dollars",
        columns=("From", "To", "Sessions"),
        rows=[(bucket["start"], bucket["end"], bucket["count"]) for bucket in buckets],
        data={
            "kind": "bars",
            "unit": "",
            "x": middles,
            "series": [{"label": "Sessions", "tone": "accent", "style": "bars", "y": counts}],
        },
    )


def calendar_of(days: Sequence[Day]) -> list[Month]:
    """The newest twelve months with a session, the newest first."""
    months = [list(group) for _, group in groupby(days, key=lambda day: (day.day.year, day.day.month))]
    return [_month(group) for group in reversed(months[-MONTHS_SHOWN:])]


def _month(days: Sequence[Day]) -> Month:
    first = days[0].day.replace(day=1)
    following = first.replace(year=first.year + first.month // 12, month=first.month % 12 + 1)
    by_number = {day.day.day: day for day in days}
    places: list[tuple[int, Day | None] | None] = [None] * first.weekday()
    places += [(number, by_number.get(number)) for number in range(1, (following - first).days + 1)]
    places += [None] * (-len(places) % 7)
    weeks = [places[start : start + 7] for start in range(0, len(places), 7)]
    return Month(f"{first:%B %Y}", sum((day.net for day in days), Decimal(0)), weeks)


def csv_row(row: Sequence[Any]) -> list[object]:
    """A row for a file: times in IST with their offset."""
    return [value.astimezone(IST) if isinstance(value, datetime) else value for value in row]
