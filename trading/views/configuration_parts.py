"""What the configuration pages show: sections of the form, rows of the list, steps of the history."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.forms.boundfield import BoundField
from django.utils.text import slugify

from deltastrangle.exceptions import NotFound
from trading.configuration_fields import BY_NAME, FIELDS, WEEKDAYS, fields_of
from trading.configuration_rules import decimal_text
from trading.configuration_spec import Field, Group, Kind
from trading.forms import ConfigurationForm, ladder_rows
from trading.models import ConfigurationRevision, TradingConfiguration
from trading.params import values_of
from trading.selectors.configurations import RevisionStep

_DECIDERS = {spec.when[0] for spec in FIELDS if spec.when}
_INLINE = (Kind.BOOL, Kind.WEEKDAYS)


@dataclass(frozen=True, slots=True)
class Slot:
    """A field in its place. One that ``decides`` redraws its section when it changes."""

    spec: Field
    bound: BoundField
    relevant: bool

    @property
    def decides(self) -> bool:
        return self.spec.name in _DECIDERS

    @property
    def is_set(self) -> bool:
        """Whether the input is a set of checkboxes, which a label cannot point at."""
        return self.spec.kind is Kind.WEEKDAYS

    @property
    def is_switch(self) -> bool:
        """Whether the input is one checkbox, which reads best before its label."""
        return self.spec.kind is Kind.BOOL

    @property
    def is_ladder(self) -> bool:
        """Whether the input is the rows of the trailing ladder."""
        return self.spec.kind is Kind.TRAILING

    @property
    def wide(self) -> bool:
        return self.spec.kind in _INLINE


@dataclass(frozen=True, slots=True)
class Section:
    """One group of the form; ``ladder`` says it is the one with the trailing rows."""

    group: Group
    slots: list[Slot]
    ladder: list[tuple[str, str]] | None = None

    @property
    def slug(self) -> str:
        return slugify(self.group.value)


def _slot(form: ConfigurationForm, spec: Field) -> Slot:
    return Slot(spec, form[spec.name], form.relevant(spec))


def _section(form: ConfigurationForm, group: Group) -> Section:
    slots = [_slot(form, spec) for spec in fields_of(group)]
    return Section(group, slots, form.rows if group is Group.TRAILING else None)


def groups_of(form: ConfigurationForm) -> list[Section]:
    """Every section, in order."""
    return [_section(form, group) for group in Group]


def group_of(form: ConfigurationForm, slug: str) -> Section:
    """One section by the slug of its name; ``NotFound`` otherwise."""
    for group in Group:
        if slugify(group.value) == slug:
            return _section(form, group)
    raise NotFound("There is no such section.")


def error_slots(form: ConfigurationForm, name: str) -> list[Slot]:
    """The field of that name and those whose validity may change with it; ``NotFound`` for an unknown one."""
    spec = BY_NAME.get(name)
    if spec is None:
        raise NotFound("There is no such field.")
    return [_slot(form, BY_NAME[each]) for each in (name, *spec.related)]


@dataclass(frozen=True, slots=True)
class Row:
    """A configuration in the list."""

    configuration: TradingConfiguration
    strikes: str
    expiry: str
    days: str
    loss: str
    profit: str


def rows_of(configurations: Iterable[TradingConfiguration]) -> list[Row]:
    """The rows of the list."""
    return [_row(each) for each in configurations]


def _row(configuration: TradingConfiguration) -> Row:
    return Row(
        configuration,
        strikes=strikes_text(configuration),
        expiry=expiry_text(configuration),
        days=days_text(configuration),
        loss=decimal_text(configuration.max_loss_pct),
        profit=decimal_text(configuration.max_profit_pct),
    )


def strikes_text(configuration: TradingConfiguration) -> str:
    """How strikes are chosen, in a few words."""
    value = values_of(configuration)
    match configuration.strike_selection_mode:
        case "price":
            call = f"{value['call_option_price_min']}–{value['call_option_price_max']}"
            return f"Price (call {call} / put {value['put_option_price_min']}–{value['put_option_price_max']})"
        case "expected_move":
            return f"{value['expected_move_multiple']} × expected move"
        case _:
            return f"Δ {configuration.delta_range_low:.2f}–{configuration.delta_range_high:.2f}"


def expiry_text(configuration: TradingConfiguration) -> str:
    """The fixed date, or the days to expiry."""
    date = configuration.expiry_date
    return f"{date:%d %b %Y}" if date else f"{configuration.days_to_expiry} DTE"


def days_text(configuration: TradingConfiguration) -> str:
    """When sessions run: once, every day, or the weekdays."""
    if configuration.repeat == "once":
        return "Once"
    chosen = [name for number, name in WEEKDAYS if number in configuration.weekdays]
    return "Daily" if len(chosen) == len(WEEKDAYS) else ", ".join(chosen)


@dataclass(frozen=True, slots=True)
class Step:
    """A revision with its changes in words: (label, before, after)."""

    revision: ConfigurationRevision
    changes: list[tuple[str, str, str]]


def steps_of(steps: Iterable[RevisionStep]) -> list[Step]:
    """The history for people."""
    return [
        Step(step.revision, [(_label(name), words(name, old), words(name, new)) for name, old, new in step.changes])
        for step in steps
    ]


def _label(name: str) -> str:
    return BY_NAME[name].label if name in BY_NAME else name


def words(name: str, value: object) -> str:
    """A revision's value in words, with its unit."""
    spec = BY_NAME.get(name)
    if spec is None or value is None or value == "":
        return "–"
    match spec.kind:
        case Kind.BOOL:
            return "on" if value else "off"
        case Kind.CHOICE:
            return dict(spec.choices).get(str(value), str(value))
        case Kind.WEEKDAYS if isinstance(value, list):
            return ", ".join(label for number, label in WEEKDAYS if number in value) or "–"
        case Kind.TRAILING if isinstance(value, dict):
            return ", ".join(f"{trigger} % → {level} %" for trigger, level in ladder_rows(value)) or "–"
        case _:
            return f"{value} {spec.unit}".strip()
