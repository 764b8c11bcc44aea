"""``/api/analytics/history``: the reference's answer, with its errors corrected."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from rest_framework.test import APIClient

from analytics.api.history_schema import HistoryRead
from analytics.services import record_all
from analytics.tests.rows import ENTERED, closed, configuration

pytestmark = pytest.mark.django_db
URL = "/api/analytics/history"
WEEK = {"start": "2026-11-16", "end": "2026-11-22"}


def asked(api: APIClient, **query: Any) -> Any:
    """The answer's body for the week of the sessions."""
    response = api.get(URL, {**WEEK, **query})
    assert response.status_code == 200, response.content
    return response.json()


def test_it_deducts_fees_once_and_names_gross_what_is_gross(api: APIClient) -> None:
    closed(configuration(), "3.75")
    metrics = asked(api)["metrics"]
    assert (metrics["net_pnl"], metrics["pnl_before_fees"], metrics["fees_total"]) == (3.75, 4.0, 0.25)


def test_every_metric_of_a_known_series(api: APIClient) -> None:
    of = configuration()
    for place, net in enumerate(["2", "3", "-4", "0", "-1", "5"]):
        closed(of, net, entered=ENTERED + timedelta(hours=12 * place))
    assert asked(api)["metrics"] == {
        "days_running": 3,
        "trade_count": 6,
        "win_count": 3,
        "loss_count": 2,
        "average_pnl": pytest.approx(5 / 6),
        "average_win": pytest.approx(10 / 3),
        "average_loss": -2.5,
        "win_rate": 50.0,
        "consecutive_wins": 2,
        "consecutive_losses": 1,
        "max_gain": 5.0,
        "max_loss": -4.0,
        "max_drawdown": 5.0,
        "net_pnl": 5.0,
        "pnl_before_fees": 6.5,
        "fees_total": 1.5,
        "average_fee": 0.25,
        "profitable_days": 2,
    }


def test_it_counts_days_in_ist(api: APIClient) -> None:
    late = ENTERED.replace(hour=19)
    closed(configuration(), "1", entered=late)
    body = asked(api)
    assert [day["day"] for day in body["calendar"]] == ["2026-11-21"]
    assert body["breakdowns"]["entry_hour"][0]["label"] == "00:00"
    assert body["breakdowns"]["weekday"][0]["label"] == "Saturday"


def test_charts_run_from_session_to_session(api: APIClient) -> None:
    of = configuration()
    for place, net in enumerate(["2", "-3", "4"]):
        closed(of, net, entered=ENTERED + timedelta(hours=3 * place))
    charts = asked(api)["charts"]
    values = {name: [point["value"] for point in points] for name, points in charts.items() if "value" in points[0]}
    assert values == {
        "cumulative_pnl": [2.0, -1.0, 3.0],
        "cumulative_gross_pnl": [2.25, -0.5, 3.75],
        "cumulative_fees": [0.25, 0.5, 0.75],
        "drawdown": [0.0, 3.0, 0.0],
        "rolling_win_rate": [100.0, 50.0, pytest.approx(200 / 3)],
    }
    assert charts["cumulative_pnl"][0]["timestamp"] == "2026-11-20T06:00:00Z"
    assert [bucket["count"] for bucket in charts["trades_histogram"]] == [1, 1, 1]


def test_a_long_chart_is_thinned_and_keeps_its_end_and_its_deepest_point(api: APIClient) -> None:
    of = configuration()
    for place in range(40):
        closed(of, "-9" if place == 17 else "1", entered=ENTERED + timedelta(minutes=place), hours=1)
    list(record_all()[1])
    charts = asked(api, points=8)["charts"]
    assert len(charts["drawdown"]) <= 9
    assert max(point["value"] for point in charts["drawdown"]) == 9.0
    assert charts["cumulative_pnl"][-1]["value"] == 30.0


def test_the_timeline_has_orders_and_legs_in_order_of_time(api: APIClient) -> None:
    session = closed(configuration(), "3.75")
    rows = asked(api)["timeline"]
    kinds = [(row["entry_type"], row["side"]) for row in rows]
    assert kinds == [("order", "sell"), ("order", "buy"), ("position", "short")]
    assert rows[0] == {
        "timestamp": "2026-11-20T04:00:00Z",
        "session_id": session.pk,
        "entry_type": "order",
        "order_id": f"{session.pk}e",
        "position_id": None,
        "symbol": "C-BTC-80000-241126",
        "side": "sell",
        "quantity": 100,
        "price": 240.0,
        "fill_price": 240.0,
        "realized_pnl": 3.75,
        "unrealized_pnl": None,
        "metadata": {"status": "closed", "fees": 0.25},
    }
    assert (rows[2]["price"], rows[2]["metadata"]) == (200.0, {"event": "position_exit", "fees": 0.25})


def test_the_timeline_is_paged_by_session_the_newest_first(api: APIClient) -> None:
    of = configuration()
    made = [closed(of, "1", entered=ENTERED + timedelta(hours=3 * place)) for place in range(3)]
    body = asked(api, timeline_page=2, timeline_page_size=2)
    assert {row["session_id"] for row in body["timeline"]} == {made[0].pk}
    assert body["timeline_pages"] == {"page": 2, "page_size": 2, "total": 3, "pages": 2}
    assert asked(api, timeline_page_size=0)["timeline"] == []
    assert asked(api, timeline_page=9)["timeline"] == []


def test_nothing_is_an_answer_too(api: APIClient) -> None:
    body = asked(api)
    assert body["metrics"]["trade_count"] == 0
    assert body["charts"]["cumulative_pnl"] == []
    assert body["status"]["message"] == "No data for selected range"
    assert (body["mode"], body["kpis"]["profit_factor"]) == ("paper", None)


def test_nothing_won_is_a_profit_factor_of_zero_without_a_sign(api: APIClient) -> None:
    closed(configuration(), "-2")
    assert str(asked(api)["kpis"]["profit_factor"]) == "0.0"


def test_a_session_that_sold_nothing_counts_as_no_trade(api: APIClient) -> None:
    closed(configuration(), "0", traded=False, exit_reason="no_entry")
    assert asked(api)["metrics"]["trade_count"] == 0


def test_live_and_paper_are_never_mixed_unless_asked(api: APIClient) -> None:
    of = configuration()
    closed(of, "1")
    closed(of, "2", mode="live")
    assert [(body["mode"], body["metrics"]["net_pnl"]) for body in (asked(api), asked(api, mode="paper"))] == [
        ("live", 2.0),
        ("paper", 1.0),
    ]
    assert (asked(api, mode="all")["mode"], asked(api, mode="all")["metrics"]["net_pnl"]) == ("all", 3.0)


def test_each_filter_narrows(api: APIClient) -> None:
    first, second = configuration("First"), configuration("Second")
    closed(first, "1", exit_reason="max_loss")
    wanted = closed(second, "2", exit_reason="time_exit")
    for query in (
        {"configuration_id": second.pk},
        {"exit_reason": "time_exit"},
        {"strategy_id": wanted.strategy_id},
        {"configuration_id": second.pk, "revision": 1},
    ):
        body = asked(api, **query)
        assert body["metrics"]["net_pnl"] == 2.0, query
        assert body["filters"] == {
            "strategy_id": None,
            "configuration_id": None,
            "revision": None,
            "exit_reason": None,
            **query,
        }
    assert asked(api, configuration_id=second.pk, revision=2)["metrics"]["trade_count"] == 0


def test_the_range_takes_moments_and_days_and_may_be_reversed(api: APIClient) -> None:
    closed(configuration(), "1")
    for query in (
        {"start": "2026-11-20T05:59:00Z", "end": "2026-11-20T06:30:00Z"},
        {"start": "2026-11-20T11:29:00+05:30", "end": "2026-11-21"},
        {"start": "2026-11-21", "end": "2026-11-19T00:00:00"},
        {"start": "2026-11-20", "end": "2026-11-20"},
    ):
        assert asked(api, **query)["metrics"]["trade_count"] == 1, query
    assert asked(api, start="2026-11-20T06:00:01Z", end="2026-11-22")["metrics"]["trade_count"] == 0
    assert asked(api, start="2026-11-19", end="2026-11-19")["metrics"]["trade_count"] == 0
    body = asked(api, start="2026-11-20", end="2026-11-20", preset="7D")
    assert body["range"] == {
        "start": "2026-11-19T18:30:00Z",
        "end": "2026-11-20T18:29:59.999999Z",
        "preset": "7D",
    }


@time_machine.travel(ENTERED + timedelta(days=1), tick=False)
def test_without_dates_the_preset_says_how_far_back(api: APIClient) -> None:
    for days in (0, 20, 60):
        closed(configuration(f"D{days}"), "1", entered=ENTERED - timedelta(days=days))
    for preset, count in (("7D", 1), ("30D", 2), ("90D", 3), ("", 2)):
        response = api.get(URL, {"preset": preset} if preset else {})
        assert response.json()["metrics"]["trade_count"] == count, preset


@time_machine.travel(ENTERED - timedelta(days=400), tick=False)
def test_now_is_never_before_the_newest_session_of_a_venue_whose_clock_runs_ahead(api: APIClient) -> None:
    closed(configuration(), "1")
    assert api.get(URL).json()["metrics"]["trade_count"] == 1


@time_machine.travel(ENTERED + timedelta(hours=2, minutes=9), tick=False)
def test_figures_of_the_present_say_how_old_they_are(api: APIClient) -> None:
    closed(configuration(), "1")
    status = api.get(URL).json()["status"]
    assert (status["is_stale"], status["message"]) == (True, "Latest data is 9 minutes old")
    assert (status["latest_timestamp"], status["unrecorded"]) == ("2026-11-20T06:00:00Z", 0)
    past = api.get(URL, {"start": "2026-11-01", "end": "2026-11-20T06:01:00Z"}).json()["status"]
    assert (past["is_stale"], past["message"]) == (False, None)


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"mode": "real"}, "mode"),
        ({"start": "yesterday"}, "start"),
        ({"end": "2026-13-01"}, "end"),
        ({"configuration_id": "0"}, "configuration_id"),
        ({"revision": "-1"}, "revision"),
        ({"points": "1"}, "points"),
        ({"timeline_page": "0"}, "timeline_page"),
        ({"timeline_page_size": "201"}, "timeline_page_size"),
        ({"strategy_id": "x" * 65}, "strategy_id"),
    ],
)
def test_a_filter_out_of_its_range_is_named(api: APIClient, query: dict[str, str], field: str) -> None:
    response = api.get(URL, query)
    assert (response.status_code, list(response.json()["fields"])) == (422, [field])


def test_the_answer_has_exactly_the_shape_that_the_schema_tells(api: APIClient) -> None:
    closed(configuration(), "1")

    def same(told: Any, given: Any, at: str = "body") -> None:
        if not hasattr(told, "fields"):
            return
        names = {name for name, field in told.fields.items() if field.required}
        assert names <= {*given} <= {*told.fields}, at
        for name, field in told.fields.items():
            if name in given:
                many = hasattr(field, "child") and hasattr(field.child, "fields")
                for item in given[name] if many else [given[name]]:
                    same(field.child if many else field, item, f"{at}.{name}")

    same(HistoryRead(), asked(api))
