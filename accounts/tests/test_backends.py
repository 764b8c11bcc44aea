"""Permissions in one query are those that Django finds in two."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import AnonymousUser, Permission
from pytest_django import DjangoAssertNumQueries

from accounts.backends import PermissionBackend
from accounts.models import User
from accounts.permissions import can_manage_users, can_operate, can_view

pytestmark = pytest.mark.django_db
MakeUser = Callable[..., User]


def fresh(user: User) -> User:
    """The user as the next request sees them."""
    return User.objects.get(pk=user.pk)


@pytest.mark.parametrize("role", ["viewer", "operator", "admin"])
def test_they_are_what_django_finds(make_user: MakeUser, role: str) -> None:
    user = make_user(role)
    user.user_permissions.add(Permission.objects.get(codename="add_session"))
    found = PermissionBackend().get_all_permissions(fresh(user))
    assert "sessions.add_session" in found
    assert found == ModelBackend().get_all_permissions(fresh(user))


def test_all_questions_of_a_request_cost_one_query(
    make_user: MakeUser, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    user = fresh(make_user("viewer"))
    with django_assert_num_queries(1):
        assert (can_view(user), can_operate(user), can_manage_users(user)) == (True, False, False)


def test_who_is_disabled_or_nobody_has_none(make_user: MakeUser) -> None:
    user = make_user("operator")
    user.is_active = False
    assert PermissionBackend().get_all_permissions(user) == set()
    assert PermissionBackend().get_all_permissions(AnonymousUser()) == set()
