"""Whether everybody can use the console: by eye, by ear and by keyboard."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from browsing import AXE, grave_faults, visit
from playwright.sync_api import Page, expect

SCREENS = [
    "#/subscribers",
    "#/subscribers/alice/alice.1",
    "#/subscribers/alice/alice.2",
    "#/subscribers/alice/alice.1?tab=values",
    "#/subscribers/alice/alice.1?tab=tree",
    "#/subscribers/alice/alice.1?tab=sessions",
    "#/subscribers/alice/alice.1?tab=sessions&compare=~0&with_session=~1",
    "#/subscribers/alice/alice.1?tab=operations",
    "#/subscribers/alice/alice.1?tab=diagnostics",
    "#/subscribers/alice/alice.1?tab=campaigns",
    "#/subscribers/alice/alice.1?tab=events",
    "#/subscribers/alice/alice.1?tab=changes",
    "#/devices",
    "#/overview",
    "#/live",
    "#/campaigns?new=1",
    "#/profiles",
    "#/profiles/premium",
    "#/profiles/files/plan-premium.toml",
    "#/editions",
    "#/packages",
    "#/events",
    "#/rules",
    "#/messaging",
    "#/webhooks",
    "#/import",
    "#/exports",
    "#/audit",
    "#/access",
    "#/server",
    "#/simulator",
]


def test_everybody_can_use_it(console: Page) -> None:
    """No screen has a serious fault by axe-core, in the dark neither, and none is wider than a phone's display.

    WCAG 2.2 A and AA
    """
    console.evaluate(AXE.read_text(encoding="utf-8"))
    for screen in SCREENS:
        console.emulate_media(color_scheme="light")
        visit(console, screen)
        faults = grave_faults(console, "['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa']")
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


NAME_OF_FOCUS = """() => {
    const { activeElement: at } = document;
    return (at.labels?.[0]?.firstElementChild ?? at.labels?.[0] ?? at).textContent.trim() || at.ariaLabel || "";
}"""
MOST_STOPS = 150


def tab_to(page: Page, name: str) -> None:
    """Go on by Tab until what is called so has the focus."""
    for _ in range(MOST_STOPS):
        page.keyboard.press("Tab")
        if page.evaluate(NAME_OF_FOCUS).startswith(name) or page.evaluate("document.activeElement.ariaLabel") == name:
            return
    raise AssertionError(f"no stop is called {name}")


WALKS: dict[str, tuple[list[tuple[str, str]], str]] = {
    "#/subscribers": ([("alice", "\n")], "What stands out"),
    "#/subscribers/alice/alice.1": ([("Effective values", "\n"), ("Filter by node", "Timer_T2")], "Effective values"),
    "#/subscribers/alice/alice.1?tab=sessions": ([("Raw", "\n")], "As it travelled"),
    "#/devices": ([("Devices that match", "plan=premium\n"), ("Choose alice.1", " ")], "1 chosen"),
    "#/live": ([("Filter by device", "alice.1")], "Live sessions"),
    "#/campaigns": (
        [
            ("New campaign", "\n"),
            ("Name", "by keyboard"),
            ("Devices that match", "plan=premium"),
            ("Values, one", "ims/Timer_T1=2100"),
            ("Find the devices", "\n"),
        ],
        "Devices of the campaign",
    ),
    "#/profiles": ([("Phone or subscriber", "alice.2"), ("Plan", "basic\n")], "What would change"),
    "#/profiles/files/tenant-bluebird.toml": (
        [("Text of tenant-bluebird.toml", "# x\n"), ("See what it changes", "\n")],
        "What changes",
    ),
    "#/editions": ([("Compare", "\n")], "Compare"),
    "#/subscribers/alice/alice.1?tab=changes": ([("As asked", "\n")], "Audit"),
    "#/exports": ([("That match", "plan=premium"), ("Save devices.csv", "")], "Devices"),
    "#/events": ([("Filter by kind", "value")], "Events"),
    "#/rules": (
        [("Rules to try", '[rules.r]\ncauses = ["first-imei"]\njoin = ["new"]'), ("Try", "\n")],
        "What would follow",
    ),
    "#/messaging": ([("To (MSISDN", "alice.1"), ("Preview", "\n")], "Octets of the test"),
    "#/webhooks": ([("Address of", "http://127.0.0.1:9/"), ("Kinds of events", "push.*\n")], "Webhooks"),
    "#/audit": ([("Who", "admin.token\n")], "Audit"),
    "#/access": ([("For", "a program\n")], "Tokens"),
    "#/server": ([("Filter settings", "omadm.paths")], "Settings"),
    "#/simulator": ([("Run", "\n")], "What was said"),
}
"""What people come to a screen for: the stops that they go to with what they type there, and what is there then."""


@pytest.mark.parametrize("screen", WALKS)
def test_the_keyboard_does_what_the_mouse_does(console: Page, screen: str) -> None:
    """The main task of each screen, without touching a mouse. WCAG 2.1.1"""
    stops, outcome = WALKS[screen]
    visit(console, screen)
    for name, typed in stops:
        tab_to(console, name)
        console.keyboard.type(typed)
    expect(console.get_by_label(outcome).last).to_be_visible()


def test_the_keyboard_brings_files(console: Page, tmp_path: Path) -> None:
    """A package is uploaded and removed, and subscribers are imported, without touching a mouse. WCAG 2.1.1"""
    package, subscribers = tmp_path / "c3.bin", tmp_path / "few.csv"
    package.write_bytes(b"firmware" * 64)
    subscribers.write_text("id,msisdn\nkeyed,+15569990001\n")
    files = [package, subscribers]
    # Listened for from the start: the browser has to know that dialogs are taken over before one is asked for.
    console.on("filechooser", lambda dialog: dialog.set_files(files.pop(0)))
    visit(console, "#/packages")
    tab_to(console, "File")
    console.keyboard.press("Enter")
    expect(console.get_by_label("File", exact=True)).to_have_value(re.compile("c3.bin"))
    for name, typed in (("Name", "C3"), ("Version", "3.0\n")):
        tab_to(console, name)
        console.keyboard.type(typed)
    row = console.get_by_role("row", name="C3 3.0")
    expect(row).to_be_visible()
    tab_to(console, "Remove C3 3.0")
    console.keyboard.press("Enter")
    console.keyboard.press("Enter")
    expect(row).to_have_count(0)
    visit(console, "#/import")
    tab_to(console, "Drop a file of subscribers")
    console.keyboard.press("Enter")
    expect(console.get_by_role("button", name="Import 1 subscriber")).to_be_enabled()
    tab_to(console, "Import 1 subscriber")
    console.keyboard.press("Enter")
    expect(console.get_by_role("status")).to_contain_text("Imported: 1 new")
