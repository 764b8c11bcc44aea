"""The audit trail as a page."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.test import Client
from django.urls import reverse

from accounts.models import AuditEvent, User

pytestmark = pytest.mark.django_db


def browser(role: str) -> Client:
    """A signed-in user with this role."""
    user = User.objects.create_user(f"{role}@example.com", "correct horse battery")
    user.groups.add(Group.objects.get(name=role))
    client = Client()
    client.force_login(user)
    return client


def event(action: str, **fields: Any) -> AuditEvent:
    """Something that happened."""
    given = {"outcome": "ok", "source": "web", "actor_email": "operator@example.com", **fields}
    return AuditEvent.objects.create(action=action, **given)


def shown(client: Client, **query: str) -> str:
    """The table alone."""
    response = client.get(reverse("accounts:audit"), query, headers={"HX-Request": "true"})
    assert response.status_code == 200
    return response.content.decode()


@pytest.mark.parametrize(("role", "status"), [("admin", 200), ("operator", 403), ("viewer", 403)])
def test_only_who_may_manage_users_reads_it(role: str, status: int) -> None:
    client = browser(role)
    assert client.get(reverse("accounts:audit")).status_code == status
    link = f'href="{reverse("accounts:audit")}"'
    assert (link in client.get(reverse("accounts:password-change")).content.decode()) == (status == 200)


def test_strangers_sign_in_first() -> None:
    assert Client().get(reverse("accounts:audit")).status_code == 302


def test_an_event_tells_who_did_what_and_why_it_was_refused() -> None:
    event("control.start", outcome="refused", target="Demo", ip="10.0.0.7", detail={"reason": "<b>halted</b>"})
    text = shown(browser("admin"))
    for part in ("control.start", "operator@example.com", "refused", "Demo", "10.0.0.7", "&lt;b&gt;halted&lt;/b&gt;"):
        assert part in text.replace("Refused", "refused"), part


def test_each_filter_narrows() -> None:
    client = browser("admin")
    event("control.start", target="First", at=datetime(2026, 11, 20, 18, 29, tzinfo=UTC))
    event(
        "control.panic", target="Second", at=datetime(2026, 11, 20, 18, 31, tzinfo=UTC), source="api", outcome="failed"
    )
    for query in (
        {"action": "control.panic"},
        {"outcome": "failed"},
        {"source": "api"},
        {"text": "sec"},
        {"start": "2026-11-21", "end": "2026-11-21"},
    ):
        text = shown(client, **query)
        assert ("Second" in text, "First" in text) == (True, False), query
    assert "First" in shown(client, end="2026-11-20")
    assert "No event matches" in shown(client, text="nobody did this")


def test_a_filter_that_cannot_be_read_says_so() -> None:
    client = browser("admin")
    event("control.start")
    text = client.get(reverse("accounts:audit"), {"start": "never"}).content.decode()
    assert 'class="field-error"' in text
    assert "control.start" in text


def test_pages_keep_the_filter() -> None:
    client = browser("admin")
    for _ in range(51):
        event("control.start")
    assert "outcome=ok&amp;page=2" in shown(client, outcome="ok")
    assert "page 2 of 2" in shown(client, outcome="ok", page="2")
    assert "page 2 of 2" in shown(client, outcome="ok", page="99")
    assert "page 1 of 2" in shown(client, outcome="ok", page="x")
