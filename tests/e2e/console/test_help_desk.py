"""The page of a subscriber's phones: why something does not work, and mending it."""

from __future__ import annotations

import re
from pathlib import Path

from browsing import visit
from live_gateway import Gateway
from playwright.sync_api import Page, expect


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


def test_two_sessions_stand_beside_each_other(gateway: Gateway, console: Page) -> None:
    """The refused session beside the one before it: the Replace is only in it. Another phone's session can be taken."""
    visit(console, "#/subscribers/alice/alice.1?tab=sessions")
    with console.expect_download() as saved:
        console.get_by_role("button", name="Download as text").click()
    assert saved.value.suggested_filename == "alice.1-trace.txt"
    assert "Status 405 to Replace ./3GPP_IMS/Timer_T2 = 8000" in saved.value.path().read_text()
    refused = console.locator(".session", has_text="1 refused").first
    if refused.get_attribute("open") is None:
        refused.locator("summary").click()
    refused.get_by_role("link", name="Compare with another").click()
    table = console.get_by_label("Both sessions")
    only = table.locator("tr[data-mark='left']", has_text="Replace ./3GPP_IMS/Timer_T2 = 8000")
    expect(only.first).to_be_visible()
    expect(console.get_by_role("status")).to_contain_text("They differ in")
    expect(table).not_to_contain_text("octets")
    console.get_by_label("With the device").fill("alice.2")
    console.get_by_label("Its session").select_option("")
    console.get_by_role("button", name="Compare", exact=True).click()
    expect(console.get_by_role("alert")).to_contain_text("have nothing to compare")
    console.get_by_role("link", name="Back to the sessions").click()
    expect(console.locator(".session").first).to_be_visible()


def test_a_set_of_nodes_is_read_at_once(gateway: Gateway, console: Page) -> None:
    """Saved by name from what the tree shows, asked for with one press, and from the command line as well."""
    visit(console, "#/subscribers/alice/alice.1?tab=tree&filter=Timer_T")
    console.get_by_text("Sets of nodes").click()
    expect(console.get_by_label("Addresses, one a line")).to_have_value(re.compile("./3GPP_IMS/Timer_T1\n"))
    console.get_by_label("Addresses, one a line").fill("./3GPP_IMS/Timer_T1\n./DevDetail/SwV")
    console.get_by_label("Name of the set").fill("IMS basics")
    console.get_by_role("button", name="Save the set").click()
    console.get_by_role("button", name="Get IMS basics now").click()
    expect(console.get_by_role("status")).to_contain_text("Asked for 2")
    gateway.json("simulate", "omadm")
    live = console.locator("tr[data-path='ims/Timer_T1']").get_by_role("gridcell").nth(3)
    expect(live).to_contain_text("ago")
    shown = gateway.run("device", "get", "alice.1", "./DevInfo/Lang", "--set", "IMS basics")
    assert [line.split()[3] for line in shown.splitlines()] == [
        "./3GPP_IMS/Timer_T1",
        "./DevDetail/SwV",
        "./DevInfo/Lang",
    ]
    assert "no set of nodes is called 'x'" in gateway.run("device", "get", "alice.1", "--set", "x", fails=True)
    gateway.run("node-set", "delete", "IMS basics")
    assert gateway.json("node-set", "list") == []


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


def test_how_far_services_have_come(console: Page) -> None:
    """Each service of the phone with its step."""
    visit(console, "#/subscribers/alice/alice.1")
    services = console.locator("section", has=console.get_by_role("heading", name="Services", exact=True))
    expect(services).to_contain_text("ims")
    expect(services).to_contain_text("rcs")


def test_what_a_phone_speaks_and_whose_its_objects_are(console: Page) -> None:
    """Each protocol with why the gateway thinks so, and how far the RCS service is."""
    visit(console, "#/subscribers/alice/alice.1")
    expect(console.get_by_label("What it speaks")).to_contain_text(re.compile("OMA DM ?spoken"))
    visit(console, "#/subscribers/alice/alice.2")
    expect(console.get_by_label("RCC.14", exact=True)).to_contain_text("Activation")


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


def test_a_queued_operation_is_taken_back(gateway: Gateway, console: Page) -> None:
    """It appears by itself, is cancelled after asking twice, ends with 215 and is never sent."""
    visit(console, "#/subscribers/alice/alice.1?tab=operations")
    uri = "./Vendor/Never"
    queued = gateway.api("POST", "/devices/alice.1/operations", {"verb": "Replace", "uri": uri, "value": "1"})
    row = console.get_by_label("Operations").get_by_role("row", name=f"Replace {uri}")
    row.get_by_role("button", name="Cancel").click()
    row.get_by_role("button", name="Really cancel?").click()
    expect(row).to_contain_text("215 not executed")
    expect(row.get_by_role("button", name="Cancel")).to_have_count(0)
    assert uri not in gateway.run("simulate", "omadm")
    assert gateway.run("device", "unqueue", "alice.1", queued["id"]).strip() == (
        f"operation {queued['id']}: 215 not executed"
    )
    assert "alice.1 has no operation 'gone'" in gateway.run("device", "unqueue", "alice.1", "gone", fails=True)


def test_what_failed_is_asked_for_once_more(gateway: Gateway, console: Page) -> None:
    """One press queues a refused group anew with all its members; the phone takes it, and the first outcome stays. What
    still waits, and a step of a job, is not queued twice.
    """
    uri = "./Vendor/Volume"
    members = [
        {"verb": "Add", "uri": "./Vendor", "format": "node"},
        {"verb": "Add", "uri": uri, "value": "7", "format": "int"},
    ]
    queued = gateway.api("POST", "/devices/alice.1/operations", {"verb": "Atomic", "members": members})
    assert "has no outcome yet" in gateway.run("device", "retry", "alice.1", queued["id"], fails=True)
    gateway.json("simulate", "omadm", "--refuse", f"{uri}=405")
    visit(console, "#/subscribers/alice/alice.1?tab=operations")
    rows = console.get_by_label("Operations").get_by_role("row", name="Atomic")
    expect(rows.first).to_contain_text("507")
    rows.first.get_by_role("button", name="Retry Atomic").click()
    expect(console.get_by_role("status")).to_contain_text("queued again")
    expect(rows).to_have_count(2)
    gateway.json("simulate", "omadm")
    expect(rows.first).to_contain_text("200")
    expect(rows.first.get_by_role("button")).to_have_count(0)
    expect(rows.last).to_contain_text("507")
    again = gateway.api("GET", "/devices/alice.1")["operations"][-1]
    assert [(one["uri"], one["value"], one["status"]) for one in again["members"][1:]] == [(uri, "7", 200)]
    said = gateway.run("device", "retry", "alice.1", again["id"])
    assert "waits for the next session" in said
    gateway.run("device", "unqueue", "alice.1", said.split()[1])
    job = gateway.api("POST", "/devices/alice.1/jobs", {"kind": "inventory", "action": "read"})
    gateway.json("simulate", "omadm")
    steps = [
        one["id"] for one in gateway.api("GET", "/devices/alice.1")["operations"] if one["id"].startswith(job["id"])
    ]
    assert "start the job again" in gateway.run("device", "retry", "alice.1", steps[0], fails=True)


def test_who_changed_what_of_a_phone(gateway: Gateway, console: Page) -> None:
    """The value before and after, newest first; what was changed of another phone only where that is asked for."""
    gateway.api("PATCH", "/subscribers/alice/values", {"set": {"ims/Timer_T1": "2100"}})
    gateway.api("PATCH", "/subscribers/alice/values", {"set": {"ims/Timer_T1": "2200"}})
    gateway.api("PUT", "/devices/alice.2/trace", {"minutes": 1})
    visit(console, "#/subscribers/alice/alice.1")
    console.get_by_role("link", name="Audit").last.click()
    table = console.get_by_role("region", name="Audit")
    newest = table.get_by_role("row", name="set values").first
    expect(newest).to_contain_text("values ims/Timer_T1: 2100 2200")
    expect(newest.locator("s")).to_have_text("2100")
    expect(table.get_by_role("row", name="arm trace")).to_have_count(0)
    console.get_by_label("Also of the subscriber's other devices").check()
    expect(table.get_by_role("row", name="arm trace").first).to_contain_text("alice.2")
    with console.expect_download() as exported:
        console.get_by_role("button", name="Export as CSV").click()
    assert "2200" in exported.value.path().read_text()
    assert "alice.2" in gateway.run("audit", "list", "--newest", "--of", "alice")
    gateway.run("unset", "alice", "ims/Timer_T1")


def test_a_phone_is_locked_and_asked(gateway: Gateway, console: Page) -> None:
    """Nothing is locked before it is confirmed; the phone's answer, its capabilities, its software and what its user
    would type by hand are shown. LAWMO 5, DCMO 5, SCOMO 5
    """
    visit(console, "#/subscribers/alice/alice.1")
    panel = console.get_by_label("Lock and wipe")
    panel.get_by_role("button", name="Lock", exact=True).click()
    confirm = panel.get_by_role("alertdialog")
    expect(confirm).to_contain_text("Lock: alice.1, Acme B7, IMEI 001015000000015?")
    assert "lock" not in [job["kind"] for job in gateway.json("device", "jobs", "alice.1")]
    confirm.get_by_role("button", name="Leave it").click()
    panel.get_by_role("button", name="Lock", exact=True).click()
    confirm.get_by_role("button", name="Really lock").click()
    expect(panel.get_by_role("status")).to_contain_text("waits for the phone's next session")
    console.get_by_role("link", name="Diagnostics").click()
    for title in ("Capabilities", "Software"):
        console.get_by_role("button", name=f"Ask the phone: {title}").click()
        expect(console.get_by_label(title, exact=True).get_by_role("status")).to_contain_text("the device is asked")
    gateway.json("simulate", "omadm")
    camera = console.get_by_role("row", name="Camera")
    expect(camera).to_contain_text("enabled")
    expect(camera.get_by_role("button", name="disable Camera")).to_be_enabled()
    expect(console.get_by_label("Software", exact=True).first).to_contain_text("done")
    measure = console.get_by_role("form", name="Measure")
    measure.get_by_label("Function").fill("Battery")
    measure.get_by_role("textbox", name="Parameters").fill("Interval=60\nLog/Mode=all")
    measure.get_by_role("button", name="Ask the phone to").click()
    expect(console.get_by_label("Measurements", exact=True).get_by_role("status")).to_be_visible()
    gateway.json("simulate", "omadm")
    expect(console.get_by_label("Measurements", exact=True)).to_contain_text(re.compile("start Battery: ?done"))
    console.get_by_role("button", name="Show what to type").click()
    expect(console.get_by_label("Set up by hand")).to_contain_text("No menu has")
    console.get_by_role("link", name="Summary").click()
    expect(panel).to_contain_text("Last: lock done")
    panel.get_by_role("button", name="Unlock").click()
    expect(panel.get_by_role("status")).to_be_visible()
    gateway.json("simulate", "omadm")
    expect(panel).to_contain_text("Last: unlock done")
    console.get_by_role("button", name="Have it call, and try until it does").click()
    expect(console.get_by_text("Pushes go out until it calls")).to_be_visible()


def test_a_code_is_sent_again_only_to_who_waits(console: Page) -> None:
    """Where no client waits for one the page says so, and what makes a client be sent one."""
    visit(console, "#/subscribers/alice/alice.2")
    console.get_by_role("button", name="Send a code again").click()
    expect(console.get_by_role("alert")).to_contain_text("no client of subscriber alice waits for a code")


def test_a_value_is_changed_from_the_tree(gateway: Gateway, console: Page) -> None:
    """Walked to by arrow keys, staged, looked at in both protocols, applied, sent, and asked back live. What somebody
    else changed meanwhile is not overwritten unseen.
    """
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
    console.get_by_role("button", name="As a campaign").click()
    expect(console.get_by_label("Values, one")).to_have_value("ims/Timer_T4=9000")
    visit(console, "#/subscribers/alice/alice.1?tab=tree")
    assert "ims/Timer_T4" not in gateway.json("subscriber", "show", "alice")["values"]
    gateway.api("PATCH", "/subscribers/alice/values", {"set": {"ims/Timer_T4": "9500"}})
    console.get_by_role("button", name="Apply").click()
    expect(console.get_by_role("alert")).to_contain_text("Somebody else changed ims/Timer_T4 since you staged it")
    assert gateway.json("subscriber", "show", "alice")["values"]["ims/Timer_T4"] == "9500"
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
