"""What a commit does to the cells of the store: read values in, commands out; no input or output of its own.

A plan is made from values that were read before. Every value it looked at becomes a check; the commands are carried out
only where all checks still hold.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, assert_never

import msgspec
from msgspec.structs import replace

from gateway.errors import Conflict
from gateway.fleet.device import Device
from gateway.fleet.mirror import Mirror
from gateway.fleet.operation import Operation
from gateway.fleet.subscriber import Subscriber
from gateway.store.protocol import (
    Append,
    ClaimEphemeral,
    DeleteDevice,
    DeleteRecord,
    DeleteSubscriber,
    Event,
    PutDevice,
    PutEphemeral,
    PutMirror,
    PutOperation,
    PutRecord,
    PutSession,
    PutSubscriber,
    Record,
    SessionRecord,
    TakeEphemeral,
    Write,
    refuse_to_alter_audit,
)
from gateway.store.redis.kinds import SEEN, entries_of, is_found_alike
from gateway.store.redis.layout import (
    Address,
    Command,
    Head,
    Keys,
    are_known_alike,
    encode_headed,
    encode_stamped,
    identities_of,
    identities_of_device,
    identities_of_subscriber,
)
from gateway.store.redis.packing import Home, Place, encode, pack_mirror
from gateway.store.times import to_integer

Cell = tuple[bytes, Any]
"""What a cell is compared with, and its value."""

GRACE_MILLISECONDS = 3_600_000
"""How long Redis keeps what ended: housekeeping drops it before, and counts it."""


class Plan(msgspec.Struct, frozen=True):
    """``checks`` and ``commands`` of a commit; or, when ``missing`` is not empty, what has to be read to make one."""

    checks: Mapping[Address, bytes]
    commands: Sequence[Command]
    ends: Sequence[tuple[str, int]]
    missing: frozenset[Address]
    after: Mapping[Address, Cell] = {}
    """What stands in the cells without a field that are written, once it is carried out."""


def reads_of(keys: Keys, writes: Iterable[Write]) -> list[Address]:
    """The cells these writes look at whatever is in them."""
    found: dict[Address, None] = {}
    for write in writes:
        match write:
            case PutDevice(device):
                found[keys.home_of(device.id)] = None
            case PutSubscriber(subscriber):
                found[keys.home(subscriber.id)] = None
            case PutMirror(mirror):
                found[keys.home_of(mirror.device_id)] = None
                found[keys.mirror(mirror.device_id)] = None
            case PutSession(session, _):
                found[keys.home_of(session.device_id)] = None
                found[keys.session(session.device_id)] = None
            case PutOperation(device_id, _):
                found[keys.home_of(device_id)] = None
                found[keys.pending(device_id)] = None
            case DeleteSubscriber(subscriber_id):
                found[keys.home(subscriber_id)] = None
            case DeleteDevice(device_id):
                found[keys.home_of(device_id)] = None
            case TakeEphemeral(key) | ClaimEphemeral(key):
                found[keys.ephemeral(key)] = None
            case PutRecord(record) | DeleteRecord(record, _):
                found[keys.record(record.kind, record.id)] = None
            case PutEphemeral() | Append():
                pass
            case _:
                assert_never(write)
    return list(found)


def make_plan(
    keys: Keys,
    writes: Iterable[Write],
    cells: Mapping[Address, Cell],
    *,
    now_milliseconds: int,
    stamp: bytes,
    kept_events: int,
    schema: int,
) -> Plan:
    """The plan for these writes over the values read so far.

    Raises: Conflict.
    """
    draft = _Draft(keys, cells, schema)
    try:
        for write in writes:
            draft.write(write)
    except Conflict:
        if not draft.missing:
            raise
    if draft.missing:
        return Plan({}, (), (), frozenset(draft.missing))
    return draft.finish(now_milliseconds, stamp, kept_events)


class _Draft:
    """The cells as they become, write by write."""

    def __init__(self, keys: Keys, cells: Mapping[Address, Cell], schema: int) -> None:
        self._keys = keys
        self._schema = schema
        self._cells = cells
        self._changed: dict[Address, Any] = {}
        self._bodies: dict[Address, bytes] = {}
        self._checks: dict[Address, bytes] = {}
        self._dropped: dict[str, None] = {}
        self._emptied: dict[Address, None] = {}
        self._sights: list[Command] = []
        self._listed: dict[str, bool] = {}
        self._events: list[Event] = []
        self._indexed: dict[str, Command] = {}
        self.missing: set[Address] = set()

    def write(self, write: Write) -> None:
        match write:
            case PutSession(session, now):
                self._put_session(session, to_integer(now))
            case PutDevice(device):
                self._put_device(device)
            case PutMirror(mirror):
                self._put_mirror(mirror)
            case PutOperation(device_id, operation):
                self._put_operation(device_id, operation)
            case Append(event):
                self._events.append(event)
            case PutEphemeral() | ClaimEphemeral() | TakeEphemeral():
                self._write_ephemeral(write)
            case PutRecord(record) | DeleteRecord(record, _):
                refuse_to_alter_audit(write)
                (self._put_record if isinstance(write, PutRecord) else self._delete_record)(record)
            case PutSubscriber(subscriber):
                self._put_subscriber(subscriber)
            case DeleteSubscriber(subscriber_id):
                self._delete_subscriber(subscriber_id)
            case DeleteDevice(device_id):
                self._delete_device(device_id)
            case _:
                assert_never(write)

    def _write_ephemeral(self, write: PutEphemeral | ClaimEphemeral | TakeEphemeral) -> None:
        address = self._keys.ephemeral(write.key)
        if isinstance(write, TakeEphemeral):
            if not self._live(address, to_integer(write.now)):
                raise Conflict("the value was taken before, or its time is over")
            self._changed[address] = None
            return
        if isinstance(write, ClaimEphemeral) and self._live(address, to_integer(write.now)):
            raise Conflict("the place is taken")
        self._put_headed(address, Head(0, to_integer(write.expires_at)), write.value)

    def finish(self, now_milliseconds: int, stamp: bytes, kept_events: int) -> Plan:
        commands: list[Command] = []
        ends = []
        for key in self._dropped:
            commands.append(("DEL", key))
        commands += self._sights
        after: dict[Address, Cell] = dict.fromkeys(self._emptied, (b"", None))
        for address, value in self._changed.items():
            if address.field:
                known = self._cells.get(address, (b"", None))[1]
                if value is None:
                    if known is not None and address.key not in self._dropped:
                        commands.append(("HDEL", address.key, address.field))
                elif value != known or address.key in self._dropped:
                    body = value if isinstance(value, str) else encode(value)
                    commands.append(("HSET", address.key, address.field, body))
            elif value is None or value == ():
                after[address] = (b"", None)
                commands.append(("DEL", address.key))
            elif isinstance(value, Head):
                after[address] = (stamp, value)
                body = encode_headed(stamp, value, self._bodies[address])
                if value.end and address.kind != "record":
                    gone_at = max(value.end // 1000, now_milliseconds) + GRACE_MILLISECONDS
                    commands.append(("SET", address.key, body, "PXAT", gone_at))
                    if value.revision <= 1:  # a session that goes on is noted already, and its end looked up then
                        ends.append((address.key, value.end))
                else:
                    commands.append(("SET", address.key, body))
            else:
                after[address] = (stamp, value)
                commands.append(("SET", address.key, encode_stamped(stamp, value, self._schema)))
            if address.kind == "home":
                commands += self._reindexing(self._cells[address][1], value)
        for subscriber_id, listed in self._listed.items():
            name = self._keys.ids(subscriber_id)
            commands.append(("ZADD", name, 0, subscriber_id) if listed else ("ZREM", name, subscriber_id))
        commands += self._indexed.values()
        for event in self._events:
            commands.append(self._log(event, kept_events))
        return Plan(self._checks, commands, ends, frozenset(), after)

    def _reindexing(self, before: Home | None, after: Home | None) -> list[Command]:
        """What lets the household be found by what it is now, and no more by what it was."""
        if before is not None and after is not None and is_found_alike(before, after):
            return []
        home = after or before
        if home is None:
            return []
        held, wanted = entries_of(before), entries_of(after)
        changes = [("LEAVE", *entry) for entry in held if entry not in wanted]
        changes += [("JOIN", *entry) for entry in wanted if entry not in held]
        return [self._indexing(verb, home.subscriber.id, kind, member) for verb, kind, member in changes]

    def _indexing(self, verb: str, subscriber_id: str, kind: bytes, member: bytes) -> Command:
        ids = self._keys.ids(subscriber_id)
        return (verb, self._keys.kinds(ids), kind, self._keys.of_kind(ids, kind), member)

    def _note_sights(self, verb: str, device_id: str) -> None:
        """Say whether the device is one that can be seen. A new one never was."""
        self._sights.append(self._indexing(verb, device_id.rpartition(".")[0], SEEN, device_id.encode()))

    def _log(self, event: Event, kept_events: int) -> Command:
        indexes = [self._keys.events_of("s", event.subscriber_id)] if event.subscriber_id else []
        indexes += [self._keys.events_of("d", event.device_id)] if event.device_id else []
        words: tuple[str | bytes | int, ...] = (encode(replace(event, seq=0)), kept_events, *indexes)
        return ("LOGAT", self._keys.log, event.seq, *words) if event.seq else ("LOG", self._keys.log, *words)

    def _read(self, address: Address) -> Any:
        if address in self._changed:
            return self._changed[address]
        if address.key in self._dropped:
            return None
        cell = self._cells.get(address)
        if cell is None:
            self.missing.add(address)
            return None
        self._checks[address] = cell[0]
        return cell[1]

    def _live(self, address: Address, now: int) -> bool:
        head = self._read(address)
        return head is not None and head.end > now

    def _put_headed(self, address: Address, head: Head, body: bytes) -> None:
        self._changed[address] = head
        self._bodies[address] = body

    def _put_record(self, record: Record) -> None:
        keys, address = self._keys, self._checked_record(record)
        due = None if record.due_at is None else to_integer(record.due_at)
        self._put_headed(address, Head(record.revision + 1, due or 0), record.payload)
        ids, dues = keys.record_ids(record.kind), keys.record_dues(record.kind)
        self._indexed[f"{ids}/{record.id}"] = ("ZADD", ids, 0, record.id)
        self._indexed[f"{dues}/{record.id}"] = (
            ("ZREM", dues, record.id) if due is None else ("ZADD", dues, due, record.id)
        )

    def _delete_record(self, record: Record) -> None:
        keys, address = self._keys, self._checked_record(record)
        self._changed[address] = None
        for name in (keys.record_ids(record.kind), keys.record_dues(record.kind)):
            self._indexed[f"{name}/{record.id}"] = ("ZREM", name, record.id)

    def _checked_record(self, record: Record) -> Address:
        address = self._keys.record(record.kind, record.id)
        head: Head | None = self._read(address)
        if (head.revision if head else 0) != record.revision:
            raise Conflict(f"{record.kind} {record.id} was changed or removed since it was loaded")
        return address

    def _home(self, device_id: str) -> tuple[Address, Home, Place]:
        """The household of the device, and its place there."""
        address = self._keys.home_of(device_id)
        home: Home | None = self._read(address)
        place = home.place(device_id) if home is not None else None
        if home is None or place is None:
            raise Conflict(f"there is no device {device_id}")
        return address, home, place

    def _put_subscriber(self, subscriber: Subscriber) -> None:
        address = self._keys.home(subscriber.id)
        home: Home | None = self._read(address)
        if (home.subscriber.revision if home else 0) != subscriber.revision:
            raise Conflict(f"subscriber {subscriber.id} was changed or removed since it was loaded")
        stored = replace(subscriber, revision=subscriber.revision + 1)
        self._move_identities(
            identities_of_subscriber(home.subscriber) if home else [], identities_of_subscriber(subscriber)
        )
        self._changed[address] = Home(stored, home.places if home else ())
        if home is None:
            self._listed[subscriber.id] = True

    def _put_device(self, device: Device) -> None:
        address = self._keys.home_of(device.id)
        home: Home | None = self._read(address)
        if home is None:
            raise Conflict(f"device {device.id} has no subscriber")
        place = home.place(device.id)
        if (place.device.revision if place else 0) != device.revision:
            raise Conflict(f"device {device.id} was changed or removed since it was loaded")
        stored = replace(device, revision=device.revision + 1)
        if place is None or not are_known_alike(place.device, device):
            self._move_identities(identities_of_device(place.device) if place else [], identities_of_device(device))
        if place is None:
            places = (*home.places, Place(stored))
            self._note_sights("JOIN", device.id)
        else:
            places = tuple([Place(stored, one.operations) if one is place else one for one in home.places])
        self._changed[address] = Home(home.subscriber, places)

    def _put_mirror(self, mirror: Mirror) -> None:
        self._home(mirror.device_id)
        address = self._keys.mirror(mirror.device_id)
        head: Head | None = self._read(address)
        if (head.revision if head else 0) != mirror.revision:
            raise Conflict(f"the mirror of device {mirror.device_id} was changed or removed since it was loaded")
        stored = replace(mirror, revision=mirror.revision + 1)
        self._put_headed(address, Head(stored.revision), pack_mirror(stored, self._schema))

    def _put_session(self, session: SessionRecord, now: int) -> None:
        self._home(session.device_id)
        address = self._keys.session(session.device_id)
        head: Head | None = self._read(address)
        if (head.revision if head and head.end > now else 0) != session.revision:
            raise Conflict(f"the session of device {session.device_id} was changed or removed since it was loaded")
        self._put_headed(address, Head(session.revision + 1, to_integer(session.expires_at)), session.payload)

    def _put_operation(self, device_id: str, operation: Operation) -> None:
        address, home, place = self._home(device_id)
        pending = self._keys.pending(device_id)
        final = self._keys.final(device_id, operation.id)
        waiting: tuple[tuple[int, Operation], ...] = self._read(pending) or ()
        number = next((n for n, one in waiting if one.id == operation.id), None)
        if number is None:
            answered = self._read(final)
            number = answered[0] if answered else None
        if number is None:
            number = place.operations
            counted = Place(place.device, number + 1)
            places = tuple(counted if one is place else one for one in home.places)
            self._changed[address] = Home(home.subscriber, places)
        others = tuple(entry for entry in waiting if entry[0] != number)
        if operation.status is None:
            self._changed[pending] = tuple(sorted((*others, (number, operation)), key=lambda entry: entry[0]))
            if len(others) == len(waiting):
                self._changed[final] = None
        else:
            if len(others) != len(waiting):
                self._changed[pending] = others
            self._changed[final] = (number, operation)

    def _delete_subscriber(self, subscriber_id: str) -> None:
        address = self._keys.home(subscriber_id)
        home: Home | None = self._read(address)
        if home is None:
            return
        self._move_identities(identities_of(home), ())
        for place in home.places:
            self._drop_device(place.device.id)
        self._drop_traces(subscriber_id)
        self._dropped[self._keys.trace_number(subscriber_id)] = None
        self._changed[address] = None
        self._listed[subscriber_id] = False

    def _delete_device(self, device_id: str) -> None:
        try:
            address, home, place = self._home(device_id)
        except Conflict:
            return
        self._move_identities(identities_of_device(place.device), ())
        self._drop_device(device_id)
        self._changed[address] = Home(home.subscriber, tuple(one for one in home.places if one is not place))

    def _drop_device(self, device_id: str) -> None:
        keys = self._keys
        self._drop_traces(device_id)
        for address in (keys.mirror(device_id), keys.session(device_id), keys.pending(device_id)):
            self._dropped[address.key] = None
            self._emptied[address] = None
            self._changed.pop(address, None)
        history = keys.final(device_id, "").key
        self._dropped[history] = None
        for address in [address for address in self._changed if address.key == history]:
            del self._changed[address]
        self._note_sights("LEAVE", device_id)

    def _drop_traces(self, owner: str) -> None:
        for proven in (True, False):
            self._dropped[self._keys.trace(owner, proven=proven)] = None

    def _move_identities(self, before: Iterable[tuple[str, str, str]], after: Iterable[tuple[str, str, str]]) -> None:
        """Give up the identities that are no longer wanted, then claim those that are new."""
        held, wanted = dict.fromkeys(before), dict.fromkeys(after)
        for kind, value, owner in held:
            if (kind, value, owner) in wanted:
                continue
            address = self._keys.identity(kind, value)
            if address.kind == "claims":
                left = tuple(one for one in self._read(address) or () if one != owner)
                self._changed[address] = left or None
            elif self._read(address) == owner:
                self._changed[address] = None
        for kind, value, owner in wanted:
            if (kind, value, owner) in held:
                continue
            address = self._keys.identity(kind, value)
            if address.kind == "claims":
                self._changed[address] = (*(one for one in self._read(address) or () if one != owner), owner)
            else:
                holder = self._read(address)
                if holder is not None and holder != owner:
                    raise Conflict(f"another record is in the way: {kind} belongs to {holder}")
                self._changed[address] = owner
