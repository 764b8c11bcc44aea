"""Health gates: conditions that stop new entries, with hysteresis. Pure; exits never ask them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace


@dataclass(frozen=True, slots=True)
class GateRule:
    """When a gate closes and when it may open again, in ``unit``.

    It closes at ``close`` or beyond; it reopens once the value has stayed at ``reopen`` or better. ``below`` says that
    small values are the bad ones (free space).
    """

    name: str
    label: str
    unit: str
    close: float
    reopen: float
    below: bool = False

    def bad(self, value: float | None) -> bool:
        """Whether this value closes the gate; one that is not known closes nothing."""
        return value is not None and (value <= self.close if self.below else value >= self.close)

    def good(self, value: float | None) -> bool:
        """Whether this value lets a closed gate reopen in time."""
        return value is None or (value >= self.reopen if self.below else value <= self.reopen)


@dataclass(frozen=True, slots=True)
class GateState:
    """A gate at its newest reading. ``since`` is when it opened or closed, ``good_since`` since when a closed one has
    been good without a break; both in the seconds of the clock it is judged by.
    """

    closed: bool = False
    since: float | None = None
    good_since: float | None = None
    value: float | None = None


def judge(rule: GateRule, state: GateState, value: float | None, now: float, hold_seconds: float) -> GateState:
    """The gate after a reading: closed at once by a bad one, reopened by good ones over ``hold_seconds`` alone."""
    seen = replace(state, value=value)
    if not state.closed:
        return GateState(True, now, None, value) if rule.bad(value) else seen
    if not rule.good(value):
        return replace(seen, good_since=None)
    good_since = now if state.good_since is None else state.good_since
    if now - good_since >= hold_seconds:
        return GateState(False, now, None, value)
    return replace(seen, good_since=good_since)


def figure(value: float | None, unit: str) -> str:
    """A reading with its unit, for sentences."""
    if value is None:
        return "unknown"
    text = f"{value:,.1f}".removesuffix(".0")
    return f"{text} {unit}".rstrip()


@dataclass(slots=True)
class Gates:
    """All gates of an engine. ``hold_seconds`` is how long a closed one must have been good before it reopens."""

    rules: Sequence[GateRule]
    hold_seconds: float
    states: dict[str, GateState] = field(default_factory=dict)

    def look(self, values: Mapping[str, float | None], now: float) -> list[tuple[GateRule, GateState]]:
        """Take readings in and return the gates that closed or opened. The first look at a gate counts as a turn: one
        that had closed when an earlier process ended is open now, and somebody has been told otherwise.
        """
        turned = []
        for rule in self.rules:
            before = self.states.get(rule.name)
            after = judge(rule, before or GateState(), values.get(rule.name), now, self.hold_seconds)
            self.states[rule.name] = after
            if before is None or after.closed is not before.closed:
                turned.append((rule, after))
        return turned

    def forget(self, name: str) -> None:
        """Judge a gate as if for the first time from now on."""
        self.states.pop(name, None)

    def refusal(self) -> str:
        """Why nothing may be entered now: the closed gates with value and threshold; empty when all are open."""
        closed = [(rule, self.states[rule.name]) for rule in self.rules if self._closed(rule)]
        told = "; ".join(f"{rule.label} {said(rule, state)}" for rule, state in closed)
        return f"Entries are stopped by a health gate: {told}." if told else ""

    def view(self, now: float) -> list[dict[str, object]]:
        """Every gate for the snapshot; ``for_seconds`` is how long it has been as it is, None since the start."""
        return [self._row(rule, self.states.get(rule.name, GateState()), now) for rule in self.rules]

    def _closed(self, rule: GateRule) -> bool:
        return self.states.get(rule.name, GateState()).closed

    def _row(self, rule: GateRule, state: GateState, now: float) -> dict[str, object]:
        return {
            "name": rule.name,
            "label": rule.label,
            "unit": rule.unit,
            "closed": state.closed,
            "value": None if state.value is None else round(state.value, 2),
            "close": rule.close,
            "reopen": rule.reopen,
            "below": rule.below,
            "for_seconds": None if state.since is None else round(now - state.since, 1),
        }


def said(rule: GateRule, state: GateState) -> str:
    """A closed gate's value and thresholds in words."""
    side = "at or below" if rule.below else "at or above"
    back = "above" if rule.below else "below"
    limit, reopen = figure(rule.close, rule.unit), figure(rule.reopen, rule.unit)
    if rule.bad(state.value):
        return f"{figure(state.value, rule.unit)}, it closes {side} {limit}"
    return f"{figure(state.value, rule.unit)}, it closed {side} {limit} and reopens {back} {reopen} for a while"
