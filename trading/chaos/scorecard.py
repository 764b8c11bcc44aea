"""Adding up what many seeds showed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from trading.chaos.evidence import Evidence
from trading.chaos.judge import Kind, Verdict

Row = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Result:
    """One seed's figures, as they travel from a job to the parent. Times are seconds."""

    seed: int
    seconds: float
    sessions: int = 0
    orders: int = 0
    fills: int = 0
    reasons: Sequence[str] = ()
    kills: Sequence[str] = ()
    planned_kills: int = 0
    struck: dict[str, int] = field(default_factory=dict)
    violations: Sequence[Sequence[str]] = ()
    naked_entry: Sequence[float] = ()
    naked_entry_raw: Sequence[float] = ()
    naked_exit: Sequence[float] = ()
    recovery: Sequence[float] = ()
    recovery_wall: Sequence[float] = ()
    recovery_open: Sequence[float] = ()
    replays: dict[str, int] = field(default_factory=dict)

    @property
    def recovery_waits(self) -> list[float]:
        """Of each recovery, what was waiting: for the lease, for answers."""
        return [whole - work for whole, work in zip(self.recovery, self.recovery_wall, strict=True)]

    @property
    def failed(self) -> bool:
        """Whether anything was wrong."""
        return bool(self.violations)


def result_of(
    seed: int, evidence: Evidence, verdict: Verdict, *, seconds: float, planned_kills: int, replays: dict[str, int]
) -> Result:
    """The figures of one run."""
    entering = [stretch for stretch in verdict.naked if stretch.entering]
    return Result(
        seed=seed,
        seconds=seconds,
        sessions=len(evidence.book.sessions),
        orders=len(evidence.truth.orders),
        fills=len(evidence.truth.fills),
        reasons=[session.exit_reason for session in evidence.book.sessions],
        kills=[death.point for death in evidence.seen.deaths],
        planned_kills=planned_kills,
        struck={name: times for name, times in evidence.seen.struck.items() if times},
        violations=[(violation.kind.value, violation.text) for violation in verdict.violations],
        naked_entry=[stretch.guarded for stretch in entering],
        naked_entry_raw=[stretch.seconds for stretch in entering],
        naked_exit=[stretch.guarded for stretch in verdict.naked if not stretch.entering],
        recovery=[recovery.seconds for recovery in evidence.seen.recoveries],
        recovery_wall=[recovery.wall for recovery in evidence.seen.recoveries],
        recovery_open=[recovery.seconds for recovery in evidence.seen.recoveries if not recovery.hindered],
        replays=replays,
    )


def result_from(said: dict[str, Any]) -> Result:
    """The figures as a job has sent them."""
    return Result(**said)


class Scorecard:
    """The sum over seeds."""

    def __init__(self) -> None:
        self.results: list[Result] = []

    def add(self, result: Result) -> None:
        """Count one seed."""
        self.results.append(result)

    @property
    def failing(self) -> list[int]:
        """Seeds with violations, in order."""
        return sorted(result.seed for result in self.results if result.failed)

    def rows(self) -> list[Row]:
        """The scorecard, line by line."""
        results = self.results
        wrong = Counter(kind for result in results for kind, _ in result.violations)
        return [
            ("seeds", f"{len(results)} ({len(self.failing)} failing)"),
            ("sessions", f"{sum(r.sessions for r in results)}: {counts(x for r in results for x in r.reasons)}"),
            ("kills", self._kills()),
            ("kills by point", counts(point for r in results for point in r.kills) or "none"),
            ("faults that struck", counts(name for r in results for name in r.struck) or "none"),
            ("orders", str(sum(r.orders for r in results))),
            ("fills", str(sum(r.fills for r in results))),
            *((f"{kind.value}s" if kind in PLURAL else kind.value, str(wrong[kind.value])) for kind in Kind),
            ("naked at entry, guarded", spread(x for r in results for x in r.naked_entry)),
            ("naked at entry, raw", spread(x for r in results for x in r.naked_entry_raw)),
            ("uneven at exit, guarded", spread(x for r in results for x in r.naked_exit)),
            ("recovery", spread(x for r in results for x in r.recovery)),
            ("of which work (wall)", spread(x for r in results for x in r.recovery_wall)),
            ("of which waits (venue)", spread(x for r in results for x in r.recovery_waits)),
            ("recovery, exchange open", spread(x for r in results for x in r.recovery_open)),
            ("replays", counts_of(r.replays for r in results) or "none"),
            ("seconds per seed", spread(r.seconds for r in results)),
        ]

    def _kills(self) -> str:
        done, planned = sum(len(r.kills) for r in self.results), sum(r.planned_kills for r in self.results)
        return f"{done} of {planned} planned (the others' points were never passed)" if planned else "0"


PLURAL = (Kind.DUPLICATE, Kind.ORPHAN, Kind.DISAGREEMENT)


def counts(names: Iterable[str]) -> str:
    """How often each name occurs, most frequent first."""
    return ", ".join(f"{name or 'none'} {times}" for name, times in Counter(names).most_common())


def counts_of(some: Iterable[dict[str, int]]) -> str:
    """The sums of counts."""
    total: Counter[str] = Counter()
    for each in some:
        total.update(each)
    return ", ".join(f"{name} {times}" for name, times in total.most_common())


def spread(values: Iterable[float]) -> str:
    """p50, p99 and worst of some seconds."""
    ordered = sorted(values)
    if not ordered:
        return "none"
    return (
        f"p50 {share(ordered, 0.5):.2f} s, p99 {share(ordered, 0.99):.2f} s, worst {ordered[-1]:.2f} s ({len(ordered)})"
    )


def share(ordered: Sequence[float], part: float) -> float:
    """The value below which ``part`` of an ordered sequence lies."""
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))]
