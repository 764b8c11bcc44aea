"""Takes the pictures in docs/screenshots from a real run: a few simulated days at high speed, then one live session.

Needs the development requirements and Chromium: .venv/bin/python scripts/screenshots.py --scene live
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright
from tqdm import tqdm

ROOT = Path(__file__).resolve().parent.parent
PYTHON = ROOT / ".venv" / "bin" / "python"
PORT = 8021
BASE = f"http://127.0.0.1:{PORT}"
EMAIL, PASSWORD = "operator@example.com", "a-long-example-phrase-7"
SIZES = ((1280, 900), (390, 844))
PAST_SESSIONS = 5
FAST = 150
LIVE_SECONDS = 55


def environment(data: Path, speed: int) -> dict[str, str]:
    """Settings of a throw-away installation."""
    return {
        **os.environ,
        "DATA_DIR": str(data),
        "BACKEND_LOG_PATH": str(data / "backend.log"),
        "DEBUG": "true",
        "SIMULATED_VENUE_SPEED": str(speed),
        "INITIAL_SUPERUSER_EMAIL": EMAIL,
        "INITIAL_SUPERUSER_PASSWORD": PASSWORD,
    }


def manage(data: Path, speed: int, *arguments: str) -> None:
    """Run one management command to its end; its refusal ends the run."""
    command = [str(PYTHON), "manage.py", *arguments]
    subprocess.run(command, cwd=ROOT, env=environment(data, speed), check=True, stdout=subprocess.DEVNULL)


@contextlib.contextmanager
def served(data: Path, speed: int) -> Iterator[None]:
    """The platform, running at ``speed``."""
    command = [str(PYTHON), "manage.py", "serve", "--port", str(PORT)]
    with (data / "serve.log").open("ab") as log:
        process = subprocess.Popen(command, cwd=ROOT, env=environment(data, speed), stdout=log, stderr=log)
    try:
        wait_until_healthy()
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=30)


def wait_until_healthy() -> None:
    """Wait for the first answer of /healthz, half a minute at most."""
    for _ in range(150):
        with contextlib.suppress(OSError), urllib.request.urlopen(f"{BASE}/healthz", timeout=1):
            return
        time.sleep(0.2)
    raise SystemExit("The platform did not come up; see serve.log in the data directory.")


def pages(browser: Browser) -> Iterator[tuple[str, Page]]:
    """A signed-in page in each size and theme, with its name's ending."""
    for theme in ("dark", "light"):
        for width, height in SIZES:
            context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=theme)
            page = context.new_page()
            page.goto(f"{BASE}/login/")
            page.fill("input[type=email]", EMAIL)
            page.fill("input[type=password]", PASSWORD)
            page.click("button[type=submit]")
            page.wait_for_url(f"{BASE}/")
            yield f"{theme}-{width}", page
            context.close()


def shoot(browser: Browser, folder: Path, *targets: tuple[str, str]) -> None:
    """Pictures of (name, path) in every size and theme."""
    for ending, page in tqdm(pages(browser), total=4, desc=", ".join(name for name, _ in targets)):
        for name, path in targets:
            page.goto(f"{BASE}{path}")
            page.wait_for_timeout(1200)
            if name == "alerts":
                unfold(page)
            page.screenshot(path=folder / f"{name}-{ending}.png", full_page=True)


def unfold(page: Page) -> None:
    """Open the drawer of alerts; it opens by itself for those that are loud only."""
    if not page.locator("#panel-drawer details[open]").count():
        page.locator("#panel-drawer summary").click()
        # A click scrolls to what it clicks, and the sticky bar with it.
        page.evaluate("scrollTo(0, 0)")


def acknowledge(browser: Browser) -> None:
    """Press the button that acknowledges every alert, so that they are on their own picture only."""
    _, page = next(pages(browser))
    unfold(page)
    page.get_by_role("button", name="Acknowledge all").click()
    page.locator("#panel-drawer").wait_for(state="hidden")
    page.context.close()


def past(data: Path, browser: Browser, folder: Path) -> None:
    """Some finished sessions: their alerts, the idle page, History, one session, Analytics, Logs, the configuration."""
    with served(data, FAST):
        for _ in tqdm(range(PAST_SESSIONS), desc="past sessions"):
            manage(data, FAST, "start", "--now", "--wait")
        shoot(browser, folder, ("alerts", "/"))
        acknowledge(browser)
        shoot(browser, folder, ("live-closed", "/"), ("history", "/history/"), ("session", "/history/1/"))
        shoot(browser, folder, ("analytics", "/analytics/"), ("logs", "/logs/"))
        shoot(browser, folder, ("configuration", "/configuration/"), ("configuration-form", "/configuration/1/"))


def waiting(data: Path, browser: Browser, folder: Path) -> None:
    """A session that waits for its entry time."""
    with served(data, 1):
        manage(data, 1, "start")
        shoot(browser, folder, ("live-waiting", "/"))
        manage(data, 1, "stop")


def live(data: Path, browser: Browser, folder: Path) -> None:
    """A session that is being guarded."""
    with served(data, 60):
        manage(data, 60, "start", "--now")
        for _ in tqdm(range(LIVE_SECONDS), desc="live session"):
            time.sleep(1)
        shoot(browser, folder, ("live", "/"))


SCENES = {"past": past, "waiting": waiting, "live": live}


def main() -> None:
    """Play the scenes that were asked for, all of them unless told otherwise, and take their pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=ROOT / "docs" / "screenshots")
    parser.add_argument("--scene", action="append", choices=list(SCENES), help="only this scene (may be repeated)")
    asked = parser.parse_args()
    asked.folder.mkdir(parents=True, exist_ok=True)
    data = Path(tempfile.mkdtemp(prefix="strangle-pictures-"))
    manage(data, FAST, "migrate", "--verbosity", "0")
    manage(data, FAST, "bootstrap_local")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for name in asked.scene or SCENES:
            SCENES[name](data, browser, asked.folder)
        browser.close()
    shutil.rmtree(data, ignore_errors=True)


if __name__ == "__main__":
    main()
