"""The analytics page without a browser: figures, filters, CSV, and what it says when there is nothing."""

from __future__ import annotations

import csv
import io
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from analytics.models import SessionSnapshot
from analytics.tests.rows import ENTERED, closed, configuration
from trading.tests import factories_control as make
from trading.tests.session_rows import finished_session

pytestmark = pytest.mark.django_db
WEEK = {"preset": "custom", "start": "2026-11-16", "end": "2026-11-25"}


@pytest.fixture
def client() -> Client:
    """A viewer's browser."""
    browser = Client()
    browser.force_login(make.user("viewer"))
    return browser


def shown(client: Client, *, htmx: bool = False, **query: Any) -> str:
    """The page's text, or the figures alone as htmx asks for them."""
    response = client.get(reverse("analytics"), {**WEEK, **query}, headers={"HX-Request": "true"} if htmx else {})
    assert response.status_code == 200
    return response.content.decode().replace("\u00a0", " ")


def test_strangers_go_to_the_login_page() -> None:
    for name, arguments in (("analytics", []), ("analytics-export", []), ("analytics-chart", ["equity"])):
        response = Client().get(reverse(name, args=arguments))
        assert (response.status_code, response["Location"].split("?")[0]) == (302, reverse("accounts:login"))


def test_without_a_session_it_says_how_to_get_one(client: Client) -> None:
    text = shown(client)
    assert "No closed session in this range" in text
    assert "data-chart" not in text


def test_it_tells_the_figures_of_a_session_and_what_made_them(client: Client) -> None:
    session = finished_session(make.configuration())
    text = shown(client)
    for figure in ("+$16.59", "+$17.68", "−$1.09", "Win rate 100.0 %", "1 session<", "Paper", "2 h 14 min", "35.65"):
        assert figure in text, figure
    assert reverse("session-detail", args=[session.pk]) in text
    for title in (
        "Equity",
        "Drawdown",
        "Rolling win rate",
        "Session P&amp;L histogram",
        "What made the P&amp;L",
        "Calendar",
    ):
        assert title in text, title
    assert "November 2026" in text
    assert "Trailing stop" in text


def test_htmx_gets_the_figures_alone(client: Client) -> None:
    closed(configuration(), "2")
    text = shown(client, htmx=True)
    assert "<html" not in text
    assert text.startswith('<div id="analytics-figures"')
    assert "every 10s" not in text
    assert "every 10s" in shown(client, htmx=True, auto="on")


def test_going_back_gets_the_whole_page(client: Client) -> None:
    headers = {"HX-Request": "true", "HX-History-Restore-Request": "true"}
    for name in ("analytics", "fees"):
        assert "<html" in client.get(reverse(name), headers=headers).content.decode()


def test_filters_narrow_and_live_is_never_mixed_in(client: Client) -> None:
    of = configuration()
    closed(of, "2")
    closed(of, "-7", mode="live", exit_reason="max_loss")
    assert "Net P&amp;L −$7.00" in shown(client)
    assert "Live money" in shown(client, htmx=True)
    assert "Net P&amp;L +$2.00" in shown(client, mode="paper")
    assert "Net P&amp;L −$5.00" in shown(client, mode="all")
    assert "All modes, mixed" in shown(client, mode="all", htmx=True)
    assert "No closed session" in shown(client, mode="live", exit_reason="max_profit")


def test_a_filter_that_cannot_be_read_says_so_and_filters_nothing(client: Client) -> None:
    closed(configuration(), "2")
    text = shown(client, revision="x", start="never")
    assert text.count('class="field-error"') == 2
    assert "Net P&amp;L +$2.00" in text


def test_sessions_are_paged_and_the_pages_keep_the_filter(client: Client) -> None:
    of = configuration()
    for place in range(17):
        closed(of, "1", entered=ENTERED + timedelta(hours=place))
    first = shown(client, mode="paper")
    assert "page 1 of 2" in first
    assert "mode=paper&amp;page=2" in first
    assert "page 2 of 2" in shown(client, page="2")
    assert shown(client, page="x").count("page 1 of 2") == 1


def test_a_day_of_the_calendar_sums_its_sessions(client: Client) -> None:
    of = configuration()
    closed(of, "2")
    closed(of, "-0.5", entered=ENTERED + timedelta(hours=3))
    text = shown(client, htmx=True)
    assert "+$1.50, 2 sessions" in text


@pytest.mark.parametrize(
    ("name", "header"),
    [
        ("equity", ["Ended", "Net P&L", "Before fees", "Fees"]),
        ("drawdown", ["Ended", "Drawdown"]),
        ("rolling_win_rate", ["Ended", "Win rate"]),
        ("histogram", ["From", "To", "Sessions"]),
    ],
)
def test_each_chart_has_its_csv(client: Client, name: str, header: list[str]) -> None:
    closed(configuration(), "2")
    response: Any = client.get(reverse("analytics-chart", args=[name]), WEEK)
    rows = list(csv.reader(io.StringIO(b"".join(response.streaming_content).decode())))
    assert rows[0] == header
    assert len(rows) == 2
    if name == "equity":
        assert rows[1][0] == "2026-11-20T11:30:00+05:30"
        assert [float(value) for value in rows[1][1:]] == [2.0, 2.25, 0.25]


def test_no_chart_has_another_name(client: Client) -> None:
    assert client.get(reverse("analytics-chart", args=["nothing"])).status_code == 404


def test_the_export_of_the_page_is_that_of_its_filters(client: Client) -> None:
    of = configuration()
    closed(of, "2")
    closed(of, "3", exit_reason="max_loss")
    response: Any = client.get(reverse("analytics-export"), {**WEEK, "exit_reason": "max_loss"})
    assert "metrics,trade_count,1" in b"".join(response.streaming_content).decode()


def test_the_navigation_leads_here(client: Client) -> None:
    assert f'<a href="{reverse("analytics")}" aria-current="page">Analytics</a>' in shown(client)


def test_the_admin_site_shows_snapshots_and_changes_none() -> None:
    session = closed(configuration(), "2")
    admin = Client()
    user = make.user("admin")
    user.is_staff = True
    user.save()
    admin.force_login(user)
    listing = reverse("admin:analytics_sessionsnapshot_changelist")
    shown(admin)
    assert session.strategy_id in admin.get(listing, {"q": session.strategy_id}).content.decode()
    assert session.strategy_id not in admin.get(listing, {"q": "another"}).content.decode()
    row = SessionSnapshot.objects.get()
    change = reverse("admin:analytics_sessionsnapshot_change", args=[row.pk])
    assert admin.get(change).status_code == 200
    assert admin.post(change, {"net": "5"}).status_code == 403
    assert admin.get(reverse("admin:analytics_sessionsnapshot_add")).status_code == 403
