"""What operators do with subscribers, devices and values: find, create, change, remove.

Every change loads what it needs, works out the records that follow and commits them by compare-and-set; a change that
lost against another writer is worked out once more from fresh records.
"""

from __future__ import annotations

import functools
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import NamedTuple, TypeVar

import msgspec
from msgspec.structs import replace

from gateway.errors import ConfigError, Conflict, NotFound
from gateway.fleet.consistency import Breach
from gateway.fleet.device import Device
from gateway.fleet.operation import Operation
from gateway.fleet.profile import check_override
from gateway.fleet.secret import covered
from gateway.fleet.subscriber import Overrides, ServiceState, Sim, Subscriber
from gateway.fleet.tenancy import own_id, own_reference
from gateway.ims_credentials import with_new_credential
from gateway.mo.catalogue import Catalogue
from gateway.sealing import Sealer
from gateway.store.protocol import (
    Append,
    DeleteDevice,
    DeleteSubscriber,
    Event,
    Household,
    IdentityKind,
    PutDevice,
    PutOperation,
    PutSubscriber,
    Store,
    Write,
)

SIM_PURPOSE = "sim-keys"
SIM_KEY_BYTES = 16


class SimKeys(NamedTuple):
    """The keys of one SIM for Milenage, 16 octets each."""

    k: bytes
    opc: bytes


class ValueEdits(NamedTuple):
    """Values to set, by node address, and addresses whose value is taken back."""

    set: Mapping[str, str]
    unset: Sequence[str] = ()


_Change = tuple[str, str, str | None]
"""Key of the MO, path of the node, and its value; None to take it back."""


class Inventory:
    """The operator's use cases over a store; ``clock`` gives aware UTC times.

    ``breaches`` are the rules over several nodes that a device breaks: values that add one are refused.
    """

    def __init__(
        self,
        store: Store,
        catalogue: Catalogue,
        sealer: Sealer,
        clock: Callable[[], datetime],
        breaches: Callable[[Subscriber, Device], Sequence[Breach]] = lambda *_: (),
    ) -> None:
        self._breaches = breaches
        self._store = store
        self._catalogue = catalogue
        self._sealer = sealer
        self._clock = clock

    def adopt(self, catalogue: Catalogue) -> None:
        """Check values by this catalogue from now on."""
        self._catalogue = catalogue

    async def find(self, reference: str, tenant: str = "") -> Household:
        """The subscriber that an id, IMSI, MSISDN, IMEI or device id names, with all devices.

        With a ``tenant`` only one of theirs, by their own ids before others; another's is not there at all.

        Raises: NotFound.
        """
        if tenant:
            return (await self.named(reference, tenant))[0]
        for kind, value in _readings(reference):
            household = await self._store.load_household(kind, value)
            if household is None:
                continue
            if kind != "id" or value == reference or any(device.id == reference for device in household.devices):
                return household
        raise NotFound(absent(reference))

    async def named(self, reference: str, tenant: str) -> tuple[Household, str]:
        """The same for a caller of that tenant, and the reference by which anybody finds it. Raises: NotFound."""
        for one in (own_reference(reference, tenant), reference):
            with suppress(NotFound):
                household = await self.find(one)
                if household.subscriber.tenant == tenant:
                    return household, one
        raise NotFound(absent(reference))

    async def id_for(self, subscriber_id: str, tenant: str) -> str:
        """The id of the subscriber that a caller of that tenant calls so, or that a new one of theirs is to have."""
        if not tenant or not subscriber_id:
            return subscriber_id
        with suppress(NotFound):
            known = (await self.find(subscriber_id, tenant)).subscriber.id
            if subscriber_id == known:
                return known
        return own_id(subscriber_id, tenant)

    async def find_device(self, reference: str, device_id: str = "") -> tuple[Household, Device]:
        """The device that a device id or an IMEI names, or the only device of the subscriber that it names.

        With ``device_id`` it is that device of theirs.

        Raises: NotFound when there is none, or more than one to choose from.
        """
        household = await self.find(reference)
        if device_id:
            reference = device_id
        named = [device for device in household.devices if reference == device.id or reference == device.imei]
        if not named and (device_id or len(household.devices) != 1):
            known = ", ".join(device.id for device in household.devices) or "none"
            raise NotFound(
                f"{reference!r} does not name one device; devices of subscriber {household.subscriber.id}: {known}"
            )
        return household, named[0] if named else household.devices[0]

    async def create_subscriber(
        self,
        *,
        imsis: Sequence[str],
        msisdn: str = "",
        tenant: str = "",
        plan: str = "",
        groups: Sequence[str] = (),
        attributes: Mapping[str, str] | None = None,
        subscriber_id: str = "",
    ) -> Subscriber:
        """A new subscriber.

        Raises: Conflict when the id, an IMSI or the MSISDN belongs to somebody already.
        """
        subscriber = Subscriber(
            id=subscriber_id or secrets.token_hex(6),
            imsis=tuple(imsis),
            msisdn=msisdn,
            tenant=tenant,
            plan=plan,
            groups=tuple(groups),
            attributes=dict(attributes or {}),
        )
        try:
            await self._store.commit(
                PutSubscriber(subscriber), self._event("subscriber.created", subscriber_id=subscriber.id)
            )
        except Conflict:
            raise Conflict(await self.taken(subscriber)) from None
        return msgspec.structs.replace(subscriber, revision=1)

    async def taken(self, subscriber: Subscriber) -> str:
        """Which identity of a subscriber that could not be stored is another's already, for people.

        Whose it is, is told of no other tenant.
        """
        identities: list[tuple[IdentityKind, str]] = [("id", subscriber.id), ("msisdn", subscriber.msisdn)]
        identities += [("imsi", imsi) for imsi in subscriber.imsis]
        for kind, value in identities:
            household = await self._store.load_household(kind, value) if value else None
            if household is None or (subscriber.revision and household.subscriber.id == subscriber.id):
                continue
            owner = household.subscriber
            whose = f"subscriber {owner.id}" if subscriber.tenant in ("", owner.tenant) else "somebody else"
            return f"{kind} {value} belongs to {whose} already; change or delete that one first"
        return "another change was quicker; try again"

    async def delete_subscriber(self, reference: str) -> None:
        """Remove the subscriber with all devices."""
        household = await self.find(reference)
        subscriber_id = household.subscriber.id
        await self._store.commit(
            DeleteSubscriber(subscriber_id), self._event("subscriber.deleted", subscriber_id=subscriber_id)
        )

    async def delete_device(self, reference: str) -> None:
        """Remove one device."""
        _, device = await self.find_device(reference)
        await self._store.commit(
            DeleteDevice(device.id),
            self._event("device.deleted", subscriber_id=device.subscriber_id, device_id=device.id),
        )

    def address_of(self, node: str) -> str:
        """The one spelling of a node's address. Raises: NotFound when there is no such node."""
        managed, path, _ = self._catalogue.find(node)
        return "/".join((managed.key, *path))

    async def set_values(self, reference: str, values: Mapping[str, str], unset: Sequence[str] = ()) -> list[str]:
        """Set values of a subscriber, or of one device when the reference is a device id; returns warnings.

        ``values`` is node address (``MO/path``) -> text, ``unset`` are addresses whose value here is taken back. What
        is set already changes nothing and no version. A rule that was broken before stands in nobody's way.

        Raises: NotFound for an unknown node, ConfigError for a value that the node cannot have, or for values that
        break a rule over several nodes on one of the devices; nothing is changed then.
        """
        changes, warnings = self._value_changes(ValueEdits(values, unset))

        async def attempt() -> None:
            household = await self.find(reference)
            device = next((device for device in household.devices if device.id == reference), None)
            owner: Subscriber | Device = device or household.subscriber
            updated = _with_values(owner, changes)
            if updated is owner:
                return
            self.check_household(household, updated)
            write: Write = PutDevice(updated) if isinstance(updated, Device) else PutSubscriber(updated)
            detail = covered({f"{mo}/{path}": text or "" for mo, path, text in changes})
            event = self._event(
                "values.changed",
                subscriber_id=household.subscriber.id,
                device_id=device.id if device else "",
                detail=detail,
            )
            await self._store.commit(write, event)

        await _once_more(attempt)
        return warnings

    def check_rules(
        self, subscriber: Subscriber, device: Device, was: tuple[Subscriber, Device], *, where: str = ""
    ) -> None:
        """A device with these records breaks no rule over several nodes that it kept as it ``was``.

        Raises: ConfigError naming the nodes and the mend; ``where`` is added to what it says.
        """
        broken = self._breaches(subscriber, device)
        old = [(breach.rule, breach.node) for breach in self._breaches(*was)] if broken else []
        for breach in broken:
            if (breach.rule, breach.node) not in old:
                raise ConfigError(f"{breach}{where}", key=breach.node)

    def check_household(self, household: Household, updated: Subscriber | Device) -> None:
        """With this subscriber, or this device, no device breaks a rule that it kept. Raises: ConfigError."""
        was, devices = household.subscriber, household.devices or (Device(id=next_device_id(household)),)
        for device in devices:
            where = f" (on device {device.id})" if len(devices) > 1 else ""
            if isinstance(updated, Subscriber):
                self.check_rules(updated, device, (was, device), where=where)
            elif updated.id == device.id:
                self.check_rules(was, updated, (was, device), where=where)

    def checked_values(self, values: Mapping[str, str], *, unset: bool = False) -> dict[str, str]:
        """The values by the canonical addresses of their nodes, in their canonical form.

        Raises: NotFound for an unknown node, ConfigError for a value that the node cannot have.
        """
        checked = {}
        for address, text in values.items():
            managed, path, _ = self._catalogue.find(address)
            canonical = text if unset else check_override(self._catalogue, address, text)[0]
            checked["/".join((managed.key, *path))] = canonical
        return checked

    def with_values(self, device: Device, changes: Mapping[str, str | None]) -> tuple[Device, dict[str, str | None]]:
        """The device with these values of its own, None taking one back, and what it had before of those that differ.

        The addresses are canonical. The same object comes back when the device has it all.
        """
        split = [(*address.partition("/")[::2], text) for address, text in changes.items()]
        previous = {f"{mo}/{path}": device.overrides.get(mo, {}).get(path) for mo, path, _ in split}
        return _with_values(device, split), previous

    async def try_values(
        self, reference: str, of_subscriber: ValueEdits, of_device: ValueEdits
    ) -> tuple[Subscriber, Device, list[str]]:
        """One device and its subscriber as these edits would leave them, and warnings; nothing is stored.

        Raises: NotFound, ConfigError as ``set_values`` does.
        """
        household, device = await self.find_device(reference)
        changes, warnings = self._value_changes(of_subscriber)
        own_changes, own_warnings = self._value_changes(of_device)
        subscriber = _with_values(household.subscriber, changes)
        return subscriber, _with_values(device, own_changes), warnings + own_warnings

    def _value_changes(self, edits: ValueEdits) -> tuple[list[_Change], list[str]]:
        """The edits by MO and path, checked, and warnings."""
        warnings: list[str] = []
        changes: list[_Change] = []
        for address, text in edits.set.items():
            managed, path, _ = self._catalogue.find(address)
            canonical, warning = check_override(self._catalogue, address, text)
            changes.append((managed.key, "/".join(path), canonical))
            if warning:
                warnings.append(warning)
        for address in edits.unset:
            managed, path, _ = self._catalogue.find(address)
            changes.append((managed.key, "/".join(path), None))
        return changes, warnings

    async def set_sim(self, reference: str, imsi: str, keys: SimKeys | None, *, sqn: int = 0) -> None:
        """Keep the keys of one of the subscriber's SIMs, for EAP-AKA; they are never shown. None forgets them.

        Raises: NotFound when the subscriber has no such IMSI, ConfigError for keys that are none.
        """
        if keys is not None and not len(keys.k) == len(keys.opc) == SIM_KEY_BYTES:
            raise ConfigError(f"K and OPc are {SIM_KEY_BYTES} octets each", key="k, opc")

        async def attempt() -> None:
            subscriber = (await self.find(reference)).subscriber
            if imsi not in subscriber.imsis:
                raise NotFound(f"subscriber {subscriber.id} has no IMSI {imsi}")
            sims = {known: sim for known, sim in subscriber.sims.items() if known in subscriber.imsis and known != imsi}
            if keys is not None:
                sims[imsi] = Sim(keys=self._sealer.seal(keys.k + keys.opc, SIM_PURPOSE), sqn=sqn)
            await self._store.commit(
                PutSubscriber(msgspec.structs.replace(subscriber, sims=sims)),
                self._event("sim.changed", subscriber_id=subscriber.id),
            )

        await _once_more(attempt)

    async def set_state(self, reference: str, state: ServiceState, application: str = "") -> None:
        """What the network wants for a subscriber, or with the key of an MO for that application of theirs.

        A device whose user had asked for a service that waited for it has to ask again.

        Raises: NotFound for an unknown subscriber or MO.
        """
        mo = self._catalogue.get(application).key if application else ""

        async def attempt() -> None:
            household = await self.find(reference)
            subscriber = household.subscriber
            if mo:
                states = {name: one for name, one in subscriber.application_states.items() if name != mo}
                if state is not ServiceState.ACTIVE:
                    states[mo] = state
                changed = msgspec.structs.replace(subscriber, application_states=states)
            else:
                changed = msgspec.structs.replace(subscriber, state=state)
            changed = msgspec.structs.replace(changed, content_revision=subscriber.content_revision + 1)
            detail = {"state": state.name.lower()} | ({"application": mo} if mo else {})
            event = self._event("subscriber.state", subscriber_id=subscriber.id, detail=detail)
            asleep = [_asleep(device) for device in household.devices]
            awake = [
                PutDevice(device) for device, was in zip(asleep, household.devices, strict=False) if device is not was
            ]
            await self._store.commit(PutSubscriber(changed), *awake, event)

        await _once_more(attempt)

    async def set_device_state(self, reference: str, state: ServiceState | None, *, revoke: bool = False) -> None:
        """What the network wants for one device, None for what it wants for the subscriber.

        With ``revoke`` the device's RCC.14 tokens are no good any more, and its credential for IMS is another.

        Raises: NotFound.
        """

        async def attempt() -> None:
            _, device = await self.find_device(reference)
            changed = msgspec.structs.replace(_asleep(device), state=state)
            if revoke and changed.rcc14 is not None:
                changed = msgspec.structs.replace(changed, rcc14=changed.rcc14.without_tokens())
            told = functools.partial(self._event, subscriber_id=device.subscriber_id, device_id=device.id)
            detail = {"state": "" if state is None else state.name.lower()}
            events = [told("device.revoked" if revoke else "device.state", detail=detail)]
            if revoke and changed.rcc14 is not None and changed.rcc14.ims_serial:
                changed = with_new_credential(changed)
                events.append(told("ims_credential.made"))
            await self._store.commit(PutDevice(changed), *events)

        await _once_more(attempt)

    async def revoke_token(self, reference: str) -> None:
        """The device's RCC.14 tokens are no good any more; it has to prove anew who it is.

        Raises: NotFound.
        """
        _, device = await self.find_device(reference)
        await self.set_device_state(device.id, device.state, revoke=True)

    async def read_credential(self, reference: str, *, anew: bool = False) -> tuple[Household, Device]:
        """The device whose Digest credential for IMS somebody is to see; ``anew`` makes another first.

        Raises: NotFound, also when the device has none.
        """

        async def attempt() -> tuple[Household, Device]:
            household, device = await self.find_device(reference)
            if device.rcc14 is None or not device.rcc14.ims_serial:
                raise NotFound(
                    f"device {device.id} has no Digest credential: one is made with its first document that has"
                    " {ims_password}"
                )
            told = functools.partial(self._event, subscriber_id=device.subscriber_id, device_id=device.id)
            writes: list[Write] = [told("ims_credential.read")]
            if anew:
                device = with_new_credential(device)
                writes = [PutDevice(device), told("ims_credential.made"), *writes]
            await self._store.commit(*writes)
            return household, device

        try:
            return await attempt()
        except Conflict:
            return await attempt()

    async def enqueue(self, reference: str, operation: Operation) -> Operation:
        """The operation for the device's next OMA DM session, with an id; those of a group's members begin with it.

        Raises: NotFound, also when the operation waits for one that is not in the device's queue.
        """
        _, device = await self.find_device(reference)
        if operation.condition is not None:
            waiting = {queued.id for queued in await self._store.load_operations(device.id)}
            if operation.condition.operation not in waiting:
                raise NotFound(f"device {device.id} has no operation {operation.condition.operation!r} in its queue")
        now = self._clock()
        queued = named(replace(operation, origin="queue", created_at=now), secrets.token_hex(8))
        await self._store.commit(
            PutOperation(device.id, queued),
            self._event("operation.queued", subscriber_id=device.subscriber_id, device_id=device.id),
        )
        return queued

    async def arm_trace(self, reference: str, minutes: int) -> datetime | None:
        """Trace the device in full for that long, or no more when it is 0; returns until when.

        Raises: NotFound.
        """

        async def attempt() -> datetime | None:
            _, device = await self.find_device(reference)
            until = self._clock() + timedelta(minutes=minutes) if minutes else None
            event = self._event(
                "trace.armed" if until else "trace.disarmed", subscriber_id=device.subscriber_id, device_id=device.id
            )
            await self._store.commit(PutDevice(replace(device, traced_until=until)), event)
            return until

        try:
            return await attempt()
        except Conflict:
            return await attempt()

    def _event(
        self, kind: str, *, subscriber_id: str = "", device_id: str = "", detail: dict[str, str] | None = None
    ) -> Append:
        return Append(
            Event(at=self._clock(), kind=kind, subscriber_id=subscriber_id, device_id=device_id, detail=detail or {})
        )


def named(operation: Operation, id_: str) -> Operation:
    """The operation with that id; those of a group's members begin with it."""
    members = tuple(named(member, f"{id_}.{number}") for number, member in enumerate(operation.members, start=1))
    return replace(operation, id=id_, members=members)


async def _once_more(attempt: Callable[[], Awaitable[None]]) -> None:
    """Carry out an attempt; one that lost against another writer is worked out again, once."""
    try:
        await attempt()
    except Conflict:
        await attempt()


def _asleep(device: Device) -> Device:
    """The device as if it had never been told of a service that waits for its user, nor had that asked for it."""
    state = device.rcc14
    if state is None or not (state.woken or state.told_to_wait):
        return device
    return msgspec.structs.replace(device, rcc14=msgspec.structs.replace(state, told_to_wait="", woken=False))


def next_device_id(household: Household) -> str:
    """The id of the subscriber's next device: numbers are not used twice while a later device exists."""
    numbers = [int(device.id.rpartition(".")[2]) for device in household.devices]
    return f"{household.subscriber.id}.{max(numbers, default=0) + 1}"


def _readings(reference: str) -> list[tuple[IdentityKind, str]]:
    """The ways to understand what a person typed, likeliest first."""
    readings: list[tuple[IdentityKind, str]] = []
    digits = reference.removeprefix("+")
    if digits.isascii() and digits.isdecimal():
        if not reference.startswith("+"):
            readings += [("imsi", digits), ("imei", digits)]
        readings.append(("msisdn", "+" + digits))
    readings.append(("id", reference))
    if "." in reference:
        readings.append(("id", reference.rpartition(".")[0]))
    return readings


def absent(reference: str) -> str:
    """What is said when nothing is named so."""
    return f"no subscriber has the id, IMSI, MSISDN or IMEI {reference!r}, and no device has that id"


_Owner = TypeVar("_Owner", bound=Subscriber | Device)


def _with_values(owner: _Owner, changes: Sequence[_Change]) -> _Owner:
    """The owner with these values, the same object when they are what it has."""
    result = {mo: dict(leaves) for mo, leaves in owner.overrides.items()}
    for mo, path, text in changes:
        if text is None:
            result.get(mo, {}).pop(path, None)
        else:
            result.setdefault(mo, {})[path] = text
    overrides: Overrides = {mo: leaves for mo, leaves in result.items() if leaves}
    if overrides == owner.overrides:
        return owner
    return msgspec.structs.replace(owner, overrides=overrides, content_revision=owner.content_revision + 1)
