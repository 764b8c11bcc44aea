"""Between a stored configuration, the JSON values of its revisions, and the parameters the strategy obeys."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from datetime import date
from decimal import Decimal
from typing import Any

from trading.configuration_fields import BY_NAME, FIELDS
from trading.configuration_rules import EXPIRY_FORMAT, decimal_text, parse_expiry
from trading.configuration_spec import Field, Kind
from trading.models import TradingConfiguration
from trading.strategy.trailing import parse_rules
from trading.strategy.types import ExpiryRule, Repeat, StrategyParams, StrikeMode

_ENUMS = {"strike_selection_mode": StrikeMode, "expiry_rule": ExpiryRule, "repeat": Repeat}


def values_of(configuration: TradingConfiguration) -> dict[str, Any]:
    """Every field as JSON: decimals as plain text, the expiry as DD-MM-YYYY. Equal configurations give equal values."""
    return json_values({spec.name: getattr(configuration, spec.name) for spec in FIELDS})


def json_values(cleaned: Mapping[str, object]) -> dict[str, Any]:
    """Typed values as :func:`values_of` writes them."""
    return {name: _as_json(value) for name, value in cleaned.items()}


def params_from_values(values: Mapping[str, object]) -> StrategyParams:
    """The strategy's parameters from a revision's values.

    A field that the revision does not have yet takes the strategy's default; a field the strategy does not know (name,
    mode) is left out. KeyError or ValueError for values that no save of ours can have written.
    """
    known = {field.name for field in fields(StrategyParams)}
    typed = {name: _typed(BY_NAME[name], raw) for name, raw in values.items() if name in known}
    return StrategyParams(**typed)


def _as_json(value: object) -> object:
    if isinstance(value, Decimal):
        return decimal_text(value)
    if isinstance(value, date):
        return f"{value:{EXPIRY_FORMAT}}"
    return value


def _typed(spec: Field, raw: Any) -> Any:
    if raw is None:
        return None
    if spec.name in _ENUMS:
        return _ENUMS[spec.name](raw)
    match spec.kind:
        case Kind.DECIMAL:
            return Decimal(str(raw))
        case Kind.DATE:
            return parse_expiry(raw)
        case Kind.WEEKDAYS:
            return tuple(raw)
        case Kind.TRAILING:
            return parse_rules(raw)
        case _:
            return raw
