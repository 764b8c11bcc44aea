"""Every refusal of the API has the one shape, whichever part of the stack refuses."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from accounts.services import issue_tokens
from trading.selectors import runtime
from trading.tests import factories_control as make

pytestmark = pytest.mark.django_db
JSON = "application/json"
FORM = "application/x-www-form-urlencoded"


@pytest.fixture
def bearer() -> dict[str, str]:
    """The header of an operator."""
    return {"Authorization": f"Bearer {issue_tokens(user=make.user())['access_token']}"}


def shape(response: Any) -> tuple[int, str]:
    """Status and code of an error, whose shape is checked."""
    body = response.json()
    assert response["Content-Type"] == JSON
    assert {"detail", "code"} <= set(body)
    assert isinstance(body["detail"], str)
    assert body["detail"]
    assert response["X-Correlation-ID"]
    return response.status_code, body["code"]


@pytest.mark.parametrize(
    ("method", "path", "content", "content_type", "expected"),
    [
        ("post", "/api/trading/control", "{", JSON, (400, "parse_error")),
        ("get", "/api/trading/sessions/999", "", JSON, (404, "not_found")),
        ("get", "/api/nothing/here", "", JSON, (404, "not_found")),
        ("get", "/api/trading/sessions/abc/", "", JSON, (404, "not_found")),
        ("delete", "/api/trading/runtime/", "", JSON, (405, "method_not_allowed")),
        ("post", "/api/trading/control", "a=b", "text/plain", (415, "unsupported_media_type")),
        ("post", "/api/trading/control", "action=stop", FORM, (415, "unsupported_media_type")),
        ("post", "/api/trading/control", "[1]", JSON, (422, "invalid_input")),
        ("post", "/api/trading/control", '{"action": "jump"}', JSON, (422, "invalid_input")),
        ("get", "/api/trading/sessions?page=0", "", JSON, (422, "invalid_input")),
    ],
)
def test_a_request_that_is_no_good_is_refused_in_one_shape(
    client: Client,
    bearer: dict[str, str],
    method: str,
    path: str,
    content: str,
    content_type: str,
    expected: tuple[int, str],
) -> None:
    assert shape(client.generic(method.upper(), path, content, content_type, headers=bearer)) == expected


def test_a_second_start_is_a_conflict(client: Client, bearer: dict[str, str]) -> None:
    make.configuration()
    start = {"action": "start", "now": True}
    first, second = (client.post("/api/trading/control", start, JSON, headers=bearer) for _ in range(2))
    assert first.status_code == 200
    assert shape(second) == (409, "already_running")


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer a b c", "Bearer nonsense", "Bearer dst_nonsense"])
def test_who_is_not_known_is_refused_in_one_shape(client: Client, header: str) -> None:
    headers = {"Authorization": header} if header else {}
    assert shape(client.get("/api/trading/runtime", headers=headers)) == (401, "not_authenticated")


def test_a_bug_of_ours_is_an_error_in_the_same_shape(
    client: Client, bearer: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_snapshot: object) -> None:
        raise RuntimeError("a secret of the house")

    monkeypatch.setattr(runtime, "heartbeat_age", broken)
    client.raise_request_exception = False
    response = client.get("/api/trading/runtime", headers=bearer)
    assert shape(response) == (500, "server_error")
    assert b"secret" not in response.content


def test_what_a_client_accepts_does_not_change_the_answer(client: Client, bearer: dict[str, str]) -> None:
    response = client.get("/api/trading/runtime", headers={**bearer, "Accept": "text/csv"})
    assert (response.status_code, response["Content-Type"]) == (200, JSON)
