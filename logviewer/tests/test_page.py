"""The log page without a browser: summary, filters, live tail, payloads, CSV, and what it says of nothing."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from logviewer.tests.conftest import a_user
from logviewer.tests.written import stored

pytestmark = pytest.mark.django_db


@pytest.fixture
def client() -> Client:
    """A viewer's browser."""
    browser = Client()
    browser.force_login(a_user(), "django.contrib.auth.backends.ModelBackend")
    return browser


def shown(client: Client, *, htmx: bool = False, **query: Any) -> str:
    """The page's text, or the panel alone as htmx asks for it."""
    response = client.get(reverse("logs"), query, headers={"HX-Request": "true"} if htmx else {})
    assert response.status_code == 200
    return response.content.decode()


@pytest.mark.parametrize("name", ["logs", "logs-export"])
def test_strangers_go_to_the_login_page_and_those_without_a_role_nowhere(name: str) -> None:
    response = Client().get(reverse(name))
    assert (response.status_code, response["Location"].split("?")[0]) == (302, reverse("accounts:login"))
    browser = Client()
    browser.force_login(a_user(""), "django.contrib.auth.backends.ModelBackend")
    assert browser.get(reverse(name)).status_code == 403


def test_without_a_line_it_says_who_reads_the_log(client: Client) -> None:
    assert "No line yet" in shown(client)
    assert "No line matches" in shown(client, search="nothing")


def test_it_shows_lines_with_their_payload_and_a_way_to_their_relatives(client: Client) -> None:
    stored({"message": "<b>sold</b>", "correlation_id": "c1", "event": "order.filled", "price": 12.5})
    text = shown(client)
    assert "&lt;b&gt;sold&lt;/b&gt;" in text
    assert "&quot;price&quot;: 12.5" in text
    assert 'data-copy="c1"' in text
    assert "?correlation_id=c1" in text
    assert "order.filled" in text


def test_the_summary_tells_levels_and_the_newest_trouble(client: Client) -> None:
    stored({}, {"level": "WARNING", "message": "it is late"}, {"level": "ERROR", "message": "it broke"})
    text = shown(client)
    for part in ("<dt>Warning</dt><dd>1</dd>", "it is late", "it broke", "<dt>trading.engine</dt><dd>3</dd>"):
        assert part in text, part


def test_htmx_gets_the_panel_alone_and_live_asks_again(client: Client) -> None:
    stored({})
    text = shown(client, htmx=True)
    assert text.startswith('<div id="log-lines"')
    assert "every 5s" not in text
    live = shown(client, htmx=True, live="on", level="INFO")
    assert 'hx-trigger="every 5s"' in live
    assert "level=INFO" in live


def test_pages_lead_to_each_other_with_the_filter(client: Client) -> None:
    stored(*[{"message": f"number {number}"} for number in range(60)])
    first = shown(client, page_size=25, level="INFO")
    assert "1–25 of 60" in first
    assert "page_size=25&amp;level=INFO&amp;page=2" in first
    last = shown(client, page_size=25, page=3)
    assert "51–60 of 60" in last
    assert 'rel="next"' not in last
    assert "Back to the newest" in shown(client, page=99)


def test_a_quick_range_counts_back_from_now(client: Client) -> None:
    stored({"message": "long ago"}, {"message": "just now", "timestamp": datetime.now(UTC).isoformat()})
    text = shown(client, range="15m")
    assert "just now" in text
    assert "long ago" not in text
    between = shown(client, start="2026-11-22T10:29:00", end="2026-11-22T10:31:00")
    assert "long ago" in between
    assert "just now" not in between


def test_a_field_that_cannot_be_read_says_so(client: Client) -> None:
    text = shown(client, start="soon", page_size="7", page="-1")
    assert text.count("field-error") == 2


def test_the_csv_has_what_the_page_shows(client: Client) -> None:
    stored({"level": "ERROR", "message": "it broke"}, {"message": "fine"})
    text = b"".join(client.get(reverse("logs-export"), {"level": "ERROR"})).decode()
    assert "it broke" in text
    assert "fine" not in text


def test_the_admin_site_shows_and_searches_but_writes_nothing() -> None:
    admin = a_user("admin")
    admin.is_staff = True
    admin.save()
    browser = Client()
    browser.force_login(admin, "django.contrib.auth.backends.ModelBackend")
    (row,) = stored({"message": "sold one"})
    listed = browser.get(reverse("admin:logviewer_backendlog_changelist"), {"q": "sold"})
    assert b"sold one" in listed.content
    assert b"sold one" not in browser.get(reverse("admin:logviewer_backendlog_changelist"), {"q": "bought"}).content
    for name in ("frontendlog", "logfile"):
        assert browser.get(reverse(f"admin:logviewer_{name}_changelist")).status_code == 200
    assert browser.post(reverse("admin:logviewer_backendlog_delete", args=[row.pk])).status_code == 403
