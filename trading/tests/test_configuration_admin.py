"""The admin site: configurations through the services, the rest to be read."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib import admin
from django.test import Client
from django.urls import reverse

from trading.apps import TradingConfig
from trading.models import TradingConfiguration
from trading.selectors.configurations import newest_revision
from trading.tests.factories_configurations import audit, configuration, running_session, signed_in, values

pytestmark = pytest.mark.django_db
LIST = "admin:trading_tradingconfiguration_changelist"
OURS = [model for model in admin.site._registry if model._meta.app_label == TradingConfig.name]


@pytest.fixture
def operator() -> Client:
    return signed_in(staff=True)


def typed(**changes: Any) -> dict[str, Any]:
    """What the admin's form posts; the ladder is the API's map of fractions."""
    more = {"entry_window_seconds": 300, "days_to_expiry": 1, "settlement_guard_minutes": 35, "naked_leg_seconds": 30}
    more |= {"order_attempts": 4, "order_timeout_seconds": 5, "max_slippage_pct": 10, "stale_quote_seconds": 60}
    choices = {"mode": "paper", "repeat": "once", "expiry_rule": "dte", "strike_selection_mode": "delta"}
    inline = {"revisions-TOTAL_FORMS": 0, "revisions-INITIAL_FORMS": 0}
    ladder = {"trailing_rules": '{"0.20": 0.1}', "weekdays": [0, 1]}
    return {**values(), **more, **choices, **inline, **ladder, **changes}


def html(response: Any) -> str:
    text: str = response.content.decode()
    return text


def act(client: Client, action: str, *chosen: TradingConfiguration) -> str:
    data = {"action": action, "_selected_action": [each.pk for each in chosen]}
    return html(client.post(reverse(LIST), data, follow=True))


def test_it_creates_through_the_service(operator: Client) -> None:
    answer = operator.post(reverse("admin:trading_tradingconfiguration_add"), typed(max_loss_pct="0.5"))
    assert answer.status_code == 302, html(answer)
    made = TradingConfiguration.objects.get()
    stored = newest_revision(made.pk)
    assert (stored.number, stored.values["max_loss_pct"]) == (1, "0.5")
    assert stored.values["trailing_rules"] == {"0.20": 0.1}
    assert stored.values["weekdays"] == [0, 1]
    assert audit() == [("configuration.create", "ok", "admin")]


def test_it_changes_through_the_service_and_shows_the_revisions(operator: Client) -> None:
    made = configuration(is_active=True)
    path = reverse("admin:trading_tradingconfiguration_change", args=[made.pk])
    running_session(made)
    answer = operator.post(path, typed(quantity=5), follow=True)
    assert "goes on with revision 1" in html(answer)
    made.refresh_from_db()
    assert (made.quantity, made.revision, made.is_active) == (5, 2, True)
    assert "operator@example.com" in html(operator.get(path))
    assert audit()[-1] == ("configuration.update", "ok", "admin")


def test_a_broken_rule_is_a_message_at_its_field(operator: Client) -> None:
    configuration(name="Taken")
    broken = typed(name="taken", delta_range_high=0.05, quantity="1.5", expiry_rule="fixed", expiry_date="2020-01-01")
    answer = operator.post(reverse("admin:trading_tradingconfiguration_add"), broken)
    errors = answer.context["adminform"].form.errors
    assert set(errors) == {"name", "delta_range_high", "expiry_date", "quantity"}
    assert errors["quantity"] == ["Enter a whole number between 1 and 50,000."]
    assert "already passed" in errors["expiry_date"][0]
    assert TradingConfiguration.objects.count() == 1


def test_the_form_starts_from_the_suggestions_and_from_what_is_stored(operator: Client) -> None:
    page = html(operator.get(reverse("admin:trading_tradingconfiguration_add")))
    assert 'name="max_loss_pct" value="40"' in page
    made = configuration(expiry_date="02-01-2099", max_loss_pct="12.5")
    page = html(operator.get(reverse("admin:trading_tradingconfiguration_change", args=[made.pk])))
    assert 'name="expiry_date" value="2099-01-02"' in page
    assert 'name="max_loss_pct" value="12.5"' in page


def test_it_activates_one_and_only_one(operator: Client) -> None:
    first, second = configuration(is_active=True), configuration(name="Second")
    assert "Select exactly one configuration" in act(operator, "activate", first, second)
    assert "Second activated." in act(operator, "activate", second)
    assert TradingConfiguration.objects.get(is_active=True) == second
    act(operator, "deactivate", second)
    assert not TradingConfiguration.objects.filter(is_active=True).exists()
    act(operator, "clone", first, second)
    assert TradingConfiguration.objects.count() == 4
    assert {source for _, _, source in audit()[2:]} == {"admin"}


def test_it_deletes_what_is_neither_active_nor_in_use(operator: Client) -> None:
    active, used, free = (configuration(name=name, is_active=name == "a") for name in "abc")
    running_session(used)
    for made, status in ((active, 403), (used, 403), (free, 302)):
        path = reverse("admin:trading_tradingconfiguration_delete", args=[made.pk])
        assert operator.post(path, {"post": "yes"}).status_code == status
    assert set(TradingConfiguration.objects.all()) == {active, used}
    assert audit()[-1] == ("configuration.delete", "ok", "admin")
    assert "delete_selected" not in html(operator.get(reverse(LIST)))


def test_a_refusal_that_comes_with_the_save_is_a_message(operator: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    configuration()
    # Somebody takes the name between the form's check and the save.
    monkeypatch.setattr("trading.forms.name_taken", lambda *args, **kwargs: False)
    answer = operator.post(reverse("admin:trading_tradingconfiguration_add"), typed(), follow=True)
    assert "already exists" in html(answer)
    assert TradingConfiguration.objects.count() == 1


def test_a_viewer_reads_and_changes_nothing() -> None:
    made = configuration()
    viewer = signed_in("viewer", staff=True)
    path = reverse("admin:trading_tradingconfiguration_change", args=[made.pk])
    assert viewer.get(path).status_code == viewer.get(reverse(LIST)).status_code == 200
    assert viewer.post(path, typed()).status_code == 403
    assert viewer.get(reverse("admin:trading_tradingconfiguration_add")).status_code == 403


@pytest.mark.parametrize("model", OURS, ids=lambda model: model.__name__)
def test_every_table_is_listed_and_searched(operator: Client, model: Any) -> None:
    running_session(configuration())
    path = reverse(f"admin:trading_{model._meta.model_name}_changelist")
    assert operator.get(path, {"q": "delta"}).status_code == 200
    for row in model.objects.all():
        assert operator.get(reverse(f"admin:trading_{model._meta.model_name}_change", args=[row.pk])).status_code == 200


@pytest.mark.parametrize("model", [each for each in OURS if each is not TradingConfiguration], ids=lambda m: m.__name__)
def test_what_the_engine_writes_is_read_only_for_everybody(model: Any) -> None:
    manager = signed_in("admin", staff=True)
    name = model._meta.model_name
    running_session(configuration())
    assert manager.get(reverse(f"admin:trading_{name}_add")).status_code == 403
    for row in model.objects.all():
        for view in ("change", "delete"):
            path = reverse(f"admin:trading_{name}_{view}", args=[row.pk])
            assert manager.post(path, {"post": "yes"}).status_code == 403
