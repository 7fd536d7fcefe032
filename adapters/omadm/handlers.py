"""OMA DM over HTTP: loads what a message needs, takes the two pure steps, saves, answers.

Spec: OMA-TS-SyncML_HTTPBinding-V1_2
"""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from aiohttp import web
from msgspec.structs import replace

from adapters.omadm import codec, tracing
from adapters.omadm.auth import Account, verify
from adapters.omadm.codec import Encoding, UnsupportedMediaType
from adapters.omadm.messages import SyncML
from adapters.omadm.session import (
    Peer,
    Received,
    Reply,
    Turn,
    decode_session,
    encode_session,
    receive,
    remember,
    respond,
)
from gateway.accounts import CREDENTIAL_PURPOSE
from gateway.errors import Conflict, DecodeError, LimitExceeded, Unavailable
from gateway.fleet.device import Credential, Device, OmaDmState
from gateway.fleet.operation import Operation
from gateway.fleet.queue import settle
from gateway.front import Response
from gateway.observe import metrics
from gateway.observe.logs import logger
from gateway.sealing import Sealer
from gateway.service import (
    Service,
    describe_device,
    learn_from,
    note_alerts,
    queue_writes,
    record_outcomes,
    refusal_writes,
    sent_writes,
)
from gateway.settings import OmaDm
from gateway.status import StatusCode
from gateway.store.protocol import Contact, PutDevice, PutMirror, PutSession, SessionRecord, Store, TraceEntry, Write
from gateway.trace import Tracer, is_armed

NONCE_BYTES = 16
RETRY_AFTER_SECONDS = 5

_TEXT = {"Content-Type": "text/plain; charset=utf-8"}


class Exchange(NamedTuple):
    """The octets that answer one message, and what to say of it in the log."""

    octets: bytes
    device_id: str
    turn: str
    commands: int


class Step(NamedTuple):
    """What one message leads to: the device as it is then, further writes, and the reply."""

    device: Device
    writes: list[Write]
    reply: Reply


class OmaDmFront:
    """The front end that OMA DM devices post to; ``clock`` gives aware UTC times."""

    def __init__(
        self,
        store: Store,
        service: Service,
        sealer: Sealer,
        tracer: Tracer,
        settings: OmaDm,
        clock: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._service = service
        self._sealer = sealer
        self._tracer = tracer
        self._settings = settings
        self._clock = clock
        # A device that nobody knows is challenged like one that is known, against credentials nobody has.
        self._stranger = Account(name="", digest=secrets.token_hex(NONCE_BYTES), nonce=secrets.token_bytes(NONCE_BYTES))

    async def handle(self, request: web.BaseRequest) -> Response:
        """Answer one message, in the encoding it came in."""
        started = time.perf_counter()
        exchange, status, reason, headers = None, 200, "", _TEXT
        try:
            encoding = codec.encoding_of(request.headers.get("Content-Type", ""))
            body = await request.read()
            message, encoding = codec.decode(body, encoding)
            exchange = await self._exchange(message, body, encoding)
            headers = {"Content-Type": encoding.media_type}
            metrics.count(metrics.dm_messages, "wbxml" if encoding.wbxml else "xml")
        except web.HTTPRequestEntityTooLarge:
            status, reason = 413, f"over {self._settings.max_message_bytes} octets"
        except (web.RequestPayloadError, ConnectionError):
            status, reason = 400, "the body did not arrive as its headers say"
        except UnsupportedMediaType as error:
            status, reason = 415, str(error)
        except LimitExceeded as error:
            status, reason = 413, str(error)
        except DecodeError as error:
            status, reason = 400, str(error)
        except Unavailable as error:
            status, headers = 503, {"Retry-After": str(error.retry_after_seconds)}
        except Exception:
            fault = secrets.token_hex(6)
            logger().exception("request_failed", frontend="dm", fault=fault)
            status, reason = 500, f"fault {fault}"
        seconds = time.perf_counter() - started
        metrics.observe_http("dm", status, seconds)
        logger().info(
            "message_answered",
            frontend="dm",
            status=status,
            device=exchange.device_id if exchange else "",
            turn=exchange.turn if exchange else reason,
            commands=exchange.commands if exchange else 0,
            ms=round(seconds * 1000, 2),
        )
        return Response(status, exchange.octets if exchange else reason.encode(), headers)

    async def _exchange(self, message: SyncML, body: bytes, encoding: Encoding) -> Exchange:
        for _ in range(2):
            try:
                return await self._step(message, body, encoding)
            except Conflict:
                # Another message of this device was quicker: look again, once.
                continue
        raise Unavailable("two messages of one device at once", RETRY_AFTER_SECONDS)

    async def _step(self, message: SyncML, body: bytes, encoding: Encoding) -> Exchange:
        """Load, take the two steps, save. Raises: Conflict when another message of the device was saved meanwhile."""
        now, nonce, digest = self._clock(), secrets.token_bytes(NONCE_BYTES), hashlib.sha256(body).digest()
        contact = await self._store.load_contact(message.header.source, now)
        if contact is None or contact.device.omadm is None:
            return self._meet_stranger(message, encoding, nonce, now)
        record = contact.session
        session = decode_session(record.payload) if record else None
        if session is not None and session.last_request == digest:
            return Exchange(session.last_reply, contact.device.id, "repeated", 0)

        known, state = contact.device, self._in_force(contact.device.omadm, message)
        if state is not known.omadm:
            contact = contact._replace(device=replace(known, omadm=state))
        peer = self._peer(state)
        received = receive(session, message, peer, nonce=nonce)
        step = await self._work(contact, received, peer, encoding, now)
        octets = codec.encode(step.reply.message, encoding)
        writes = step.writes
        if step.device != known:
            writes.append(PutDevice(step.device))
        if step.reply.session is not None:
            saved = SessionRecord(
                device_id=contact.device.id,
                payload=encode_session(remember(step.reply.session, digest, octets)),
                expires_at=now + timedelta(seconds=self._settings.session_seconds),
                revision=record.revision if record else 0,
            )
            writes.append(PutSession(saved, now))
            if step.reply.session.ended:
                metrics.count(metrics.dm_sessions, _result(received))
        if writes:
            await self._store.commit(*writes)
        self._store.touch(contact.device.id, now)
        if self._tracer.wants(failed=tracing.is_failure(received), armed=is_armed(contact.device, now)):
            self._trace(contact.device, message, body, encoding, received, step.reply, octets, now)
        return Exchange(octets, contact.device.id, received.turn.name.lower(), len(step.reply.sent))

    async def _work(self, contact: Contact, received: Received, peer: Peer, encoding: Encoding, now: datetime) -> Step:
        """What follows from one message: the reply, and the records that change with it.

        The mirror is only loaded when something is to be read from or written to it: a device that says nothing new
        and is as it should be costs no more than its session.
        """
        device = _with_nonces(contact.device, received)
        if not received.authenticated:
            return Step(device, [], self._respond(received, (), peer, encoding, now))

        if received.client_nonce is not None or (received.session and received.session.server_msg_id == 0):
            # The device has just proved who it is: a session begins.
            device = _with_state(device, last_session_at=now)
        outcomes = received.outcomes
        for outcome in outcomes:
            metrics.count(metrics.dm_status_codes, outcome.status.known)
        described = describe_device(device, received.reads)
        said_new = described is not device
        device = learn_from(described, outcomes)
        queue = settle(contact.operations, outcomes, received.alerts, now, _in_flight(received))
        pending = queue.pending
        key = self._service.configuration_key(contact.subscriber, device)
        synced = device.omadm is not None and device.omadm.synced == key
        writes = note_alerts(device, received.alerts, now)
        idle = synced and not (outcomes or said_new or pending or queue.changed or received.unanswered)
        if idle and received.wants_work:
            return Step(device, writes, self._respond(received, (), peer, encoding, now))

        stored = await self._store.load_mirror(device.id)
        mirror = stored.read(received.reads, now, "DevInfo") if said_new else stored
        mirror = record_outcomes(mirror, outcomes, now)
        operations: tuple[Operation, ...] = ()
        if received.wants_work:
            unanswered = _passed_over(received)
            operations = self._service.next_operations(contact.subscriber, device, mirror, pending, now, unanswered)
            if not operations and not unanswered:
                device = _with_state(device, synced=key)
        reply = self._respond(received, operations, peer, encoding, now)
        mirror = record_outcomes(mirror.sent(reply.sent, now), reply.outcomes, now)
        given_up = settle(pending, reply.outcomes, (), now, _in_flight(received))
        writes += refusal_writes(device, (*outcomes, *reply.outcomes), now)
        writes += queue_writes(device, (*queue.changed, *given_up.changed), now)
        writes += sent_writes(device, reply.sent, now)
        if mirror != stored:
            writes.append(PutMirror(mirror))
        return Step(device, writes, reply)

    def _respond(
        self, received: Received, operations: Sequence[Operation], peer: Peer, encoding: Encoding, now: datetime
    ) -> Reply:
        def measure(message: SyncML) -> int:
            return len(codec.encode(message, encoding))

        return respond(received, operations, peer, measure=measure, now=now)

    def _trace(
        self,
        device: Device,
        message: SyncML,
        body: bytes,
        encoding: Encoding,
        received: Received,
        reply: Reply,
        octets: bytes,
        now: datetime,
    ) -> None:
        def entry() -> TraceEntry:
            return TraceEntry(
                owner=device.id,
                at=now,
                protocol=tracing.protocol_of(encoding),
                request=tracing.cover(body, message),
                answer=tracing.cover(octets, reply.message),
                decisions=tracing.decisions(received, reply),
                proven=received.authenticated,
            )

        self._tracer.note(
            now,
            len(body) + len(octets),
            entry,
            proven=received.authenticated,
            armed=is_armed(device, now),
        )

    def _meet_stranger(self, message: SyncML, encoding: Encoding, nonce: bytes, now: datetime) -> Exchange:
        """The answer to a device nobody knows: the challenge a known one would get, and nothing stored."""
        last = message.header.msg_id >= self._settings.max_failed_attempts
        peer = Peer(
            server_uri=self._settings.server_id,
            client=self._stranger,
            max_failures=1 if last else self._settings.max_failed_attempts,
        )
        received = receive(None, message, peer, nonce=nonce)
        reply = self._respond(received, (), peer, encoding, now)
        return Exchange(codec.encode(reply.message, encoding), "", "stranger", 0)

    def _in_force(self, state: OmaDmState, message: SyncML) -> OmaDmState:
        """The state with the newest account in force as soon as the device shows that it has it."""
        if state.pending is None or message.header.cred is None:
            return state
        # It answers the challenge that it got, whichever account it has.
        client = replace(state.pending.client, nonce=state.client.nonce, previous_nonce=state.client.previous_nonce)
        if not verify(message.header.cred, self._account(client), state.auth).is_accepted:
            return state
        return replace(state, client=client, server=state.pending.server, pending=None)

    def _peer(self, state: OmaDmState) -> Peer:
        return Peer(
            server_uri=self._settings.server_id,
            client=self._account(state.client),
            server=self._account(state.server) if state.server else None,
            auth=state.auth,
            max_failures=self._settings.max_failed_attempts,
        )

    def _account(self, credential: Credential) -> Account:
        digest = self._sealer.unseal(credential.secret, CREDENTIAL_PURPOSE).decode()
        return Account(credential.name, digest, credential.nonce, credential.previous_nonce)


def _with_state(device: Device, **changes: object) -> Device:
    return replace(device, omadm=replace(device.omadm, **changes)) if device.omadm else device


def _with_nonces(device: Device, received: Received) -> Device:
    """The device with the nonces agreed in this message, and the count of wrong credentials."""
    state = device.omadm
    if state is None:
        return device
    client, server, failed = state.client, state.server, state.failed_attempts
    if received.client_nonce is not None:
        client = replace(client, nonce=received.client_nonce, previous_nonce=client.nonce)
    if received.server_nonce is not None and server is not None:
        server = replace(server, nonce=received.server_nonce)
    if received.authenticated:
        failed = 0
    elif received.statuses[0].code == StatusCode.INVALID_CREDENTIALS:
        failed += 1
    if (client, server, failed) == (state.client, state.server, state.failed_attempts):
        return device
    return _with_state(device, client=client, server=server, failed_attempts=failed)


def _in_flight(received: Received) -> set[str]:
    """Ids of the operations whose answer may still come."""
    return {sent.operation.id for sent in received.session.outstanding.values()} if received.session else set()


def _passed_over(received: Received) -> set[str]:
    """Ids of operations the device left without an answer in this very session; an earlier one's are tried again."""
    if received.session is None or received.session.server_msg_id == 0:
        return set()
    return {operation.id for operation in received.unanswered}


def _result(received: Received) -> str:
    if not received.authenticated:
        return "auth_failed"
    return "aborted" if received.turn is Turn.ABORT else "ok"
