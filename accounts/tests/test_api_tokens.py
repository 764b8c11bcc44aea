"""Personal API tokens: made, narrowed, used, ended; the service, the API and the page."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from accounts import services
from accounts.models import ApiToken, AuditEvent, User
from accounts.tests.conftest import PASSWORD, MakeUser
from deltastrangle.exceptions import Conflict, InvalidInput, PermissionRefused

pytestmark = pytest.mark.django_db
TOKENS = "/api/auth/tokens"
RUNTIME = "/api/trading/runtime"
CONTROL = "/api/trading/control"


def bearer(secret: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}"}


def made(actor: User, *scopes: str, name: str = "cron", days: int = 30) -> tuple[ApiToken, str]:
    return services.create_api_token(actor=actor, name=name, asked=scopes or ("read",), days=days)


def control(client: Client, secret: str, action: str) -> Any:
    return client.post(CONTROL, {"action": action}, content_type="application/json", headers=bearer(secret))


def test_the_secret_is_nowhere_at_rest(make_user: MakeUser) -> None:
    token, secret = made(make_user("operator"))
    stored = [str(value) for value in ApiToken.objects.values_list().get()]
    assert secret.startswith("dst_")
    assert not [value for value in stored if secret in value]
    assert secret not in str(AuditEvent.objects.filter(action="token.create").values_list().get())
    assert (token.hint, token.state) == (secret[:8], "active")


def test_a_token_reads_and_the_first_use_is_noted(client: Client, make_user: MakeUser) -> None:
    token, secret = made(make_user("operator"))
    assert client.get(RUNTIME, headers=bearer(secret)).status_code == 200
    token.refresh_from_db()
    assert token.last_used_at is not None


def test_a_second_use_soon_after_writes_nothing(client: Client, make_user: MakeUser) -> None:
    token, secret = made(make_user("operator"))
    with time_machine.travel(timezone.now(), tick=False) as clock:
        client.get(RUNTIME, headers=bearer(secret))
        token.refresh_from_db()
        first = token.last_used_at
        clock.shift(60)
        client.get(RUNTIME, headers=bearer(secret))
        token.refresh_from_db()
        assert token.last_used_at == first
        clock.shift(300)
        client.get(RUNTIME, headers=bearer(secret))
        token.refresh_from_db()
        assert token.last_used_at == timezone.now()


@pytest.mark.parametrize(
    ("scopes", "action", "status"),
    [
        (["read"], "stop", 403),
        (["read"], "panic", 403),
        (["control"], "stop", 200),
        (["control"], "panic", 403),
        (["panic"], "panic", 200),
        (["panic"], "stop", 403),
        (["read", "control", "panic"], "panic", 200),
    ],
)
def test_each_scope_opens_its_own_door(
    client: Client, make_user: MakeUser, scopes: list[str], action: str, status: int
) -> None:
    response = control(client, made(make_user("operator"), *scopes)[1], action)
    assert response.status_code == status
    assert status == 200 or response.json()["code"] == "insufficient_scope"


def test_a_token_without_read_sees_nothing(client: Client, make_user: MakeUser) -> None:
    response = client.get(RUNTIME, headers=bearer(made(make_user("operator"), "control")[1]))
    assert (response.status_code, response.json()["detail"]) == (403, "This token lacks the scope read.")


def test_a_token_is_never_stronger_than_its_users_role(client: Client, make_user: MakeUser) -> None:
    user = make_user("operator")
    secret = made(user, "read", "control")[1]
    services.set_role(actor=None, user=user, role="viewer", source="command")
    assert client.get(RUNTIME, headers=bearer(secret)).status_code == 200
    response = control(client, secret, "stop")
    assert (response.status_code, response.json()["detail"]) == (403, "This needs the operator role.")


def test_a_command_by_token_says_in_the_audit_which(client: Client, make_user: MakeUser) -> None:
    token, secret = made(make_user("operator"), "control")
    control(client, secret, "stop")
    event = AuditEvent.objects.get(action="control.stop")
    assert (event.actor_email, event.detail["via"]) == ("operator@example.com", f"cron ({token.hint}…)")


def test_revoked_expired_unknown_and_outlived_tokens_are_refused_alike(client: Client, make_user: MakeUser) -> None:
    user = make_user("operator")
    revoked, secret = made(user)
    services.revoke_api_token(actor=user, token_id=revoked.pk)
    expired = made(user, days=1)[1]
    ended = made(user, days=30)[1]
    with time_machine.travel(timezone.now() + timedelta(days=1, seconds=1)):
        services.set_password(actor=None, user=user, password="another password 9", source="command")
        for given in (secret, expired, ended, "dst_nonsense", "dst_"):
            response = client.get(RUNTIME, headers=bearer(given))
            assert (response.status_code, response.json()["detail"]) == (401, "Invalid authentication credentials")
    states = set(ApiToken.objects.values_list("revoked_at", flat=True))
    assert len(states) == 2


def test_a_disabled_users_token_is_refused(client: Client, make_user: MakeUser) -> None:
    user = make_user("operator")
    secret = made(user)[1]
    services.set_active(actor=None, user=user, active=False, source="command")
    response = client.get(RUNTIME, headers=bearer(secret))
    assert (response.status_code, response.json()["detail"]) == (403, "Inactive user")


def test_only_operators_make_tokens_and_a_try_is_audited(make_user: MakeUser) -> None:
    with pytest.raises(PermissionRefused):
        made(make_user("viewer"))
    assert AuditEvent.objects.filter(action="token.create", outcome="refused").count() == 1


@pytest.mark.parametrize(
    ("name", "scopes", "days", "field"),
    [(" ", ["read"], 1, "name"), ("x" * 61, ["read"], 1, "name"), ("x", [], 1, "scopes"), ("x", ["root"], 1, "scopes")]
    + [("x", ["read"], days, "days") for days in (0, 366)],
)
def test_what_a_token_needs_is_said_at_the_field(
    make_user: MakeUser, name: str, scopes: list[str], days: int, field: str
) -> None:
    with pytest.raises(InvalidInput) as refusal:
        services.create_api_token(actor=make_user("operator"), name=name, asked=scopes, days=days)
    assert list(refusal.value.fields or {}) == [field]


def test_twenty_good_tokens_are_enough(make_user: MakeUser) -> None:
    user = make_user("operator")
    tokens = [made(user, name=str(number))[0] for number in range(20)]
    with pytest.raises(Conflict):
        made(user)
    services.revoke_api_token(actor=user, token_id=tokens[0].pk)
    assert made(user)[0].state == "active"


def test_the_api_makes_lists_and_revokes(client: Client, make_user: MakeUser) -> None:
    make_user("operator")
    login = client.post("/api/auth/login", {"username": "operator@example.com", "password": PASSWORD}).json()
    mine = bearer(login["access_token"])
    asked = {"name": "cron", "scopes": ["read", "panic"], "days": 7}
    response = client.post(TOKENS, asked, content_type="application/json", headers=mine)
    body = response.json()
    assert (response.status_code, response["Cache-Control"]) == (201, "no-store")
    assert (body["name"], body["scopes"], body["state"]) == ("cron", ["read", "panic"], "active")
    listed = client.get(TOKENS, headers=bearer(body["token"])).json()
    assert listed["total"] == 1
    assert "token" not in listed["items"][0]
    assert client.delete(f"{TOKENS}/{body['id']}/", headers=mine).status_code == 204
    assert client.delete(f"{TOKENS}/{body['id']}", headers=mine).status_code == 204
    assert AuditEvent.objects.filter(action="token.revoke").count() == 1
    assert client.get(TOKENS, headers=bearer(body["token"])).status_code == 401


def test_no_token_makes_or_ends_another(client: Client, make_user: MakeUser) -> None:
    user = make_user("operator")
    token, secret = made(user, "read", "control", "panic")
    asked = {"name": "child", "scopes": ["read"]}
    narrowed = {"username": user.email, "password": PASSWORD, "scope": "read control"}
    for given in (secret, client.post("/api/auth/login", narrowed).json()["access_token"]):
        response = client.post(TOKENS, asked, content_type="application/json", headers=bearer(given))
        assert response.status_code == 403
        assert client.delete(f"{TOKENS}/{token.pk}", headers=bearer(given)).status_code == 403
    assert ApiToken.objects.count() == 1


def test_somebody_elses_token_is_not_found_except_by_an_admin(client: Client, make_user: MakeUser) -> None:
    token, _ = made(make_user("operator"))
    client.force_login(make_user("operator", "other@example.com"), "django.contrib.auth.backends.ModelBackend")
    assert client.delete(f"{TOKENS}/{token.pk}").status_code == 404
    client.force_login(make_user("admin"), "django.contrib.auth.backends.ModelBackend")
    assert client.delete(f"{TOKENS}/{token.pk}").status_code == 204


def test_a_narrowed_login_stays_narrow_through_its_refresh(client: Client, make_user: MakeUser) -> None:
    user = make_user("operator")
    login = {"username": user.email, "password": PASSWORD, "scope": "read"}
    tokens = client.post("/api/auth/login", login).json()
    refresh = {"refresh_token": tokens["refresh_token"]}
    again = client.post("/api/auth/refresh", refresh, content_type="application/json").json()
    for given in (tokens, again):
        assert client.get(RUNTIME, headers=bearer(given["access_token"])).status_code == 200
        assert control(client, given["access_token"], "stop").status_code == 403
    logout = {"refresh_token": again["refresh_token"]}
    response = client.post(
        "/api/auth/logout", logout, content_type="application/json", headers=bearer(again["access_token"])
    )
    assert response.status_code == 204


def test_a_scope_that_does_not_exist_is_refused_at_login(client: Client, make_user: MakeUser) -> None:
    make_user("operator")
    login = {"username": "operator@example.com", "password": PASSWORD, "scope": "root"}
    response = client.post("/api/auth/login", login)
    assert (response.status_code, list(response.json()["fields"])) == (400, ["scope"])


@pytest.fixture
def browser(client: Client, make_user: MakeUser) -> Client:
    client.force_login(make_user("operator"), "django.contrib.auth.backends.ModelBackend")
    return client


def test_the_page_shows_the_secret_once_and_no_cache_keeps_it(browser: Client) -> None:
    form = {"name": "cron", "scopes": ["read", "control"], "days": "30"}
    response = browser.post("/account/tokens/", form)
    page = response.content.decode()
    secret = page.partition('<code class="secret">')[2].partition("<")[0]
    assert secret.startswith("dst_")
    assert "no-store" in response["Cache-Control"]
    again = browser.get("/account/tokens/").content.decode()
    assert secret not in again
    assert "read, control" in again


def test_the_page_says_what_is_wrong_at_the_field(browser: Client) -> None:
    response = browser.post("/account/tokens/", {"name": "", "scopes": ["read"], "days": "0"})
    page = response.content.decode()
    assert response.status_code == 422
    assert page.count('class="field-error"') == 2
    assert not ApiToken.objects.exists()


def test_the_page_revokes_with_and_without_htmx(browser: Client) -> None:
    user = User.objects.get()
    first, second = made(user)[0], made(user)[0]
    plain = browser.post(f"/account/tokens/{first.pk}/revoke/")
    assert (plain.status_code, plain["Location"]) == (302, "/account/tokens/")
    panel = browser.post(f"/account/tokens/{second.pk}/revoke/", headers={"HX-Request": "true"})
    assert panel.content.decode().startswith('<div id="panel-tokens"')
    assert {token.state for token in ApiToken.objects.all()} == {"revoked"}


def test_a_viewer_sees_no_form_and_can_make_none(client: Client, make_user: MakeUser) -> None:
    client.force_login(make_user("viewer"), "django.contrib.auth.backends.ModelBackend")
    assert "Create token" not in client.get("/account/tokens/").content.decode()
    response = client.post("/account/tokens/", {"name": "x", "scopes": ["read"], "days": "1"})
    assert response.status_code == 422
    assert not ApiToken.objects.exists()


def test_a_visitor_goes_to_the_login_page(client: Client) -> None:
    assert client.get("/account/tokens/")["Location"] == "/login/?next=/account/tokens/"


def test_the_admin_lists_tokens_and_revokes_them(client: Client, make_user: MakeUser) -> None:
    token, _ = made(make_user("operator"))
    client.force_login(make_user("admin"), "django.contrib.auth.backends.ModelBackend")
    listing = "/admin/accounts/apitoken/"
    assert token.hint in client.get(listing, {"q": "operator@"}).content.decode()
    assert client.get(f"{listing}{token.pk}/change/").status_code == 200
    assert client.get(f"{listing}add/").status_code == 403
    client.post(listing, {"action": "revoke", "_selected_action": [token.pk]})
    token.refresh_from_db()
    assert token.state == "revoked"
