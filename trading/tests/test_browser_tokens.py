"""API tokens and the API's reference in a real browser: without a complaint, on a phone and without JavaScript."""

from __future__ import annotations

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from trading.tests.test_browser_live import Site, browser, complaints, page, sign_in, site

__all__ = ["browser", "complaints", "page", "site"]
pytestmark = pytest.mark.browser


def reads(site: Site, secret: str) -> int:
    """The status that a script with this token gets."""
    return httpx.get(f"{site.url}/api/trading/runtime", headers={"Authorization": f"Bearer {secret}"}).status_code


def test_a_token_is_made_shown_once_used_and_revoked(page: Page, site: Site, complaints: list[str]) -> None:
    sign_in(page, site)
    page.goto(f"{site.url}/account/tokens/")
    page.get_by_label("Name").fill("cron")
    page.get_by_role("button", name="Create token").click()
    secret = page.locator("code.secret").text_content() or ""
    assert reads(site, secret) == 200
    page.reload()
    expect(page.locator("code.secret")).to_have_count(0)
    page.get_by_role("button", name="Revoke cron").click()
    page.locator("#confirm-dialog").get_by_role("button", name="Confirm").click()
    expect(page.locator("#panel-tokens tbody")).to_contain_text("Revoked")
    assert reads(site, secret) == 401
    assert complaints == []


def test_it_works_without_javascript(site: Site, browser: Browser) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    sign_in(page, site)
    page.goto(f"{site.url}/account/tokens/")
    page.get_by_label("Name").fill("plain")
    page.get_by_role("button", name="Create token").click()
    assert reads(site, page.locator("code.secret").text_content() or "") == 200
    page.get_by_role("button", name="Revoke plain").click()
    expect(page.locator("main .notice").first).to_contain_text("revoked")
    context.close()


@pytest.mark.parametrize("path", ["/account/tokens/", "/api/docs/"])
def test_a_phone_shows_it_without_scrolling_sideways(page: Page, site: Site, complaints: list[str], path: str) -> None:
    page.set_viewport_size({"width": 360, "height": 760})
    sign_in(page, site)
    page.goto(f"{site.url}{path}")
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert complaints == []
