"""The rules of a configuration, field by field and between fields."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deltastrangle.exceptions import InvalidInput
from trading.configuration_fields import BY_NAME, FIELDS
from trading.configuration_rules import clean, decimal_text
from trading.configuration_spec import Kind
from trading.tests.factories_configurations import values

TODAY = date(2026, 11, 22)
DEFAULT = values()
NUMBERS = [spec for spec in FIELDS if spec.kind in (Kind.INTEGER, Kind.DECIMAL)]
PRICES = {
    "call_option_price_min": 10,
    "call_option_price_max": 20,
    "put_option_price_min": "12.5",
    "put_option_price_max": 22,
}


def errors_of(**changes: Any) -> dict[str, list[str]]:
    with pytest.raises(InvalidInput) as caught:
        clean(values(**changes), today=TODAY)
    return caught.value.fields or {}


def only_error(name: str, /, **changes: Any) -> str:
    found = errors_of(**changes)
    assert list(found) == [name]
    [message] = found[name]
    return message


def cleaned(**changes: Any) -> dict[str, Any]:
    return clean(values(**changes), today=TODAY)


def test_it_types_what_a_client_of_the_reference_sends_and_fills_in_the_rest() -> None:
    got = cleaned()
    assert got["delta_range_low"] == Decimal("0.1")
    assert got["quantity"] == 100
    assert got["contract_size"] == Decimal("0.001")
    assert got["trailing_rules"] == {"0.20": 0.0, "0.30": 0.1}
    assert (got["mode"], got["repeat"], got["expiry_rule"], got["days_to_expiry"]) == ("paper", "once", "dte", 1)
    assert got["weekdays"] == [0, 1, 2, 3, 4, 5, 6]
    assert got["max_slippage_pct"] == Decimal(10)
    assert got["daily_loss_limit"] is None
    assert set(got) == set(BY_NAME)


@pytest.mark.parametrize("name", [spec.name for spec in FIELDS if spec.required])
def test_it_asks_for_what_the_reference_requires(name: str) -> None:
    given = {key: value for key, value in DEFAULT.items() if key != name}
    with pytest.raises(InvalidInput) as caught:
        clean(given, today=TODAY)
    assert caught.value.fields == {name: [BY_NAME[name].expected]}


def test_it_names_every_broken_field_once_and_leads_with_the_first() -> None:
    with pytest.raises(InvalidInput) as caught:
        clean(values(name="", quantity=0, max_profit_pct=101), today=TODAY)
    assert list(caught.value.fields or {}) == ["name", "quantity", "max_profit_pct"]
    assert caught.value.detail == "name: Enter 1 to 50 printable characters. (2 more)"


@pytest.mark.parametrize("spec", NUMBERS, ids=lambda spec: spec.name)
def test_it_refuses_a_number_outside_its_range_with_the_range_in_words(spec: Any) -> None:
    step = Decimal(1).scaleb(-spec.places)
    below = spec.minimum if spec.above else spec.minimum - step
    for wrong in (below, spec.maximum + step):
        message = errors_of(**{spec.name: wrong})[spec.name][0]
        assert f"{spec.minimum:,}" in message
        assert f"{spec.maximum:,}" in message


@pytest.mark.parametrize("spec", NUMBERS, ids=lambda spec: spec.name)
@pytest.mark.parametrize("wrong", ["abc", float("nan"), float("inf"), True, [1], {}, "1e-1000000", "0x10"])
def test_it_refuses_what_is_no_number(spec: Any, wrong: object) -> None:
    assert errors_of(**{spec.name: wrong})[spec.name] == [spec.expected]


@pytest.mark.parametrize("spec", [spec for spec in NUMBERS if spec.kind is Kind.INTEGER], ids=lambda spec: spec.name)
def test_it_refuses_a_fraction_where_whole_numbers_count(spec: Any) -> None:
    assert errors_of(**{spec.name: spec.minimum + Decimal("0.5")})[spec.name] == [spec.expected]


def test_a_size_of_one_and_a_half_contracts_is_refused() -> None:
    assert only_error("quantity", quantity=1.5) == "Enter a whole number between 1 and 50,000."


def test_more_decimals_than_are_stored_are_refused_rather_than_rounded() -> None:
    assert "up to 4 decimals" in only_error("max_loss_pct", max_loss_pct="40.00001")
    assert "up to 4 decimals" in only_error("max_loss_pct", max_loss_pct="1.0000000000000000000000000000000001")
    assert cleaned(max_loss_pct="40.0000000")["max_loss_pct"] == 40


@pytest.mark.parametrize("percent", ["0.5", "1", "0.0001"])
def test_percent_is_percent_and_never_multiplied(percent: str) -> None:
    got = cleaned(max_loss_pct=percent, max_profit_pct=percent)
    assert got["max_loss_pct"] == got["max_profit_pct"] == Decimal(percent)


def test_an_inverted_delta_band_is_refused_in_the_words_of_the_reference() -> None:
    message = only_error("delta_range_high", delta_range_low=0.15, delta_range_high=0.15)
    assert message == "delta_range_high must be greater than delta_range_low: more than 0.15 and at most 1."


@pytest.mark.parametrize("wrong", ["99:99", "24:00", "9:30", "09:60", "09:30:00", "half past", 930])
def test_a_time_that_no_clock_shows_is_refused(wrong: object) -> None:
    assert only_error("trade_time_ist", trade_time_ist=wrong) == "Enter a time as HH:MM from 00:00 to 23:59 (IST)."
    assert "HH:MM" in only_error("exit_time_ist", exit_time_ist=wrong)


@pytest.mark.parametrize("leave", ["09:30", "09:29", "00:00"])
def test_an_exit_that_is_not_after_the_entry_is_refused(leave: str) -> None:
    message = only_error("exit_time_ist", exit_time_ist=leave)
    assert message == "exit_time_ist must be later than trade_time_ist: after 09:30, up to 23:59 (IST)."


def test_the_entry_window_closes_by_the_exit_time() -> None:
    message = only_error("entry_window_seconds", exit_time_ist="09:35", entry_window_seconds=301)
    assert message == "The entry window must close by exit_time_ist (09:35): between 10 and 300 seconds."
    assert cleaned(exit_time_ist="09:35", entry_window_seconds=300)["entry_window_seconds"] == 300


@pytest.mark.parametrize(
    "raw",
    [
        "10-04-2027",
        "2027-04-10",
        "10/04/2027",
        "2027/04/10",
        "2027-04-10T12:00:00",
        "2027-04-10T17:30:00+05:30",
        date(2027, 4, 10),
        datetime(2027, 4, 9, 20, 0, tzinfo=UTC),
    ],
)
def test_an_expiry_is_read_in_every_form_of_the_reference_and_implies_the_fixed_rule(raw: object) -> None:
    got = cleaned(expiry_date=raw)
    assert (got["expiry_date"], got["expiry_rule"]) == (date(2027, 4, 10), "fixed")


@pytest.mark.parametrize("raw", [None, "", "null"])
def test_no_expiry_implies_days_to_expiry(raw: object) -> None:
    got = cleaned(expiry_date=raw)
    assert (got["expiry_date"], got["expiry_rule"]) == (None, "dte")


@pytest.mark.parametrize("raw", ["tomorrow", "31-02-2027", "04-10-27", 20270410])
def test_an_expiry_that_is_no_date_is_refused_in_the_words_of_the_reference(raw: object) -> None:
    assert only_error("expiry_date", expiry_date=raw) == "expiry_date must be provided as DD-MM-YYYY"


def test_a_past_expiry_is_refused_and_today_is_not_past() -> None:
    message = only_error("expiry_date", expiry_date="21-11-2026")
    assert message == "Expiry 21-11-2026 has already passed: DD-MM-YYYY, 22-11-2026 or later."
    assert cleaned(expiry_date="22-11-2026")["expiry_date"] == TODAY


def test_the_fixed_rule_needs_a_date_and_the_other_one_drops_it() -> None:
    assert "is required when expiry_rule is 'fixed'" in only_error("expiry_date", expiry_rule="fixed")
    assert cleaned(expiry_rule="dte", expiry_date="01-01-2020")["expiry_date"] is None


@pytest.mark.parametrize("venue", ["2", "1.999"])
def test_the_stop_at_the_venue_must_be_wider_than_our_own(venue: str) -> None:
    message = only_error("venue_stop_multiple", leg_stop_multiple="2", venue_stop_multiple=venue)
    assert message.startswith("venue_stop_multiple must be wider than leg_stop_multiple: more than 2 and at most 50")


def test_the_stop_at_the_venue_stands_without_one_of_our_own_and_may_be_left_out() -> None:
    assert cleaned(leg_stop_multiple=None, venue_stop_multiple="1.5")["venue_stop_multiple"] == Decimal("1.5")
    assert cleaned(leg_stop_multiple="2", venue_stop_multiple="")["venue_stop_multiple"] is None
    assert cleaned(leg_stop_multiple="2", venue_stop_multiple="2.001")["venue_stop_multiple"] == Decimal("2.001")


def test_the_price_mode_needs_all_four_bounds() -> None:
    found = errors_of(
        strike_selection_mode="price", **{**PRICES, "call_option_price_min": None, "put_option_price_max": ""}
    )
    text = "call_option_price_min, put_option_price_max are required when strike_selection_mode is 'price'"
    text += ": between 0 and 1,000,000."
    assert found == {"call_option_price_min": [text], "put_option_price_max": [text]}
    assert cleaned(strike_selection_mode="price", **PRICES)["put_option_price_min"] == Decimal("12.5")


@pytest.mark.parametrize("side", ["call", "put"])
def test_an_inverted_premium_band_is_refused_in_the_words_of_the_reference(side: str) -> None:
    low, high = f"{side}_option_price_min", f"{side}_option_price_max"
    message = only_error(low, strike_selection_mode="price", **{**PRICES, low: 30})
    assert message.startswith(f"{low} must be less than or equal to {high}: between 0 and ")
    equal = cleaned(strike_selection_mode="price", **{**PRICES, low: PRICES[high]})
    assert equal[low] == equal[high]


def test_the_expected_move_mode_needs_its_multiple() -> None:
    message = only_error("expected_move_multiple", strike_selection_mode="expected_move")
    assert message.endswith("is required when strike_selection_mode is 'expected_move': between 0.1 and 5.")
    got = cleaned(strike_selection_mode="expected_move", expected_move_multiple="1.25")
    assert got["expected_move_multiple"] == Decimal("1.25")


@pytest.mark.parametrize("wrong", [[7], [-1], ["x"], "0,1", 3, [1.5], [True]])
def test_weekdays_are_numbers_from_monday_to_sunday(wrong: object) -> None:
    assert only_error("weekdays", weekdays=wrong) == "Choose at least one weekday, 0 (Monday) to 6 (Sunday)."


def test_a_daily_repeat_needs_a_day_and_days_are_sorted_once_each() -> None:
    assert "at least one weekday" in only_error("weekdays", repeat="daily", weekdays=[])
    assert cleaned(repeat="daily", weekdays=["4", 0, 4, 2])["weekdays"] == [0, 2, 4]
    assert cleaned(repeat="once", weekdays=[])["weekdays"] == []


@pytest.mark.parametrize(
    "wrong", [{"0": 0}, {"-0.1": 0}, {"10.1": 1}, {"0.2": 0.2}, {"0.2": -0.1}, {"x": 0}, {"0.2": "y"}]
)
def test_a_ladder_out_of_range_is_refused(wrong: dict[str, object]) -> None:
    assert "Trailing" in only_error("trailing_rules", trailing_rules=wrong)


@pytest.mark.parametrize("wrong", [[], 5, "not json", "[1]"])
def test_a_ladder_that_is_no_map_of_reasonable_numbers_is_refused(wrong: object) -> None:
    assert only_error("trailing_rules", trailing_rules=wrong).startswith("Enter a map of fractions")


@pytest.mark.parametrize("wrong", [{"1e999999": 0}, {"0.2": "1e999999"}])
def test_a_ladder_with_an_absurd_number_is_refused(wrong: object) -> None:
    assert "ordinary size" in only_error("trailing_rules", trailing_rules=wrong)


def test_a_ladder_keeps_its_fractions_and_null_is_empty() -> None:
    assert cleaned(trailing_rules={"1.0": "0.5", "0.2": 0})["trailing_rules"] == {"0.20": 0.0, "1.00": 0.5}
    assert cleaned(trailing_rules=None)["trailing_rules"] == {}


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("underlying", "SOL"),
        ("mode", "real"),
        ("repeat", "weekly"),
        ("expiry_rule", "soon"),
        ("strike_selection_mode", 3),
    ],
)
def test_a_choice_that_is_not_offered_is_refused_with_the_ones_that_are(name: str, wrong: object) -> None:
    message = only_error(name, **{name: wrong})
    assert message == f"Choose one of {', '.join(value for value, _ in BY_NAME[name].choices)}."


@pytest.mark.parametrize("wrong", ["", "   ", "x" * 51, "a\x00b", "two\nlines", 5, None])
def test_a_name_is_1_to_50_printable_characters(wrong: object) -> None:
    assert only_error("name", name=wrong) == "Enter 1 to 50 printable characters."


def test_a_switch_reads_the_usual_words_and_nothing_else() -> None:
    assert cleaned(trailing_sl_enabled="off")["trailing_sl_enabled"] is False
    assert cleaned(trailing_sl_enabled=None)["trailing_sl_enabled"] is True
    assert only_error("trailing_sl_enabled", trailing_sl_enabled="perhaps") == "Choose true or false."


@given(spec=st.sampled_from(NUMBERS), data=st.data())
def test_every_number_in_range_is_kept_exactly(spec: Any, data: st.DataObject) -> None:
    step = Decimal(1).scaleb(-spec.places)
    drawn = data.draw(st.decimals(spec.minimum, spec.maximum, places=spec.places))
    number = max(drawn, spec.minimum + step) if spec.above else drawn
    band = {"delta_range_low": 0, "delta_range_high": 1} if spec.name.startswith("delta_range") else {}
    neighbours = {"delta_range_low": number < 1, "delta_range_high": number > 0}
    if neighbours.get(spec.name, True):
        assert cleaned(**{**band, "exit_time_ist": "23:59", spec.name: number})[spec.name] == number


@given(st.decimals(allow_nan=False, allow_infinity=False, places=6, min_value=-(10**9), max_value=10**9))
def test_a_decimal_has_one_spelling_that_reads_back(number: Decimal) -> None:
    text = decimal_text(number)
    assert Decimal(text) == number
    assert "E" not in text
    assert text == decimal_text(number.quantize(Decimal("0.00000001")))
