"""Profiles: as they are read, and what others would change."""

from __future__ import annotations

from browsing import visit
from playwright.sync_api import Page, expect


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
