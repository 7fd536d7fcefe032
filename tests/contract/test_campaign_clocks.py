"""Campaigns over clocks that are wrong for a while."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from campaign_lab import COUNT, T1, TERMS, Lab

from gateway.fleet.campaign import CampaignState, Content, Target
from gateway.outreach.background import LEASE_SECONDS


@pytest.mark.parametrize("step", [timedelta(days=400), timedelta(days=-400)])
async def test_a_clock_that_was_wrong_for_a_while_wedges_no_campaign(lab: Lab, step: timedelta) -> None:
    """While it is wrong and when it is right again it goes on; nobody is started twice, nobody fails for that."""
    campaigns = await lab.begin()
    target = Target(match={"plan": ("gold", "silver")})
    made = await campaigns.create(name="x", target=target, content=Content(values={T1: "2500"}), groups=[], **TERMS)
    await lab.until(campaigns, made.id, lambda one: one.started == COUNT)
    await lab.answer(0)
    await lab.until(campaigns, made.id, lambda one: one.counts[0].get("ok") == 1)
    lab.move(step)
    await lab.noticed(lab.store, done=lab.running)
    lab.now += timedelta(seconds=LEASE_SECONDS / 2)
    if step < timedelta():
        lab.now += timedelta(seconds=LEASE_SECONDS / 2)
        await lab.answer(1)
        await lab.until(campaigns, made.id, lambda one: one.counts[0].get("ok") == 2)
    lab.move(-step)
    await lab.noticed(lab.store, 2, done=lab.running)
    lab.now += timedelta(seconds=LEASE_SECONDS)
    await lab.answer(*range(COUNT))
    found = await lab.until(campaigns, made.id, lambda one: one.state is CampaignState.FINISHED)
    assert (found.counts[0], found.errors) == ({"started": 0, "ok": COUNT}, {})
    started = [
        event.device_id
        for event in await lab.store.load_events(limit=1000)
        if event.kind == "campaign.device" and event.detail["state"] == "started"
    ]
    assert sorted(started) == [f"s{number:02}.1" for number in range(COUNT)]


async def test_a_campaign_that_began_by_a_clock_ahead_goes_on_by_one_that_is_right(lab: Lab) -> None:
    """Its rate, its looks and its deadlines are by the clock as it is now, in another process too."""
    lab.now += timedelta(days=400)
    campaigns = await lab.begin()
    terms = TERMS | {"rate_per_minute": 60.0}
    target = Target(match={"plan": ("gold", "silver")})
    made = await campaigns.create(name="x", target=target, content=Content(values={T1: "2500"}), groups=[], **terms)
    await lab.until(campaigns, made.id, lambda one: one.started >= 3)
    await lab.die()
    lab.now -= timedelta(days=400)
    campaigns = await lab.begin()
    await asyncio.sleep(0.05)
    lab.now += timedelta(seconds=LEASE_SECONDS)
    await lab.until(campaigns, made.id, lambda one: one.started == COUNT)
    await lab.answer(*range(COUNT - 1))
    await lab.until(campaigns, made.id, lambda one: one.counts[0].get("ok") == COUNT - 1)
    lab.now += timedelta(hours=1)
    found = await lab.until(campaigns, made.id, lambda one: one.state is not CampaignState.RUNNING)
    assert found.errors == {"408": 1}
