"""What a configuration may say: every field's range and the rules between fields. Pure: the caller brings the date.

Values arrive as JSON, as form text or as Python objects, and leave typed: Decimal, int, date, bool, str, a sorted list
of weekdays, and the trailing ladder as its canonical map of fractions. Units are never guessed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from deltastrangle.exceptions import InvalidInput
from trading.configuration_fields import BY_NAME, FIELDS
from trading.configuration_spec import Field, Kind
from trading.strategy.schedule import parse_ist_time, trading_day
from trading.strategy.trailing import parse_rules, rules_map
from trading.strategy.types import ExpiryRule, Repeat, StrikeMode

EXPIRY_FORMAT = "%d-%m-%Y"
_EXPIRY_FORMATS = ("%d-%m-%Y", "%Y-%m-%d", "%d/%m/%Y", "%Y/%m/%d")
_NOTHING = (None, "", "null")
_BOOLS = {"true": True, "on": True, "1": True, "yes": True, "false": False, "off": False, "0": False, "no": False}
_PREMIUMS = tuple(f"{side}_option_price_{bound}" for side in ("call", "put") for bound in ("min", "max"))

Errors = dict[str, str]
Cleaned = dict[str, Any]


def clean(values: Mapping[str, object], *, today: date) -> Cleaned:
    """The typed values of every field, or ``InvalidInput`` with one message per broken field.

    ``today`` is the IST date against which an expiry is past. A field left out, or null, takes its default if it has
    one. An expiry date of a configuration whose rule is days to expiry is dropped.
    """
    given = imply_expiry_rule(values)
    cleaned: Cleaned = {}
    errors: Errors = {}
    for spec in FIELDS:
        try:
            cleaned[spec.name] = _read(spec, given.get(spec.name))
        except ValueError as problem:
            errors[spec.name] = str(problem)
    for rule in _RULES:
        rule(cleaned, errors, today)
    if errors:
        raise _refusal(errors)
    return cleaned


def imply_expiry_rule(values: Mapping[str, object]) -> dict[str, object]:
    """``values`` with the rule that an expiry date alone implies, as clients of the reference send it; null is dte."""
    if "expiry_date" not in values or values.get("expiry_rule") is not None:
        return dict(values)
    rule = ExpiryRule.DTE if _is_nothing(values["expiry_date"]) else ExpiryRule.FIXED
    return {**values, "expiry_rule": rule.value}


def parse_expiry(raw: object) -> date:
    """An expiry as a date: DD-MM-YYYY, YYYY-MM-DD, both also with slashes, or a datetime (an aware one by its IST day).

    ValueError otherwise.
    """
    if isinstance(raw, datetime):
        return trading_day(raw) if raw.tzinfo else raw.date()
    if isinstance(raw, date):
        return raw
    text = raw.strip() if isinstance(raw, str) else ""
    for pattern in _EXPIRY_FORMATS:
        try:
            return datetime.strptime(text, pattern).date()  # noqa: DTZ007 - a calendar date has no zone
        except ValueError:
            continue
    try:
        # A date alone in ISO's other spellings (20270410, 2027-W14) is more likely a slip than a wish.
        return parse_expiry(datetime.fromisoformat(text if ":" in text else ""))
    except ValueError:
        raise ValueError(BY_NAME["expiry_date"].expected) from None


def _refusal(errors: Errors) -> InvalidInput:
    ordered = [(spec.name, errors[spec.name]) for spec in FIELDS if spec.name in errors]
    name, message = ordered[0]
    more = f" ({len(ordered) - 1} more)" if len(ordered) > 1 else ""
    return InvalidInput(f"{name}: {message}{more}", fields={field: [text] for field, text in ordered})


def _is_nothing(raw: object) -> bool:
    return raw is None or (isinstance(raw, str) and raw.strip() in _NOTHING)


def _read(spec: Field, raw: object) -> object:
    """The typed value of one field; ValueError says what was expected."""
    if _is_nothing(raw):
        if spec.optional:
            return None
        if raw is None and not spec.required:
            raw = spec.default
    return _READERS[spec.kind](spec, raw)


def _read_text(spec: Field, raw: object) -> str:
    text = raw.strip() if isinstance(raw, str) else ""
    if not text or not text.isprintable() or (spec.maximum is not None and len(text) > spec.maximum):
        raise ValueError(spec.expected)
    return text


def _read_choice(spec: Field, raw: object) -> str:
    if not isinstance(raw, str) or raw not in dict(spec.choices):
        raise ValueError(spec.expected)
    return str(raw)


def _read_bool(spec: Field, raw: object) -> bool:
    if isinstance(raw, bool):
        return raw
    known = _BOOLS.get(str(raw).strip().lower())
    if known is None:
        raise ValueError(spec.expected)
    return known


def _read_decimal(spec: Field, raw: object) -> Decimal:
    if isinstance(raw, bool) or not isinstance(raw, str | int | float | Decimal):
        raise ValueError(spec.expected)
    try:
        number = Decimal(str(raw).strip())
    except InvalidOperation:
        raise ValueError(spec.expected) from None
    if not number.is_finite() or not _in_range(spec, number) or _decimals(number) > spec.places:
        raise ValueError(spec.expected)
    return Decimal(decimal_text(number))


def _in_range(spec: Field, number: Decimal) -> bool:
    low, high = spec.minimum, spec.maximum
    if low is None or high is None:
        return True
    return (low < number if spec.above else low <= number) and number <= high


def _decimals(number: Decimal) -> int:
    _, digits, exponent = number.as_tuple()
    written = "".join(map(str, digits))
    zeros = len(written) - len(written.rstrip("0"))
    return max(0, -(exponent + zeros)) if isinstance(exponent, int) and any(digits) else 0


def decimal_text(number: Decimal) -> str:
    """A decimal as plain text without trailing zeros: one spelling per value, whatever the database padded it with."""
    return f"{number.normalize() + 0:f}"


def _read_integer(spec: Field, raw: object) -> int:
    return int(_read_decimal(spec, raw))


def _read_time(spec: Field, raw: object) -> str:
    try:
        return f"{parse_ist_time(raw.strip() if isinstance(raw, str) else ''):%H:%M}"
    except ValueError:
        raise ValueError(spec.expected) from None


def _read_date(spec: Field, raw: object) -> date:
    return parse_expiry(raw)


def _read_weekdays(spec: Field, raw: object) -> list[int]:
    if not isinstance(raw, Sequence) or isinstance(raw, str | bytes):
        raise ValueError(spec.expected)
    texts = {str(day) for day in raw}
    if not texts <= {str(day) for day in range(7)}:
        raise ValueError(spec.expected)
    return sorted(int(text) for text in texts)


def _read_trailing(spec: Field, raw: object) -> dict[str, float]:
    if isinstance(raw, str):
        try:
            raw = json.loads(raw)
        except json.JSONDecodeError:
            raise ValueError(spec.expected) from None
    if not isinstance(raw, Mapping):
        raise ValueError(spec.expected)
    try:
        return rules_map(parse_rules({str(trigger): level for trigger, level in raw.items()}))
    except ArithmeticError:
        raise ValueError(spec.expected) from None


_READERS: dict[Kind, Callable[[Field, object], object]] = {
    Kind.TEXT: _read_text,
    Kind.CHOICE: _read_choice,
    Kind.BOOL: _read_bool,
    Kind.INTEGER: _read_integer,
    Kind.DECIMAL: _read_decimal,
    Kind.TIME: _read_time,
    Kind.DATE: _read_date,
    Kind.WEEKDAYS: _read_weekdays,
    Kind.TRAILING: _read_trailing,
}


def _delta_band(cleaned: Cleaned, errors: Errors, today: date) -> None:
    low, high = cleaned.get("delta_range_low"), cleaned.get("delta_range_high")
    if low is not None and high is not None and high <= low:
        errors["delta_range_high"] = (
            f"delta_range_high must be greater than delta_range_low: more than {decimal_text(low)} and at most 1."
        )


def _premium_band(cleaned: Cleaned, errors: Errors, today: date) -> None:
    for side in ("call", "put"):
        low_name, high_name = f"{side}_option_price_min", f"{side}_option_price_max"
        low, high = cleaned.get(low_name), cleaned.get(high_name)
        if low is not None and high is not None and low > high:
            errors[low_name] = (
                f"{low_name} must be less than or equal to {high_name}: between 0 and {decimal_text(high)}."
            )


def _premiums_given(cleaned: Cleaned, errors: Errors, today: date) -> None:
    if cleaned.get("strike_selection_mode") != StrikeMode.PRICE:
        return
    missing = [name for name in _PREMIUMS if name not in errors and cleaned.get(name) is None]
    for name in missing:
        text = f"{', '.join(missing)} are required when strike_selection_mode is 'price'"
        errors[name] = f"{text}: {BY_NAME[name].range_text}."


def _expected_move_given(cleaned: Cleaned, errors: Errors, today: date) -> None:
    name = "expected_move_multiple"
    if cleaned.get("strike_selection_mode") == StrikeMode.EXPECTED_MOVE and name not in errors and not cleaned[name]:
        errors[name] = f"{name} is required when strike_selection_mode is 'expected_move': {BY_NAME[name].range_text}."


def _exit_after_entry(cleaned: Cleaned, errors: Errors, today: date) -> None:
    entry, leave = cleaned.get("trade_time_ist"), cleaned.get("exit_time_ist")
    if entry is None or leave is None:
        return
    if leave <= entry:
        errors["exit_time_ist"] = f"exit_time_ist must be later than trade_time_ist: after {entry}, up to 23:59 (IST)."
        return
    seconds = (_since_midnight(leave) - _since_midnight(entry)).total_seconds()
    window = cleaned.get("entry_window_seconds")
    if window is not None and window > seconds:
        errors["entry_window_seconds"] = (
            f"The entry window must close by exit_time_ist ({leave}): between 10 and {seconds:,.0f} seconds."
        )


def _since_midnight(clock: str) -> timedelta:
    at: time = parse_ist_time(clock)
    return timedelta(hours=at.hour, minutes=at.minute)


def _expiry(cleaned: Cleaned, errors: Errors, today: date) -> None:
    rule = cleaned.get("expiry_rule")
    if rule == ExpiryRule.DTE:
        errors.pop("expiry_date", None)
        cleaned["expiry_date"] = None
    if rule != ExpiryRule.FIXED or "expiry_date" in errors:
        return
    expiry, allowed = cleaned["expiry_date"], f"DD-MM-YYYY, {today:{EXPIRY_FORMAT}} or later"
    if expiry is None:
        errors["expiry_date"] = f"expiry_date is required when expiry_rule is 'fixed': {allowed}."
    elif expiry < today:
        errors["expiry_date"] = f"Expiry {expiry:{EXPIRY_FORMAT}} has already passed: {allowed}."


def _venue_stop_is_wider(cleaned: Cleaned, errors: Errors, today: date) -> None:
    """The stop at the venue is for when we cannot act: one as near as our own would fire first, at the market."""
    ours, venue = cleaned.get("leg_stop_multiple"), cleaned.get("venue_stop_multiple")
    if ours is not None and venue is not None and venue <= ours:
        errors["venue_stop_multiple"] = (
            f"venue_stop_multiple must be wider than leg_stop_multiple: more than {decimal_text(ours)} and at most 50, "
            "or empty for no stop at the venue."
        )


def _some_weekday(cleaned: Cleaned, errors: Errors, today: date) -> None:
    if cleaned.get("repeat") == Repeat.DAILY and cleaned.get("weekdays") == []:
        errors["weekdays"] = BY_NAME["weekdays"].expected


_RULES: tuple[Callable[[Cleaned, Errors, date], None], ...] = (
    _delta_band,
    _premium_band,
    _premiums_given,
    _expected_move_given,
    _exit_after_entry,
    _expiry,
    _some_weekday,
    _venue_stop_is_wider,
)
