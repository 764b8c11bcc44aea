"""Alerts, lockouts and gates on the page and in the API."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from rest_framework.test import APIClient

from trading.models import Alert, Lockout
from trading.notify import raise_alert
from trading.panels.control import control
from trading.panels.records import Records
from trading.selectors.runtime import current_runtime
from trading.strategy.schedule import trading_day
from trading.tests import factories_control as make

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}
GATE = {
    "name": "venue_latency",
    "label": "Venue latency",
    "unit": "ms",
    "closed": True,
    "value": 2500.0,
    "close": 2000.0,
    "reopen": 1000.0,
    "below": False,
    "for_seconds": 4.0,
}


def browser(role: str = "operator") -> Client:
    """Somebody at the page."""
    client = Client()
    client.force_login(make.user(role))
    return client


def api(role: str = "operator") -> APIClient:
    """A program."""
    client = APIClient()
    client.force_authenticate(make.user(role))
    return client


def raised(key: str, severity: str = "warning", kind: str = "exit") -> Alert:
    """An open alert."""
    return raise_alert(kind=kind, severity=severity, title=f"About {key}", message="ds1: why", key=key)


def locked(mode: str = "paper") -> Lockout:
    """A lockout of today, by the venue's clock."""
    make.alive_engine(venue={"name": "simulated", "clock": make.ENTERED.isoformat(), "speed": 1})
    return Lockout.objects.create(
        kind="daily_loss", mode=mode, trading_day=trading_day(make.ENTERED), reason="The day's realised loss is $50.00."
    )


# --- Page ----------------------------------------------------------------------------------------------------------


def test_the_drawer_shows_what_waits_with_buttons_for_operators_only() -> None:
    raised("a", "critical")
    page = browser().get(reverse("live")).content.decode()
    assert "About a" in page
    assert "1 critical" in page
    assert "Acknowledge all" in page
    seen = browser("viewer").get(reverse("live")).content.decode()
    assert "About a" in seen
    assert "Acknowledge" not in seen


def test_an_alert_does_not_repeat_the_id_of_the_session_it_links_to() -> None:
    session = make.session(make.configuration())
    said = f"{session.strategy_id}: one leg could not be resolved"
    raise_alert(kind="exit", severity="warning", title="Given up", message=said, key="given-up", session_id=session.pk)
    page = browser().get(reverse("live")).content.decode()
    assert '<p class="dim">One leg could not be resolved</p>' in page


def test_without_alerts_the_drawer_is_hidden_and_the_bar_has_no_badge() -> None:
    page = browser().get(reverse("live")).content.decode()
    assert page.split('id="panel-drawer"')[1].split(">")[0].endswith("hidden")
    assert "alerts to acknowledge" not in page


def test_the_badge_counts_what_is_loud_on_every_page() -> None:
    raised("a", "info")
    raised("b", "warning")
    raised("c", "critical")
    page = browser().get(reverse("history")).content.decode()
    assert '#i-attention"/></svg>2<span class="visually-hidden"> alerts to acknowledge' in page


def test_acknowledging_gives_the_drawer_without_it() -> None:
    first, second = raised("a"), raised("b")
    client = browser()
    response = client.post(reverse("alert-acknowledge", args=[first.pk]), headers=HTMX)
    assert response.status_code == 200
    assert "About a" not in response.content.decode()
    assert "About b" in response.content.decode()
    assert "Acknowledged." in response["HX-Trigger"]
    second.refresh_from_db()
    assert second.acknowledged_at is None


def test_acknowledging_all_takes_what_the_page_counted() -> None:
    raised("a")
    newest = raised("b")
    raised("c")
    response = browser().post(reverse("alerts-acknowledge"), {"up_to": str(newest.pk)}, headers=HTMX)
    assert "2 acknowledged." in response["HX-Trigger"]
    assert Alert.objects.get(acknowledged_at=None).dedup_key == "c"


def test_the_forms_work_without_javascript() -> None:
    alert = raised("a")
    response = browser().post(reverse("alert-acknowledge", args=[alert.pk]), follow=True)
    assert response.redirect_chain == [("/", 302)]
    assert "Acknowledged." in response.content.decode()


def test_a_viewer_may_neither_acknowledge_nor_unlock() -> None:
    alert, lockout = raised("a"), locked()
    client = browser("viewer")
    for url in (reverse("alert-acknowledge", args=[alert.pk]), reverse("lockout-lift", args=[lockout.pk])):
        assert client.post(url).status_code == 403
        assert client.post(url, headers=HTMX).status_code == 403


def test_a_lockout_is_on_the_page_and_disables_the_start() -> None:
    make.configuration()
    locked()
    page = browser().get(reverse("live")).content.decode()
    assert "No new entries in paper today: The day&#x27;s realised loss is $50.00." in page
    assert "Type UNLOCK to allow entries today" in page
    start = page.split("Start now")[0].rsplit("<button", 1)[1]
    assert "disabled" in start
    assert "Entries are locked for today" in start
    assert "Ready to start" not in page
    assert "Locked for today, as told below." in page


def test_a_lockout_of_another_mode_leaves_the_active_configuration_ready() -> None:
    make.configuration()
    locked("testnet")
    assert "Ready to start" in browser().get(reverse("live")).content.decode()


def test_a_lockout_of_another_mode_leaves_the_start_alone() -> None:
    configuration = make.configuration()
    lockout = Lockout(pk=1, kind="daily_loss", mode="live", trading_day=trading_day(make.ENTERED), reason="Lost.")
    shown = control(current_runtime(), Records(configuration=configuration, lockouts=(lockout,)), operator=True)
    assert all(button.enabled for button in shown["lead"])


def test_the_unlock_needs_the_word_and_answers_with_fresh_forms() -> None:
    make.configuration()
    lockout = locked()
    client, url = browser(), reverse("lockout-lift", args=[lockout.pk])
    refused = client.post(url, {"confirm": "yes"}, headers=HTMX)
    assert (refused.status_code, "Type UNLOCK" in refused["HX-Trigger"]) == (422, True)
    response = client.post(url, {"confirm": " UNLOCK "}, headers=HTMX)
    assert response.status_code == 200
    assert "Type UNLOCK to allow" not in response.content.decode()
    plain = client.post(url, {"confirm": "no"}, follow=True)
    assert "Type UNLOCK to confirm" in plain.content.decode()


def test_the_gates_are_shown_with_value_and_threshold() -> None:
    make.alive_engine(gates=[GATE])
    page = browser().get(reverse("panel", args=["gates"])).content.decode()
    assert "1 closed: no entries" in page
    assert "Closes at 2,000 ms, reopens at 1,000" in page
    strip = browser("viewer").get(reverse("panel", args=["alerts"])).content.decode()
    assert "Entries wait for venue latency" in strip


def test_the_bar_tells_the_page_to_look_again_when_an_alert_comes() -> None:
    client, url = browser(), reverse("panel", args=["bar"])
    before = client.get(url).content
    raised("a", "info")
    assert client.get(url).content != before


def test_the_mode_buttons_offer_every_step_down(client: Client) -> None:
    def labels(mode: str) -> list[str]:
        runtime = {**current_runtime(), "trading_mode": mode}
        return [button.label for button in control(runtime, Records(), operator=True)["others"]]

    assert labels("active") == ["Stop new entries", "Reduce only"]
    assert labels("stop_entries") == ["Resume entries", "Reduce only"]
    assert labels("reduce_only") == ["Resume entries"]
    assert labels("halted") == []


def test_reduce_only_is_set_from_the_page() -> None:
    response = browser().post(reverse("control"), {"action": "reduce_only"}, headers=HTMX)
    assert response.status_code == 200
    assert current_runtime()["trading_mode"] == "reduce_only"


# --- API -----------------------------------------------------------------------------------------------------------


def test_alerts_are_listed_newest_first_with_filters_and_pages() -> None:
    for key, severity, kind in (("a", "info", "entered"), ("b", "critical", "panic"), ("c", "warning", "exit")):
        raised(key, severity, kind)
    acknowledged = Alert.objects.get(dedup_key="c")
    client = api()
    client.post(f"/api/trading/alerts/{acknowledged.pk}/acknowledge/")
    found = client.get("/api/trading/alerts/", {"page_size": 2}).json()
    assert [item["kind"] for item in found["items"]] == ["exit", "panic"]
    assert (found["total"], found["pages"]) == (3, 2)

    def kinds(**query: str) -> list[str]:
        return [item["kind"] for item in client.get("/api/trading/alerts", query).json()["items"]]

    assert kinds(open="true") == ["panic", "entered"]
    assert kinds(open="false") == ["exit"]
    assert kinds(severity="critical") == ["panic"]
    assert kinds(kind="entered") == ["entered"]
    assert client.get("/api/trading/alerts/", {"severity": "loud"}).status_code == 422


def test_an_alert_is_told_in_full() -> None:
    raised("a")
    [item] = api().get("/api/trading/alerts/").json()["items"]
    assert {name: item[name] for name in ("severity", "title", "count", "status", "session_id", "acknowledged_by")} == {
        "severity": "warning",
        "title": "About a",
        "count": 1,
        "status": "pending",
        "session_id": None,
        "acknowledged_by": None,
    }


def test_alerts_are_acknowledged_by_programs() -> None:
    alert = raised("a")
    raised("b")
    client = api()
    seen = client.post(f"/api/trading/alerts/{alert.pk}/acknowledge").json()
    assert seen["acknowledged_by"] == "operator@example.com"
    assert client.post("/api/trading/alerts/999999/acknowledge").status_code == 404
    assert client.post("/api/trading/alerts/acknowledge-all").json() == {"acknowledged": 1}
    assert api("viewer").post("/api/trading/alerts/acknowledge-all").status_code == 403


def test_lockouts_are_listed_and_lifted_by_programs() -> None:
    lockout = locked()
    client = api()
    [item] = client.get("/api/trading/lockouts/", {"open": "true"}).json()["items"]
    assert (item["kind"], item["mode"], item["trading_day"]) == ("daily_loss", "paper", "2026-11-23")
    refused = client.post(f"/api/trading/lockouts/{lockout.pk}/lift/", {"confirm": "no"}, format="json")
    assert (refused.status_code, "confirm" in str(refused.json())) == (422, True)
    lifted = client.post(f"/api/trading/lockouts/{lockout.pk}/lift", {"confirm": "UNLOCK"}, format="json").json()
    assert lifted["lifted_by"] == "operator@example.com"
    assert client.get("/api/trading/lockouts/", {"open": "true"}).json()["items"] == []
    assert client.post("/api/trading/lockouts/999999/lift", {"confirm": "UNLOCK"}, format="json").status_code == 404


def test_gates_are_told_to_programs_and_in_the_runtime() -> None:
    make.alive_engine(gates=[GATE])
    client = api("viewer")
    assert client.get("/api/trading/gates/").json() == {"fresh": True, "entries_stopped": True, "gates": [GATE]}
    runtime = client.get("/api/trading/runtime").json()
    assert runtime["gates"] == [GATE]
    assert runtime["alerts"]["open"] == 0


@pytest.mark.parametrize("path", ["alerts", "lockouts", "gates"])
def test_nobody_reads_without_signing_in(path: str, client: Any) -> None:
    assert client.get(f"/api/trading/{path}/").status_code == 401
