from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from django.contrib.auth import login
from django.contrib.sessions.backends.db import SessionStore
from django.http import HttpRequest
from django.test import RequestFactory
from django.utils import timezone

from accounts import services
from accounts.models import AuditEvent, User
from accounts.tests.conftest import PASSWORD, MakeUser
from deltastrangle.exceptions import ApplicationError, NotAuthenticated, PermissionRefused

pytestmark = pytest.mark.django_db
LIMIT = 5


def _request(ip: str = "10.0.0.1") -> HttpRequest:
    request = RequestFactory().post("/login/", REMOTE_ADDR=ip)
    request.session = SessionStore()
    return request


def _sign_in(email: str = "viewer@example.com", password: str = PASSWORD, ip: str = "10.0.0.1") -> User:
    return services.authenticate_user(request=_request(ip), email=email, password=password)


def _fail(times: int, email: str = "viewer@example.com", ip: str = "10.0.0.1") -> list[type[ApplicationError]]:
    met = []
    for _ in range(times):
        with pytest.raises(ApplicationError) as refusal:
            _sign_in(email, "wrong", ip)
        met.append(refusal.type)
    return met


def _reasons() -> list[str]:
    refused = AuditEvent.objects.filter(action="login", outcome="refused").order_by("id")
    return [event.detail["reason"] for event in refused]


def test_the_right_password_signs_in_in_any_case_of_the_email(make_user: MakeUser) -> None:
    user = make_user()
    assert _sign_in(" VIEWER@Example.com") == user
    event = AuditEvent.objects.get(action="login")
    assert (event.actor, event.outcome, event.ip) == (user, "ok", "10.0.0.1")


def test_a_wrong_password_and_an_unknown_email_are_refused_in_the_same_words(make_user: MakeUser) -> None:
    user = make_user()
    for email in ("viewer@example.com", "nobody@example.com"):
        with pytest.raises(NotAuthenticated, match=r"^Incorrect email or password$"):
            _sign_in(email, "wrong")
    events = AuditEvent.objects.filter(action="login").order_by("id")
    assert [(event.actor, event.actor_email) for event in events] == [
        (user, "viewer@example.com"),
        (None, "nobody@example.com"),
    ]
    assert "wrong" not in str([event.detail for event in events])


def test_a_disabled_user_is_told_so_only_with_the_right_password(make_user: MakeUser) -> None:
    services.set_active(actor=None, user=make_user(), active=False)
    with pytest.raises(PermissionRefused, match=r"^Inactive user$"):
        _sign_in()
    with pytest.raises(NotAuthenticated, match=r"^Incorrect email or password$"):
        _sign_in(password="wrong")


def test_repeated_failures_lock_out_even_the_right_password(make_user: MakeUser) -> None:
    make_user()
    assert _fail(LIMIT) == [NotAuthenticated] * (LIMIT - 1) + [services.LockedOut]
    with pytest.raises(services.LockedOut, match="Try again in 15 minutes"):
        _sign_in()


def test_an_unknown_email_is_locked_out_as_well_so_that_it_cannot_be_told_apart() -> None:
    assert _fail(LIMIT, email="nobody@example.com")[-1] is services.LockedOut


def test_a_lockout_says_when_it_ends_and_lasts_until_then(make_user: MakeUser) -> None:
    make_user()
    start = timezone.now()
    with time_machine.travel(start, tick=False):
        _fail(LIMIT)
    minute_later = start + timedelta(minutes=1)
    with time_machine.travel(minute_later, tick=False), pytest.raises(services.LockedOut) as refusal:
        _sign_in()
    assert refusal.value.retry_at - minute_later == timedelta(seconds=refusal.value.retry_after)
    with (
        time_machine.travel(refusal.value.retry_at - timedelta(seconds=1), tick=False),
        pytest.raises(services.LockedOut),
    ):
        _sign_in()


def test_after_the_time_it_named_a_lockout_is_over(make_user: MakeUser) -> None:
    make_user()
    _fail(LIMIT)
    with pytest.raises(services.LockedOut) as refusal:
        _sign_in()
    with time_machine.travel(refusal.value.retry_at + timedelta(seconds=1), tick=False):
        assert _sign_in().email == "viewer@example.com"


def test_a_lockout_keeps_out_neither_others_nor_the_same_user_elsewhere(make_user: MakeUser) -> None:
    make_user("viewer")
    make_user("operator")
    _fail(LIMIT)
    assert _sign_in("operator@example.com").email == "operator@example.com"
    assert _sign_in(ip="10.0.0.2").email == "viewer@example.com"


def test_a_success_forgets_earlier_failures(make_user: MakeUser) -> None:
    make_user()
    for _ in range(2):
        _fail(LIMIT - 1)
        request = _request()
        login(request, services.authenticate_user(request=request, email="viewer@example.com", password=PASSWORD))
    assert _reasons() == ["not_authenticated"] * 2 * (LIMIT - 1)


def test_knocking_on_a_locked_door_leaves_one_event_not_a_flood(make_user: MakeUser) -> None:
    make_user()
    _fail(LIMIT + 10)
    assert _reasons() == ["not_authenticated"] * (LIMIT - 1) + ["locked_out"]


def test_an_admin_lifts_a_lockout(make_user: MakeUser) -> None:
    user, admin = make_user(), make_user("admin")
    _fail(LIMIT)
    services.lift_lockout(actor=admin, user=user)
    assert _sign_in() == user
    assert AuditEvent.objects.get(action="user.unlock").actor == admin


def test_a_viewer_lifts_no_lockout(make_user: MakeUser) -> None:
    viewer = make_user()
    _fail(LIMIT)
    with pytest.raises(PermissionRefused):
        services.lift_lockout(actor=viewer, user=viewer)
    assert _fail(1) == [services.LockedOut]
