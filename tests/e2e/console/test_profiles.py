"""Profiles: as they are read, what others would change, their editions, and their files as they are edited."""

from __future__ import annotations

import re
from pathlib import Path

from browsing import sign_in, visit
from live_gateway import Gateway
from playwright.sync_api import Page, expect

PILOT = '\nname = "pilot"\nlayer = "plan"\n[match]\nplan = "premium"\n[mo.ims]\nTimer_T1 = 2950\n'
IMS = "[mo.ims]\n"


def test_another_plan_is_tried(console: Page) -> None:
    """The profiles as they are read, and what another plan would change for one phone; nothing is changed."""
    visit(console, "#/profiles")
    expect(console.get_by_role("row", name="premium plan plan premium")).to_be_visible()
    console.get_by_label("Phone or subscriber").fill("alice.2")
    console.get_by_role("textbox", name="Plan").fill("basic")
    console.get_by_role("button", name="Compare").click()
    change = console.get_by_label("What would change").get_by_role("row").nth(1)
    expect(change).to_be_visible()
    console.get_by_role("link", name="staff-pilot", exact=True).click()
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


def test_a_profile_is_edited(gateway: Gateway, console: Page) -> None:
    """What is wrong leads to its line. What changes, and for whom, is seen before it is served, with why it was done;
    and the text of the edition before can be taken again.
    """
    premium = Path(gateway.environment["MOGATE_PROFILES"]) / "plan-premium.toml"
    before = premium.read_text()
    wrong, right = (before.replace(IMS, f"{IMS}Timer_T4 = {value}\n") for value in ("'long'", "15100"))
    visit(console, "#/profiles")
    console.get_by_role("link", name="premium", exact=True).click()
    console.get_by_role("link", name="Edit plan-premium.toml").click()
    text = console.get_by_label("Text of plan-premium.toml")
    expect(text).to_have_value(before)
    expect(console.get_by_role("button", name="Check")).to_be_disabled()
    text.fill(wrong)
    text.press("Control+Enter")
    line = wrong.splitlines().index("Timer_T4 = 'long'") + 1
    expect(console.get_by_role("alert")).to_contain_text(f"plan-premium.toml:{line}: ims/Timer_T4: ")
    expect(text).to_be_focused()
    assert console.evaluate("() => getSelection().toString()") == "Timer_T4 = 'long'"
    text.fill(right)
    console.get_by_role("button", name="Check").click()
    expect(console.get_by_label("What changes").get_by_role("row", name="ims/Timer_T4")).to_contain_text("15100")
    expect(console.get_by_role("status")).to_contain_text("Nothing is wrong with it")
    text.press("Control+Shift+Enter")
    expect(console.get_by_role("status")).to_contain_text("alice.1")
    assert premium.read_text() == before
    console.get_by_label("Reason for changes").fill("ticket 4711")
    console.get_by_role("button", name="Serve it").click()
    expect(console.get_by_role("status")).to_contain_text("It is served. A campaign makes")
    assert premium.read_text() == right
    (*_, entry) = [one for one in gateway.api("GET", "/audit") if one["action"] == "apply_profiles"]
    assert entry["reason"] == "ticket 4711"
    console.reload()
    sign_in(console, gateway.token)
    expect(text).to_have_value(right)
    edition = gateway.api("GET", "/profiles/editions")[0]["edition"]
    console.get_by_label("Take the text of an edition before").select_option(edition)
    expect(text).to_have_value(before)
    console.get_by_text("1 file is edited").click()
    expect(console.get_by_label("What differs in plan-premium.toml")).to_contain_text("- Timer_T4 = 15100")
    console.get_by_role("button", name="See what it changes").click()
    console.get_by_label("Make no device call").check()
    console.get_by_role("button", name="Serve it").click()
    expect(console.get_by_role("status")).to_contain_text("Devices take it when they call")
    assert premium.read_text() == before


def test_profiles_come_and_go(gateway: Gateway, console: Page) -> None:
    """A new one, and later its file deleted, which has to be meant; until then nothing is different."""
    profiles = Path(gateway.environment["MOGATE_PROFILES"])
    visit(console, "#/profiles")
    console.get_by_text("New profile").click()
    console.get_by_label("Name of the profile").fill("trial")
    console.get_by_role("button", name="Begin it").click()
    text = console.get_by_label("Text of plan-trial.toml")
    text.press("Control+End")
    text.press_sequentially("Timer_T1 = 2100\n")
    console.get_by_role("link", name="All profiles").click()
    expect(console.get_by_text("Not served yet")).to_contain_text("plan-trial.toml")
    console.get_by_role("link", name="plan-trial.toml").click()
    console.get_by_role("button", name="See what it changes").click()
    expect(console.get_by_label("What changes").get_by_role("row", name="trial added")).to_be_visible()
    expect(console.get_by_role("status")).to_have_text("No device's content changes.")
    console.get_by_role("button", name="Serve it").click()
    expect(console.get_by_role("status")).to_contain_text("It is served.")
    assert 'plan = "NAME"' in (profiles / "plan-trial.toml").read_text()
    console.get_by_role("button", name="Delete plan-trial.toml").click()
    expect(text).to_have_count(0)
    console.get_by_role("button", name="See what it changes").click()
    serve = console.get_by_role("button", name="Serve it")
    expect(serve).to_be_disabled()
    console.get_by_label("Delete trial").check()
    serve.click()
    expect(console.get_by_text("There is no such file.")).to_be_visible()
    assert not (profiles / "plan-trial.toml").exists()


def test_what_somebody_else_served_meanwhile_is_not_taken_back(gateway: Gateway, console: Page) -> None:
    """An edit that is overtaken is refused with what was changed, and goes on from there with nothing lost: by itself
    where the lines are others, by choice where they are the same.
    """
    basic = Path(gateway.environment["MOGATE_PROFILES"]) / "plan-basic.toml"
    before = basic.read_text()
    visit(console, "#/profiles/files/plan-basic.toml")
    text = console.get_by_label("Text of plan-basic.toml")
    text.fill(f"{before}{IMS}Timer_T2 = 15200\n")
    serve(gateway, {basic.name: f"# theirs\n{before}"})
    console.get_by_role("button", name="See what it changes").click()
    expect(console.get_by_role("alert")).to_contain_text("Somebody else has changed the profiles")
    expect(console.get_by_label("What they changed")).to_contain_text("+ # theirs")
    expect(text).to_have_value(f"{before}{IMS}Timer_T2 = 15200\n")
    console.get_by_role("button", name="Go on from theirs").click()
    expect(text).to_have_value(f"# theirs\n{before}{IMS}Timer_T2 = 15200\n")
    console.get_by_role("button", name="See what it changes").click()
    expect(console.get_by_role("button", name="Serve it")).to_be_visible()
    serve(gateway, {basic.name: f"# theirs\n{before}{IMS}Timer_T2 = 15300\n"})
    console.get_by_role("button", name="Serve it").click()
    expect(console.get_by_role("alert")).to_contain_text("Somebody else")
    assert "15300" in basic.read_text()
    console.get_by_role("button", name="See what it changes").click()
    console.get_by_label("Both changed the same lines of plan-basic.toml").select_option("mine")
    console.get_by_role("button", name="Go on from theirs").click()
    expect(text).to_have_value(f"# theirs\n{before}{IMS}Timer_T2 = 15200\n")
    console.get_by_role("button", name="See what it changes").click()
    row = console.get_by_label("What changes").get_by_role("row", name="ims/Timer_T2")
    expect(row).to_contain_text("15300")
    expect(row).to_contain_text("15200")
    console.get_by_role("button", name="Serve it").click()
    expect(console.get_by_role("status")).to_contain_text("It is served.")
    assert basic.read_text() == f"# theirs\n{before}{IMS}Timer_T2 = 15200\n"
    serve(gateway, {basic.name: before})


def test_who_may_not_serve_profiles_tries_them(gateway: Gateway, page: Page) -> None:
    """A reader edits and looks at what that would change; nothing of it can be served, and no secret is seen."""
    made = gateway.json("token", "create", "reader", "--permission", "profiles:read")
    sign_in(page, made["token"])
    expect(page.get_by_role("heading", name="Profiles", exact=True)).to_be_visible()
    visit(page, "#/profiles/files/model-additional.toml")
    text = page.get_by_label("Text of model-additional.toml")
    expect(text).to_have_value(re.compile('UserPwd" = "[*]{3}"'))
    expect(page.get_by_text("You see secrets as")).to_be_visible()
    visit(page, "#/profiles/files/plan-basic.toml")
    page.get_by_label("Text of plan-basic.toml").press("Control+End")
    page.keyboard.type(f"{IMS}Timer_T2 = 15400\n")
    page.get_by_role("button", name="See what it changes").click()
    expect(page.get_by_role("button", name="Serve it")).to_be_disabled()


def serve(gateway: Gateway, changed: dict[str, str]) -> None:
    """Somebody else has these files of the profiles served."""
    profiles = gateway.api("GET", "/profiles/files")["profiles"] | changed
    plan = gateway.api("POST", "/profiles/plan", {"profiles": profiles})["plan"]
    gateway.api("POST", "/profiles/apply", {"profiles": profiles, "plan": plan, "call": False})
