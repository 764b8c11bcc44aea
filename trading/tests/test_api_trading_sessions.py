"""The sessions API."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from rest_framework.test import APIClient

from trading.models import StrategySession
from trading.tests import factories_control as make
from trading.tests.session_rows import finished_session

pytestmark = pytest.mark.django_db
SESSIONS = "/api/trading/sessions"


@pytest.fixture
def api() -> APIClient:
    """A program of an operator."""
    client = APIClient()
    client.force_authenticate(make.user())
    return client


@pytest.fixture
def traded() -> StrategySession:
    """A session that sold a call at 240 and bought it back at 100."""
    session = make.closed_session(make.configuration(), "delta-strangle-20261123040000")
    symbol = make.leg(session, "call", analytics={"iv_pct": 38.2}).symbol
    make.order(session, "1-CE-e-1", "sell", "240", symbol)
    make.order(session, "1-CE-x-1", "buy", "100", symbol)
    session.decisions.create(at=make.ENTERED, kind="entered", message="Sold both legs.")
    session.pnl_points.create(at=make.ENTERED, net="1.5", gross="2", net_pct="3", spot="80000.5")
    return session


def listed(api: APIClient, **query: Any) -> Any:
    """The list's body."""
    response = api.get(SESSIONS, query)
    assert response.status_code == 200, response.content
    return response.json()


def test_the_list_has_the_references_fields_and_no_blobs(api: APIClient, traded: StrategySession) -> None:
    body = listed(api)
    assert {name: body[name] for name in ("total", "page", "page_size", "pages")} == {
        "total": 1,
        "page": 1,
        "page_size": 25,
        "pages": 1,
    }
    item = body["items"][0]
    assert (item["id"], item["strategy_id"], item["status"]) == (traded.pk, traded.strategy_id, "stopped")
    assert (item["activated_at"], item["duration_seconds"]) == ("2026-11-23T04:00:00Z", 3600)
    assert (item["exit_reason"], item["pnl_summary"]) == ("max_profit", {"total_pnl": 5.5})
    leg = item["legs_summary"][0]
    assert (leg["symbol"], leg["entry_price"], leg["realized_pnl"], leg["fees"]) == (
        "C-BTC-80000-241126",
        240.0,
        13.5,
        {"total": 0.5},
    )
    assert item["session_metadata"] == {"config_id": traded.configuration_id}
    assert not {"config_snapshot", "orders"} & {*item}


def test_a_long_list_stays_small(api: APIClient) -> None:
    chosen = make.configuration()
    blob = {"summary": {"pnl_history": [{"pnl": n} for n in range(500)]}}
    for number in range(25):
        make.closed_session(chosen, f"s{number}", session_metadata=blob)
    assert len(json.dumps(listed(api))) < 20_000


def test_an_open_session_has_no_exit_reason(api: APIClient) -> None:
    make.session()
    assert listed(api, status="running")["items"][0]["exit_reason"] is None


@pytest.mark.parametrize(
    "query",
    [
        {"page": 0},
        {"page": "two"},
        {"page_size": 0},
        {"page_size": 201},
        {"page": 10**30},
        {"status": "sleeping"},
        {"mode": "turbo"},
        {"start": "31/12/2026"},
        {"configuration_id": -1},
    ],
)
def test_a_query_outside_its_range_is_unprocessable(api: APIClient, query: dict[str, Any]) -> None:
    response = api.get(SESSIONS, query)
    assert response.status_code == 422
    assert list(response.json()["fields"]) == list(query)


def test_a_page_beyond_the_last_is_empty(api: APIClient, traded: StrategySession) -> None:
    body = listed(api, page=1_000_000, page_size=200)
    assert (body["items"], body["total"]) == ([], 1)


def test_the_list_is_filtered(api: APIClient, traded: StrategySession) -> None:
    assert listed(api, exit_reason="max_profit", mode="paper", text="C-BTC", start="2026-11-23")["total"] == 1
    assert listed(api, end="2026-11-22")["total"] == 0


def test_the_detail_has_everything(api: APIClient, traded: StrategySession) -> None:
    body = api.get(f"{SESSIONS}/{traded.pk}").json()
    assert body["strategy_id"] == traded.strategy_id
    assert body["config_snapshot"] == {"contract_size": 0.001, "max_loss_pct": 40.0}
    assert body["session_metadata"]["config_id"] == traded.configuration_id
    assert (body["summary"]["exit_reason"], body["summary"]["totals"]["total_pnl"]) == ("max_profit", 5.5)
    order = body["orders"][0]
    assert (order["client_order_id"], order["price"], order["fill_price"]) == ("1-CE-e-1", 240.0, 240.0)
    assert [(fill["quantity"], fill["price"], fill["commission"]) for fill in order["fills"]] == [
        (60, 240.0, 0.05),
        (40, 240.0, 0.05),
    ]
    position = body["positions"][0]
    assert (position["entry_price"], position["analytics"]["iv_pct"]) == (240.0, 38.2)
    assert body["decisions"][0]["message"] == "Sold both legs."
    assert (body["pnl_points"][0]["net"], body["pnl_points"][0]["spot"]) == (1.5, 80000.5)
    assert body["cash"] == {"credits": 24.0, "debits": 10.0, "commissions": 0.2, "net": 13.8}


def test_the_detail_is_found_with_a_trailing_slash(api: APIClient, traded: StrategySession) -> None:
    assert api.get(f"{SESSIONS}/{traded.pk}/").status_code == 200


@pytest.mark.parametrize("pk", ["999", "9" * 18])
def test_an_unknown_session_is_not_found(api: APIClient, pk: str) -> None:
    response = api.get(f"{SESSIONS}/{pk}")
    assert (response.status_code, response.json()["detail"]) == (404, "Session not found")


def test_cleanup_puts_away_what_nobody_guards(api: APIClient) -> None:
    make.session()
    response = api.post(f"{SESSIONS}/cleanup")
    assert response.json() == {"stopped_sessions": 1, "message": "Stopped 1 running session(s)"}
    assert api.post(f"{SESSIONS}/cleanup").json()["message"] == "No running sessions found"


def test_cleanup_of_a_session_that_traded_is_a_conflict(api: APIClient) -> None:
    session = make.session()
    make.order(session, "1-CE-e-1", "sell", "240", "C-BTC-80000-241126")
    assert api.post(f"{SESSIONS}/cleanup").status_code == 409


def test_a_viewer_may_not_clean_up() -> None:
    client = APIClient()
    client.force_authenticate(make.user("viewer"))
    assert client.post(f"{SESSIONS}/cleanup").status_code == 403


def test_a_page_of_sessions_that_traded_fits_into_25_kilobytes(api: APIClient) -> None:
    chosen = make.configuration("A name of fifty characters, as long as it may be..")
    entered = make.ENTERED.replace(microsecond=123456)
    for number in range(25):
        made = finished_session(chosen, f"delta-strangle-202611230400{number:02}")
        assert made.deactivated_at is not None
        ended = made.deactivated_at + timedelta(microseconds=654321)
        StrategySession.objects.filter(pk=made.pk).update(activated_at=entered, deactivated_at=ended)
        made.positions.update(entry_time=entered, exit_time=ended)
    assert len(api.get(SESSIONS, {"page_size": 25}).content) <= 25_000


def test_the_list_has_totals_where_the_session_has_the_whole_summary(api: APIClient) -> None:
    made = finished_session(make.configuration())
    totals, whole = listed(api)["items"][0]["pnl_summary"], api.get(f"{SESSIONS}/{made.pk}").json()["pnl_summary"]
    assert set(totals) < set(whole)
    assert {name: whole[name] for name in totals} == totals
    assert "spot" in whole
    assert "spot" not in totals


def test_a_page_far_back_goes_on_where_the_page_before_ended(api: APIClient) -> None:
    chosen = make.configuration()
    for number in range(7):
        make.closed_session(chosen, f"s{number}", activated_at=None if number == 3 else make.ENTERED)
    pages = [[item["strategy_id"] for item in listed(api, page=page, page_size=2)["items"]] for page in (1, 2, 3, 4)]
    assert pages == [["s6", "s5"], ["s4", "s3"], ["s2", "s1"], ["s0"]]
