"""Whether everybody can use the console: by eye, by ear and by keyboard."""

from __future__ import annotations

from browsing import AXE, grave_faults, visit
from playwright.sync_api import Page, expect

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
