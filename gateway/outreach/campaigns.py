"""Campaigns over a store: each is a piece of work in the background that is taken a step at a time.

A step loads the campaign and those of its members that it is about, and commits what becomes of a member together with
the campaign and the device: whoever takes the next step, in whatever process, goes on where this one stood.
"""

from __future__ import annotations

import asyncio
import contextlib
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
    Campaign,
    CampaignState,
    Content,
    Group,
    Member,
    MemberState,
    Target,
)
from gateway.fleet.reaching import Quiet
from gateway.fleet.rollout import Edition, RolloutState
from gateway.inventory import Inventory
from gateway.jobs import Jobs, check_address
from gateway.observe import metrics
from gateway.outreach.background import FAR, SLACK, Background
from gateway.outreach.members import (
    LONGEST_CHECK,
    SEARCH_HOUSEHOLDS,
    WORK,
    Members,
    first_of,
    looked_at,
    members_of,
    pages_of,
    with_member,
)
from gateway.outreach.reach import Reachings
from gateway.outreach.rollouts import POLL_SECONDS as ROLLOUT_POLL_SECONDS
from gateway.outreach.rollouts import Rollouts
from gateway.outreach.turns import Turns, device_of, event_of
from gateway.service import Service
from gateway.store.protocol import PutEphemeral, PutRecord, Record, Store, Write

LEASE_SECONDS = 60
LEASE = timedelta(seconds=LEASE_SECONDS)
MAX_TURNS = 20
MAX_PAGES = 10
POLL_SECONDS = 1.0
MAX_CHECKED = 500
TRIES = 40
"""How often a command is tried, with pauses that grow: for some eight seconds."""
PAUSE_SECONDS = 0.01
STANDS_BACK = timedelta(seconds=1)
"""For how long a campaign is left alone that somebody has a command for; once given, it goes on at once."""
ELSEWHERE = timedelta(seconds=5)
"""For how long a campaign is left to gateways that serve the profiles that it is about."""
SEARCH_AGAIN = timedelta(minutes=5)
LONGEST_SEARCH = timedelta(seconds=20)
KNOWN_EVERYWHERE = timedelta(seconds=3 * ROLLOUT_POLL_SECONDS)
_ROLLOUTS = {
    CampaignState.FINISHED: RolloutState.DONE,
    CampaignState.UNDOING: RolloutState.ROLLING,
    CampaignState.UNDONE: RolloutState.UNDONE,
}

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Campaign).decode


def _asked(campaign_id: str) -> str:
    return f"campaign-asked:{campaign_id}"


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
        needs_approval: bool = False,
    ) -> None:
        """``served`` identifies the files that this process serves.

        With ``needs_approval`` new campaigns, and those that are changed, wait for somebody else than their authors.
        """
        self._needs_approval = needs_approval
        self._rollouts = rollouts
        self._served = served
        self._store = store
        self._service = service
        self._inventory = inventory
        self._jobs = jobs
        self._members = Members(store, inventory)
        self._turns = Turns(store, service, inventory, jobs, reachings)
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
        machine.check_target(target)
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
                "needs_approval": self._needs_approval,
            },
            Campaign,
        )
        writes: list[Write] = []
        if edition is not None:
            writes = await self._rollouts.begin(campaign.id, edition)
            # By then every process goes by it: none is to give a device that has it the old one.
            campaign = replace(campaign, next_start_at=now + KNOWN_EVERYWHERE)
        record = Record(kind=WORK, id=campaign.id, payload=_encode(campaign), due_at=now)
        await self._store.commit(PutRecord(record), event_of(campaign, "created", now), *writes)
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
        for device_id in await self._members.named(target.devices[:MAX_CHECKED]):
            household, device = await device_of(self._store, device_id)
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
        return await self._members.listed(campaign_id, after=after, limit=limit)

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

    async def approve(self, campaign_id: str, by: str, reason: str = "") -> Campaign:
        """Let it begin, or go on after a change. Raises: NotFound, Conflict; Forbidden for one of its authors."""
        now = self._clock()
        return await self._command(campaign_id, "approved", lambda one: machine.approved(one, by, now, reason), by=by)

    async def reject(self, campaign_id: str, by: str, reason: str) -> Campaign:
        """End it before it begins. Raises: NotFound, Conflict; Forbidden for one of its authors; ConfigError."""
        now = self._clock()
        return await self._command(campaign_id, "rejected", lambda one: machine.rejected(one, by, now, reason), by=by)

    async def change(self, campaign_id: str, by: str, **terms: object) -> Campaign:
        """Go on with other ``terms``, fields of a Campaign, with those that were not started; where campaigns need
        approval, once they have it again. Raises: NotFound, Conflict.
        """
        now, needs = self._clock(), self._needs_approval
        return await self._command(
            campaign_id, "changed", lambda one: machine.changed(one, by, now, needs_approval=needs, **terms), by=by
        )

    async def stop(self, campaign_id: str) -> Campaign:
        """End it: who was not started never is. Raises: NotFound, Conflict."""
        now = self._clock()
        return await self._command(
            campaign_id, "stopped", lambda one: machine.stopped(one, now, "stopped by an operator")
        )

    async def undo(self, campaign_id: str) -> Campaign:
        """Give every device that was started what it had. Raises: NotFound, Conflict."""
        return await self._command(campaign_id, "undoing", lambda one: machine.undoing(one, "undone by an operator"))

    async def _command(
        self, campaign_id: str, event: str, change: Callable[[Campaign], Campaign], **detail: str
    ) -> Campaign:
        """Who is at work writes the same record, some hundred times a second: it is asked to stand back for a moment.

        Raises: what ``change`` does; NotFound; Conflict when nobody stands back.
        """
        asked = False
        try:
            for attempt in range(TRIES):
                held = await self._held(campaign_id)
                campaign = change(held.campaign)
                # A step that is under way loses its next commit, and is taken again from here.
                record = replace(held.record, payload=_encode(campaign), due_at=self._clock())
                writes = await self._edition_writes(held.campaign, campaign)
                told = event_of(campaign, event, self._clock(), **detail)
                with contextlib.suppress(Conflict):
                    await self._store.commit(PutRecord(record), told, *writes)
                    return campaign
                asked = True
                await self._ask(campaign_id, until=self._clock() + SLACK)
                await asyncio.sleep(PAUSE_SECONDS * attempt)
        finally:
            if asked:
                await self._ask(campaign_id, until=self._clock() - SLACK)
            self._background.call(WORK)
        raise Conflict(f"campaign {campaign_id} is changed again and again; try again")

    async def _ask(self, campaign_id: str, until: datetime) -> None:
        """Have whoever is at work on it, in whatever process, leave its record alone by then."""
        await self._store.commit(PutEphemeral(_asked(campaign_id), b"", until))

    async def _is_asked(self, campaign_id: str) -> bool:
        """Whether somebody has a command for it, and cannot place it."""
        return await self._store.load_ephemeral(_asked(campaign_id), self._clock()) is not None

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
        if await self._is_asked(record.id):
            await self._keep(held, held.campaign, due_at=self._clock() + STANDS_BACK)
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
            while pages := await self._store.load_records(pages_of(held.campaign.id), after=after):
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
        due = await self._store.load_due(pages_of(campaign.id), now + FAR, 1)
        times += [one.due_at for one in due if one.due_at is not None]
        if campaign.target.dynamic and campaign.state is CampaignState.RUNNING:
            times.append(now if campaign.cursor else (campaign.searched_at or now) + SEARCH_AGAIN)
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
            held = await self._add(held, await self._members.named(campaign.target.devices))
            campaign = held.campaign
        cursor = ""
        if campaign.target.searches:
            found, cursor = await self._members.matching(campaign)
            held = await self._add(held, found, cursor=cursor)
        if cursor:
            return held
        campaign = machine.built(replace(held.campaign, searched_at=now))
        waits = campaign.state is CampaignState.WAITING
        return await self._keep(held, campaign, event_of(campaign, "waiting" if waits else "begun", now))

    async def _search_again(self, held: Held) -> Held:
        """Let devices that match by now join a dynamic campaign; a long search goes on in the next step."""
        campaign, now = held.campaign, self._clock()
        if not campaign.cursor and campaign.searched_at is not None and now - campaign.searched_at < SEARCH_AGAIN:
            return held
        members = {member.device_id for _, member in await self._members.listed(campaign.id, limit=campaign.total + 1)}
        fresh: list[str] = []
        while self._clock() - now < LONGEST_SEARCH:
            found, cursor = await self._members.matching(campaign)
            fresh += [one for one in found if one not in members]
            campaign = replace(campaign, cursor=cursor)
            if not cursor:
                break
        held = await self._add(held, fresh, cursor=campaign.cursor)
        return await self._keep(held, replace(held.campaign, searched_at=now)) if not campaign.cursor else held

    async def _add(self, held: Held, device_ids: Sequence[str], cursor: str = "") -> Held:
        """Put devices at the end of the order; the search for others has come as far as that."""
        campaign, writes = await self._members.joined(held.campaign, device_ids)
        return await self._keep(held, replace(campaign, cursor=cursor), *writes)

    # Starting and undoing members

    async def _take_turns(self, held: Held) -> Held:
        for _ in range(MAX_TURNS):
            campaign, now = held.campaign, self._in_time(held)
            turn_at = machine.next_turn(campaign, now)
            if turn_at is None or turn_at > now or self._window(campaign, now) > now:
                break
            undoes = campaign.state is CampaignState.UNDOING
            index = campaign.undone if undoes else campaign.started
            page, member = await self._members.page(campaign, index)
            act = self._turns.undo if undoes else self._turns.start
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
        campaign, now = machine.moved(campaign, index, before, after), self._clock()
        told: list[Write] = []
        if after.state is not before.state:
            metrics.count(metrics.campaign_devices, after.state.value)
            detail = {"state": after.state.value, "code": after.code, "kept": ", ".join(after.kept)}
            told.append(event_of(campaign, "device", now, after.device_id, **detail))
        return await self._keep(held, campaign, PutRecord(with_member(page, index, after, now)), *writes, *told)

    # Watching members

    async def _look(self, held: Held) -> Held:
        """See what became of members that were started."""
        pages = await self._store.load_due(pages_of(held.campaign.id), self._clock(), MAX_PAGES)
        for found in pages:
            page: Record | None = found
            for place, member in enumerate(members_of(found)):
                if member.state is not MemberState.STARTED or page is None:
                    continue
                index = first_of(found) + place
                now = self._in_time(held)
                after, writes = await self._turns.checked(held.campaign, member.looked_at(now), index, now)
                if after is not member:
                    held = await self._settle(held, held.campaign, page, index, member, after, writes)
                    page = await self._store.load_record(found.kind, found.id)
            if page is not None:
                await self._store.commit(PutRecord(looked_at(page, self._in_time(held))))
            if await self._is_asked(held.campaign.id):
                break
        return held

    async def _judge(self, held: Held) -> Held:
        now = self._clock()
        campaign = machine.judged(held.campaign, now)
        if campaign is held.campaign:
            return held
        writes = await self._edition_writes(held.campaign, campaign)
        if campaign.state is not held.campaign.state:
            writes.append(event_of(campaign, campaign.state.value, now))
            metrics.count(metrics.campaign_ends, campaign.state.value)
            if campaign.state is CampaignState.PAUSED:
                metrics.count(metrics.campaign_paused, machine.paused_for(held.campaign, campaign))
        elif campaign.opened != held.campaign.opened:
            writes.append(event_of(campaign, "group_opened", now))
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
        if after.state is CampaignState.REJECTED and not after.started:
            state = RolloutState.UNDONE
        if not after.content.edition or after.state is before.state or state is None:
            return []
        return await self._rollouts.turn(after.id, state)

    def _window(self, campaign: Campaign, now: datetime) -> datetime:
        """``now``, or when the window opens next."""
        if campaign.window is None:
            return now
        begin, end, zone = campaign.window
        # Outside its window a campaign is as quiet as a phone at night.
        return Quiet(time.fromisoformat(end), time.fromisoformat(begin), ZoneInfo(zone)).until(now)
