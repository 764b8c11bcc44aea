"""Permissions in one query are those that Django finds in two."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import AnonymousUser, Permission
from pytest_django import DjangoAssertNumQueries

from accounts.backends import PermissionBackend, user_with_permissions
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


@pytest.mark.parametrize("role", ["viewer", "operator", "admin"])
def test_a_user_is_read_together_with_what_django_finds_in_three_queries(
    make_user: MakeUser, django_assert_num_queries: DjangoAssertNumQueries, role: str
) -> None:
    user = make_user(role)
    user.user_permissions.add(Permission.objects.get(codename="add_session"))
    with django_assert_num_queries(1):
        found = user_with_permissions(user.pk)
        assert found == user
        held = found.get_all_permissions()
    assert (found.email, found.is_active, found.created_at) == (user.email, user.is_active, user.created_at)
    assert held == ModelBackend().get_all_permissions(fresh(user))


def test_a_user_without_any_permission_is_found_and_nobody_is_not(make_user: MakeUser) -> None:
    user = make_user("viewer")
    user.groups.clear()
    found = user_with_permissions(user.pk)
    assert found is not None
    assert found.get_all_permissions() == set()
    assert user_with_permissions(user.pk + 1) is None


def test_a_superuser_keeps_every_permission(make_user: MakeUser) -> None:
    user = make_user("viewer")
    User.objects.filter(pk=user.pk).update(is_superuser=True)
    found = user_with_permissions(user.pk)
    assert found is not None
    assert len(found.get_all_permissions()) == Permission.objects.count()
