"""The trailing ladder: once the peak profit reaches a trigger, a level is locked, and never given back. All figures are
percent of the credit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from trading.strategy.types import ZERO, TrailingRule

MAX_TRIGGER_PCT = Decimal(1000)
LARGEST_EXPONENT = 12
_HUNDRED = Decimal(100)
_CENT = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class TrailState:
    """Highest net profit seen, and the level it locked. None locks nothing; level 0 is break-even and does act."""

    peak_pct: Decimal = ZERO
    level_pct: Decimal | None = None


def advance(rules: Sequence[TrailingRule], state: TrailState, net_pct: Decimal) -> TrailState:
    """The ladder after seeing ``net_pct``. Neither peak nor level ever falls; feed it complete totals only."""
    peak = net_pct if net_pct > state.peak_pct else state.peak_pct
    level = state.level_pct
    for rule in rules:
        if rule.trigger_pct <= peak and (level is None or rule.level_pct > level):
            level = rule.level_pct
    return state if peak is state.peak_pct and level is state.level_pct else TrailState(peak, level)


def parse_rules(ladder: Mapping[str, object]) -> tuple[TrailingRule, ...]:
    """Read the API's map of fractions, ``{"0.20": 0.10}`` being "at 20 % peak profit lock 10 %"; sorted by trigger.

    ValueError names the entry when a trigger is not in (0, 10], a level is not in [0, trigger), or a trigger occurs
    twice. Units are never guessed.
    """
    rules: dict[Decimal, TrailingRule] = {}
    for key, value in ladder.items():
        trigger = _fraction(key, f"Trailing trigger {key!r}")
        level = _fraction(value, f"Trailing level of trigger {key!r}")
        rule = TrailingRule(trigger * _HUNDRED, level * _HUNDRED)
        if not ZERO < rule.trigger_pct <= MAX_TRIGGER_PCT:
            raise ValueError(f"Trailing trigger {key!r} must be above 0 and at most 10 (a fraction: 0.20 is 20 %).")
        if not ZERO <= rule.level_pct < rule.trigger_pct:
            raise ValueError(f"Trailing level of trigger {key!r} must be at least 0 and below the trigger.")
        if rule.trigger_pct in rules:
            raise ValueError(f"Trailing trigger {key!r} is given twice.")
        rules[rule.trigger_pct] = rule
    return tuple(rules[trigger] for trigger in sorted(rules))


def rules_map(rules: Sequence[TrailingRule]) -> dict[str, float]:
    """The API's map of fractions for a ladder, keys with at least two decimals: the inverse of :func:`parse_rules`."""
    return {_key(rule.trigger_pct / _HUNDRED): float(rule.level_pct / _HUNDRED) for rule in rules}


def _fraction(value: object, label: str) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, str | int | float | Decimal):
        raise ValueError(f"{label} must be a number.")
    try:
        number = Decimal(str(value).strip())
    except InvalidOperation:
        raise ValueError(f"{label} must be a number.") from None
    if not number.is_finite() or abs(number.adjusted()) > LARGEST_EXPONENT:
        raise ValueError(f"{label} must be a number of ordinary size.")
    return number


def _key(fraction: Decimal) -> str:
    plain = fraction.normalize()
    return f"{plain.quantize(_CENT) if plain == plain.quantize(_CENT) else plain:f}"
