"""Campaigns that wait for somebody else than their authors, over every store."""

from __future__ import annotations

import pytest
from campaign_lab import COUNT, T1, TERMS, Lab, profiles

from gateway.errors import ConfigError, Conflict, Forbidden
from gateway.fleet.campaign import CampaignState, Content, Group, Target
from gateway.fleet.rollout import Edition

TIMER = Content(values={T1: "2500"})
ALL = Target(match={"plan": ("gold", "silver")})
LISTED = Target(devices=tuple(f"s{n:02}.1" for n in range(COUNT)))
MINE = TERMS | {"authors": ("user:ada",)}


async def kinds(lab: Lab) -> list[str]:
    """What was told of campaigns as such."""
    events = await lab.store.load_events(limit=1000)
    return [one.kind for one in events if one.kind.startswith("campaign.") and not one.device_id]


async def test_nobody_is_started_before_somebody_else_approved(lab: Lab) -> None:
    """Its devices are found and can be looked at; its author cannot let it begin, and nothing else does."""
    lab.needs_approval = True
    campaigns = await lab.begin()
    made = await campaigns.create(name="x", target=ALL, content=TIMER, groups=[], **MINE)
    found = await lab.until(campaigns, made.id, lambda one: one.state is CampaignState.WAITING)
    assert (found.total, len(await campaigns.members(made.id))) == (COUNT, COUNT)
    for refused, order in (
        (Forbidden, campaigns.approve(made.id, "user:ada")),
        (Forbidden, campaigns.reject(made.id, "user:ada", "no")),
        (Conflict, campaigns.resume(made.id)),
        (Conflict, campaigns.next_group(made.id)),
    ):
        with pytest.raises(refused):
            await order
    assert {await lab.holds(number) for number in range(COUNT)} == {None}
    approved = await campaigns.approve(made.id, "user:grace", "as agreed")
    assert approved.approval is not None
    assert (approved.approval.by, approved.approval.reason) == ("user:grace", "as agreed")
    await lab.until(campaigns, made.id, lambda one: one.started == COUNT)
    await lab.answer(*range(COUNT))
    await lab.until(campaigns, made.id, lambda one: one.state is CampaignState.FINISHED)
    assert await kinds(lab) == ["campaign.created", "campaign.waiting", "campaign.approved", "campaign.finished"]


async def test_what_is_changed_is_approved_again(lab: Lab) -> None:
    """Who was started goes on, nobody else is, until somebody who neither made nor changed it approved that too.
    Pausing and stopping wait for nobody.
    """
    lab.needs_approval = True
    campaigns = await lab.begin()
    groups = [Group(size=1, success_percent=100), Group(percent=100)]
    made = await campaigns.create(name="x", target=LISTED, content=TIMER, groups=groups, **MINE)
    await lab.until(campaigns, made.id, lambda one: one.state is CampaignState.WAITING)
    await campaigns.approve(made.id, "user:grace")
    await lab.until(campaigns, made.id, lambda one: one.started == 1)
    changed = await campaigns.change(made.id, "user:joan", rate_per_minute=600.0)
    assert (changed.state, changed.approval, changed.authors) == (
        CampaignState.WAITING, None, ("user:ada", "user:joan")
    )  # fmt: skip
    await lab.answer(0)
    await lab.until(campaigns, made.id, lambda one: one.counts[0].get("ok") == 1)
    assert (await campaigns.load(made.id)).started == 1
    with pytest.raises(Forbidden):
        await campaigns.approve(made.id, "user:joan")
    assert (await campaigns.approve(made.id, "user:grace")).state is CampaignState.RUNNING
    await lab.until(campaigns, made.id, lambda one: one.started == COUNT)
    assert (await campaigns.pause(made.id)).state is CampaignState.PAUSED
    await campaigns.change(made.id, "user:ada", retries=1)
    assert (await campaigns.approve(made.id, "user:grace")).state is CampaignState.PAUSED
    await campaigns.change(made.id, "user:ada", retries=2)
    assert (await campaigns.stop(made.id)).state is CampaignState.STOPPED


async def test_a_change_where_nothing_needs_approval_takes_effect_at_once(lab: Lab) -> None:
    """Also for the device that was to be started next. Turned on since, approval is asked for from the next change."""
    campaigns = await lab.begin()
    terms = MINE | {"rate_per_minute": 0.001}
    made = await campaigns.create(name="x", target=LISTED, content=TIMER, groups=[], **terms)
    await lab.until(campaigns, made.id, lambda one: one.started == 1)
    assert (await campaigns.change(made.id, "user:ada", rate_per_minute=600.0)).state is CampaignState.RUNNING
    await lab.until(campaigns, made.id, lambda one: one.started == COUNT)
    await lab.die()
    lab.needs_approval = True
    campaigns = await lab.begin()
    assert (await campaigns.load(made.id)).state is CampaignState.RUNNING
    assert (await campaigns.change(made.id, "user:ada", retries=1)).state is CampaignState.WAITING


async def test_a_rejected_edition_is_served_to_nobody_and_makes_room(lab: Lab) -> None:
    """A rejection says why, and ends it; everybody keeps the edition before, and another can be rolled out."""
    lab.needs_approval = True
    campaigns = await lab.begin()
    made = await campaigns.create(
        name="new", target=LISTED, content=Content(), edition=Edition.of(profiles("2500")), groups=[], **MINE
    )
    await lab.until(campaigns, made.id, lambda one: one.state is CampaignState.WAITING)
    assert await lab.due(0, 1) == ["2000", "2000"]
    with pytest.raises(ConfigError, match="say why"):
        await campaigns.reject(made.id, "user:grace", "")
    found = await campaigns.reject(made.id, "user:grace", "not before the fair")
    assert (found.state, found.why) == (CampaignState.REJECTED, "rejected by user:grace: not before the fair")
    lab.files = profiles("2500")
    lab.service, lab.rollouts = lab.serve(lab.store)
    assert await lab.due(0, 1) == ["2000", "2000"]
    other = await campaigns.create(
        name="other", target=LISTED, content=Content(), edition=Edition.of(profiles("3000")), groups=[], **MINE
    )
    await lab.until(campaigns, other.id, lambda one: one.state is CampaignState.WAITING)
    await campaigns.approve(other.id, "user:grace")
    await lab.until(campaigns, other.id, lambda one: one.started == COUNT)
    assert await lab.due(0, 1) == ["3000", "3000"]
    assert (await kinds(lab))[:3] == ["campaign.created", "campaign.waiting", "campaign.rejected"]
