from __future__ import annotations

import threading

import pytest
from django.db import connection
from pytest_django import Settings

from accounts import roles, services
from accounts.models import AuditEvent, User
from accounts.permissions import can_operate, role_of
from accounts.tests.conftest import PASSWORD, MakeUser
from deltastrangle.exceptions import ApplicationError, Conflict, InvalidInput, PermissionRefused

pytestmark = pytest.mark.django_db


def _events(action: str) -> list[AuditEvent]:
    return list(AuditEvent.objects.filter(action=action))


def test_a_new_user_has_the_role_and_an_audit_event(make_user: MakeUser) -> None:
    admin = make_user("admin")
    user = services.create_user(
        actor=admin, email="Ann@Example.com", password=PASSWORD, role="operator", full_name="Ann"
    )
    assert (user.email, user.full_name, role_of(user), user.is_staff) == ("ann@example.com", "Ann", "operator", False)
    assert user.check_password(PASSWORD)
    event = _events("user.create")[0]
    assert (event.actor, event.target, event.detail) == (admin, "ann@example.com", {"role": "operator"})


def test_only_admins_may_enter_the_admin_site(make_user: MakeUser) -> None:
    assert [make_user(role).is_staff for role in roles.ROLES] == [False, False, True]


@pytest.mark.parametrize("role", ["viewer", "operator"])
def test_who_does_not_manage_users_makes_none(make_user: MakeUser, role: str) -> None:
    with pytest.raises(PermissionRefused):
        services.create_user(actor=make_user(role), email="x@example.com", password=PASSWORD, role="admin")
    assert not User.objects.filter(email="x@example.com").exists()


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("email", {"email": "not an address"}),
        ("email", {"email": "x" * 250 + "@example.com"}),
        ("password", {"password": "short"}),
        ("role", {"role": "emperor"}),
        ("full_name", {"full_name": "n" * 256}),
    ],
)
def test_bad_input_is_refused_at_its_field(field: str, wrong: dict[str, str]) -> None:
    given = {"email": "x@example.com", "password": PASSWORD, "role": "viewer", **wrong}
    with pytest.raises(InvalidInput) as refusal:
        services.create_user(actor=None, **given)  # type: ignore[arg-type]
    assert list(refusal.value.fields or {}) == [field]
    assert not User.objects.exists()


def test_an_email_has_one_account_in_any_case(make_user: MakeUser) -> None:
    make_user(email="ann@example.com")
    with pytest.raises(ApplicationError, match="User already exists") as refusal:
        services.create_user(actor=None, email="ANN@example.com", password=PASSWORD, role="viewer")
    assert refusal.value.status == 400


@pytest.mark.django_db(transaction=True)
def test_of_two_who_take_an_email_at_once_one_is_told_it_exists() -> None:
    outcomes: list[str] = []
    gate = threading.Barrier(2)

    def take() -> None:
        gate.wait()
        try:
            services.create_user(actor=None, email="ann@example.com", password=PASSWORD, role="viewer")
            outcomes.append("made")
        except ApplicationError as error:
            outcomes.append(error.detail)
        finally:
            connection.close()

    threads = [threading.Thread(target=take) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["User already exists", "made"]


def test_registration_is_closed_by_default() -> None:
    with pytest.raises(services.RegistrationClosed, match="closed"):
        services.register(email="ann@example.com", password=PASSWORD)
    assert not User.objects.exists()


def test_who_registers_is_a_viewer(settings: Settings) -> None:
    settings.REGISTRATION_ENABLED = True
    user = services.register(email="ann@example.com", password=PASSWORD, full_name="Ann")
    assert role_of(user) == "viewer"
    assert not can_operate(user)
    assert _events("register")[0].actor == user


def test_the_first_admin_gets_the_password_given() -> None:
    user, created, generated = services.ensure_initial_superuser("Root@Example.com", PASSWORD)
    assert (created, generated, role_of(user), user.is_superuser, user.is_staff) == (True, None, "admin", True, True)
    assert user.check_password(PASSWORD)


def test_the_first_admin_gets_a_generated_password_when_none_is_given() -> None:
    user, created, generated = services.ensure_initial_superuser("root@example.com", None)
    assert created
    assert generated
    assert len(generated) >= 20
    assert user.check_password(generated)


def test_the_first_admin_is_made_once_and_keeps_the_password(make_user: MakeUser) -> None:
    services.ensure_initial_superuser("root@example.com", PASSWORD)
    user, created, generated = services.ensure_initial_superuser("ROOT@example.com", "another password 9")
    assert (created, generated, User.objects.count()) == (False, None, 1)
    assert user.check_password(PASSWORD)


@pytest.mark.parametrize("password", ["change-me", "Change-Me", "changeme"])
def test_the_first_admin_cannot_have_the_placeholder_of_a_template(password: str) -> None:
    with pytest.raises(InvalidInput, match="placeholder"):
        services.ensure_initial_superuser("root@example.com", password)
    assert not User.objects.exists()


def test_raising_a_role_takes_effect_at_once_and_is_audited(make_user: MakeUser) -> None:
    admin, user = make_user("admin"), make_user("viewer")
    assert not can_operate(user)
    services.set_role(actor=admin, user=user, role="operator")
    assert can_operate(user)
    assert can_operate(User.objects.get(pk=user.pk))
    event = _events("user.role")[0]
    assert (event.actor, event.target) == (admin, user.email)
    assert event.detail == {"before": "viewer", "after": "operator"}


def test_a_user_has_one_role_at_a_time(make_user: MakeUser) -> None:
    user = make_user("operator")
    services.set_role(actor=None, user=user, role="viewer")
    assert list(user.groups.values_list("name", flat=True)) == ["viewer"]


def test_the_same_role_again_is_no_event(make_user: MakeUser) -> None:
    services.set_role(actor=None, user=make_user("operator"), role="operator")
    assert _events("user.role") == []


def test_nobody_raises_their_own_role(make_user: MakeUser) -> None:
    user = make_user("operator")
    with pytest.raises(PermissionRefused):
        services.set_role(actor=user, user=user, role="admin")
    assert role_of(user) == "operator"


def test_the_last_admin_stays(make_user: MakeUser) -> None:
    admin = make_user("admin")
    with pytest.raises(Conflict, match="last active admin"):
        services.set_role(actor=admin, user=admin, role="viewer")
    with pytest.raises(Conflict, match="last active admin"):
        services.set_active(actor=admin, user=admin, active=False)
    admin.refresh_from_db()
    assert (role_of(admin), admin.is_active) == ("admin", True)


def test_a_disabled_admin_does_not_count_as_another_one(make_user: MakeUser) -> None:
    first, second = make_user("admin"), make_user("admin", email="second@example.com")
    services.set_active(actor=first, user=second, active=False)
    with pytest.raises(Conflict):
        services.set_role(actor=first, user=first, role="viewer")


def test_one_of_two_admins_may_step_down(make_user: MakeUser) -> None:
    first = make_user("admin")
    make_user("admin", email="second@example.com")
    services.set_role(actor=first, user=first, role="viewer")
    assert (role_of(first), first.is_staff) == ("viewer", False)


def test_an_admin_does_not_touch_a_superuser(make_user: MakeUser) -> None:
    admin = make_user("admin")
    root, _, _ = services.ensure_initial_superuser("root@example.com", PASSWORD)
    with pytest.raises(PermissionRefused):
        services.set_role(actor=admin, user=root, role="viewer")
    with pytest.raises(PermissionRefused):
        services.set_active(actor=admin, user=root, active=False)
    with pytest.raises(PermissionRefused):
        services.set_password(actor=admin, user=root, password="another password 9")
    with pytest.raises(PermissionRefused):
        services.edit_user(actor=admin, user=root, email="mine@example.com", full_name="")


def test_a_superuser_given_a_lesser_role_is_one_no_longer(make_user: MakeUser) -> None:
    make_user("admin")
    root, _, _ = services.ensure_initial_superuser("root@example.com", PASSWORD)
    services.set_role(actor=None, user=root, role="viewer")
    assert (root.is_superuser, root.is_staff, role_of(root)) == (False, False, "viewer")


def test_disabling_and_enabling_is_audited(make_user: MakeUser) -> None:
    admin, user = make_user("admin"), make_user("viewer")
    services.set_active(actor=admin, user=user, active=False)
    services.set_active(actor=admin, user=user, active=False)
    services.set_active(actor=admin, user=user, active=True)
    assert [len(_events(f"user.{action}")) for action in ("disable", "enable")] == [1, 1]


def test_editing_a_user_says_what_changed(make_user: MakeUser) -> None:
    admin, user = make_user("admin"), make_user("viewer")
    services.edit_user(actor=admin, user=user, email="New@Example.com", full_name="")
    assert User.objects.get(pk=user.pk).email == "new@example.com"
    assert _events("user.edit")[0].detail == {"email": ["viewer@example.com", "new@example.com"]}
    services.edit_user(actor=admin, user=user, email="new@example.com", full_name="")
    assert len(_events("user.edit")) == 1


def test_an_email_cannot_be_changed_into_somebody_elses(make_user: MakeUser) -> None:
    user, other = make_user("viewer"), make_user("operator")
    with pytest.raises(ApplicationError, match="already exists"):
        services.edit_user(actor=None, user=user, email=other.email.upper(), full_name="")
