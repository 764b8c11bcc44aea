from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts import services
from accounts.models import AuditEvent, User
from accounts.tests.conftest import PASSWORD, MakeUser
from deltastrangle.exceptions import InvalidInput

NEW = "another password 9"


@given(st.text(max_size=300))
def test_no_password_outside_8_to_128_characters_is_accepted(password: str) -> None:
    try:
        services.check_new_password(password)
    except InvalidInput:
        return
    assert 8 <= len(password) <= 128


@pytest.mark.parametrize("password", ["kq7v-2mz", "x" * 64 + "y" * 64])
def test_8_and_128_characters_are_accepted(password: str) -> None:
    services.check_new_password(password)


@pytest.mark.parametrize(
    ("password", "says"),
    [
        ("seven77", "8 to 128 characters; this one has 7"),
        ("x" * 129, "8 to 128 characters; this one has 129"),
        ("change-me", "placeholder"),
        ("password123", "too common"),
        ("9471038265", "entirely numeric"),
        ("ann.smithson", "too similar"),
    ],
)
def test_a_poor_password_is_refused_with_the_reason(password: str, says: str) -> None:
    with pytest.raises(InvalidInput, match=says):
        services.check_new_password(password, user=User(email="ann.smithson@example.com"))


@pytest.mark.django_db
def test_who_knows_the_current_password_changes_it(make_user: MakeUser) -> None:
    user = make_user()
    services.change_password(user=user, current=PASSWORD, new=NEW)
    assert User.objects.get(pk=user.pk).check_password(NEW)
    assert AuditEvent.objects.get(action="password.change").outcome == "ok"


@pytest.mark.django_db
def test_who_does_not_know_it_is_refused_and_the_attempt_is_on_record(make_user: MakeUser) -> None:
    user = make_user()
    with pytest.raises(InvalidInput) as refusal:
        services.change_password(user=user, current="a guess", new=NEW)
    assert list(refusal.value.fields or {}) == ["current_password"]
    assert User.objects.get(pk=user.pk).check_password(PASSWORD)
    assert AuditEvent.objects.get(action="password.change").outcome == "refused"


@pytest.mark.django_db
def test_a_poor_new_password_is_refused_at_its_field(make_user: MakeUser) -> None:
    user = make_user()
    with pytest.raises(InvalidInput) as refusal:
        services.change_password(user=user, current=PASSWORD, new="12345678")
    assert list(refusal.value.fields or {}) == ["new_password"]
    assert User.objects.get(pk=user.pk).check_password(PASSWORD)


@pytest.mark.django_db
def test_an_admin_gives_somebody_a_new_password(make_user: MakeUser) -> None:
    admin, user = make_user("admin"), make_user("viewer")
    services.set_password(actor=admin, user=user, password=NEW)
    assert User.objects.get(pk=user.pk).check_password(NEW)
    event = AuditEvent.objects.get(action="password.set")
    assert (event.actor, event.target) == (admin, user.email)
    assert NEW not in str(event.detail)
