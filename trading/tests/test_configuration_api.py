"""Configurations over HTTP, as a client of the reference and as a new one use them."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from trading.models import TradingConfiguration
from trading.tests.factories_configurations import (
    PASSWORD,
    audit,
    configuration,
    running_session,
    signed_in,
    user,
    values,
)

pytestmark = pytest.mark.django_db
JSON = "application/json"
PATHS = ["/api/configurations", "/api/configurations/", "/api/configs", "/api/configs/"]


@pytest.fixture
def operator() -> Client:
    return signed_in()


def post(client: Client, path: str, body: Any = None) -> Any:
    return client.post(path, body, content_type=JSON)


def stored() -> TradingConfiguration:
    return TradingConfiguration.objects.get()


@pytest.mark.parametrize("path", PATHS)
def test_it_creates_and_lists_under_every_path_without_a_redirect(operator: Client, path: str) -> None:
    made = post(operator, path, values())
    assert made.status_code == 201
    listed = operator.get(path)
    assert listed.status_code == 200
    assert listed.json() == {"items": [made.json()], "total": 1}


def test_numbers_are_numbers_times_have_an_offset_and_the_expiry_is_day_first(operator: Client) -> None:
    body = post(operator, "/api/configs", values(expiry_date="2099-01-02", weekdays=[0, 4])).json()
    assert body["delta_range_low"] == 0.1
    assert body["max_loss_pct"] == 40
    assert body["contract_size"] == 0.001
    assert body["quantity"] == 100
    assert body["trailing_rules"] == {"0.20": 0.0, "0.30": 0.1}
    assert (body["expiry_date"], body["expiry_rule"]) == ("02-01-2099", "fixed")
    assert body["call_option_price_min"] is None
    assert body["weekdays"] == [0, 4]
    assert (body["is_active"], body["revision"], body["mode"]) == (False, 1, "paper")
    assert body["created_at"].endswith("Z")


def test_it_gives_one_with_and_without_the_slash(operator: Client) -> None:
    made = configuration()
    for path in (f"/api/configurations/{made.pk}", f"/api/configs/{made.pk}/"):
        assert operator.get(path).json()["name"] == "Production Profile"


def test_a_broken_rule_is_422_with_a_message_at_every_field(operator: Client) -> None:
    broken = values(delta_range_low=0.2, exit_time_ist="09:00", quantity=1.5, trade_time_ist="99:99")
    answer = post(operator, "/api/configurations", broken)
    assert answer.status_code == 422
    body = answer.json()
    assert body["code"] == "invalid_input"
    assert set(body["fields"]) == {"delta_range_high", "quantity", "trade_time_ist"}
    assert TradingConfiguration.objects.count() == 0


@pytest.mark.parametrize(("body", "status"), [("[1]", 422), ('"text"', 422), ("{", 400)])
def test_a_body_that_is_no_object_is_refused(operator: Client, body: str, status: int) -> None:
    assert post(operator, "/api/configurations", body).status_code == status


def test_a_duplicate_name_is_409_at_the_name(operator: Client) -> None:
    configuration()
    answer = post(operator, "/api/configs/", values(name="production profile"))
    assert answer.status_code == 409
    assert list(answer.json()["fields"]) == ["name"]


def test_put_without_the_active_flag_leaves_it_alone(operator: Client) -> None:
    made = configuration(is_active=True)
    answer = operator.put(f"/api/configurations/{made.pk}", values(quantity=5), content_type=JSON)
    assert answer.status_code == 200
    assert (answer.json()["is_active"], answer.json()["quantity"], answer.json()["revision"]) == (True, 5, 2)
    assert stored().is_active


def test_put_of_what_get_gave_changes_nothing_but_the_revision(operator: Client) -> None:
    made = configuration(expiry_date="02-01-2099")
    before = operator.get(f"/api/configurations/{made.pk}").json()
    after = operator.put(f"/api/configurations/{made.pk}", before, content_type=JSON).json()
    same = before.keys() - {"revision", "updated_at"}
    assert {name: after[name] for name in same} == {name: before[name] for name in same}


def test_a_client_of_the_reference_moves_the_expiry_without_knowing_of_rules(operator: Client) -> None:
    made = configuration()
    path = f"/api/configs/{made.pk}/"
    assert operator.put(path, values(expiry_date="02-01-2099"), content_type=JSON).json()["expiry_rule"] == "fixed"
    back = operator.put(path, values(expiry_date=None), content_type=JSON).json()
    assert (back["expiry_rule"], back["expiry_date"]) == ("dte", None)


def test_patch_changes_what_it_names(operator: Client) -> None:
    made = configuration()
    answer = operator.patch(f"/api/configurations/{made.pk}", {"max_profit_pct": 0.5}, content_type=JSON)
    assert answer.json()["max_profit_pct"] == 0.5
    assert answer.json()["quantity"] == 100
    assert answer.json()["outdated_session"] is None


def test_a_change_names_the_session_it_does_not_reach(operator: Client) -> None:
    made = configuration()
    session = running_session(made)
    body = operator.patch(f"/api/configurations/{made.pk}", {"quantity": 3}, content_type=JSON).json()
    expected = {"session_id": session.pk, "strategy_id": session.strategy_id, "revision": 1}
    assert body["outdated_session"] == expected


def test_it_activates_deactivates_and_clones(operator: Client) -> None:
    first, second = configuration(is_active=True), configuration(name="Second")
    assert post(operator, f"/api/configs/{second.pk}/activate").json()["is_active"] is True
    assert TradingConfiguration.objects.get(is_active=True) == second
    assert post(operator, f"/api/configurations/{second.pk}/deactivate/").json()["is_active"] is False
    assert not TradingConfiguration.objects.filter(is_active=True).exists()
    clone = post(operator, f"/api/configurations/{first.pk}/clone")
    assert (clone.status_code, clone.json()["name"]) == (201, "Production Profile (copy)")


def test_delete_is_204_then_404(operator: Client) -> None:
    made = configuration()
    assert operator.delete(f"/api/configurations/{made.pk}").status_code == 204
    gone = operator.delete(f"/api/configurations/{made.pk}")
    assert (gone.status_code, gone.json()["detail"]) == (404, "Configuration not found")


def test_delete_of_the_active_one_or_one_in_use_is_409(operator: Client) -> None:
    active, used = configuration(is_active=True), configuration(name="Used")
    session = running_session(used)
    refused = operator.delete(f"/api/configs/{active.pk}/")
    assert (refused.status_code, refused.json()["detail"]) == (409, "Deactivate configuration before deleting")
    in_use = operator.delete(f"/api/configs/{used.pk}/")
    assert (in_use.status_code, in_use.json()["strategy_id"]) == (409, session.strategy_id)


def test_the_revisions_are_listed_newest_first(operator: Client) -> None:
    made = configuration()
    operator.patch(f"/api/configurations/{made.pk}", {"quantity": 3}, content_type=JSON)
    body = operator.get(f"/api/configurations/{made.pk}/revisions").json()
    assert [(item["number"], item["values"]["quantity"]) for item in body["items"]] == [(2, 3), (1, 100)]
    assert body["total"] == 2


def test_the_list_is_paged_and_searched_with_the_active_one_first(operator: Client) -> None:
    for number in range(5):
        configuration(name=f"Profile {number}", is_active=number == 3)
    page = operator.get("/api/configurations", {"page": 2, "page_size": 2}).json()
    assert [item["name"] for item in page["items"]] == ["Profile 1", "Profile 2"]
    assert page["total"] == 5
    assert operator.get("/api/configurations").json()["items"][0]["name"] == "Profile 3"
    assert operator.get("/api/configurations", {"search": "file 4"}).json()["total"] == 1


@pytest.mark.parametrize("query", [{"page": 0}, {"page_size": 0}, {"page_size": 201}, {"page": "x"}])
def test_a_page_outside_the_limits_is_422(operator: Client, query: dict[str, Any]) -> None:
    assert operator.get("/api/configurations", query).status_code == 422


def test_nobody_gets_401_and_a_viewer_reads_but_does_not_write() -> None:
    made = configuration()
    assert Client().get("/api/configurations").status_code == 401
    viewer, one = signed_in("viewer"), f"/api/configurations/{made.pk}"
    assert viewer.get("/api/configurations").json()["total"] == 1
    assert viewer.get(one).status_code == viewer.get(f"{one}/revisions").status_code == 200
    refused = [
        post(viewer, "/api/configurations", values(name="Mine")),
        viewer.put(one, values(), content_type=JSON),
        viewer.patch(one, {}, content_type=JSON),
        viewer.delete(one),
        *(post(viewer, f"{one}/{action}") for action in ("activate", "deactivate", "clone")),
    ]
    assert {answer.status_code for answer in refused} == {403}
    assert [line for line in audit() if line[1] == "refused"] == [
        (f"configuration.{action}", "refused", "api")
        for action in ("create", "update", "update", "delete", "activate", "deactivate", "clone")
    ]


def test_a_token_is_as_good_as_a_browser() -> None:
    user()
    login = Client().post("/api/auth/login", {"username": "operator@example.com", "password": PASSWORD})
    bearer = {"authorization": f"Bearer {login.json()['access_token']}"}
    made = Client().post("/api/configurations", values(), content_type=JSON, headers=bearer)
    assert made.status_code == 201
    assert audit() == [("configuration.create", "ok", "api")]


@pytest.mark.parametrize("method", ["get", "put", "patch", "delete"])
def test_an_unknown_one_is_404(operator: Client, method: str) -> None:
    answer = getattr(operator, method)("/api/configurations/999999999999999999", content_type=JSON)
    assert answer.status_code == 404
    assert answer.json()["detail"] == "Configuration not found"


def test_the_schema_describes_the_fields_with_their_ranges(operator: Client) -> None:
    schema = operator.get("/api/schema/", {"format": "json"}, headers={"accept": "application/vnd.oai.openapi+json"})
    document = schema.json()
    quantity = document["components"]["schemas"]["ConfigurationRead"]["properties"]["quantity"]
    assert "between 1 and 50,000" in quantity["description"]
    assert not any("configs" in path for path in document["paths"])
