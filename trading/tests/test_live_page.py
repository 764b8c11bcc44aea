"""The live page over HTTP: who may see it, what it shows, and what its forms do."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse

from accounts.models import AuditEvent, User
from trading.models import EngineCommand, PnlPoint, RuntimeSnapshot, StrategySession, TradingMode
from trading.panels import PANELS
from trading.tests import snapshots
from trading.tests.factories_control import alive_engine, close, configuration, leg, session, user
from trading.tests.session_rows import decisions_of, finished_session

pytestmark = pytest.mark.django_db


def signed_in(role: str) -> Client:
    """A browser of a user with ``role``."""
    client = Client()
    client.force_login(User.objects.filter(email=f"{role}@example.com").first() or user(role))
    return client


def page(role: str = "operator") -> str:
    """The live page's HTML with plain spaces."""
    response = signed_in(role).get(reverse("live"))
    assert response.status_code == 200
    return response.content.decode().replace("\u00a0", " ")


def running(**changes: Any) -> StrategySession:
    """A running session that the engine has just published a live picture of."""
    opened = session(configuration("Daily BTC 0.10–0.15"))
    decisions_of(opened)
    picture = snapshots.live(**{"session_id": opened.pk, **changes})
    alive_engine(**{name: value for name, value in picture.items() if name != "worker"})
    return opened


def test_an_anonymous_visitor_is_sent_to_sign_in_and_back() -> None:
    response = Client().get(reverse("live"))
    assert response.status_code == 302
    assert response["Location"] == f"{reverse('accounts:login')}?next=/"


def test_a_user_without_a_role_sees_nothing() -> None:
    client = Client()
    client.force_login(User.objects.create_user("nobody@example.com", "correct horse battery"))
    for url in (reverse("live"), reverse("panels"), reverse("panel", args=["hero"]), reverse("history")):
        assert client.get(url).status_code == 403


def test_the_page_holds_every_panel_once() -> None:
    running()
    shown = page()
    for name in [*PANELS, "control"]:
        assert shown.count(f'id="panel-{name}"') == 1


def test_the_live_page_answers_at_one_glance() -> None:
    running()
    shown = page()
    for text in (
        "+$14.62",
        "Call 80,800",
        "What is nearest to acting",
        "exit in",
        "Trailing level raised",
        "connected",
    ):
        assert text in shown


def test_the_legs_of_a_session_whose_picture_is_lost_are_shown_from_the_ledger() -> None:
    opened = session(configuration())
    opened.phase, opened.pnl_summary = "live", {"total_pnl": -2.5, "fees": 0.5, "notional": 24.0}
    opened.save()
    leg(opened, "call", exit_price=None, open_quantity=100, analytics={"mark_price": 260.0, "strike": 80000.0})
    shown = page()
    assert "Call 80,000" in shown
    assert "240.0" in shown


def test_the_idle_page_offers_start_now_first_and_tells_the_last_result() -> None:
    finished_session(configuration("Daily BTC 0.10–0.15"))
    alive_engine()
    shown = page()
    assert shown.index("Start now") < shown.index("Start at 09:30 IST")
    for text in ("Ready to start", "+$16.59", "Trailing stop", "100 × BTC call, put", "Longest hold", "2 h"):
        assert text in shown


@pytest.mark.parametrize(("mode", "headline"), [("halted", "Trading is halted"), ("stop_entries", "No new entries")])
def test_the_idle_page_is_not_ready_while_the_platform_refuses_entries(mode: str, headline: str) -> None:
    configuration("Daily BTC 0.10–0.15")
    TradingMode.objects.create(mode=mode)
    alive_engine()
    hero = page().split('id="panel-hero"')[1].split("</section>")[0]
    assert headline in hero
    assert "Ready to start" not in hero


def test_the_note_on_stop_says_so_when_both_legs_are_already_bought_back() -> None:
    totals = {**snapshots.live()["totals"], "cost_to_close": 0.0}
    running(totals=totals)
    note = page().split('id="panel-control_note"')[1].split("</p>")[0]
    assert "Both legs are bought back" in note
    assert "Stop buys" not in note


def test_the_idle_page_tells_the_story_of_the_last_session() -> None:
    made = finished_session(configuration("Daily BTC 0.10–0.15"))
    alive_engine()
    shown = page()
    story = shown[shown.index('id="panel-last"') : shown.index('id="panel-legs"')]
    for text in ("+$16.59", "+35.7 % of credit", "23 Nov 2026, 09:30 – 11:44 IST", "Call 80,800", "241.6", "148.2"):
        assert text in story
    assert '<svg class="plot"' in story
    assert "stop −50 %" in story
    assert reverse("session-detail", args=[made.pk]) in story


def test_a_last_session_that_sold_nothing_says_so() -> None:
    close(session(configuration("Demo")), "no_entry")
    alive_engine()
    shown = page()
    assert "Nothing was sold" in shown
    assert "No entry was made" in shown
    assert '<svg class="plot"' not in shown


def test_a_last_session_of_one_mark_is_too_short_to_chart() -> None:
    made = finished_session(configuration("Demo"))
    PnlPoint.objects.filter(session=made).delete()
    alive_engine()
    assert "Too short to chart" in page()


def test_a_waiting_page_has_its_schedule_its_plan_and_the_last_session() -> None:
    demo = configuration("Demo")
    finished_session(demo)
    opened = session(demo)
    schedule = {**snapshots.WAITING["schedule"], "planned_exit_at": None}
    alive_engine(phase="waiting", session_id=opened.pk, schedule=schedule, venue=snapshots.VENUE)
    shown = page()
    for text in ("09:30 entry", "12:00 exit", "15:20 IST", "Nothing is decided yet.", "Last session", "+$16.59"):
        assert text in shown


def test_the_last_session_steps_back_once_something_is_sold() -> None:
    finished_session(configuration("Old", active=False))
    running()
    assert "+$16.59" not in page()


def test_the_idle_page_without_a_configuration_leads_to_one() -> None:
    alive_engine()
    shown = page()
    assert "No configuration is active." in shown
    assert f'href="{reverse("configurations")}"' in shown


def test_a_dead_engine_is_an_alert_and_its_session_is_never_shown_idle() -> None:
    session(configuration("Demo"))
    shown = page()
    assert "nobody guards the open session" in shown
    assert "Waiting" in shown


def test_a_viewer_sees_the_figures_and_no_button_that_steers() -> None:
    running()
    shown = page("viewer")
    assert "+$14.62" in shown
    assert "panic-form" not in shown
    assert "needs the operator role" in shown
    assert f'hx-post="{reverse("control")}"' not in shown


@pytest.mark.parametrize("name", [*PANELS, "control"])
def test_a_panel_by_its_url_is_what_the_page_has(name: str) -> None:
    running()
    response = signed_in("operator").get(reverse("panel", args=[name]))
    assert response.status_code == 200
    assert response.content.decode().count(f'id="panel-{name}"') == 1


def test_an_unknown_panel_is_not_found() -> None:
    assert signed_in("viewer").get(reverse("panel", args=["secrets"])).status_code == 404


def test_the_poll_sends_all_panels_out_of_band_or_the_bar_alone() -> None:
    client = signed_in("viewer")
    assert client.get(reverse("panels")).content.decode().count("hx-swap-oob") == len(PANELS)
    only = client.get(reverse("panels"), {"only": "bar"}).content.decode()
    assert only.count("hx-swap-oob") == 1
    assert 'id="panel-bar"' in only


def test_the_page_costs_a_fixed_number_of_queries(django_assert_max_num_queries: Any) -> None:
    opened = running()
    for _ in range(5):
        decisions_of(opened)
    client = signed_in("operator")
    with django_assert_max_num_queries(19):
        client.get(reverse("live"))


def test_the_idle_page_costs_a_fixed_number_of_queries(django_assert_max_num_queries: Any) -> None:
    demo = configuration("Demo")
    for number in range(4):
        finished_session(demo, f"delta-strangle-{number}")
    alive_engine()
    client = signed_in("operator")
    with django_assert_max_num_queries(26):
        client.get(reverse("live"))


def press(client: Client, *, htmx: bool = True, **fields: str) -> Any:
    """Send a form of the control panel."""
    headers = {"HX-Request": "true"} if htmx else {}
    return client.post(reverse("control"), fields, headers=headers)


def test_start_now_opens_a_session_and_answers_with_a_toast_and_fresh_forms() -> None:
    chosen = configuration("Demo")
    response = press(signed_in("operator"), action="start", now="1", configuration_id=str(chosen.pk))
    assert response.status_code == 200
    assert "Strategy start initiated" in response["HX-Trigger"]
    assert 'id="panel-control"' in response.content.decode()
    assert 'id="panic-form"' in response.content.decode()
    assert StrategySession.objects.get().enter_now


def test_the_same_form_pressed_twice_commands_once() -> None:
    configuration("Demo")
    client = signed_in("operator")
    first = press(client, action="start", idempotency_key="web-1-start")
    second = press(client, action="start", idempotency_key="web-1-start")
    assert (first.status_code, second.status_code) == (200, 200)
    assert EngineCommand.objects.count() == 1


def test_each_rendering_brings_a_new_idempotency_key() -> None:
    configuration("Demo")
    keys = re.findall(r'name="idempotency_key" value="([^"]+)"', page() + page())
    assert len(keys) == len(set(keys)) >= 4


def test_a_refusal_is_a_toast_with_its_status() -> None:
    session(configuration("Demo"))
    response = press(signed_in("operator"), action="start")
    assert response.status_code == 409
    assert "already running" in response["HX-Trigger"]


def test_a_plain_form_comes_back_to_the_page_with_a_message() -> None:
    session(configuration("Demo"))
    client = signed_in("operator")
    stopped = press(client, htmx=False, action="stop")
    assert stopped.status_code == 302
    assert stopped["Location"] == reverse("live")
    assert "Stop signal dispatched" in client.get(reverse("live")).content.decode()
    press(client, htmx=False, action="start")
    assert "Strategy already running" in client.get(reverse("live")).content.decode()


def test_panic_halts_the_platform_and_commands_a_close() -> None:
    session(configuration("Demo"))
    response = press(signed_in("operator"), action="panic")
    assert response.status_code == 200
    assert TradingMode.objects.get().mode == "halted"
    assert EngineCommand.objects.get().action == "panic"
    assert "Type RESUME" in response.content.decode()
    assert "Trading is halted (Panic, by operator@example.com)" in response.content.decode()


def test_a_halted_platform_resumes_by_the_typed_word_only() -> None:
    client = signed_in("operator")
    press(client, action="panic")
    assert press(client, action="resume_trading", confirm="resume?").status_code == 422
    assert TradingMode.objects.get().mode == "halted"
    assert press(client, action="resume_trading", confirm="RESUME").status_code == 200
    assert TradingMode.objects.get().mode == "active"


def test_new_entries_can_be_stopped_and_resumed() -> None:
    client = signed_in("operator")
    assert "Resume entries" in press(client, action="stop_entries").content.decode()
    assert TradingMode.objects.get().mode == "stop_entries"
    assert "Stop new entries" in press(client, action="resume_entries").content.decode()
    assert TradingMode.objects.get().mode == "active"


def test_a_viewer_may_not_steer_and_the_attempt_is_audited() -> None:
    assert press(signed_in("viewer"), action="panic").status_code == 403
    assert not TradingMode.objects.filter(mode="halted").exists()
    assert AuditEvent.objects.filter(outcome="refused", actor_email__startswith="viewer").exists()


def test_control_needs_a_csrf_token_and_a_post() -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(user("operator"))
    assert client.post(reverse("control"), {"action": "panic"}).status_code == 403
    assert client.get(reverse("control")).status_code == 405


@pytest.mark.parametrize("identity", ["one", "-1", "9" * 30])
def test_a_nonsense_configuration_is_refused(identity: str) -> None:
    assert press(signed_in("operator"), action="start", configuration_id=identity).status_code == 422


def test_an_unknown_action_is_refused() -> None:
    assert press(signed_in("operator"), action="withdraw").status_code == 422


def test_the_bar_is_on_every_page_with_its_own_socket() -> None:
    running()
    shown = signed_in("operator").get(reverse("history")).content.decode()
    assert 'id="panel-bar"' in shown
    assert 'ws-connect="/ws/bar/"' in shown
    assert 'ws-connect="/ws/live/"' in page()


def test_the_sign_in_page_shows_no_state_of_the_platform() -> None:
    running()
    shown = Client().get(reverse("accounts:login")).content.decode()
    assert "panel-bar" not in shown
    assert "ws-connect" not in shown


def test_text_of_the_engine_is_escaped() -> None:
    running(attention="<script>alert(1)</script>", phase="attention")
    assert "<script>alert(1)" not in page()


def test_a_picture_with_missing_parts_still_makes_a_page() -> None:
    opened = running()
    RuntimeSnapshot.objects.update(payload={"session_id": opened.pk, "phase": "live", "positions": [{}]})
    assert "panel-legs" in page()


TEMPLATES = sorted(Path(settings.BASE_DIR, "templates").rglob("*.html"))


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: str(path.name))
def test_no_template_has_inline_style_or_script(template: Path) -> None:
    text = template.read_text()
    assert not re.search(r"\sstyle\s*=|<style|\son[a-z]+\s*=|hx-on|javascript:", text)
    assert all("src=" in tag for tag in re.findall(r"<script[^>]*>", text))


def luminance(colour: str) -> float:
    """Relative luminance of ``#rrggbb`` (WCAG 2.2)."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """Contrast ratio of two colours (WCAG 2.2)."""
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


PAIRS = [
    *[(text, back) for text in ("ink", "dim", "faint", "accent", "up", "down", "warn") for back in ("panel", "bg")],
    *[(text, back) for text in ("ink", "accent") for back in ("chip", "accent-bg", "up-bg", "warn-bg", "down-bg")],
    *[(text, f"{text}-bg") for text in ("up", "down", "warn")],
    *[("dim", "down-bg"), ("faint", "down-bg"), ("warn", "down-bg"), ("up", "chip"), ("warn", "chip")],
    *[("on-accent", "accent"), ("on-down", "down")],
]


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize(("text", "back"), PAIRS)
def test_text_stands_out_from_its_background(theme: int, text: str, back: str) -> None:
    css = Path(settings.BASE_DIR, "static/css/tokens.css").read_text()
    tokens = {found[0]: found[1:] for found in re.findall(r"--([\w-]+): light-dark\((#\w{6}), (#\w{6})\)", css)}
    assert contrast(tokens[text][theme], tokens[back][theme]) >= 4.5
