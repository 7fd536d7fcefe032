"""A store is indistinguishable from plain dicts: a machine that writes to both and compares all they can answer."""

from __future__ import annotations

import asyncio
import tempfile
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from msgspec.structs import replace
from store_scene import load_device
from stores import OPENERS

from gateway.errors import Conflict
from gateway.fleet.device import Credential, Device, OmaDmState
from gateway.fleet.mirror import Mirror
from gateway.fleet.operation import Operation
from gateway.fleet.subscriber import Subscriber
from gateway.store.protocol import (
    AHEAD,
    Append,
    ClaimEphemeral,
    Contact,
    DeleteDevice,
    DeleteRecord,
    DeleteSubscriber,
    Event,
    Household,
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
)

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
SUBSCRIBERS = ("a", "a.1", "b")
DEVICES = tuple(f"{subscriber}.{n}" for subscriber in SUBSCRIBERS for n in (2, 1))
LOC_URIS = ("", "uri-1", "uri-2", "uri-3")
IMSIS = ("1", "2", "3")
IMEIS = ("", "35", "36")
KEYS = ("k", "ключ")
RECORD_KINDS = ("chore", "chore.part")
RECORD_IDS = ("c", "c/1", "c/2", "d")

subscriber_ids = st.sampled_from(SUBSCRIBERS)
device_ids = st.sampled_from(DEVICES)
names = st.sampled_from(("x", "y", "z"))
hours = st.integers(0, 3)
wrong_by = st.sampled_from((0, 0, 0, 0, 0, 1, -1))
"""How far a write's revision is off the stored one: mostly right."""


@dataclass
class Model:
    """What the store should hold, in dicts whose order is the order of creation."""

    subscribers: dict[str, Subscriber] = field(default_factory=dict)
    devices: dict[str, Device] = field(default_factory=dict)
    claims: list[tuple[str, str]] = field(default_factory=list)
    mirrors: dict[str, Mirror] = field(default_factory=dict)
    sessions: dict[str, SessionRecord] = field(default_factory=dict)
    operations: dict[tuple[str, str], Operation] = field(default_factory=dict)
    ephemerals: dict[str, tuple[bytes, datetime]] = field(default_factory=dict)
    records: dict[tuple[str, str], Record] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    seen: dict[str, datetime] = field(default_factory=dict)

    def copy(self) -> Model:
        return Model(**{name: value.copy() for name, value in vars(self).items()})

    def live(self, device_id: str, now: datetime) -> SessionRecord | None:
        session = self.sessions.get(device_id)
        return session if session is not None and session.expires_at > now else None

    def household(self, subscriber_id: str) -> Household:
        devices = (device for device in self.devices.values() if device.subscriber_id == subscriber_id)
        return Household(self.subscribers[subscriber_id], tuple(devices))

    def pending(self, device_id: str, pending_only: bool = True) -> list[Operation]:
        return [
            operation
            for (owner, _), operation in self.operations.items()
            if owner == device_id and not (pending_only and operation.status is not None)
        ]

    def write(self, write: Write) -> None:
        match write:
            case PutSubscriber(subscriber):
                self.put_subscriber(subscriber)
            case PutDevice(device):
                self.put_device(device)
            case PutMirror(mirror):
                expect(mirror.device_id in self.devices)
                expect(mirror.revision == revision(self.mirrors.get(mirror.device_id)))
                self.mirrors[mirror.device_id] = replace(mirror, revision=mirror.revision + 1)
            case PutSession(session, now):
                expect(session.device_id in self.devices)
                expect(session.revision == revision(self.live(session.device_id, now)))
                self.sessions[session.device_id] = replace(session, revision=session.revision + 1)
            case PutOperation(device_id, operation):
                expect(device_id in self.devices)
                self.operations[device_id, operation.id] = operation
            case PutEphemeral(key, value, expires_at):
                self.ephemerals[key] = (value, expires_at)
            case ClaimEphemeral(key, value, expires_at, now):
                expect(key not in self.ephemerals or self.ephemerals[key][1] <= now)
                self.ephemerals[key] = (value, expires_at)
            case TakeEphemeral(key, now):
                expect(key in self.ephemerals and self.ephemerals[key][1] > now)
                del self.ephemerals[key]
            case PutRecord() | DeleteRecord():
                self.write_record(write)
            case DeleteSubscriber(subscriber_id):
                for device in [one for one in self.devices.values() if one.subscriber_id == subscriber_id]:
                    self.delete_device(device.id)
                self.subscribers.pop(subscriber_id, None)
            case DeleteDevice(device_id):
                self.delete_device(device_id)
            case Append(event):
                self.events.append(event)

    def write_record(self, write: PutRecord | DeleteRecord) -> None:
        record, key = write.record, (write.record.kind, write.record.id)
        expect(record.revision == revision(self.records.get(key)))
        if isinstance(write, PutRecord):
            self.records[key] = replace(record, revision=record.revision + 1)
        else:
            expect(self.records.pop(key, None) is not None)

    def put_subscriber(self, subscriber: Subscriber) -> None:
        expect(subscriber.revision == revision(self.subscribers.get(subscriber.id)))
        others = [one for one in self.subscribers.values() if one.id != subscriber.id]
        expect(not any(set(one.imsis) & set(subscriber.imsis) for one in others))
        expect(not any(one.msisdn == subscriber.msisdn != "" for one in others))
        self.subscribers[subscriber.id] = replace(subscriber, revision=subscriber.revision + 1)

    def put_device(self, device: Device) -> None:
        stored = self.devices.get(device.id)
        expect(device.revision == revision(stored) and device.subscriber_id in self.subscribers)
        others = [one for one in self.devices.values() if one.id != device.id]
        expect(loc_uri(device) not in {loc_uri(one) for one in others} - {""})
        if device.imei != (stored.imei if stored else ""):
            self.claims = [claim for claim in self.claims if claim[1] != device.id]
            self.claims.append((device.imei, device.id))
        self.devices[device.id] = replace(device, revision=device.revision + 1)

    def delete_device(self, device_id: str) -> None:
        self.claims = [claim for claim in self.claims if claim[1] != device_id]
        for record in (self.devices, self.mirrors, self.sessions, self.seen):
            record.pop(device_id, None)
        for key in [key for key in self.operations if key[0] == device_id]:
            del self.operations[key]


def expect(condition: bool) -> None:
    if not condition:
        raise Conflict("the model refuses")


def revision(record: Subscriber | Device | Mirror | SessionRecord | Record | None) -> int:
    return record.revision if record else 0


def loc_uri(device: Device) -> str:
    return device.omadm.loc_uri if device.omadm else ""


class StoreMachine(RuleBasedStateMachine):
    """Builds batches write by write, commits some of them together, and reopens the store now and then."""

    kind = "sqlite"

    def __init__(self) -> None:
        super().__init__()
        self.directory = tempfile.TemporaryDirectory()
        self.runner = asyncio.Runner()
        self.model = Model()
        self.now = EPOCH
        self.batch: list[Write] = []
        self.batches: list[list[Write]] = []
        self.open()

    def open(self) -> None:
        self.store = self.runner.run(OPENERS[self.kind](Path(self.directory.name)))

    def teardown(self) -> None:
        self.runner.run(self.store.close())
        self.runner.close()
        self.directory.cleanup()

    @rule(key=subscriber_ids, imsis=st.sets(st.sampled_from(IMSIS), max_size=2), tel=st.booleans(), off=wrong_by)
    def put_subscriber(self, key: str, imsis: set[str], tel: bool, off: int) -> None:
        stored = self.model.subscribers.get(key)
        self.batch.append(
            PutSubscriber(
                Subscriber(
                    id=key,
                    imsis=tuple(sorted(imsis)),
                    msisdn="+1" if tel else "",
                    revision=max(revision(stored) + off, 0),
                )
            )
        )

    @rule(key=device_ids, uri=st.sampled_from(LOC_URIS), imei=st.sampled_from(IMEIS), off=wrong_by)
    def put_device(self, key: str, uri: str, imei: str, off: int) -> None:
        omadm = OmaDmState(loc_uri=uri, client=Credential(name="n", secret=b"s")) if uri else None
        count = max(revision(self.model.devices.get(key)) + off, 0)
        self.batch.append(PutDevice(Device(id=key, imei=imei, omadm=omadm, revision=count)))

    @rule(key=device_ids, root=names, off=wrong_by)
    def put_mirror(self, key: str, root: str, off: int) -> None:
        count = max(revision(self.model.mirrors.get(key)) + off, 0)
        self.batch.append(PutMirror(Mirror(device_id=key, complete=(root,), revision=count)))

    @rule(key=device_ids, payload=st.binary(max_size=3), life=hours, off=wrong_by)
    def put_session(self, key: str, payload: bytes, life: int, off: int) -> None:
        count = max(revision(self.model.live(key, self.now)) + off, 0)
        end = self.now + timedelta(hours=life)
        record = SessionRecord(device_id=key, payload=payload, expires_at=end, revision=count)
        self.batch.append(PutSession(record, self.now))

    @rule(key=device_ids, name=names, status=st.sampled_from((None, None, 200)))
    def put_operation(self, key: str, name: str, status: int | None) -> None:
        self.batch.append(PutOperation(key, Operation(id=name, verb="Get", uri=name, status=status)))

    @rule(key=st.sampled_from(KEYS), value=st.binary(max_size=3), life=hours)
    def put_ephemeral(self, key: str, value: bytes, life: int) -> None:
        self.batch.append(PutEphemeral(key, value, self.now + timedelta(hours=life)))

    @rule(key=st.sampled_from(KEYS), value=st.binary(max_size=3), life=hours)
    def claim_ephemeral(self, key: str, value: bytes, life: int) -> None:
        self.batch.append(ClaimEphemeral(key, value, self.now + timedelta(hours=life), self.now))

    @rule(key=st.sampled_from(KEYS))
    def take_ephemeral(self, key: str) -> None:
        self.batch.append(TakeEphemeral(key, self.now))

    @rule(
        kind=st.sampled_from(RECORD_KINDS),
        key=st.sampled_from(RECORD_IDS),
        payload=st.binary(max_size=3),
        due=st.none() | hours,
        off=wrong_by,
        deletes=st.booleans(),
    )
    def put_record(self, kind: str, key: str, payload: bytes, due: int | None, off: int, deletes: bool) -> None:
        stored = max(0, revision(self.model.records.get((kind, key))) + off)
        due_at = None if due is None else self.now + timedelta(hours=due)
        record = Record(kind=kind, id=key, payload=payload, due_at=due_at, revision=stored)
        self.batch.append(DeleteRecord(record) if deletes and stored else PutRecord(record))

    @rule(key=device_ids)
    def delete_device(self, key: str) -> None:
        self.batch.append(DeleteDevice(key))

    @rule(key=subscriber_ids)
    def delete_subscriber(self, key: str) -> None:
        self.batch.append(DeleteSubscriber(key))

    @rule(
        kind=st.text(st.characters(exclude_categories=["Cs"]), max_size=3), subscriber=subscriber_ids, device=device_ids
    )
    def append(self, kind: str, subscriber: str, device: str) -> None:
        self.batch.append(Append(Event(at=self.now, kind=kind, subscriber_id=subscriber, device_id=device)))

    @rule()
    def end_batch(self) -> None:
        self.batches.append(self.batch)
        self.batch = []

    @rule()
    def commit(self) -> None:
        """All batches at the same moment: their order is kept, and those the model refuses end in Conflict."""
        batches, self.batches, self.batch = [*self.batches, self.batch], [], []

        async def together() -> list[BaseException | None]:
            return await asyncio.gather(*(self.store.commit(*batch) for batch in batches), return_exceptions=True)

        outcomes = self.runner.run(together())
        for batch, outcome in zip(batches, outcomes, strict=True):
            trial = self.model.copy()
            try:
                for write in batch:
                    trial.write(write)
            except Conflict:
                assert isinstance(outcome, Conflict), (batch, outcome)
            else:
                assert outcome is None, (batch, outcome)
                self.model = trial

    @rule(key=device_ids, ago=hours)
    def touch(self, key: str, ago: int) -> None:
        at = self.now - timedelta(hours=ago)
        self.runner.run(self._touch(key, at))
        if key in self.model.devices:
            seen = self.model.seen.get(key, at)
            self.model.seen[key] = at if seen > at + AHEAD else max(at, seen)

    async def _touch(self, key: str, at: datetime) -> None:
        if key in self.model.devices:
            self.store.touch(key, at)

    @rule(passed=hours)
    def expire(self, passed: int) -> None:
        self.now += timedelta(hours=passed)
        sessions = {key: one for key, one in self.model.sessions.items() if one.expires_at > self.now}
        ephemerals = {key: one for key, one in self.model.ephemerals.items() if one[1] > self.now}
        gone = len(self.model.sessions) - len(sessions) + len(self.model.ephemerals) - len(ephemerals)
        assert self.runner.run(self.store.expire(self.now)) == gone
        self.model.sessions, self.model.ephemerals = sessions, ephemerals

    @rule()
    def reopen(self) -> None:
        self.runner.run(self.store.close())
        self.open()

    @invariant()
    def answers_alike(self) -> None:
        self.runner.run(self._compare())

    async def _compare(self) -> None:
        store, model = self.store, self.model
        assert [one async for one in store.scan_households()] == [
            model.household(key) for key in sorted(model.subscribers)
        ]
        owners: dict[tuple[str, str], str] = {("id", key): key for key in model.subscribers}
        owners |= {("imsi", imsi): one.id for one in model.subscribers.values() for imsi in one.imsis}
        owners |= {("msisdn", one.msisdn): one.id for one in model.subscribers.values() if one.msisdn}
        owners |= {("imei", imei): model.devices[device].subscriber_id for imei, device in model.claims if imei}
        for kind, values in (("id", SUBSCRIBERS), ("imsi", IMSIS), ("msisdn", ("+1", "")), ("imei", IMEIS)):
            for value in values:
                owner = owners.get((kind, value))
                assert await store.load_household(kind, value) == (model.household(owner) if owner else None)
        by_uri = {loc_uri(device): device for device in model.devices.values()}
        for uri in LOC_URIS:
            contact = await store.load_contact(uri, self.now)
            device = by_uri.get(uri) if uri else None
            assert contact == (
                device
                and Contact(
                    model.subscribers[device.subscriber_id],
                    device,
                    model.live(device.id, self.now),
                    tuple(model.pending(device.id)),
                )
            )
        for key in DEVICES:
            assert await load_device(store, key) == model.devices.get(key)
            assert await store.load_mirror(key) == model.mirrors.get(key, Mirror(device_id=key))
            for pending_only in (True, False):
                operations = await store.load_operations(key, pending_only=pending_only)
                assert list(operations) == model.pending(key, pending_only)
            events = await store.load_events(device_id=key)
            assert [replace(event, seq=0) for event in events] == [one for one in model.events if one.device_id == key]
        for key in KEYS:
            kept, end = model.ephemerals.get(key, (None, EPOCH))
            assert await store.load_ephemeral(key, self.now) == (kept if end > self.now else None)
        for kind in RECORD_KINDS:
            kept = sorted((one for one in model.records.values() if one.kind == kind), key=lambda one: one.id)
            assert list(await store.load_records(kind)) == kept
            assert list(await store.load_records(kind, prefix="c/")) == [one for one in kept if one.id[:2] == "c/"]
            assert list(await store.load_records(kind, after="c", limit=2)) == [one for one in kept if one.id > "c"][:2]
            assert list(await store.load_records(kind, backwards=True)) == kept[::-1]
            for key in RECORD_IDS:
                assert await store.load_record(kind, key) == model.records.get((kind, key))
            waiting = [one for one in kept if one.due_at is not None]
            assert await store.count_waiting(kind) == len(waiting)
            due = await store.load_due(kind, self.now, 10)
            assert sorted(due, key=lambda one: one.id) == [one for one in waiting if one.due_at <= self.now]
            assert [one.due_at for one in due] == sorted(one.due_at for one in due)
        assert await store.load_last_seen(DEVICES) == model.seen


class RedisMachine(StoreMachine):
    """The same over one Redis server."""

    kind = "redis"


class ClusterMachine(StoreMachine):
    """The same over a Redis Cluster, where a commit may be a transaction over several nodes."""

    kind = "cluster"


StoreMachine.TestCase.settings = settings(max_examples=50, stateful_step_count=40, deadline=None)
RedisMachine.TestCase.settings = settings(max_examples=20, stateful_step_count=40, deadline=None)
ClusterMachine.TestCase.settings = settings(max_examples=20, stateful_step_count=40, deadline=None)
test_store_model = StoreMachine.TestCase
test_redis_model = RedisMachine.TestCase
test_cluster_model = ClusterMachine.TestCase
