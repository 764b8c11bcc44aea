"""The reference's routes, fields and refusals (``reference_product.md`` §4, §6, §8), one by one."""

from __future__ import annotations

from typing import Any, Final

import pytest
from django.test import Client

from accounts.models import User
from accounts.services import issue_tokens
from trading.models import StrategySession
from trading.tests import factories_control as make
from trading.tests import snapshots
from trading.tests.session_rows import finished_session

pytestmark = pytest.mark.django_db
JSON: Final = "application/json"
USER: Final = {"id", "email", "full_name", "is_active", "is_superuser", "created_at", "updated_at"}
CONFIGURATION: Final = {
    *("id", "name", "underlying", "delta_range_low", "delta_range_high", "trade_time_ist", "exit_time_ist"),
    *("expiry_date", "quantity", "contract_size", "max_loss_pct", "max_profit_pct", "trailing_sl_enabled"),
    *("trailing_rules", "strike_selection_mode", "call_option_price_min", "call_option_price_max"),
    *("put_option_price_min", "put_option_price_max", "is_active", "created_at", "updated_at"),
}
PAGE: Final = {"items", "total", "page", "page_size", "pages"}
SESSION: Final = {
    *("id", "strategy_id", "status", "activated_at", "deactivated_at", "duration_seconds", "pnl_summary"),
    *("session_metadata", "exit_reason", "legs_summary"),
}
DETAIL: Final = SESSION | {
    *("config_snapshot", "orders", "positions", "summary", "monitor_snapshot"),
}
ORDER: Final = {
    *("order_id", "symbol", "side", "quantity", "price", "fill_price", "status", "created_at", "raw_response")
}
POSITION: Final = {
    *("symbol", "side", "entry_price", "exit_price", "quantity", "realized_pnl", "unrealized_pnl", "entry_time"),
    *("exit_time", "trailing_sl_state", "analytics"),
}
RUNTIME: Final = {
    *("status", "mode", "active", "strategy_id", "session_id", "generated_at", "schedule", "entry", "positions"),
    *("totals", "limits", "trailing", "spot", "exit_reason", "config"),
}
SECTIONS: Final = {
    "schedule": {"scheduled_entry_at", "time_to_entry_seconds", "planned_exit_at", "time_to_exit_seconds"},
    "totals": {"realized", "unrealized", "total_pnl", "notional", "total_pnl_pct", "fees"},
    "limits": {"max_profit_pct", "max_loss_pct", "effective_loss_pct", "trailing_enabled", "trailing_level_pct"},
    "trailing": {
        *("level", "trailing_level_pct", "max_profit_seen", "max_profit_seen_pct", "max_drawdown_seen"),
        *("max_drawdown_seen_pct", "enabled"),
    },
    "spot": {"entry", "exit", "last", "high", "low", "updated_at"},
}
CONTROL: Final = {"strategy_id", "status", "message", "stopped_sessions", "imported_positions"}
FEE: Final = {"notional_fee", "premium_cap", "applied_fee", "cap_applied", "gst_rate", "total_fee_with_gst"}


@pytest.fixture
def headers() -> dict[str, str]:
    """The header of an operator's token."""
    return {"Authorization": f"Bearer {issue_tokens(user=make.user())['access_token']}"}


@pytest.fixture
def session() -> StrategySession:
    """A finished session."""
    return finished_session(make.configuration())


def body(client: Client, headers: dict[str, str], path: str) -> Any:
    """The body of a GET that must succeed, the same with and without the last slash."""
    first, second = (client.get(asked, headers=headers) for asked in (path, f"{path}/"))
    assert (first.status_code, second.status_code) == (200, 200), first.content
    return first.json()


def test_the_user(client: Client, headers: dict[str, str]) -> None:
    assert set(body(client, headers, "/api/auth/me")) >= USER


@pytest.mark.parametrize("prefix", ["configs", "configurations"])
def test_configurations(client: Client, headers: dict[str, str], session: StrategySession, prefix: str) -> None:
    found = body(client, headers, f"/api/{prefix}")
    assert set(found) == {"items", "total"}
    item = found["items"][0]
    assert set(item) >= CONFIGURATION
    assert (type(item["delta_range_low"]), type(item["quantity"]), type(item["is_active"])) == (float, int, bool)
    assert item["created_at"].endswith("Z")


def test_configurations_of_nothing(client: Client, headers: dict[str, str]) -> None:
    assert body(client, headers, "/api/configs") == {"items": [], "total": 0}


def test_a_configurations_life(client: Client, headers: dict[str, str]) -> None:
    given = {
        "name": "A",
        "delta_range_low": 0.1,
        "delta_range_high": 0.2,
        "trade_time_ist": "09:30",
        "exit_time_ist": "15:20",
        "quantity": 1,
        "contract_size": 0.001,
        "max_loss_pct": 40,
        "max_profit_pct": 80,
    }
    made = client.post("/api/configs/", given, JSON, headers=headers)
    path = f"/api/configs/{made.json()['id']}"
    assert (made.status_code, made.json()["is_active"]) == (201, False)
    assert client.post("/api/configs/", given, JSON, headers=headers).status_code == 409
    assert client.put(path, {**given, "quantity": 2}, JSON, headers=headers).json()["quantity"] == 2
    assert client.post(f"{path}/activate", headers=headers).json()["is_active"] is True
    assert client.delete(path, headers=headers).status_code == 409
    assert client.post(f"{path}/deactivate", headers=headers).status_code == 200
    assert client.delete(path, headers=headers).status_code == 204
    for response in (
        client.put(path, given, JSON, headers=headers),
        client.post(f"{path}/activate", headers=headers),
        client.delete(path, headers=headers),
    ):
        assert (response.status_code, response.json()["detail"]) == (404, "Configuration not found")


def test_sessions(client: Client, headers: dict[str, str], session: StrategySession) -> None:
    page = body(client, headers, "/api/trading/sessions")
    assert set(page) == PAGE
    item = page["items"][0]
    assert set(item) >= SESSION
    assert item["session_metadata"] == {"config_id": session.configuration_id}
    assert (type(item["duration_seconds"]), type(item["pnl_summary"]["total_pnl"])) == (int, float)
    assert item["activated_at"] == "2026-11-23T04:00:00Z"


@pytest.mark.parametrize(("page", "size", "count"), [(1, 1, 1), (2, 1, 1), (3, 1, 0), (1, 200, 2)])
def test_the_bounds_of_pages(client: Client, headers: dict[str, str], page: int, size: int, count: int) -> None:
    configuration = make.configuration()
    for name in ("s1", "s2"):
        make.closed_session(configuration, name)
    found = client.get("/api/trading/sessions", {"page": page, "page_size": size}, headers=headers).json()
    assert (len(found["items"]), found["total"], found["page"]) == (count, 2, page)


@pytest.mark.parametrize("query", ["page=0", "page=-1", "page_size=0", "page_size=201", "status=x", "start=yesterday"])
def test_a_query_out_of_bounds_is_422(client: Client, headers: dict[str, str], query: str) -> None:
    assert client.get(f"/api/trading/sessions?{query}", headers=headers).status_code == 422


def test_one_session(client: Client, headers: dict[str, str], session: StrategySession) -> None:
    detail = body(client, headers, f"/api/trading/sessions/{session.pk}")
    assert set(detail) >= DETAIL
    assert set(detail["orders"][0]) >= ORDER
    assert set(detail["positions"][0]) >= POSITION
    assert type(detail["orders"][0]["price"]) is float
    missing = client.get("/api/trading/sessions/99999", headers=headers)
    assert (missing.status_code, missing.json()["detail"]) == (404, "Session not found")


@pytest.mark.parametrize("points", [2, 7, 50, 5000])
def test_points_are_thinned_to_what_is_asked_and_keep_their_ends(
    client: Client, headers: dict[str, str], session: StrategySession, points: int
) -> None:
    path = f"/api/trading/sessions/{session.pk}?points={points}"
    found = client.get(path, headers=headers).json()["pnl_points"]
    assert 2 <= len(found) <= points
    ends = [session.pnl_points.order_by("id").first(), session.pnl_points.order_by("id").last()]
    assert [found[0]["net"], found[-1]["net"]] == [float(end.net) for end in ends if end]


@pytest.mark.parametrize("picture", [{}, snapshots.live(), snapshots.waiting()])
def test_the_runtime(client: Client, headers: dict[str, str], picture: dict[str, Any]) -> None:
    make.alive_engine(**picture)
    found = body(client, headers, "/api/trading/runtime")
    assert set(found) >= RUNTIME
    for name, fields in SECTIONS.items():
        assert set(found[name]) >= fields, name
    assert found["status"] in {"idle", "waiting", "entering", "live", "cooldown"}


def test_the_heartbeat(client: Client, headers: dict[str, str]) -> None:
    assert body(client, headers, "/api/trading/heartbeat")["status"] == "stopped"
    make.alive_engine()
    found = body(client, headers, "/api/trading/heartbeat")
    assert found["status"] == "idle"
    assert set(found) >= {"strategy_id", "started_at", "pnl_history", "active_configuration_id"}


@pytest.mark.parametrize(
    ("action", "status", "message"),
    [
        ("start", "starting", "Strategy start initiated"),
        ("stop", "stopped", "No active strategy to stop"),
        ("restart", "starting", "Strategy start initiated"),
        ("panic", "stopped", "No active strategy to panic close"),
    ],
)
def test_control_of_an_idle_engine(
    client: Client, headers: dict[str, str], action: str, status: str, message: str
) -> None:
    given = {"action": action, "configuration_id": make.configuration().pk}
    for path in ("/api/trading/control", "/api/trading/control/"):
        keyed = {**headers, "Idempotency-Key": "k"}
        answer = client.post(path, {**given, "now": True}, JSON, headers=keyed)
    found = answer.json()
    assert (answer.status_code, set(found) >= CONTROL) == (200, True), found
    assert (found["status"], found["message"]) == (status, message)


def test_control_of_a_configuration_that_is_not_there(client: Client, headers: dict[str, str]) -> None:
    given = {"action": "start", "configuration_id": 999}
    answer = client.post("/api/trading/control", given, JSON, headers=headers)
    assert (answer.status_code, answer.json()["detail"]) == (404, "Configuration not found")


def test_a_clean_up_with_nothing_to_put_away(client: Client, headers: dict[str, str]) -> None:
    answer = client.post("/api/trading/sessions/cleanup", headers=headers)
    assert answer.json() == {"stopped_sessions": 0, "message": "No running sessions found"}


def test_a_fee_quote_is_the_references(client: Client, headers: dict[str, str]) -> None:
    given = {"underlying_price": 26200, "contract_size": 0.001, "quantity": 300, "premium": 15}
    found = client.post("/api/trading/fees/quote", given, JSON, headers=headers).json()
    assert set(found["breakdown"]) >= FEE
    named = {name: found[name] for name in ("notional", "notional_fee", "premium_value", "premium_cap", "applied_fee")}
    assert named == {
        "notional": 7860,
        "notional_fee": 1.179,
        "premium_value": 4.5,
        "premium_cap": 0.225,
        "applied_fee": 0.225,
    }
    assert (found["fee"], found["total_fee_with_gst"], found["cap_applied"]) == (0.225, 0.2655, True)
    wrong = client.post("/api/trading/fees/quote", {**given, "quantity": 0}, JSON, headers=headers)
    assert (wrong.status_code, wrong.json()["detail"]) == (422, "Quantity must be greater than zero.")


READS: Final = ("auth/me", "configs", "trading/heartbeat", "trading/runtime", "trading/sessions", "trading/sessions/1")
WRITES: Final = (
    *(("post", "configs"), ("put", "configs/1"), ("delete", "configs/1"), ("post", "configs/1/activate")),
    *(("post", "trading/control"), ("post", "trading/sessions/cleanup"), ("post", "trading/mode")),
)


@pytest.mark.parametrize("path", [*READS, "trading/sessions/export"])
def test_without_a_credential_nothing_is_read(client: Client, path: str) -> None:
    answer = client.get(f"/api/{path}")
    assert (answer.status_code, answer.json()["detail"]) == (401, "Not authenticated")


@pytest.mark.parametrize(("method", "path"), WRITES)
def test_nothing_is_written_without_the_right(client: Client, method: str, path: str) -> None:
    assert client.generic(method.upper(), f"/api/{path}", "{}", JSON).status_code == 401
    session = make.closed_session(make.configuration(), "s1")
    path = path.replace("/1", f"/{session.configuration_id}")
    viewer = {"Authorization": f"Bearer {issue_tokens(user=make.user('viewer'))['access_token']}"}
    content = '{"action": "stop", "mode": "halted"}'
    assert client.generic(method.upper(), f"/api/{path}", content, JSON, headers=viewer).status_code == 403
    nobody = User.objects.create_user("nobody@example.com", "correct horse battery")
    roleless = {"Authorization": f"Bearer {issue_tokens(user=nobody)['access_token']}"}
    assert client.generic(method.upper(), f"/api/{path}", content, JSON, headers=roleless).status_code == 403
