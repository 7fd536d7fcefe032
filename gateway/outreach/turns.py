"""What becomes of one device of a campaign: it is given its content, looked at, and given back what it had.

Each step gives the member as it then is and the writes for it, which whoever runs the campaign commits together.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from msgspec.structs import replace

from gateway.errors import ConfigError, Conflict, NotFound
from gateway.fleet.campaign import Campaign, CampaignState, Content, Member, MemberState
from gateway.fleet.device import Device
from gateway.fleet.job import JobState
from gateway.fleet.operation import Operation
from gateway.fleet.queue import cancel
from gateway.fleet.reaching import DeviceProtocol
from gateway.fleet.reversal import reversals, taken_back
from gateway.fleet.standing import Standing, leaf_standings
from gateway.inventory import Inventory, named
from gateway.jobs import Jobs, Unconfirmed
from gateway.outreach.reach import Reachings, behind
from gateway.service import Service
from gateway.status import StatusCode
from gateway.store.protocol import Append, Event, Household, PutDevice, PutOperation, Store, Write


class Turns:
    """The turns of the devices of a store, by what this process serves."""

    def __init__(self, store: Store, service: Service, inventory: Inventory, jobs: Jobs, reachings: Reachings) -> None:
        self._store = store
        self._service = service
        self._inventory = inventory
        self._jobs = jobs
        self._reachings = reachings

    async def start(self, campaign: Campaign, member: Member, index: int, now: datetime) -> tuple[Member, list[Write]]:
        """A member with its content, and the writes that give it to the device."""
        household, device = await device_of(self._store, member.device_id)
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
                return _failed(campaign, started, error, now)
            assert not isinstance(job, Unconfirmed)
            started = replace(started, job=job.id)
            household, device = await device_of(self._store, member.device_id)
            if household is None or device is None:
                return replace(started, state=MemberState.FAILED, code="gone"), []
        if content.values or content.unset:
            changes = {**content.values, **dict.fromkeys(content.unset)}
            changed, previous = self._inventory.with_values(device, changes)
            try:
                self._inventory.check_rules(household.subscriber, changed, (household.subscriber, device))
            except ConfigError as error:
                failed = replace(started, state=MemberState.FAILED, code="rule")
                return failed, [event_of(campaign, "device_failed", now, device.id, why=str(error))]
            if changed is not device:
                writes.append(PutDevice(changed))
            if not member.previous:
                started = replace(started, previous=previous)
            device = changed
        if content.edition:
            device = replace(device, edition=campaign.id)
            writes.append(PutDevice(device))
        if content.operations:
            queued = _queued(content.operations, f"{campaign.id}-{index}-{attempt}", now)
            writes += [PutOperation(device.id, one) for one in queued]
            started = replace(started, operations=tuple(one.id for one in queued))
            if not member.reversals:
                known = reversals(content.operations, await self._store.load_mirror(device.id))
                started = replace(started, reversals=known)
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

    async def undo(self, campaign: Campaign, member: Member, index: int, now: datetime) -> tuple[Member, list[Write]]:
        """A member that has again what it had, and the writes for that."""
        moves = bool(campaign.content.address and member.job)
        try:
            moves = moves and await self._jobs.move_back(member.device_id, member.job)
        except (Conflict, ConfigError, NotFound) as error:
            return _failed(campaign, member, error, now)
        household, device = await device_of(self._store, member.device_id)
        if household is None or device is None or member.state is MemberState.SKIPPED:
            return member, []
        changed, _ = self._inventory.with_values(device, member.previous)
        if device.edition == campaign.id:
            changed = replace(changed, edition="")
        writes, kept = await self._operations_back(campaign, member, index, now)
        undone = replace(member, state=MemberState.UNDONE, kept=tuple(kept))
        if changed is device and not moves and not writes:
            return undone, []
        why, protocol = f"campaign {campaign.id} undone", _protocol(campaign.content)
        reach, _ = await self._reachings.writes(household, device.id, why, protocol=protocol)
        return undone, [*([] if changed is device else [PutDevice(changed)]), *writes, *reach]

    async def _operations_back(
        self, campaign: Campaign, member: Member, index: int, now: datetime
    ) -> tuple[list[Write], list[str]]:
        """The writes that take back what the device was asked to do, and what of it nothing takes back."""
        asked = campaign.content
        kept = [f"package {asked.package}"] if asked.package and member.job else []
        if not asked.operations:
            return [], kept
        queue = await self._store.load_operations(member.device_id, pending_only=False)
        by_id = {one.id: one for one in queue}
        tries = [
            [by_id.get(one.id, one) for one in _queued(asked.operations, f"{campaign.id}-{index}-{attempt}", now)]
            for attempt in range(1, member.attempts + 1)
        ]
        back, lost = taken_back(member.reversals, tries)
        ended: dict[str, Operation] = {}
        for asked_for in (one for mine in tries for one in mine if one.id in by_id and one.status is None):
            # What the device has not come for yet it never gets.
            left = [ended.get(one.id, one) for one in queue]
            ended |= {one.id: one for one in cancel(left, asked_for.id, now).changed}
        again = _queued(back, f"{campaign.id}-{index}-undo", now)
        return [PutOperation(member.device_id, one) for one in (*ended.values(), *again)], [*kept, *lost]

    async def checked(
        self, campaign: Campaign, member: Member, index: int, now: datetime
    ) -> tuple[Member, list[Write]]:
        """The member as it stands now; the same object as long as nothing is new."""
        household, device = await device_of(self._store, member.device_id)
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
                return await self.start(campaign, member, index, now)
            if code is None and not (campaign.content.operations or campaign.content.job):
                return await self.start(campaign, replace(member, deadline_at=None), index, now)
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
        if device.omadm is None or not content.values:
            return ""
        mirror = await self._store.load_mirror(device.id)
        desired = self._service.desired_mos(household.subscriber, device, mirror)
        asked = {
            key: mo._replace(
                values={path: text for path, text in mo.values.items() if f"{key}/{path}" in content.values}
            )
            for key, mo in desired.items()
        }
        for one in leaf_standings(asked, mirror):
            if one.standing is Standing.REFUSED and one.fact is not None:
                return str(one.fact.status)
        return ""


async def device_of(store: Store, device_id: str) -> tuple[Household | None, Device | None]:
    """The device of that id with its household; None for what is not there."""
    household = await store.load_household("id", device_id.rpartition(".")[0])
    device = next((one for one in household.devices if one.id == device_id), None) if household else None
    return household, device


def event_of(campaign: Campaign, kind: str, at: datetime, device_id: str = "", **detail: str) -> Append:
    """The event that tells this of the campaign, or of one of its devices."""
    said = {"campaign": campaign.id, "name": campaign.name} | ({} if device_id else {"why": campaign.why}) | detail
    return Append(
        Event(
            at=at,
            kind=f"campaign.{kind}",
            subscriber_id=device_id.rpartition(".")[0],
            device_id=device_id,
            detail={name: text for name, text in said.items() if text},
        )
    )


def _failed(campaign: Campaign, member: Member, error: Exception, now: datetime) -> tuple[Member, list[Write]]:
    failed = replace(member, state=MemberState.FAILED, code=type(error).__name__.lower())
    return failed, [event_of(campaign, "device_failed", now, member.device_id, why=str(error))]


def _queued(operations: Sequence[Operation], id_: str, now: datetime) -> list[Operation]:
    """The operations as they go into a device's queue."""
    return [named(replace(one, origin="queue", created_at=now), f"{id_}-{n}") for n, one in enumerate(operations)]


def _protocol(content: Content) -> DeviceProtocol:
    """By which a device has to call for it; empty for any."""
    return "omadm" if content.operations or content.job else ""
