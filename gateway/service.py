"""The use cases of the device side: what a device is to hold, what to tell it next, and what its answers mean.

Records in, records out; loading and saving is the caller's, so that one request is one read and one commit.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime

from msgspec.structs import replace

from gateway.fleet.configuration import Configuration, ExplainedLeaf, configuration, configuration_key, explain
from gateway.fleet.device import Device
from gateway.fleet.mirror import Mirror, Outcome, Read
from gateway.fleet.operation import Operation
from gateway.fleet.plan import DesiredMo, exhausted, learn, plan
from gateway.fleet.profile import ProfileSet
from gateway.fleet.selection import Selection
from gateway.fleet.subscriber import Subscriber
from gateway.fleet.variables import variables_of
from gateway.mo.catalogue import Catalogue
from gateway.status import StatusCode
from gateway.store.protocol import Append, Event, PutOperation, Write
from gateway.tree.uri import Uri

_ABOUT = {"./DevInfo/Man": "manufacturer", "./DevInfo/Mod": "model", "./DevDetail/SwV": "software"}
"""Where a device says of itself what a Device record keeps."""


class Service:
    """The desired side (profiles) and the reported side (mirrors) of devices, and the way between them."""

    def __init__(
        self, catalogue: Catalogue, profiles: ProfileSet, *, plmns: Sequence[str], roots: Mapping[str, str]
    ) -> None:
        """``plmns`` are the operator's networks; ``roots`` says where each MO is mounted unless a device differs."""
        self._catalogue = catalogue
        self._profiles = profiles
        self._plmns = tuple(plmns)
        self._networks = ",".join(plmns)
        self._roots = dict(roots)

    def selection(self, subscriber: Subscriber, device: Device) -> Selection:
        """What this device shall hold, before variables; shared by all that match the same profiles."""
        return self._profiles.select(subscriber, device)

    def variables(self, subscriber: Subscriber, device: Device) -> dict[str, str]:
        """The variables that fill this device's selection.

        What a device says of itself in characters that no document can carry is as good as not said.
        """
        variables = variables_of(subscriber, device, self._plmns)
        return {name: value for name, value in variables.items() if value.isprintable()}

    def configuration(self, subscriber: Subscriber, device: Device) -> Configuration:
        """The values this device shall hold."""
        return configuration(self.selection(subscriber, device), self.variables(subscriber, device))

    def configuration_key(self, subscriber: Subscriber, device: Device) -> str:
        """A text that changes whenever this device's configuration could; cheap."""
        key = configuration_key(subscriber, device, self.selection(subscriber, device))
        return f"{key}.{self._networks}"

    def explain(self, subscriber: Subscriber, device: Device, node: str = "") -> list[ExplainedLeaf]:
        """Why each leaf at or below the node (all when empty) is what it is."""
        return explain(self.selection(subscriber, device), self.variables(subscriber, device), node)

    def desired_mos(self, subscriber: Subscriber, device: Device) -> dict[str, DesiredMo]:
        """The MOs this device shall hold over OMA DM, by key; those without a root there are left out."""
        own = device.omadm.roots if device.omadm else {}
        desired = {}
        for key, values in self.configuration(subscriber, device).values.items():
            root = own.get(key) or self._roots.get(key)
            if root:
                managed = self._catalogue.get(key)
                desired[key] = DesiredMo(managed.moi, Uri.parse(root), managed.root, values)
        return desired

    def next_operations(
        self,
        subscriber: Subscriber,
        device: Device,
        mirror: Mirror,
        queued: Sequence[Operation],
        now: datetime,
        unanswered: Collection[str] = (),
    ) -> tuple[Operation, ...]:
        """What to tell the device next; ``unanswered`` are ids of operations it just passed over in silence.

        Those are left for another session, or the two sides could go on for ever.
        """
        if device.omadm is None:
            return ()
        desired = tuple(self.desired_mos(subscriber, device).values())
        planned = plan(desired, mirror, device.omadm, queued, now)
        return tuple(operation for operation in planned if operation.id not in unanswered)


def record_outcomes(mirror: Mirror, outcomes: Iterable[Outcome], now: datetime) -> Mirror:
    """The mirror after the device's final answers; a list of a whole subtree tells what is not there as well."""
    for outcome in outcomes:
        operation = outcome.operation
        if operation.verb == "Get":
            root, _, query = operation.uri.partition("?")
            complete = Uri.parse(root) if query == "list=StructData" and outcome.status.is_success else None
            mirror = mirror.read(outcome.reads, now, "Results", complete)
        mirror = mirror.acknowledged([(operation, int(outcome.status))], now)
    return mirror


def outcome_writes(device: Device, outcomes: Iterable[Outcome], now: datetime) -> list[Write]:
    """The writes that give queued operations their outcome, and an event for each change the device refused."""
    writes: list[Write] = []
    for outcome in outcomes:
        operation, status = outcome.operation, outcome.status
        if operation.origin == "queue":
            results = tuple((read.uri, read.value or "") for read in outcome.reads)
            done = replace(operation, status=int(status), status_at=now, results=results)
            writes.append(PutOperation(device.id, done))
        if operation.verb != "Get" and not status.is_success and status != StatusCode.ALREADY_EXISTS:
            detail = {"verb": operation.verb, "uri": operation.uri, "status": str(status)}
            writes.append(
                Append(
                    Event(
                        at=now,
                        kind="value.refused",
                        subscriber_id=device.subscriber_id,
                        device_id=device.id,
                        detail=detail,
                    )
                )
            )
    return writes


def sent_writes(device: Device, sent: Iterable[Operation], pending: Sequence[Operation], now: datetime) -> list[Write]:
    """The writes that note queued operations as sent, and give up those that were sent too often."""
    writes: list[Write] = [
        PutOperation(device.id, replace(operation, sent_at=now, attempts=operation.attempts + 1))
        for operation in sent
        if operation.origin == "queue"
    ]
    return writes + [PutOperation(device.id, given_up) for given_up in exhausted(pending, now)]


def learn_from(device: Device, outcomes: Iterable[Outcome]) -> Device:
    """The device with what its answers say of its abilities, the same object when they say nothing new."""
    state = device.omadm
    if state is None:
        return device
    for outcome in outcomes:
        state = learn(state, outcome.operation, int(outcome.status))
    return device if state is device.omadm else replace(device, omadm=state)


def describe_device(device: Device, reads: Sequence[Read]) -> Device:
    """The device with what it says of itself, and a digest by which saying the same again is known.

    The same object comes back when nothing is new.
    """
    state = device.omadm
    if state is None or not reads:
        return device
    said = hashlib.blake2b(
        "\0".join([f"{read.uri}={read.value}" for read in reads]).encode("utf-8", "replace"), digest_size=12
    ).digest()
    if said == state.described:
        return device
    about = {
        field: read.value
        for read in reads
        if read.value and (field := _ABOUT.get(read.uri if read.uri.startswith("./") else f"./{read.uri}"))
    }
    described = replace(device, omadm=replace(state, described=said), **about)
    if [getattr(device, field) for field in about] != list(about.values()):
        # Make, model and software are variables of the configuration.
        described = replace(described, content_revision=device.content_revision + 1)
    return described
