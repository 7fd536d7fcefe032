"""Changes for many devices: lists and campaigns."""

from __future__ import annotations

import csv
import re

from browsing import visit
from live_gateway import Gateway
from playwright.sync_api import Page, expect


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


def test_a_search_is_kept_and_taken_along(console: Page) -> None:
    """All that match are chosen on whatever page, exported, kept as a view by its address, and given to a campaign."""
    visit(console, "#/devices?match=plan%3Dpremium")
    console.get_by_role("button", name="Choose all that match").click()
    expect(console.get_by_text(re.compile("alice.1, alice.2"))).to_be_visible()
    with console.expect_download() as exported:
        console.get_by_role("button", name="Export as CSV").click()
    rows = list(csv.DictReader(exported.value.path().read_text().splitlines()))
    assert [row["id"] for row in rows if row["plan"] == "premium"][:2] == ["alice.1", "alice.2"]
    console.get_by_text("Saved views (0)").click()
    console.get_by_label("Name of this view").fill("the premium ones")
    console.get_by_role("button", name="Save").click()
    visit(console, "#/devices?match=plan%3Dbasic")
    expect(console.get_by_role("link", name="alice.1")).to_have_count(0)
    console.get_by_role("link", name="the premium ones").click()
    expect(console.get_by_role("link", name="alice.1")).to_be_visible()
    expect(console.get_by_label("Devices that match")).to_have_value("plan=premium")
    console.get_by_role("button", name="Choose all that match").click()
    console.get_by_role("button", name="Campaign for these").click()
    expect(console.get_by_label("And these first")).to_have_value(re.compile("^alice.1\nalice.2"))
    visit(console, "#/events?filter=value.refused")
    expect(console.get_by_label("Filter by kind")).to_have_value("value.refused")
    console.get_by_label("Filter by kind").fill("value.refused alice")
    expect(console).to_have_url(re.compile(r"#/events\?filter=value\.refused\+alice$"))


def test_a_filter_is_built_and_columns_are_chosen(console: Page) -> None:
    """Rows of field, comparison and value write the expression, and one that was written shows as rows. The columns
    stay as they were chosen.
    """
    visit(console, "#/devices?match=state%3Dactive")
    console.get_by_text("Build the filter").click()
    rows = console.get_by_label("Conditions").get_by_role("listitem")
    expect(rows.get_by_label("Value")).to_have_value("active")
    console.get_by_role("button", name="Add a condition").click()
    rows.nth(1).get_by_label("Value").fill("premium")
    console.get_by_role("button", name="Add a condition").click()
    rows.nth(2).get_by_label("Field").select_option("last seen")
    rows.nth(2).get_by_label("Comparison").select_option("within the last")
    rows.nth(2).get_by_label("Value").fill("7d")
    expect(console.get_by_label("Devices that match")).to_have_value("state=active; plan=premium; seen<7d")
    console.get_by_role("button", name="Remove condition 1").click()
    console.get_by_role("button", name="Find").click()
    expect(console).to_have_url(re.compile("plan%3Dpremium%3B\\+seen%3C7d$"))
    expect(console.get_by_role("link", name="alice.1")).to_be_visible()
    console.get_by_text("Columns", exact=True).click()
    console.get_by_label("Columns").get_by_label("Tenant").check()
    console.get_by_label("Columns").get_by_label("IMEI").uncheck()
    visit(console, "#/campaigns")
    visit(console, "#/devices")
    heads = console.get_by_role("columnheader")
    expect(heads.filter(has_text="Tenant")).to_have_count(1)
    expect(heads.filter(has_text="IMEI")).to_have_count(0)


def test_a_campaign_is_steered(gateway: Gateway, console: Page) -> None:
    """Found, paused, looked at and stopped; stopping is asked for twice. All that was asked for is on its page."""
    visit(console, "#/campaigns")
    console.get_by_text("New campaign").click()
    form = console.locator("details.new")
    form.get_by_label("Name").fill("shorter timers")
    form.get_by_label("Devices that match").fill("plan")
    form.get_by_label("Values, one").fill("ims/Timer_Emerg-reg=12")
    form.get_by_role("button", name="Find the devices").click()
    expect(form.get_by_role("alert")).to_contain_text("plan is no facet=value")
    form.get_by_label("Devices that match").fill("plan=premium")
    form.get_by_label("Of these only numbers in").fill("+1, +2")
    form.get_by_label("And these first").fill("alice.2")
    form.get_by_label("Groups: so many").fill("1, 50%, 100%")
    form.get_by_label("Bad above").fill("25")
    form.get_by_label("After a bad one").select_option("undo")
    form.get_by_label("Only from").fill("01:00")
    form.get_by_label("Until").fill("05:30")
    form.get_by_label("In the time zone").fill("Europe/Berlin")
    form.get_by_label("Hours for each device").fill("36")
    form.get_by_role("button", name="Find the devices").click()
    expect(console.get_by_role("heading", name="shorter timers")).to_contain_text("paused")
    facts = console.locator(".identity")
    for said in (
        "1 listed and plan premium, numbers +1 or +2",
        "01:00 to 05:30 Europe/Berlin",
        "36 h",
        "After a bad oneundo",
    ):
        expect(facts).to_contain_text(said)
    expect(console.get_by_label("Groups").get_by_role("row").nth(1)).to_contain_text("25 %")
    expect(console.get_by_label("Devices of the campaign").get_by_role("row").nth(1)).to_contain_text("alice.2")
    console.get_by_role("button", name="Stop").click()
    console.get_by_role("button", name="Really stop?").click()
    expect(console.get_by_role("heading", name="shorter timers")).to_contain_text("stopped")
    expect(console.get_by_role("button", name="Undo")).to_be_enabled()


def test_a_campaign_says_why_devices_failed(gateway: Gateway, console: Page) -> None:
    """By code with its meaning, each leading to the devices; an address shows them again. RepPro 404"""
    visit(console, "#/campaigns?new=1")
    form = console.locator("details.new")
    form.get_by_label("Name").fill("nowhere")
    form.get_by_label("And these first").fill("alice.1")
    form.get_by_label("Operations", exact=True).check()
    form.get_by_label("Operations, as JSON").fill('[{"verb": "Replace", "uri": "./Nowhere/X", "value": "1"}]')
    form.get_by_label("Groups: so many").fill("100%")
    form.get_by_role("button", name="Find the devices").click()
    console.get_by_role("button", name="Resume").click()
    expect(console.get_by_role("button", name="Pause")).to_be_visible()
    expect(console.get_by_role("button", name="Undo")).to_be_enabled()
    expect(console.get_by_label("Groups")).to_contain_text("started: 1")
    gateway.json("simulate", "omadm")
    failures = console.get_by_label("Errors").get_by_role("row").nth(1)
    expect(failures).to_contain_text("not found")
    failures.get_by_role("link").click()
    expect(console.get_by_label("Devices of the campaign")).to_contain_text("404")
    expect(console).to_have_url(re.compile("404"))
    here = console.evaluate("location.hash")
    visit(console, here.replace("404", "405"))
    expect(console.get_by_text("None.")).to_be_visible()
    visit(console, "#/subscribers/alice/alice.1?tab=campaigns")
    row = console.get_by_label("Campaigns", exact=True).get_by_role("row", name="nowhere")
    expect(row).to_contain_text("failed")
    expect(row).to_contain_text("404 not found")
    row.get_by_role("link").click()
    expect(console.get_by_role("heading", level=1)).to_contain_text("nowhere")
    (*_, last) = [one for one in gateway.json("device", "campaigns", "alice.1") if one["name"] == "nowhere"]
    assert (last["state"], last["code"]) == ("failed", "404")
