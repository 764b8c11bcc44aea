"""Faults that the simulated venue shows on request: named, counted or scheduled, and aimed at a leg, a side or a
purpose.

As text: ``reject:leg=put,count=1; stale:after=600,for=120; partial:purpose=entry,fraction=0.3,count=2``. Keys:
``count`` (how many matching calls; default every one), ``nth`` (only the n-th matching call), ``after`` and ``for``
(venue seconds since the plan began), ``leg`` (call or put), ``side``, ``purpose`` (entry, exit, unwind),
``reduce_only``, ``seconds`` (for slow), ``fraction`` (for partial), ``code`` (for reject) and ``empty`` (for
one_sided: bid, ask or both).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from trading.strategy.types import OptionType, Purpose, Side


class FaultKind(StrEnum):
    """What can go wrong."""

    REJECT = "reject"
    REJECT_REDUCE_ONLY = "reject_reduce_only"
    TIMEOUT_BEFORE = "timeout_before"
    TIMEOUT_AFTER = "timeout_after"
    PARTIAL = "partial"
    SLOW = "slow"
    STALE = "stale"
    DISCONNECT = "disconnect"
    LOST_FILL = "lost_fill"
    DUPLICATE_FILL = "duplicate_fill"
    POSITIONS_FAIL = "positions_fail"
    SETTLEMENT_FAIL = "settlement_fail"
    SETTLEMENT_WITHHELD = "settlement_withheld"
    NO_CHAIN = "no_chain"
    CROSSED = "crossed"
    ONE_SIDED = "one_sided"
    NULL_GREEKS = "null_greeks"


@dataclass(frozen=True, slots=True)
class Call:
    """What is being done, for faults to recognise: a placement, a fill, a quote or a plain read (all None)."""

    symbol: str = ""
    side: Side | None = None
    purpose: Purpose | None = None
    reduce_only: bool | None = None


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault and what it is aimed at; None matches everything. ``count`` None means as often as it matches."""

    kind: FaultKind
    count: int | None = None
    nth: int | None = None
    after: float | None = None
    duration: float | None = None
    leg: OptionType | None = None
    side: Side | None = None
    purpose: Purpose | None = None
    reduce_only: bool | None = None
    seconds: float = 5.0
    fraction: float = 0.5
    code: str = "insufficient_margin"
    empty: str = "bid"

    def aims_at(self, call: Call) -> bool:
        """Whether the fault is meant for this call."""
        wanted_leg = None if self.leg is None else ("C-" if self.leg is OptionType.CALL else "P-")
        return (
            (wanted_leg is None or call.symbol.startswith(wanted_leg))
            and (self.side is None or call.side is self.side)
            and (self.purpose is None or call.purpose is self.purpose)
            and (self.reduce_only is None or call.reduce_only is self.reduce_only)
        )

    def active(self, elapsed: float) -> bool:
        """Whether ``elapsed`` venue seconds after the plan began lie in the fault's window."""
        start = self.after or 0.0
        return elapsed >= start and (self.duration is None or elapsed < start + self.duration)


class FaultPlan:
    """The faults in force. One plan may stand in front of several doors of the same exchange."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._began = now()
        self._faults: list[Fault] = []
        self._left: list[int | None] = []
        self._seen: list[int] = []

    def add(self, fault: Fault) -> None:
        """Put a fault in force; windows count from when the plan began."""
        self._faults.append(fault)
        self._left.append(fault.count)
        self._seen.append(0)

    def inject(self, text: str) -> None:
        """Put the faults named in ``text`` in force, their windows counted from now. ValueError says which part is
        wrong.
        """
        elapsed = (self._now() - self._began).total_seconds()
        for fault in parse_faults(text):
            self.add(replace(fault, after=(fault.after or 0.0) + elapsed))

    def clear(self) -> None:
        """Lift every fault."""
        self._faults, self._left, self._seen = [], [], []

    @property
    def active(self) -> tuple[str, ...]:
        """Names of the faults that may still strike."""
        return tuple(
            fault.kind.value for fault, left in zip(self._faults, self._left, strict=True) if left is None or left > 0
        )

    def take(self, kind: FaultKind, call: Call | None = None) -> Fault | None:
        """The first fault of ``kind`` that strikes this call, counted as used; None if there is none."""
        if not self._faults:
            return None
        elapsed = (self._now() - self._began).total_seconds()
        for index, fault in enumerate(self._faults):
            if (
                fault.kind is kind
                and fault.active(elapsed)
                and fault.aims_at(call or Call())
                and self._strikes(index, fault)
            ):
                return fault
        return None

    def peek(self, kind: FaultKind) -> Fault | None:
        """A fault of ``kind`` that would strike a plain read now, without using it up."""
        elapsed = (self._now() - self._began).total_seconds() if self._faults else 0.0
        for fault, left in zip(self._faults, self._left, strict=True):
            if fault.kind is kind and fault.active(elapsed) and (left is None or left > 0):
                return fault
        return None

    def _strikes(self, index: int, fault: Fault) -> bool:
        left = self._left[index]
        if left is not None and left <= 0:
            return False
        self._seen[index] += 1
        if fault.nth is not None and self._seen[index] != fault.nth:
            return False
        if left is not None:
            self._left[index] = left - 1
        return True


def _book_side(text: str) -> str:
    if text not in {"bid", "ask", "both"}:
        raise ValueError(text)
    return text


_FIELDS: dict[str, tuple[str, Callable[[str], object]]] = {
    "count": ("count", int),
    "nth": ("nth", int),
    "after": ("after", float),
    "for": ("duration", float),
    "leg": ("leg", OptionType),
    "side": ("side", Side),
    "purpose": ("purpose", Purpose),
    "reduce_only": ("reduce_only", lambda text: text.lower() in {"1", "true", "yes"}),
    "seconds": ("seconds", float),
    "fraction": ("fraction", float),
    "code": ("code", str),
    "empty": ("empty", _book_side),
}


def parse_faults(text: str) -> tuple[Fault, ...]:
    """Faults written as in the module's docstring. ValueError names the unknown fault, key or value."""
    return tuple(_parse_one(part.strip()) for part in text.split(";") if part.strip())


def _parse_one(text: str) -> Fault:
    name, _, rest = text.partition(":")
    if name.strip() not in set(FaultKind):
        raise ValueError(f"unknown fault {name.strip()!r}; known: {', '.join(FaultKind)}")
    values: dict[str, object] = {"kind": FaultKind(name.strip())}
    for pair in (part.strip() for part in rest.split(",") if part.strip()):
        key, _, value = pair.partition("=")
        if key.strip() not in _FIELDS:
            raise ValueError(f"unknown key {key.strip()!r} in fault {text!r}; known: {', '.join(_FIELDS)}")
        field, convert = _FIELDS[key.strip()]
        try:
            values[field] = convert(value.strip())
        except ValueError as error:
            raise ValueError(f"bad value for {key.strip()!r} in fault {text!r}: {value.strip()!r}") from error
    return Fault(**values)  # type: ignore[arg-type]
