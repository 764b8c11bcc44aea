from __future__ import annotations

from decimal import Decimal

import pytest
from django.test import RequestFactory

from accounts import selectors
from accounts.models import AuditEvent
from accounts.services import record_event
from accounts.tests.conftest import MakeUser
from deltastrangle.logs import logging_context

pytestmark = pytest.mark.django_db


def test_it_records_who_what_to_what_from_where_and_how_it_ended(make_user: MakeUser, rf: RequestFactory) -> None:
    user = make_user("operator")
    request = rf.post("/", REMOTE_ADDR="10.1.2.3")
    with logging_context(correlation_id="abc"):
        made = record_event(
            actor=user,
            action="configuration.save",
            outcome="ok",
            target="Demo",
            request=request,
            source="api",
            detail={"credit": Decimal("1.50"), "revision": 3},
        )
    event = AuditEvent.objects.get(pk=made.pk)
    assert (event.actor, event.actor_email) == (user, "operator@example.com")
    assert (event.action, event.target, event.outcome, event.source) == ("configuration.save", "Demo", "ok", "api")
    assert (event.ip, event.correlation_id) == ("10.1.2.3", "abc")
    assert event.detail == {"credit": "1.50", "revision": 3}


def test_without_a_request_it_has_no_address() -> None:
    event = record_event(actor=None, action="session.close", outcome="ok", source="engine")
    assert (event.ip, event.actor_email) == (None, "")


@pytest.mark.parametrize("address", ["", "unix:", "not an address"])
def test_a_peer_without_an_address_is_recorded_without_one(rf: RequestFactory, address: str) -> None:
    request = rf.get("/", REMOTE_ADDR=address)
    assert record_event(actor=None, action="login", outcome="ok", request=request).ip is None


def test_text_that_no_database_takes_is_cut_and_cleaned() -> None:
    made = record_event(
        actor=None,
        actor_email="x" * 999,
        action="a" * 999,
        outcome="refused",
        target="t\x00" * 999,
        detail={"n": ["\x00"]},
    )
    event = AuditEvent.objects.get(pk=made.pk)
    assert (len(event.actor_email), len(event.action), event.target) == (254, 64, "t" * 200)
    assert event.detail == {"n": [""]}


def test_secrets_in_the_detail_are_blotted_out() -> None:
    event = record_event(actor=None, action="x", outcome="ok", detail={"api_key": "k", "deep": {"password": "p"}})
    assert event.detail == {"api_key": "***", "deep": {"password": "***"}}


@pytest.mark.parametrize("wrong", [{"outcome": "maybe"}, {"source": "pigeon"}])
def test_an_unknown_outcome_or_source_is_a_bug(wrong: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong.values()))):
        record_event(**{"actor": None, "action": "x", "outcome": "ok", "source": "web", **wrong})  # type: ignore[arg-type]


def test_events_are_found_by_action_actor_and_target_newest_first(make_user: MakeUser) -> None:
    user = make_user("operator")
    first = record_event(actor=user, action="panic", outcome="ok", target="A")
    second = record_event(actor=user, action="panic", outcome="ok", target="B")
    record_event(actor=None, action="panic", outcome="ok", target="A")
    assert list(selectors.audit_events(action="panic", email="OPERATOR@example.com")) == [second, first]
    assert selectors.audit_events(action="panic", target="A").count() == 2
