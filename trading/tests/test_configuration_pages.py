"""The configuration pages, with htmx and without JavaScript."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from trading.configuration_fields import FIELDS
from trading.models import TradingConfiguration
from trading.selectors.configurations import newest_revision
from trading.tests.factories_configurations import audit, configuration, running_session, signed_in, user

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}


def test_a_refused_form_links_to_the_fields_that_are_wrong(operator: Client) -> None:
    page = operator.post(reverse("configuration-new"), typed(quantity="0"), headers=HTMX).content.decode()
    assert '<a href="#field-quantity">Contracts per leg</a>' in page
    assert 'id="field-quantity"' in page


@pytest.fixture
def operator() -> Client:
    return signed_in()


def typed(**changes: Any) -> dict[str, Any]:
    """What a browser posts from the form of a new configuration."""
    return {
        "intent": "save",
        "name": "Evening",
        "underlying": "ETH",
        "mode": "paper",
        "repeat": "once",
        "weekdays": ["0", "4"],
        "trade_time_ist": "09:30",
        "entry_window_seconds": "300",
        "exit_time_ist": "15:20",
        "max_hold_minutes": "",
        "expiry_rule": "dte",
        "days_to_expiry": "1",
        "expiry_date": "",
        "strike_selection_mode": "delta",
        "delta_range_low": "0.10",
        "delta_range_high": "0.15",
        "quantity": "10",
        "contract_size": "0.01",
        "max_loss_pct": "0.5",
        "max_profit_pct": "80",
        "settlement_guard_minutes": "35",
        "trailing_sl_enabled": "on",
        "trailing_trigger": ["20", "", "30"],
        "trailing_level": ["0", "", "12.5"],
        "naked_leg_seconds": "30",
        "order_attempts": "4",
        "order_timeout_seconds": "5",
        "max_slippage_pct": "10",
        "stale_quote_seconds": "60",
        **changes,
    }


def html(response: Any) -> str:
    text: str = response.content.decode()
    return text


def error_at(page: str, name: str) -> str:
    """The message shown at a field."""
    found = re.search(rf'<p class="field-error" id="id_{name}_error"[^>]*>([^<]*)</p>', page)
    assert found, f"no place for the message of {name}"
    return found[1].replace("&#x27;", "'")


def shown_inputs(page: str) -> set[str]:
    """The fields a visitor sees."""
    return set(re.findall(r'<div class="(?:field|wide)[^"]*" id="field-(\w+)"', page))


def test_the_list_shows_everyone_what_there_is_with_the_active_one_first() -> None:
    configuration(name="Alpha", underlying="ETH")
    configuration(name="Beta", is_active=True, expiry_date="02-01-2099")
    page = html(signed_in("viewer").get(reverse("configurations")))
    assert page.index("Beta") < page.index("Alpha")
    assert "Δ 0.10–0.15" in page
    assert "02 Jan 2099" in page
    assert "New configuration" not in page
    assert "Delete" not in page


def test_the_list_describes_the_other_strike_modes(operator: Client) -> None:
    bounds = {f"{side}_option_price_{bound}": 10 for side in ("call", "put") for bound in ("min", "max")}
    configuration(name="Premium", strike_selection_mode="price", **bounds, repeat="daily", weekdays=[0, 1])
    configuration(name="Move", strike_selection_mode="expected_move", expected_move_multiple="1.20", repeat="daily")
    page = html(operator.get(reverse("configurations")))
    for words in ("Price (call 10–10 / put 10–10)", "Mon, Tue", "1.2 × expected move", "Daily"):
        assert words in page


def test_htmx_searches_and_gets_the_table_alone(operator: Client) -> None:
    configuration(name="Alpha")
    configuration(name="Beta")
    headers = {**HTMX, "HX-Target": "configuration-list"}
    part = html(operator.get(reverse("configurations"), {"q": "bet"}, headers=headers))
    assert part.lstrip().startswith('<div class="scroll" id="configuration-list">')
    assert "Beta" in part
    assert "Alpha" not in part
    assert "No configuration matches “nix”" in html(operator.get(reverse("configurations"), {"q": "nix"}))


def test_the_list_costs_the_same_number_of_queries_for_one_and_for_many(
    operator: Client, django_assert_max_num_queries: Any
) -> None:
    for number in range(12):
        configuration(name=f"Profile {number}")
    with django_assert_max_num_queries(15):
        operator.get(reverse("configurations"))


def test_a_new_form_suggests_values_and_groups_them(operator: Client) -> None:
    page = html(operator.get(reverse("configuration-new")))
    for group in ("Identity", "Schedule", "Strikes", "Gates", "Size", "Exits", "Trailing", "Execution", "Day limits"):
        assert f">{group}</h2>" in page
    assert 'name="max_loss_pct" value="40"' in page
    assert page.count('name="trailing_trigger"') == 4
    assert "0.5 is half a percent" in page


def test_what_the_form_suggests_can_be_saved_as_it_is(operator: Client) -> None:
    page = html(operator.get(reverse("configuration-new")))
    inputs = re.findall(r'<input type="(?:number|text|date|hidden)" name="(\w+)" value="([^"]*)"', page)
    rows = re.findall(r'name="(trailing_\w+)" value="([^"]*)"', page)
    given = {name: [value for each, value in inputs if each == name] for name, _ in inputs}
    given |= {name: [value for each, value in rows if each == name] for name, _ in rows}
    choices = {spec.name: spec.default for spec in FIELDS if spec.choices}
    answer = operator.post(reverse("configuration-new"), {**given, **choices, "name": "As suggested"})
    assert answer.status_code == 302
    made = TradingConfiguration.objects.get()
    assert made.trailing_rules == {"0.20": 0.0, "0.30": 0.1, "0.40": 0.15, "0.50": 0.25}


@pytest.mark.parametrize("headers", [{}, HTMX])
def test_a_save_stores_percent_as_typed_and_goes_on(operator: Client, headers: dict[str, str]) -> None:
    answer = operator.post(reverse("configuration-new"), typed(), headers=headers)
    made = TradingConfiguration.objects.get()
    there = reverse("configuration-edit", args=[made.pk])
    assert (answer.headers["HX-Redirect"] if headers else answer.headers["Location"]) == there
    assert answer.status_code == (204 if headers else 302)
    stored = newest_revision(made.pk).values
    assert stored["max_loss_pct"] == "0.5"
    assert stored["trailing_rules"] == {"0.20": 0.0, "0.30": 0.125}
    assert stored["weekdays"] == [0, 4]
    assert audit() == [("configuration.create", "ok", "web")]
    assert "Evening created." in html(operator.get(there))


@pytest.mark.parametrize("headers", [{}, HTMX])
def test_a_refused_save_shows_every_message_at_its_field_and_keeps_what_was_typed(
    operator: Client, headers: dict[str, str]
) -> None:
    broken = typed(delta_range_high="0.05", exit_time_ist="99:99", quantity="1.5", trailing_level=["30", "", "0"])
    answer = operator.post(reverse("configuration-new"), broken, headers=headers)
    page = html(answer)
    assert answer.status_code == 422
    assert error_at(page, "delta_range_high").startswith("Delta high must be greater than Delta low")
    assert error_at(page, "exit_time_ist") == "Enter a time as HH:MM from 00:00 to 23:59 (IST)."
    assert error_at(page, "quantity") == "Enter a whole number between 1 and 50,000."
    assert error_at(page, "trailing_rules").startswith("Row 1: ")
    assert error_at(page, "max_loss_pct") == ""
    assert 'name="quantity" value="1.5"' in page
    assert ("<html" in page) is not bool(headers)
    assert TradingConfiguration.objects.count() == 0


def test_a_taken_name_is_a_message_at_the_name(operator: Client) -> None:
    configuration()
    page = html(operator.post(reverse("configuration-new"), typed(name="PRODUCTION profile")))
    assert error_at(page, "name") == "A configuration called 'PRODUCTION profile' already exists."


@pytest.mark.parametrize(
    ("triggers", "levels", "message"),
    [
        (["20", "20.0"], ["0", "5"], "Row 2: the trigger 20.0 % is given twice."),
        (["20", "x"], ["0", "5"], "Row 2: enter the trigger and the locked level as percent numbers."),
        (["20", "30"], ["0", ""], "Row 2: enter the trigger and the locked level as percent numbers."),
        (["0"], ["0"], "Row 1: the trigger is above 0 and at most 1,000 %, the level from 0 to below it."),
        (["1e99999999"], ["0"], "Row 1: enter the trigger and the locked level as percent numbers."),
    ],
)
def test_a_broken_rung_is_named_by_its_row(
    operator: Client, triggers: list[str], levels: list[str], message: str
) -> None:
    given = typed(trailing_trigger=triggers, trailing_level=levels)
    assert error_at(html(operator.post(reverse("configuration-new"), given)), "trailing_rules") == message


def test_an_edit_starts_from_what_is_stored_and_makes_a_revision(operator: Client) -> None:
    made = configuration(expiry_date="02-01-2099")
    there = reverse("configuration-edit", args=[made.pk])
    page = html(operator.get(there))
    assert 'name="expiry_date" value="2099-01-02"' in page
    answer = operator.post(there, typed(name=made.name, revision="1", configuration=str(made.pk)))
    assert answer.headers["Location"] == there
    after = html(operator.get(there))
    assert "Saved as revision 2." in after
    assert "Max loss: 40 % of credit → 0.5 % of credit" in after
    assert "Trailing ladder: 20 % → 0 %, 30 % → 10 % → 20 % → 0 %, 30 % → 12.5 %" in after


def test_an_edit_leaves_the_active_flag_alone(operator: Client) -> None:
    made = configuration(is_active=True)
    operator.post(reverse("configuration-edit", args=[made.pk]), typed(name=made.name))
    made.refresh_from_db()
    assert (made.is_active, made.revision) == (True, 2)


def test_an_edit_of_a_page_that_has_aged_is_refused_and_stays_refused(operator: Client) -> None:
    made = configuration()
    there = reverse("configuration-edit", args=[made.pk])
    operator.post(there, typed(name=made.name, revision="1"))
    late = operator.post(there, typed(name=made.name, revision="1", quantity="77"))
    assert late.status_code == 422
    assert "in the meantime" in html(late)
    assert 'name="revision" value="1"' in html(late)


def test_a_running_session_with_an_older_revision_is_flagged(operator: Client) -> None:
    made = configuration()
    running_session(made)
    there = reverse("configuration-edit", args=[made.pk])
    assert "is running with this revision" in html(operator.get(there))
    operator.post(there, typed(name=made.name))
    page = html(operator.get(there))
    assert "goes on with revision 1; the change reaches the next session." in page
    assert "is running with revision 1, older than what is shown here" in page


def test_only_the_inputs_of_the_chosen_modes_are_shown(operator: Client) -> None:
    fresh = shown_inputs(html(operator.get(reverse("configuration-new"))))
    assert {"days_to_expiry", "delta_range_low"} <= fresh
    assert not fresh & {"call_option_price_min", "expected_move_multiple", "expiry_date", "weekdays"}
    chosen = typed(intent="refresh", strike_selection_mode="price", repeat="daily", expiry_rule="fixed")
    without_javascript = html(operator.post(reverse("configuration-new"), chosen))
    shown = shown_inputs(without_javascript)
    assert {"call_option_price_min", "put_option_price_max", "weekdays", "expiry_date"} <= shown
    assert "days_to_expiry" not in shown
    assert error_at(without_javascript, "call_option_price_min") == ""
    assert TradingConfiguration.objects.count() == 0


def test_htmx_redraws_a_section_by_the_choice_made_in_it_without_judging_it(operator: Client) -> None:
    path = reverse("configuration-validate") + "?group=strikes"
    part = html(operator.post(path, typed(strike_selection_mode="price", put_option_price_min="3"), headers=HTMX))
    assert part.startswith('<section class="panel wide" id="group-strikes"')
    assert {"call_option_price_min", "put_option_price_max"} <= shown_inputs(part)
    assert 'name="put_option_price_min" value="3"' in part
    assert 'role="alert"' not in part


def test_what_a_hidden_input_holds_comes_back_when_its_mode_does(operator: Client) -> None:
    path = reverse("configuration-validate") + "?group=strikes"
    part = html(operator.post(path, typed(call_option_price_min="7"), headers=HTMX))
    assert '<input type="hidden" name="call_option_price_min" value="7"' in part


def test_a_broken_value_that_is_hidden_is_shown(operator: Client) -> None:
    page = html(operator.post(reverse("configuration-new"), typed(call_option_price_min="-7")))
    assert "between 0 and 1,000,000" in error_at(page, "call_option_price_min")
    assert "call_option_price_min" in shown_inputs(page)


def test_htmx_judges_a_field_and_those_it_bears_on(operator: Client) -> None:
    path = reverse("configuration-validate") + "?field=delta_range_low"
    bad = html(operator.post(path, typed(delta_range_low="0.3"), headers=HTMX))
    assert error_at(bad, "delta_range_low") == ""
    assert error_at(bad, "delta_range_high").startswith("Delta high must be greater")
    assert re.search(r'id="id_delta_range_high_error" hx-swap-oob="true"', bad)
    good = html(operator.post(path, typed(), headers=HTMX))
    assert error_at(good, "delta_range_high") == ""
    assert "id_name_error" not in good


def test_htmx_judges_a_name_against_the_others_and_not_against_itself(operator: Client) -> None:
    made = configuration()
    path = reverse("configuration-validate") + "?field=name"
    taken = operator.post(path, typed(name=made.name), headers=HTMX)
    assert "already exists" in error_at(html(taken), "name")
    own = operator.post(path, typed(name=made.name, configuration=str(made.pk)), headers=HTMX)
    assert error_at(html(own), "name") == ""


@pytest.mark.parametrize("posted", ["", "x", "-1", "9" * 5000])
def test_a_number_that_no_page_of_ours_sends_is_no_configuration(operator: Client, posted: str) -> None:
    path = reverse("configuration-validate") + "?field=name"
    answer = operator.post(path, typed(configuration=posted), headers=HTMX)
    assert error_at(html(answer), "name") == ""


@pytest.mark.parametrize("query", ["?field=nothing", "?group=nothing", ""])
def test_validating_what_does_not_exist_is_404(operator: Client, query: str) -> None:
    assert operator.post(reverse("configuration-validate") + query, typed(), headers=HTMX).status_code == 404


@pytest.mark.parametrize(("intent", "left"), [("add-row", ["20", "", "30", "60"]), ("remove-row-0", ["", "30"])])
def test_rows_are_added_and_removed_by_htmx_and_without_javascript(
    operator: Client, intent: str, left: list[str]
) -> None:
    for path, headers in ((reverse("configuration-trailing-row"), HTMX), (reverse("configuration-new"), {})):
        page = html(operator.post(path, typed(intent=intent), headers=headers))
        assert re.findall(r'name="trailing_trigger" value="([^"]*)"', page) == left
    assert TradingConfiguration.objects.count() == 0


def test_the_actions_switch_copy_and_delete(operator: Client) -> None:
    first, second = configuration(is_active=True), configuration(name="Second")
    operator.post(reverse("configuration-activate", args=[second.pk]))
    assert TradingConfiguration.objects.get(is_active=True) == second
    operator.post(reverse("configuration-deactivate", args=[second.pk]))
    assert not TradingConfiguration.objects.filter(is_active=True).exists()
    copied = operator.post(reverse("configuration-clone", args=[first.pk]), headers=HTMX)
    clone = TradingConfiguration.objects.get(name="Production Profile (copy)")
    assert copied.headers["HX-Redirect"] == reverse("configuration-edit", args=[clone.pk])
    assert "cannot be undone" in html(operator.get(reverse("configuration-delete", args=[clone.pk])))
    gone = operator.post(reverse("configuration-delete", args=[clone.pk]), follow=True)
    assert "Production Profile (copy) deleted." in html(gone)
    assert TradingConfiguration.objects.count() == 2


def test_the_active_one_and_one_in_use_are_kept_with_the_reason_on_the_page(operator: Client) -> None:
    active, used = configuration(is_active=True), configuration(name="Used")
    running_session(used)
    for made, reason in ((active, "Deactivate configuration before deleting"), (used, "is running with this")):
        path = reverse("configuration-delete", args=[made.pk])
        assert reason in html(operator.get(path))
        assert reason in html(operator.post(path, follow=True))
        toast = operator.post(path, headers=HTMX)
        assert toast.status_code == 409
        assert reason in toast.headers["HX-Trigger"]
    assert TradingConfiguration.objects.count() == 2


def test_a_viewer_reads_a_disabled_form_and_changes_nothing() -> None:
    made = configuration()
    viewer = signed_in("viewer")
    page = html(viewer.get(reverse("configuration-edit", args=[made.pk])))
    assert page.count("<fieldset") == page.count(" disabled>")
    assert 'value="save"' not in page
    paths = [reverse("configuration-new"), reverse("configuration-validate"), reverse("configuration-trailing-row")]
    paths += [
        reverse(f"configuration-{name}", args=[made.pk])
        for name in ("edit", "activate", "deactivate", "clone", "delete")
    ]
    assert {viewer.post(path, typed()).status_code for path in paths} == {403}
    made.refresh_from_db()
    assert made.revision == 1


def test_nobody_is_sent_to_the_login_page() -> None:
    user()
    for name in ("configurations", "configuration-new"):
        answer = Client().get(reverse(name))
        assert answer.headers["Location"].startswith(reverse("accounts:login"))


@pytest.mark.parametrize("pk", [999, 10**30])
def test_an_unknown_one_is_404(operator: Client, pk: int) -> None:
    assert operator.get(f"/configuration/{pk}/").status_code == 404
    assert operator.post(f"/configuration/{pk}/activate/").status_code == 404


def test_no_page_has_inline_style_or_script(operator: Client) -> None:
    made = configuration()
    for path in (
        reverse("configurations"),
        reverse("configuration-edit", args=[made.pk]),
        reverse("configuration-delete", args=[made.pk]),
    ):
        page = html(operator.get(path))
        assert not re.search(r"<style|\sstyle=|\son\w+=|hx-on|<script(?![^>]*\ssrc=)", page)
