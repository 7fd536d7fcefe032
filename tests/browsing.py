"""The web console in a browser: signing in, going to a screen, and what keeps people from using it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from live_gateway import Gateway
from playwright.sync_api import Browser, Page, Response, expect

AXE = Path(__file__).parents[1] / "node_modules" / "axe-core" / "axe.min.js"
GRAVE = {"serious", "critical"}
DEADLINE_MS = 30_000
GRANTED = ["clipboard-read", "clipboard-write"]
# Effects, which listen to keys and move the focus, follow the frame in which what they belong to is drawn.
EFFECTS = "done => requestAnimationFrame(() => setTimeout(done))"
GO = f"""screen => new Promise(done => {{
    const before = location.href, effects = {EFFECTS};
    addEventListener("hashchange", () => effects(done), {{ once: true }});
    location.hash = screen;
    if (location.href === before) effects(done);
}})"""


@contextmanager
def opened(gateway: Gateway, browser: Browser) -> Iterator[Page]:
    """The console before anybody signed in; what the browser finds wrong with it is an error in the end."""
    faults: list[str] = []

    def check(response: Response) -> None:
        if not response.url.startswith((gateway.url("admin", "/"), "blob:")):
            faults.append(f"asks {response.url}")

    context = browser.new_context(viewport={"width": 1280, "height": 900}, reduced_motion="reduce", permissions=GRANTED)
    page = context.new_page()
    page.set_default_timeout(DEADLINE_MS)
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda said: faults.append(said.text) if "Content Security Policy" in said.text else None)
    page.on("response", check)
    page.goto(gateway.url("admin", "/"))
    yield page
    context.close()
    assert not faults


def sign_in(page: Page, token: str) -> None:
    page.get_by_role("button", name="Sign in with a token").click()
    page.get_by_label("Token").fill(token)
    page.get_by_role("button", name="Sign in", exact=True).click()


def visit(page: Page, screen: str) -> None:
    """Go to a screen, and wait until it is loaded."""
    page.evaluate(GO, screen)
    expect(page.locator("h1")).to_be_visible()
    expect(page.locator(".loading")).to_have_count(0)


def settle(page: Page) -> None:
    """Wait until what was drawn listens to keys."""
    page.evaluate(f"() => new Promise({EFFECTS})")


def grave_faults(page: Page, rules: str) -> list[str]:
    """What axe-core finds in the page that keeps people from using it, by these rules or their tags."""
    found = page.evaluate(f"() => axe.run(document, {{ resultTypes: ['violations'], runOnly: {rules} }})")
    return [
        f"{fault['help']}: {node['html']}"
        for fault in found["violations"]
        if fault["impact"] in GRAVE
        for node in fault["nodes"]
    ]
