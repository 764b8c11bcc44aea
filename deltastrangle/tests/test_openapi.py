"""The committed description of the API is the API's, without a warning; and the page made from it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.core.management import call_command
from django.test import Client

from deltastrangle.api_docs import sections
from trading.tests.factories_control import user

COMMITTED = Path(__file__).parents[2] / "docs/openapi.yaml"
DESCRIBED: dict[str, Any] = yaml.safe_load(COMMITTED.read_text())
METHODS = ("get", "post", "put", "patch", "delete")
OPERATIONS = [
    (path, method, methods[method])
    for path, methods in DESCRIBED["paths"].items()
    for method in METHODS
    if method in methods
]


def test_the_committed_description_is_what_the_code_says_and_nothing_is_guessed(tmp_path: Path) -> None:
    made = tmp_path / "openapi.yaml"
    call_command("spectacular", file=str(made), fail_on_warn=True, validate=True)
    again = "Regenerate it: manage.py spectacular --file docs/openapi.yaml"
    assert made.read_text() == COMMITTED.read_text(), again


def test_every_operation_says_what_it_does_and_under_a_name_of_its_own() -> None:
    assert len(OPERATIONS) > 40
    names = [operation["operationId"] for _, _, operation in OPERATIONS]
    assert len(set(names)) == len(names)
    assert [path for path, _, operation in OPERATIONS if not operation.get("description")] == []


def test_every_error_has_the_one_shape() -> None:
    shape = {"$ref": "#/components/schemas/Error"}
    odd = [
        (path, method, status)
        for path, method, operation in OPERATIONS
        for status, response in operation["responses"].items()
        if status >= "400" and response["content"]["application/json"]["schema"] != shape
    ]
    assert odd == []
    assert DESCRIBED["components"]["schemas"]["Error"]["required"] == ["detail", "code"]


def test_only_signing_in_and_telemetry_are_open() -> None:
    unguarded = {path for path, _, operation in OPERATIONS if {} in operation["security"]}
    assert {path for path in unguarded if not path.startswith("/api/logs/")} == {
        "/api/auth/login/",
        "/api/auth/refresh/",
        "/api/auth/register/",
    }


@pytest.fixture
def page(client: Client, db: None) -> str:
    client.force_login(user("viewer"), "django.contrib.auth.backends.ModelBackend")
    response = client.get("/api/docs/")
    assert response.status_code == 200
    return response.content.decode()


def test_the_page_has_every_operation_and_reaches_for_nothing_elsewhere(page: str) -> None:
    for _, _, operation in OPERATIONS:
        assert f'id="{operation["operationId"]}"' in page
    assert re.findall(r'(?:src|href)="(?:https?:)?//[^"]*"', page) == []


def test_the_page_shows_fields_types_bounds_and_errors(page: str) -> None:
    assert "<code>items[].legs_summary[].entry_price</code>" in page
    assert "integer, 1 to 200, default 25" in page
    assert "one of start, stop, restart, panic" in page
    assert "<dt>409</dt><dd>It contradicts the present state.</dd>" in page


def test_fields_inside_fields_are_named_by_their_path() -> None:
    risk = next(found for found in sections()["trading"] if found.id == "trading_risk")
    names = [row.name for row in risk.answers[0][2]]
    assert {"greeks.net_delta", "payoff[].at_expiry", "stops[].progress", "margin.available"} <= set(names)


@pytest.mark.django_db
def test_a_visitor_signs_in_first(client: Client) -> None:
    assert client.get("/api/docs/")["Location"] == "/login/?next=/api/docs/"
