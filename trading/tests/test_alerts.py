"""Alerts: raised with what they tell, told once while open, closed when it is over, acknowledged by people."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command
from django.db import DatabaseError, transaction
from django.utils import timezone

from accounts.models import AuditEvent
from deltastrangle.exceptions import NotFound, PermissionRefused
from trading.engine import watch
from trading.engine.ports import Notice
from trading.models import Alert, AlertStatus, EngineLease, RuntimeSnapshot
from trading.notify import raise_alert, resolve_alert
from trading.notify.addresses import parse_addresses
from trading.notify.told import keep_notice
from trading.services.alerts import acknowledge_alert, acknowledge_all
from trading.services.control import request_control, set_trading_mode
from trading.services.worker_watch import check_worker
from trading.tests import factories_control as make

pytestmark = pytest.mark.django_db


def raised(key: str = "k", severity: str = "warning", title: str = "Something", **given: Any) -> Alert:
    """An alert as the platform raises it."""
    return raise_alert(kind="test", severity=severity, title=title, key=key, **given)


def test_it_is_one_row_however_often_it_is_raised_while_it_is_open() -> None:
    first = raised(title="Away for 30 s")
    with time_machine.travel(timezone.now() + timedelta(minutes=2), tick=False):
        raised(title="Away for 150 s")
    alert = Alert.objects.get()
    assert (alert.pk, alert.count, alert.title) == (first.pk, 2, "Away for 150 s")
    assert alert.last_raised_at > alert.created_at


def test_after_the_acknowledgement_it_is_told_anew() -> None:
    alert = raised()
    acknowledge_alert(actor=make.user(), alert_id=alert.pk)
    raised()
    assert [a.count for a in Alert.objects.order_by("id")] == [1, 1]


def test_one_that_became_worse_is_sent_again_and_one_that_did_not_is_not() -> None:
    alert = raised(severity="warning")
    Alert.objects.update(status=AlertStatus.SENT)
    raised(severity="info")
    alert.refresh_from_db()
    assert (alert.severity, alert.status) == ("warning", "sent")
    raised(severity="critical")
    alert.refresh_from_db()
    assert (alert.severity, alert.status, alert.attempts) == ("critical", "pending", 0)


def test_it_goes_with_its_transaction() -> None:
    with transaction.atomic():
        raised()
        transaction.set_rollback(True)
    assert not Alert.objects.exists()


def test_the_database_keeps_two_open_alerts_of_one_key_apart() -> None:
    alert = raised()
    alert.pk = None
    with pytest.raises(DatabaseError), transaction.atomic():
        alert.save()


def test_long_words_are_cut_to_fit() -> None:
    raised(key="k" * 300, title="t" * 300, message="m" * 3000)
    raised(key="k" * 300)
    alert = Alert.objects.get()
    assert (len(alert.dedup_key), alert.count) == (120, 2)


def test_what_is_over_is_closed_and_its_end_is_news() -> None:
    keep_notice(Notice("venue_away", "critical", "Away", "", "venue_away"))
    keep_notice(Notice("venue_back", "info", "Back", "", "venue_back", ends="venue_away"))
    away, back = Alert.objects.order_by("id")
    assert away.acknowledged_at is not None
    assert away.acknowledged_by is None
    assert away.status == "pending"
    assert (back.kind, back.acknowledged_at) == ("venue_back", None)
    assert not resolve_alert("venue_away")


def test_an_end_is_told_once_for_each_beginning_and_never_without_one() -> None:
    away = Notice("venue_away", "critical", "Away", "", "venue_away")
    back = Notice("venue_back", "info", "Back", "", "venue_back", ends="venue_away")
    for notice in (back, away, back, back, away, back):
        keep_notice(notice)
    assert [alert.kind for alert in Alert.objects.order_by("id")] == ["venue_away", "venue_back"] * 2


def test_an_end_is_news_to_who_acknowledged_the_beginning() -> None:
    keep_notice(Notice("venue_away", "critical", "Away", "", "venue_away"))
    acknowledge_all(actor=None, source="command")
    keep_notice(Notice("venue_back", "info", "Back", "", "venue_back", ends="venue_away"))
    assert Alert.objects.get(acknowledged_at=None).kind == "venue_back"


def test_an_end_without_a_title_closes_and_says_nothing() -> None:
    keep_notice(Notice("gate_closed", "warning", "Closed", "", "gate_x"))
    keep_notice(Notice("gate_opened", "info", "", "", "gate_x_open", ends="gate_x"))
    assert Alert.objects.get().acknowledged_at is not None


def test_information_takes_the_place_of_the_one_before_and_is_sent_anew() -> None:
    first = raised(severity="info")
    Alert.objects.update(status=AlertStatus.SENT)
    second = raised(severity="info")
    assert (second.pk > first.pk, second.status) == (True, "pending")
    assert Alert.objects.get(acknowledged_at=None) == second


@pytest.mark.parametrize(
    ("begin", "end"),
    [
        (watch.lease_lost("host:1"), watch.lease_held("host:2")),
        (replace(watch.stranded("no keys", 7), session_id=None), replace(watch.guarded(7), session_id=None)),
    ],
    ids=["lease", "session"],
)
def test_what_an_engine_takes_up_again_is_closed_and_told(begin: Notice, end: Notice) -> None:
    for notice in (end, begin, end, begin):
        keep_notice(notice)
    told = Alert.objects.order_by("id")
    assert [alert.kind for alert in told] == [begin.kind, end.kind, begin.kind]
    assert told[0].acknowledged_at is not None


def test_a_panic_after_a_resume_is_a_panic_of_its_own() -> None:
    for reason in ("first", "first, pressed again"):
        request_control(actor=None, source="command", action="panic", reason=reason)
    set_trading_mode(actor=None, mode="halted", source="command")
    assert Alert.objects.get().acknowledged_at is None
    set_trading_mode(actor=None, mode="active", confirm="RESUME", source="command")
    request_control(actor=None, source="command", action="panic", reason="second")
    first, second = Alert.objects.order_by("id")
    assert (first.count, first.acknowledged_at is None) == (2, False)
    assert (second.kind, second.status, second.acknowledged_at) == ("panic", "pending", None)


def test_a_panic_is_told_with_who_and_why() -> None:
    request_control(actor=make.user(), action="panic", reason="flash crash")
    alert = Alert.objects.get()
    assert (alert.kind, alert.severity) == ("panic", "critical")
    assert "Panic: flash crash by operator@example.com" in alert.message


def test_acknowledging_is_audited_and_needs_the_operator_role() -> None:
    alert = raised()
    with pytest.raises(PermissionRefused):
        acknowledge_alert(actor=make.user("viewer"), alert_id=alert.pk)
    operator = make.user()
    seen = acknowledge_alert(actor=operator, alert_id=alert.pk)
    assert seen.acknowledged_by == operator
    outcomes = AuditEvent.objects.filter(action="alert.acknowledge").order_by("id").values_list("outcome", flat=True)
    assert list(outcomes) == ["refused", "ok"]
    with pytest.raises(NotFound):
        acknowledge_alert(actor=operator, alert_id=alert.pk + 1)


def test_acknowledging_all_leaves_open_what_was_raised_since_the_page_was_drawn() -> None:
    seen, new = raised("a"), raised("b")
    assert acknowledge_all(actor=make.user(), up_to=seen.pk) == 1
    assert Alert.objects.get(acknowledged_at=None) == new
    assert acknowledge_all(actor=None, source="command") == 1


# --- Addresses -----------------------------------------------------------------------------------------------------


def test_addresses_are_read_with_their_severities() -> None:
    text = "critical=tgram://123:abc/456,json://host/a,b?x=1\nWARNING=mailto://u:p@example.com?to=a@x.com,b@x.com"
    found = parse_addresses(text)
    assert [(a.number, a.severity, a.scheme) for a in found] == [
        (1, "critical", "tgram"),
        (2, "info", "json"),
        (3, "warning", "mailto"),
    ]
    assert found[1].url == "json://host/a,b?x=1"
    assert found[2].url.endswith("to=a@x.com,b@x.com")
    assert [a.takes("warning") for a in found] == [False, True, True]


def test_no_address_is_none() -> None:
    assert parse_addresses(None) == parse_addresses(" \n ") == ()


@pytest.mark.parametrize("text", ["json://ok/,loud=tgram://secret/1", "not an address secret", "critical=secret"])
def test_a_bad_entry_is_named_by_its_number_and_never_quoted(text: str) -> None:
    with pytest.raises(ImproperlyConfigured) as refused:
        parse_addresses(text)
    assert "entry" in str(refused.value)
    assert "secret" not in str(refused.value)


def test_an_address_is_never_shown() -> None:
    [address] = parse_addresses("tgram://123:topsecret/456")
    assert "topsecret" not in f"{address} {address!r} {[address]}"
    assert str(address) == "1: tgram://***"


# --- The worker is missed --------------------------------------------------------------------------------------------


@pytest.fixture
def watching(settings: Any) -> None:
    """The web process watches, with fifteen seconds of patience."""
    settings.ALERT_WORKER_SILENT_SECONDS = 15.0


def silent_for(seconds: float, *, clean: bool = False) -> None:
    """A worker that was last heard of so long ago."""
    make.alive_engine()
    at = timezone.now() - timedelta(seconds=seconds)
    RuntimeSnapshot.objects.update(updated_at=at)
    EngineLease.objects.update(expires_at=None if clean else at)


def opened_before(seconds: float) -> None:
    """A session that was opened so long ago."""
    made = make.session()
    type(made).objects.update(created_at=timezone.now() - timedelta(seconds=seconds))


@pytest.mark.usefixtures("watching")
def test_a_worker_that_falls_silent_with_a_session_open_is_missed_once() -> None:
    opened_before(60)
    silent_for(20)
    assert [check_worker().down for _ in range(3)] == [True] * 3
    alert = Alert.objects.get()
    assert (alert.kind, alert.severity, alert.count) == ("worker_down", "critical", 1)
    assert "nobody guards delta-strangle-" in alert.message


@pytest.mark.usefixtures("watching")
def test_it_does_not_come_again_after_the_acknowledgement_while_the_outage_lasts() -> None:
    opened_before(60)
    silent_for(20)
    check_worker()
    acknowledge_all(actor=None, source="command")
    assert check_worker().down
    assert Alert.objects.count() == 1


@pytest.mark.usefixtures("watching")
def test_its_return_closes_the_alert() -> None:
    opened_before(60)
    silent_for(20)
    check_worker()
    RuntimeSnapshot.objects.update(updated_at=timezone.now())
    assert not check_worker().down
    assert not check_worker().down
    down, back = Alert.objects.order_by("id")
    assert down.acknowledged_at is not None
    assert (back.kind, back.severity) == ("worker_back", "info")


@pytest.mark.usefixtures("watching")
def test_its_second_return_is_told_too() -> None:
    opened_before(60)
    for _ in range(2):
        silent_for(20)
        check_worker()
        RuntimeSnapshot.objects.update(updated_at=timezone.now())
        check_worker()
        RuntimeSnapshot.objects.all().delete()
        EngineLease.objects.all().delete()
        Alert.objects.update(created_at=timezone.now() - timedelta(hours=1))
    assert [alert.kind for alert in Alert.objects.order_by("id")] == ["worker_down", "worker_back"] * 2


@pytest.mark.usefixtures("watching")
@pytest.mark.parametrize(
    ("silence", "clean", "session_age", "down"),
    [
        (5, False, 60, False),
        (20, False, None, True),
        (20, True, None, False),
        (20, True, 60, True),
        (3600, True, 5, False),
    ],
    ids=["heard of", "killed while idle", "ended by itself", "ended under a session", "session just opened"],
)
def test_it_is_missed_when_it_should_be_there(
    silence: float, clean: bool, session_age: float | None, down: bool
) -> None:
    if session_age is not None:
        opened_before(session_age)
    silent_for(silence, clean=clean)
    assert check_worker().down is down
    assert Alert.objects.exists() is down


@pytest.mark.usefixtures("watching")
def test_a_platform_whose_worker_never_ran_misses_nobody() -> None:
    assert check_worker().message == "No worker has run yet."


@pytest.mark.usefixtures("watching")
def test_the_command_for_cron_exits_with_three_when_it_is_missed() -> None:
    opened_before(60)
    silent_for(20)
    with pytest.raises(CommandError) as missed:
        call_command("check_worker")
    assert missed.value.returncode == 3
    assert Alert.objects.get().status == "kept"
