"""What goes on and went on: live sessions, overview, events, messaging, webhooks and rules."""

from __future__ import annotations

import asyncio
import re
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from browsing import visit
from live_gateway import Gateway
from playwright.sync_api import Page, expect

from gateway.outreach.census import Census
from gateway.store.sqlite import SqliteStore


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
    expect(console.get_by_label("Last contact").get_by_role("link")).to_have_attribute("href", re.compile("seen%3E7d"))
    expect(console.get_by_label("What went wrong last")).to_contain_text("status 405 command not allowed")
    visit(console, "#/events")
    console.get_by_label("Filter by kind, subscriber or detail").fill("value.refused alice Timer_T2")
    expect(console.get_by_role("row").nth(1)).to_contain_text("./3GPP_IMS/Timer_T2")


def test_somebody_is_waited_for(gateway: Gateway, console: Page) -> None:
    """Who is not known yet is named, and what they say at first appears by itself; then nobody is waited for."""
    visit(console, "#/live")
    panel = console.get_by_label("Wait for somebody")
    panel.get_by_role("combobox", name="By").select_option("msisdn")
    panel.get_by_label("Whom").fill("+15550100099")
    panel.get_by_role("button", name="Wait").click()
    panel.get_by_role("link", name="MSISDN +15550100099").click()
    expect(console.get_by_text("Nothing was said yet.")).to_be_visible()
    request = urllib.request.Request(gateway.url("plain", "/"), headers={"X-MSISDN": "15550100099"})
    with pytest.raises(urllib.error.HTTPError, match="403") as refused:
        urllib.request.urlopen(request)
    refused.value.close()
    expect(console.locator(".session")).to_contain_text("unknown subscriber")
    console.get_by_role("link", name="All live sessions").click()
    panel.get_by_role("button", name="End +15550100099").click()
    panel.get_by_role("button", name="Really end? +15550100099").click()
    expect(panel).to_contain_text("Nobody is waited for.")


def test_a_simulated_phone_is_played(gateway: Gateway, console: Page) -> None:
    """What it says and hears appears as it happens, with how it ended; a node that it shall refuse is refused."""
    gateway.api("PATCH", "/subscribers/alice/values", {"set": {"ims/Timer_T4": "9700"}})
    console.get_by_role("link", name="Simulator").click()
    console.get_by_label("Nodes that the phone refuses").fill("./3GPP_IMS/Timer_T4=405")
    console.get_by_role("button", name="Run").click()
    said = console.get_by_role("log")
    expect(said).to_contain_text("Status 405 to Replace ./3GPP_IMS/Timer_T4 = 9700: command not allowed")
    expect(console.get_by_role("status")).to_contain_text("Over: ok")
    console.get_by_role("combobox", name="Play").select_option("rcc14")
    console.get_by_role("button", name="Run").click()
    expect(said).to_contain_text("HTTP 200")
    expect(console.get_by_role("status")).to_contain_text("Over: ok")
    gateway.api("PATCH", "/subscribers/alice/values", {"unset": ["ims/Timer_T4"]})


def test_a_session_is_played_again(gateway: Gateway, console: Page) -> None:
    """In the manner of a traced one: the simulated phone refuses what that phone did; then both side by side."""
    gateway.api("PATCH", "/subscribers/alice/values", {"set": {"ims/Timer_T4": "18000"}})
    gateway.json("simulate", "omadm", "--wbxml", "--refuse", "./3GPP_IMS/Timer_T4=405")
    visit(console, "#/subscribers/alice/alice.1?tab=sessions")
    refused = console.locator(".session", has_text="1 refused").first
    if refused.get_attribute("open") is None:
        refused.locator("summary").click()
    refused.get_by_role("link", name="Play it again").click()
    expect(console.get_by_label("Nodes that the phone refuses")).to_have_value("./3GPP_IMS/Timer_T4=405")
    expect(console.get_by_label("WBXML")).to_be_checked()
    expect(console.locator(".command code")).to_have_text(
        "mogate simulate omadm --wbxml --refuse ./3GPP_IMS/Timer_T4=405"
    )
    gateway.api("PATCH", "/subscribers/alice/values", {"set": {"ims/Timer_T4": "18500"}})
    console.get_by_role("button", name="Run").click()
    expect(console.get_by_text("Over: ok")).to_be_visible()
    console.get_by_role("button", name="Compare with session").click()
    differs = console.get_by_label("Both sessions").locator("tr[data-mark='differs']", has_text="Timer_T4")
    expect(differs.first).to_contain_text("18000")
    expect(differs.first).to_contain_text("18500")
    gateway.run("unset", "alice", "ims/Timer_T4")


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


async def count_devices(gateway: Gateway) -> None:
    """What the gateway does by itself every quarter of an hour."""
    store = SqliteStore.open(gateway.folder / "data" / "mogate.db")
    await Census(store, lambda: datetime.now(UTC)).take()
    await store.close()


def test_the_gateway_tells_how_it_is_set_up(gateway: Gateway, console: Page) -> None:
    """Each process with its version, and each setting with where it was said; the usual ones when asked for."""
    visit(console, "#/server")
    (node,) = gateway.api("GET", "/nodes")
    expect(console.get_by_role("row", name=node["host"])).to_contain_text(str(node["pid"]))
    expect(console.get_by_role("row", name="profiles")).to_contain_text("environment MOGATE_PROFILES")
    settings = console.get_by_label("Settings", exact=True).first
    usual = settings.get_by_role("row", name="admin.audit_keep_days")
    expect(usual).to_have_count(0)
    console.get_by_label("Filter settings").fill("keep_days")
    expect(usual).to_contain_text("default")
    console.get_by_label("Filter settings").fill("")
    console.get_by_label("Also those with their defaults").check()
    expect(usual).to_be_visible()
    secret = console.get_by_label("Secrets", exact=True).first.get_by_role("row", name="seal_key")
    expect(secret).to_contain_text("opens with it alone")
    assert "nobody has counted yet" in gateway.run("tenants")
    with ThreadPoolExecutor() as beside:
        beside.submit(asyncio.run, count_devices(gateway)).result()
    tenants = gateway.api("GET", "/tenants")
    assert sum(one["devices"] for one in tenants) >= 2
    visit(console, "#/audit")
    visit(console, "#/server")
    for one in tenants:
        row = console.get_by_label("Tenants", exact=True).get_by_role("row", name=one["name"] or "of the operator")
        expect(row).to_contain_text(str(one["subscribers"]))
    assert "subscribers" in gateway.run("tenants")


def test_a_backup_is_made(gateway: Gateway, console: Page) -> None:
    """On the gateway's host; who made it, and the command that has it back, stand beside its file."""
    visit(console, "#/server")
    console.get_by_role("button", name="Make a backup now").click()
    expect(console.get_by_role("status").filter(has_text="was read again")).to_be_visible()
    (made,) = gateway.api("GET", "/backups")
    row = console.get_by_label("Backups", exact=True).get_by_role("row", name=made["file"])
    expect(row).to_contain_text("admin.token")
    expect(row).to_contain_text(f"mogate restore {made['file']}")


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
    # It said so before, and does until the page asks again: what is removed too early is not told any more.
    gateway.until(lambda: len(came) > told)
    console.get_by_role("button", name="Remove").click()
    console.get_by_role("button", name="Really remove?").click()
    expect(console.get_by_role("heading", name="Webhooks", exact=True, level=1)).to_be_visible()
    expect(console.get_by_role("link", name=url)).to_have_count(0)
    visit(console, "#/audit")
    expect(console.get_by_role("row", name="create webhook").first).to_contain_text("ticket 42 – Zoë asked")


RULES = """
[rules.welcome]
causes = ["first-imei"]
match.plan = "basic"
join = ["newcomers"]
reach = true
way = "rcscfg"
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
    expect(seen).to_contain_text("joins newcomers; is made to call by RCC.14 reconfiguration")
    assert gateway.json("subscriber", "show", "carol")["groups"] == []


def test_a_test_message_is_followed(gateway: Gateway, console: Page) -> None:
    """Looked at, sent, counted at its bearer, and listed with its tries, to which a phone's page leads."""
    visit(console, "#/messaging")
    pushes = console.get_by_role("region", name="Pushes", exact=True).last.get_by_role("row", name="RCC.14 reconf")
    before = pushes.count()
    console.get_by_label("To (MSISDN").fill("+15550100001")
    console.get_by_role("combobox", name="Message").select_option("reconfiguration")
    console.get_by_role("button", name="Preview").click()
    expect(console.get_by_label("Octets of the test")).to_have_text(re.compile("^[0-9A-F]{40,}"))
    console.get_by_role("button", name="Send").click()
    expect(console.get_by_role("status")).to_contain_text("given to the bearer")
    expect(console.get_by_label("Pushes since the start").get_by_role("row").nth(1)).to_contain_text("file")
    expect(pushes).to_have_count(before + 1)
    pushes.first.get_by_text("Show").click()
    expect(pushes.first).to_contain_text("Tries1")
    visit(console, "#/subscribers/alice/alice.2")
    console.get_by_role("link", name="With tries and receipts").click()
    expect(console.get_by_label("Filter by phone")).to_have_value("alice")
    expect(pushes).to_have_count(before + 1)
