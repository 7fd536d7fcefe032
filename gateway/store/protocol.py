"""What the gateway asks of a store.

The protocol speaks the domain, not keys. Reads that one request needs come back from one call; the writes of one step
go into one ``commit``, which is atomic and durable when it returns. Times are kept to the microsecond.

Records with a ``revision`` are written by compare-and-set: the record to write carries the revision it was loaded with
(0: there is none yet) and is stored with the next one. Whoever goes on with the record after the commit counts it up.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta
from typing import Literal, NamedTuple, Protocol

import msgspec

from gateway.errors import Conflict
from gateway.fleet.device import Device
from gateway.fleet.mirror import Mirror
from gateway.fleet.operation import Operation
from gateway.fleet.search import Search
from gateway.fleet.subscriber import Subscriber

AUDIT = "access.audit"
"""The kind of record that can be added and nothing else, in any store."""

AHEAD = timedelta(minutes=10)
"""So far apart no two processes note that a device was seen, however late they write it."""

LAST = "\U0010ffff"
"""Text that sorts after every id."""

IdentityKind = Literal["id", "imsi", "msisdn", "imei"]


class SessionRecord(msgspec.Struct, frozen=True, kw_only=True):
    """The stored form of a device's protocol session: opaque octets with an end of life and a revision."""

    device_id: str
    payload: bytes
    expires_at: datetime
    revision: int = 0


class Event(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Something that happened, for people and machines to look at later. ``seq`` is set by the store."""

    at: datetime
    kind: str
    subscriber_id: str = ""
    device_id: str = ""
    detail: dict[str, str] = {}
    seq: int = 0


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """Something the gateway keeps by itself, under a name: opaque octets, and when it is to be looked at next.

    ``id`` is unique within its ``kind``; a kind is text of letters and dots. Whoever wants to work on what is due first
    moves ``due_at`` on by compare-and-set, so of all processes one does; without ``due_at`` it waits for nobody.
    """

    kind: str
    id: str
    payload: bytes
    due_at: datetime | None = None
    revision: int = 0


class TraceEntry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One exchange with a device: the octets that came and went, which only the adapter of ``protocol`` can read.

    ``owner`` is the device's id, or the subscriber's where no device is known yet. Secrets in the octets are covered
    already. ``decisions`` say in words what the gateway made of it. ``proven`` is False when whoever asked had not
    proved who he is. ``seq`` grows with time and is set by the store.
    """

    owner: str
    at: datetime
    protocol: str
    request: bytes = b""
    answer: bytes = b""
    decisions: tuple[str, ...] = ()
    proven: bool = True
    seq: int = 0


class Household(NamedTuple):
    """A subscriber with all devices, in the order they were first seen."""

    subscriber: Subscriber
    devices: tuple[Device, ...]

    def device(self, device_id: str) -> Device | None:
        """The one of the devices that has this id."""
        for one in self.devices:
            if one.id == device_id:
                return one
        return None


class Owned(NamedTuple):
    """A device with the subscriber it belongs to, and none of that subscriber's others."""

    subscriber: Subscriber
    device: Device


class Contact(NamedTuple):
    """What one OMA DM message needs: the device, its subscriber, its live session and its pending operations."""

    subscriber: Subscriber
    device: Device
    session: SessionRecord | None
    operations: tuple[Operation, ...]


class PutSubscriber(NamedTuple):
    """Create (revision 0) or replace the subscriber; its IMSIs and MSISDN become findable."""

    subscriber: Subscriber


class PutDevice(NamedTuple):
    """Create (revision 0) or replace the device; its IMEI and LocURI become findable. Needs the subscriber.

    Several devices may have one IMEI, because a phone moves between subscribers.
    """

    device: Device


class PutMirror(NamedTuple):
    """Create (revision 0) or replace the device's reported tree. Needs the device."""

    mirror: Mirror


class PutSession(NamedTuple):
    """Create (revision 0) or replace the device's session. Needs the device.

    A session that ended by ``now`` counts as absent.
    """

    session: SessionRecord
    now: datetime


class PutOperation(NamedTuple):
    """Create or replace one queued operation of the device. Needs the device.

    Operations keep the order in which they were created; one with a status is no longer pending.
    """

    device_id: str
    operation: Operation


class PutEphemeral(NamedTuple):
    """Keep a value under a key until ``expires_at``, in place of any other."""

    key: str
    value: bytes
    expires_at: datetime


class ClaimEphemeral(NamedTuple):
    """The same for a key that is free; the whole commit is refused with Conflict when one under it lives past ``now``.

    Of several at once, in whatever process, one succeeds: what may happen a limited number of times claims a place.
    """

    key: str
    value: bytes
    expires_at: datetime
    now: datetime


class TakeEphemeral(NamedTuple):
    """Remove the key; the whole commit is refused with Conflict when it is absent or ended by ``now`` (single use)."""

    key: str
    now: datetime


class PutRecord(NamedTuple):
    """Create (revision 0) or replace the record; one of kind ``AUDIT`` can only be created."""

    record: Record


class DeleteRecord(NamedTuple):
    """Remove the record; refused with Conflict when its revision is not the stored one.

    One of kind ``AUDIT`` is only removed for its age, and nobody but the audit log says that it is ``aged``.
    """

    record: Record
    aged: bool = False


class DeleteSubscriber(NamedTuple):
    """Remove the subscriber and everything of its devices, traces too, if it is there. The log keeps its events."""

    subscriber_id: str


class DeleteDevice(NamedTuple):
    """Remove the device with its mirror, session, operations and traces. The log keeps its events."""

    device_id: str


class Append(NamedTuple):
    """Add an event to the log. One from another log, with a ``seq``, keeps it if the log here has not come so far."""

    event: Event


Write = (
    PutSubscriber
    | PutDevice
    | PutMirror
    | PutSession
    | PutOperation
    | PutEphemeral
    | ClaimEphemeral
    | TakeEphemeral
    | PutRecord
    | DeleteRecord
    | DeleteSubscriber
    | DeleteDevice
    | Append
)


class Store(Protocol):
    """Durable state of the gateway.

    Every method raises Unavailable when the store cannot be reached.
    """

    async def load_household(self, kind: IdentityKind, value: str) -> Household | None:
        """The subscriber that the id, IMSI, MSISDN (or a device IMEI) names, with all its devices; None if unknown.

        An IMEI names the device that was given it last.
        """
        ...

    async def load_contact(self, loc_uri: str, now: datetime) -> Contact | None:
        """The device with that OMA DM ``Source/LocURI``, compared exactly; None if unknown."""
        ...

    async def load_owned(self, device_id: str) -> Owned | None:
        """One device by id, with its subscriber; None if unknown. It costs less than the whole household."""
        ...

    async def load_mirror(self, device_id: str) -> Mirror:
        """The device's reported tree; an empty one (revision 0) when nothing was reported yet."""
        ...

    async def load_operations(self, device_id: str, *, pending_only: bool = True) -> Sequence[Operation]:
        """The device's queued operations, oldest first; with ``pending_only`` those without a final status."""
        ...

    async def load_ephemeral(self, key: str, now: datetime) -> bytes | None:
        """The live value under the key, or None."""
        ...

    async def load_record(self, kind: str, record_id: str) -> Record | None:
        """The record, or None."""
        ...

    async def load_records(
        self, kind: str, *, prefix: str = "", after: str = "", limit: int = 100, backwards: bool = False
    ) -> Sequence[Record]:
        """Records of the kind whose ids begin so, by ascending id, starting after the given one.

        ``backwards`` they come by descending id, starting below the given one.
        """
        ...

    async def load_due(self, kind: str, now: datetime, limit: int) -> Sequence[Record]:
        """Records of the kind that are due by ``now``, the longest due first."""
        ...

    async def count_waiting(self, kind: str) -> int:
        """How many records of the kind have a ``due_at``, past or to come."""
        ...

    async def commit(self, *writes: Write) -> None:
        """Carry out all writes, in their order, or none; when it returns they are seen by every later load and survive
        a kill -9 of the process. A cancelled commit may or may not have happened.

        Raises: Conflict when a record's revision is not the stored one, when the subscriber or device it needs is not
        there, when an identity (IMSI, MSISDN, LocURI) belongs to another record, when a TakeEphemeral finds nothing,
        or when a ClaimEphemeral finds something.
        """
        ...

    def touch(self, device_id: str, at: datetime) -> None:
        """Note that the device was seen. Written behind in batches: a crash may lose the last second of these.

        The newest counts; one that is ``AHEAD`` of this is of a clock that was wrong, and gives way.
        """
        ...

    def trace(self, entry: TraceEntry, expires_at: datetime, keep: int) -> None:
        """Note an exchange. Written behind like a touch; what cannot be written then is lost.

        Of each owner the store keeps the ``keep`` newest entries that are proven, and apart from those the ``keep``
        newest that are not, so that a stranger cannot push anything out.
        """
        ...

    async def load_trace(self, owners: Sequence[str], limit: int, now: datetime) -> Sequence[TraceEntry]:
        """The newest live exchanges of one household's owners, oldest first, those just noted here included."""
        ...

    async def load_traced_owners(self, limit: int) -> Sequence[str]:
        """Who the newest exchanges that were noted are of, the newest first and each once; some may be gone by now."""
        ...

    async def load_last_seen(self, device_ids: Sequence[str]) -> dict[str, datetime]:
        """When each of the devices was last seen, noted touches included; devices never seen are left out."""
        ...

    def scan_households(self, after: str = "") -> AsyncIterator[Household]:
        """Every subscriber with devices, by ascending subscriber id, starting after the given one.

        Households that stay are given exactly once, whatever is written meanwhile.
        """
        ...

    def search(self, search: Search, after: str = "", *, marks: bool = False) -> AsyncIterator[Household]:
        """Every household with a device of the search, with those devices alone, by ascending subscriber id.

        With ``marks`` one without devices comes now and then where long none is found: it has looked as far as that.

        It starts after the given subscriber. Found are those that are of it all the while; of those that become so, or
        cease to be, meanwhile some may be.
        """
        ...

    async def load_events(
        self,
        *,
        subscriber_id: str = "",
        device_id: str = "",
        after_seq: int = 0,
        limit: int = 100,
        newest: bool = False,
    ) -> Sequence[Event]:
        """Events in the order they were committed; empty filters match all. ``newest`` gives the last ones."""
        ...

    async def last_event(self) -> int:
        """The ``seq`` of the newest event; 0 when there is none."""
        ...

    async def expire(self, now: datetime) -> int:
        """Drop what ended by ``now``; returns how many sessions and ephemeral values that were."""
        ...

    async def forget_events(self, before: datetime) -> int:
        """Drop events from the old end of the log as long as they are from before then; returns how many."""
        ...

    async def close(self) -> None:
        """Flush what is written behind and release everything."""
        ...


def refuse_to_alter_audit(write: PutRecord | DeleteRecord) -> None:
    """What every store asks before it writes or removes a record.

    Raises: Conflict when it is one of the audit log that is there already, and is not dropped for its age.
    """
    aged = isinstance(write, DeleteRecord) and write.aged
    if write.record.kind == AUDIT and write.record.revision and not aged:
        raise Conflict("the audit log is added to and never changed")
