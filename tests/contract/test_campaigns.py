"""Campaigns over every store: groups in their order, thresholds, the way back, and processes that die on the way."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import timedelta

import pytest
from campaign_lab import COUNT, T1, TERMS, Lab
from msgspec.structs import replace

from gateway.errors import ConfigError, Conflict
from gateway.fleet.campaign import Campaign, CampaignState, Content, Group, MemberState, Target
from gateway.fleet.job import JobState
from gateway.fleet.mirror import Fact, Mirror
from gateway.fleet.operation import Operation
from gateway.observe import metrics
from gateway.outreach.background import LEASE_SECONDS, Background
from gateway.outreach.gauges import Gauges
from gateway.outreach.members import Found, Members
from gateway.outreach.memberships import memberships
from gateway.outreach.webhooks import Webhooks
from gateway.sealing import Sealer
from gateway.store.protocol import PutDevice, PutMirror, PutOperation, PutSubscriber


async def test_groups_follow_each_other_and_processes_may_die(lab: Lab) -> None:
    """Canary, half, all: each group waits for the one before; another process goes on where a dead one stood."""
    campaigns = await lab.begin()
    groups = [Group(size=1, success_percent=100), Group(percent=50, success_percent=100), Group(percent=100)]
    target = Target(devices=("s07.1",), match={"plan": ("gold", "silver")})
    made = await campaigns.create(
        name="timers", target=target, content=Content(values={T1: "2500"}), groups=groups, **TERMS
    )
    found = await lab.until(campaigns, made.id, lambda one: one.started == 1)
    assert (found.total, found.bounds) == (COUNT, (1, 7, COUNT))
    assert (await lab.holds(7), await lab.holds(0)) == ("2500", None)
    await lab.answer(7)
    await lab.until(campaigns, made.id, lambda one: one.started >= 3)
    await lab.die()
    before = (await campaigns.load(made.id)).started
    others = await lab.begin(), await lab.begin()
    lab.now += timedelta(seconds=LEASE_SECONDS)
    found = await lab.until(others[0], made.id, lambda one: one.started == 7)
    assert before <= found.started
    assert [member.device_id for _, member in await others[0].members(made.id)][:3] == ["s07.1", "s00.1", "s01.1"]
    await lab.answer(*range(6))
    await lab.until(others[1], made.id, lambda one: one.started == COUNT)
    await lab.answer(*range(COUNT))
    found = await lab.until(others[0], made.id, lambda one: one.state is CampaignState.FINISHED)
    assert [one["ok"] for one in found.counts] == [1, 6, 5]
    assert [await lab.holds(number) for number in range(COUNT)] == ["2500"] * COUNT
    told = [event.kind for event in await lab.store.load_events(limit=1000) if event.kind.startswith("campaign.")]
    assert [one for one in told if one != "campaign.device"] == [
        "campaign.created", "campaign.begun", "campaign.group_opened", "campaign.group_opened", "campaign.finished"
    ]  # fmt: skip
    # In a Cluster the event of a commit that death interrupted is written by housekeeping, some seconds later.
    assert told.count("campaign.device") in (2 * COUNT, 2 * COUNT - 1)
    async with asyncio.timeout(30):
        while await lab.store.count_waiting("campaign"):  # noqa: ASYNC110 - the store tells nobody
            await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    ("on_error", "state"),
    [("pause", CampaignState.PAUSED), ("stop", CampaignState.STOPPED), ("undo", CampaignState.UNDONE)],
)
async def test_too_many_errors_end_it(lab: Lab, on_error: str, state: CampaignState) -> None:
    """Devices that do not call by their deadline fail with 408; what was set is given back where that is wanted."""
    _, device = await lab.device(0)
    await lab.store.commit(PutDevice(replace(device, overrides={"ims": {"Timer_T1": "1111"}})))
    campaigns = await lab.begin()
    target = Target(match={"plan": ("gold",)})
    made = await campaigns.create(
        name="bad", target=target, content=Content(values={T1: "2500"}), groups=[Group(size=2), Group(percent=100)],
        on_error=on_error, **TERMS,
    )  # fmt: skip
    await lab.until(campaigns, made.id, lambda one: one.started == 2)
    lab.now += timedelta(hours=2)
    found = await lab.until(campaigns, made.id, lambda one: one.state is state)
    assert (found.started, "failed" in found.why) == (2, True)
    if state is CampaignState.UNDONE:
        assert [await lab.holds(0), await lab.holds(2), await lab.holds(4)] == ["1111", None, None]
        assert found.counts[0]["undone"] == 2
    else:
        assert found.errors == {"408": 2} or found.errors == {"408": 1}
    if state is CampaignState.PAUSED:
        await campaigns.resume(made.id)
        await campaigns.next_group(made.id)
        await lab.until(campaigns, made.id, lambda one: one.started == 6)
        assert (await campaigns.undo(made.id)).state is CampaignState.UNDOING
        await lab.until(campaigns, made.id, lambda one: one.state is CampaignState.UNDONE)
        assert [await lab.holds(number) for number in (0, 2, 4, 6, 8, 10)] == ["1111", *[None] * 5]


async def test_operations_are_taken_back(lab: Lab) -> None:
    """By what the device's tree had, in the opposite order; what is still in the queue never goes out, and what nothing
    takes back is named. A device that refused has nothing to give back."""
    campaigns = await lab.begin()
    now = lab.now
    held = {"./X/A": Fact(format="int", read="7", read_at=now), "./X/B": Fact(read="old", read_at=now)}
    for number in range(3):
        await lab.store.commit(PutMirror(Mirror(device_id=f"s{number:02}.1", facts=held)))
    asked = (
        Operation(id="", verb="Replace", uri="./X/A", format="int", value="9"),
        Operation(id="", verb="Add", uri="./X/C", value="new"),
        Operation(id="", verb="Delete", uri="./X/B"),
        Operation(id="", verb="Replace", uri="./X/Unread", value="1"),
        Operation(id="", verb="Exec", uri="./X/Reboot"),
    )
    made = await campaigns.create(
        name="x", target=Target(devices=("s00.1", "s01.1", "s02.1")), content=Content(operations=asked), groups=[],
        **TERMS,
    )  # fmt: skip
    await lab.until(campaigns, made.id, lambda one: one.started == 3)
    # One did it all, one refuses all but the first, and one does not call.
    for device, statuses in (("s00.1", [200] * 5), ("s01.1", [200, 405, 405, 405, 405])):
        queued = {one.id: one for one in await lab.store.load_operations(device)}
        for n, status in enumerate(statuses):
            one = queued[f"{made.id}-{int(device[1:3])}-1-{n}"]
            await lab.store.commit(PutOperation(device, replace(one, status=status, attempts=1)))
    await campaigns.undo(made.id)
    await lab.until(campaigns, made.id, lambda one: one.state is CampaignState.UNDONE)

    async def back(device: str) -> list[tuple[str, str, str | None]]:
        return [(one.verb, one.uri, one.value) for one in await lab.store.load_operations(device)]

    everything = [("Add", "./X/B", "old"), ("Delete", "./X/C", None), ("Replace", "./X/A", "7")]
    assert [await back(device) for device in ("s00.1", "s01.1", "s02.1")] == [everything, everything[-1:], []]
    kept = [member.kept for _, member in await campaigns.members(made.id)]
    assert kept == [("Replace ./X/Unread (nobody has read what was there)", "Exec ./X/Reboot"), (), ()]
    ended = [one.status for one in await lab.store.load_operations("s02.1", pending_only=False)]
    assert ended == [215] * len(asked)


async def test_a_search_is_taken_up_where_it_stopped(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """Step by step, whether or not anybody is found on the way, the campaign saying as far as whom it has looked."""
    monkeypatch.setattr("gateway.outreach.members.SEARCH_HOUSEHOLDS", 2)
    campaigns = await lab.begin()
    cursors: list[str] = []
    matching = Members.matching

    async def watched(self: Members, campaign: Campaign) -> Found:
        cursors.append((await campaigns.load(campaign.id)).cursor)
        return await matching(self, campaign)

    monkeypatch.setattr(Members, "matching", watched)
    made = await campaigns.create(
        name="x", target=Target(match={"plan": ("GOLD", "gold"), "model": ("",)}), content=Content(values={T1: "2500"}),
        groups=[], begins_paused=True, **TERMS,
    )  # fmt: skip
    found = await lab.until(campaigns, made.id, lambda one: one.state is CampaignState.PAUSED)
    assert (found.total, found.cursor) == (COUNT // 2, "")
    assert cursors == sorted({*cursors})
    assert len(cursors) > 2


async def test_operations_are_tried_again_and_errors_are_told_by_code(lab: Lab) -> None:
    """A refusal is retried as often as the campaign says, and then counted under the device's own code."""
    campaigns = await lab.begin()
    reboot = Operation(id="", verb="Exec", uri="./DevDetail/Ext/Reboot")
    made = await campaigns.create(
        name="reboot", target=Target(devices=("s00.1", "s01.1", "nobody")), content=Content(operations=(reboot,)),
        groups=[], retries=1, **TERMS,
    )  # fmt: skip
    await lab.until(campaigns, made.id, lambda one: one.started == 2)
    for attempt, statuses in ((1, (405, 200)), (2, (405,))):
        for number, status in enumerate(statuses):
            async with asyncio.timeout(30):
                while not (queued := await lab.store.load_operations(f"s{number:02}.1")):
                    lab.now += timedelta(seconds=1)
                    await asyncio.sleep(0.01)
            assert queued[0].id == f"{made.id}-{number}-{attempt}-0"
            await lab.store.commit(PutOperation(f"s{number:02}.1", replace(queued[0], status=status)))
    found = await lab.until(campaigns, made.id, lambda one: not one.under_way)
    assert (found.total, found.errors, found.counts[0]["ok"]) == (2, {"405": 1}, 1)
    with pytest.raises(Conflict, match="cannot be taken back"):
        await campaigns.undo(made.id)


async def test_a_device_knows_its_campaigns(lab: Lab) -> None:
    """One that has begun with it, one that is for it by name or by its plan and has not, and how it ended; none of
    those that are for others.
    """
    campaigns = await lab.begin()
    first = await campaigns.create(
        name="first", target=Target(devices=("s00.1", "s01.1")), content=Content(values={T1: "2500"}),
        groups=[Group(size=1, success_percent=100), Group(percent=100)], **TERMS,
    )  # fmt: skip
    await lab.until(campaigns, first.id, lambda one: one.started == 1)
    subscriber, _ = await lab.device(1)
    second = await campaigns.create(
        name="second", target=Target(match={"plan": (subscriber.plan,)}), content=Content(values={T1: "2600"}),
        groups=[], begins_paused=True, **TERMS,
    )  # fmt: skip
    await lab.until(campaigns, second.id, lambda one: one.state is CampaignState.PAUSED)

    async def states(number: int) -> dict[str, MemberState]:
        found = await memberships(lab.store, campaigns, *await lab.device(number))
        return {one.campaign.name: one.state for one in found}

    assert await states(1) == {"first": MemberState.PENDING, "second": MemberState.PENDING}
    assert (await states(0))["first"] is MemberState.STARTED
    assert "first" not in await states(2)
    await campaigns.stop(second.id)
    await lab.answer(0)
    await lab.until(campaigns, first.id, lambda one: one.started == 2)
    assert await states(0) == {"first": MemberState.OK}
    assert await states(1) == {"first": MemberState.STARTED}


async def test_a_refused_value_is_not_taken_for_given_by_a_retry(lab: Lab) -> None:
    """It is not sent again, so the device has failed, with its own code."""
    campaigns = await lab.begin()
    made = await campaigns.create(
        name="refused", target=Target(devices=("s00.1",)), content=Content(values={T1: "2500"}), groups=[], retries=3,
        **TERMS,
    )  # fmt: skip
    await lab.until(campaigns, made.id, lambda one: one.started == 1)
    fact = Fact(format="int", verb="Replace", sent="2500", sent_at=lab.now, status=405, status_at=lab.now)
    await lab.store.commit(PutMirror(Mirror(device_id="s00.1", facts={"./IMS/Timer_T1": fact})))
    await lab.answer(0)
    found = await lab.until(campaigns, made.id, lambda one: not one.under_way)
    assert found.errors == {"405": 1}


async def test_a_campaign_for_nothing_or_nobody_is_refused(lab: Lab) -> None:
    """Before anything is kept."""
    campaigns = await lab.begin()
    everybody, value = Target(match={"plan": ("gold",)}), Content(values={T1: "2500"})
    for target, content in (
        (Target(), value), (Target(match={"shoe": ("43",)}), value), (everybody, Content()),
        (everybody, Content(values={T1: "many"})), (Target(ranges=("+1-+22",)), value),
        (Target(devices=("s00.1",), dynamic=True), value),
    ):  # fmt: skip
        with pytest.raises(ConfigError):
            await campaigns.create(name="x", target=target, content=content, groups=[])
    assert await campaigns.listed() == []


async def test_a_range_of_numbers_moves_to_another_address_and_back(lab: Lab) -> None:
    """Who has one of the numbers gets the job that adds the other address; who undoes it leads those that moved back,
    and ends it for those that did not yet."""
    before, after = "https://old.example.net/dm", "https://dm.example.net/omadm"
    numbers = (2, 5)
    for number in range(COUNT):
        subscriber, _ = await lab.device(number)
        msisdn = f"+155501{number:02}{'0' if number in numbers else '9'}0"
        await lab.store.commit(PutSubscriber(replace(subscriber, msisdn=msisdn)))
    target = Target(ranges=("+155501020", "+1555010500-+1555010509"))
    campaigns = await lab.begin()
    with pytest.raises(ConfigError, match="is no address"):
        await campaigns.create(name="x", target=target, content=Content(address="dm2"), groups=[])
    made = await campaigns.create(name="move", target=target, content=Content(address=after), groups=[], **TERMS)
    await lab.until(campaigns, made.id, lambda one: one.started == len(numbers))
    jobs = [job for number in range(COUNT) for job in (await lab.device(number))[1].jobs]
    assert [(job.kind, job.action, job.subject, job.running) for job in jobs] == [("account", "move", after, True)] * 2

    _, device = await lab.device(2)
    (job,) = device.jobs
    told = {"./DMAcc/n/ServerID": "n", "./DMAcc/n/AppAddr/1/Addr": before}
    ended = replace(job, state=JobState.DONE, code=212, parameters=job.parameters | {"server_id": "n"}, known=told)
    await lab.store.commit(PutDevice(replace(device, jobs=(ended,))))
    await lab.until(campaigns, made.id, lambda one: one.counts[0].get("ok") == 1)
    await campaigns.undo(made.id)
    await lab.until(campaigns, made.id, lambda one: one.state is CampaignState.UNDONE)
    moved, waiting = (await lab.device(2))[1].jobs, (await lab.device(5))[1].jobs
    assert [(job.action, job.subject, job.state) for job in moved[1:]] == [("move", before, JobState.RUNNING)]
    assert [job.state for job in waiting] == [JobState.CANCELLED]


async def test_values_that_break_a_rule_are_given_to_nobody(lab: Lab) -> None:
    """Refused where a listed device or some profile shows it beforehand; a device that breaks it later fails as "rule".

    Spec: RCC.07 Annex A
    """
    warn, most = "rcs/MESSAGING/FileTransfer/ftWarnSize", "rcs/MESSAGING/FileTransfer/MaxSizeFileTr"
    lab.files = {"plan.toml": f'name = "p"\nlayer = "plan"\n[match]\nplan = "gold"\n[mo.rcs]\n"{most[4:]}" = 10\n'}
    campaigns = await lab.begin()
    content = Content(values={warn: "11"})
    for target in (Target(devices=("s00.1",)), Target(match={"plan": ("gold",)}), Target(match={"model": ("X",)})):
        with pytest.raises(ConfigError, match=most):
            await campaigns.create(name="x", target=target, content=content, groups=[])
    assert await campaigns.listed() == []
    _, device = await lab.device(3)
    await lab.store.commit(PutDevice(replace(device, overrides={"rcs": {most[4:]: "5"}})))
    target = Target(devices=("s01.1",), match={"plan": ("silver",), "role": (device.role,)})
    groups = [Group(percent=100, error_percent=100)]
    made = await campaigns.create(name="x", target=target, content=content, groups=groups, **TERMS)
    found = await lab.until(campaigns, made.id, lambda one: one.started == COUNT // 2)
    assert found.errors == {"rule": 1}
    events = await lab.store.load_events(device_id="s03.1")
    (why,) = [event.detail["why"] for event in events if event.kind == "campaign.device_failed"]
    assert most in why
    assert (await lab.device(3))[1].overrides == {"rcs": {most[4:]: "5"}}
    assert (await lab.device(5))[1].overrides == {"rcs": {warn[4:]: "11"}}


async def test_orders_meet_steps(lab: Lab) -> None:
    """Whatever is ordered while processes work, each order takes effect once, and nothing is stuck."""
    campaigns = await lab.begin()
    await lab.begin()
    made = await campaigns.create(
        name="x", target=Target(match={"plan": ("gold", "silver")}), content=Content(values={T1: "2500"}), groups=[],
        **TERMS,
    )  # fmt: skip
    for _ in range(10):
        for order in (campaigns.pause, campaigns.resume):
            with contextlib.suppress(Conflict):
                await order(made.id)
    with contextlib.suppress(Conflict):
        await campaigns.resume(made.id)
    await lab.until(campaigns, made.id, lambda one: one.started == COUNT)
    await lab.answer(*range(COUNT))
    await lab.until(campaigns, made.id, lambda one: one.state is CampaignState.FINISHED)


async def test_metrics_follow_campaigns_until_they_end(lab: Lab) -> None:
    """The state of one that goes on, who failed, and why it was paused; nothing of one that has ended."""
    campaigns = await lab.begin()

    def paused(reason: str) -> float:
        metrics.render()  # brings the counters up to date
        return metrics.registry.get_sample_value("mogate_campaign_paused_total", {"reason": reason}) or 0

    before = {reason: paused(reason) for reason in ("errors", "operator", "success")}
    webhooks = Webhooks(lab.store, Sealer(bytes(32)), Background(lab.store, lab.clock), lab.clock)
    gauges = Gauges(lab.store, campaigns, webhooks)
    made = await campaigns.create(
        name="timers", target=Target(devices=("s00.1", "s01.1", "s02.1")), content=Content(values={T1: "2500"}),
        groups=(Group(size=2), Group(percent=100)), on_error="pause", **TERMS,
    )  # fmt: skip
    await lab.until(campaigns, made.id, lambda one: one.started == 2)
    await lab.answer(0)
    await lab.until(campaigns, made.id, lambda one: one.counts[0].get("ok") == 1)
    lab.now += timedelta(seconds=3600)
    await lab.until(campaigns, made.id, lambda one: one.state is CampaignState.PAUSED)

    def scraped(name: str, **labels: str) -> float | None:
        return metrics.registry.get_sample_value(name, {"campaign": made.id, **labels})

    await gauges.refresh()
    assert scraped("mogate_campaign_state", state="paused") == 1
    assert scraped("mogate_campaign_state", state="running") == 0
    assert scraped("mogate_campaign_error_ratio") == 0.5
    members = {state: scraped("mogate_campaign_members", state=state) for state in ("ok", "failed", "pending")}
    assert members == {"ok": 1, "failed": 1, "pending": 0}
    await campaigns.resume(made.id)
    await campaigns.pause(made.id)
    grown = {reason: paused(reason) - number for reason, number in before.items()}
    assert (grown["errors"] >= 1, grown["operator"], grown["success"]) == (True, 1, 0)
    await campaigns.stop(made.id)
    await gauges.refresh()
    assert scraped("mogate_campaign_state", state="paused") is None
    assert scraped("mogate_campaign_error_ratio") is None
    assert scraped("mogate_campaign_members", state="ok") is None
