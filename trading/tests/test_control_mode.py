"""The trading mode, and the clean-up of sessions that never came to anything."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.models import AuditEvent
from deltastrangle.exceptions import Conflict, InvalidInput, PermissionRefused
from trading.models import EngineCommand, EngineLease, TradingMode
from trading.selectors.runtime import trading_mode
from trading.services.control import cleanup_sessions, request_control, set_trading_mode
from trading.tests import factories_control as make

pytestmark = pytest.mark.django_db


def test_trading_is_active_until_somebody_changes_it() -> None:
    assert trading_mode().mode == "active"
    assert not TradingMode.objects.exists()


@pytest.mark.parametrize("mode", ["stop_entries", "reduce_only"])
def test_an_operator_tightens_and_loosens_without_a_confirmation(mode: str) -> None:
    operator = make.user()
    set_trading_mode(actor=operator, mode=mode, reason="news at noon")
    seen = trading_mode()
    assert (seen.mode, seen.reason, seen.changed_by) == (mode, "news at noon", "operator@example.com")
    set_trading_mode(actor=operator, mode="active")
    assert trading_mode().mode == "active"


@pytest.mark.parametrize("way_out", ["active", "stop_entries", "reduce_only"])
@pytest.mark.parametrize("confirm", ["", "resume", "yes"])
def test_leaving_the_halted_mode_needs_the_word(way_out: str, confirm: str) -> None:
    set_trading_mode(actor=None, mode="halted", source="command")
    with pytest.raises(InvalidInput) as caught:
        set_trading_mode(actor=make.user(), mode=way_out, confirm=confirm)
    assert list(caught.value.fields or {}) == ["confirm"]
    assert trading_mode().mode == "halted"


def test_the_word_leaves_the_halted_mode_and_both_are_audited() -> None:
    operator = make.user()
    set_trading_mode(actor=operator, mode="halted")
    set_trading_mode(actor=operator, mode="active", confirm="RESUME")
    assert trading_mode().mode == "active"
    events = AuditEvent.objects.filter(action="control.mode").order_by("id")
    assert [(event.target, event.outcome, event.detail["before"]) for event in events] == [
        ("halted", "ok", "active"),
        ("active", "ok", "halted"),
    ]


def test_an_unknown_mode_names_the_field() -> None:
    with pytest.raises(InvalidInput) as caught:
        set_trading_mode(actor=make.user(), mode="turbo")
    assert list(caught.value.fields or {}) == ["mode"]


def test_a_viewer_may_not_change_the_mode() -> None:
    with pytest.raises(PermissionRefused):
        set_trading_mode(actor=make.user("viewer"), mode="halted")
    assert trading_mode().mode == "active"
    assert AuditEvent.objects.get(action="control.mode").outcome == "refused"


def test_cleanup_without_a_session_finds_none() -> None:
    result = cleanup_sessions(actor=make.user())
    assert (result.stopped_sessions, result.message) == (0, "No running sessions found")


@pytest.mark.parametrize("lease", ["none", "expired"])
def test_cleanup_puts_away_a_session_that_nobody_guards(lease: str) -> None:
    make.configuration()
    request_control(actor=None, source="command", action="start")
    command = EngineCommand.objects.get()
    if lease == "expired":
        EngineLease.objects.create(owner="host:1", expires_at=timezone.now() - timedelta(seconds=1))
    result = cleanup_sessions(actor=make.user())
    assert (result.stopped_sessions, result.message) == (1, "Stopped 1 running session(s)")
    session = command.session
    assert session is not None
    session.refresh_from_db()
    assert (session.status, session.phase, session.exit_reason) == ("stopped", "closed", "no_entry")
    assert session.deactivated_at is not None
    command.refresh_from_db()
    assert command.status == "failed"


def test_cleanup_leaves_a_guarded_session_alone() -> None:
    session = make.session()
    make.alive_engine()
    result = cleanup_sessions(actor=make.user())
    assert (result.stopped_sessions, result.message) == (
        0,
        "The running session is guarded by the engine; use stop.",
    )
    session.refresh_from_db()
    assert session.status == "running"


@pytest.mark.parametrize("trace", ["order", "leg"])
def test_cleanup_never_closes_the_books_on_a_session_that_traded(trace: str) -> None:
    session = make.session()
    if trace == "order":
        make.order(session, "1-CE-e-1", "sell", "240", "C-BTC-80000-241126")
    else:
        make.leg(session, "call", open_quantity=100)
    with pytest.raises(Conflict, match="Start the worker: it resumes guarding the session"):
        cleanup_sessions(actor=make.user())
    session.refresh_from_db()
    assert session.status == "running"
    assert AuditEvent.objects.get(action="control.cleanup").outcome == "refused"


def test_a_viewer_may_not_clean_up() -> None:
    make.session()
    with pytest.raises(PermissionRefused):
        cleanup_sessions(actor=make.user("viewer"))
