"""Start, stop, restart and panic, as services."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
import time_machine
from django.db import IntegrityError
from pytest_django import DjangoCaptureOnCommitCallbacks

from accounts.models import AuditEvent
from deltastrangle.exceptions import Conflict, InvalidInput, NotFound, PermissionRefused
from trading.models import EngineCommand, StrategySession, TradingConfiguration, TradingMode
from trading.opening import open_session
from trading.services.control import ControlResult, request_control, set_trading_mode
from trading.tests import factories_control as make

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 22, 9, 17, 41, tzinfo=UTC)


def ask(action: str, **given: Any) -> ControlResult:
    """A request from the machine's own operator."""
    return request_control(actor=None, source="command", action=action, **given)


@time_machine.travel(NOW, tick=False)
def test_start_opens_a_session_of_the_active_configuration_and_commands_the_engine() -> None:
    chosen = make.configuration()
    result = request_control(actor=make.user(), action="start", now=True, reason="calm market")
    session = StrategySession.objects.get()
    command = EngineCommand.objects.get()
    assert result == ControlResult(
        status="starting",
        message="Strategy start initiated",
        strategy_id="delta-strangle-20261122091741",
        session_id=session.pk,
        command_id=command.pk,
        imported_positions=0,
    )
    assert (session.status, session.phase, session.mode, session.enter_now) == ("running", "waiting", "paper", True)
    assert session.revision.number == 1
    assert session.config_snapshot == session.revision.values
    assert session.session_metadata == {"config_id": chosen.pk, "revision": 1}
    assert (command.action, command.status, command.session, command.enter_now) == ("start", "pending", session, True)
    assert (command.actor_email, command.reason) == ("operator@example.com", "calm market")


def test_start_pins_the_newest_revision() -> None:
    from trading.services.configurations import update_configuration

    chosen = make.configuration()
    update_configuration(actor=None, configuration_id=chosen.pk, values={"quantity": 7}, source="command")
    ask("start")
    session = StrategySession.objects.get()
    assert session.revision.number == 2
    assert session.config_snapshot["quantity"] == 7


@pytest.mark.parametrize("by", ["id", "name"])
def test_start_takes_the_configuration_that_is_named(by: str) -> None:
    make.configuration("Active")
    other = make.configuration("Other", active=False)
    if by == "id":
        ask("start", configuration_id=other.pk)
    else:
        ask("start", configuration_name="other")
    assert StrategySession.objects.get().configuration == other


@pytest.mark.parametrize("which", [{"configuration_id": 999}, {"configuration_name": "nothing like it"}])
def test_start_refuses_an_unknown_configuration(which: dict[str, Any]) -> None:
    make.configuration()
    with pytest.raises(NotFound, match="Configuration not found"):
        ask("start", **which)
    assert not StrategySession.objects.exists()


def test_start_says_so_when_no_configuration_is_active() -> None:
    make.configuration(active=False)
    with pytest.raises(NotFound, match="No configuration is active"):
        ask("start")


def test_start_while_running_names_the_running_session() -> None:
    session = make.session()
    with pytest.raises(Conflict) as caught:
        ask("start")
    assert (caught.value.detail, caught.value.code) == ("Strategy already running", "already_running")
    assert caught.value.extra == {
        "strategy_id": session.strategy_id,
        "session_id": session.pk,
        "phase": "waiting",
    }


def test_two_starts_at_once_make_one_session() -> None:
    chosen = make.configuration()
    first = open_session(configuration=chosen, started_by=None)
    with pytest.raises(Conflict) as caught:
        open_session(configuration=chosen, started_by=None)
    assert caught.value.code == "already_running"
    assert caught.value.extra["session_id"] == first.pk


@time_machine.travel(NOW, tick=False)
def test_sessions_of_the_same_second_are_numbered() -> None:
    chosen = make.configuration()
    ids = []
    for _ in range(3):
        session = open_session(configuration=chosen, started_by=None)
        ids.append(session.strategy_id)
        make.close(session)
    base = "delta-strangle-20261122091741"
    assert ids == [base, f"{base}-2", f"{base}-3"]


@pytest.mark.parametrize("mode", ["stop_entries", "reduce_only", "halted"])
def test_start_is_refused_while_entries_are_locked(mode: str) -> None:
    make.configuration()
    set_trading_mode(actor=make.user(), mode=mode, reason="expiry day")
    with pytest.raises(Conflict) as caught:
        ask("start")
    assert caught.value.code == "entries_locked"
    for word in (mode, "operator@example.com", "expiry day", "manage.py resume_trading --confirm RESUME"):
        assert word in caught.value.detail


@time_machine.travel(datetime(2026, 9, 5, 18, 40, tzinfo=UTC), tick=False)
def test_start_refuses_a_fixed_date_that_has_passed_on_the_indian_calendar() -> None:
    with time_machine.travel(datetime(2026, 9, 1, tzinfo=UTC), tick=False):
        make.configuration(expiry_rule="fixed", expiry_date="05-09-2026")
    with pytest.raises(InvalidInput) as caught:
        ask("start")
    assert caught.value.detail == (
        "Configured expiry date 05-09-2026 (2026-09-05) has already passed; update the trading configuration."
    )
    assert caught.value.fields == {"expiry_date": [caught.value.detail]}


@time_machine.travel(datetime(2026, 9, 5, 18, 20, tzinfo=UTC), tick=False)
def test_start_accepts_a_fixed_date_that_is_today_in_india() -> None:
    make.configuration(expiry_rule="fixed", expiry_date="05-09-2026")
    assert ask("start").status == "starting"


def test_start_refuses_a_mode_this_installation_has_not() -> None:
    make.configuration(mode="live")
    with pytest.raises(InvalidInput, match=r"Mode 'live' cannot start\. It needs the split layout"):
        ask("start")


def test_stop_commands_the_engine_to_flatten() -> None:
    session = make.session()
    result = ask("stop", reason="lunch")
    command = EngineCommand.objects.get()
    assert (result.status, result.message, result.stopped_sessions) == ("stopping", "Stop signal dispatched", 1)
    assert (result.strategy_id, result.session_id, result.command_id) == (session.strategy_id, session.pk, command.pk)
    assert (command.action, command.leave_open, command.status) == ("stop", False, "pending")


def test_stop_twice_commands_once() -> None:
    make.session()
    assert ask("stop") == ask("stop")
    assert EngineCommand.objects.count() == 1


def test_stop_with_other_settings_says_that_one_is_waiting() -> None:
    make.session()
    first = ask("stop")
    with pytest.raises(Conflict) as caught:
        ask("stop", leave_open=True)
    assert caught.value.code == "command_pending"
    assert caught.value.extra == {"command_id": first.command_id}


def test_stop_again_after_the_engine_answered_is_a_new_command() -> None:
    make.session()
    ask("stop")
    make.settle(EngineCommand.objects.get())
    ask("stop")
    assert EngineCommand.objects.count() == 2


def test_stop_without_a_session_has_nothing_to_do() -> None:
    assert ask("stop") == ControlResult("stopped", "No active strategy to stop", stopped_sessions=0)
    assert not EngineCommand.objects.exists()


def test_restart_commands_with_the_same_configuration_unless_told_otherwise() -> None:
    session = make.session()
    result = ask("restart", now=True)
    command = EngineCommand.objects.get()
    assert (result.status, result.message) == ("restarting", "Strategy restart initiated")
    assert (command.configuration, command.enter_now, command.session) == (session.configuration, True, session)


def test_restart_takes_another_configuration() -> None:
    make.session()
    other = make.configuration("Other", active=False)
    ask("restart", configuration_name="Other")
    assert EngineCommand.objects.get().configuration == other


def test_restart_with_nothing_running_starts() -> None:
    make.configuration()
    assert ask("restart").status == "starting"
    assert EngineCommand.objects.get().action == "start"


def test_restart_is_refused_before_anything_is_closed_when_it_could_not_start_again() -> None:
    make.session()
    set_trading_mode(actor=None, mode="stop_entries", source="command")
    with pytest.raises(Conflict) as caught:
        ask("restart")
    assert caught.value.code == "entries_locked"
    assert not EngineCommand.objects.exists()


def test_panic_halts_the_platform_and_commands_the_engine_once() -> None:
    make.session()
    operator = make.user()
    first = request_control(actor=operator, action="panic", reason="flash crash")
    second = request_control(actor=operator, action="panic", reason="flash crash")
    assert (first.status, first.message) == ("panic", "Panic close triggered and strategy halted")
    assert first == second
    assert EngineCommand.objects.count() == 1
    mode = TradingMode.objects.get()
    assert (mode.mode, mode.reason, mode.changed_by) == ("halted", "Panic: flash crash", operator)


def test_panic_without_a_session_still_halts() -> None:
    result = ask("panic")
    assert (result.status, result.message) == ("stopped", "No active strategy to panic close")
    assert TradingMode.objects.get().mode == "halted"


def resume() -> None:
    """Leave the halted mode, as an operator does."""
    set_trading_mode(actor=None, mode="active", confirm="RESUME", source="command")


def test_panic_again_with_its_key_gets_the_same_answer_while_it_is_in_force() -> None:
    session = make.session()
    first = ask("panic", idempotency_key="abc")
    make.settle(EngineCommand.objects.get())
    assert ask("panic", idempotency_key="abc") == first
    make.close(session)
    assert ask("panic", idempotency_key="abc") == first
    assert EngineCommand.objects.count() == 1


def test_panic_with_a_key_of_before_the_resume_halts_and_closes_what_runs_now() -> None:
    make.close(make.session())
    ask("panic", idempotency_key="abc")
    resume()
    session = open_session(configuration=TradingConfiguration.objects.get(), started_by=None)
    answer = ask("panic", idempotency_key="abc")
    assert (answer.status, answer.session_id) == ("panic", session.pk)
    assert TradingMode.objects.get().mode == "halted"
    assert EngineCommand.objects.get(status="pending", idempotency_key="").session == session
    assert ask("panic", idempotency_key="abc") == answer


def test_panic_with_its_key_after_a_resume_acts_anew_on_the_same_session() -> None:
    make.session()
    first = ask("panic", idempotency_key="abc")
    make.settle(EngineCommand.objects.get())
    resume()
    second = ask("panic", idempotency_key="abc")
    assert (second.status, second.session_id) == (first.status, first.session_id)
    assert second.command_id != first.command_id
    assert TradingMode.objects.get().mode == "halted"


@pytest.mark.parametrize("key", ["used", "k" * 81])
def test_panic_is_not_refused_for_its_key(key: str) -> None:
    make.configuration()
    ask("start", idempotency_key="used")
    assert ask("panic", idempotency_key=key).status == "panic"
    assert TradingMode.objects.get().mode == "halted"


def test_panic_is_not_refused_for_settings_that_mean_nothing_to_it() -> None:
    make.session()
    first = ask("panic", idempotency_key="abc")
    assert ask("panic", idempotency_key="abc", now=True) == ask("panic", leave_open=True) == first


@pytest.mark.parametrize(("reason", "kept"), [("x" * 300, "x" * 255), ("nul\x00 crash", "nul crash")])
def test_panic_with_a_reason_that_does_not_fit_keeps_what_fits(reason: str, kept: str) -> None:
    make.session()
    assert ask("panic", reason=reason).status == "panic"
    assert EngineCommand.objects.get().reason == kept
    mode = TradingMode.objects.get()
    assert (mode.mode, mode.reason) == ("halted", f"Panic: {kept}"[:255])


def test_panic_halts_even_when_its_command_cannot_be_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    make.session()

    def broken(*args: object, **kwargs: object) -> None:
        raise IntegrityError("disk full")

    monkeypatch.setattr(EngineCommand.objects, "create", broken)
    with pytest.raises(IntegrityError):
        ask("panic")
    assert TradingMode.objects.get().mode == "halted"


def test_an_unknown_action_names_the_field() -> None:
    with pytest.raises(InvalidInput) as caught:
        ask("explode")
    assert list(caught.value.fields or {}) == ["action"]


@pytest.mark.parametrize("reason", ["x" * 256, "nul\x00"])
def test_a_reason_that_does_not_fit_is_refused(reason: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        ask("stop", reason=reason)
    assert list(caught.value.fields or {}) == ["reason"]


def test_the_same_key_gets_the_same_answer_and_no_second_command() -> None:
    make.configuration()
    first = ask("start", idempotency_key="abc")
    make.settle(EngineCommand.objects.get())
    make.close(StrategySession.objects.get())
    assert ask("start", idempotency_key="abc") == first
    assert (EngineCommand.objects.count(), StrategySession.objects.count()) == (1, 1)


def test_a_key_remembers_that_there_was_nothing_to_stop() -> None:
    first = ask("stop", idempotency_key="abc")
    make.session()
    assert ask("stop", idempotency_key="abc") == first
    assert EngineCommand.objects.get().status == "done"


def test_a_restart_that_became_a_start_keeps_its_key() -> None:
    make.configuration()
    assert ask("restart", idempotency_key="abc") == ask("restart", idempotency_key="abc")


def test_a_key_serves_one_action_only() -> None:
    make.configuration()
    ask("start", idempotency_key="abc")
    with pytest.raises(Conflict, match="used for 'start'"):
        ask("stop", idempotency_key="abc")


@pytest.mark.parametrize("other", [{"now": True}, {"configuration_id": 2}, {"configuration_name": "Another"}])
def test_a_key_does_not_answer_for_a_start_with_other_settings(other: dict[str, Any]) -> None:
    chosen, another = make.configuration(), make.configuration("Another", active=False)
    given = {"configuration_id": another.pk} if "configuration_id" in other else other
    ask("start", configuration_id=chosen.pk, idempotency_key="abc")
    with pytest.raises(Conflict, match="with other settings"):
        ask("start", **given, idempotency_key="abc")
    assert ask("start", configuration_name=chosen.name, idempotency_key="abc").status == "starting"


def test_a_key_answers_again_for_a_configuration_that_is_gone() -> None:
    chosen = make.configuration()
    first = ask("start", configuration_id=chosen.pk, idempotency_key="abc")
    EngineCommand.objects.update(configuration=None)
    assert ask("start", configuration_id=chosen.pk, idempotency_key="abc") == first


def test_a_start_is_in_the_log_under_the_references_events(
    caplog: pytest.LogCaptureFixture, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    make.configuration()
    with caplog.at_level("INFO", "trading"), django_capture_on_commit_callbacks(execute=True):
        result = ask("start")
    said = {found["event"]: found for record in caplog.records if "event" in (found := vars(record))}
    assert [said[name]["strategy_id"] for name in ("session_created", "strategy_start")] == [result.strategy_id] * 2
    assert (said["session_created"]["config_name"], said["session_created"]["execution_mode"]) == ("Demo", "paper")


def test_a_viewer_may_not_command_and_the_attempt_is_kept() -> None:
    make.configuration()
    with pytest.raises(PermissionRefused):
        request_control(actor=make.user("viewer"), action="panic")
    assert not TradingMode.objects.exists()
    event = AuditEvent.objects.get(action="control.panic")
    assert (event.outcome, event.actor_email, event.detail["code"]) == (
        "refused",
        "viewer@example.com",
        "permission_denied",
    )


def test_nobody_in_particular_may_command_from_the_machine_only() -> None:
    with pytest.raises(PermissionRefused):
        request_control(actor=None, action="stop", source="api")
    assert request_control(actor=None, action="stop", source="command").status == "stopped"


def test_every_command_is_audited_with_what_was_asked_and_answered() -> None:
    make.configuration()
    result = ask("start", now=True, reason="calm market")
    event = AuditEvent.objects.get(action="control.start")
    assert (event.outcome, event.source, event.target) == ("ok", "command", result.strategy_id)
    assert event.detail["reason"] == "calm market"
    assert event.detail["now"] is True
    assert event.detail["command_id"] == result.command_id
