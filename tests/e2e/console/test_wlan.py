"""WLANs of a phone, in the browser."""

from __future__ import annotations

import re

from browsing import visit
from live_gateway import Gateway
from playwright.sync_api import Page, expect


def test_a_phone_joins_a_wlan_and_forgets_it(gateway: Gateway, console: Page) -> None:
    """The key goes to the phone and is shown by nothing; what it knows is listed, and forgotten when asked twice.

    Spec: OMA-DDS-DM_ConnMO-V1_0 (NAP)
    """
    visit(console, "#/subscribers/alice/alice.1?tab=diagnostics")
    panel = console.get_by_label("WLANs", exact=True).first
    form = console.get_by_role("form", name="Join a WLAN")
    form.get_by_label("Name (SSID)").fill("Example Office")
    form.get_by_label("Key").fill("open sesame by hand")
    form.get_by_role("button", name="Have the phone join it").click()
    expect(panel.get_by_role("status")).to_contain_text("add Example Office")
    expect(form.get_by_label("Key")).to_have_value("")
    assert "open sesame by hand" in gateway.json("simulate", "omadm")["values"].values()
    expect(panel).to_contain_text(re.compile("add Example Office: ?done"))
    panel.get_by_role("button", name="Ask the phone: WLANs").click()
    expect(panel.get_by_role("status")).to_contain_text("asked for its access points")
    gateway.json("simulate", "omadm")
    known = panel.get_by_role("row", name="Example Office")
    known.get_by_role("button", name="Forget Example Office").click()
    known.get_by_role("button", name="Really forget? Example Office").click()
    expect(panel.get_by_role("status")).to_contain_text("remove Example Office")
    assert "open sesame by hand" not in gateway.json("simulate", "omadm")["values"].values()
    expect(panel).to_contain_text(re.compile("remove Example Office: ?done"))
    assert "open sesame by hand" not in console.content()
