from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from accounts import services
from accounts.models import AuditEvent, User
from accounts.permissions import role_of
from accounts.tests.conftest import PASSWORD, MakeUser

pytestmark = pytest.mark.django_db
USERS = "/admin/accounts/user/"
EVENTS = "/admin/accounts/auditevent/"


@pytest.fixture
def admin(make_user: MakeUser) -> User:
    return make_user("admin")


@pytest.fixture
def browser(client: Client, admin: User) -> Client:
    client.force_login(admin, "django.contrib.auth.backends.ModelBackend")
    return client


def _form(**changed: str) -> dict[str, str]:
    base = {"email": "ann@example.com", "full_name": "", "role": "viewer", "is_active": "on", "password": ""}
    return {**base, **changed}


def test_the_admins_login_is_the_platforms(client: Client) -> None:
    assert client.get(USERS, follow=True).redirect_chain[-1][0] == f"/login/?next={USERS}"


def test_the_admins_password_page_is_the_platforms(browser: Client) -> None:
    assert browser.get("/admin/password_change/")["Location"] == "/password/"


@pytest.mark.parametrize("role", ["viewer", "operator"])
def test_nobody_below_an_admin_enters(client: Client, make_user: MakeUser, role: str) -> None:
    client.force_login(make_user(role), "django.contrib.auth.backends.ModelBackend")
    assert client.get(USERS, follow=True).status_code == 403


def test_an_admin_makes_a_user_with_a_role_and_it_is_audited(browser: Client, admin: User) -> None:
    response = browser.post(f"{USERS}add/", _form(role="operator", password=PASSWORD))
    assert response.status_code == 302
    user = User.objects.get(email="ann@example.com")
    assert role_of(user) == "operator"
    assert user.check_password(PASSWORD)
    event = AuditEvent.objects.get(action="user.create", source="admin")
    assert (event.actor, event.target, event.detail) == (admin, "ann@example.com", {"role": "operator"})


def test_an_admin_raises_a_role_disables_and_sets_a_password(browser: Client, make_user: MakeUser) -> None:
    user = make_user(email="ann@example.com")
    changed = _form(role="operator", full_name="Ann", password="another password 9")
    del changed["is_active"]
    assert browser.post(f"{USERS}{user.pk}/change/", changed).status_code == 302
    user.refresh_from_db()
    assert (role_of(user), user.is_active, user.full_name) == ("operator", False, "Ann")
    assert user.check_password("another password 9")
    actions = set(AuditEvent.objects.filter(source="admin").values_list("action", flat=True))
    assert actions == {"user.edit", "user.role", "user.disable", "password.set"}


def test_saving_without_a_change_changes_nothing(browser: Client, make_user: MakeUser) -> None:
    user = make_user("operator", email="ann@example.com")
    browser.post(f"{USERS}{user.pk}/change/", _form(role="operator"))
    user.refresh_from_db()
    assert user.check_password(PASSWORD)
    assert not AuditEvent.objects.filter(source="admin").exists()


@pytest.mark.parametrize(
    "wrong",
    [
        {"password": ""},
        {"password": "short"},
        {"email": "nonsense"},
        {"role": "emperor"},
        {"email": "ADMIN@example.com"},
    ],
)
def test_bad_input_comes_back_at_its_field(browser: Client, wrong: dict[str, str]) -> None:
    response = browser.post(f"{USERS}add/", _form(**{"password": PASSWORD, **wrong}))
    assert response.status_code == 200
    assert "errorlist" in response.content.decode()
    assert User.objects.count() == 1


def test_a_refusal_of_the_service_is_shown_recorded_and_undoes_the_rest(browser: Client, admin: User) -> None:
    changed = _form(email=admin.email, full_name="Changed", role="viewer")
    page = browser.post(f"{USERS}{admin.pk}/change/", changed, follow=True).content.decode()
    assert "last active admin" in page
    admin.refresh_from_db()
    assert (role_of(admin), admin.full_name) == ("admin", "")
    assert AuditEvent.objects.get(action="user.change").outcome == "refused"


def test_an_admin_cannot_make_a_superuser_by_adding_fields(browser: Client) -> None:
    browser.post(f"{USERS}add/", _form(password=PASSWORD, is_superuser="on", is_staff="on"))
    user = User.objects.get(email="ann@example.com")
    assert (user.is_superuser, user.is_staff) == (False, False)


def test_users_are_not_deleted(browser: Client, make_user: MakeUser) -> None:
    user = make_user()
    assert browser.post(f"{USERS}{user.pk}/delete/", {"post": "yes"}).status_code == 403
    assert User.objects.filter(pk=user.pk).exists()


def test_the_list_shows_roles_and_lifts_lockouts(browser: Client, make_user: MakeUser, client: Client) -> None:
    user = make_user("operator")
    assert "operator" in browser.get(USERS).content.decode()
    for _ in range(5):
        Client().post("/login/", {"email": user.email, "password": "wrong"})
    browser.post(USERS, {"action": "lift_lockout", "_selected_action": [str(user.pk)]})
    assert Client().post("/login/", {"email": user.email, "password": PASSWORD}).status_code == 302


def test_the_audit_trail_is_searched(browser: Client) -> None:
    services.record_event(actor=None, actor_email="eve@example.com", action="login", outcome="refused")
    services.record_event(actor=None, actor_email="bob@example.com", action="panic", outcome="ok")
    page = browser.get(EVENTS, {"q": "eve@"}).content.decode()
    assert "eve@example.com" in page
    assert "bob@example.com" not in page


@pytest.mark.parametrize(
    "attempt",
    [
        lambda browser, pk: browser.post(f"{EVENTS}add/", {"action": "x"}),
        lambda browser, pk: browser.post(f"{EVENTS}{pk}/change/", {"action": "x"}),
        lambda browser, pk: browser.post(f"{EVENTS}{pk}/delete/", {"post": "yes"}),
    ],
)
def test_the_audit_trail_is_read_only(browser: Client, attempt: Callable[[Client, int], Any]) -> None:
    event = services.record_event(actor=None, action="panic", outcome="ok")
    assert browser.get(f"{EVENTS}{event.pk}/change/").status_code == 200
    assert attempt(browser, event.pk).status_code == 403
    assert AuditEvent.objects.get(pk=event.pk).action == "panic"
