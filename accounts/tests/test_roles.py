from __future__ import annotations

import pytest
from django.apps import apps
from django.contrib.auth.models import Group, Permission
from django.core.management import call_command

from accounts import roles

EXPECTED = {
    "viewer": {"view_platform"},
    "operator": {"view_platform", "operate_trading"},
    "admin": {"view_platform", "operate_trading", "manage_users"},
}


def _granted() -> dict[str, set[str]]:
    return {
        group.name: set(group.permissions.values_list("codename", flat=True))
        for group in Group.objects.filter(name__in=roles.ROLES)
    }


def _ensure() -> None:
    roles.ensure_groups(app_config=apps.get_app_config("accounts"), apps=apps, using="default")


@pytest.mark.django_db
def test_a_migrated_database_has_the_three_roles() -> None:
    assert _granted() == EXPECTED


@pytest.mark.django_db
def test_it_makes_groups_and_permissions_that_are_missing_and_may_run_again() -> None:
    Group.objects.all().delete()
    Permission.objects.filter(content_type__app_label="accounts").delete()
    for _ in range(2):
        _ensure()
        assert _granted() == EXPECTED


@pytest.mark.django_db
def test_it_takes_back_a_right_that_the_role_does_not_have_and_leaves_foreign_ones() -> None:
    viewer = Group.objects.get(name="viewer")
    viewer.permissions.add(Permission.objects.get(codename="operate_trading"))
    viewer.permissions.add(Permission.objects.get(codename="add_group"))
    _ensure()
    assert _granted()["viewer"] == {"view_platform", "add_group"}


@pytest.mark.django_db(transaction=True)
def test_roles_come_back_after_a_flush() -> None:
    call_command("flush", interactive=False, verbosity=0)
    assert _granted() == EXPECTED


@pytest.mark.django_db(transaction=True)
def test_migrating_back_and_forth_keeps_the_roles() -> None:
    call_command("migrate", "sessions", "zero", verbosity=0)
    call_command("migrate", "sessions", verbosity=0)
    assert _granted() == EXPECTED
