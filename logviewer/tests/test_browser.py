"""The log page in a real browser against the real web process, which reads its own log."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from logviewer.tests.written import append, line
from trading.tests.test_browser_live import Site, sign_in
from trading.tests.test_browser_live import site as quiet_site  # noqa: F401 - the fixture below asks for it

pytestmark = pytest.mark.browser
# Whether htmx would send a request for the panel: the page may refuse it.
WOULD_ASK = """() => {
  const lines = document.querySelector("#log-lines");
  const detail = { elt: lines };
  return lines.dispatchEvent(new CustomEvent("htmx:beforeRequest", { detail, bubbles: true, cancelable: true }));
}"""


@pytest.fixture(scope="module")
def ingesting() -> Iterator[None]:
    """The web process of this module reads its log, as in production."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BACKEND_LOG_INGEST_ENABLED", "true")
        yield


@pytest.fixture(scope="module")
def site(ingesting: None, quiet_site: Site) -> Site:  # noqa: F811 - a fixture, asked for by its name
    """The site, with lines in its log."""
    lines = [line(f"sold number {number}", event="order.filled") for number in range(3)]
    append(quiet_site.scene.parent / "backend.log", *lines, line("it broke", level="ERROR", correlation_id="c-1"))
    return quiet_site


def opened(page: Page, site: Site, query: str = "") -> None:
    """Signed in, on the log page, with the lines read."""
    sign_in(page, site)
    page.goto(f"{site.url}/logs/?live=on&{query}")
    expect(page.locator("#log-lines")).to_contain_text("it broke", timeout=30_000)


def test_it_shows_the_log_filters_it_and_follows_it_live(page: Page, site: Site, complaints: list[str]) -> None:
    opened(page, site)
    form = page.get_by_role("form", name="Filter lines")
    form.get_by_label("Message").fill("sold number")
    expect(page.locator(".log-table tbody tr")).to_have_count(3)
    append(site.scene.parent / "backend.log", line("sold number four"))
    expect(page.locator(".log-table tbody tr")).to_have_count(4, timeout=30_000)
    form.get_by_label("Level").select_option("ERROR")
    expect(page.get_by_role("heading", name="No line matches")).to_be_visible()
    assert "level=ERROR" in page.url
    assert complaints == []


def test_an_open_line_shows_its_payload_and_stays_open(page: Page, site: Site, complaints: list[str]) -> None:
    opened(page, site, "level=ERROR")
    page.locator(".log-message summary", has_text="it broke").first.click()
    payload = page.locator(".log-payload").first
    expect(payload).to_contain_text('"correlation_id": "c-1"')
    assert page.evaluate(WOULD_ASK) is False
    page.locator(".log-message summary", has_text="it broke").first.click()
    assert page.evaluate(WOULD_ASK) is True
    assert complaints == []


def test_an_error_of_the_page_reaches_the_log(page: Page, site: Site) -> None:
    opened(page, site)
    page.evaluate("setTimeout(() => { throw new Error('a page broke on purpose'); }, 0)")
    with page.expect_response("**/api/logs/batch") as answer:
        page.evaluate("1")
    assert answer.value.status == 202
    page.goto(f"{site.url}/logs/?live=on&search=purpose")
    expect(page.locator("#log-lines")).to_contain_text("a page broke on purpose", timeout=30_000)
    expect(page.locator("#log-lines")).to_contain_text("window_error")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_phone_shows_all_of_it_without_scrolling_sideways(page: Page, site: Site, theme: str) -> None:
    page.set_viewport_size({"width": 360, "height": 780})
    page.emulate_media(color_scheme="dark" if theme == "dark" else "light")
    opened(page, site)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
