"""The account panel in a real browser: a foreign position is seen, ignored, and flattened on the typed word only."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, Page, expect

from trading.tests.page_server import FOREIGN
from trading.tests.test_browser_live import Site, browser, complaints, page, sign_in, site

__all__ = ["browser", "complaints", "page", "site"]
pytestmark = pytest.mark.browser


def test_a_foreign_position_appears_by_itself_and_is_flattened_on_the_typed_symbol_only(
    page: Page, site: Site, complaints: list[str]
) -> None:
    site.play("live")
    sign_in(page, site)
    panel = page.locator("#panel-account")
    expect(panel).to_contain_text("The account held nothing")
    site.play("foreign")
    expect(panel).to_contain_text("−4 foreign")
    confirm = panel.get_by_label("Close these contracts")
    confirm.fill("yes")
    panel.get_by_role("button", name="Flatten").click()
    expect(page.locator(".toasts .notice")).to_have_count(0)
    confirm.fill(FOREIGN)
    panel.get_by_role("button", name="Flatten").click()
    expect(page.locator(".toasts")).to_contain_text("are being closed")
    expect(panel).to_contain_text("being closed")
    assert complaints == []


def test_read_now_and_ignore_work_without_javascript(site: Site, browser: Browser) -> None:
    site.play("foreign")
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    sign_in(page, site)
    panel = page.locator("#panel-account")
    for _ in range(20):
        page.reload()
        if FOREIGN in (panel.text_content() or ""):
            break
    panel.get_by_role("button", name="Read now").click()
    expect(page.locator("main .notice").first).to_contain_text("being read")
    context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_it_fits_at_every_width_in_both_themes(page: Page, site: Site, width: int, scheme: str) -> None:
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    page.set_viewport_size({"width": width, "height": 800})
    site.play("foreign")
    sign_in(page, site)
    expect(page.locator("#panel-account")).to_contain_text(FOREIGN)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate(
        "[...document.querySelectorAll('#panel-account .scroll')].every(e => e.scrollWidth <= e.clientWidth)"
    )
