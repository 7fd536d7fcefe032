"""The members of campaigns in the store: found by its index, and kept in their order, some to a record."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

import msgspec
from msgspec.structs import replace

from gateway.errors import NotFound
from gateway.fleet import campaign as machine
from gateway.fleet.campaign import PAGE_MEMBERS, Campaign, Member, MemberState, Page
from gateway.fleet.ranges import parse_ranges
from gateway.fleet.search import search_of
from gateway.inventory import Inventory
from gateway.store.protocol import PutRecord, Record, Store, Write

WORK = "campaign"
SEARCH_HOUSEHOLDS = 500
MARK_HOUSEHOLDS = 25
"""What it counts to have looked in vain for a while: less than to find so many, and not nothing."""
CHECK_SECONDS = 2.0
LONGEST_CHECK = timedelta(minutes=5)

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Page).decode


class Found(NamedTuple):
    """The devices of a stretch of a search. ``cursor`` is the subscriber as far as which it looked, "" at the end."""

    device_ids: list[str]
    cursor: str


class Members:
    """The members of the campaigns of a store."""

    def __init__(self, store: Store, inventory: Inventory) -> None:
        self._store = store
        self._inventory = inventory

    async def listed(self, campaign_id: str, *, after: int = 0, limit: int = 100) -> Sequence[tuple[int, Member]]:
        """Members with their places in the order, from that place on."""
        found: list[tuple[int, Member]] = []
        page = await self._store.load_records(
            pages_of(campaign_id), after=_page_id(after // PAGE_MEMBERS - 1) if after >= PAGE_MEMBERS else "",
            limit=limit // PAGE_MEMBERS + 2,
        )  # fmt: skip
        for record in page:
            start = first_of(record)
            found += [
                (start + place, member)
                for place, member in enumerate(members_of(record))
                if start + place >= after
            ]  # fmt: skip
        return found[:limit]

    async def page(self, campaign: Campaign, index: int) -> tuple[Record, Member]:
        """The member at that place in the order, with the record it is kept in. Raises: NotFound."""
        record = await self._store.load_record(pages_of(campaign.id), _page_id(index // PAGE_MEMBERS))
        if record is None:
            raise NotFound(f"campaign {campaign.id} has no member {index}")
        return record, members_of(record)[index % PAGE_MEMBERS]

    async def named(self, references: Sequence[str]) -> list[str]:
        """The ids of the devices that these ids or IMEIs name, each once; of whom there is none nothing."""
        found = []
        for reference in references:
            try:
                found.append((await self._inventory.find_device(reference))[1].id)
            except NotFound:
                continue
        return list(dict.fromkeys(found))

    async def matching(self, campaign: Campaign) -> Found:
        """The devices to look for, from the campaign's cursor on, as far as one step goes."""
        found: list[str] = []
        target = campaign.target
        listed = set(target.devices)
        ranges = parse_ranges(target.ranges, key="target.ranges")
        count, cursor = 0, ""
        async for subscriber, devices in self._store.search(search_of(target.match), campaign.cursor, marks=True):
            if not target.ranges or ranges.have(subscriber.imsis, subscriber.msisdn):
                found += [one.id for one in devices if listed.isdisjoint((one.id, one.imei))]
            cursor, count = subscriber.id, count + (1 if devices else MARK_HOUSEHOLDS)
            if count >= SEARCH_HOUSEHOLDS:
                return Found(found, cursor)
        return Found(found, "")

    async def joined(self, campaign: Campaign, device_ids: Sequence[str]) -> tuple[Campaign, list[Write]]:
        """The campaign with these devices at the end of its order, and the writes that keep them there."""
        writes: list[Write] = []
        waiting = list(device_ids)
        total = campaign.total
        while waiting:
            kind, id_ = pages_of(campaign.id), _page_id(total // PAGE_MEMBERS)
            record = await self._store.load_record(kind, id_) or Record(kind=kind, id=id_, payload=_encode(Page()))
            members = members_of(record)
            room = PAGE_MEMBERS - len(members)
            page = Page((*members, *(Member(device_id=one) for one in waiting[:room])))
            waiting, total = waiting[room:], total + min(room, len(waiting))
            writes.append(PutRecord(replace(record, payload=_encode(page))))
        return machine.joined(campaign, total - campaign.total), writes


def pages_of(campaign_id: str) -> str:
    """The kind of record that has the members of this campaign."""
    return f"{WORK}.{campaign_id}"


def members_of(page: Record) -> tuple[Member, ...]:
    """The members that the record has."""
    return _decode(page.payload).members


def first_of(page: Record) -> int:
    """The place in the order of the record's first member."""
    return int(page.id) * PAGE_MEMBERS


def with_member(page: Record, index: int, member: Member, now: datetime) -> Record:
    """The record with this member at its place, due when somebody is to look at its members next."""
    changed = _decode(page.payload).put(index % PAGE_MEMBERS, member)
    return replace(page, payload=_encode(changed), due_at=_due(changed.members, now))


def looked_at(page: Record, now: datetime) -> Record:
    """The record after a look at its members."""
    return replace(page, due_at=_due(members_of(page), now))


def _page_id(number: int) -> str:
    return f"{number:08}"


def _due(members: Sequence[Member], now: datetime) -> datetime | None:
    """When to look at members of a page: soon after one was started, and ever more rarely; None for none."""
    waits = [
        min(max(timedelta(seconds=CHECK_SECONDS), (now - member.counts_from) / 4), LONGEST_CHECK)
        for member in members
        if member.state is MemberState.STARTED and member.counts_from is not None
    ]
    ends = [
        member.deadline_at
        for member in members
        if member.state is MemberState.STARTED and member.deadline_at is not None
    ]
    return max(now, min(min(now + wait for wait in waits), *ends)) if waits else None
