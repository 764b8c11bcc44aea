"""Sending alerts: over real HTTP, with retries, by one process at a time, and never in the engine's way."""

from __future__ import annotations

import asyncio
import json
import logging
import threading
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import StringIO
from typing import Any

import pytest
import time_machine
from django.core.management import CommandError, call_command
from django.utils import timezone

from trading.engine.ports import Notice
from trading.models import Alert
from trading.notify import outbox, raise_alert
from trading.notify.addresses import parse_addresses
from trading.notify.board import NoticeBoard
from trading.notify.destinations import Destination, build, deliver
from trading.notify.sender import AlertSender
from trading.tests.rig import Rig

pytestmark = pytest.mark.django_db(transaction=True)


class Desk:
    """A web hook on this machine: what it received, and what it answers."""

    def __init__(self) -> None:
        self.received: list[dict[str, Any]] = []
        self.status = 200
        desk = self

        class Hook(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                desk.received.append(json.loads(body))
                self.send_response(desk.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *args: object) -> None:
                """Says nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Hook)
        self.url = f"json://127.0.0.1:{self.server.server_address[1]}/s3cret-path"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01})
        self.thread.start()

    def close(self) -> None:
        """Hang up."""
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture
def desk() -> Iterator[Desk]:
    """A web hook that answers."""
    made = Desk()
    yield made
    made.close()


class Hanging:
    """A destination that takes a message and does not answer until the test is over."""

    def __init__(self) -> None:
        self.called = threading.Event()
        self.release = threading.Event()
        self.messages = 0

    def __call__(self, title: str, body: str, severity: str) -> bool:
        self.messages += 1
        self.called.set()
        return self.release.wait(60)


@pytest.fixture
def hanging() -> Iterator[Hanging]:
    """A destination that hangs for as long as the test runs."""
    made = Hanging()
    yield made
    made.release.set()


def destination(send: Any, text: str = "json://nowhere/") -> Destination:
    """An address whose sending is the test's."""
    return Destination(parse_addresses(text)[0], send)


def raised(key: str = "k", severity: str = "warning") -> Alert:
    """An alert that waits to be sent."""
    return raise_alert(kind="test", severity=severity, title="Stop hit", message="ds1: max loss", key=key)


def later(seconds: float) -> Any:
    """So much later."""
    return time_machine.travel(timezone.now() + timedelta(seconds=seconds), tick=False)


def test_it_arrives_over_http(desk: Desk) -> None:
    alert = raised()
    assert AlertSender(build(parse_addresses(desk.url))).step() == 1
    [message] = desk.received
    assert message["title"] == "[warning] Stop hit"
    assert message["message"].startswith("ds1: max loss")
    assert message["type"] == "warning"
    alert.refresh_from_db()
    assert (alert.status, alert.attempts, alert.error) == ("sent", 1, "")
    assert alert.sent_at is not None


def test_a_destination_gets_only_what_is_severe_enough(desk: Desk) -> None:
    raised("a", "warning")
    raised("b", "critical")
    AlertSender(build(parse_addresses(f"critical={desk.url}"))).step()
    assert [message["title"] for message in desk.received] == ["[critical] Stop hit"]
    assert list(Alert.objects.order_by("id").values_list("status", flat=True)) == ["kept", "sent"]


def test_it_tries_again_with_growing_pauses_and_gives_up_in_the_end(desk: Desk) -> None:
    desk.status = 500
    alert = raised()
    sender = AlertSender(build(parse_addresses(desk.url)))
    pauses = []
    at = timezone.now()
    for _ in range(outbox.MOST_ATTEMPTS):
        with time_machine.travel(at, tick=False):
            sender.step()
            sender.step()
        alert.refresh_from_db()
        if alert.next_attempt_at is not None:
            pauses.append((alert.next_attempt_at - at).total_seconds())
            at = alert.next_attempt_at
    assert pauses[:4] == [30, 60, 120, 240]
    assert pauses[-1] == 3600
    assert (alert.status, alert.attempts) == ("failed", outbox.MOST_ATTEMPTS)
    assert len(desk.received) == outbox.MOST_ATTEMPTS
    assert alert.error == "1: json://*** not taken"


def test_a_repetition_goes_only_where_it_failed(desk: Desk) -> None:
    answers = iter([False, True])
    flaky = Destination(parse_addresses(f"{desk.url},json://flaky/")[1], lambda *_: next(answers))
    sender = AlertSender([*build(parse_addresses(desk.url)), flaky])
    alert = raised()
    assert sender.step() == 0
    with later(31):
        assert sender.step() == 1
    alert.refresh_from_db()
    assert (alert.status, alert.attempts) == ("sent", 2)
    assert len(desk.received) == 1


def two(first: Any, pager: Any) -> list[Destination]:
    """A destination for everything, and one for what is critical."""
    everything, critical = parse_addresses("json://all/,critical=json://pager/")
    return [Destination(everything, first), Destination(critical, pager)]


def test_what_becomes_worse_while_it_is_sent_is_sent_again_at_once() -> None:
    got: list[tuple[str, str]] = []

    def slow(_title: str, _body: str, severity: str) -> bool:
        got.append(("all", severity))
        raised(severity="critical")
        return True

    def pager(_title: str, _body: str, severity: str) -> bool:
        got.append(("pager", severity))
        return True

    alert = raised()
    sender = AlertSender(two(slow, pager))
    sender.step()
    alert.refresh_from_db()
    assert (alert.severity, alert.status, alert.attempts) == ("critical", "pending", 0)
    sender.step()
    alert.refresh_from_db()
    assert sorted(got) == [("all", "critical"), ("all", "warning"), ("pager", "critical")]
    assert (alert.status, alert.attempts) == ("sent", 1)


def test_what_becomes_worse_during_its_last_attempt_is_not_given_up() -> None:
    def failing(_title: str, _body: str, severity: str) -> bool:
        raised(severity="critical")
        return False

    alert = raised()
    Alert.objects.update(attempts=outbox.MOST_ATTEMPTS - 1)
    AlertSender([destination(failing)]).step()
    alert.refresh_from_db()
    assert (alert.severity, alert.status, alert.error) == ("critical", "pending", "")


def test_what_becomes_worse_after_it_failed_goes_to_all_who_should_have_it() -> None:
    paged: list[str] = []
    answers = iter([False, True])

    def pager(title: str, *_: str) -> bool:
        paged.append(title)
        return True

    sender = AlertSender(two(lambda *_: next(answers), pager))
    alert = raised()
    assert sender.step() == 0
    raised(severity="critical")
    assert sender.step() == 1
    alert.refresh_from_db()
    assert (paged, alert.status) == (["[critical] Stop hit"], "sent")


def test_what_became_worse_since_it_was_read_is_not_sent_as_it_was() -> None:
    alert = raised()
    [read] = outbox.due(timezone.now())
    raised(severity="critical")
    assert not outbox.claim(read, timezone.now())
    outbox.keep(read)
    alert.refresh_from_db()
    assert (alert.status, alert.attempts) == ("pending", 0)


def test_two_processes_send_it_once() -> None:
    sent: list[str] = []

    def send(title: str, *_: str) -> bool:
        sent.append(title)
        return True

    alert = raised()
    [mine], [theirs] = outbox.due(timezone.now()), outbox.due(timezone.now())
    assert outbox.claim(mine, timezone.now())
    assert not outbox.claim(theirs, timezone.now())
    assert AlertSender([destination(send)]).step() == 0
    assert sent == []
    with later(31):
        assert AlertSender([destination(send)]).step() == 1
    alert.refresh_from_db()
    assert (sent, alert.attempts) == (["[warning] Stop hit"], 2)


def test_neither_the_log_nor_the_row_tells_the_address(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    desk.status = 403
    caplog.set_level(logging.DEBUG)
    raised()
    nonsense = "tgram://s3cret-token"
    AlertSender(build(parse_addresses(f"{desk.url},{nonsense}"))).step()
    ours = [record.getMessage() for record in caplog.records if not record.name.startswith("urllib3")]
    assert any("not taken" in message for message in ours)
    assert "s3cret" not in " ".join(ours)
    assert "s3cret" not in Alert.objects.get().error


def test_a_destination_that_hangs_holds_no_other_up_and_gets_nothing_more(desk: Desk, hanging: Hanging) -> None:
    both = [*build(parse_addresses(desk.url)), Destination(parse_addresses(f"{desk.url},json://hangs/")[1], hanging)]
    outcomes = deliver(both, "one", "", "critical", patience=0.2)
    assert [outcome.error for outcome in outcomes] == ["", "no answer in 0 s"]
    outcomes = deliver(both, "two", "", "critical", patience=5)
    assert [outcome.error for outcome in outcomes] == ["", "still waiting for an earlier message"]
    assert [message["title"] for message in desk.received] == ["one", "two"]
    assert hanging.messages == 1


async def test_a_session_is_entered_and_closed_while_a_destination_hangs(hanging: Hanging) -> None:
    """The sender is stuck with the first alert from before the entry until after the close."""
    rig = Rig()
    await asyncio.to_thread(raised)
    sender = AlertSender([destination(hanging)], stuck=lambda: rig.store.board.stuck, patience=60)
    sender.start()
    try:
        assert await asyncio.to_thread(hanging.called.wait, 10)
        session = await rig.start(max_hold_minutes=5)
        await rig.until_live()
        await rig.until_closed(seconds=5)
    finally:
        await asyncio.to_thread(sender.stop, 0.1)
        await rig.close()
    await session.arefresh_from_db()
    assert session.exit_reason == "time_exit"
    assert not hanging.release.is_set()
    assert hanging.messages == 1
    waiting = Alert.objects.filter(status="pending").order_by("id")
    assert [alert.kind async for alert in waiting] == ["test", "entered", "exit"]


def test_what_cannot_be_written_to_the_database_is_told_at_once_and_once(desk: Desk) -> None:
    stuck = [
        Notice("ledger_write", "critical", "The ledger cannot be written", "", "ledger_write"),
        Notice("venue_back", "info", "Perhaps no news", "", "venue_back", ends="venue_away"),
    ]
    sender = AlertSender(build(parse_addresses(desk.url)), stuck=lambda: stuck)
    sender.step()
    sender.step()
    assert [message["title"] for message in desk.received] == ["[critical] The ledger cannot be written"]


async def test_a_notice_waits_for_a_database_that_is_away() -> None:
    kept: list[Notice] = []
    away = [True, True]

    async def run(_keep: Any, notice: Notice) -> None:
        if away:
            away.pop()
            raise OSError("gone")
        kept.append(notice)

    board = NoticeBoard(run, pause=0)
    notices = [Notice("a", "info", "A", "", "a"), Notice("b", "info", "B", "", "b")]
    for notice in notices:
        board.put(notice)
    await board.settled()
    assert kept == notices
    assert board.stuck == ()


def test_the_trial_prints_a_table_of_destinations(desk: Desk, settings: Any) -> None:
    settings.ALERT_URLS = f"critical={desk.url}"
    output = StringIO()
    call_command("send_alerts", "--test", stdout=output)
    assert "1: json://***  from critical on: sent in" in output.getvalue()
    assert "s3cret" not in output.getvalue()
    assert desk.received[0]["title"] == "Trial of the alerts"


def test_a_trial_that_fails_somewhere_exits_with_one(desk: Desk, settings: Any) -> None:
    desk.status = 500
    settings.ALERT_URLS = desk.url
    output = StringIO()
    with pytest.raises(CommandError, match="1 of 1 destinations failed"):
        call_command("send_alerts", "--test", stdout=output)
    assert "not taken" in output.getvalue()


def test_the_outbox_can_be_sent_by_hand(desk: Desk, settings: Any) -> None:
    raised()
    settings.ALERT_URLS = desk.url
    output = StringIO()
    call_command("send_alerts", stdout=output)
    assert "Alerts sent: 1" in output.getvalue()
    settings.ALERT_URLS = None
    with pytest.raises(CommandError, match="set ALERT_URLS"):
        call_command("send_alerts")
