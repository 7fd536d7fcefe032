"""Campaigns that bring an edition of the profiles: group after group, and back."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from campaign_lab import COUNT, TERMS, Lab, profiles, profiles_of

from gateway.errors import ConfigError, Conflict
from gateway.fleet.campaign import CampaignState, Content, Group, Target
from gateway.fleet.rollout import Edition, RolloutState
from gateway.outreach.background import LEASE_SECONDS


async def test_an_edition_reaches_a_group_and_the_others_keep_the_one_before(lab: Lab) -> None:
    """The canary has the new content and nobody else, in processes that start meanwhile too; then all have it."""
    campaigns = await lab.begin()
    made = await campaigns.create(
        name="new", target=Target(devices=("s03.1", *(f"s{n:02}.1" for n in range(COUNT) if n != 3))),
        content=Content(), edition=Edition.of(profiles("2500")), after_success="pause",
        groups=[Group(size=1, success_percent=100), Group(percent=100)], **TERMS,
    )  # fmt: skip
    await lab.until(campaigns, made.id, lambda one: one.started == 1)
    assert await lab.due(*range(COUNT)) == ["2000"] * 3 + ["2500"] + ["2000"] * 8
    with pytest.raises(Conflict, match=f"campaign {made.id} is still rolling out"):
        await campaigns.create(
            name="third", target=Target(devices=("s00.1",)), content=Content(), groups=[],
            edition=Edition.of(profiles("3000")),
        )  # fmt: skip
    # The files of a gateway are the new ones by now, or those of somebody who is already further on.
    for timer in ("2500", "3000"):
        lab.files = profiles(timer)
        lab.service, lab.rollouts = lab.serve(lab.store)
        assert await lab.due(0, 3) == ["2000", "2500"]
    with pytest.raises(ConfigError, match=f"mogate campaign undo {made.id}"):
        await lab.rollouts.check(profiles_of(lab.files))
    lab.files = profiles("2500")
    await lab.die()
    campaigns = await lab.begin()
    lab.now += timedelta(seconds=LEASE_SECONDS)
    await lab.answer(3)
    await lab.until(campaigns, made.id, lambda one: one.state is CampaignState.PAUSED)
    await campaigns.resume(made.id)
    await lab.until(campaigns, made.id, lambda one: one.started == COUNT)
    await lab.answer(*range(COUNT))
    await lab.until(campaigns, made.id, lambda one: one.state is CampaignState.FINISHED)
    assert await lab.due(*range(COUNT)) == ["2500"] * COUNT


async def test_a_device_that_does_not_call_for_an_edition_is_called_again(lab: Lab) -> None:
    """Each try has the whole deadline; after the last the device failed, and who called at the second try is ok."""
    campaigns = await lab.begin()
    made = await campaigns.create(
        name="new", target=Target(devices=("s00.1", "s01.1")), content=Content(), edition=Edition.of(profiles("2500")),
        groups=[], on_error="stop", retries=1, rate_per_minute=60_000.0, device_deadline_seconds=30,
    )  # fmt: skip
    await lab.until(campaigns, made.id, lambda one: one.started == 2)
    for attempt in (1, 2):
        for number in (0, 1):
            async with asyncio.timeout(30):
                while (await campaigns.members(made.id))[number][1].attempts < attempt:
                    lab.now += timedelta(seconds=0.5)
                    await asyncio.sleep(0.01)
    (_, first), _ = await campaigns.members(made.id)
    assert first.deadline_at is not None
    assert first.started_at is not None
    assert first.started_at > made.created_at + timedelta(seconds=30)
    assert first.deadline_at - first.started_at == timedelta(seconds=30)
    reaching = await lab.reachings[-1].load("s00.1")
    assert reaching is not None
    assert reaching.deadline_at > first.started_at
    await lab.answer(0)
    async with asyncio.timeout(30):
        while (found := await campaigns.load(made.id)).under_way:
            lab.now += timedelta(seconds=0.5)
            await asyncio.sleep(0.01)
    assert (found.counts[0]["ok"], found.errors) == (1, {"408": 1})


@pytest.mark.parametrize("after", [CampaignState.RUNNING, CampaignState.FINISHED])
async def test_undoing_brings_the_edition_before_back(lab: Lab, after: CampaignState) -> None:
    """From the middle or from the end, to each device that had the new one; the files alone do not bring that again."""
    campaigns = await lab.begin()
    ids = tuple(f"s{n:02}.1" for n in range(4))
    made = await campaigns.create(
        name="new", target=Target(devices=ids), content=Content(), edition=Edition.of(profiles("2500")),
        groups=[Group(size=2, success_percent=100), Group(percent=100)], **TERMS,
    )  # fmt: skip
    await lab.until(campaigns, made.id, lambda one: one.started == 2)
    if after is CampaignState.FINISHED:
        await lab.answer(0, 1)
        await lab.until(campaigns, made.id, lambda one: one.started == 4)
        await lab.answer(2, 3)
        await lab.until(campaigns, made.id, lambda one: one.state is after)
        assert await lab.due(*range(COUNT)) == ["2500"] * COUNT
    await campaigns.undo(made.id)
    await lab.until(campaigns, made.id, lambda one: one.state is CampaignState.UNDONE)
    assert await lab.due(*range(COUNT)) == ["2000"] * COUNT
    lab.files = profiles("2500")
    lab.service, lab.rollouts = lab.serve(lab.store)
    assert await lab.due(0, 5) == ["2000", "2000"]
    assert lab.rollouts.rollout is not None
    assert lab.rollouts.rollout.state is RolloutState.UNDONE
    lab.rollouts.adopt(profiles_of(profiles("3000")))
    assert await lab.due(0, 5) == ["3000", "3000"]
    await lab.store.commit(*await lab.rollouts.end())
    with pytest.raises(Conflict, match="other profiles were published since"):
        await lab.rollouts.turn(made.id, RolloutState.ROLLING)
