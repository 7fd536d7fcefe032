"""Two people at a campaign: one makes it, the other looks at it and lets it begin, or not."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from browsing import AXE, grave_faults, opened, sign_in, visit
from live_gateway import Gateway, serving
from playwright.sync_api import Browser, Page, expect


@pytest.fixture
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A demo operator whose campaigns need approval."""
    with serving(tmp_path_factory.mktemp("approval"), MOGATE_ADMIN__CAMPAIGN_APPROVAL="required") as one:
        one.json("simulate", "omadm")
        yield one


def make(page: Page, name: str) -> None:
    visit(page, "#/campaigns")
    page.get_by_text("New campaign").click()
    form = page.locator("details.new")
    form.get_by_label("Name").fill(name)
    form.get_by_label("Devices that match").fill("plan=premium")
    form.get_by_label("Values, one").fill("ims/Timer_T1=2600")
    form.get_by_role("button", name="Find the devices").click()
    expect(page.get_by_role("heading", name=name)).to_contain_text("waiting")


def test_a_campaign_is_approved_or_rejected_by_somebody_else(gateway: Gateway, browser: Browser) -> None:
    """Its author can press neither; the other sees what it does and to whom, and who approved it is said from then on.
    What is changed since waits again, and what is rejected says why.
    """
    other = gateway.api("POST", "/tokens", {"name": "other", "role": "noc"})["token"]
    with opened(gateway, browser) as mine, opened(gateway, browser) as theirs:
        sign_in(mine, gateway.token)
        expect(mine.get_by_role("heading", name="Subscribers")).to_be_visible()
        make(mine, "shorter timers")
        expect(mine.get_by_label("Approval")).to_contain_text("you made or changed it")
        expect(mine.get_by_role("button", name="Approve")).to_be_disabled()
        expect(mine.get_by_role("button", name="Undo")).to_have_count(0)
        expect(mine.get_by_role("button", name="Stop")).to_be_enabled()
        sign_in(theirs, other)
        expect(theirs.get_by_role("heading", name="Subscribers")).to_be_visible()
        visit(theirs, "#/campaigns")
        theirs.get_by_role("link", name="shorter timers").click()
        expect(theirs.locator(".identity")).to_contain_text("ims/Timer_T1 = 2600")
        expect(theirs.locator(".identity")).to_contain_text("Made byadmin.token")
        expect(theirs.get_by_label("Devices of the campaign").get_by_role("link", name="alice.1")).to_be_visible()
        expect(theirs.get_by_role("button", name="Reject")).to_be_disabled()
        theirs.evaluate(AXE.read_text(encoding="utf-8"))
        assert grave_faults(theirs, "['wcag2a', 'wcag2aa']") == []
        theirs.get_by_role("button", name="Approve").click()
        expect(theirs.get_by_role("heading", name="shorter timers")).to_contain_text("paused")
        expect(mine.locator(".identity")).to_contain_text("by token:other")
        mine.get_by_text("Change how it goes on").click()
        mine.get_by_label("Devices a minute").fill("6000")
        mine.get_by_role("button", name="Change", exact=True).click()
        expect(mine.get_by_role("heading", name="shorter timers")).to_contain_text("waiting")
        theirs.get_by_label("Why").fill("too fast")
        theirs.get_by_role("button", name="Reject").click()
        expect(theirs.get_by_role("heading", name="shorter timers")).to_contain_text("rejected")
        expect(mine.locator(".identity")).to_contain_text("rejected by token:other: too fast")
        mine.get_by_role("link", name="What happened in it").click()
        expect(mine.get_by_label("Events", exact=True)).to_contain_text("campaign.approved")
