"""Geometry of the drawings, as percentages of an unscaled outer SVG and points of a stretched inner one.

Only lines are stretched: text and dots sit in the outer SVG at percentages, so that a phone shows them as they are. All
coordinates are text with one decimal; y grows downwards.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from trading.panels.formats import decimal_of, ist, money, number, percent, price

UNITS: Final = 1000.0
"""Side of the inner view box; ten units are one percent."""
EDGE: Final = 16
"""A label needs this much of the width, in percent, on a phone."""
Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Scale:
    """A linear map from ``low..high`` to ``0..1000``, upside down for ``flipped`` (y) axes."""

    low: float
    high: float
    flipped: bool = False

    def __call__(self, value: float) -> float:
        """Units of ``value``; the middle when the range is empty."""
        span = self.high - self.low
        part = (value - self.low) / span if span else 0.5
        return UNITS * (1 - part if self.flipped else part)

    def at(self, value: float) -> str:
        """``value`` as a percentage of the outer drawing, kept inside it."""
        return f"{min(max(self(value) / 10, 0.0), 100.0):.1f}"


def path(points: Iterable[Point]) -> str:
    """Points of a ``polyline``."""
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)


@dataclass(frozen=True, slots=True)
class Label:
    """A line or a word at a height or an abscissa, with its class and text anchor."""

    at: str
    text: str
    css: str = ""
    anchor: str = ""


@dataclass(frozen=True, slots=True)
class PnlChart:
    """Net P&L over time in percent of the credit, with its limits and the trailing level.

    ``exit_y`` is where the reason of the end is written: in the half that the line does not end in.
    """

    line: str
    area: str
    trail: str
    zero: str
    zero_units: str
    limits: tuple[Label, ...]
    last: Label
    last_x: str
    exit_y: str
    start: str
    end: str
    summary: str


def pnl_chart(points: Sequence[Sequence[object]], *, stop: object, target: object) -> PnlChart | None:
    """The chart of ``[time, net %, trailing level % or None]`` points; None below two.

    ``stop`` and ``target`` are positive percents of the credit, None where there is none.
    """
    rows = [_row(point) for point in points]
    known = [row for row in rows if row is not None]
    if len(known) < 2:
        return None
    low_limit, high_limit = _limit(stop, -1), _limit(target, 1)
    values = [0.0, *(row[1] for row in known), *(row[2] for row in known if row[2] is not None)]
    values += [value for value in (low_limit, high_limit) if value is not None]
    pad = (max(values) - min(values)) * 0.09 or 1.0
    x = Scale(known[0][0], known[-1][0])
    y = Scale(min(values) - pad, max(values) + pad, flipped=True)
    line = [(x(at), y(net)) for at, net, _ in known]
    zero = y(0)
    last = known[-1][1]
    return PnlChart(
        line=path(line),
        area=path([(line[0][0], zero), *line, (line[-1][0], zero)]),
        trail=_steps([(x(at), None if level is None else y(level)) for at, _, level in known]),
        zero=y.at(0),
        zero_units=f"{zero:.1f}",
        limits=_limit_labels(y, low_limit, high_limit),
        last=Label(y.at(last), percent(last), "up" if last >= 0 else "down"),
        last_x=x.at(known[-1][0]),
        exit_y="97%" if y(last) < UNITS / 2 else "12",
        start=ist(known[0][0], "%H:%M"),
        end=ist(known[-1][0], "%H:%M"),
        summary=f"Net P&L since {ist(known[0][0], '%H:%M')} IST, at the end {percent(last)} of the credit",
    )


def _row(point: Sequence[object]) -> tuple[float, float, float | None] | None:
    at, net, level = (decimal_of(value) for value in (*point, None, None)[:3])
    if at is None or net is None:
        return None
    return float(at), float(net), None if level is None else float(level)


def _limit(value: object, sign: int) -> float | None:
    exact = decimal_of(value)
    return None if not exact else sign * abs(float(exact))


def _limit_labels(y: Scale, stop: float | None, target: float | None) -> tuple[Label, ...]:
    labels = []
    if target is not None:
        labels.append(Label(y.at(target), f"target {percent(target, 0)}", "up"))
    if stop is not None:
        labels.append(Label(y.at(stop), f"stop {percent(stop, 0)}", "down"))
    return tuple(labels)


def _steps(points: Iterable[tuple[float, float | None]]) -> str:
    """A stepped path that is broken where there is no level."""
    parts: list[str] = []
    before: float | None = None
    for x, y in points:
        if y is not None:
            parts.append(f"H{x:.1f}V{y:.1f}" if before is not None else f"M{x:.1f} {y:.1f}")
        before = y
    return "".join(parts)


@dataclass(frozen=True, slots=True)
class PayoffChart:
    """P&L in dollars against the underlying, at expiry and now."""

    expiry: str
    now: str
    zero: str
    spot: Label | None
    spot_y: str
    strikes: tuple[Label, ...]
    breakevens: tuple[Label, ...]
    stop: Label | None
    summary: str


def payoff_chart(
    spots: Sequence[object],
    expiry: Sequence[object],
    now: Sequence[object],
    *,
    spot: object,
    strikes: Iterable[object],
    breakevens: Iterable[object],
    stop: object = None,
) -> PayoffChart | None:
    """The payoff drawing of equally long series; None when there is too little to draw.

    ``stop`` is the gross loss in dollars at which the session ends, positive; None without one.
    """
    xs, at_expiry, at_once = _floats(spots), _floats(expiry), _floats(now)
    if len(xs) < 2 or len(at_expiry) != len(xs):
        return None
    curve = at_once if len(at_once) == len(xs) else []
    lost = _limit(stop, -1)
    values = [0.0, *at_expiry, *curve, *(() if lost is None else (lost,))]
    pad = (max(values) - min(values)) * 0.12 or 1.0
    x, y = Scale(xs[0], xs[-1]), Scale(min(values) - pad, max(values) + pad * 1.4, flipped=True)
    here = _floats([spot])
    inside = here[0] if here and xs[0] <= here[0] <= xs[-1] else None
    evens = _floats(breakevens)
    words = " and ".join(number(value, 0) for value in evens) or "no price shown"
    return PayoffChart(
        expiry=path((x(at), y(value)) for at, value in zip(xs, at_expiry, strict=True)),
        now=path((x(at), y(value)) for at, value in zip(xs, curve, strict=False)),
        zero=y.at(0),
        spot=None if inside is None else Label(x.at(inside), price(inside, "0.1")),
        spot_y=y.at(_interpolate(xs, curve, inside)) if inside is not None and curve else "",
        strikes=tuple(_mark(x, value) for value in _floats(strikes)),
        breakevens=tuple(_even(x, value, middle=(xs[0] + xs[-1]) / 2) for value in evens),
        stop=None if lost is None else Label(y.at(lost), f"stop {money(lost)}", anchor=_beside(x, inside)),
        summary=f"Payoff at expiry and now; break-even at {words}",
    )


def _mark(x: Scale, value: float) -> Label:
    where = x(value) / 10
    return Label(x.at(value), number(value, 0), anchor="" if where < 8 else "t-end" if where > 92 else "t-middle")


def _beside(x: Scale, spot: float | None) -> str:
    """The anchor of a word right of the spot, left of it where the drawing ends soon."""
    return "t-end" if spot is not None and x(spot) / 10 > 100 - 2 * EDGE else ""


def _even(x: Scale, value: float, *, middle: float) -> Label:
    """A break-even, named on its outer side, where the curves are below the axis; on the inner one at the edge."""
    where = x(value) / 10
    outwards = "t-end" if value < middle else ""
    inwards = "" if value < middle else "t-end"
    return Label(x.at(value), number(value, 0), anchor=outwards if EDGE < where < 100 - EDGE else inwards)


def _floats(values: Iterable[object]) -> list[float]:
    exact = [decimal_of(value) for value in values]
    return [float(value) for value in exact if value is not None]


def _interpolate(xs: Sequence[float], ys: Sequence[float], at: float) -> float:
    for (x0, y0), (x1, y1) in zip(zip(xs, ys, strict=False), zip(xs[1:], ys[1:], strict=False), strict=False):
        if x0 <= at <= x1 and x1 > x0:
            return y0 + (y1 - y0) * (at - x0) / (x1 - x0)
    return ys[-1]
