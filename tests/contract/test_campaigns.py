"""Campaigns over every store: groups in their order, thresholds, the way back, and processes that die on the way."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from clocks import WallClock
from msgspec.structs import replace

from gateway.accounts import Accounts
from gateway.errors import ConfigError, Conflict
from gateway.fleet.campaign import Campaign, CampaignState, Content, Group, Target
from gateway.fleet.consistency import load_rules
from gateway.fleet.device import Credential, Device, OmaDmState
from gateway.fleet.job import JobState
from gateway.fleet.mirror import Fact, Mirror
from gateway.fleet.operation import Operation
from gateway.fleet.profile import parse_profiles
from gateway.fleet.rollout import Edition, RolloutState
from gateway.fleet.subscriber import Subscriber
from gateway.inventory import Inventory
from gateway.jobs import Jobs
from gateway.mo.catalogue import Catalogue
from gateway.observe import metrics
from gateway.outreach.background import LEASE_SECONDS, Background
from gateway.outreach.campaigns import Campaigns
from gateway.outreach.gauges import Gauges
from gateway.outreach.members import Found, Members
from gateway.outreach.pushes import Pushes, Server
from gateway.outreach.reach import Reachings
from gateway.outreach.rollouts import Read, Rollouts
from gateway.outreach.webhooks import Webhooks
from gateway.packages import Packages
from gateway.sealing import Sealer
from gateway.service import Service
from gateway.settings import Reach
from gateway.store.protocol import PutDevice, PutMirror, PutOperation, PutSubscriber, Store

OpenStore = Callable[[], Awaitable[Store]]

START = datetime(2026, 3, 1, tzinfo=UTC)
MO = Path(__file__).parents[2] / "config" / "mo"
CATALOGUE = Catalogue.load(MO, identifiers={})
RULES = load_rules([MO], CATALOGUE)
COUNT = 12
LOGIN = Credential(name="n", secret=b"s")
T1 = "ims/Timer_T1"
TERMS: dict[str, Any] = {"rate_per_minute": 60_000.0, "device_deadline_seconds": 3600}


def profiles(timer: str) -> dict[str, str]:
    """Files with one profile, which has that value for everybody."""
    return {"all.toml": f'name = "all"\nlayer = "operator"\n[mo.ims]\nTimer_T1 = {timer}\n'}


def profiles_of(files: dict[str, str]) -> Read:
    return Read(CATALOGUE, RULES, parse_profiles(files, CATALOGUE, RULES), Edition.of(files))


class Lab(WallClock):
    """Devices that take what they are due when they are told to, and processes that run the campaigns."""

    def __init__(self, open_store: OpenStore, store: Store, packages: Path) -> None:
        super().__init__(START)
        self.open_store = open_store
        self.store = store
        self.packages = packages
        self.files = profiles("2000")
        self.service, self.rollouts = self.serve(store)
        self.running: list[Background] = []
        self.reachings: list[Reachings] = []
        self.watching: list[asyncio.Task[None]] = []

    def clock(self) -> datetime:
        return self.now

    def serve(self, store: Store) -> tuple[Service, Rollouts]:
        """What one process serves, which starts with the files as they are."""
        read = profiles_of(self.files)
        service = Service(CATALOGUE, read.profiles, plmns=["00101"], roots={"ims": "./IMS"})
        return service, Rollouts(store, service, read)

    async def begin(self) -> Campaigns:
        """One more process."""
        store = await self.open_store()
        service, rollouts = self.serve(store)
        await rollouts.refresh()
        self.watching.append(asyncio.create_task(rollouts.watch()))
        background = Background(store, self.clock, ticks=self.ticks, poll_seconds=0.01)
        sealer = Sealer(bytes(32))
        inventory = Inventory(store, CATALOGUE, sealer, self.clock, service.breaches)
        pushes = Pushes(
            inventory,
            None,
            *cast("tuple[Any, Any, Any]", (None, None, None)),
            Server("m", "M", ""),
            accounts=cast("Any", None),
        )
        reachings = Reachings(store, service, pushes, Reach(), background, self.clock)
        self.reachings.append(reachings)
        accounts = Accounts(sealer, server_id="mogate", life_seconds=86_400)
        jobs = Jobs(
            store, inventory, Packages(self.packages), accounts, sealer, key=b"k", roots={},
            package_url="http://p", clock=self.clock,
        )  # fmt: skip
        campaigns = Campaigns(store, service, inventory, jobs, reachings, background, self.clock, rollouts)
        background.start()
        self.running.append(background)
        return campaigns

    async def die(self) -> None:
        """The end of all processes, whatever they are at."""
        while self.running:
            await self.running.pop().close()
        while self.watching:
            self.watching.pop().cancel()

    async def device(self, number: int) -> tuple[Subscriber, Device]:
        household = await self.store.load_household("id", f"s{number:02}")
        assert household is not None
        return household.subscriber, household.devices[0]

    async def answer(self, *numbers: int) -> None:
        """These devices call, and take all that they are due."""
        await self.rollouts.refresh()
        for number in numbers:
            subscriber, device = await self.device(number)
            assert device.omadm is not None
            synced = replace(device.omadm, synced=self.service.configuration_key(subscriber, device))
            await self.store.commit(PutDevice(replace(device, omadm=synced)))

    async def holds(self, number: int) -> str | None:
        """What a device has of the value that campaigns here are about."""
        _, device = await self.device(number)
        return device.overrides.get("ims", {}).get("Timer_T1")

    async def due(self, *numbers: int) -> list[str]:
        """What these devices are to have of that value."""
        await self.rollouts.refresh()
        found = [await self.device(number) for number in numbers]
        return [self.service.configuration(*one).values["ims"]["Timer_T1"] for one in found]

    async def until(self, campaigns: Campaigns, campaign_id: str, true: Callable[[Campaign], bool]) -> Campaign:
        """The campaign when this is true of it; time goes by meanwhile."""
        async with asyncio.timeout(30):
            while not true(found := await campaigns.load(campaign_id)):
                self.now += timedelta(seconds=0.5)
                await asyncio.sleep(0.01)
        return found


@pytest.fixture
async def lab(open_store: OpenStore, tmp_path: Path) -> AsyncIterator[Lab]:
    store = await open_store()
    lab = Lab(open_store, store, tmp_path / "packages")
    for number in range(COUNT):
        state = OmaDmState(loc_uri=f"IMEI:{number}", client=LOGIN, server=LOGIN, synced="")
        subscriber = Subscriber(id=f"s{number:02}", plan="gold" if number % 2 == 0 else "silver")
        await store.commit(PutSubscriber(subscriber), PutDevice(Device(id=f"{subscriber.id}.1", omadm=state)))
    await lab.answer(*range(COUNT))
    yield lab
    await lab.die()


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
    async with asyncio.timeout(10):
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
            async with asyncio.timeout(20):
                while not (queued := await lab.store.load_operations(f"s{number:02}.1")):
                    lab.now += timedelta(seconds=1)
                    await asyncio.sleep(0.01)
            assert queued[0].id == f"{made.id}-{number}-{attempt}-0"
            await lab.store.commit(PutOperation(f"s{number:02}.1", replace(queued[0], status=status)))
    found = await lab.until(campaigns, made.id, lambda one: not one.under_way)
    assert (found.total, found.errors, found.counts[0]["ok"]) == (2, {"405": 1}, 1)
    with pytest.raises(Conflict, match="cannot be taken back"):
        await campaigns.undo(made.id)


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
    await asyncio.sleep(0.05)
    lab.now += timedelta(seconds=LEASE_SECONDS / 2)
    if step < timedelta():
        lab.now += timedelta(seconds=LEASE_SECONDS / 2)
        await lab.answer(1)
        await lab.until(campaigns, made.id, lambda one: one.counts[0].get("ok") == 2)
    lab.move(-step)
    await asyncio.sleep(0.05)
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
