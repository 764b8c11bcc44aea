"""The dashboard, the sessions and the export; who may read them, and in how many queries."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from accounts.models import User
from analytics.services import record_all
from analytics.tests.rows import ENTERED, closed, configuration
from trading.tests import factories_control as make

pytestmark = pytest.mark.django_db
ROUTES = ("dashboard", "history", "sessions", "export")
WEEK = {"start": "2026-11-16", "end": "2026-11-22"}
QUERIES = {"dashboard": 8, "history": 16, "sessions": 6, "export": 12}
"""Of each route once everything is recorded, whatever it has to tell."""


def body_of(response: Any) -> str:
    """The text of a streamed answer."""
    return b"".join(response.streaming_content).decode()


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("slash", ["", "/"])
def test_each_route_answers_with_and_without_a_slash_and_without_data(api: APIClient, route: str, slash: str) -> None:
    assert api.get(f"/api/analytics/{route}{slash}").status_code == 200


@pytest.mark.parametrize("route", ROUTES)
def test_strangers_and_users_without_a_role_are_refused(route: str) -> None:
    stranger, nobody = APIClient(), APIClient()
    nobody.force_authenticate(User.objects.create_user("nobody@example.com", "correct horse battery"))
    assert stranger.get(f"/api/analytics/{route}").status_code == 401
    assert stranger.get(f"/api/analytics/{route}").json()["detail"] == "Not authenticated"
    assert nobody.get(f"/api/analytics/{route}").status_code == 403


@pytest.mark.parametrize("route", ROUTES)
def test_nobody_writes_here(api: APIClient, route: str) -> None:
    assert api.post(f"/api/analytics/{route}", {}).status_code == 405


def test_the_dashboard_tells_the_newest_session(api: APIClient) -> None:
    of = configuration()
    closed(of, "1")
    newest = closed(of, "3.75", entered=ENTERED + timedelta(days=1))
    newest.pnl_points.create(at=ENTERED + timedelta(days=1), net="1.5", gross="2", net_pct="3", spot="80000.5")
    body = api.get("/api/analytics/dashboard").json()
    assert (body["mode"], body["strategy_id"]) == ("paper", newest.strategy_id)
    assert {kpi["label"]: kpi["value"] for kpi in body["kpis"]} == {
        "Realized PnL": 3.75,
        "Unrealized PnL": 0.0,
        "Net PnL": 3.75,
        "PnL Before Fees": 4.0,
        "Total Fees Paid": 0.25,
        "Max Profit Seen": 5.0,
        "Max Profit Seen %": pytest.approx(500 / 24),
        "Trailing Level %": 10.0,
    }
    assert body["chart_data"]["pnl"] == [{"timestamp": (ENTERED + timedelta(days=1)).timestamp(), "value": 1.5}]


def test_without_a_closed_session_the_dashboard_sums_all_legs(api: APIClient) -> None:
    make.leg(make.session(), "call", realized_pnl="2.5", unrealized_pnl="-0.5")
    body = api.get("/api/analytics/dashboard").json()
    assert [(kpi["label"], kpi["value"]) for kpi in body["kpis"]] == [("Realized PnL", 2.5), ("Unrealized PnL", -0.5)]
    assert body["chart_data"] == {"pnl": [], "realized": [], "unrealized": []}


def test_each_session_tells_its_excursions_and_the_causes_of_its_result(api: APIClient) -> None:
    made = closed(configuration(), "3.75")
    body = api.get("/api/analytics/sessions", WEEK).json()
    (row,) = body["items"]
    assert (body["total"], body["pages"], row["session_id"]) == (1, 1, made.pk)
    assert (row["mfe"], row["mae"], row["fees_pct_of_credit"], row["cash"]) == (5.0, -1.5, pytest.approx(25 / 24), 3.75)
    causes = row["attribution"]
    assert causes.pop("total") == 3.75
    assert round(sum(causes.values()), 2) == 3.75
    assert (causes["fees"], causes["slippage"]) == (-0.25, 0.0)


@pytest.mark.parametrize("query", [{"page": "0"}, {"page_size": "201"}, {"page": "x"}])
def test_pages_of_sessions_have_bounds(api: APIClient, query: dict[str, str]) -> None:
    assert api.get("/api/analytics/sessions", query).status_code == 422


def test_the_export_has_the_references_sections_and_columns(api: APIClient) -> None:
    made = closed(configuration(), "3.75")
    response = api.get("/api/analytics/export", {**WEEK, "preset": "7D", "format": "csv"})
    assert response["Cache-Control"] == "no-store"
    assert response["Content-Disposition"].startswith('attachment; filename="analytics-export-2')
    rows = list(csv.reader(io.StringIO(body_of(response))))
    assert rows[0] == ["section", "field", "value"]
    sections = [row for row in rows if row]
    assert [row[1] for row in sections if row[0] == "metadata"] == [
        *("generated_at", "start", "end", "preset", "strategy_id", "record_count"),
        *("is_stale", "status_message", "latest_timestamp", "mode"),
    ]
    assert [row[1] for row in sections if row[0] == "metrics"] == [
        *("days_running", "trade_count", "win_count", "loss_count", "average_pnl", "average_win", "average_loss"),
        *("win_rate", "consecutive_wins", "consecutive_losses", "max_gain", "max_loss", "max_drawdown", "net_pnl"),
        *("pnl_before_fees", "fees_total", "average_fee", "profitable_days"),
    ]
    told = {row[1]: row[2] for row in sections if row[0] in ("metadata", "metrics")}
    assert (told["record_count"], told["preset"], told["mode"]) == ("3", "7D", "paper")
    assert float(told["net_pnl"]) == 3.75
    assert rows.count([]) == 2
    header, first, *_, last = sections[-4:]
    assert header == [
        *("timeline", "timestamp", "session_id", "entry_type", "order_id", "position_id", "symbol", "side"),
        *("quantity", "price", "fill_price", "realized_pnl", "unrealized_pnl", "metadata"),
    ]
    assert first[:6] == ["timeline", "2026-11-20T04:00:00+00:00", str(made.pk), "order", f"{made.pk}e", ""]
    assert json.loads(last[-1]) == {"event": "position_exit", "fees": 0.25}
    assert last[-1] == '{"event":"position_exit","fees":0.25}'


def test_the_export_cannot_trick_a_spreadsheet(api: APIClient) -> None:
    made = closed(configuration(), "-3")
    made.orders.update(symbol="=HYPERLINK(1)")
    text = body_of(api.get("/api/analytics/export", WEEK))
    assert "'=HYPERLINK(1)" in text
    assert "net_pnl,-3" in text


@pytest.mark.parametrize("given", ["xlsx", "json", "CSV2"])
def test_the_export_knows_one_format(api: APIClient, given: str) -> None:
    response = api.get("/api/analytics/export", {"format": given})
    assert (response.status_code, response.json()["detail"]) == (422, "format must be csv")


@pytest.mark.parametrize("route", ROUTES)
def test_more_sessions_need_no_more_queries(api: APIClient, route: str) -> None:
    def count() -> int:
        with CaptureQueriesContext(connection) as made:
            response = api.get(f"/api/analytics/{route}", WEEK)
            if response.streaming:
                body_of(response)
        return len(made)

    of = configuration()
    closed(of, "1")
    _record()
    count()  # The first request also reads what the user may do.
    few = count()
    for place in range(12):
        closed(of, "1", entered=ENTERED + timedelta(minutes=place))
    _record()
    assert count() == few == QUERIES[route]


def _record(record: Callable[..., Any] = record_all) -> None:
    list(record()[1])
