"""Forms of the trading app. They hand text to the configuration rules and put the answers at the fields."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, Self

from django import forms
from django.http import QueryDict
from django.utils import timezone

from deltastrangle.exceptions import InvalidInput
from trading.configuration_fields import BY_NAME, FIELDS, WEEKDAYS
from trading.configuration_rules import clean, decimal_text, parse_expiry
from trading.configuration_spec import Field, Kind
from trading.models import TradingConfiguration
from trading.params import values_of
from trading.selectors.configurations import name_taken
from trading.strategy.schedule import trading_day
from trading.strategy.trailing import parse_rules
from trading.strategy.types import TrailingRule

TRAILING = "trailing_rules"
TRIGGERS, LEVELS = "trailing_trigger", "trailing_level"
NEW_ROWS = (("60", "30"), ("70", "40"), ("80", "60"), ("90", "70"))
# Names of one word (name, mode) are also plain English and stay as they are.
_NAMES = re.compile(rf"\b({'|'.join(name for name in BY_NAME if '_' in name)})\b")
_HUNDRED = Decimal(100)
_MOST_PERCENT = Decimal(100_000)

Row = tuple[str, str]


class _Weekdays(forms.Field):
    """Checkboxes that, while they do not matter, are kept as hidden inputs."""

    hidden_widget = forms.MultipleHiddenInput


def form_field(spec: Field) -> forms.Field:
    """A field that lets every text through: what is allowed, and in which words, is for the rules to say."""
    more: dict[str, Any] = {"label": spec.label, "help_text": spec.help, "required": False}
    match spec.kind:
        case Kind.BOOL:
            return forms.BooleanField(**more)
        case Kind.CHOICE:
            return forms.CharField(widget=forms.Select(choices=spec.choices), **more)
        case Kind.WEEKDAYS:
            return _Weekdays(widget=forms.CheckboxSelectMultiple(choices=WEEKDAYS), **more)
        case Kind.TRAILING:
            return forms.CharField(widget=forms.Textarea(attrs={"rows": 3}), **more)
        case _:
            return forms.CharField(widget=_input(spec), **more)


def _input(spec: Field) -> forms.Widget:
    match spec.kind:
        case Kind.INTEGER | Kind.DECIMAL:
            limits = {"min": f"{spec.minimum}", "max": f"{spec.maximum}", "step": spec.step}
            return forms.NumberInput(attrs={**limits, "inputmode": "decimal"})
        case Kind.TIME:
            # Not type=time, which shows 03:20 PM in some browsers: the platform speaks of 15:20.
            return forms.TextInput(attrs={"placeholder": "HH:MM", "maxlength": "5", "autocomplete": "off"})
        case Kind.DATE:
            return forms.DateInput(attrs={"type": "date"})
        case _:
            return forms.TextInput(attrs={"maxlength": f"{spec.maximum}", "autocomplete": "off"})


def shown(spec: Field, value: object) -> object:
    """A value as its input takes it."""
    if value is None:
        return ""
    match spec.kind:
        case Kind.DECIMAL:
            return decimal_text(Decimal(str(value)))
        case Kind.DATE:
            return parse_expiry(value).isoformat()
        case Kind.TRAILING:
            return json.dumps(value)
        case Kind.WEEKDAYS:
            return list(value) if isinstance(value, Sequence) else []
        case _:
            return value


def initial_values(configuration: TradingConfiguration | None) -> dict[str, object]:
    """What a form starts from: the configuration, or the values suggested for a new one."""
    values = values_of(configuration) if configuration else {spec.name: spec.start for spec in FIELDS}
    return {spec.name: shown(spec, values[spec.name]) for spec in FIELDS}


def ladder_rows(ladder: Mapping[str, object]) -> list[Row]:
    """A ladder as rows of percent text: (trigger, level)."""
    return [_row(rule) for rule in parse_rules(ladder)]


def _row(rule: TrailingRule) -> Row:
    return decimal_text(rule.trigger_pct), decimal_text(rule.level_pct)


def rows_given(data: QueryDict) -> list[Row]:
    """The rows that a page sent, as typed."""
    return list(zip(data.getlist(TRIGGERS), data.getlist(LEVELS), strict=False))


def rows_after(rows: Sequence[Row], intent: str) -> list[Row]:
    """The rows after the button ``add-row`` or ``remove-row-N``; any other leaves them alone."""
    if intent == "add-row":
        return [*rows, NEW_ROWS[min(max(0, len(rows) - 4), len(NEW_ROWS) - 1)]]
    place = intent.removeprefix("remove-row-")
    return [row for number, row in enumerate(rows) if str(number) != place] if place != intent else list(rows)


def ladder_of(rows: Sequence[Row]) -> dict[str, str]:
    """Rows of percent as the rules' map of fractions; empty rows are left out.

    ValueError names the row when something is not a number, or a trigger occurs twice.
    """
    ladder: dict[str, str] = {}
    for number, (trigger, level) in enumerate(rows, start=1):
        if not trigger.strip() and not level.strip():
            continue
        key = _fraction(trigger, number)
        if key in ladder:
            raise ValueError(f"Row {number}: the trigger {trigger.strip()} % is given twice.")
        ladder[key] = _fraction(level, number)
        if not 0 < Decimal(key) <= 10 or not 0 <= Decimal(ladder[key]) < Decimal(key):
            raise ValueError(f"Row {number}: the trigger is above 0 and at most 1,000 %, the level from 0 to below it.")
    return ladder


def _fraction(percent: str, row: int) -> str:
    try:
        number = Decimal(percent.strip())
    except InvalidOperation:
        number = Decimal("NaN")
    # Comparing is safe at any exponent, arithmetic is not.
    if not number.is_finite() or not -_MOST_PERCENT <= number <= _MOST_PERCENT:
        raise ValueError(f"Row {row}: enter the trigger and the locked level as percent numbers.")
    return decimal_text(number / _HUNDRED)


class ConfigurationForm(forms.Form):
    """A configuration as the operator edits it: percent in the ladder, one message at each broken field."""

    def __init__(self, data: QueryDict | None = None, *, configuration: TradingConfiguration | None = None) -> None:
        initial = initial_values(configuration)
        super().__init__(data, initial=initial)
        self.configuration = configuration
        self.fields.update({spec.name: form_field(spec) for spec in FIELDS})
        self.rows = ladder_rows(json.loads(str(initial[TRAILING]))) if data is None else rows_given(data)

    @classmethod
    def draft(cls, data: QueryDict, *, configuration: TradingConfiguration | None, intent: str = "") -> Self:
        """What was typed so far, with the row button ``intent`` obeyed, and nothing judged yet."""
        typed, draft = cls(data, configuration=configuration), cls(configuration=configuration)
        draft.initial = {spec.name: typed.value_of(spec.name) for spec in FIELDS}
        draft.rows = rows_after(typed.rows, intent)
        return draft

    def clean(self) -> dict[str, Any]:
        """The typed values, when every rule is kept."""
        given = {**self.cleaned_data}
        try:
            given[TRAILING] = ladder_of(self.rows)
        except ValueError as problem:
            self.add_error(TRAILING, str(problem))
            given[TRAILING] = {}
        return check(self, given, self.configuration)

    def value_of(self, name: str) -> object:
        """What the input of a field shows now."""
        return self[name].value()

    def relevant(self, spec: Field) -> bool:
        """Whether the field matters under the choices made so far; a field with an error always does."""
        if spec.when is None or spec.name in (self.errors if self.is_bound else {}):
            return True
        decided_by, value = spec.when
        return self.value_of(decided_by) == value


def with_labels(message: str) -> str:
    """A message of the rules with the labels of the form in place of the API's names."""
    return _NAMES.sub(lambda found: BY_NAME[found[0]].label, message)


def check(
    form: forms.BaseForm, given: Mapping[str, object], configuration: TradingConfiguration | None
) -> dict[str, Any]:
    """The typed values of ``given``, or messages at the fields of ``form``, for a name that is taken too."""
    cleaned: dict[str, Any] = {}
    try:
        cleaned = clean(given, today=trading_day(timezone.now()))
    except InvalidInput as refusal:
        for name, messages in (refusal.fields or {}).items():
            form.add_error(name if name in form.fields else None, with_labels(messages[0]))
    name = str(given.get("name", "")).strip()
    if not form.has_error("name") and name_taken(name, by_other_than=configuration.pk if configuration else None):
        form.add_error("name", f"A configuration called '{name}' already exists.")
    return cleaned


if TYPE_CHECKING:
    ConfigurationModelForm = forms.ModelForm[TradingConfiguration]
else:
    ConfigurationModelForm = forms.ModelForm


class ConfigurationAdminForm(ConfigurationModelForm):
    """The same fields and the same rules in the admin, where the ladder is the API's map of fractions."""

    class Meta:
        model = TradingConfiguration
        fields = tuple(BY_NAME)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        stored = self.instance if self.instance.pk else None
        self.initial = {**self.initial, **initial_values(stored)}
        self.fields.update({name: form_field(BY_NAME[name]) for name in self.fields if name in BY_NAME})

    def clean(self) -> dict[str, Any]:
        """The typed values, when every rule is kept."""
        return check(self, {**self.cleaned_data}, self.instance if self.instance.pk else None)

    def _post_clean(self) -> None:
        """The rules have spoken and the service writes: the model's own checks would only say it again."""
