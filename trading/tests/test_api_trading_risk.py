"""The API of the risk snapshot, of commands and of revisions."""

from __future__ import annotations

from typing import Any

import pytest
from rest_framework.test import APIClient

from accounts.models import User
from trading.models import EngineCommand, TradingConfiguration
from trading.selectors.risk import risk_of
from trading.selectors.runtime_shape import idle_runtime
from trading.services.configurations import update_configuration
from trading.tests import factories_control as make
from trading.tests import snapshots

pytestmark = pytest.mark.django_db
RISK, COMMANDS = "/api/trading/risk", "/api/trading/commands"


@pytest.fixture
def api() -> APIClient:
    """A program of a viewer."""
    client = APIClient()
    client.force_authenticate(make.user("viewer"))
    return client


def given(api: APIClient, path: str, **query: Any) -> Any:
    """The body of a GET that must succeed."""
    response = api.get(path, query)
    assert response.status_code == 200, response.content
    return response.json()


def test_the_risk_of_nothing_has_every_field(api: APIClient) -> None:
    body = given(api, RISK)
    assert (body["status"], body["spot"], body["payoff"], body["breakevens"], body["stops"], body["legs"]) == (
        *("idle", None, [], [], [], []),
    )
    assert set(body) == set(risk_of(idle_runtime()))
    assert body["greeks"] == {"net_delta": None, "theta_per_hour": None, "dollar_gamma": None}


def test_the_risk_of_a_position_is_payoff_greeks_margin_and_stops() -> None:
    body = risk_of(snapshots.live())
    assert (len(body["payoff"]), body["payoff"][0]["spot"]) == (61, 75_000)
    assert set(body["payoff"][0]) == {"spot", "at_expiry", "now"}
    assert body["breakevens"] == [
        {"spot": 77_534, "distance_pct": -2.365},
        {"spot": 81_266, "distance_pct": 2.334},
    ]
    assert body["greeks"] == {"net_delta": -0.009, "theta_per_hour": 2.94, "dollar_gamma": -31.8}
    assert body["margin"] == {"used": 82.1, "available": 917.9, "cash": 1000}
    assert body["shocks"] == {"shock_pct": 5, "shock_up": -244, "shock_down": -231}
    assert body["daily_loss"] == {"limit": 100, "used": 0}
    nearness = {stop["rule"]: stop["progress"] for stop in body["stops"]}
    assert (nearness["max_loss"], nearness["trailing_sl"]) == (0.04, 0.72)
    assert [(leg["symbol"], leg["distance_pct"]) for leg in body["legs"]] == [
        ("C-BTC-80800-050926", 1.75),
        ("P-BTC-78000-050926", -1.78),
    ]


def test_commands_are_listed_newest_first_and_paged(api: APIClient) -> None:
    assert given(api, COMMANDS) == {"items": [], "total": 0, "page": 1, "page_size": 25, "pages": 0}
    session = make.session()
    for action in ("start", "stop", "panic"):
        make.settle(EngineCommand.objects.create(action=action, session=session, actor_email="a@example.com"))
    page = given(api, f"{COMMANDS}/", page=2, page_size=2)
    assert (page["total"], page["pages"], [item["action"] for item in page["items"]]) == (3, 2, ["start"])
    item = page["items"][0]
    assert (item["status"], item["strategy_id"], item["actor"]) == ("done", session.strategy_id, "a@example.com")
    assert given(api, COMMANDS, page=9)["items"] == []


def test_commands_are_filtered(api: APIClient) -> None:
    session = make.session()
    EngineCommand.objects.create(action="start", session=session)
    make.settle(EngineCommand.objects.create(action="stop", session=session), ok=False)
    EngineCommand.objects.create(action="panic")
    for query, expected in (
        ({"status": "failed"}, ["stop"]),
        ({"action": "panic"}, ["panic"]),
        ({"session_id": session.pk}, ["stop", "start"]),
    ):
        assert [item["action"] for item in given(api, COMMANDS, **query)["items"]] == expected


@pytest.mark.parametrize(
    "query",
    [{"page": 0}, {"page": "x"}, {"page_size": 201}, {"status": "gone"}, {"action": "x"}, {"session_id": 2**70}],
)
def test_a_filter_out_of_range_is_said_at_its_field(api: APIClient, query: dict[str, Any]) -> None:
    response = api.get(COMMANDS, query)
    assert (response.status_code, list(response.json()["fields"])) == (422, list(query))


@pytest.mark.parametrize("prefix", ["configurations", "configs"])
def test_a_revision_and_what_it_changed(api: APIClient, prefix: str) -> None:
    configuration = revised(make.configuration())
    path = f"/api/{prefix}/{configuration.pk}/revisions"
    assert given(api, f"{path}/2")["values"]["quantity"] == 7
    assert given(api, f"{path}/2/diff") == {
        "number": 2,
        "against": 1,
        "changes": [{"field": "quantity", "before": 100, "after": 7}],
    }
    assert given(api, f"{path}/1/diff/") == {"number": 1, "against": None, "changes": []}
    assert given(api, f"{path}/1/diff", against=2)["changes"] == [{"field": "quantity", "before": 7, "after": 100}]


def revised(configuration: TradingConfiguration) -> TradingConfiguration:
    """With a second revision, of 7 contracts instead of 100."""
    values = {"quantity": 100}
    if configuration.quantity != 100:
        update_configuration(configuration_id=configuration.pk, values=values, actor=None, source="command")
    update_configuration(configuration_id=configuration.pk, values={"quantity": 7}, actor=None, source="command")
    return configuration


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("1000/revisions/1", 404, "not_found"),
        ("{id}/revisions/9", 404, "not_found"),
        ("{id}/revisions/1/diff?against=9", 404, "not_found"),
        ("{id}/revisions/1/diff?against=x", 422, "invalid_input"),
        ("{id}/revisions/x", 404, "not_found"),
    ],
)
def test_a_revision_that_is_not_there(api: APIClient, path: str, status: int, code: str) -> None:
    configuration = make.configuration()
    response = api.get(f"/api/configurations/{path.format(id=configuration.pk)}")
    assert (response.status_code, response.json()["code"]) == (status, code)


@pytest.mark.parametrize("path", [RISK, COMMANDS, "/api/configurations/1/revisions/1", "/api/auth/tokens"])
def test_nobody_in_particular_and_nobody_with_a_role_get_nothing(client: Any, path: str) -> None:
    assert client.get(path).status_code == 401
    client.force_login(User.objects.create_user("x@example.com", "correct horse battery"), BACKEND)
    assert client.get(path).status_code == 403


BACKEND = "django.contrib.auth.backends.ModelBackend"
