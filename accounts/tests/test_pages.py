from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from accounts import services
from accounts.models import AuditEvent, User
from accounts.tests.conftest import PASSWORD, MakeUser

pytestmark = pytest.mark.django_db
NEW = "another password 9"


def _sign_in(client: Client, password: str = PASSWORD, **extra: str) -> object:
    return client.post("/login/", {"email": "viewer@example.com", "password": password, **extra})


def _signed_in(client: Client) -> bool:
    return "_auth_user_id" in client.session


def test_the_login_page_is_a_plain_form_that_no_cache_keeps(client: Client) -> None:
    response = client.get("/login/")
    page = response.content.decode()
    assert response.status_code == 200
    assert 'name="email"' in page
    assert 'name="password"' in page
    assert "csrfmiddlewaretoken" in page
    assert "no-store" in response["Cache-Control"]


def test_it_starts_a_session_and_goes_to_the_live_page(client: Client, make_user: MakeUser) -> None:
    make_user()
    response = _sign_in(client)
    assert (response.status_code, response["Location"]) == (302, "/")  # type: ignore[attr-defined, index]
    assert _signed_in(client)


def test_it_asks_for_a_csrf_token(make_user: MakeUser) -> None:
    make_user()
    client = Client(enforce_csrf_checks=True)
    assert _sign_in(client).status_code == 403  # type: ignore[attr-defined]
    assert not _signed_in(client)


def test_it_returns_to_the_page_asked_for(client: Client, make_user: MakeUser) -> None:
    make_user()
    assert 'name="next" value="/history/?page=2"' in client.get("/login/?next=/history/%3Fpage%3D2").content.decode()
    assert _sign_in(client, next="/history/?page=2")["Location"] == "/history/?page=2"  # type: ignore[index]


@pytest.mark.parametrize(
    "elsewhere",
    [
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example",
        "\\\\evil.example",
        "http:///evil.example",
        "javascript:alert(1)",
        "https:evil.example",
        "\thttps://evil.example",
        "http://testserver@evil.example/",
    ],
)
def test_it_never_sends_anyone_to_another_site(client: Client, make_user: MakeUser, elsewhere: str) -> None:
    make_user()
    assert _sign_in(client, next=elsewhere)["Location"] == "/"  # type: ignore[index]
    assert client.get("/login/", {"next": elsewhere})["Location"] == "/"


def test_who_is_signed_in_has_no_use_for_the_login_page(client: Client, make_user: MakeUser) -> None:
    client.force_login(make_user(), backend="django.contrib.auth.backends.ModelBackend")
    assert client.get("/login/")["Location"] == "/"


def test_a_wrong_password_is_refused_on_the_page_without_repeating_it(client: Client, make_user: MakeUser) -> None:
    make_user()
    response = client.post("/login/", {"email": "viewer@example.com", "password": "a wrong one"})
    page = response.content.decode()
    assert response.status_code == 401
    assert "Incorrect email or password" in page
    assert 'value="viewer@example.com"' in page
    assert "a wrong one" not in page
    assert not _signed_in(client)


def test_a_disabled_user_is_told_so(client: Client, make_user: MakeUser) -> None:
    services.set_active(actor=None, user=make_user(), active=False)
    response = client.post("/login/", {"email": "viewer@example.com", "password": PASSWORD})
    assert response.status_code == 403
    assert "Inactive user" in response.content.decode()


@pytest.mark.parametrize("data", [{}, {"email": "not an address", "password": "x"}, {"email": "a@b.co"}])
def test_a_malformed_form_comes_back_with_messages_at_the_fields(client: Client, data: dict[str, str]) -> None:
    assert "field-error" in client.post("/login/", data).content.decode()
    assert not AuditEvent.objects.exists()


def test_a_lockout_has_a_page_that_says_when_to_come_back(client: Client, make_user: MakeUser) -> None:
    make_user()
    for _ in range(4):
        client.post("/login/", {"email": "viewer@example.com", "password": "wrong"})
    response = client.post("/login/", {"email": "viewer@example.com", "password": PASSWORD + "x"})
    page = response.content.decode()
    assert response.status_code == 429
    assert 890 <= int(response["Retry-After"]) <= 900
    assert "Try again in 15 minutes" in page
    assert "IST" in page
    assert client.post("/login/", {"email": "viewer@example.com", "password": PASSWORD}).status_code == 429
    assert not _signed_in(client)


def test_signing_in_changes_the_session_key(client: Client, make_user: MakeUser) -> None:
    make_user()
    session = client.session
    session["x"] = 1
    session.save()
    client.cookies["sessionid"] = str(session.session_key)
    _sign_in(client)
    assert client.session.session_key != session.session_key


def test_signing_out_is_a_post_ends_the_session_and_is_audited(client: Client, make_user: MakeUser) -> None:
    user = make_user()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    assert client.get("/logout/").status_code == 405
    assert client.post("/logout/")["Location"] == "/login/"
    assert not _signed_in(client)
    assert AuditEvent.objects.get(action="logout").actor == user


def test_signing_out_twice_is_one_event(client: Client) -> None:
    client.post("/logout/")
    assert not AuditEvent.objects.exists()


def test_the_password_page_wants_a_login_but_no_role(client: Client) -> None:
    assert client.get("/password/")["Location"] == "/login/?next=/password/"
    client.force_login(User.objects.create(email="new@example.com"), "django.contrib.auth.backends.ModelBackend")
    assert client.get("/password/").status_code == 200


def test_changing_the_password_keeps_this_session_and_ends_others(make_user: MakeUser) -> None:
    user = make_user()
    here, there = Client(), Client()
    for client in (here, there):
        _sign_in(client)
    data = {"current_password": PASSWORD, "new_password": NEW, "new_password_again": NEW}
    response = here.post("/password/", data, follow=True)
    assert "Your password is changed" in response.content.decode()
    assert User.objects.get(pk=user.pk).check_password(NEW)
    assert here.get("/password/").status_code == 200
    assert there.get("/password/").status_code == 302


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"current_password": "a guess"}, "This is not your current password."),
        ({"new_password_again": "something else 3"}, "The two new passwords differ."),
        ({"new_password": "short", "new_password_again": "short"}, "8 to 128 characters; this one has 5"),
        ({"new_password": "password1", "new_password_again": "password1"}, "too common"),
    ],
)
def test_a_refused_change_says_why_and_changes_nothing(
    client: Client, make_user: MakeUser, wrong: dict[str, str], says: str
) -> None:
    user = make_user()
    _sign_in(client)
    data = {"current_password": PASSWORD, "new_password": NEW, "new_password_again": NEW, **wrong}
    page = client.post("/password/", data).content.decode()
    assert says in page
    assert User.objects.get(pk=user.pk).check_password(PASSWORD)


def test_the_names_of_the_pages_are_what_the_others_link_to() -> None:
    names = ("accounts:login", "accounts:logout", "accounts:password-change")
    assert [reverse(name) for name in names] == ["/login/", "/logout/", "/password/"]
