"""What a client of the reference meets at the edges: addresses, tokens, pages of lists."""

from __future__ import annotations

from typing import Any, Final

import jwt
import pytest
from django.test import Client
from pytest_django import Settings

from accounts.models import User
from accounts.services import create_api_token, issue_tokens
from logviewer.models import FrontendLog
from trading.models import TradingConfiguration
from trading.services.configurations import update_configuration
from trading.tests import factories_control as make

pytestmark = pytest.mark.django_db
JSON: Final = "application/json"
TOKENS: Final = "/api/auth/tokens"


@pytest.fixture
def operator() -> User:
    """Who calls."""
    return make.user()


@pytest.fixture
def headers(operator: User) -> dict[str, str]:
    """The header of the operator's token."""
    return {"Authorization": f"Bearer {issue_tokens(user=operator)['access_token']}"}


@pytest.mark.parametrize("path", ["/api/schema", "/api/docs", "/healthz"])
def test_no_address_for_programs_redirects_for_a_slash(client: Client, operator: User, path: str) -> None:
    client.force_login(operator, "django.contrib.auth.backends.ModelBackend")
    assert [client.get(asked).status_code for asked in (path, f"{path}/")] == [200, 200]


@pytest.mark.parametrize("path", ["/api/logs", "/api/logs/"])
def test_the_references_browser_client_reports_to_its_usual_address(
    client: Client, settings: Settings, path: str
) -> None:
    settings.LOG_INGEST_API_KEY = "a-key-for-telemetry"
    given = {"entries": [{"level": "warn", "message": "late", "timestamp": "2026-11-29T10:00:00Z"}]}
    answer = client.post(path, given, JSON, headers={"X-Log-API-Key": "a-key-for-telemetry"})
    assert (answer.status_code, answer.json()) == (202, {"stored": 1})
    assert FrontendLog.objects.get().message == "late"
    assert client.post(path, given, JSON).status_code == 401


def test_a_token_names_its_user_as_the_references_does(operator: User) -> None:
    claims = jwt.decode(issue_tokens(user=operator)["access_token"], options={"verify_signature": False})
    assert claims["sub"] == str(operator.pk)
    assert claims["exp"] - claims["iat"] == 3600


@pytest.mark.parametrize(("stored", "told"), [("", None), ("Asha Rao", "Asha Rao")])
def test_a_user_without_a_name_has_null_for_it(
    client: Client, operator: User, headers: dict[str, str], stored: str, told: str | None
) -> None:
    User.objects.filter(pk=operator.pk).update(full_name=stored)
    assert client.get("/api/auth/me", headers=headers).json()["full_name"] == told


def revised(client: Client, headers: dict[str, str], configuration: TradingConfiguration, query: str) -> Any:
    """A page of revisions."""
    return client.get(f"/api/configs/{configuration.pk}/revisions?{query}", headers=headers)


def test_revisions_come_in_pages(client: Client, headers: dict[str, str]) -> None:
    chosen = make.configuration()
    for size in (2, 3):
        update_configuration(configuration_id=chosen.pk, values={"quantity": size}, actor=None, source="command")
    page = revised(client, headers, chosen, "page=2&page_size=2").json()
    assert [item["number"] for item in page["items"]] == [1]
    assert {name: page[name] for name in page if name != "items"} == {
        "total": 3,
        "page": 2,
        "page_size": 2,
        "pages": 2,
    }
    assert revised(client, headers, chosen, "page=0").status_code == 422
    assert revised(client, headers, chosen, "page_size=201").status_code == 422


def test_personal_tokens_come_in_pages(client: Client, operator: User, headers: dict[str, str]) -> None:
    for number in range(3):
        create_api_token(actor=operator, name=f"t{number}", asked=["read"], days=1)
    page = client.get(f"{TOKENS}?page=2&page_size=2", headers=headers).json()
    assert [item["name"] for item in page["items"]] == ["t0"]
    assert (page["total"], page["pages"]) == (3, 2)
    assert client.get(f"{TOKENS}?page=9", headers=headers).json()["items"] == []
    assert client.get(f"{TOKENS}?page_size=0", headers=headers).status_code == 422
