"""All that a store keeps for long, as lines of JSON: to go from one store to another, and to have a copy.

The first line tells the format and which key opens the secrets, which stay sealed; then comes a line per household, one
per event, one per record (people, tokens, the audit log, campaigns, webhooks, phone models, sets of nodes and work that
waits), and one that counts them. Sessions, ephemeral values, traces, whom these wait for, and findings of comparisons
end by themselves and are left out.
"""

from __future__ import annotations

import operator
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import datetime
from typing import IO

import msgspec
from msgspec.structs import replace

from gateway import detections, learnt, node_sets, tacs
from gateway.access.audit import OPEN, indexed
from gateway.access.people import TOKEN, USER
from gateway.errors import ConfigError, Conflict
from gateway.fleet.device import Device
from gateway.fleet.mirror import Mirror
from gateway.fleet.operation import Operation
from gateway.fleet.subscriber import Subscriber
from gateway.outreach import deliveries, members, reach, rollouts, webhooks
from gateway.store.protocol import (
    AUDIT,
    Append,
    Event,
    Household,
    PutDevice,
    PutMirror,
    PutOperation,
    PutRecord,
    PutSubscriber,
    Record,
    Store,
    Write,
)

FORMAT = 2
KINDS = (
    USER, TOKEN, AUDIT, OPEN, tacs.KIND, detections.WORK, reach.WORK, deliveries.WORK, members.WORK, webhooks.WORK,
    rollouts.FILES, rollouts.KIND, node_sets.KIND, learnt.KIND,
)  # fmt: skip
"""The kinds of records. Chores, turns and nodes are not among them: every store has its own, and
its own index of the audit log."""
WITH_PARTS = (members.WORK, webhooks.WORK)
"""Kinds whose records have records of their own, of the kind KIND.ID."""
MAX_LINE_BYTES = 64 * 1024 * 1024
MAX_FAULTS = 1000
_BATCH = 25
_PAGE = 1000
_RECORDS = 200


class Head(msgspec.Struct, frozen=True, tag="mogate-export", tag_field="line"):
    """The first line."""

    format: int
    key: str
    at: datetime


class DeviceLine(msgspec.Struct, frozen=True, omit_defaults=True):
    """A device with all that is kept of it."""

    device: Device
    mirror: Mirror | None = None
    operations: tuple[Operation, ...] = ()
    seen_at: datetime | None = None


class HouseholdLine(msgspec.Struct, frozen=True, tag="household", tag_field="line"):
    """A subscriber with all devices, as they were at one moment."""

    subscriber: Subscriber
    devices: tuple[DeviceLine, ...]


class EventLine(msgspec.Struct, frozen=True, tag="event", tag_field="line"):
    """An event of the log, with its ``seq`` from format 2 on."""

    event: Event


class RecordLine(msgspec.Struct, frozen=True, tag="record", tag_field="line"):
    """A record, which its kind alone can read."""

    record: Record


class Tail(msgspec.Struct, frozen=True, tag="end", tag_field="line"):
    """The last line; an export without it is cut off."""

    households: int
    events: int
    records: int = 0


class Fault(msgspec.Struct, frozen=True):
    """A line that says nothing, by its number from 1, and why."""

    line: int
    why: str


class Taken(msgspec.Struct, frozen=True):
    """What an import did. ``present`` are subscribers left alone: they, or an identity of theirs, were there.

    ``faults`` are the lines of which nothing was taken.
    """

    households: int
    events: int
    present: tuple[str, ...]
    events_left_out: int
    records: int = 0
    records_present: int = 0
    faults: tuple[Fault, ...] = ()


Line = Head | HouseholdLine | EventLine | RecordLine | Tail
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Line).decode


async def export_lines(store: Store, key: str, now: datetime) -> AsyncIterator[bytes]:
    """The lines of an export. The store may be written meanwhile; each household is as it was when it was read.

    Raises: Unavailable.
    """
    yield _encode(Head(FORMAT, key, now)) + b"\n"
    households = events = records = 0
    async for household in store.scan_households():
        yield _encode(await _household_line(store, household)) + b"\n"
        households += 1
    seq = 0
    while page := await store.load_events(after_seq=seq, limit=_PAGE):
        for event in page:
            yield _encode(EventLine(event)) + b"\n"
        events += len(page)
        seq = page[-1].seq
    # What names an event comes after the events: no webhook is ahead of the log that goes with it.
    async for record in _records(store):
        yield _encode(RecordLine(replace(record, revision=0))) + b"\n"
        records += 1
    yield _encode(Tail(households, events, records)) + b"\n"


async def import_lines(
    store: Store, key: str, file: IO[bytes], went: Callable[[int], object] = lambda _: None
) -> Taken:
    """Put what an export has into the store. What is there already is left alone, so a cut-off import is run again.

    A line that says nothing is told in its place, and the others count. ``went`` hears of each line by its octets.

    Raises: ConfigError naming the line when it is no export, is cut off, has more than a thousand such lines, or its
    secrets need another key; Unavailable.
    """
    lines = _lines(file, went)
    head = _head(lines, file.name)
    if head.key != key:
        raise ConfigError(
            f"its secrets are sealed with key {head.key}, and the one here is {key}: name the other gateway's key file "
            "with seal_key",
            file=file.name,
            line=1,
        )
    households = events = left_out = records = records_present = 0
    present: list[str] = []
    batch: list[HouseholdLine] = []
    kept: list[Record] = []
    faults: list[Fault] = []
    log = _Log(store)
    for line in _readable(lines, faults, file.name):
        if isinstance(line, HouseholdLine):
            batch.append(line)
            if len(batch) == _BATCH:
                present += await _put(store, batch)
                households, batch = households + len(batch), []
            continue
        present += await _put(store, batch)
        households, batch = households + len(batch), []
        if isinstance(line, EventLine):
            events += 1
            left_out += not await log.append(line.event)
        elif isinstance(line, RecordLine):
            await log.flush()
            record = line.record
            if left_out and record.kind == webhooks.WORK:
                record = webhooks.of_another_log(record, await store.last_event())
            kept.append(record)
            if len(kept) == _RECORDS:
                records_present += await _keep(store, kept)
                records, kept = records + len(kept), []
        elif isinstance(line, Tail):
            await log.flush()
            records_present += await _keep(store, kept)
            records += len(kept)
            stated, found = (line.households, line.events, line.records), (households, events, records)
            if sum(stated) != sum(found) + len(faults) or any(map(operator.lt, stated, found)):
                raise ConfigError(
                    f"counts {line}, and has {households} households, {events} events, {records} records and"
                    f" {len(faults)} lines that say nothing",
                    file=file.name,
                )
            return Taken(
                households - len(present), events - left_out, tuple(present), left_out, records - records_present,
                records_present, tuple(faults),
            )  # fmt: skip
    raise ConfigError("is cut off; make the export again", file=file.name)


def survey(file: IO[bytes], went: Callable[[int], object] = lambda _: None) -> tuple[Head, Tail]:
    """The first line and the last of an export that is whole: each line says something, and the last counts them right.

    Raises: ConfigError naming the line.
    """
    lines = _lines(file, went)
    head = _head(lines, file.name)
    counts = {HouseholdLine: 0, EventLine: 0, RecordLine: 0}
    for number, line in enumerate(lines, 2):
        if isinstance(line, Fault):
            raise ConfigError(line.why, file=file.name, line=line.line)
        if isinstance(line, Tail):
            if line != Tail(*counts.values()):
                raise ConfigError(f"counts {line}, and has {Tail(*counts.values())}", file=file.name, line=number)
            return head, line
        if isinstance(line, Head):
            raise ConfigError("begins anew", file=file.name, line=number)
        counts[type(line)] += 1
    raise ConfigError("is cut off; make the export again", file=file.name)


async def is_empty(store: Store) -> bool:
    """Whether the store has nothing of what an export has. Raises: Unavailable."""
    async for _ in store.scan_households():
        return False
    if await store.load_events(after_seq=0, limit=1):
        return False
    return not any([await store.load_records(kind, limit=1) for kind in KINDS])


def _head(lines: Iterator[Line | Fault], file: str) -> Head:
    """The first of the lines. Raises: ConfigError when it is not that of an export that can be read here."""
    head = next(lines, None)
    if isinstance(head, Fault):
        raise ConfigError(head.why, file=file, line=1)
    if not isinstance(head, Head):
        raise ConfigError("is not an export of mogate", file=file, line=1)
    if head.format > FORMAT:
        raise ConfigError(f"has format {head.format}, of a newer gateway; this one knows {FORMAT}", file=file, line=1)
    return head


def _lines(file: IO[bytes], went: Callable[[int], object]) -> Iterator[Line | Fault]:
    number = 0
    while text := file.readline(MAX_LINE_BYTES + 1):
        number += 1
        size = len(text)
        if size > MAX_LINE_BYTES:
            while not text.endswith(b"\n") and (text := file.readline(MAX_LINE_BYTES)):
                size += len(text)
            yield Fault(number, f"is longer than {MAX_LINE_BYTES} octets")
        else:
            yield _parsed(number, text)
        went(size)


def _readable(lines: Iterator[Line | Fault], faults: list[Fault], file: str) -> Iterator[Line]:
    """The lines that say something; the others go to ``faults``. Raises: ConfigError when those are too many."""
    for line in lines:
        if not isinstance(line, Fault):
            yield line
            continue
        if len(faults) == MAX_FAULTS:
            raise ConfigError(f"has more than {MAX_FAULTS} lines like this: {line.why}", file=file, line=line.line)
        faults.append(line)


def _parsed(number: int, text: bytes) -> Line | Fault:
    try:
        line: Line = _decode(text)
    except msgspec.MsgspecError as error:
        return Fault(number, f"is not a line of an export: {error}")
    return line


async def _records(store: Store) -> AsyncIterator[Record]:
    for kind in KINDS:
        async for record in _of_kind(store, kind):
            yield record
            if kind in WITH_PARTS:
                async for part in _of_kind(store, f"{kind}.{record.id}"):
                    yield part


async def _of_kind(store: Store, kind: str) -> AsyncIterator[Record]:
    after = ""
    while page := await store.load_records(kind, after=after, limit=_PAGE):
        for record in page:
            yield record
        after = page[-1].id


async def _keep(store: Store, records: list[Record]) -> int:
    """Create the records; returns how many were there already."""
    if not records:
        return 0
    try:
        await store.commit(*(write for record in records for write in _record_writes(record)))
    except Conflict:
        if len(records) == 1:
            return 1
        middle = len(records) // 2
        return await _keep(store, records[:middle]) + await _keep(store, records[middle:])
    return 0


def _record_writes(record: Record) -> tuple[PutRecord, ...]:
    """What keeps the record, and has it found."""
    return PutRecord(record), *(indexed(record) if record.kind == AUDIT else ())


async def _household_line(store: Store, household: Household) -> HouseholdLine:
    seen = await store.load_last_seen([device.id for device in household.devices])
    devices = []
    for device in household.devices:
        mirror = await store.load_mirror(device.id)
        operations = await store.load_operations(device.id, pending_only=False)
        devices.append(DeviceLine(device, mirror if mirror.revision else None, tuple(operations), seen.get(device.id)))
    return HouseholdLine(household.subscriber, tuple(devices))


async def _put(store: Store, lines: list[HouseholdLine]) -> list[str]:
    """Create the households; returns the ids of those that are in the way of one that is there."""
    if not lines:
        return []
    try:
        await store.commit(*(write for line in lines for write in _writes(line)))
    except Conflict:
        if len(lines) == 1:
            return [lines[0].subscriber.id]
        return [one for line in lines for one in await _put(store, [line])]
    for line in lines:
        for one in line.devices:
            if one.seen_at is not None:
                store.touch(one.device.id, one.seen_at)
    return []


def _writes(line: HouseholdLine) -> Iterator[Write]:
    # Revisions count writes of this store, and begin anew.
    yield PutSubscriber(replace(line.subscriber, revision=0))
    for one in line.devices:
        yield PutDevice(replace(one.device, revision=0))
        if one.mirror is not None:
            yield PutMirror(replace(one.mirror, revision=0))
        for operation in one.operations:
            yield PutOperation(one.device.id, operation)


class _Log:
    """The store's log while it is filled up: what it has is to be what the export begins with."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._there: list[Event] = []
        self._seq = 0
        self._at_end = False
        self._foreign = False
        self._waiting: list[Append] = []

    async def append(self, event: Event) -> bool:
        """False when the log has events of its own, and this one is left out."""
        if self._foreign:
            return False
        if not self._there and not self._at_end:
            self._there = list(await self._store.load_events(after_seq=self._seq, limit=_PAGE))
            self._at_end = not self._there
        if self._there:
            known = self._there.pop(0)
            self._seq = known.seq
            self._foreign = replace(known, seq=event.seq) != event
            return not self._foreign
        self._waiting.append(Append(event))
        if len(self._waiting) == _PAGE:
            await self.flush()
        return True

    async def flush(self) -> None:
        if self._waiting:
            waiting, self._waiting = self._waiting, []
            await self._store.commit(*waiting)
