"""The pictures of the console in the docs: ``make screenshots`` takes them anew, of the demo operator, in Chromium."""

from __future__ import annotations

import base64
import shutil
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from browsing import opened, sign_in, visit  # noqa: E402
from live_gateway import CONFIG, Gateway, serving  # noqa: E402

FOLDER = ROOT / "docs" / "images"
QUALITY = 80
PILOT = 'name = "pilot"\nlayer = "plan"\n[match]\nplan = "premium"\n[mo.ims]\nTimer_T1 = 2950\nTimer_T4 = 16000\n'

PICTURES = {
    "console-subscriber": "#/subscribers/alice/alice.1",
    "console-tree": "#/subscribers/alice/alice.1?tab=tree",
    "console-trace": "#/subscribers/alice/alice.1?tab=sessions",
    "console-campaign": "#/campaigns/{campaign}",
    "console-editor": "#/profiles/files/plan-premium.toml",
    "console-editions": "#/editions",
}
"""A picture of each screen, by the name of its file."""


def main() -> None:
    """Write all pictures."""
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        folder = Path(name)
        shutil.copytree(CONFIG / "profiles", folder / "profiles")
        with serving(folder, MOGATE_PROFILES=str(folder / "profiles")) as gateway:
            campaign = _prepare(gateway)
            browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
            with opened(gateway, browser) as page:
                sign_in(page, gateway.token)
                page.get_by_role("link", name="alice").wait_for()
                for picture, screen in PICTURES.items():
                    visit(page, screen.format(campaign=campaign))
                    if picture == "console-tree":
                        _stage(page)
                    if picture == "console-editor":
                        _edit(page)
                    _take(page, FOLDER / f"{picture}.webp")
            browser.close()


def _prepare(gateway: Gateway) -> str:
    """Phones that called and one that refused a value, a campaign, and a profile to publish. Returns the campaign."""
    gateway.json("simulate", "omadm")
    gateway.json("simulate", "rcc14")
    gateway.api("PATCH", "/subscribers/alice/values", {"set": {"ims/Timer_T2": "8000"}})
    gateway.json("simulate", "omadm", "--refuse", "./3GPP_IMS/Timer_T2=405")
    content = {"operations": [{"verb": "Replace", "uri": "./3GPP_IMS/Timer_T2", "value": "8000"}]}
    wanted = {"name": "timers of the premium plan", "target": {"match": {"plan": ["premium"]}}, **content}
    campaign = gateway.api("POST", "/campaigns", {**wanted, "groups": [{"size": 1}, {"percent": 100}]})["id"]
    while not any(group["started"] for group in gateway.api("GET", f"/campaigns/{campaign}")["groups"]):
        pass
    gateway.json("simulate", "omadm", "--refuse", "./3GPP_IMS/Timer_T2=405")
    (gateway.folder / "profiles" / "pilot.toml").write_text(PILOT)
    return str(campaign)


def _stage(page: Page) -> None:
    """An edit in the basket, and how it would go out."""
    page.locator("tr[data-path='ims/Timer_T4']").click()
    page.get_by_label("New value").fill("9000")
    page.get_by_role("button", name="Stage").click()
    page.get_by_role("button", name="Preview").click()
    page.get_by_label("Commands").wait_for()


def _edit(page: Page) -> None:
    """A profile with another value, and what that changes."""
    text = page.get_by_label("Text of plan-premium.toml")
    text.fill(text.input_value().replace("[mo.ims]\n", "[mo.ims]\nTimer_T2 = 15000\n"))
    text.press("Control+Shift+Enter")
    page.get_by_role("button", name="Serve it").scroll_into_view_if_needed()


def _take(page: Page, file: Path) -> None:
    page.wait_for_load_state()
    shot = page.context.new_cdp_session(page).send("Page.captureScreenshot", {"format": "webp", "quality": QUALITY})
    file.write_bytes(base64.b64decode(shot["data"]))


if __name__ == "__main__":
    main()
