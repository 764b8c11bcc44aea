"""Everything that is recorded comes back as it was."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, is_dataclass, replace
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading.strategy import events
from trading.strategy.codec import CodecError, dumps, loads, same_text
from trading.strategy.events import Action, Event, Journal, Tick
from trading.strategy.schedule import EntryPlan, ExitPlan
from trading.strategy.state import SessionState
from trading.strategy.tests.samples import NOW, full_chain, leg, params
from trading.strategy.trailing import TrailState, parse_rules
from trading.strategy.types import Chain, OptionType, Quote, StrategyParams

OFFSETS = st.integers(-720, 840).map(lambda minutes: timezone(timedelta(minutes=minutes)))
INSTANTS = st.integers(0, 4 * 10**15).map(lambda us: datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=us))
DECIMALS = st.decimals(allow_nan=False, allow_infinity=False)
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
LOOSE: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | FLOATS | st.text() | DECIMALS | INSTANTS | st.dates(),
    lambda inner: st.lists(inner) | st.lists(inner).map(tuple) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)

PLAIN: dict[Any, st.SearchStrategy[Any]] = {
    datetime: INSTANTS,
    date: st.dates(),
    Decimal: DECIMALS,
    float: FLOATS,
    int: st.integers(),
    bool: st.booleans(),
    str: st.text(),
    type(None): st.none(),
}


def any_value(hint: Any) -> st.SearchStrategy[Any]:
    """Any value that an annotation of ours allows."""
    if hint in PLAIN:
        return PLAIN[hint]
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is UnionType:
        return st.one_of([any_value(member) for member in arguments])
    if origin is tuple and Ellipsis in arguments:
        return st.lists(any_value(arguments[0]), max_size=2).map(tuple)
    if origin is tuple:
        return st.tuples(*(any_value(member) for member in arguments))
    if origin is Mapping:
        value = LOOSE if arguments[1] is object else any_value(arguments[1])
        return st.dictionaries(any_value(arguments[0]), value, max_size=3)
    if is_dataclass(hint):
        return any_instance(hint)
    return st.sampled_from(list(hint))


def any_instance(cls: Any, **given_fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Any instance of a dataclass of ours."""
    hints = {name: hint for name, hint in get_type_hints(cls).items() if name not in given_fields}
    return st.builds(cls, **given_fields, **{name: any_value(hint) for name, hint in hints.items()})


@dataclass(frozen=True, slots=True)
class Nested:
    """Stands for a session's state: everything a dataclass of ours may hold, itself included."""

    params: StrategyParams
    trail: TrailState
    entry: EntryPlan
    exit: ExitPlan | None
    seen: Event | None
    past: tuple[Event, ...]
    pair: tuple[int, str]
    quotes: Mapping[OptionType, Quote]
    by_number: Mapping[int, Decimal]
    notes: Mapping[str, object] = field(default_factory=dict)
    parent: Nested | None = None


EVENTS = any_value(Event)
ACTIONS = any_value(Action)
STATES = any_instance(Nested, parent=st.none() | any_instance(Nested, parent=st.none()))


@given(EVENTS)
def test_every_event_comes_back(event: Any) -> None:
    text = dumps(event)
    again = loads(Event, text)
    assert again == event
    assert type(again) is type(event)
    assert "\n" not in text
    assert dumps(again) == text


@given(ACTIONS)
def test_every_action_comes_back(action: Any) -> None:
    assert loads(Action, dumps(action)) == action


@given(STATES)
def test_a_nested_state_comes_back(state: Nested) -> None:
    text = dumps(state)
    assert loads(Nested, text) == state
    assert dumps(loads(Nested, text)) == text


@given(st.dictionaries(st.text(), LOOSE) | st.dictionaries(st.sampled_from(["$decimal", "$map", "$", "$tuple"]), LOOSE))
def test_loose_data_keeps_its_types(data: dict[str, object]) -> None:
    again = loads(Journal, dumps(Journal("kind", "message", data=data)))
    assert again.data == data
    assert [type(value) for value in again.data.values()] == [type(value) for value in data.values()]


def test_all_event_and_action_types_of_the_contract_are_covered() -> None:
    defined = {
        value for value in vars(events).values() if isinstance(value, type) and value.__module__ == events.__name__
    }
    plain = {events.Order, events.Verdict, events.RuleResult}
    assert defined - plain == {*get_args(Event), *get_args(Action)}


def test_a_chain_a_leg_and_a_revision_come_back() -> None:
    chain, book = full_chain(), leg()
    assert loads(Chain, dumps(chain)) == chain
    assert loads(type(book), dumps(book)) == book
    revision = params(trailing_rules=parse_rules({"0.2": 0}), expiry_date=date(2026, 9, 5))
    assert loads(StrategyParams, dumps(revision)) == revision


def test_the_text_is_plain_json() -> None:
    quote = Quote("C-BTC-1", NOW, bid=Decimal("1.50"), delta=0.1)
    raw = json.loads(dumps(events.QuoteSeen(NOW, quote)))
    assert raw["$"] == "QuoteSeen"
    assert raw["at"] == "2026-09-04T04:00:00Z"
    assert raw["quote"]["bid"] == "1.50"
    assert raw["quote"]["delta"] == 0.1
    assert raw["quote"]["ask"] is None
    assert "$" not in raw["quote"]


@given(INSTANTS, OFFSETS)
def test_instants_are_written_in_utc(at: datetime, offset: timezone) -> None:
    moved = Tick(at.astimezone(offset))
    assert dumps(moved) == dumps(Tick(at))
    assert loads(Tick, dumps(moved)).at.tzinfo is UTC


def test_decimals_keep_their_digits() -> None:
    kept = loads(TrailState, dumps(TrailState(Decimal("1.500"), Decimal("0E-9"))))
    assert (str(kept.peak_pct), str(kept.level_pct)) == ("1.500", "0E-9")


def test_a_field_added_later_takes_its_default() -> None:
    assert loads(TrailState, '{"$":"TrailState","peak_pct":"1"}') == TrailState(Decimal(1), None)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[]", "Expected Tick"),
        ('{"$":"Finish"}', "Expected Tick, got 'Finish'"),
        ("{}", "Expected Tick, got None"),
        ('{"$":"Tick"}', "missing fields"),
        ('{"$":"Tick","at":"2026-09-04T04:00:00Z","more":1}', "unknown fields"),
        ('{"$":"Tick","at":"2026-09-04T04:00:00"}', "no time zone"),
        ('{"$":"Tick","at":17}', "Expected instant, got int"),
    ],
)
def test_a_text_that_does_not_fit_is_refused(text: str, message: str) -> None:
    with pytest.raises(CodecError, match=message):
        loads(Tick, text)


@pytest.mark.parametrize("text", ["", "{", '{"$":"Tick","at":"yesterday"}'])
def test_a_text_that_cannot_be_read_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        loads(Tick, text)


@pytest.mark.parametrize(
    "text",
    ['{"$":"TrailState","peak_pct":1.5}', '{"$":"TrailState","peak_pct":"x"}', '{"$":"TrailState","peak_pct":null}'],
)
def test_a_decimal_is_only_ever_a_string(text: str) -> None:
    with pytest.raises(CodecError):
        loads(TrailState, text)


@pytest.mark.parametrize(
    "value",
    [
        Tick(datetime(2026, 9, 4)),  # noqa: DTZ001
        TrailState(1.5),  # type: ignore[arg-type]
        Journal("kind", "message", data={"what": object()}),
        Journal("kind", "message", data={1: "x"}),  # type: ignore[dict-item]
        Quote("C", NOW, delta=float("nan")),
        "text",
    ],
)
def test_a_value_that_would_not_come_back_is_refused(value: object) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        dumps(value)


@given(any_value(SessionState), any_value(SessionState))
def test_the_same_text_is_told_without_writing_it(one: SessionState, other: SessionState) -> None:
    assert same_text(one, loads(SessionState, dumps(one)))
    assert same_text(one, replace(one, legs=tuple(one.legs[:])))
    assert not same_text(one, other) or dumps(one) == dumps(other)


def test_a_price_that_only_lost_a_zero_is_another_text() -> None:
    before = SessionState("delta-strangle-1", params(), spot=Decimal("70000.50"))
    after = replace(before, spot=Decimal("70000.5"))
    assert after == before
    assert not same_text(after, before)
    assert not same_text(replace(before, spot=None), before)
    assert not same_text(replace(before, best_pct=Decimal(1)), before)
