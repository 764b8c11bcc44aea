"""The account panel and its API: who sees what, what the forms do, what is refused and written down."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import AuditEvent, User
from trading.models import AccountReading, EngineCommand, IgnoredPosition, PositionLedger, StrategySession
from trading.strategy.schedule import trading_day
from trading.tests.factories_control import alive_engine, configuration, session, user
from trading.tests.session_rows import finished_session

pytestmark = pytest.mark.django_db
CALL, PUT, OTHER = "C-BTC-80800-241126", "P-BTC-78000-241126", "C-BTC-90000-241126"


def signed_in(role: str = "operator") -> Client:
    client = Client()
    client.force_login(User.objects.filter(email=f"{role}@example.com").first() or user(role))
    return client


def reading(*positions: tuple[str, int], error: str = "", **fields: Any) -> AccountReading:
    """What the worker read of the paper account a moment ago."""
    now = timezone.now() + timedelta(seconds=1)
    rows = [{"symbol": symbol, "size": size, "entry_price": "123.4"} for symbol, size in positions]
    given = {"read_at": now, "tried_at": now, "positions": rows, "error": error, **fields}
    return AccountReading.objects.create(mode="paper", **given)


def live_session(held: int = 100) -> StrategySession:
    """A live session short of both legs."""
    opened = session(configuration())
    StrategySession.objects.filter(pk=opened.pk).update(phase="live")
    for leg, symbol in (("call", CALL), ("put", PUT)):
        PositionLedger.objects.create(
            session=opened,
            leg=leg,
            symbol=symbol,
            quantity=held,
            open_quantity=held,
            contract_size="0.001",
            analytics={"baseline": 0},
        )
    alive_engine()
    return opened


def page(client: Client) -> str:
    return client.get(reverse("live")).content.decode()


def post(client: Client, **form: str) -> Any:
    return client.post(reverse("positions"), {"mode": "paper", **form}, headers={"HX-Request": "true"})


def test_a_calm_account_is_at_the_end_of_the_page_and_trouble_before_everything() -> None:
    live_session()
    row = reading((CALL, -100), (PUT, -100))
    shown = page(signed_in())
    assert shown.count('id="panel-account"') == 1
    assert shown.index('id="panel-account"') > shown.index('id="panel-hero"')
    row.positions.append({"symbol": OTHER, "size": -3, "entry_price": "9"})
    row.save()
    shown = page(signed_in())
    assert shown.count('id="panel-account"') == 1
    assert shown.index('id="panel-account"') < shown.index('id="panel-hero"')
    assert f"{OTHER}: −3 contracts belong to no session" in shown


def test_it_says_whose_each_position_is() -> None:
    live_session()
    reading((CALL, -104), (PUT, -90), (OTHER, 5))
    shown = page(signed_in())
    assert "−100 of the session, −4 foreign" in shown
    assert "10 missing at the venue" in shown
    assert "+5 foreign" in shown


def test_what_a_reading_older_than_an_order_lacks_is_not_called_missing() -> None:
    live_session()
    row = reading((CALL, -90), (PUT, -90))
    assert "10 missing at the venue" in page(signed_in())
    AccountReading.objects.filter(pk=row.pk).update(read_at=timezone.now() - timedelta(hours=1))
    finished_session(configuration("Another", active=False))
    shown = page(signed_in())
    assert "10 not in this reading" in shown
    assert "missing at the venue" not in shown


def test_an_unreadable_account_is_said_to_be_unknown_and_its_last_picture_is_kept() -> None:
    reading((OTHER, -3), error="the venue is away")
    shown = page(signed_in())
    assert "could not be read: the venue is away" in shown
    assert "what it holds now is unknown" in shown
    assert OTHER in shown


def test_a_viewer_sees_the_positions_and_no_forms() -> None:
    reading((OTHER, -3))
    shown = page(signed_in("viewer"))
    assert OTHER in shown
    assert reverse("positions") not in shown


def test_the_panel_can_be_asked_for_alone() -> None:
    reading((OTHER, -3))
    answer = signed_in().get(reverse("panel", args=["account"]))
    assert answer.status_code == 200
    assert answer.content.decode().strip().startswith('<section id="panel-account"')


def test_read_now_writes_a_command_and_pressing_twice_writes_one() -> None:
    client = signed_in()
    answer = post(client, action="read")
    assert answer.status_code == 200
    assert 'hx-swap-oob="true"' in answer.content.decode()
    post(client, action="read")
    command = EngineCommand.objects.get()
    assert (command.action, command.status, command.payload["mode"]) == ("read_account", "pending", "paper")
    assert AuditEvent.objects.filter(action="positions.read", outcome="ok").count() == 2


def test_ignoring_takes_it_out_of_the_warning() -> None:
    reading((OTHER, -3))
    client = signed_in()
    until = trading_day(timezone.now()) + timedelta(days=3)
    assert post(client, action="ignore", symbol=OTHER, until=until.isoformat()).status_code == 200
    row = IgnoredPosition.objects.get()
    assert (row.symbol, row.size, row.until) == (OTHER, -3, until)
    shown = page(client)
    assert f"ignored until {until:%d %b}" in shown
    assert shown.index('id="panel-account"') > shown.index('id="panel-hero"')


def test_flattening_needs_the_symbol_typed() -> None:
    reading((OTHER, -3))
    client = signed_in()
    refused = post(client, action="flatten", symbol=OTHER, confirm="yes")
    assert (refused.status_code, EngineCommand.objects.count()) == (422, 0)
    assert post(client, action="flatten", symbol=OTHER, confirm=OTHER).status_code == 200
    command = EngineCommand.objects.get()
    assert (command.action, command.payload["size"]) == ("flatten", -3)
    assert "being closed" in page(client)
    assert AuditEvent.objects.filter(action="positions.flatten").values_list("outcome", flat=True).count() == 2


def test_adopting_asks_the_engine_for_the_size_given() -> None:
    live_session()
    reading((CALL, -104), (PUT, -100))
    client = signed_in()
    assert "at the venue&#x27;s entry price" in page(client) or "at the venue's entry price" in page(client)
    assert post(client, action="adopt", symbol=CALL, size="5").status_code == 422
    assert post(client, action="adopt", symbol=CALL, size="4").status_code == 200
    command = EngineCommand.objects.get()
    assert (command.action, command.payload["size"]) == ("adopt", -4)


@pytest.mark.parametrize(
    "form",
    [
        {"action": "nothing"},
        {"action": "ignore", "symbol": OTHER, "until": "soon"},
        {"action": "ignore", "symbol": OTHER, "until": "2020-01-01"},
        {"action": "adopt", "symbol": OTHER, "size": "many"},
        {"action": "read", "mode": "moon"},
    ],
)
def test_bad_input_is_refused_in_words(form: dict[str, str]) -> None:
    reading((OTHER, -3))
    assert post(signed_in(), **form).status_code == 422
    assert EngineCommand.objects.count() == IgnoredPosition.objects.count() == 0


def test_without_javascript_the_forms_answer_with_a_message() -> None:
    reading((OTHER, -3))
    client = signed_in()
    form = {"action": "flatten", "mode": "paper", "symbol": OTHER, "confirm": OTHER}
    answer = client.post(reverse("positions"), form, follow=True)
    assert "are being closed" in answer.content.decode()
    refused = client.post(reverse("positions"), {**form, "symbol": CALL}, follow=True)
    assert "is foreign" in refused.content.decode()


def test_a_viewer_may_not_and_that_is_written_down() -> None:
    reading((OTHER, -3))
    client = signed_in("viewer")
    assert post(client, action="flatten", symbol=OTHER, confirm=OTHER).status_code == 403
    assert client.post(reverse("positions"), {"action": "read"}).status_code == 403
    assert AuditEvent.objects.filter(outcome="refused", action__startswith="positions.").count() == 2
    assert EngineCommand.objects.count() == 0


def test_the_api_tells_and_does_the_same() -> None:
    reading((OTHER, -3))
    client = signed_in()
    told = client.get("/api/trading/positions/").json()
    assert (told["mode"], told["troubled"], told["error"]) == ("paper", True, "")
    assert told["positions"][0] | {"symbol": OTHER, "foreign": -3, "owner": "foreign"} == told["positions"][0]
    until = trading_day(timezone.now()).isoformat()
    for path, body in (
        ("read", {}),
        ("ignore", {"symbol": OTHER, "until": until}),
        ("flatten", {"symbol": OTHER, "confirm": OTHER}),
    ):
        answer = client.post(f"/api/trading/positions/{path}/", body, content_type="application/json")
        assert answer.status_code == 200, answer.json()
        assert answer.json()["message"]
    assert client.get("/api/trading/positions?mode=live").json()["read_at"] is None
    assert client.get("/api/trading/positions/?mode=moon").status_code == 422


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("flatten", {"symbol": OTHER}, 422),
        ("flatten", {"symbol": CALL, "confirm": CALL}, 409),
        ("adopt", {"symbol": OTHER}, 409),
        ("ignore", {"symbol": OTHER}, 422),
        ("read", {"mode": "moon"}, 422),
    ],
)
def test_the_api_refuses(path: str, body: dict[str, str], status: int) -> None:
    reading((OTHER, -3))
    answer = signed_in().post(f"/api/trading/positions/{path}", body, content_type="application/json")
    assert answer.status_code == status


def test_the_api_lets_a_viewer_read_and_nothing_else() -> None:
    reading((OTHER, -3))
    client = signed_in("viewer")
    assert client.get("/api/trading/positions/").status_code == 200
    body = {"symbol": OTHER, "confirm": OTHER}
    assert client.post("/api/trading/positions/flatten/", body, content_type="application/json").status_code == 403
    assert Client().get("/api/trading/positions/").status_code == 401


def test_a_reading_older_than_the_newest_order_is_not_believed() -> None:
    row = reading((CALL, -100), (PUT, -100))
    AccountReading.objects.filter(pk=row.pk).update(read_at=timezone.now() - timedelta(hours=1))
    finished_session(configuration())
    shown = page(signed_in())
    assert "Orders were sent since this reading" in shown
    assert shown.index('id="panel-account"') > shown.index('id="panel-hero"')
