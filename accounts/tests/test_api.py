from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from accounts import services
from accounts.models import AuditEvent, User
from accounts.tests.conftest import PASSWORD, MakeUser

pytestmark = pytest.mark.django_db
USER_FIELDS = {"id", "email", "full_name", "is_active", "is_superuser", "role", "created_at", "updated_at"}
LOGIN = {"username": "viewer@example.com", "password": PASSWORD}


def _post(client: Client, path: str, data: Mapping[str, Any], token: str = "") -> Any:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return client.post(f"/api/auth/{path}", dict(data), content_type="application/json", headers=headers)


def _me(client: Client, token: str) -> Any:
    return client.get("/api/auth/me", headers={"Authorization": f"Bearer {token}"})


def _tokens(client: Client) -> dict[str, Any]:
    body: dict[str, Any] = _post(client, "login", LOGIN).json()
    return body


@pytest.mark.parametrize("slash", ["", "/"])
def test_login_takes_the_references_form_and_gives_a_bearer_token(
    client: Client, make_user: MakeUser, slash: str
) -> None:
    make_user()
    response = client.post(f"/api/auth/login{slash}", LOGIN)
    body = response.json()
    assert response.status_code == 200
    assert body["token_type"] == "bearer"
    assert set(body) == {"access_token", "refresh_token", "token_type", "user"}
    assert set(body["user"]) == USER_FIELDS
    assert response["Cache-Control"] == "no-store"
    assert _me(client, body["access_token"]).json() == body["user"]


@pytest.mark.parametrize("name", ["username", "email"])
def test_login_takes_json_with_either_name(client: Client, make_user: MakeUser, name: str) -> None:
    make_user()
    assert _post(client, "login", {name: "Viewer@Example.com", "password": PASSWORD}).status_code == 200


def test_login_starts_no_web_session_and_is_audited_as_api(client: Client, make_user: MakeUser) -> None:
    make_user()
    _post(client, "login", LOGIN)
    assert "sessionid" not in client.cookies
    assert AuditEvent.objects.get(action="login").source == "api"


def test_login_ignores_a_stale_token_in_the_header(client: Client, make_user: MakeUser) -> None:
    make_user()
    assert _post(client, "login", LOGIN, token="stale").status_code == 200


def test_login_refuses_a_wrong_password_and_an_unknown_email_alike(client: Client, make_user: MakeUser) -> None:
    make_user()
    for wrong in ({"password": "wrong"}, {"username": "nobody@example.com"}):
        response = _post(client, "login", {**LOGIN, **wrong})
        assert response.status_code == 401
        assert response.json() == {"detail": "Incorrect email or password", "code": "not_authenticated"}


def test_login_refuses_a_disabled_user(client: Client, make_user: MakeUser) -> None:
    services.set_active(actor=None, user=make_user(), active=False)
    response = _post(client, "login", LOGIN)
    assert (response.status_code, response.json()["detail"]) == (403, "Inactive user")


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"username": "viewer@example.com"},
        {"password": PASSWORD},
        {"username": "not an address", "password": "x"},
        {"username": "@", "password": "x"},
        {"username": ["a@example.com"], "password": "x"},
        {"username": {"$ne": ""}, "password": "x"},
        {"username": "a\x00@example.com", "password": "x"},
        {"username": "a@example.com", "password": "x\x00"},
        {"username": None, "password": None},
        {"username": "a@example.com", "password": "x" * 2000},
        {"username": "x" * 300 + "@example.com", "password": "x"},
    ],
)
def test_a_malformed_login_is_400_with_the_fields(client: Client, data: dict[str, Any]) -> None:
    response = _post(client, "login", data)
    assert response.status_code == 400
    assert set(response.json()) == {"detail", "code", "fields"}


@pytest.mark.parametrize("body", ["", "{", "[]", "null", "3", '"x"', '["a"]'])
def test_a_login_that_is_no_object_is_400(client: Client, body: str) -> None:
    response = client.post("/api/auth/login", body, content_type="application/json")
    assert response.status_code == 400
    assert {"detail", "code"} <= set(response.json())


def test_repeated_failures_are_429_with_the_time_to_wait(client: Client, make_user: MakeUser) -> None:
    make_user()
    fifth = [_post(client, "login", {**LOGIN, "password": "wrong"}) for _ in range(5)][-1]
    for response in (fifth, _post(client, "login", LOGIN)):
        assert response.status_code == 429
        assert response.json()["code"] == "locked_out"
        assert int(response["Retry-After"]) == response.json()["retry_after"]
        assert 890 <= response.json()["retry_after"] <= 900


def test_the_page_and_the_api_share_one_lockout(client: Client, make_user: MakeUser) -> None:
    make_user()
    for _ in range(3):
        client.post("/login/", {"email": LOGIN["username"], "password": "wrong"})
    for _ in range(2):
        _post(client, "login", {**LOGIN, "password": "wrong"})
    assert client.post("/login/", {"email": LOGIN["username"], "password": PASSWORD}).status_code == 429


def test_a_login_by_the_api_forgets_earlier_failures(client: Client, make_user: MakeUser) -> None:
    make_user()
    for _ in range(2):
        for _ in range(4):
            assert _post(client, "login", {**LOGIN, "password": "wrong"}).status_code == 401
        assert _post(client, "login", LOGIN).status_code == 200


def test_registration_is_closed_unless_opened(client: Client) -> None:
    response = _post(client, "register", {"email": "ann@example.com", "password": PASSWORD})
    assert response.status_code == 403
    assert response.json()["code"] == "registration_closed"
    assert "Ask an administrator" in response.json()["detail"]
    assert not User.objects.exists()


@pytest.mark.parametrize("slash", ["", "/"])
def test_who_registers_is_a_viewer_and_never_more(client: Client, settings: Settings, slash: str) -> None:
    settings.REGISTRATION_ENABLED = True
    wish = {"email": "Ann@Example.com", "password": PASSWORD, "role": "admin", "is_superuser": True}
    response = _post(client, f"register{slash}", wish)
    assert response.status_code == 201
    assert set(response.json()) == USER_FIELDS
    user = User.objects.get()
    assert (response.json()["email"], response.json()["role"]) == ("ann@example.com", "viewer")
    assert (user.is_superuser, user.is_staff) == (False, False)


def test_registering_twice_is_refused_in_the_references_words(client: Client, settings: Settings) -> None:
    settings.REGISTRATION_ENABLED = True
    for email in ("ann@example.com", "ANN@example.com"):
        response = _post(client, "register", {"email": email, "password": PASSWORD, "full_name": None})
    assert (response.status_code, response.json()["detail"]) == (400, "User already exists")


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("email", {"email": "not an address"}),
        ("password", {"password": "seven77"}),
        ("password", {"password": "x" * 129}),
        ("password", {"password": "change-me"}),
        ("full_name", {"full_name": "x" * 256}),
    ],
)
def test_a_bad_registration_is_422_at_the_field(
    client: Client, settings: Settings, field: str, wrong: dict[str, str]
) -> None:
    settings.REGISTRATION_ENABLED = True
    response = _post(client, "register", {"email": "ann@example.com", "password": PASSWORD, **wrong})
    assert response.status_code == 422
    assert list(response.json()["fields"]) == [field]


def test_a_password_of_73_characters_is_welcome_though_the_reference_stops_at_72(
    client: Client, settings: Settings
) -> None:
    settings.REGISTRATION_ENABLED = True
    password = "correct horse 7 battery".ljust(73, "z")
    assert _post(client, "register", {"email": "ann@example.com", "password": password}).status_code == 201


@pytest.mark.parametrize("slash", ["", "/"])
def test_me_wants_a_token(client: Client, slash: str) -> None:
    response = client.get(f"/api/auth/me{slash}")
    assert response.status_code == 401
    assert response.json()["detail"] == "Not authenticated"
    assert response["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize("header", ["Bearer x.y.z", "Bearer", "Bearer a b", "Bearer " + "x" * 5000])
def test_me_refuses_what_is_no_token(client: Client, header: str) -> None:
    response = client.get("/api/auth/me", headers={"Authorization": header})
    assert response.status_code == 401
    assert response.json()["detail"] == "Invalid authentication credentials"


def test_me_works_with_a_web_session(client: Client, make_user: MakeUser) -> None:
    client.force_login(make_user("operator"), "django.contrib.auth.backends.ModelBackend")
    assert client.get("/api/auth/me").json()["role"] == "operator"


def test_an_access_token_ends_after_an_hour(client: Client, make_user: MakeUser) -> None:
    make_user()
    token = _tokens(client)["access_token"]
    with time_machine.travel(timezone.now() + timedelta(minutes=60, seconds=1)):
        assert _me(client, token).json()["detail"] == "Invalid authentication credentials"


def test_a_refresh_token_opens_nothing_by_itself(client: Client, make_user: MakeUser) -> None:
    make_user()
    assert _me(client, _tokens(client)["refresh_token"]).status_code == 401


def test_a_token_forged_with_the_references_default_secret_is_refused(client: Client, make_user: MakeUser) -> None:
    import jwt

    claims = {"sub": str(make_user("admin").pk), "token_type": "access", "jti": "x", "exp": 4102444800}
    forged = [jwt.encode(claims, "change-me".ljust(32, "!"), "HS256"), jwt.encode(claims, "", "none")]
    assert {_me(client, token).status_code for token in forged} == {401}


def test_the_tokens_of_users_gone_or_disabled_say_so(client: Client, make_user: MakeUser) -> None:
    user = make_user()
    token = _tokens(client)["access_token"]
    services.set_active(actor=None, user=user, active=False)
    assert (_me(client, token).status_code, _me(client, token).json()["detail"]) == (403, "Inactive user")
    user.delete()
    assert (_me(client, token).status_code, _me(client, token).json()["detail"]) == (401, "User not found")


def test_refreshing_gives_a_new_pair_once(client: Client, make_user: MakeUser) -> None:
    make_user()
    old = {"refresh_token": _tokens(client)["refresh_token"]}
    fresh = _post(client, "refresh", old)
    assert fresh.status_code == 200
    assert _me(client, fresh.json()["access_token"]).status_code == 200
    again = _post(client, "refresh/", old)
    assert (again.status_code, again.json()["detail"]) == (401, "Invalid authentication credentials")


def test_refreshing_without_a_token_is_422(client: Client) -> None:
    assert list(_post(client, "refresh", {}).json()["fields"]) == ["refresh_token"]


def test_signing_out_ends_the_refresh_token_and_is_audited(client: Client, make_user: MakeUser) -> None:
    make_user()
    tokens = _tokens(client)
    refresh = {"refresh_token": tokens["refresh_token"]}
    assert _post(client, "logout", refresh).status_code == 401
    assert _post(client, "logout", refresh, token=tokens["access_token"]).status_code == 204
    assert _post(client, "refresh", refresh).status_code == 401
    assert AuditEvent.objects.get(action="logout").source == "api"


def test_the_api_describes_itself_with_the_bearer_scheme(client: Client, make_user: MakeUser) -> None:
    client.force_login(make_user("admin"), "django.contrib.auth.backends.ModelBackend")
    schema = client.get("/api/schema/?format=json").json()
    assert {"/api/auth/login/", "/api/auth/me/", "/api/auth/refresh/"} <= set(schema["paths"])
    assert schema["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"
