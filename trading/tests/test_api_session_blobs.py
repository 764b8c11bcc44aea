"""The reference's objects about a session: whole in the detail and in a list asked for in full."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any, Final

import pytest
from rest_framework.test import APIClient

from trading.models import StrategySession
from trading.tests import factories_control as make
from trading.tests.session_rows import finished_session

pytestmark = pytest.mark.django_db
SESSIONS: Final = "/api/trading/sessions"
METADATA: Final = {"config_id", "runtime", "summary", "legs_summary"}
RUNTIME: Final = {"scheduled_entry_at", "status", "mode", "entry", "monitor", "spot", "trailing"}
MONITOR: Final = {
    *("generated_at", "positions", "totals", "limits", "planned_exit_at", "time_to_exit_seconds", "trailing", "spot"),
    *("status", "exit_reason"),
}
SUMMARY: Final = {"generated_at", "exit_reason", "legs", "totals", "trailing", "spot"}
LEG: Final = {
    *("symbol", "side", "entry_price", "exit_price", "quantity", "contract_size", "realized_pnl", "pnl_pct"),
    *("entry_time", "exit_time", "fees"),
}
POSITION: Final = {
    *("symbol", "market_symbol", "exchange", "side", "direction", "entry_price", "exit_price", "quantity", "size"),
    *("contract_size", "status", "mark_price", "current_price", "last_price", "best_bid", "best_ask"),
    *("best_bid_size", "best_ask_size", "pnl_abs", "pnl_pct", "notional", "entry_time", "exit_time", "trailing"),
    *("ticker_timestamp", "mark_timestamp", "quote_sources", "quote_age_seconds", "fees"),
}


@pytest.fixture
def api() -> APIClient:
    """A program of a viewer."""
    client = APIClient()
    client.force_authenticate(make.user("viewer"))
    return client


@pytest.fixture
def finished() -> StrategySession:
    """A session that is over, with what an engine stores besides its ledgers."""
    made = finished_session(make.configuration())
    made.session_metadata = {
        "config_id": made.configuration_id,
        "schedule": {"scheduled_entry_at": "2026-11-23T04:00:00Z", "planned_exit_at": "2026-11-23T09:50:00Z"},
        "entry": {"entry_completed_at": "2026-11-23T04:00:03Z"},
        "exit": {"exit_triggered_at": "2026-11-23T06:13:58Z"},
    }
    made.save()
    return made


@pytest.fixture
def live(api: APIClient) -> StrategySession:
    """A session that sold a call at 240, whose mark is now 200, and pays 0.3 of fees for it."""
    made = make.session()
    made.phase, made.activated_at, made.pnl_summary = "live", make.ENTERED, {"updated_at": "2026-11-23T05:00:00Z"}
    made.session_metadata = {"schedule": {"planned_exit_at": "2026-11-23T05:30:00Z"}}
    made.save()
    leg = make.leg(made, "call", analytics={"mark_price": 200.0})
    leg.exit_time = leg.exit_price = None
    leg.realized_pnl, leg.open_quantity = Decimal("-0.3"), leg.quantity
    leg.save()
    return made


def detail(api: APIClient, session: StrategySession) -> Any:
    """The body of the session's own answer."""
    return api.get(f"{SESSIONS}/{session.pk}").json()


def in_full(api: APIClient) -> Any:
    """The only item of the list in full."""
    (item,) = api.get(SESSIONS, {"full": "true"}).json()["items"]
    return item


def test_a_finished_session_has_the_references_summary(api: APIClient, finished: StrategySession) -> None:
    body = detail(api, finished)
    summary = body["summary"]
    assert set(summary) == SUMMARY | {"pnl_history"}
    assert summary["exit_reason"] == "trailing_sl"
    assert summary["totals"]["total_pnl"] == body["pnl_summary"]["total_pnl"]
    assert [set(leg) >= LEG for leg in summary["legs"]] == [True, True]
    assert [point["pnl"] for point in summary["pnl_history"]] == [point["net"] for point in body["pnl_points"]]
    assert {*summary["pnl_history"][0]} == {"timestamp", "pnl"}
    without = {name: value for name, value in summary.items() if name != "pnl_history"}
    assert body["session_metadata"]["summary"] == without, "the points are told once"


def test_a_finished_session_has_the_references_monitor(api: APIClient, finished: StrategySession) -> None:
    body = detail(api, finished)
    monitor = body["monitor_snapshot"]
    assert set(monitor) == MONITOR
    assert [set(position) >= POSITION for position in monitor["positions"]] == [True, True]
    assert [position["status"] for position in monitor["positions"]] == ["closed", "closed"]
    gained = sum(position["pnl_abs"] for position in monitor["positions"])
    assert round(gained, 5) == round(monitor["totals"]["total_pnl"], 5)
    assert (monitor["planned_exit_at"], monitor["time_to_exit_seconds"]) == ("2026-11-23T09:50:00Z", None)
    assert (monitor["limits"]["effective_loss_pct"], monitor["trailing"]["level"]) == (-15, 0.15)
    assert monitor["limits"]["max_profit_pct"] == body["config_snapshot"]["max_profit_pct"]


def test_the_metadata_has_the_references_sections(api: APIClient, finished: StrategySession) -> None:
    metadata = detail(api, finished)["session_metadata"]
    assert set(metadata) >= METADATA
    assert set(metadata["runtime"]) == RUNTIME
    assert metadata["config_id"] == finished.configuration_id
    entry = metadata["runtime"]["entry"]
    assert (entry["entry_completed_at"], entry["exit_triggered_at"]) == ("2026-11-23T04:00:03Z", "2026-11-23T06:13:58Z")
    assert [chosen["contract_type"] for chosen in entry["selected_contracts"]] == ["call_options", "put_options"]


def test_an_open_session_has_a_monitor_and_no_summary_yet(api: APIClient, live: StrategySession) -> None:
    body = detail(api, live)
    assert body["summary"] is None
    assert (body["monitor_snapshot"]["status"], body["monitor_snapshot"]["time_to_exit_seconds"]) == ("live", 1800.0)
    (position,) = body["monitor_snapshot"]["positions"]
    made = (240 - 200) * position["quantity"] * position["contract_size"]
    assert (position["status"], position["pnl_abs"]) == ("open", pytest.approx(made - 0.3))
    (ledger,) = body["positions"]
    assert ledger["unrealized_pnl"] == pytest.approx(made)
    assert ledger["analytics"]["pnl_abs"] == position["pnl_abs"]


def test_a_session_that_waits_has_neither(api: APIClient) -> None:
    body = detail(api, make.session())
    assert (body["summary"], body["monitor_snapshot"]) == (None, None)
    assert body["session_metadata"]["runtime"]["status"] == "waiting"


def test_the_list_in_full_says_of_a_session_what_its_own_answer_says(api: APIClient, finished: StrategySession) -> None:
    item, whole = in_full(api), detail(api, finished)
    assert {name: whole[name] for name in item} == item
    assert {"session_metadata", "pnl_summary", "legs_summary", "configuration_name"} <= set(item)
    assert item["legs_summary"][0]["fees"] == whole["legs_summary"][0]["fees"]


def test_without_asking_the_list_is_short(api: APIClient, finished: StrategySession) -> None:
    StrategySession.objects.update(activated_at=make.ENTERED + timedelta(microseconds=5))
    (item,) = api.get(SESSIONS).json()["items"]
    assert item["session_metadata"] == {"config_id": finished.configuration_id}
    assert item["activated_at"] == "2026-11-23T04:00:00Z"
    assert "spot" not in item["pnl_summary"]


def test_full_is_yes_or_no(api: APIClient) -> None:
    assert api.get(SESSIONS, {"full": "perhaps"}).status_code == 422
