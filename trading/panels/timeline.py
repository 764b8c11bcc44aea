"""The day of a session on one axis: entry, now, exit and the settlement window."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from trading.panels.charts import Scale
from trading.panels.formats import ist, moment

SETTLEMENT_WINDOW: Final = timedelta(minutes=30)
"""The settlement price is the TWAP of the last half hour (``delta_exchange.md``)."""
SAME_DAY: Final = timedelta(hours=10)
"""A settlement further from the planned exit than this is another day's, and off the axis."""
AHEAD: Final = timedelta(hours=24)
"""An entry further off than this leaves the present off the axis: the session's own hours would not be seen."""
WINDOW_PERCENT: Final = 0.6
"""The entry window is drawn at least this wide."""
CHARACTER_PERCENT: Final = 1.9
"""Width of one character on a phone, in percent of the axis; labels that would touch there use a second row there."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A moment on the axis, in percent, with its label and the label's classes (text anchor, second row)."""

    x: str
    text: str
    css: str


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of the axis, ``x`` and ``width`` in percent."""

    x: str
    width: str
    css: str


@dataclass(frozen=True, slots=True)
class Timeline:
    """What the schedule panel draws."""

    marks: tuple[Mark, ...]
    spans: tuple[Span, ...]
    now: Mark | None
    summary: str


def timeline(schedule: Mapping[str, Any], now: datetime | None) -> Timeline | None:
    """The axis of ``schedule`` (times as ISO-8601 text); None while neither entry nor exit is known."""
    entry = moment(schedule.get("entered_at")) or moment(schedule.get("scheduled_entry_at"))
    leave = moment(schedule.get("planned_exit_at"))
    if entry is None or leave is None or leave <= entry:
        return None
    settles = _settlement(schedule, leave)
    until = None if schedule.get("entered_at") else moment(schedule.get("entry_until"))
    events = [(entry, "entry"), (leave, "exit")]
    if settles:
        events.append((settles - SETTLEMENT_WINDOW, "settlement"))
    first = min(entry, now) if now and now > entry - AHEAD else entry
    final = max(settles or leave, now) if now and now < leave + SAME_DAY else settles or leave
    pad = (final - first) * 0.04
    scale = Scale((first - pad).timestamp(), (final + (timedelta(0) if settles else pad)).timestamp())
    visible = now if now and scale.low <= now.timestamp() <= scale.high else None
    return Timeline(
        marks=_marks(scale, events),
        spans=(*_window(scale, entry, until), *_spans(scale, entry, leave, settles, visible)),
        now=_mark(scale, visible, ist(visible)) if visible else None,
        summary=", ".join(f"{what} {ist(at, '%H:%M')}" for at, what in events) + f", now {ist(visible, '%H:%M')} IST",
    )


def _settlement(schedule: Mapping[str, Any], leave: datetime) -> datetime | None:
    settles = moment(schedule.get("settlement_at"))
    return settles if settles and timedelta(0) <= settles - leave <= SAME_DAY else None


def _window(scale: Scale, entry: datetime, until: datetime | None) -> tuple[Span, ...]:
    """The entry window of a session that has not entered."""
    if until is None or until <= entry:
        return ()
    span = _span(scale, entry, until, "r-window")
    return (Span(span.x, f"{max(float(span.width), WINDOW_PERCENT):.1f}", span.css),)


def _spans(
    scale: Scale, entry: datetime, leave: datetime, settles: datetime | None, now: datetime | None
) -> tuple[Span, ...]:
    spans = []
    if now and now < entry:
        spans.append(_span(scale, now, entry, "r-wait"))
    if now and now > entry:
        spans.append(_span(scale, entry, min(now, leave), "r-done"))
    if settles:
        spans.append(_span(scale, settles - SETTLEMENT_WINDOW, settles, "r-settle"))
    return tuple(spans)


def _span(scale: Scale, start: datetime, end: datetime, css: str) -> Span:
    left, right = float(scale.at(start.timestamp())), float(scale.at(end.timestamp()))
    return Span(f"{left:.1f}", f"{max(0.0, right - left):.1f}", css)


def _mark(scale: Scale, at: datetime, text: str) -> Mark:
    x = scale.at(at.timestamp())
    anchor = "" if float(x) < 10 else "t-end" if float(x) > 88 else "t-middle"
    return Mark(x, text, anchor)


def _marks(scale: Scale, events: list[tuple[datetime, str]]) -> tuple[Mark, ...]:
    marks: list[Mark] = []
    taken = -1.0
    for at, what in events:
        mark = _mark(scale, at, f"{ist(at, '%H:%M')} {what}")
        left, right = _extent(mark)
        if left < taken:
            mark = Mark(mark.x, mark.text, f"{mark.css} second")
        taken = max(taken, right)
        marks.append(mark)
    return tuple(marks)


def _extent(mark: Mark) -> tuple[float, float]:
    width, x = len(mark.text) * CHARACTER_PERCENT, float(mark.x)
    left = x if not mark.css else x - width if mark.css == "t-end" else x - width / 2
    return left, left + width
