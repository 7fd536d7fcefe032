"""Profiles: as they are read, what others would change, and their editions."""

from __future__ import annotations

from pathlib import Path

from browsing import visit
from live_gateway import Gateway
from playwright.sync_api import Page, expect

PILOT = '\nname = "pilot"\nlayer = "plan"\n[match]\nplan = "premium"\n[mo.ims]\nTimer_T1 = 2950\n'


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


def test_an_edition_is_published_and_taken_back(gateway: Gateway, console: Page) -> None:
    """What the files changed and for whom is seen before anything is served; so it is before going back, also between
    any two editions.
    """
    visit(console, "#/editions")
    expect(console.get_by_text("Nothing changes: that is what is served.")).to_be_visible()
    pilot = Path(gateway.environment["MOGATE_PROFILES"]) / "pilot.toml"
    pilot.write_text(PILOT)
    visit(console, "#/profiles")
    visit(console, "#/editions")
    expect(console.get_by_label("What changes").get_by_role("row", name="ims/Timer_T1")).to_contain_text("pilot.toml:7")
    expect(console.get_by_role("status").first).to_contain_text("alice.1")
    console.get_by_role("button", name="Dry run").click()
    expect(console.get_by_label("Publish").get_by_role("status")).to_contain_text("alice.1")
    console.get_by_label("In groups").fill("1, some")
    console.get_by_role("button", name="Publish").click()
    expect(console.get_by_role("alert")).to_contain_text("some is no group")
    console.get_by_label("In groups").fill("1, 100%")
    console.get_by_role("button", name="Publish").click()
    expect(console.get_by_label("Groups").get_by_role("row")).to_have_count(3)
    files = gateway.api("GET", "/profiles/files")["profiles"]
    without = {name: text for name, text in files.items() if name != pilot.name}
    plan = gateway.api("POST", "/profiles/plan", {"profiles": without})["plan"]
    gateway.api("POST", "/profiles/apply", {"profiles": without, "plan": plan, "allow_deletions": True, "call": False})
    visit(console, "#/editions")
    console.get_by_role("link", name="What changed since").click()
    expect(console.get_by_label("What differs in pilot.toml")).to_contain_text("- Timer_T1 = 2950")
    console.get_by_role("link", name="Go back to").click()
    expect(console.get_by_label("What changes").get_by_role("row", name="pilot added")).to_be_visible()
    console.locator("select[name=to]").select_option("now")
    console.get_by_role("button", name="Compare").click()
    expect(console.get_by_text("Nothing changes: that is what is served.")).to_be_visible()
    console.get_by_role("link", name="Go back to").click()
    console.get_by_role("button", name="Serve it again").click()
    expect(console.get_by_role("heading", level=1)).to_contain_text("profiles")
    assert pilot.read_text() == PILOT
