from __future__ import annotations

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.hashers import identify_hasher, make_password
from django.db import IntegrityError, transaction
from pytest_django import Settings

from accounts.models import AuditEvent, User
from accounts.services import record_event
from accounts.tests.conftest import MakeUser
from deltastrangle import settings as shipped
from deltastrangle.exceptions import Conflict

pytestmark = pytest.mark.django_db


def test_it_is_the_user_model_of_the_project() -> None:
    assert get_user_model() is User
    assert User.USERNAME_FIELD == "email"


def test_it_stores_the_email_lower_case_whoever_sets_it() -> None:
    user = User.objects.create(email="  Ann@Example.COM ", password="!")
    assert User.objects.get(pk=user.pk).email == "ann@example.com"


def test_it_finds_a_user_by_the_email_in_any_case(make_user: MakeUser) -> None:
    user = make_user(email="ann@example.com")
    assert User.objects.get_by_natural_key("ANN@example.com") == user


def test_the_database_refuses_the_same_email_in_another_case() -> None:
    # `bulk_create` goes past `save`, as a hand-written INSERT would.
    User.objects.bulk_create([User(email="ann@example.com")])
    with pytest.raises(IntegrityError), transaction.atomic():
        User.objects.bulk_create([User(email="ANN@example.com")])


def test_createsuperuser_makes_somebody_who_may_do_everything() -> None:
    user = User.objects.create_superuser("root@example.com", "pw")
    assert user.is_staff
    assert user.has_perm("accounts.manage_users")


def test_it_shows_the_name_or_else_the_email() -> None:
    assert User(email="a@b.c", full_name="Ann Other").get_full_name() == "Ann Other"
    assert User(email="a@b.c", full_name="Ann Other").get_short_name() == "Ann"
    assert User(email="a@b.c").get_short_name() == "a@b.c"


def test_the_shipped_settings_hash_with_argon2(settings: Settings) -> None:
    settings.PASSWORD_HASHERS = shipped.PASSWORD_HASHERS
    assert identify_hasher(make_password("x")).algorithm == "argon2"


def _event() -> AuditEvent:
    return record_event(actor=None, action="login", outcome="ok", source="web")


def test_an_event_cannot_be_changed() -> None:
    event = _event()
    event.outcome = "failed"
    with pytest.raises(Conflict):
        event.save()
    with pytest.raises(Conflict):
        AuditEvent.objects.filter(pk=event.pk).update(outcome="failed")
    with pytest.raises(Conflict), transaction.atomic():
        AuditEvent.objects.bulk_update([event], ["outcome"])
    assert AuditEvent.objects.get(pk=event.pk).outcome == "ok"


def test_an_event_cannot_be_deleted() -> None:
    event = _event()
    with pytest.raises(Conflict):
        event.delete()
    with pytest.raises(Conflict):
        AuditEvent.objects.all().delete()
    assert AuditEvent.objects.filter(pk=event.pk).exists()


def test_events_outlive_the_user_they_are_about(make_user: MakeUser) -> None:
    user = make_user("operator")
    event = record_event(actor=user, action="session.start", outcome="ok")
    user.delete()
    event = AuditEvent.objects.get(pk=event.pk)
    assert event.actor is None
    assert event.actor_email == "operator@example.com"
