"""The analytics page in a real browser against the real web process."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from trading.tests.test_browser_live import Site, sign_in

pytestmark = pytest.mark.browser
ALL_DATES = "preset=custom&start=2026-11-01&end=2026-12-31"


def opened(page: Page, site: Site, query: str = ALL_DATES) -> None:
    """Signed in, on the analytics page."""
    sign_in(page, site)
    page.goto(f"{site.url}/analytics/?{query}")


def test_the_charts_are_drawn_and_the_console_is_silent(page: Page, site: Site, complaints: list[str]) -> None:
    opened(page, site)
    expect(page.locator(".plot-host canvas")).to_have_count(4)
    expect(page.locator("#analytics-figures")).to_contain_text("+$16.59")
    page.get_by_role("button", name="Switch between light and dark").click()
    expect(page.locator(".plot-host canvas")).to_have_count(4)
    assert complaints == []


def test_a_legend_tells_the_newest_figures_until_something_is_pointed_at(page: Page, site: Site) -> None:
    opened(page, site)
    legend = page.locator("section", has=page.get_by_role("heading", name="Equity")).locator(".u-legend")
    expect(legend).to_contain_text("$16.59")
    expect(legend).not_to_contain_text("--")
    page.locator("section", has=page.get_by_role("heading", name="Equity")).locator(".u-over").hover()
    page.mouse.move(0, 0)
    expect(legend).to_contain_text("$16.59")
    spread = page.locator("section", has=page.get_by_role("heading", name="Session P&L histogram")).locator(".u-legend")
    expect(spread.locator(".u-value").first).to_be_hidden()


def test_a_filter_swaps_the_figures_and_draws_the_charts_again(page: Page, site: Site, complaints: list[str]) -> None:
    opened(page, site)
    expect(page.locator(".plot-host canvas")).to_have_count(4)
    page.get_by_label("Mode").select_option("live")
    expect(page.get_by_role("heading", name="No closed session in this range")).to_be_visible()
    page.get_by_label("Mode").select_option("paper")
    expect(page.locator(".plot-host canvas")).to_have_count(4)
    assert "mode=paper" in page.url
    page.go_back()
    expect(page.get_by_role("heading", name="No closed session in this range")).to_be_visible()
    expect(page.get_by_role("navigation", name="Main")).to_be_visible()
    assert complaints == []


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_phone_shows_all_of_it_without_scrolling_sideways(page: Page, site: Site, theme: str) -> None:
    page.set_viewport_size({"width": 360, "height": 780})
    page.emulate_media(color_scheme="dark" if theme == "dark" else "light")
    opened(page, site)
    expect(page.locator(".plot-host canvas")).to_have_count(4)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_each_chart_has_a_table_without_the_script(page: Page, site: Site) -> None:
    opened(page, site)
    table = page.get_by_role("region", name="Equity, table")
    expect(table).to_be_hidden()
    page.locator("section", has=page.get_by_role("heading", name="Equity")).get_by_text("Table").click()
    expect(table).to_contain_text("+$16.59")


FITTED = """async () => {
  const fits = (host) => Math.abs(host.querySelector(".uplot").offsetWidth - Math.max(200, host.clientWidth)) < 2;
  for (let frame = 0; frame < 300; frame += 1) {
    if ([...document.querySelectorAll(".plot-host")].every(fits)) return true;
    await new Promise(requestAnimationFrame);
  }
  return false;
}"""


def test_charts_follow_the_window_without_an_error(page: Page, site: Site) -> None:
    page.add_init_script("window.errors = []; addEventListener('error', (event) => errors.push(event.message))")
    opened(page, site)
    expect(page.locator(".plot-host canvas")).to_have_count(4)
    for width in (1000, 1280, 420, 900):
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate(FITTED)
    assert page.evaluate("errors") == []
