"""A store in which secrets lie sealed: whoever reads its files, or a copy of them, reads none.

It stands before any other store. What the gateway works with has its secrets in it; what is stored has them in
``sealed``, bound to the record that they are of. Names, times and outcomes stay readable, and so does every value that
is no secret.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from typing import TypeVar

import msgspec
from msgspec.structs import replace

from gateway.fleet.device import Device
from gateway.fleet.mirror import Fact, Mirror
from gateway.fleet.operation import Operation
from gateway.fleet.search import Search
from gateway.fleet.secret import is_secret
from gateway.fleet.subscriber import Overrides, Subscriber
from gateway.outreach import members, rollouts
from gateway.sealing import Sealer
from gateway.store.protocol import (
    Contact,
    Household,
    IdentityKind,
    Owned,
    PutDevice,
    PutMirror,
    PutOperation,
    PutRecord,
    PutSubscriber,
    Record,
    Store,
    Write,
)

SEALED = b"\xc1"
"""Begins a payload that is sealed: neither MessagePack nor JSON begins so."""
_KINDS = frozenset({members.WORK, rollouts.KIND})
"""How the kinds begin of which records have values in them: what campaigns give and take away, and profiles."""

_ATTRIBUTES = ""
"""Stands for a subscriber's attributes among the secrets of its MOs: no MO has that key."""

Owner = TypeVar("Owner", Subscriber, Device)


class _Hidden(msgspec.Struct, array_like=True, frozen=True):
    """What of an operation nobody needs to read who looks at a queue. Any value an operator sends may be a secret."""

    value: str | None
    members: tuple[Operation, ...]
    kept: tuple[Operation, ...]
    results: tuple[tuple[str, str], ...]
    answers: tuple[str, ...]


_NOTHING = _Hidden(None, (), (), (), ())
_encode = msgspec.msgpack.Encoder().encode
_decode_hidden = msgspec.msgpack.Decoder(_Hidden).decode
_decode_facts = msgspec.msgpack.Decoder(dict[str, Fact]).decode
_decode_overrides = msgspec.msgpack.Decoder(Overrides).decode


def _secrets(values: Mapping[str, str]) -> dict[str, str]:
    return {name: text for name, text in values.items() if is_secret(name)}


class SealedStore:
    """The store, with what is secret in it sealed on the way in and opened on the way out.

    What was stored in clear before is read as it is, and sealed the next time it is written; what is sealed already,
    as in an export, is stored as it comes.
    """

    def __init__(self, store: Store, sealer: Sealer) -> None:
        self._store = store
        self._sealer = sealer
        self.load_ephemeral = store.load_ephemeral
        self.count_waiting = store.count_waiting
        self.touch = store.touch
        self.trace = store.trace
        self.load_trace = store.load_trace
        self.load_traced_owners = store.load_traced_owners
        self.load_last_seen = store.load_last_seen
        self.load_events = store.load_events
        self.last_event = store.last_event
        self.expire = store.expire
        self.forget_events = store.forget_events
        self.close = store.close

    async def load_household(self, kind: IdentityKind, value: str) -> Household | None:
        """As the protocol says."""
        household = await self._store.load_household(kind, value)
        return household and self._opened_household(household)

    async def load_contact(self, loc_uri: str, now: datetime) -> Contact | None:
        """As the protocol says."""
        contact = await self._store.load_contact(loc_uri, now)
        if contact is None:
            return None
        subscriber, device, session, operations = contact
        if subscriber.sealed or device.sealed or operations:
            operations = self._opened_operations(device.id, operations)
            return Contact(self._opened(subscriber), self._opened(device), session, operations)
        return contact

    async def load_owned(self, device_id: str) -> Owned | None:
        """As the protocol says."""
        owned = await self._store.load_owned(device_id)
        if owned is None or not (owned.subscriber.sealed or owned.device.sealed):
            return owned
        return Owned(self._opened(owned.subscriber), self._opened(owned.device))

    async def load_mirror(self, device_id: str) -> Mirror:
        """As the protocol says."""
        mirror = await self._store.load_mirror(device_id)
        if not mirror.sealed:
            return mirror
        facts = _decode_facts(self._sealer.unseal(mirror.sealed, _purpose("mirror", device_id)))
        return replace(mirror, facts=mirror.facts | facts, sealed=b"")

    async def load_operations(self, device_id: str, *, pending_only: bool = True) -> Sequence[Operation]:
        """As the protocol says."""
        return self._opened_operations(
            device_id, await self._store.load_operations(device_id, pending_only=pending_only)
        )

    async def load_record(self, kind: str, record_id: str) -> Record | None:
        """As the protocol says."""
        record = await self._store.load_record(kind, record_id)
        return record and self._opened_record(record)

    async def load_records(
        self, kind: str, *, prefix: str = "", after: str = "", limit: int = 100, backwards: bool = False
    ) -> Sequence[Record]:
        """As the protocol says."""
        found = await self._store.load_records(kind, prefix=prefix, after=after, limit=limit, backwards=backwards)
        return [self._opened_record(record) for record in found]

    async def load_due(self, kind: str, now: datetime, limit: int) -> Sequence[Record]:
        """As the protocol says."""
        return [self._opened_record(record) for record in await self._store.load_due(kind, now, limit)]

    async def scan_households(self, after: str = "") -> AsyncIterator[Household]:
        """As the protocol says."""
        async for household in self._store.scan_households(after):
            yield self._opened_household(household)

    async def search(self, search: Search, after: str = "", *, marks: bool = False) -> AsyncIterator[Household]:
        """As the protocol says."""
        async for household in self._store.search(search, after, marks=marks):
            yield self._opened_household(household)

    async def commit(self, *writes: Write) -> None:
        """As the protocol says."""
        await self._store.commit(*[self._sealed_write(write) for write in writes])

    def _sealed_write(self, write: Write) -> Write:
        match write:
            case PutDevice(device):
                return PutDevice(self._sealed(device)) if device.overrides else write
            case PutMirror(mirror):
                return PutMirror(self._sealed_mirror(mirror)) if any(map(is_secret, mirror.facts)) else write
            case PutOperation(device_id, operation):
                return PutOperation(device_id, self._sealed_operation(device_id, operation))
            case PutSubscriber(subscriber):
                plain = not subscriber.overrides and not subscriber.attributes
                return write if plain else PutSubscriber(self._sealed(subscriber))
            case PutRecord(record) if record.kind.partition(".")[0] in _KINDS and not record.payload.startswith(SEALED):
                payload = SEALED + self._sealer.seal(record.payload, _purpose(record.kind, record.id))
                return PutRecord(replace(record, payload=payload))
        return write

    def _sealed(self, owner: Owner) -> Owner:
        """The record without the secrets that are set on it; their nodes and names keep their places."""
        if owner.sealed:
            return owner
        hidden = {mo: secrets for mo, leaves in owner.overrides.items() if (secrets := _secrets(leaves))}
        overrides = {mo: leaves | dict.fromkeys(hidden.get(mo, ()), "") for mo, leaves in owner.overrides.items()}
        changes: dict[str, object] = {"overrides": overrides}
        if isinstance(owner, Subscriber) and (secrets := _secrets(owner.attributes)):
            hidden[_ATTRIBUTES] = secrets
            changes["attributes"] = owner.attributes | dict.fromkeys(secrets, "")
        if not hidden:
            return owner
        return replace(owner, sealed=self._sealer.seal(_encode(hidden), _purpose("overrides", owner.id)), **changes)

    def _opened(self, owner: Owner) -> Owner:
        if not owner.sealed:
            return owner
        hidden = _decode_overrides(self._sealer.unseal(owner.sealed, _purpose("overrides", owner.id)))
        changes: dict[str, object] = {
            "overrides": {mo: leaves | hidden.get(mo, {}) for mo, leaves in owner.overrides.items()}
        }
        if isinstance(owner, Subscriber) and _ATTRIBUTES in hidden:
            changes["attributes"] = owner.attributes | hidden[_ATTRIBUTES]
        return replace(owner, sealed=b"", **changes)

    def _opened_household(self, household: Household) -> Household:
        subscriber, devices = household
        # Nearly none has secrets, and a loop tells that at a third of what a generator costs.
        has_secrets = bool(subscriber.sealed)
        for device in devices:
            has_secrets = has_secrets or bool(device.sealed)
        return Household(self._opened(subscriber), tuple(map(self._opened, devices))) if has_secrets else household

    def _sealed_mirror(self, mirror: Mirror) -> Mirror:
        """The reported tree without the values of secrets; that they are there, and since when, stays."""
        if mirror.sealed:
            return mirror
        hidden = {uri: fact for uri, fact in mirror.facts.items() if is_secret(uri)}
        shown = {uri: replace(fact, sent=None, acknowledged=None, read=None) for uri, fact in hidden.items()}
        sealed = self._sealer.seal(_encode(hidden), _purpose("mirror", mirror.device_id))
        return replace(mirror, facts=mirror.facts | shown, sealed=sealed)

    def _sealed_operation(self, device_id: str, one: Operation) -> Operation:
        hidden = _Hidden(one.value, one.members, one.kept, one.results, one.answers)
        if one.sealed or hidden == _NOTHING:
            return one
        sealed = self._sealer.seal(_encode(hidden), _purpose("operation", f"{device_id}/{one.id}"))
        return replace(one, value=None, members=(), kept=(), results=(), answers=(), sealed=sealed)

    def _opened_operations(self, device_id: str, operations: Sequence[Operation]) -> tuple[Operation, ...]:
        return tuple([self._opened_operation(device_id, one) if one.sealed else one for one in operations])

    def _opened_operation(self, device_id: str, one: Operation) -> Operation:
        hidden = _decode_hidden(self._sealer.unseal(one.sealed, _purpose("operation", f"{device_id}/{one.id}")))
        return replace(
            one,
            value=hidden.value,
            members=hidden.members,
            kept=hidden.kept,
            results=hidden.results,
            answers=hidden.answers,
            sealed=b"",
        )

    def _opened_record(self, record: Record) -> Record:
        if not record.payload.startswith(SEALED):
            return record
        payload = self._sealer.unseal(record.payload.removeprefix(SEALED), _purpose(record.kind, record.id))
        return replace(record, payload=payload)


def _purpose(kind: str, of: str) -> str:
    """What a secret is sealed for: in another record's place it does not open."""
    return f"store:{kind}:{of}"
