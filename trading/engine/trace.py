"""The trace of why, compressed: looks at the exit rules that came to the same verdicts are one stretch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from trading.engine.ports import TraceStretch
from trading.engine.records import number
from trading.strategy.events import RuleResult, Verdict
from trading.strategy.types import Phase

LONGEST_SECONDS = 60.0
CLEARLY_NEARER = 0.02
"""Two rules that are nearest in turns, look by look, do not end a stretch each time."""
TURNS_A_MINUTE = 30
"""Stretches that may begin in one minute of venue time because a verdict or the nearest rule changed."""
JUDGED = (Verdict.HOLD, Verdict.ACT)


@dataclass(slots=True)
class _Running:
    first_at: datetime
    last_at: datetime
    phase: Phase
    verdicts: tuple[Verdict, ...]
    nearest: str
    nearest_progress: float
    results: tuple[RuleResult, ...] = ()
    looks: int = 0
    peaks: dict[str, tuple[float, datetime]] = field(default_factory=dict)


class TraceKeeper:
    """Takes every look in and gives whole stretches out; bounded however the market flickers."""

    def __init__(self) -> None:
        self._running: _Running | None = None
        self._done: list[TraceStretch] = []
        self._minute: datetime | None = None
        self._turns = 0

    def see(self, at: datetime, phase: Phase, results: tuple[RuleResult, ...]) -> None:
        """One look. A rule that acts always has a stretch of its own."""
        if not results:
            self.end()
            return
        verdicts = tuple([result.verdict for result in results])
        nearest, progress = _nearest(results)
        running = self._running
        if running is None or self._turned(running, at, phase, verdicts, nearest, progress):
            self.end()
            running = self._running = _Running(at, at, phase, verdicts, nearest, progress)
        running.last_at, running.results, running.verdicts = at, results, verdicts
        running.looks += 1
        if progress >= running.nearest_progress:
            running.nearest, running.nearest_progress = nearest, progress
        peaks = running.peaks
        for result in results:
            if result.verdict in JUDGED and result.progress > peaks.get(result.rule, (-1.0,))[0]:
                peaks[result.rule] = result.progress, at

    def end(self) -> None:
        """End the stretch under way."""
        if self._running is not None:
            self._done.append(_stretch(self._running))
            self._running = None

    def take(self) -> tuple[TraceStretch, ...]:
        """The stretches that ended since the last call, oldest first."""
        done, self._done = tuple(self._done), []
        return done

    def _turned(
        self,
        running: _Running,
        at: datetime,
        phase: Phase,
        verdicts: tuple[Verdict, ...],
        nearest: str,
        progress: float,
    ) -> bool:
        if phase is not running.phase or Verdict.ACT in verdicts or Verdict.ACT in running.verdicts:
            return True
        if (at - running.first_at).total_seconds() >= LONGEST_SECONDS:
            return True
        nearer = nearest != running.nearest and progress > running.nearest_progress + CLEARLY_NEARER
        return (nearer or verdicts != running.verdicts) and self._may_turn(at)

    def _may_turn(self, at: datetime) -> bool:
        if self._minute is None or (at - self._minute).total_seconds() >= LONGEST_SECONDS:
            self._minute, self._turns = at, 0
        self._turns += 1
        return self._turns <= TURNS_A_MINUTE


def _nearest(results: Sequence[RuleResult]) -> tuple[str, float]:
    """The rule that is nearest to acting among those that can be judged; one that acts is nearest of all."""
    best, far = "", -1.0
    for result in results:
        if result.verdict is Verdict.ACT:
            return result.rule.value, 1.0
        if result.verdict is Verdict.HOLD and result.progress > far:
            best, far = result.rule.value, result.progress
    return best, max(far, 0.0)


def _stretch(running: _Running) -> TraceStretch:
    return TraceStretch(
        first_at=running.first_at,
        last_at=running.last_at,
        looks=running.looks,
        phase=running.phase,
        nearest_rule=running.nearest,
        nearest_progress=running.nearest_progress,
        results=tuple(_shown(result, running.peaks) for result in running.results),
    )


def _shown(result: RuleResult, peaks: dict[str, tuple[float, datetime]]) -> dict[str, object]:
    peak, peak_at = peaks.get(result.rule, (None, None))
    return {
        "rule": result.rule.value,
        "verdict": result.verdict.value,
        "value": number(result.value),
        "threshold": number(result.threshold),
        "unit": result.unit,
        "progress": round(result.progress, 6),
        "detail": result.detail,
        "peak": None if peak is None else round(peak, 6),
        "peak_at": None if peak_at is None else peak_at.isoformat().replace("+00:00", "Z"),
    }
