"""Campaigns over a store: each is a piece of work in the background that is taken a step at a time.

A step loads the campaign and those of its members that it is about, and commits what becomes of a member together with
the campaign and the device: whoever takes the next step, in whatever process, goes on where this one stood.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from datetime import datetime, time, timedelta
from typing import Literal, NamedTuple
from zoneinfo import ZoneInfo

import msgspec
from msgspec.structs import replace

from gateway.errors import ConfigError, Conflict, NotFound
from gateway.fleet import campaign as machine
from gateway.fleet.campaign import (
    ENDS,
    PAGE_MEMBERS,
    Campaign,
    CampaignState,
    Content,
    Group,
    Member,
    MemberState,
    Page,
    Target,
)
from gateway.fleet.device import Device
from gateway.fleet.job import JobState
from gateway.fleet.reaching import DeviceProtocol, Quiet
from gateway.fleet.rollout import Edition, RolloutState
from gateway.fleet.standing import Standing, leaf_standings
from gateway.inventory import Inventory, named
from gateway.jobs import Jobs, Unconfirmed, check_address
from gateway.observe import metrics
from gateway.outreach.background import FAR, SLACK, Background
from gateway.outreach.reach import Reachings, behind
from gateway.outreach.rollouts import POLL_SECONDS as ROLLOUT_POLL_SECONDS
from gateway.outreach.rollouts import Rollouts
from gateway.service import Service
from gateway.status import StatusCode
from gateway.store.protocol import Append, Event, Household, PutDevice, PutOperation, PutRecord, Record, Store, Write

WORK = "campaign"
LEASE_SECONDS = 60
LEASE = timedelta(seconds=LEASE_SECONDS)
MAX_TURNS = 20
MAX_PAGES = 10
POLL_SECONDS = 1.0
CHECK_SECONDS = 2.0
LONGEST_CHECK = timedelta(minutes=5)
SEARCH_HOUSEHOLDS = 500
MAX_CHECKED = 500
ELSEWHERE = timedelta(seconds=5)
"""For how long a campaign is left to gateways that serve the profiles that it is about."""
SEARCH_AGAIN = timedelta(minutes=5)
KNOWN_EVERYWHERE = timedelta(seconds=3 * ROLLOUT_POLL_SECONDS)
_ROLLOUTS = {
    CampaignState.FINISHED: RolloutState.DONE,
    CampaignState.UNDOING: RolloutState.ROLLING,
    CampaignState.UNDONE: RolloutState.UNDONE,
}

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Campaign).decode
_decode_page = msgspec.msgpack.Decoder(Page).decode


class Held(NamedTuple):
    """A campaign as it stands, with the record that it was last kept in."""

    campaign: Campaign
    record: Record


class Campaigns:
    """The campaigns of a store; ``clock`` gives aware UTC times."""

    def __init__(
        self,
        store: Store,
        service: Service,
        inventory: Inventory,
        jobs: Jobs,
        reachings: Reachings,
        background: Background,
        clock: Callable[[], datetime],
        rollouts: Rollouts,
        served: Callable[[], str] = str,
    ) -> None:
        """``served`` identifies the files that this process serves."""
        self._rollouts = rollouts
        self._served = served
        self._store = store
        self._service = service
        self._inventory = inventory
        self._jobs = jobs
        self._reachings = reachings
        self._background = background
        self._clock = clock
        background.add(
            WORK, self._work, lease_seconds=LEASE_SECONDS, at_once=4, latest=lambda _, now: now + LONGEST_CHECK
        )

    async def create(
        self,
        *,
        name: str,
        target: Target,
        content: Content,
        groups: Sequence[Group],
        edition: Edition | None = None,
        **terms: object,
    ) -> Campaign:
        """A new campaign, which begins by looking for its members. ``terms`` are further fields of a Campaign.

        With ``edition`` it rolls that edition of the profiles out.

        Raises: NotFound, ConfigError for a device, match, value or package that is not there, and for values that break
        a rule over several nodes; Conflict while another edition is rolled out.
        """
        machine.chooser(target)
        if not target.devices and not target.searches:
            raise ConfigError("names no device: give devices, a match, ranges, or all of them", key="target")
        content = replace(content, edition=edition.digest if edition else "")
        if not (content.can_be_undone or content.operations or content.package or content.refresh):
            raise ConfigError(
                "has nothing for the devices: give values, operations, a package or an address", key="content"
            )
        if content.package and content.address:
            raise ConfigError("has a package and an address: make a campaign of each", key="content")
        content = replace(content, values=self._inventory.checked_values(content.values))
        await self._check_rules(target, content)
        self._inventory.checked_values(dict.fromkeys(content.unset, ""), unset=True)
        if content.package:
            self._jobs.check_package(content.package)
        if content.address:
            check_address(content.address)
        now = self._clock()
        campaign = msgspec.convert(
            {
                **terms,
                "id": f"c{secrets.token_hex(4)}",
                "name": name,
                "created_at": now,
                "target": target,
                "content": content,
                "groups": tuple(groups) or (Group(percent=100),),
            },
            Campaign,
        )
        writes: list[Write] = []
        if edition is not None:
            writes = await self._rollouts.begin(campaign.id, edition)
            # By then every process goes by it: none is to give a device that has it the old one.
            campaign = replace(campaign, next_start_at=now + KNOWN_EVERYWHERE)
        record = Record(kind=WORK, id=campaign.id, payload=_encode(campaign), due_at=now)
        await self._store.commit(PutRecord(record), self._event(campaign, "created"), *writes)
        self._background.call(WORK)
        return campaign

    async def _check_rules(self, target: Target, content: Content) -> None:
        """The values break no rule on the devices that are listed, nor with any profiles that matching ones could have.

        Of a long list the first are looked at; every device is once more when its turn comes.

        Raises: ConfigError naming the node.
        """
        if not content.values:
            return
        if target.searches:
            self._service.profiles.check_values(target.match, content.values)
        for reference in target.devices[:MAX_CHECKED]:
            household, device = await self._device(await self._known(reference))
            if household is None or device is None:
                continue
            changed, _ = self._inventory.with_values(device, {**content.values, **dict.fromkeys(content.unset)})
            where = f" (on device {device.id})"
            self._inventory.check_rules(household.subscriber, changed, (household.subscriber, device), where=where)

    async def load(self, campaign_id: str) -> Campaign:
        """The campaign. Raises: NotFound."""
        return (await self._held(campaign_id)).campaign

    async def listed(self, *, after: str = "", limit: int = 100) -> Sequence[Campaign]:
        """Campaigns by id."""
        return [_decode(one.payload) for one in await self._store.load_records(WORK, after=after, limit=limit)]

    async def members(self, campaign_id: str, *, after: int = 0, limit: int = 100) -> Sequence[tuple[int, Member]]:
        """Members with their places in the order, from that place on."""
        found: list[tuple[int, Member]] = []
        page = await self._store.load_records(
            _pages(campaign_id), after=_page_id(after // PAGE_MEMBERS - 1) if after >= PAGE_MEMBERS else "",
            limit=limit // PAGE_MEMBERS + 2,
        )  # fmt: skip
        for record in page:
            start = int(record.id) * PAGE_MEMBERS
            found += [
                (start + place, member)
                for place, member in enumerate(_decode_page(record.payload).members)
                if start + place >= after
            ]
        return found[:limit]

    async def pause(self, campaign_id: str) -> Campaign:
        """Start nobody any more until it is resumed. Raises: NotFound, Conflict."""
        campaign = await self._command(campaign_id, "paused", lambda one: machine.paused(one, "paused by an operator"))
        metrics.count(metrics.campaign_paused, "operator")
        return campaign

    async def resume(self, campaign_id: str) -> Campaign:
        """Go on. Raises: NotFound, Conflict."""
        return await self._command(campaign_id, "resumed", machine.resumed)

    async def next_group(self, campaign_id: str) -> Campaign:
        """Open the next group now. Raises: NotFound, Conflict."""
        return await self._command(campaign_id, "group_opened", machine.next_group)

    async def stop(self, campaign_id: str) -> Campaign:
        """End it: who was not started never is. Raises: NotFound, Conflict."""
        now = self._clock()
        return await self._command(
            campaign_id, "stopped", lambda one: machine.stopped(one, now, "stopped by an operator")
        )

    async def undo(self, campaign_id: str) -> Campaign:
        """Give every device that was started what it had. Raises: NotFound, Conflict."""
        return await self._command(campaign_id, "undoing", lambda one: machine.undoing(one, "undone by an operator"))

    async def _command(self, campaign_id: str, event: str, change: Callable[[Campaign], Campaign]) -> Campaign:
        for _ in range(10):
            held = await self._held(campaign_id)
            campaign = change(held.campaign)
            # A step that is under way loses its next commit, and is taken again from here.
            record = replace(held.record, payload=_encode(campaign), due_at=self._clock())
            writes = await self._edition_writes(held.campaign, campaign)
            try:
                await self._store.commit(PutRecord(record), self._event(campaign, event), *writes)
            except Conflict:
                continue
            self._background.call(WORK)
            return campaign
        raise Conflict(f"campaign {campaign_id} is changed again and again; try again")

    async def _held(self, campaign_id: str) -> Held:
        record = await self._store.load_record(WORK, campaign_id)
        if record is None:
            raise NotFound(f"there is no campaign {campaign_id!r}; `mogate campaign list` shows them")
        return Held(_decode(record.payload), record)

    async def _work(self, record: Record) -> None:
        """Take one step, and say when the next one is due."""
        held = await self._by_this_clock(Held(_decode(record.payload), record))
        if self._is_for_others(held.campaign):
            await self._keep(held, held.campaign, due_at=self._clock() + ELSEWHERE)
            return
        if held.campaign.state is CampaignState.BUILDING:
            held = await self._search(held)
        else:
            held = await self._look(held)
            held = await self._take_turns(held)
            held = await self._judge(held)
            if held.campaign.target.dynamic and held.campaign.state is CampaignState.RUNNING:
                held = await self._search_again(held)
        await self._keep(held, held.campaign, due_at=await self._next_look(held.campaign))

    async def _by_this_clock(self, held: Held) -> Held:
        """The campaign as it would be had no clock ever been ahead of this one."""
        before, now = held.campaign.looked_at, self._clock()
        if before is not None and before > now + SLACK:
            after = ""
            while pages := await self._store.load_records(_pages(held.campaign.id), after=after):
                after = pages[-1].id
                far = [one for one in pages if one.due_at is not None and one.due_at > now + LONGEST_CHECK]
                await self._store.commit(*(PutRecord(replace(one, due_at=now)) for one in far))
        return Held(machine.by_clock(held.campaign, now), held.record)

    async def _keep(
        self, held: Held, campaign: Campaign, *writes: Write, due_at: datetime | Literal["lease"] | None = "lease"
    ) -> Held:
        """Commit the campaign with these writes; it stays in our hands unless another time is given."""
        campaign = replace(campaign, looked_at=self._in_time(held))
        record = replace(held.record, payload=_encode(campaign))
        if due_at != "lease":
            record = replace(record, due_at=due_at)
        await self._store.commit(PutRecord(record), *writes)
        return Held(campaign, replace(record, revision=record.revision + 1))

    def _in_time(self, held: Held) -> datetime:
        """The time. Raises: Conflict when the campaign is not in our hands any more by it, or the clock was moved."""
        now = self._clock()
        if held.record.due_at is not None and not now < held.record.due_at <= now + LEASE + SLACK:
            raise Conflict("the time for this step is over, or the clock was moved")
        return now

    async def _next_look(self, campaign: Campaign) -> datetime | None:
        now = self._clock()
        if campaign.state is CampaignState.BUILDING:
            return now
        if machine.is_closed(campaign):
            return None
        turn_at = machine.next_turn(campaign, now)
        times = [] if turn_at is None else [self._window(campaign, turn_at)]
        due = await self._store.load_due(_pages(campaign.id), now + FAR, 1)
        times += [one.due_at for one in due if one.due_at is not None]
        if campaign.target.dynamic and campaign.state is CampaignState.RUNNING:
            times.append((campaign.searched_at or now) + SEARCH_AGAIN)
        return max(min(*times, now + LONGEST_CHECK), now) if times else None

    # Finding the members

    async def _search(self, held: Held) -> Held:
        """Find some more members: those listed, then those that match, as far as one step goes."""
        campaign, now = held.campaign, self._clock()
        if campaign.content.refresh or campaign.content.edition:
            # Device ids as they are: as many as there may be, so they are taken a stretch at a time.
            listed, rest = campaign.target.devices[:SEARCH_HOUSEHOLDS], campaign.target.devices[SEARCH_HOUSEHOLDS:]
            held = Held(replace(campaign, target=replace(campaign.target, devices=rest)), held.record)
            held = await self._add(held, listed)
            if rest:
                return held
            campaign = held.campaign
        elif not campaign.cursor and campaign.total == 0 and campaign.target.devices:
            known = []
            for reference in campaign.target.devices:
                known.append(await self._known(reference))
            held = await self._add(held, list(dict.fromkeys(one for one in known if one)))
            campaign = held.campaign
        ended = True
        if campaign.target.searches:
            ended, found, cursor = await self._matching(campaign)
            held = await self._add(held, found, cursor=cursor)
            campaign = held.campaign
        if not ended:
            return held
        campaign = machine.built(replace(campaign, cursor="", searched_at=now))
        return await self._keep(held, campaign, self._event(campaign, "begun"))

    async def _known(self, reference: str) -> str:
        try:
            return (await self._inventory.find_device(reference))[1].id
        except NotFound:
            return ""

    async def _matching(self, campaign: Campaign) -> tuple[bool, list[str], str]:
        """Whether the search has come to its end, the devices it found on the way, and how far it came."""
        found: list[str] = []
        cursor, count = campaign.cursor, 0
        listed = set(campaign.target.devices)
        chosen = machine.chooser(campaign.target)
        async for household in self._store.scan_households(cursor):
            found += [
                device.id
                for device in household.devices
                if chosen(household.subscriber, device) and listed.isdisjoint((device.id, device.imei))
            ]
            cursor, count = household.subscriber.id, count + 1
            if count == SEARCH_HOUSEHOLDS:
                return False, found, cursor
        return True, found, cursor

    async def _search_again(self, held: Held) -> Held:
        """Let devices that match by now join a dynamic campaign."""
        campaign, now = held.campaign, self._clock()
        if campaign.searched_at is not None and now - campaign.searched_at < SEARCH_AGAIN:
            return held
        members = {member.device_id for _, member in await self.members(campaign.id, limit=campaign.total + 1)}
        found, ended, cursor = [], False, ""
        while not ended:
            ended, some, cursor = await self._matching(replace(campaign, cursor=cursor))
            found += [one for one in some if one not in members]
        held = await self._add(held, found)
        return await self._keep(held, replace(held.campaign, searched_at=now))

    async def _add(self, held: Held, device_ids: Sequence[str], cursor: str = "") -> Held:
        """Put devices at the end of the order, page by page."""
        campaign = held.campaign
        writes: list[Write] = []
        waiting = list(device_ids)
        total = campaign.total
        while waiting:
            number = total // PAGE_MEMBERS
            record = await self._store.load_record(_pages(campaign.id), _page_id(number))
            page = _decode_page(record.payload) if record else Page()
            record = record or Record(kind=_pages(campaign.id), id=_page_id(number), payload=b"")
            room = PAGE_MEMBERS - len(page.members)
            page = Page((*page.members, *(Member(device_id=one) for one in waiting[:room])))
            waiting, total = waiting[room:], total + min(room, len(waiting))
            writes.append(PutRecord(replace(record, payload=_encode(page))))
        campaign = replace(machine.joined(campaign, total - campaign.total), cursor=cursor or campaign.cursor)
        return await self._keep(held, campaign, *writes)

    # Starting and undoing members

    async def _take_turns(self, held: Held) -> Held:
        for _ in range(MAX_TURNS):
            campaign, now = held.campaign, self._in_time(held)
            turn_at = machine.next_turn(campaign, now)
            if turn_at is None or turn_at > now or self._window(campaign, now) > now:
                break
            undoes = campaign.state is CampaignState.UNDOING
            index = campaign.undone if undoes else campaign.started
            page, place = await self._page(campaign, index)
            member = _decode_page(page.payload).members[place]
            act = self._undo if undoes else self._start
            after, writes = await act(campaign, member, index, now)
            held = await self._settle(held, machine.took_turn(campaign, now), page, index, member, after, writes)
            campaign = machine.judged(held.campaign, now)
            if campaign.state is not held.campaign.state:
                break
        return held

    async def _settle(
        self,
        held: Held,
        campaign: Campaign,
        page: Record,
        index: int,
        before: Member,
        after: Member,
        writes: Sequence[Write],
    ) -> Held:
        """Commit what became of one member."""
        campaign = machine.moved(campaign, index, before, after)
        members = _decode_page(page.payload).put(index % PAGE_MEMBERS, after)
        told: list[Write] = []
        if after.state is not before.state:
            metrics.count(metrics.campaign_devices, after.state.value)
            detail = {"state": after.state.value, "code": after.code}
            told.append(self._event(campaign, "device", after.device_id, **detail))
        record = replace(page, payload=_encode(members), due_at=_page_due(members, self._clock()))
        return await self._keep(held, campaign, PutRecord(record), *writes, *told)

    async def _start(self, campaign: Campaign, member: Member, index: int, now: datetime) -> tuple[Member, list[Write]]:
        """A member with its content, and the writes that give it to the device."""
        household, device = await self._device(member.device_id)
        if household is None or device is None:
            return replace(member, state=MemberState.SKIPPED, code="gone"), []
        content = campaign.content
        attempt = member.attempts + 1
        started = replace(
            member,
            state=MemberState.STARTED,
            started_at=now,
            behind_since=None,
            attempts=attempt,
            deadline_at=member.deadline_at or now + timedelta(seconds=campaign.device_deadline_seconds),
        )
        if (content.operations or content.job) and device.omadm is None:
            return replace(member, state=MemberState.SKIPPED, code="no OMA DM"), []
        writes: list[Write] = []
        if content.job:
            kind, action, subject = content.job
            try:
                job = await self._jobs.start(device.id, kind, action, subject=subject)
            except (Conflict, ConfigError, NotFound) as error:
                return self._failed(campaign, started, error)
            assert not isinstance(job, Unconfirmed)
            started = replace(started, job=job.id)
            household, device = await self._device(member.device_id)
            if household is None or device is None:
                return replace(started, state=MemberState.FAILED, code="gone"), []
        if content.values or content.unset:
            changes = {**content.values, **dict.fromkeys(content.unset)}
            changed, previous = self._inventory.with_values(device, changes)
            try:
                self._inventory.check_rules(household.subscriber, changed, (household.subscriber, device))
            except ConfigError as error:
                failed = replace(started, state=MemberState.FAILED, code="rule")
                return failed, [self._event(campaign, "device_failed", device.id, why=str(error))]
            if changed is not device:
                writes.append(PutDevice(changed))
            if not member.previous:
                started = replace(started, previous=previous)
            device = changed
        if content.edition:
            device = replace(device, edition=campaign.id)
            writes.append(PutDevice(device))
        if content.operations:
            queued = [
                named(replace(one, origin="queue", created_at=now), f"{campaign.id}-{index}-{attempt}-{n}")
                for n, one in enumerate(content.operations)
            ]
            writes += [PutOperation(device.id, one) for one in queued]
            started = replace(started, operations=tuple(one.id for one in queued))
        elif (
            not content.job
            and (not writes or content.edition)
            and not behind(self._service, household.subscriber, device)
        ):
            return replace(started, state=MemberState.OK), writes
        reach, _ = await self._reachings.writes(
            household,
            device.id,
            f"campaign {campaign.id}",
            deadline_seconds=campaign.device_deadline_seconds,
            protocol=_protocol(content),
        )
        return started, [*writes, *reach]

    async def _undo(self, campaign: Campaign, member: Member, index: int, now: datetime) -> tuple[Member, list[Write]]:
        """A member that has again what it had, and the writes for that."""
        moves = bool(campaign.content.address and member.job)
        try:
            moves = moves and await self._jobs.move_back(member.device_id, member.job)
        except (Conflict, ConfigError, NotFound) as error:
            return self._failed(campaign, member, error)
        household, device = await self._device(member.device_id)
        if household is None or device is None or member.state is MemberState.SKIPPED:
            return member, []
        changed, _ = self._inventory.with_values(device, member.previous)
        if device.edition == campaign.id:
            changed = replace(changed, edition="")
        undone = replace(member, state=MemberState.UNDONE)
        if changed is device and not moves:
            return undone, []
        why, protocol = f"campaign {campaign.id} undone", _protocol(campaign.content)
        reach, _ = await self._reachings.writes(household, device.id, why, protocol=protocol)
        return undone, [*([] if changed is device else [PutDevice(changed)]), *reach]

    def _failed(self, campaign: Campaign, member: Member, error: Exception) -> tuple[Member, list[Write]]:
        failed = replace(member, state=MemberState.FAILED, code=type(error).__name__.lower())
        return failed, [self._event(campaign, "device_failed", member.device_id, why=str(error))]

    # Watching members

    async def _look(self, held: Held) -> Held:
        """See what became of members that were started."""
        pages = await self._store.load_due(_pages(held.campaign.id), self._clock(), MAX_PAGES)
        for found in pages:
            page: Record | None = found
            for place, member in enumerate(_decode_page(found.payload).members):
                if member.state is not MemberState.STARTED or page is None:
                    continue
                index = int(found.id) * PAGE_MEMBERS + place
                now = self._in_time(held)
                after, writes = await self._checked(held.campaign, member.looked_at(now), index, now)
                if after is not member:
                    held = await self._settle(held, held.campaign, page, index, member, after, writes)
                    page = await self._store.load_record(found.kind, found.id)
            if page is not None:
                members = _decode_page(page.payload)
                await self._store.commit(PutRecord(replace(page, due_at=_page_due(members, self._in_time(held)))))
        return held

    async def _checked(
        self, campaign: Campaign, member: Member, index: int, now: datetime
    ) -> tuple[Member, list[Write]]:
        """The member as it stands now; the same object as long as nothing is new."""
        household, device = await self._device(member.device_id)
        if household is None or device is None:
            return replace(member, state=MemberState.FAILED, code="gone"), []
        code = await self._outcome(campaign, member, household, device)
        if not code:
            if code is not None:
                return replace(member, state=MemberState.OK), []
            if not member.is_late(now):
                return member, []
        if member.attempts <= campaign.retries and campaign.state is CampaignState.RUNNING:
            # What the device has to do may still be done, so it is given once more only after an answer. What it is to
            # hold is there for it to fetch, so it is made to call again; what it refused it would not be sent again.
            if code and (campaign.content.operations or campaign.content.job):
                return await self._start(campaign, member, index, now)
            if code is None and not (campaign.content.operations or campaign.content.job):
                return await self._start(campaign, replace(member, deadline_at=None), index, now)
        return replace(member, state=MemberState.FAILED, code=code or str(int(StatusCode.TIMEOUT))), []

    async def _outcome(self, campaign: Campaign, member: Member, household: Household, device: Device) -> str | None:
        """Empty when the device has it all, a code when it failed, None as long as neither is known."""
        content = campaign.content
        if content.values or content.unset or content.refresh or content.edition:
            lacking = behind(self._service, household.subscriber, device)
            spoken = [one for one, state in (("omadm", device.omadm), ("rcc14", device.rcc14)) if state is not None]
            if all(one in lacking for one in spoken):
                return None
            if code := await self._refusal(content, household, device):
                return code
        if content.job:
            job = next((one for one in device.jobs if one.id == member.job), None)
            if job is None:
                return "gone"
            if job.running:
                return None
            if job.state is not JobState.DONE:
                return str(job.code) if job.code is not None else job.state.value
        if member.operations:
            found = await self._store.load_operations(device.id, pending_only=False)
            mine = [one for one in found if one.id in member.operations]
            for one in mine:
                if one.status is not None and not StatusCode(one.status).is_success:
                    return str(one.result if one.result is not None else one.status)
            if any(one.status is None for one in mine):
                return None
        return ""

    async def _refusal(self, content: Content, household: Household, device: Device) -> str:
        """The code with which an OMA DM device refused one of the values; empty when it refused none."""
        if device.omadm is None:
            return ""
        mirror = await self._store.load_mirror(device.id)
        desired = self._service.desired_mos(household.subscriber, device, mirror)
        for one in leaf_standings(desired, mirror):
            if one.node in content.values and one.standing is Standing.REFUSED and one.fact is not None:
                return str(one.fact.status)
        return ""

    async def _judge(self, held: Held) -> Held:
        campaign = machine.judged(held.campaign, self._clock())
        if campaign is held.campaign:
            return held
        writes = await self._edition_writes(held.campaign, campaign)
        if campaign.state is not held.campaign.state:
            writes.append(self._event(campaign, campaign.state.value))
            metrics.count(metrics.campaign_ends, campaign.state.value)
            if campaign.state is CampaignState.PAUSED:
                metrics.count(metrics.campaign_paused, machine.paused_for(held.campaign, campaign))
        elif campaign.opened != held.campaign.opened:
            writes.append(self._event(campaign, "group_opened"))
        return await self._keep(held, campaign, *writes)

    def _is_for_others(self, campaign: Campaign) -> bool:
        """Whether this process does not serve what the campaign is about: it would tell wrongly who has it."""
        if campaign.content.edition and campaign.state is not CampaignState.BUILDING and campaign.state not in ENDS:
            rollout = self._rollouts.rollout
            return rollout is None or rollout.campaign != campaign.id
        return bool(campaign.content.replaces) and self._served() == campaign.content.replaces

    async def _edition_writes(self, before: Campaign, after: Campaign) -> list[Write]:
        """The writes that keep the rollout of an edition in step with its campaign."""
        state = _ROLLOUTS.get(after.state)
        if not after.content.edition or after.state is before.state or state is None:
            return []
        return await self._rollouts.turn(after.id, state)

    async def _device(self, device_id: str) -> tuple[Household | None, Device | None]:
        household = await self._store.load_household("id", device_id.rpartition(".")[0])
        device = next((one for one in household.devices if one.id == device_id), None) if household else None
        return household, device

    async def _page(self, campaign: Campaign, index: int) -> tuple[Record, int]:
        record = await self._store.load_record(_pages(campaign.id), _page_id(index // PAGE_MEMBERS))
        if record is None:
            raise NotFound(f"campaign {campaign.id} has no member {index}")
        return record, index % PAGE_MEMBERS

    def _window(self, campaign: Campaign, now: datetime) -> datetime:
        """``now``, or when the window opens next."""
        if campaign.window is None:
            return now
        begin, end, zone = campaign.window
        # Outside its window a campaign is as quiet as a phone at night.
        return Quiet(time.fromisoformat(end), time.fromisoformat(begin), ZoneInfo(zone)).until(now)

    def _event(self, campaign: Campaign, kind: str, device_id: str = "", **detail: str) -> Append:
        said = {"campaign": campaign.id, "name": campaign.name} | ({} if device_id else {"why": campaign.why}) | detail
        return Append(
            Event(
                at=self._clock(),
                kind=f"campaign.{kind}",
                subscriber_id=device_id.rpartition(".")[0],
                device_id=device_id,
                detail={name: text for name, text in said.items() if text},
            )
        )


def _protocol(content: Content) -> DeviceProtocol:
    """By which a device has to call for it; empty for any."""
    return "omadm" if content.operations or content.job else ""


def _pages(campaign_id: str) -> str:
    """The kind of record that has the members of this campaign."""
    return f"{WORK}.{campaign_id}"


def _page_id(number: int) -> str:
    return f"{number:08}"


def _page_due(page: Page, now: datetime) -> datetime | None:
    """When to look at the members of a page: soon after one was started, and ever more rarely; None for none."""
    waits = [
        min(max(timedelta(seconds=CHECK_SECONDS), (now - member.counts_from) / 4), LONGEST_CHECK)
        for member in page.members
        if member.state is MemberState.STARTED and member.counts_from is not None
    ]
    ends = [
        member.deadline_at
        for member in page.members
        if member.state is MemberState.STARTED and member.deadline_at is not None
    ]
    return max(now, min(min(now + wait for wait in waits), *ends)) if waits else None
