from __future__ import annotations

import threading
from datetime import timedelta

import pytest
import time_machine
from django.db import connection
from django.utils import timezone
from rest_framework_simplejwt.tokens import AccessToken, RefreshToken

from accounts import services
from accounts.tests.conftest import PASSWORD, MakeUser
from deltastrangle.exceptions import NotAuthenticated, PermissionRefused

pytestmark = pytest.mark.django_db


def test_the_access_token_speaks_for_its_user_for_an_hour(make_user: MakeUser) -> None:
    user = make_user()
    token = AccessToken(services.issue_tokens(user=user)["access_token"])  # type: ignore[arg-type]
    assert services.user_of_token(token) == user
    # Each of the two is rounded down to a second on its own.
    assert abs(token["exp"] - token["iat"] - 3600) <= 1


def test_a_refresh_token_serves_once(make_user: MakeUser) -> None:
    tokens = services.issue_tokens(user=make_user())
    _, fresh = services.refresh_tokens(refresh=tokens["refresh_token"])
    with pytest.raises(NotAuthenticated):
        services.refresh_tokens(refresh=tokens["refresh_token"])
    services.refresh_tokens(refresh=fresh["refresh_token"])


@pytest.mark.django_db(transaction=True)
def test_of_two_exchanges_at_once_one_is_refused(make_user: MakeUser) -> None:
    refresh = services.issue_tokens(user=make_user())["refresh_token"]
    outcomes: list[str] = []
    gate = threading.Barrier(2)

    def exchange() -> None:
        gate.wait()
        try:
            services.refresh_tokens(refresh=refresh)
            outcomes.append("exchanged")
        except NotAuthenticated:
            outcomes.append("refused")
        finally:
            connection.close()

    threads = [threading.Thread(target=exchange) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["exchanged", "refused"]


def test_a_refresh_token_ends_after_a_day(make_user: MakeUser) -> None:
    refresh = services.issue_tokens(user=make_user())["refresh_token"]
    with time_machine.travel(timezone.now() + timedelta(days=1, seconds=1)), pytest.raises(NotAuthenticated):
        services.refresh_tokens(refresh=refresh)


def test_an_access_token_is_no_refresh_token(make_user: MakeUser) -> None:
    with pytest.raises(NotAuthenticated):
        services.refresh_tokens(refresh=services.issue_tokens(user=make_user())["access_token"])


def test_a_token_that_was_not_issued_here_is_refused_even_with_our_signature(make_user: MakeUser) -> None:
    with pytest.raises(NotAuthenticated):
        services.refresh_tokens(refresh=str(RefreshToken.for_user(make_user())))


def test_a_changed_password_ends_all_tokens(make_user: MakeUser) -> None:
    user = make_user()
    tokens = services.issue_tokens(user=user)
    services.change_password(user=user, current=PASSWORD, new="another password 9")
    with pytest.raises(NotAuthenticated):
        services.user_of_token(AccessToken(tokens["access_token"]))  # type: ignore[arg-type]
    with pytest.raises(NotAuthenticated):
        services.refresh_tokens(refresh=tokens["refresh_token"])


def test_a_disabled_user_is_refused_and_the_old_refresh_token_stays_dead_afterwards(make_user: MakeUser) -> None:
    user = make_user()
    tokens = services.issue_tokens(user=user)
    services.set_active(actor=None, user=user, active=False)
    with pytest.raises(PermissionRefused, match="Inactive user"):
        services.user_of_token(AccessToken(tokens["access_token"]))  # type: ignore[arg-type]
    services.set_active(actor=None, user=user, active=True)
    with pytest.raises(NotAuthenticated):
        services.refresh_tokens(refresh=tokens["refresh_token"])


def test_the_token_of_a_user_who_is_gone_says_so(make_user: MakeUser) -> None:
    user = make_user()
    token = AccessToken(services.issue_tokens(user=user)["access_token"])  # type: ignore[arg-type]
    user.delete()
    with pytest.raises(NotAuthenticated, match="User not found"):
        services.user_of_token(token)


def test_nobody_ends_the_token_of_somebody_else(make_user: MakeUser) -> None:
    refresh = services.issue_tokens(user=make_user("operator"))["refresh_token"]
    with pytest.raises(NotAuthenticated):
        services.revoke_token(refresh=refresh, user=make_user("viewer"))
    services.refresh_tokens(refresh=refresh)
