"""The sessions as CSV over the API."""

from __future__ import annotations

import csv
import json
from io import StringIO
from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries
from rest_framework.test import APIClient

from trading.tests import factories_control as make
from trading.tests.session_rows import finished_session

pytestmark = pytest.mark.django_db
EXPORT = "/api/trading/sessions/export"
HEADER = (
    "strategy_id,activated_at,stopped_at,config_snapshot,total_pnl,total_fees,win_rate,trade_count,exit_reason,"
    "underlying_symbol,spot_entry,spot_exit,ce_symbol,ce_strike,ce_delta,ce_distance_pct,pe_symbol,pe_strike,pe_delta,"
    "pe_distance_pct"
)


@pytest.fixture
def api() -> APIClient:
    """A program of a viewer."""
    client = APIClient()
    client.force_authenticate(make.user("viewer"))
    return client


def rows(api: APIClient, path: str = EXPORT, **query: Any) -> list[dict[str, str]]:
    """The export's rows by column."""
    response = api.get(path, query)
    assert response.status_code == 200
    return list(csv.DictReader(StringIO(response.getvalue().decode(), newline="")))


@pytest.mark.parametrize("path", [EXPORT, f"{EXPORT}/"])
def test_an_export_of_nothing_is_the_references_header(api: APIClient, path: str) -> None:
    response = api.get(path, {"format": "csv"})
    assert response.getvalue().decode() == f"{HEADER}\r\n"
    assert response["Content-Type"] == "text/csv; charset=utf-8"
    assert response["Content-Disposition"].startswith('attachment; filename="trading-sessions-2')
    assert response["Cache-Control"] == "no-store"


def test_a_session_is_a_row_with_signed_amounts_and_its_strikes(api: APIClient) -> None:
    session = finished_session(make.configuration())
    session.positions.filter(leg="call").update(analytics={"strike": 80800.0, "delta": 0.1178})
    (row,) = rows(api)
    assert json.loads(row.pop("config_snapshot"))["delta_range_low"] == 0.1
    assert row == {
        "strategy_id": "delta-strangle-20261123040000",
        "activated_at": "2026-11-23T04:00:00+00:00",
        "stopped_at": "2026-11-23T06:14:00+00:00",
        "total_pnl": "+16.59",
        "total_fees": "+1.09",
        "win_rate": "100",
        "trade_count": "2",
        "exit_reason": "trailing_sl",
        "underlying_symbol": "BTC",
        "spot_entry": "79390.00",
        "spot_exit": "79610.50",
        "ce_symbol": "C-BTC-80800-050926",
        "ce_strike": "80800.00",
        "ce_delta": "+0.1178",
        "ce_distance_pct": "+1.78",
        "pe_symbol": "P-BTC-78000-050926",
        "pe_strike": "78000.00",
        "pe_delta": "",
        "pe_distance_pct": "-1.75",
    }


def test_a_session_that_never_traded_leaves_its_figures_blank(api: APIClient) -> None:
    make.closed_session(make.configuration(), "s1", pnl_summary={})
    (row,) = rows(api)
    assert [row[name] for name in ("total_pnl", "win_rate", "trade_count", "ce_symbol", "pe_strike")] == [
        *("", "", "0", "", "")
    ]


def test_the_newest_id_comes_first_and_the_lists_filters_hold(api: APIClient) -> None:
    configuration = make.configuration()
    for number, reason in enumerate(("max_loss", "max_profit", "max_loss")):
        make.closed_session(configuration, f"s{number}", exit_reason=reason)
    assert [row["strategy_id"] for row in rows(api)] == ["s2", "s1", "s0"]
    assert [row["strategy_id"] for row in rows(api, exit_reason="max_loss")] == ["s2", "s0"]


def test_a_name_that_is_a_formula_does_nothing_in_a_spreadsheet(api: APIClient) -> None:
    make.closed_session(make.configuration(), "=HYPERLINK(1)", exit_reason="@x")
    (row,) = rows(api)
    assert (row["strategy_id"], row["exit_reason"]) == ("'=HYPERLINK(1)", "'@x")


def test_the_number_of_queries_does_not_grow_with_the_rows(
    api: APIClient, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    configuration = make.configuration()
    for number in range(30):
        make.leg(make.closed_session(configuration, f"s{number}"), "call")
    with django_assert_max_num_queries(4):
        assert len(rows(api)) == 30


@pytest.mark.parametrize(
    ("query", "status", "detail"),
    [
        ({"format": "xlsx"}, 400, "Only CSV export is supported"),
        ({"status": "dead"}, 422, 'status: "dead" is not a valid choice.'),
        ({"start": "0001-01-01"}, 422, "start: The year must be between 2000 and 2100."),
        ({"end": "9999-12-31"}, 422, "end: The year must be between 2000 and 2100."),
    ],
)
def test_what_it_cannot_do_it_says(api: APIClient, query: dict[str, str], status: int, detail: str) -> None:
    response = api.get(EXPORT, query)
    assert (response.status_code, response.json()["detail"]) == (status, detail)


def test_nobody_in_particular_gets_nothing(client: Any) -> None:
    assert client.get(EXPORT).status_code == 401
