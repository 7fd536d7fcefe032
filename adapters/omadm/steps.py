"""What one message leads to: what is learnt and kept of it, what the device is told next.

The mirror, the queue, jobs and events are put together here, and nothing is known of HTTP or of octets.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import NamedTuple

from msgspec.structs import replace

from adapters.omadm import codec
from adapters.omadm.accounts import Accounts
from adapters.omadm.codec import Encoding
from adapters.omadm.commands import Contents
from adapters.omadm.counting import count_answers, count_start
from adapters.omadm.messages import SyncML
from adapters.omadm.session import Peer, Received, Reply, respond
from gateway.detections import Detections
from gateway.fleet import abilities, reset
from gateway.fleet.alert import DeviceAlert
from gateway.fleet.detection import Sighting, is_known
from gateway.fleet.device import Device
from gateway.fleet.mirror import Mirror
from gateway.fleet.operation import Operation
from gateway.fleet.plan import only_changes_values
from gateway.fleet.push import PushKind
from gateway.fleet.queue import settle
from gateway.fleet.subscriber import Subscriber
from gateway.jobs import work_jobs
from gateway.learnt import LearntModels
from gateway.outreach.deliveries import note_call
from gateway.service import (
    Service,
    describe_device,
    doubt_writes,
    drift_writes,
    note_alerts,
    queue_writes,
    record_outcomes,
    refusal_writes,
    reset_writes,
    sent_writes,
)
from gateway.serving.stages import next_stage
from gateway.status import StatusCode
from gateway.store.protocol import Contact, Household, PutMirror, PutSubscriber, Store, Write

PUSHES: tuple[PushKind, ...] = ("dm_notify", "dm_bootstrap", "cp")
"""The pushes that make a device call here."""

Requested = Callable[[Device, Sequence[DeviceAlert], datetime], tuple[Device, tuple[Operation, ...], list[Write]]]
"""What follows from the alerts of a device: the device, operations that are to be sent to it, and writes."""


def ignored(
    device: Device, alerts: Sequence[DeviceAlert], now: datetime
) -> tuple[Device, tuple[Operation, ...], list[Write]]:
    """Nothing follows."""
    return device, (), []


AfterReset = Callable[[Subscriber, Device], Awaitable[list[Write]]]


async def left_alone(subscriber: Subscriber, device: Device) -> list[Write]:
    """Nothing is done about it."""
    return []


class Step(NamedTuple):
    """What one message leads to: the device as it is then, further writes, and the reply."""

    device: Device
    writes: list[Write]
    reply: Reply


class Writer:
    """Encodes the reply to one message; what was measured last is often what goes out, and is not encoded again."""

    def __init__(self, encoding: Encoding) -> None:
        self._encoding = encoding
        self._message: SyncML | None = None
        self._octets = b""

    def encode(self, message: SyncML) -> bytes:
        """The octets of the message."""
        if message is not self._message and message != self._message:
            self._message, self._octets = message, codec.encode(message, self._encoding)
        return self._octets

    def measure(self, message: SyncML) -> int:
        """How many octets the message takes."""
        return len(self.encode(message))


class Steps:
    """Takes the step from what was heard to what is said, and to what has to be kept for it."""

    def __init__(
        self,
        store: Store,
        service: Service,
        accounts: Accounts,
        detections: Detections,
        *,
        contents: Contents,
        requested: Requested,
        after_reset: AfterReset,
        models: LearntModels,
    ) -> None:
        self._store = store
        self._service = service
        self._accounts = accounts
        self._detections = detections
        self._contents = contents
        self._requested = requested
        self._after_reset = after_reset
        self._models = models

    async def take(self, contact: Contact, received: Received, peer: Peer, writer: Writer, now: datetime) -> Step:
        """What follows from a message of a device that has proved who it is: the reply, and the records that change.

        The mirror is only loaded when something is to be read from or written to it: a device that says nothing new
        and is as it should be costs no more than its session.
        """
        device = contact.device
        if received.started:
            count_start(received, device)
        device = _met(device, received, now)
        outcomes = received.outcomes
        count_answers(received)
        described = describe_device(device, received.reads)
        said_new = described is not device
        device = self._service.learn_from(described, outcomes)
        if device is not described and device.omadm is not None:
            learnt = self._models.applied(device).omadm
            peer = self._accounts.informed(peer, learnt or device.omadm)
        if device is not described:
            await self._models.learn(contact.device, device)
        patience = self._service.patience
        queue = settle(contact.operations, outcomes, received.alerts, now, _in_flight(received), patience)
        device, pending, writes = work_jobs(device, queue, now, session_begins=received.started)
        if received.alerts:
            device, started, asked = self._requested(device, received.alerts, now)
            pending, writes = (*pending, *started), [*writes, *asked]
        resets = reset.begins(contact.device, device)
        key = self._service.configuration_key(contact.subscriber, device)
        synced = device.omadm is not None and device.omadm.synced == key
        writes += note_alerts(device, received.alerts, now)
        if received.started:
            writes += self._note_call(contact, device, now)
        due = received.wants_work and self._service.is_read_back_due(device, now)
        idle = synced and not (outcomes or said_new or pending or queue.changed or received.unanswered or due)
        if idle and received.wants_work:
            return Step(device, writes, self.respond(received, (), peer, writer, now))

        stored = await self._store.load_mirror(device.id)
        await next_stage()
        is_lost = reset.forgets(contact.device, device, session_begins=received.started)
        sign = "" if is_lost else reset.sign(stored, received.reads if said_new else (), outcomes)
        known = Mirror(device_id=device.id, revision=stored.revision) if is_lost or sign else stored
        mirror = known.read(received.reads, now, "DevInfo") if said_new else known
        writes += drift_writes(device, stored if sign else mirror, outcomes, now)
        device = reset.doubted(device, sign)
        writes += reset_writes(device, sign, now)
        check = bool(outcomes) and self._service.checks_changes(device)
        mirror = record_outcomes(mirror, () if sign else outcomes, now, check=check).passed_over(received.unanswered)
        writes += doubt_writes(device, mirror, received.unanswered, now, patience)
        operations: tuple[Operation, ...] = ()
        goes_to_plan = _leads_to(received, key) and not (
            said_new or pending or queue.changed or due or is_lost or sign or resets or mirror.to_read
        )
        if resets:
            writes += await self._after_reset(contact.subscriber, device)
        elif received.wants_work and goes_to_plan:
            # What was told last was all there was to do, and it is done.
            device = _with_state(device, synced=key)
        elif received.wants_work:
            unanswered = _passed_over(received)
            spared = self._models.applied(device)
            assumed = device.omadm is not None and not abilities.is_known(device.omadm)
            operations = self._service.next_operations(
                contact.subscriber, spared, mirror, pending, now, unanswered,
                read_back=due, introduced=said_new, limits_assumed=assumed,
            )  # fmt: skip
            if due:
                device = _with_state(device, read_back_at=now)
            if not operations and not unanswered:
                device = _with_state(device, synced=key)
            goes_to_plan = bool(operations) and not unanswered and only_changes_values(operations, mirror)
        await next_stage()
        reply = self.respond(received, operations, peer, writer, now)
        reply = _leading_to(reply, key if goes_to_plan and not reply.outcomes else "")
        mirror = record_outcomes(mirror.sent(reply.sent, now), reply.outcomes, now)
        given_up = settle(pending, reply.outcomes, (), now, _in_flight(received), patience)
        writes += refusal_writes(device, (*outcomes, *reply.outcomes), now)
        writes += queue_writes(device, (*queue.changed, *given_up.changed), now)
        if given_up.changed:
            device, _, more = work_jobs(device, given_up, now, session_begins=False)
            writes += more
        writes += sent_writes(device, reply.sent, now)
        if mirror != stored:
            writes.append(PutMirror(mirror))
        return Step(device, writes, reply)

    def respond(
        self, received: Received, operations: Sequence[Operation], peer: Peer, writer: Writer, now: datetime
    ) -> Reply:
        """The reply to a message, with as many of the operations as there is room for."""
        return respond(received, operations, peer, measure=writer.measure, now=now, contents=self._contents)

    def _note_call(self, contact: Contact, device: Device, now: datetime) -> list[Write]:
        """What is to be kept when a device calls: pushes that did their work, and a phone that is new for its SIM."""
        subscriber = contact.subscriber
        writes: list[Write] = []
        state, imsi = contact.device.omadm, contact.subscriber.imsi
        first = state is not None and state.last_session_at is None
        new = bool(device.imei) and (first or device.imei != contact.device.imei)
        # Which of several SIMs is in it, nobody says over OMA DM.
        if new and len(subscriber.imsis) == 1 and not is_known(subscriber, imsi, device.imei):
            sighting = Sighting(imsi=imsi, imei=device.imei, source="omadm")
            subscriber, seen = self._detections.seen(Household(subscriber, ()), sighting, now, device)
            writes += seen
        calls = note_call(subscriber, device.id, PUSHES, now)
        if subscriber is not contact.subscriber and not calls:
            calls = [PutSubscriber(subscriber)]
        return [*writes, *calls]


def _met(device: Device, received: Received, now: datetime) -> Device:
    """The device after a message of its own: the nonces are agreed, and a session may have begun."""
    device = _with_nonces(device, received, now)
    return reset.called(device, now) if received.started else device


def _with_nonces(device: Device, received: Received, now: datetime) -> Device:
    """The device after a message of its own: with the nonces agreed, and the way it wants the gateway to prove itself.

    When a session began, that it did so now.
    """
    state = device.omadm
    if state is None:
        return device
    client, server, server_auth = state.client, state.server, received.server_auth or state.server_auth
    if received.client_nonce is not None:
        client = replace(client, nonce=received.client_nonce, previous_nonce=client.nonce)
    if received.server_nonce is not None and server is not None:
        server = replace(server, nonce=received.server_nonce)
    agreed: dict[str, object] = {"client": client, "server": server, "server_auth": server_auth}
    if received.started:
        agreed |= {"last_session_at": now, "resync_at": None, "answered": b""}
    elif client is state.client and server is state.server and server_auth == state.server_auth:
        return device
    return _with_state(device, **agreed)


def _with_state(device: Device, **changes: object) -> Device:
    return replace(device, omadm=replace(device.omadm, **changes)) if device.omadm else device


def _leads_to(received: Received, key: str) -> bool:
    """Whether this is the configuration that the session was to lead to, and the device has just done its part."""
    session = received.session
    if session is None or session.leads_to != key or received.unanswered or received.alerts:
        return False
    return all(outcome.status == StatusCode.OK for outcome in received.outcomes)


def _leading_to(reply: Reply, key: str) -> Reply:
    if reply.session is None or reply.session.leads_to == key:
        return reply
    return reply._replace(session=replace(reply.session, leads_to=key))


def _in_flight(received: Received) -> set[str]:
    """Ids of the operations whose answer may still come."""
    return {sent.operation.id for sent in received.session.outstanding.values()} if received.session else set()


def _passed_over(received: Received) -> set[str]:
    """Ids of operations the device left without an answer in this very session; an earlier one's are tried again."""
    if received.started:
        return set()
    return {operation.id for operation in received.unanswered}
