"""The form that lets a revision trade real money."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from trading.models import TradingConfiguration
from trading.services.configurations import update_configuration
from trading.services.preflight import record_preflight
from trading.tests.factories_configurations import audit, configuration, signed_in, user

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}


@pytest.fixture
def operator() -> Client:
    return signed_in()


@pytest.fixture
def live() -> TradingConfiguration:
    return configuration(name="Real & Money", mode="live")


def post(client: Client, made: TradingConfiguration, name: str, *, revision: int = 1, htmx: bool = False) -> Any:
    data = {"name": name, "revision": str(revision)}
    return client.post(reverse("configuration-confirm-live", args=[made.pk]), data, headers=HTMX if htmx else {})


def page_of(client: Client, made: TradingConfiguration) -> str:
    page: str = client.get(reverse("configuration-edit", args=[made.pk])).content.decode()
    return page


def test_the_form_works_from_the_page_without_javascript(operator: Client, live: TradingConfiguration) -> None:
    page = page_of(operator, live)
    panel = page[page.index('id="confirm-live"') : page.index('id="configuration-form"')]
    action = re.search(r'<form[^>]* action="([^"]+)"', panel)
    revision = re.search(r'name="revision" value="(\d+)"', panel)
    assert action
    assert revision
    answer = operator.post(action[1], {"name": live.name, "revision": revision[1]}, follow=True)
    live.refresh_from_db()
    assert live.confirmed_for_live
    after = answer.content.decode()
    assert "Revision 1 of Real &amp; Money may trade real money." in after
    assert "Revision 1 is confirmed" in after
    assert "confirm-live-name" not in after


def test_a_wrong_name_is_said_at_the_field_and_kept_for_correction(
    operator: Client, live: TradingConfiguration
) -> None:
    plain = post(operator, live, "real & money")
    part = post(operator, live, "real & money", htmx=True)
    for answer in (plain, part):
        text = answer.content.decode()
        assert answer.status_code == 422
        assert "exactly: Real &amp; Money" in text
        assert 'value="real &amp; money"' in text
    assert plain.content.decode().startswith("<!doctype html>")
    assert part.content.decode().strip().startswith('<section class="panel c12" id="confirm-live"')
    live.refresh_from_db()
    assert not live.confirmed_for_live
    assert ("configuration.confirm_live", "refused", "web") in audit()


def test_htmx_is_sent_back_to_the_whole_page(operator: Client, live: TradingConfiguration) -> None:
    answer = post(operator, live, live.name, htmx=True)
    assert (answer.status_code, answer.headers["HX-Redirect"]) == (204, reverse("configuration-edit", args=[live.pk]))


def test_a_revision_saved_in_the_meantime_is_not_confirmed_unseen(operator: Client, live: TradingConfiguration) -> None:
    update_configuration(actor=user(), configuration_id=live.pk, values={"quantity": 50})
    assert post(operator, live, live.name, revision=1).status_code == 409
    live.refresh_from_db()
    assert not live.confirmed_for_live
    assert post(operator, live, live.name, revision=2).status_code == 302


@pytest.mark.parametrize("revision", ["", "x", "٣", "9" * 40])
def test_a_form_without_a_readable_revision_confirms_nothing(
    operator: Client, live: TradingConfiguration, revision: str
) -> None:
    url = reverse("configuration-confirm-live", args=[live.pk])
    assert operator.post(url, {"name": live.name, "revision": revision}).status_code == 409


def test_the_panel_names_all_that_is_missing_and_what_the_pre_flight_found(
    operator: Client, live: TradingConfiguration
) -> None:
    page = page_of(operator, live)
    for words in ("STRANGLE_LAYOUT=split", "DELTA_LIVE_TRADING", "is not confirmed for live", "No pre-flight was run"):
        assert words in page
    check: dict[str, object] = {"name": "whitelist", "passed": False, "found": "203.0.113.9", "advice": "Add it"}
    record_preflight(mode="live", environment="india_prod", checks=[check], source="command")
    page = page_of(operator, live)
    assert "<b>whitelist</b>: 203.0.113.9. Add it" in page
    assert "india_prod" in page


def test_when_nothing_is_missing_it_says_so(operator: Client, live: TradingConfiguration, settings: Any) -> None:
    settings.STRANGLE_LAYOUT, settings.DELTA_LIVE_TRADING = "split", True
    check: dict[str, object] = {"name": "key", "passed": True, "found": "", "advice": ""}
    record_preflight(mode="live", environment="india_prod", checks=[check], source="command")
    post(operator, live, live.name)
    page = page_of(operator, live)
    assert "Nothing is missing here" in page
    assert "confirm-live-missing" not in page


def test_a_viewer_reads_the_panel_and_cannot_confirm(live: TradingConfiguration) -> None:
    viewer = signed_in("viewer")
    page = page_of(viewer, live)
    assert "Confirming needs the operator role" in page
    assert "confirm-live-name" not in page
    assert post(viewer, live, live.name).status_code == 403
    live.refresh_from_db()
    assert not live.confirmed_for_live


def test_the_panel_stands_alone_for_htmx_and_as_a_page(operator: Client, live: TradingConfiguration) -> None:
    url = reverse("configuration-confirm-live", args=[live.pk])
    assert operator.get(url).content.decode().startswith("<!doctype html>")
    assert operator.get(url, headers=HTMX).content.decode().strip().startswith("<section")


def test_other_modes_have_no_such_panel(operator: Client) -> None:
    paper = configuration(name="Paper")
    assert 'id="confirm-live"' not in page_of(operator, paper)
    assert operator.get(reverse("configuration-confirm-live", args=[paper.pk])).status_code == 409
    assert post(operator, paper, paper.name).status_code == 409
