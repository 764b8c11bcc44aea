"""The control API: what a program sends and gets."""

from __future__ import annotations

from typing import Any

import pytest
from rest_framework.test import APIClient

from accounts.models import User
from accounts.services import issue_tokens
from trading.models import EngineCommand, StrategySession, TradingMode
from trading.services.control import request_control
from trading.tests import factories_control as make

pytestmark = pytest.mark.django_db
CONTROL = "/api/trading/control"


@pytest.fixture
def api() -> APIClient:
    """A program of an operator, with a bearer token."""
    client = APIClient()
    token = issue_tokens(user=make.user())["access_token"]
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {token}")
    return client


@pytest.fixture
def viewer() -> APIClient:
    """A program of a viewer."""
    client = APIClient()
    client.force_authenticate(make.user("viewer"))
    return client


def post(client: APIClient, path: str = CONTROL, **body: Any) -> Any:
    """A JSON request."""
    return client.post(path, body, format="json")


def test_start_answers_in_the_references_fields(api: APIClient) -> None:
    chosen = make.configuration()
    response = post(api, action="start", configuration_id=chosen.pk, now=True)
    session = StrategySession.objects.get()
    assert response.status_code == 200
    assert response.json() == {
        "strategy_id": session.strategy_id,
        "status": "starting",
        "message": "Strategy start initiated",
        "stopped_sessions": None,
        "imported_positions": 0,
        "session_id": session.pk,
        "command_id": EngineCommand.objects.get().pk,
    }
    assert session.enter_now is True
    assert session.started_by is not None
    assert EngineCommand.objects.get().source == "api"


def test_start_by_name_or_of_the_active_configuration(api: APIClient) -> None:
    make.configuration("Active")
    make.configuration("Other", active=False)
    assert post(api, action="start", configuration="Other").status_code == 200
    session = StrategySession.objects.get()
    assert session.configuration is not None
    assert session.configuration.name == "Other"
    make.close(session)
    assert post(api, action="start").json()["status"] == "starting"


def test_start_while_running_is_a_conflict_with_the_running_session(api: APIClient) -> None:
    session = make.session()
    response = post(api, action="start")
    assert response.status_code == 409
    assert response.json() == {
        "detail": "Strategy already running",
        "code": "already_running",
        "strategy_id": session.strategy_id,
        "session_id": session.pk,
        "phase": "waiting",
    }


def test_an_unknown_configuration_is_not_found(api: APIClient) -> None:
    response = post(api, action="start", configuration_id=999)
    assert (response.status_code, response.json()) == (
        404,
        {"detail": "Configuration not found", "code": "not_found"},
    )


def test_an_expired_date_is_unprocessable_at_its_field(api: APIClient) -> None:
    chosen = make.configuration()
    type(chosen).objects.update(expiry_rule="fixed", expiry_date="2020-01-31")
    response = post(api, action="start")
    assert response.status_code == 422
    assert response.json()["detail"] == (
        "Configured expiry date 31-01-2020 (2020-01-31) has already passed; update the trading configuration."
    )
    assert "expiry_date" in response.json()["fields"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"action": "explode"}, "action"),
        ({}, "action"),
        ({"action": "start", "configuration_id": "seven"}, "configuration_id"),
        ({"action": "start", "configuration_id": 2**63}, "configuration_id"),
        ({"action": "start", "now": "perhaps"}, "now"),
        ({"action": "stop", "reason": "x" * 256}, "reason"),
    ],
)
def test_bad_input_is_unprocessable_at_its_field(api: APIClient, body: dict[str, Any], field: str) -> None:
    response = post(api, **body)
    assert response.status_code == 422
    assert field in response.json()["fields"]


def test_a_body_that_is_no_json_is_a_bad_request(api: APIClient) -> None:
    assert api.post(CONTROL, "{", content_type="application/json").status_code == 400


def test_a_key_in_the_header_makes_one_command(api: APIClient) -> None:
    make.configuration()
    answers = [
        api.post(CONTROL, {"action": "start"}, format="json", headers={"Idempotency-Key": "k-1"}).json()
        for _ in range(2)
    ]
    assert answers[0] == answers[1]
    assert EngineCommand.objects.count() == 1


def test_a_key_that_is_too_long_is_refused(api: APIClient) -> None:
    response = api.post(CONTROL, {"action": "stop"}, format="json", headers={"Idempotency-Key": "k" * 81})
    assert response.status_code == 422


def test_stop_panic_and_restart_answer_in_the_references_words(api: APIClient) -> None:
    make.session()
    stopping = post(api, action="stop").json()
    assert (stopping["status"], stopping["stopped_sessions"]) == ("stopping", 1)
    assert post(api, action="restart").json()["status"] == "restarting"
    assert post(api, action="panic").json()["status"] == "panic"
    assert TradingMode.objects.get().mode == "halted"
    assert post(api, action="restart").json()["code"] == "entries_locked"


@pytest.mark.parametrize(
    "along",
    [
        {"reason": "x" * 400},
        {"reason": "nul\x00"},
        {"configuration_id": 0},
        {"configuration_id": "none"},
        {"now": "perhaps"},
        {"nonsense": True},
    ],
)
def test_a_panic_halts_whatever_came_along_with_it(api: APIClient, along: dict[str, Any]) -> None:
    make.session()
    response = post(api, action="panic", **along)
    assert (response.status_code, response.json()["status"]) == (200, "panic")
    assert TradingMode.objects.get().mode == "halted"
    assert len(EngineCommand.objects.get(action="panic").reason) <= 255


@pytest.mark.parametrize("action", ["start", "stop", "restart", "panic"])
def test_a_viewer_may_not_control(viewer: APIClient, action: str) -> None:
    make.configuration()
    response = post(viewer, action=action)
    assert (response.status_code, response.json()["code"]) == (403, "permission_denied")
    assert not EngineCommand.objects.exists()
    assert not TradingMode.objects.exists()


@pytest.mark.parametrize("path", ["heartbeat", "runtime", "mode", "sessions"])
def test_a_viewer_may_read(viewer: APIClient, path: str) -> None:
    assert viewer.get(f"/api/trading/{path}").status_code == 200


@pytest.mark.parametrize("path", ["heartbeat", "runtime", "mode", "sessions", "sessions/1", "commands/1"])
def test_nobody_reads_without_signing_in(path: str) -> None:
    response = APIClient().get(f"/api/trading/{path}")
    assert (response.status_code, response.json()["detail"]) == (401, "Not authenticated")


def test_nobody_controls_without_signing_in() -> None:
    assert post(APIClient(), action="panic").status_code == 401
    assert not TradingMode.objects.exists()


def test_somebody_without_a_role_reads_nothing() -> None:
    client = APIClient()
    client.force_authenticate(User.objects.create_user("new@example.com", "correct horse battery"))
    assert client.get("/api/trading/runtime").status_code == 403


@pytest.mark.parametrize("slash", ["", "/"])
def test_a_trailing_slash_makes_no_difference(api: APIClient, slash: str) -> None:
    for path in ("heartbeat", "runtime", "mode", "sessions"):
        assert api.get(f"/api/trading/{path}{slash}").status_code == 200
    for path in ("control", "sessions/cleanup"):
        assert post(api, f"/api/trading/{path}{slash}", action="stop").status_code == 200
    command = request_control(actor=None, source="command", action="stop", idempotency_key=f"k{slash}")
    assert api.get(f"/api/trading/commands/{command.command_id}{slash}").status_code == 200


def test_a_command_can_be_followed_to_its_acknowledgement(api: APIClient) -> None:
    session = make.session()
    pk = post(api, action="stop", reason="lunch").json()["command_id"]
    first = api.get(f"/api/trading/commands/{pk}").json()
    assert (first["status"], first["settled_at"], first["actor"]) == ("pending", None, "operator@example.com")
    make.settle(EngineCommand.objects.get(), message="flat")
    then = api.get(f"/api/trading/commands/{pk}").json()
    assert (then["status"], then["result"], then["strategy_id"]) == ("done", {"message": "flat"}, session.strategy_id)
    assert then["settled_at"].endswith("Z")
    assert api.get(f"/api/trading/commands/{pk + 1}").status_code == 404


def test_a_command_without_a_session_can_be_followed_too(api: APIClient) -> None:
    api.post(CONTROL, {"action": "stop"}, format="json", headers={"Idempotency-Key": "k-1"})
    body = api.get(f"/api/trading/commands/{EngineCommand.objects.get().pk}").json()
    assert (body["status"], body["session_id"], body["strategy_id"]) == ("done", None, None)


def test_the_mode_is_read_and_set(api: APIClient) -> None:
    path = "/api/trading/mode"
    assert api.get(path).json() == {"mode": "active", "reason": "", "changed_by": "", "changed_at": None}
    halted = post(api, path, mode="halted", reason="news").json()
    assert (halted["mode"], halted["reason"], halted["changed_by"]) == ("halted", "news", "operator@example.com")
    refused = post(api, path, mode="active")
    assert refused.status_code == 422
    assert "confirm" in refused.json()["fields"]
    assert post(api, path, mode="active", confirm="RESUME").json()["mode"] == "active"


def test_a_viewer_may_not_set_the_mode(viewer: APIClient) -> None:
    assert post(viewer, "/api/trading/mode", mode="halted").status_code == 403


def test_the_heartbeat_carries_an_offset_and_numbers(api: APIClient) -> None:
    session = make.session()
    session.pnl_points.create(at=make.ENTERED, net="1.25", gross="1.25", net_pct="2")
    body = api.get("/api/trading/heartbeat").json()
    assert body["status"] == "running"
    assert body["started_at"].endswith("Z")
    assert body["pnl_history"] == [{"timestamp": "2026-11-23T04:00:00Z", "pnl": 1.25}]


def test_the_runtime_is_complete_when_idle(api: APIClient) -> None:
    body = api.get("/api/trading/runtime").json()
    assert (body["status"], body["active"], body["positions"], body["trading_mode"]) == ("idle", False, [], "active")
    assert {"schedule", "entry", "totals", "limits", "trailing", "spot", "exit_reason", "config"} <= {*body}
