"""The page in a real browser against the real web process, with an engine that plays scenes (``page_server``)."""

from __future__ import annotations

import json
import os
import re
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from playwright.sync_api import Browser, ConsoleMessage, FloatRect, Locator, Page, expect, sync_playwright

from trading.strategy.schedule import trading_day
from trading.tests.page_server import OPERATOR, PASSWORD, VIEWER

pytestmark = pytest.mark.browser
START_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Site:
    """A served site and the file that sets its scene."""

    url: str
    scene: Path

    def play(self, name: str) -> None:
        """Let the engine show another scene; ``silent`` stops it."""
        self.scene.write_text(name)


@pytest.fixture(scope="module")
def browser(browser_type_launch_args: dict[str, Any]) -> Iterator[Browser]:
    """Chromium for this module only: the plugin's own keeps an event loop running, in which no async test can run."""
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(**browser_type_launch_args)
        yield launched
        launched.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page without history."""
    context = browser.new_context()
    yield context.new_page()
    context.close()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A web process of its own, with its own database."""
    data = tmp_path_factory.mktemp("site")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {
        **os.environ,
        "DATA_DIR": str(data),
        "BACKEND_LOG_PATH": str(data / "backend.log"),
        "SECRET_KEY": "browser-test-secret-key-of-fifty-characters-or-more",
        "JWT_SECRET_KEY": "browser-test-jwt-key-of-fifty-characters-or-more-too",
        "STATIC_MANIFEST": "false",
        "DJANGO_SETTINGS_MODULE": "deltastrangle.settings",
    }
    command = [sys.executable, "-m", "trading.tests.page_server", str(port)]
    with (data / "output").open("w") as output:
        process = subprocess.Popen(command, cwd=settings.BASE_DIR, env=environment, stdout=output, stderr=output)
    try:
        _wait_for(f"http://127.0.0.1:{port}/healthz", process, data / "output")
        yield Site(f"http://127.0.0.1:{port}", data / "scene")
    finally:
        process.terminate()
        process.wait(10)


def _wait_for(url: str, process: subprocess.Popen[bytes], output: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            urllib.request.urlopen(url, timeout=2).close()
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            # The process is another one: all there is to do is ask it again a little later.
            time.sleep(0.2)
        else:
            return
    pytest.fail(f"the web process did not start:\n{output.read_text()[-2000:]}")


@pytest.fixture
def complaints(page: Page) -> list[str]:
    """What the browser's console had to complain about, CSP violations included."""
    heard: list[str] = []

    def hear(message: ConsoleMessage) -> None:
        # htmx says so of a panel that app.js then puts in its place: the form it answers was replaced by a push.
        if message.type in {"error", "warning"} and not message.text.startswith("htmx:oobErrorNoTarget"):
            heard.append(message.text)

    page.on("console", hear)
    page.on("pageerror", lambda error: heard.append(str(error)))
    return heard


def sign_in(page: Page, site: Site, email: str = OPERATOR) -> None:
    """Through the sign-in page to the live page."""
    page.goto(f"{site.url}/login/")
    page.get_by_label("E-mail").fill(email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.locator("#panel-hero")).to_be_visible()


def test_it_shows_a_session_as_it_is_pushed_without_a_complaint(page: Page, site: Site, complaints: list[str]) -> None:
    site.play("idle")
    sign_in(page, site)
    expect(page.get_by_role("button", name="Start now")).to_be_visible()
    site.play("live")
    expect(page.locator("#panel-hero .big").first).to_have_text("+$14.62")
    expect(page.locator("#panel-legs")).to_contain_text("Call 80,800")
    expect(page.get_by_role("button", name="Stop", exact=True)).to_be_visible()
    expect(page.locator("#disconnected-banner")).to_be_hidden()
    assert complaints == []


def test_it_says_stale_when_the_engine_falls_silent_and_recovers(page: Page, site: Site) -> None:
    site.play("live")
    sign_in(page, site)
    expect(page.locator("#stale-banner")).to_be_hidden()
    site.play("silent")
    expect(page.locator("#stale-banner")).to_be_visible(timeout=8000)
    expect(page.locator("body.is-stale")).to_be_visible()
    site.play("live")
    expect(page.locator("#stale-banner")).to_be_hidden()


def test_it_says_disconnected_when_the_socket_is_down_and_reconnects(page: Page, site: Site) -> None:
    site.play("live")
    page.route_web_socket("**/ws/live/", lambda route: route.close(code=1001, reason="gone"))
    sign_in(page, site)
    expect(page.locator("#disconnected-banner")).to_be_visible(timeout=6000)
    page.unroute_all()
    page.reload()
    expect(page.locator("#disconnected-banner")).to_be_hidden()


def test_a_press_keeps_its_focus_while_figures_are_pushed(page: Page, site: Site) -> None:
    site.play("live")
    sign_in(page, site)
    stop = page.get_by_role("button", name="Stop", exact=True)
    stop.focus()
    clock = page.locator("#panel-bar [data-zone=IST]")
    before = clock.text_content()
    expect(clock).not_to_have_text(before or "")
    expect(stop).to_be_focused()


def wait_for_pushes(page: Page) -> None:
    """Until the venue's clock has moved by three seconds, and with it at least one whole picture has come."""
    clock = page.locator("#panel-bar [data-zone=IST]")
    for _ in range(3):
        expect(clock).not_to_have_text(clock.text_content() or "")


def test_an_alert_that_still_holds_is_not_announced_again(page: Page, site: Site) -> None:
    site.play("live")
    sign_in(page, site)
    expect(page.locator("#panel-hero .big").first).to_have_text("+$14.62")
    wait_for_pushes(page)
    page.evaluate("document.querySelector('#panel-alerts').dataset.kept = 'yes'")
    wait_for_pushes(page)
    expect(page.locator("#panel-alerts")).to_have_attribute("data-kept", "yes")


def test_stop_is_asked_about_and_cancelled_by_default(page: Page, site: Site) -> None:
    site.play("live")
    sign_in(page, site)
    page.get_by_role("button", name="Stop", exact=True).click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Close both legs")
    expect(dialog.get_by_role("button", name="Cancel")).to_be_focused()
    page.keyboard.press("Enter")
    expect(dialog).to_be_hidden()
    expect(page.locator(".toasts .notice")).to_have_count(0)


def test_stop_answers_with_a_toast(page: Page, site: Site, complaints: list[str]) -> None:
    site.play("live")
    sign_in(page, site)
    page.get_by_role("button", name="Stop", exact=True).click()
    page.get_by_role("dialog").get_by_role("button", name="Stop").click()
    expect(page.locator(".toasts")).to_contain_text("Stop signal dispatched")
    assert complaints == []


def test_the_theme_is_remembered_and_set_before_the_page_is_drawn(page: Page, site: Site) -> None:
    site.play("idle")
    page.emulate_media(color_scheme="light")
    sign_in(page, site)
    page.get_by_role("button", name="Switch between light and dark").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    page.reload(wait_until="commit")
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    assert page.evaluate("localStorage.ds_theme_preference") == "dark"


@pytest.mark.parametrize("width", [360, 390, 768, 1280])
def test_nothing_sticks_out_and_panic_is_in_sight(page: Page, site: Site, width: int) -> None:
    site.play("live")
    page.set_viewport_size({"width": width, "height": 800})
    sign_in(page, site)
    for path in ("/", "/history/", "/history/2/"):
        page.goto(f"{site.url}{path}")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        expect(page.locator(".panic")).to_be_in_viewport(ratio=1)


@pytest.mark.parametrize("scene", ["idle", "waiting", "live"])
@pytest.mark.parametrize("width", [360, 390, 768, 1280])
def test_no_table_needs_a_sideways_scroll(page: Page, site: Site, width: int, scene: str) -> None:
    site.play(scene)
    page.set_viewport_size({"width": width, "height": 800})
    sign_in(page, site)
    for path in ("/", "/history/", "/history/2/", "/configuration/", "/configuration/1/"):
        page.goto(f"{site.url}{path}")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.evaluate(SCROLLED) == []


SCROLLED = "[...document.querySelectorAll('.scroll')].filter(e => e.scrollWidth > e.clientWidth).map(e => e.innerText)"


@pytest.mark.parametrize("width", [390, 1280])
def test_the_meters_of_all_rules_start_and_end_together(page: Page, site: Site, width: int) -> None:
    site.play("live")
    page.set_viewport_size({"width": width, "height": 800})
    sign_in(page, site)
    expect(page.locator("#panel-rules .track")).to_have_count(4)
    ends = page.locator("#panel-rules .track").evaluate_all(
        "all => all.map(e => e.getBoundingClientRect()).map(r => `${r.left.toFixed(1)}–${r.right.toFixed(1)}`)"
    )
    assert len(set(ends)) == 1


def test_the_panels_of_the_live_page_follow_each_other_in_two_columns_without_a_void(page: Page, site: Site) -> None:
    page.set_viewport_size({"width": 1280, "height": 800})
    sign_in(page, site)
    for scene, icon in (("idle", "Idle"), ("waiting", "Waiting"), ("live", "Live")):
        site.play(scene)
        expect(page.locator("#panel-bar")).to_contain_text(icon)
        page.reload()
        left, right = page.evaluate(COLUMNS)
        assert left["gaps"] == right["gaps"] == [16]
        assert left["ends"] == [right["start"] - 16]
        assert right["ends"] == [1256]
        assert left["empty"] == right["empty"] == []


COLUMNS = """() => [...document.querySelectorAll(".cockpit > .column")].map((column) => {
  const panels = [...column.querySelectorAll(":scope > .panel:not([hidden])")];
  const boxes = panels.map((panel) => panel.getBoundingClientRect());
  const gaps = boxes.slice(1).map((box, place) => Math.round(box.top - boxes[place].bottom));
  const end = (element) => element.getBoundingClientRect().bottom;
  const below = (panel) => end(panel) - Math.max(...[...panel.children].map(end));
  return {
    start: Math.round(boxes[0].left),
    ends: [...new Set(boxes.map((box) => Math.round(box.right)))],
    gaps: [...new Set(gaps)],
    empty: panels.filter((panel) => below(panel) > 24).map((panel) => panel.id),
  };
})"""


def test_the_filters_are_folded_on_a_phone_and_in_sight_elsewhere(page: Page, site: Site) -> None:
    site.play("idle")
    sign_in(page, site)
    page.goto(f"{site.url}/history/")
    expect(page.get_by_label("Search")).to_be_visible()
    page.set_viewport_size({"width": 390, "height": 800})
    expect(page.get_by_label("Search")).to_be_hidden()
    page.get_by_text("Filter the sessions").click()
    expect(page.get_by_label("Search")).to_be_visible()


def test_history_filters_as_one_types(page: Page, site: Site) -> None:
    site.play("idle")
    sign_in(page, site)
    page.goto(f"{site.url}/history/")
    page.get_by_label("Search").press_sequentially("nothing like it")
    expect(page.locator("#history-table")).to_contain_text("No session matches")
    page.get_by_label("Search").fill("")
    page.get_by_label("Status").select_option("stopped")
    expect(page.locator("#history-table")).to_contain_text("Trailing stop")
    expect(page).to_have_url(re.compile("status=stopped"))


def test_a_viewer_has_no_panic_button(page: Page, site: Site) -> None:
    site.play("live")
    sign_in(page, site, VIEWER)
    expect(page.locator("#panel-hero .big").first).to_have_text("+$14.62")
    expect(page.locator(".panic")).to_have_count(0)


def test_the_page_works_without_javascript(site: Site, browser: Browser) -> None:
    site.play("live")
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    sign_in(page, site)
    expect(page.locator("#panel-hero .big").first).to_have_text("+$14.62")
    page.get_by_role("button", name="Stop new entries").click()
    expect(page.locator("main .notice").first).to_contain_text("New entries are stopped")
    page.get_by_role("button", name="Resume entries").click()
    expect(page.locator("main .notice").first).to_contain_text("Entries are allowed again")
    context.close()


def write(site: Site, statement: str, *values: object) -> None:
    """Have the site's database say something that its engine would have written."""
    with sqlite3.connect(site.scene.parent / "delta_strangle.sqlite3", timeout=10) as database:
        database.execute(statement, values)
    database.close()


def alert_row(site: Site, title: str, severity: str) -> None:
    """An open alert."""
    now = datetime.now(UTC).replace(tzinfo=None).isoformat(" ")
    write(
        site,
        "INSERT INTO trading_alert (kind, severity, title, message, dedup_key, count, created_at, last_raised_at, "
        "status, attempts, error) VALUES ('test', ?, ?, 'Look at it.', ?, 1, ?, ?, 'kept', 0, '')",
        *(severity, title, title, now, now),
    )


def place_of(thing: Locator) -> FloatRect:
    """Where it is; while its panel is being swapped it is nowhere for a moment."""
    for _ in range(100):
        if (place := thing.bounding_box()) is not None:
            return place
    raise AssertionError(f"{thing} is nowhere")


def test_an_alert_is_pushed_counted_in_the_bar_and_acknowledged(page: Page, site: Site, complaints: list[str]) -> None:
    site.play("live")
    sign_in(page, site)
    expect(page.locator("#panel-drawer")).to_be_hidden()
    stop = page.get_by_role("button", name="Stop", exact=True)
    place = place_of(stop)
    alert_row(site, "The venue cannot be reached", "critical")
    alert_row(site, "Stop hit: max loss", "warning")
    drawer = page.locator("#panel-drawer")
    expect(drawer).to_contain_text("Stop hit: max loss")
    badge = page.locator("#panel-bar a.chip")
    expect(badge).to_contain_text("2")
    assert place_of(stop) == place
    drawer.locator("li", has_text="The venue cannot be reached").get_by_role("button").click()
    expect(drawer).not_to_contain_text("The venue cannot be reached")
    expect(badge).to_contain_text("1")
    page.set_viewport_size({"width": 360, "height": 740})
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page.get_by_role("button", name="Acknowledge all").click()
    expect(drawer).to_be_hidden()
    expect(badge).to_have_count(0)
    assert complaints == []


def test_a_panel_that_comes_for_a_form_which_a_push_has_replaced_takes_its_place_all_the_same(
    page: Page, site: Site, complaints: list[str]
) -> None:
    site.play("idle")
    sign_in(page, site)
    page.evaluate(
        """() => {
            const content = document.createElement("section");
            content.id = "panel-drawer";
            content.textContent = "late, and in its place";
            const told = new CustomEvent("htmx:oobErrorNoTarget", { bubbles: true, detail: { content } });
            document.body.dispatchEvent(told);
        }"""
    )
    expect(page.locator("#panel-drawer")).to_have_count(1)
    expect(page.locator("#panel-drawer")).to_have_text("late, and in its place")
    assert complaints == []


def test_a_lockout_disables_the_start_until_unlock_is_typed(page: Page, site: Site, complaints: list[str]) -> None:
    site.play("idle")
    sign_in(page, site)
    expect(page.get_by_role("button", name="Start now")).to_be_enabled()
    with sqlite3.connect(site.scene.parent / "delta_strangle.sqlite3", timeout=10) as database:
        [(payload,)] = database.execute("SELECT payload FROM trading_runtimesnapshot").fetchall()
    database.close()
    day = trading_day(datetime.fromisoformat(json.loads(payload)["venue"]["clock"]))
    write(
        site,
        "INSERT INTO trading_lockout (kind, mode, trading_day, reason, created_at) VALUES ('daily_loss', 'paper', ?, "
        "'The loss of the day is $50.00.', ?)",
        *(day.isoformat(), datetime.now(UTC).replace(tzinfo=None).isoformat(" ")),
    )
    word = page.get_by_label("Type UNLOCK to allow entries today")
    expect(word).to_be_visible()
    expect(page.get_by_role("button", name="Start now")).to_be_disabled()
    word.fill("UNLOCK")
    page.get_by_role("button", name="Unlock", exact=True).click()
    expect(word).to_have_count(0)
    expect(page.get_by_role("button", name="Start now")).to_be_enabled()
    assert complaints == []
