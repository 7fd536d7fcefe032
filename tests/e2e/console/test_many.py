"""Changes for many devices: lists and campaigns."""

from __future__ import annotations

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
