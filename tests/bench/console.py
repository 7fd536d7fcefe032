"""The web console in a real browser, over a fleet of some size: what people wait for until they see it."""

from __future__ import annotations

import shutil
import time
from typing import Any
from urllib.parse import quote

from bench import report
from browsing import DEADLINE_MS, sign_in
from live_gateway import Gateway
from playwright.sync_api import Page, sync_playwright

ROUNDS = 12
SEEN = {
    "console, first paint": "the page that signs people in, with nothing in the browser's cache",
    "console, from signing in to subscribers": "the first page of them",
    "console, search by MSISDN": "from Enter to the subscriber's name",
    "console, devices of a tag": "from the address to the first device",
}
"""What is waited for, and what that is."""

_PAINTED = "() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime"


def look(gateway: Gateway, msisdn: str, match: str) -> dict[str, Any]:
    """The milliseconds of each; ``msisdn`` is somebody's, and ``match`` finds devices."""
    took: dict[str, list[float]] = {name: [] for name in SEEN}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for number in range(ROUNDS + 1):
            page = browser.new_page()
            page.set_default_timeout(DEADLINE_MS)
            times = _once(page, gateway, msisdn, match)
            page.close()
            if number:  # the first round warms up
                for name, milliseconds in zip(SEEN, times, strict=True):
                    took[name].append(milliseconds)
        browser.close()
    return {name: report.spread(times) for name, times in took.items()}


def _once(page: Page, gateway: Gateway, msisdn: str, match: str) -> tuple[float, ...]:
    """How long each took, in their order."""
    page.goto(gateway.url("admin", "/console/"))
    page.get_by_role("button", name="Sign in with a token").wait_for()
    painted: float = page.wait_for_function(_PAINTED).json_value()
    started = time.perf_counter()
    sign_in(page, gateway.token)
    page.get_by_label("Subscribers", exact=True).get_by_role("link").first.wait_for()
    listed = time.perf_counter() - started
    page.get_by_label("Find a subscriber or device").fill(msisdn)
    started = time.perf_counter()
    page.keyboard.press("Enter")
    page.get_by_label("Devices", exact=True).wait_for()
    found = time.perf_counter() - started
    started = time.perf_counter()
    page.evaluate("screen => { location.hash = screen }", f"#/devices?match={quote(match)}")
    page.get_by_label("Devices found").get_by_role("link").first.wait_for()
    matched = time.perf_counter() - started
    return painted, *(1000 * seconds for seconds in (listed, found, matched))
