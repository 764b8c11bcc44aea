"""Faults of the wire, by name, put in force and lifted while the server runs.

As text, one per line or separated by semicolons: ``timeout_after:count=1,side=sell; rate_limit:count=3,seconds=2``.
Keys: ``count`` (how many matching calls; default every one), ``nth`` (only the n-th), ``after`` and ``for`` (wall
seconds from now), ``method``, ``path`` (how it begins), ``leg`` (call or put), ``side``, ``reduce_only``, ``channel``
(of the socket), ``seconds``, ``fraction``, ``code``, ``status`` and ``empty`` (of one_sided: bid, ask or both). Faults
that name no method or path aim at what they are about: order faults at placements, faults of quotes (stale, crossed,
one_sided; as long as they are in force, whatever their count) at tops and tickers, the others at every request.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum


class WireFault(StrEnum):
    """What can go wrong on the wire."""

    TIMEOUT_BEFORE = "timeout_before"
    TIMEOUT_AFTER = "timeout_after"
    REJECT = "reject"
    PARTIAL = "partial"
    RATE_LIMIT = "rate_limit"
    SERVER_ERROR = "server_error"
    ERROR_AFTER = "error_after"
    TRUNCATED = "truncated"
    NOT_SUCCESS = "not_success"
    UNKNOWN_FIELDS = "unknown_fields"
    SWAPPED_TYPES = "swapped_types"
    SLOW = "slow"
    SKEW = "skew"
    MAINTENANCE = "maintenance"
    IP_REFUSED = "ip_refused"
    PUBLIC_SILENT = "public_silent"
    PUBLIC_DROP = "public_drop"
    PRIVATE_SILENT = "private_silent"
    PRIVATE_DROP = "private_drop"
    DUPLICATE_FRAMES = "duplicate_frames"
    REORDER_FRAMES = "reorder_frames"
    DROP_FRAMES = "drop_frames"
    SEQ_RESET = "seq_reset"
    STALE = "stale"
    CROSSED = "crossed"
    ONE_SIDED = "one_sided"


ORDER_FAULTS = {WireFault.TIMEOUT_AFTER, WireFault.REJECT, WireFault.PARTIAL, WireFault.ERROR_AFTER}
ONCE = {WireFault.PUBLIC_DROP, WireFault.PRIVATE_DROP, WireFault.SEQ_RESET}


@dataclass(frozen=True, slots=True)
class WireCall:
    """What is being done: a request, or a frame on a channel."""

    method: str = ""
    path: str = ""
    symbol: str = ""
    side: str = ""
    reduce_only: bool | None = None
    channel: str = ""

    @property
    def places(self) -> bool:
        """Whether it sends an order."""
        return self.method == "POST" and self.path in {"/v2/orders", "/v2/orders/batch"}


@dataclass(frozen=True, slots=True)
class Spec:
    """One fault and what it is aimed at; empty matches everything."""

    kind: WireFault
    count: int | None = None
    nth: int | None = None
    after: float = 0.0
    duration: float | None = None
    method: str = ""
    path: str = ""
    leg: str = ""
    side: str = ""
    reduce_only: bool | None = None
    channel: str = ""
    seconds: float | None = None
    fraction: float = 0.5
    code: str = ""
    status: int = 0
    empty: str = "both"

    def aims_at(self, call: WireCall) -> bool:
        """Whether the fault is meant for this call."""
        if self.kind in ORDER_FAULTS and not self.method and not self.path and not call.places:
            return False
        return (
            (not self.method or call.method == self.method.upper())
            and call.path.startswith(self.path)
            and (not self.leg or call.symbol.startswith("C-" if self.leg == "call" else "P-"))
            and (not self.side or call.side == self.side)
            and (self.reduce_only is None or call.reduce_only is self.reduce_only)
            and (not self.channel or call.channel == self.channel)
        )


@dataclass(slots=True)
class Armed:
    """A fault in force, with what is left of it."""

    number: int
    spec: Spec
    since: float
    left: int | None
    seen: int = 0
    struck: int = 0

    def live(self, now: float) -> bool:
        """Whether it may strike at ``now`` (monotonic seconds)."""
        elapsed = now - self.since - self.spec.after
        open_window = elapsed >= 0 and (self.spec.duration is None or elapsed < self.spec.duration)
        return open_window and (self.left is None or self.left > 0)


class WirePlan:
    """The faults in force. ``mono`` is seconds of a clock that never jumps."""

    def __init__(self, mono: Callable[[], float]) -> None:
        self._mono = mono
        self._numbers = 0
        self.armed: list[Armed] = []

    def inject(self, text: str) -> list[int]:
        """Put the faults named in ``text`` in force and return their numbers. ValueError says what is wrong."""
        return [self.add(spec) for spec in parse_faults(text)]

    def add(self, spec: Spec) -> int:
        """Put one fault in force and return its number."""
        self._numbers += 1
        count = 1 if spec.count is None and spec.kind in ONCE else spec.count
        self.armed.append(Armed(self._numbers, spec, self._mono(), count))
        return self._numbers

    def lift(self, number: int | None = None) -> int:
        """Lift one fault, or all; returns how many were lifted."""
        kept = [item for item in self.armed if number is not None and item.number != number]
        lifted = len(self.armed) - len(kept)
        self.armed = kept
        return lifted

    def take(self, kind: WireFault, call: WireCall | None = None) -> Spec | None:
        """The first fault of ``kind`` that strikes this call, counted as used; None if there is none."""
        if not self.armed:
            return None
        now = self._mono()
        for item in self.armed:
            if item.spec.kind is not kind or not item.live(now) or not item.spec.aims_at(call or WireCall()):
                continue
            item.seen += 1
            if item.spec.nth is not None and item.seen != item.spec.nth:
                continue
            item.left = None if item.left is None else item.left - 1
            item.struck += 1
            return item.spec
        return None

    def peek(self, kind: WireFault, call: WireCall | None = None) -> Spec | None:
        """A fault of ``kind`` that is in force (and aims at ``call``, if given), without using it up."""
        now = self._mono() if self.armed else 0.0
        found = (item.spec for item in self.armed if item.spec.kind is kind and item.live(now))
        return next((spec for spec in found if call is None or spec.aims_at(call)), None)


def _book_side(text: str) -> str:
    if text not in {"bid", "ask", "both"}:
        raise ValueError(text)
    return text


_FIELDS: dict[str, tuple[str, Callable[[str], object]]] = {
    "count": ("count", int),
    "nth": ("nth", int),
    "after": ("after", float),
    "for": ("duration", float),
    "method": ("method", str),
    "path": ("path", str),
    "leg": ("leg", str),
    "side": ("side", str),
    "reduce_only": ("reduce_only", lambda text: text.lower() in {"1", "true", "yes"}),
    "channel": ("channel", str),
    "seconds": ("seconds", float),
    "fraction": ("fraction", float),
    "code": ("code", str),
    "status": ("status", int),
    "empty": ("empty", _book_side),
}


def parse_faults(text: str) -> list[Spec]:
    """Faults written as in the module's docstring; lines that begin with # are comments. ValueError names the unknown
    fault, key or value.
    """
    lines = (line for line in text.splitlines() if not line.lstrip().startswith("#"))
    return [_parse_one(part.strip()) for line in lines for part in line.split(";") if part.strip()]


def _parse_one(text: str) -> Spec:
    name, _, rest = text.partition(":")
    if name.strip() not in set(WireFault):
        raise ValueError(f"unknown fault {name.strip()!r}; known: {', '.join(WireFault)}")
    values: dict[str, object] = {}
    for pair in (part.strip() for part in rest.split(",") if part.strip()):
        key, _, value = pair.partition("=")
        if key.strip() not in _FIELDS:
            raise ValueError(f"unknown key {key.strip()!r} in fault {text!r}; known: {', '.join(_FIELDS)}")
        field, convert = _FIELDS[key.strip()]
        try:
            values[field] = convert(value.strip())
        except ValueError as error:
            raise ValueError(f"bad value for {key.strip()!r} in fault {text!r}: {value.strip()!r}") from error
    return Spec(WireFault(name.strip()), **values)  # type: ignore[arg-type]
