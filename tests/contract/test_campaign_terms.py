"""Whom a campaign takes in as it goes on, and at which hours, over every store."""

from __future__ import annotations

from datetime import datetime, timedelta

from campaign_lab import COUNT, START, T1, TERMS, Lab
from msgspec.structs import replace

from gateway.fleet.campaign import Campaign, CampaignState, Content, Target
from gateway.outreach.campaigns import SEARCH_AGAIN
from gateway.store.protocol import PutSubscriber

TIMER = Content(values={T1: "2500"})
OPENS = timedelta(hours=1)
"""When it is 02:00 in Berlin, of a day that began at ``START``."""


async def test_devices_are_started_within_the_window_alone(lab: Lab) -> None:
    """By the clock of its zone. Whom it has not come to when the window closes it starts when that opens again."""
    campaigns = await lab.begin()
    made = await campaigns.create(
        name="x", target=Target(match={"plan": ("gold", "silver")}), content=TIMER, groups=[],
        window=("02:00", "02:01", "Europe/Berlin"), rate_per_minute=8.0, device_deadline_seconds=7 * 86_400,
    )  # fmt: skip
    await lab.until(campaigns, made.id, lambda one: one.state is CampaignState.RUNNING)
    for day in range(2):
        lab.now = START + timedelta(days=day) + OPENS - timedelta(seconds=5)
        closed = lab.now + timedelta(minutes=2)

        def is_over(_: Campaign, end: datetime = closed) -> bool:
            return lab.now > end

        await lab.until(campaigns, made.id, is_over)
    members = [member for _, member in await campaigns.members(made.id)]
    since = sorted(member.started_at - START - OPENS for member in members if member.started_at is not None)
    assert len(since) == COUNT
    assert {one.days for one in since} == {0, 1}
    assert all(one - timedelta(days=one.days) < timedelta(minutes=1) for one in since)


async def test_who_matches_later_joins_a_dynamic_campaign(lab: Lab) -> None:
    """It goes on, with nobody left to start, until somebody stops it."""
    campaigns = await lab.begin()
    target = Target(match={"plan": ("gold",)}, dynamic=True)
    made = await campaigns.create(name="x", target=target, content=TIMER, groups=[], **TERMS)
    await lab.until(campaigns, made.id, lambda one: one.started == COUNT // 2)
    subscriber, _ = await lab.device(1)
    await lab.store.commit(PutSubscriber(replace(subscriber, plan="gold")))
    lab.now += SEARCH_AGAIN
    await lab.until(campaigns, made.id, lambda one: one.started == COUNT // 2 + 1)
    assert (await lab.holds(1), await lab.holds(3)) == ("2500", None)
    await lab.answer(1, *range(0, COUNT, 2))
    found = await lab.until(campaigns, made.id, lambda one: one.counts[0].get("ok") == COUNT // 2 + 1)
    assert (found.state, found.total) == (CampaignState.RUNNING, COUNT // 2 + 1)
    assert (await campaigns.stop(made.id)).state is CampaignState.STOPPED
