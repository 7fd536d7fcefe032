"""The web console in a real browser, over a real gateway: what its users come for, by mouse and by keyboard."""

from __future__ import annotations

import re
import shutil
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from live_gateway import Gateway, serving
from playwright.sync_api import Browser, Page, Response, expect, sync_playwright

AXE = Path(__file__).parents[2] / "node_modules" / "axe-core" / "axe.min.js"
GRAVE = {"serious", "critical"}
DEADLINE_MS = 30_000
expect.set_options(timeout=DEADLINE_MS)


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A demo operator whose phones have called; one of them refused a value."""
    with serving(tmp_path_factory.mktemp("console")) as one:
        one.json("simulate", "omadm")
        one.json("simulate", "rcc14")
        one.run("set", "alice", "ims/Timer_T2=8000")
        one.json("simulate", "omadm", "--refuse", "./3GPP_IMS/Timer_T2=405")
        yield one


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        # The sandbox of the browser does not work for root, and nothing but the gateway's pages is opened.
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def page(gateway: Gateway, browser: Browser) -> Iterator[Page]:
    """The console before anybody signed in; what the browser finds wrong with it fails the test."""
    faults: list[str] = []

    def check(response: Response) -> None:
        if not response.url.startswith(gateway.url("admin", "/")):
            faults.append(f"asks {response.url}")

    page = browser.new_page(viewport={"width": 1280, "height": 900}, reduced_motion="reduce")
    page.set_default_timeout(DEADLINE_MS)
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda said: faults.append(said.text) if "Content Security Policy" in said.text else None)
    page.on("response", check)
    page.goto(gateway.url("admin", "/"))
    yield page
    page.close()
    assert not faults


@pytest.fixture
def console(gateway: Gateway, page: Page) -> Page:
    """The console after signing in."""
    sign_in(page, gateway.token)
    expect(page.get_by_role("heading", name="Subscribers")).to_be_visible()
    return page


def sign_in(page: Page, token: str) -> None:
    page.get_by_role("button", name="Sign in with a token").click()
    page.get_by_label("Token").fill(token)
    page.get_by_role("button", name="Sign in", exact=True).click()


def visit(page: Page, screen: str) -> None:
    """Go to a screen, and wait until it is loaded."""
    page.evaluate("screen => { location.hash = screen }", screen)
    expect(page.locator("h1")).to_be_visible()
    expect(page.locator(".loading")).to_have_count(0)


def test_signing_in_with_a_token(gateway: Gateway, page: Page) -> None:
    """Nothing is shown without the token, which the browser keeps nowhere."""
    expect(page).to_have_url(gateway.url("admin", "/console/"))
    sign_in(page, "a guess")
    expect(page.get_by_role("alert")).to_contain_text("the token is wrong")
    page.get_by_label("Token").fill(gateway.token)
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_role("link", name="alice")).to_be_visible()
    kept = page.evaluate("() => [{...localStorage}, {...sessionStorage}, document.cookie, location.href]")
    assert gateway.token not in str(kept)
    page.reload()
    expect(page.get_by_role("button", name="Sign in", exact=True)).to_be_visible()


def test_the_first_administrator_makes_himself(gateway: Gateway, page: Page) -> None:
    """With the set-up token; the session outlives a reload, and ends with signing out."""
    page.get_by_role("button", name="Set up for the first time").click()
    page.get_by_label("Set-up token").fill((gateway.folder / "data" / "setup.token").read_text().strip())
    page.get_by_label("Name").fill("ada")
    page.get_by_label("New password").fill("correct horse battery")
    page.get_by_role("button", name="Make the first administrator").click()
    expect(page.get_by_text("ada (admin)")).to_be_visible()
    page.reload()
    expect(page.get_by_text("ada (admin)")).to_be_visible()
    page.get_by_role("button", name="Sign out").click()
    page.get_by_label("Name").fill("ada")
    page.get_by_label("Password").fill("a guess that is wrong")
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_role("alert")).to_have_text("the name or the password is wrong")
    page.get_by_label("Password").fill("correct horse battery")
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_text("ada (admin)")).to_be_visible()


def test_the_help_desk_finds_out_why(console: Page) -> None:
    """By keyboard alone from a number to the value the phone refused, and to what was said on the wire. RepPro 405."""
    console.keyboard.press("/")
    console.keyboard.type("+15550100001")
    console.keyboard.press("Enter")
    expect(console.get_by_role("heading", name="alice")).to_be_visible()
    expect(console.get_by_label("What stands out")).to_contain_text(
        "The phone refused ims/Timer_T2: 405 command not allowed. It still holds 16000."
    )
    console.get_by_role("link", name="All, decoded").click()
    session = console.locator(".session").first
    expect(session).to_contain_text("1 refused")
    answer = session.get_by_text("Status 405 to Replace ./3GPP_IMS/Timer_T2 = 8000: command not allowed")
    expect(answer).to_be_visible()
    session.get_by_role("button", name="Raw").last.click()
    expect(session.get_by_label("As it travelled")).to_contain_text("<SyncML")


def test_an_imei_leads_to_its_phone(console: Page) -> None:
    """Each identity in the one search box; what is nobody's says so."""
    search = console.get_by_label("Find a subscriber or device")
    search.fill("001015000000023")
    search.press("Enter")
    expect(console.get_by_role("navigation", name="Devices").locator("[aria-current]")).to_contain_text("alice.2")
    search.fill("ali")
    search.press("Enter")
    expect(console.get_by_text("Nobody and nothing is called exactly ali")).to_be_visible()
    expect(console.get_by_role("row")).to_have_count(2)


def test_why_a_value_is_what_it_is(console: Page) -> None:
    """The layer that won beside the one that lost."""
    visit(console, "#/subscribers/alice/alice.1?tab=values")
    console.get_by_label("Only where layers disagree").check()
    row = console.get_by_role("row", name="ims/Timer_T2")
    expect(row).to_contain_text("8000")
    expect(row.locator("s")).to_have_text("16000")
    expect(row).to_contain_text("operator.toml:")


def test_a_phone_is_reached(gateway: Gateway, console: Page, tmp_path: Path) -> None:
    """One button sends the push; the page follows it until the phone has called. RCC.14 3"""
    visit(console, "#/subscribers/alice/alice.2")
    console.get_by_role("button", name="Preview").click()
    expect(console.get_by_label("Octets of the short messages")).to_have_text(re.compile("^[0-9A-F]{40,}"))
    console.get_by_role("button", name="Have RCC.14 clients ask anew").click()
    progress = console.get_by_role("status")
    expect(progress).to_contain_text("given to the bearer")
    assert gateway.json("simulate", "rcc14", "--state", str(tmp_path / "new.json"))["result"] == "ok"
    expect(progress).to_contain_text("the phone called")


def test_what_goes_on_is_seen(gateway: Gateway, console: Page) -> None:
    """The newest exchange of each device appears by itself and leads to its session; the overview counts it."""
    visit(console, "#/live")
    rows = console.get_by_role("table").get_by_role("row")
    expect(rows.filter(has_text="alice.1")).to_have_count(1)
    gateway.json("simulate", "omadm")
    expect(rows.nth(1)).to_contain_text("nothing to send: the session is over")
    rows.nth(1).get_by_role("link", name="alice.1").click()
    expect(console.locator(".session").first).to_contain_text("OMA DM session")
    visit(console, "#/overview")
    expect(console.get_by_label("OMA DM sessions").locator(".figure")).to_have_text(re.compile("^[1-9]"))
    expect(console.get_by_label("What went wrong last")).to_contain_text("status 405 command not allowed")
    visit(console, "#/events")
    console.get_by_label("Filter by kind, subscriber or detail").fill("value.refused alice")
    expect(console.get_by_role("row").nth(1)).to_contain_text("./3GPP_IMS/Timer_T2")


def test_another_plan_is_tried(console: Page) -> None:
    """The profiles as they are read, and what another plan would change for one phone; nothing is changed."""
    visit(console, "#/profiles")
    expect(console.get_by_role("row", name="premium plan plan premium")).to_be_visible()
    console.get_by_label("Phone or subscriber").fill("alice.2")
    console.get_by_label("Plan").fill("basic")
    console.get_by_role("button", name="Compare").click()
    change = console.get_by_label("What would change").get_by_role("row").nth(1)
    expect(change).to_be_visible()
    console.get_by_role("link", name="staff-pilot").click()
    expect(console.get_by_role("row")).not_to_have_count(0)


def test_a_person_gets_in_with_a_role(gateway: Gateway, console: Page) -> None:
    """Made by an administrator; may do what the role says and no more; who made whom is written down."""
    visit(console, "#/access")
    people = console.get_by_label("People").first
    people.get_by_label("Name").fill("hilde")
    people.get_by_label("Role").first.select_option("viewer")
    people.get_by_label("Password").fill("a very long password")
    people.get_by_role("button", name="Add").click()
    expect(people.get_by_role("row", name="hilde")).to_be_visible()
    visit(console, "#/audit")
    expect(console.get_by_role("row", name="create user").first).to_contain_text("hilde")
    assert "a very long password" not in console.content()
    console.get_by_role("button", name="Sign out").click()
    console.get_by_label("Name").fill("hilde")
    console.get_by_label("Password").fill("a very long password")
    console.get_by_role("button", name="Sign in", exact=True).click()
    expect(console.get_by_text("hilde (viewer)")).to_be_visible()
    expect(console.get_by_role("navigation", name="Screens").get_by_role("link")).to_have_text(
        ["Subscribers", "Devices", "Overview", "Campaigns", "Profiles", "Events", "Rules", "Messaging"]
    )
    visit(console, "#/subscribers/alice/alice.1")
    expect(console.get_by_role("button", name="Wake over OMA DM")).to_be_disabled()
    expect(console.get_by_text("+15550100001")).to_have_count(0)


def test_a_campaign_is_steered(gateway: Gateway, console: Page) -> None:
    """Found, paused, looked at and stopped; stopping is asked for twice."""
    visit(console, "#/campaigns")
    console.get_by_text("New campaign").click()
    console.get_by_label("Name").fill("shorter timers")
    console.get_by_label("Devices that match").fill("plan=premium")
    console.get_by_label("Values").fill("ims/Timer_Emerg-reg=12")
    console.get_by_role("button", name="Find the devices").click()
    expect(console.get_by_role("heading", name="shorter timers")).to_contain_text("paused")
    expect(console.get_by_label("Devices of the campaign")).to_contain_text("alice.1")
    console.get_by_role("button", name="Stop").click()
    console.get_by_role("button", name="Really stop?").click()
    expect(console.get_by_role("heading", name="shorter timers")).to_contain_text("stopped")


@pytest.fixture
def receiver() -> Iterator[tuple[str, list[str]]]:
    """Something that takes webhooks, by its address, and the ids of the messages that came."""
    came: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            came.append(self.headers["webhook-id"])
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/events", came
        server.shutdown()
        thread.join()


def test_a_receiver_is_told(gateway: Gateway, console: Page, receiver: tuple[str, list[str]]) -> None:
    """Added, tested, told, told once more, removed; and why that was done is in the audit log."""
    url, came = receiver
    visit(console, "#/webhooks")
    console.get_by_label("Reason for changes").fill("ticket 42 – Zoë asked")
    console.get_by_label("Address of the receiver").fill(url)
    console.get_by_label("Kinds of events").fill("push.*")
    console.get_by_role("button", name="Add").click()
    expect(console.get_by_role("status")).to_contain_text("whsec_")
    console.get_by_role("link", name="Send a test").click()
    console.get_by_role("button", name="Send a test").click()
    expect(console.get_by_role("status")).to_contain_text("The receiver took the test: HTTP 204.")
    gateway.run("push", "notify", "alice.1")
    message = console.get_by_label("Messages").get_by_role("row", name="push.ordered")
    expect(message).to_contain_text("delivered")
    told = len(came)
    message.get_by_role("button", name="again").click()
    expect(console.get_by_role("status").last).to_contain_text("1 on its way again.")
    expect(message).to_contain_text("delivered")
    console.get_by_role("button", name="Remove").click()
    console.get_by_role("button", name="Really remove?").click()
    expect(console.get_by_text("Nobody is told of events.")).to_be_visible()
    assert len(came) > told
    visit(console, "#/audit")
    expect(console.get_by_role("row", name="create webhook").last).to_contain_text("ticket 42 – Zoë asked")


RULES = """
[rules.welcome]
causes = ["first-imei"]
match.plan = "basic"
join = ["newcomers"]
reach = true
"""


def test_rules_are_tried_on_what_was_seen(gateway: Gateway, console: Page) -> None:
    """What they would have done is shown and not done; what is wrong in them is said with its line."""
    gateway.run("detect", "--imsi", "001010000000003", "--imei", "3512345600000107")
    visit(console, "#/rules")
    expect(console.get_by_text("No rule is in force.")).to_be_visible()
    console.get_by_label("Rules to try").fill(RULES.replace("causes", "cause"))
    console.get_by_role("button", name="Try").click()
    expect(console.get_by_role("alert")).to_contain_text("rules:3")
    console.get_by_label("Rules to try").fill(RULES)
    console.get_by_role("button", name="Try").click()
    seen = console.get_by_label("What would follow").get_by_role("row", name="carol")
    expect(seen).to_contain_text("joins newcomers; is made to call")
    assert gateway.json("subscriber", "show", "carol")["groups"] == []


def test_a_test_message_is_followed(gateway: Gateway, console: Page) -> None:
    """Looked at, sent, counted at its bearer, and listed with its tries."""
    visit(console, "#/messaging")
    console.get_by_label("To (MSISDN").fill("+15550100001")
    console.get_by_role("combobox", name="Message").select_option("reconfiguration")
    console.get_by_role("button", name="Preview").click()
    expect(console.get_by_label("Octets of the test")).to_have_text(re.compile("^[0-9A-F]{40,}"))
    console.get_by_role("button", name="Send").click()
    expect(console.get_by_role("status")).to_contain_text("given to the bearer")
    expect(console.get_by_label("Pushes since the start").get_by_role("row").nth(1)).to_contain_text("file")
    push = console.get_by_role("region", name="Pushes", exact=True).last.get_by_role("row", name="rcscfg").first
    push.get_by_text("Show").click()
    expect(push).to_contain_text("Tries1")


def test_many_devices_get_a_value_at_once(gateway: Gateway, console: Page) -> None:
    """Found by what they have in common, chosen, and changed; each tells what came of it, also where it is refused."""
    visit(console, "#/devices")
    console.get_by_label("Devices that match").fill("plan=premium")
    console.get_by_role("button", name="Find").click()
    expect(console.get_by_role("link", name="alice.1")).to_be_visible()
    expect(console.get_by_label("Devices found")).not_to_contain_text("carol")
    console.get_by_label("of this page").check()
    bulk = console.get_by_label("chosen", exact=False).filter(has_text="What to do")
    bulk.get_by_label("What to do").select_option("set")
    bulk.get_by_label("NODE=VALUE").fill("ims/Timer_T1=many")
    bulk.get_by_role("button", name="Set a value").click()
    results = bulk.get_by_label("What came of it")
    expect(results.get_by_role("row", name="alice.1")).to_contain_text("refused")
    bulk.get_by_label("NODE=VALUE").fill("ims/Timer_T1=2500")
    bulk.get_by_role("button", name="Set a value").click()
    expect(results.get_by_role("row", name="alice.1")).to_contain_text("done")
    expect(bulk.get_by_role("status")).to_contain_text(", 0 refused")
    bulk.get_by_label("What to do").select_option("unset")
    bulk.get_by_label("NODE", exact=True).fill("ims/Timer_T1")
    bulk.get_by_role("button", name="Take a value back").click()
    expect(bulk.get_by_role("status")).to_contain_text(", 0 refused")


def grave_faults(page: Page, rules: str) -> list[str]:
    """What axe-core finds in the page that keeps people from using it, by these rules or their tags."""
    found = page.evaluate(f"() => axe.run(document, {{ resultTypes: ['violations'], runOnly: {rules} }})")
    return [
        f"{fault['help']}: {node['html']}"
        for fault in found["violations"]
        if fault["impact"] in GRAVE
        for node in fault["nodes"]
    ]


def test_a_value_is_changed_from_the_tree(gateway: Gateway, console: Page) -> None:
    """Walked to by arrow keys, staged, looked at in both protocols, applied, sent, and asked back live."""
    visit(console, "#/subscribers/alice/alice.1?tab=tree")
    row = console.locator("tr[data-path='ims/Timer_T1']")
    row.focus()
    console.keyboard.press("ArrowDown")
    console.keyboard.press("ArrowDown")
    expect(console.locator("tr:focus")).to_have_attribute("data-path", "ims/Timer_T4")
    console.keyboard.press("Enter")
    expect(console.get_by_label("Timer_T4", exact=True)).to_contain_text("May hold")
    console.get_by_label("New value").fill("9000")
    console.get_by_role("button", name="Stage").click()
    expect(row.locator("xpath=following-sibling::tr[2]")).to_contain_text("staged")
    console.get_by_role("button", name="Preview").click()
    expect(console.get_by_label("Commands")).to_contain_text("Replace ./3GPP_IMS/Timer_T4 = 9000")
    console.get_by_role("button", name="SyncML").click()
    expect(console.get_by_label("SyncML")).to_contain_text("<LocURI>./3GPP_IMS/Timer_T4</LocURI>")
    console.get_by_role("button", name="RCC.14 document").click()
    expect(console.get_by_label("RCC.14 document")).to_contain_text('<parm name="Timer_T4" value="9000"/>')
    assert "ims/Timer_T4" not in gateway.json("subscriber", "show", "alice")["values"]
    console.get_by_role("button", name="Apply").click()
    expect(console.get_by_text("It goes out when the phone next calls.")).to_be_visible()
    changed = console.locator("tr[data-path='ims/Timer_T4']")
    expect(changed.get_by_role("gridcell")).to_have_text(["Timer_T4", "9000", "17000", "", "pending"])
    changed.focus()
    changed.click()
    console.get_by_role("button", name="Get Timer_T4 now").click()
    expect(changed).to_contain_text("asked …")
    gateway.json("simulate", "omadm")
    expect(changed.get_by_role("gridcell").nth(3)).to_contain_text("ago")
    expect(changed.get_by_role("gridcell").nth(2)).to_have_text("9000")


SCREENS = [
    "#/subscribers",
    "#/subscribers/alice/alice.1",
    "#/subscribers/alice/alice.2",
    "#/subscribers/alice/alice.1?tab=values",
    "#/subscribers/alice/alice.1?tab=tree",
    "#/subscribers/alice/alice.1?tab=sessions",
    "#/subscribers/alice/alice.1?tab=operations",
    "#/subscribers/alice/alice.1?tab=events",
    "#/devices",
    "#/overview",
    "#/live",
    "#/campaigns",
    "#/profiles",
    "#/profiles/premium",
    "#/events",
    "#/rules",
    "#/messaging",
    "#/webhooks",
    "#/audit",
    "#/access",
]
IN_THE_DARK = SCREENS[1], SCREENS[5], SCREENS[7]
"""The screens that between them have every colour."""


def test_everybody_can_use_it(console: Page) -> None:
    """No screen has a serious fault by axe-core, in the dark neither, and none is wider than a phone's display.

    WCAG 2.2 A and AA
    """
    console.evaluate(AXE.read_text(encoding="utf-8"))
    for screen in SCREENS:
        console.emulate_media(color_scheme="light")
        visit(console, screen)
        faults = grave_faults(console, "['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa']")
        if screen in IN_THE_DARK:
            console.emulate_media(color_scheme="dark")
            faults += grave_faults(console, "['color-contrast']")
        assert not faults, screen
        console.set_viewport_size({"width": 400, "height": 800})
        assert console.evaluate("() => document.documentElement.scrollWidth") <= 400, screen
        console.set_viewport_size({"width": 1280, "height": 900})


def test_the_keyboard_reaches_everything(console: Page) -> None:
    """The first stop skips to the content, and whatever has the focus shows it."""
    console.keyboard.press("Tab")
    expect(console.get_by_role("link", name="Skip to the content")).to_be_focused()
    console.keyboard.press("Enter")
    expect(console.get_by_role("main")).to_be_focused()
    console.keyboard.press("Tab")
    outline = "() => getComputedStyle(document.activeElement).outlineStyle"
    assert console.evaluate(outline) == "solid"
