"""OMA DM over HTTP: loads what a message needs, takes the two pure steps, saves, answers.

Spec: OMA-TS-SyncML_HTTPBinding-V1_2
"""

from __future__ import annotations

import functools
import hashlib
import math
import secrets
import sys
import time
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import NamedTuple
from urllib.parse import parse_qsl

from aiohttp import web
from msgspec.structs import replace

from adapters.omadm import codec, standing, tracing
from adapters.omadm.accounts import Accounts, certifies
from adapters.omadm.auth import NO_PROOF, Proof, body_digest, format_mac, parse_mac, verify
from adapters.omadm.codec import Opened, UnsupportedMediaType
from adapters.omadm.commands import Contents, no_contents
from adapters.omadm.counting import count_at_once, count_end, count_turn
from adapters.omadm.idle import Answered, Idle
from adapters.omadm.messages import SyncHdr, SyncML
from adapters.omadm.packing import fill_in
from adapters.omadm.session import (
    Arrival,
    Peer,
    Received,
    Reply,
    Turn,
    begins_session,
    receive,
    refuse_forged,
)
from adapters.omadm.session_record import Session, decode_session, encode_session, has_secret, remember
from adapters.omadm.steps import AfterReset, Requested, Step, Steps, Writer, ignored, left_alone
from gateway.detections import Detections
from gateway.errors import Conflict, DecodeError, LimitExceeded, Unavailable
from gateway.fleet.account import NONCE_BYTES
from gateway.fleet.device import Device
from gateway.learnt import LearntModels
from gateway.observe import metrics
from gateway.observe.around import Around, bare
from gateway.observe.load import Load, spread
from gateway.observe.logs import logger
from gateway.observe.requests import OTHER, http_route
from gateway.sealing import Sealer
from gateway.service import (
    Service,
    protocol_writes,
)
from gateway.serving.front import Response, query_of
from gateway.serving.stages import next_stage
from gateway.settings import OmaDm
from gateway.status import StatusCode
from gateway.store.protocol import (
    Append,
    Contact,
    Event,
    PutDevice,
    PutSession,
    SessionRecord,
    Store,
    TraceEntry,
    Write,
)
from gateway.trace import Tracer, is_armed

RETRY_AFTER_SECONDS = 5
TRIES = 3
"""A message for which records changed under the gateway so often is answered 503."""
FAILURE_EVENT_SECONDS = 3600
MAX_TOLD_FAILURES = 10_000
SEALED = bytes(1)
"""Begins a session that is stored sealed because secrets are in it; no other begins so."""
MAC_HEADER = "x-syncml-hmac"

_NO_ROUTE = http_route("dm", OTHER)
_TEXT = {"Content-Type": "text/plain; charset=utf-8"}


class Exchange(NamedTuple):
    """The octets that answer one message, and what to say of it in the log."""

    octets: bytes
    device_id: str
    turn: str
    commands: int
    mac: str = ""
    proven: bool = False


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
        *,
        secrets_of: Callable[[Device], Mapping[str, str]],
        contents: Contents = no_contents,
        requested: Requested = ignored,
        after_reset: AfterReset = left_alone,
        detections: Detections,
        models: LearntModels,
        load: Load | None = None,
        around: Around = bare,
    ) -> None:
        """``contents`` are those of packages that go out in the tree, ``requested`` starts what devices ask for.

        ``after_reset`` gives the writes by which a phone that takes a factory reset on is helped up again.
        ``secrets_of`` gives the passwords of a device's newest account by the name that stands for each. ``models`` are
        what devices were found to lack together. Without ``load`` everything is taken.
        """
        self._load = load or Load(max_in_flight=sys.maxsize, max_lag_seconds=math.inf)
        self._store = store
        self._service = service
        self._sealer = sealer
        self._tracer = tracer
        self._secrets_of = secrets_of
        self._accounts = Accounts(sealer, settings)
        self._idle = Idle(service, self._accounts, settings)
        self._models = models
        self._steps = Steps(
            store,
            service,
            self._accounts,
            detections,
            contents=contents,
            requested=requested,
            after_reset=after_reset,
            models=models,
        )
        self._settings = settings
        self._session_lasts = timedelta(seconds=settings.session_seconds)
        self._clock = clock
        self._told_failures: dict[str, datetime] = {}
        self._take_step = around(
            "omadm step",
            self._step,
            lambda given: {"mogate.omadm.turn": given.turn, "mogate.omadm.commands": given.commands},
        )
        self._routes = {path: http_route("dm", path) for path in settings.paths}

    async def handle(self, request: web.BaseRequest) -> Response:
        """Answer one message, in the encoding it came in."""
        self._load.in_flight += 1
        try:
            return await self._answered(request)
        finally:
            self._load.in_flight -= 1

    async def _answered(self, request: web.BaseRequest) -> Response:
        started = time.perf_counter()
        exchange, status, reason, headers, size, body = None, 200, "", _TEXT, 0, b""
        try:
            if self._load.is_swamped:
                raise _shed()
            encoding = codec.encoding_of(request.headers.get("Content-Type", ""))
            # Nearly every body has come with its head, and then there is nothing to wait for.
            body = request.content.read_nowait() if request.content.is_eof() else await request.read()
            size = len(body)
            if size > self._settings.max_message_bytes:
                raise LimitExceeded(f"over {self._settings.max_message_bytes} octets")
            arrival = _arrival(request, body)
            opened = codec.open_message(body, encoding)
            if self._load.is_overloaded and arrival.proof.mac is None:
                self._read(opened)
            encoding = opened.encoding
            metrics.count(metrics.dm_messages, "received", "wbxml" if encoding.wbxml else "xml")
            await next_stage()
            exchange = await self._exchange(opened, body, arrival, _certificate(request))
            headers = {"Content-Type": encoding.media_type, "Cache-Control": "no-store"}
            if exchange.mac:
                headers[MAC_HEADER] = exchange.mac
            metrics.count(metrics.dm_messages, "sent", "wbxml" if encoding.wbxml else "xml")
        except web.HTTPRequestEntityTooLarge:
            status, reason = 413, f"over {self._settings.max_message_bytes} octets"
            metrics.count(metrics.dm_sessions, "none", "too_large")
        except (web.RequestPayloadError, ConnectionError):
            status, reason = 400, "the body did not arrive as its headers say"
        except UnsupportedMediaType as error:
            status, reason = 415, str(error)
        except LimitExceeded as error:
            status, reason = 413, str(error)
            metrics.count(metrics.dm_sessions, "none", "too_large")
        except DecodeError as error:
            status, reason = 400, str(error)
            metrics.count(metrics.dm_sessions, "none", "protocol_error")
        except Unavailable as error:
            status, headers = 503, {"Retry-After": str(error.retry_after_seconds)}
        except Exception:
            fault = secrets.token_hex(6)
            logger().exception("request_failed", frontend="dm", fault=fault)
            status, reason = 500, f"fault {fault}"
        if self._tracer.awaited:
            octets, device_id, turn, _, _, proven = exchange or Exchange(b"", "", reason or f"HTTP {status}", 0)
            answered = tracing.Answered(octets, device_id, turn, proven)
            tracing.note_awaited(self._tracer, self._clock(), request, body, answered)
        seconds = time.perf_counter() - started
        target = request.raw_path
        route = self._routes.get(target) or self._routes.get(target.partition("?")[0], _NO_ROUTE)
        route.observe(request.method, status, len(target) + size, seconds)
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

    def _read(self, opened: Opened) -> SyncML:
        message = opened.read()
        if self._load.is_overloaded and begins_session(message):
            # Sessions under way are let finish: a device that is cut off has to begin anew.
            raise _shed()
        return message

    async def _exchange(self, opened: Opened, body: bytes, arrival: Arrival, certificate: bytes) -> Exchange:
        for _ in range(TRIES):
            try:
                return await self._take_step(opened, body, arrival, certificate)
            except Conflict:
                # Another message of this device, or a push to it, was quicker: look again.
                continue
        raise Unavailable("two messages of one device at once", RETRY_AFTER_SECONDS)

    async def _step(self, opened: Opened, body: bytes, arrival: Arrival, certificate: bytes) -> Exchange:
        """Load, take the two steps, save.

        Raises: Conflict when another message of the device was saved meanwhile.
        """
        now, nonce = self._clock(), secrets.token_bytes(NONCE_BYTES)
        header, encoding = opened.header, opened.encoding
        contact = await self._store.load_contact(header.source, now)
        await next_stage()
        if not encoding.wbxml and not self._declares(contact and contact.device):
            opened.encoding = encoding = replace(encoding, namespaces=False)
        if contact is None or contact.device.omadm is None:
            return self._meet_stranger(opened, arrival, nonce, now)
        record, state = contact.session, contact.device.omadm
        session = self._idle.ended_session(state, arrival, now)
        if session is None and record is not None:
            session = decode_session(self._opened(record))
        if session is not None and session.last_request == arrival.digest:
            return Exchange(session.last_reply, contact.device.id, "repeated", 0, session.last_mac)

        known = contact.device
        if not certificate and (session is None or session.ended):
            found = self._idle.answer(contact, opened, arrival, nonce, now)
            await next_stage()
            if found and (found.repeats or not self._tracer.wants(failed=False, armed=is_armed(known, now))):
                return await self._send_away(known, found, now)
        state = self._accounts.in_force(state, header, arrival, now)
        if state is not known.omadm:
            contact = contact._replace(device=replace(known, omadm=state))
        legacy = self._service.model(contact.device).legacy
        spared = self._models.applied(contact.device).omadm or state
        peer = self._accounts.peer(header, spared, encoding, nonce, now, legacy)
        if certificate and certifies(certificate, state):
            arrival = arrival._replace(proof=arrival.proof._replace(certified=True))
        return await self._converse(known, contact, session, opened, body, arrival, peer, nonce, now)

    def _declares(self, device: Device | None) -> bool:
        """Whether what goes to the device in XML declares namespaces: by its model, if that is known and says so."""
        said = self._service.model(device).namespaces if device else None
        return self._settings.namespaces if said is None else said

    async def _converse(
        self,
        known: Device,
        contact: Contact,
        session: Session | None,
        opened: Opened,
        body: bytes,
        arrival: Arrival,
        peer: Peer,
        nonce: bytes,
        now: datetime,
    ) -> Exchange:
        """Take the two steps of a session and save what comes of them; ``known`` is the device as it was loaded.

        Of a signed message only the header is read before its MAC is checked.

        Raises: Conflict.
        Spec: OMA-TS-DM_Security-V1_2 5.4
        """
        record, writer = contact.session, Writer(opened.encoding)
        told = self._told(opened, contact.device, peer, arrival)
        received = self._heard(contact, session, told, peer, nonce, arrival)
        await next_stage()
        if received.authenticated:
            step = await self._steps.take(contact, received, peer, writer, now)
            if received.started and opened.is_read:
                step = step._replace(device=standing.remember(contact.device, step.device, opened))
        else:
            failures = self._note_failure(contact.device, received, now)
            step = Step(contact.device, failures, self._steps.respond(received, (), peer, writer, now))
        message_out = self._with_secrets(step.reply.message, step.device)
        octets = writer.encode(message_out)
        mac = format_mac(step.reply.signer, octets) if step.reply.signer else ""
        await next_stage()
        writes = step.writes
        if step.device != known:
            writes.append(PutDevice(step.device))
            writes += protocol_writes(known, step.device, now)
        if step.reply.session is not None:
            kept = remember(step.reply.session, arrival.digest, octets, mac)
            payload = encode_session(kept)
            if message_out is not step.reply.message or has_secret(kept):
                payload = SEALED + self._sealer.seal(payload, _purpose(known.id))
            saved = SessionRecord(
                device_id=known.id,
                payload=payload,
                expires_at=now + self._session_lasts,
                revision=record.revision if record else 0,
            )
            writes.append(PutSession(saved, now))
        if writes:
            await self._store.commit(*writes)
        if session is not None and received.started and not session.ended:
            count_end(known, "replaced", now, peer.auth)
        count_turn(
            received, step.reply.session, step.device, now, "certificate" if arrival.proof.certified else peer.auth
        )
        if received.authenticated:
            self._store.touch(contact.device.id, now)
        if self._tracer.wants(failed=tracing.is_failure(received), armed=is_armed(contact.device, now)):
            reply = step.reply._replace(message=message_out)
            self._trace(contact.device, opened, told, body, received, reply, octets, now)
        turn, commands = received.turn.name.lower(), len(step.reply.sent)
        return Exchange(octets, contact.device.id, turn, commands, mac, received.authenticated)

    async def _send_away(self, known: Device, found: Answered, now: datetime) -> Exchange:
        """Save and count the call of a device that found nothing to do, unless it only repeats what was answered."""
        if found.repeats:
            return Exchange(found.octets, known.id, "repeated", 0)
        await self._store.commit(PutDevice(found.device))
        count_at_once(known, called=found.called)
        self._store.touch(known.id, now)
        return Exchange(found.octets, known.id, Turn.COMMANDS.name.lower(), 0, proven=True)

    def _told(self, opened: Opened, device: Device, peer: Peer, arrival: Arrival) -> SyncML | SyncHdr:
        """The whole message, unless its MAC does not prove the sender: then the header, for the rest is not read.

        Of an opening that the device repeats it is what that comes down to.
        """
        header, proof = opened.header, arrival.proof
        if proof.mac is not None and not verify(header.cred, peer.client, peer.auth, proof).is_accepted:
            return header
        state = None if self._load.is_overloaded else device.omadm
        return (state and standing.recall(opened, state)) or self._read(opened)

    def _heard(
        self,
        contact: Contact,
        session: Session | None,
        told: SyncML | SyncHdr,
        peer: Peer,
        nonce: bytes,
        arrival: Arrival,
    ) -> Received:
        if isinstance(told, SyncHdr):
            return refuse_forged(session, told, peer, nonce)
        offer = functools.partial(self._service.offered, contact.subscriber, contact.device)
        return receive(session, told, peer, nonce=nonce, arrival=arrival, offer=offer)

    def _with_secrets(self, message: SyncML, device: Device) -> SyncML:
        """The message with passwords and keys where operations only name them: of the newest account, of jobs."""
        waits = (device.omadm is not None and device.omadm.pending is not None) or any(
            job.has_secret for job in device.jobs
        )
        return fill_in(message, self._secrets_of(device)) if waits else message

    def _opened(self, record: SessionRecord) -> bytes:
        if not record.payload.startswith(SEALED):
            return record.payload
        return self._sealer.unseal(record.payload.removeprefix(SEALED), _purpose(record.device_id))

    def _trace(
        self,
        device: Device,
        opened: Opened,
        told: SyncML | SyncHdr,
        body: bytes,
        received: Received,
        reply: Reply,
        octets: bytes,
        now: datetime,
    ) -> None:
        def entry() -> TraceEntry:
            return TraceEntry(
                owner=device.id,
                at=now,
                protocol=tracing.protocol_of(opened.encoding),
                # What nobody may read cannot be searched for secrets either.
                request=b""
                if told is opened.header
                else tracing.cover(body, opened.read(), tracing.typed_in(received)),
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

    def _meet_stranger(self, opened: Opened, arrival: Arrival, nonce: bytes, now: datetime) -> Exchange:
        """The answer to a device nobody knows: the challenge a known one would get, and nothing stored."""
        header, encoding = opened.header, opened.encoding
        peer, writer = self._accounts.peer(header, None, encoding, nonce, now), Writer(encoding)
        if arrival.proof.mac is None:
            received = receive(None, self._read(opened), peer, nonce=nonce, arrival=arrival)
        else:
            received = refuse_forged(None, header, peer, nonce)
        reply = self._steps.respond(received, (), peer, writer, now)
        return Exchange(writer.encode(reply.message), "", "stranger", 0)

    def _note_failure(self, device: Device, received: Received, now: datetime) -> list[Write]:
        """An event when wrong credentials came under a device's name, at most one in FAILURE_EVENT_SECONDS."""
        if received.statuses[0].code != StatusCode.INVALID_CREDENTIALS:
            return []
        told = self._told_failures.get(device.id)
        if told is not None and now - told < timedelta(seconds=FAILURE_EVENT_SECONDS):
            return []
        if len(self._told_failures) >= MAX_TOLD_FAILURES:
            self._told_failures.clear()
        self._told_failures[device.id] = now
        return [Append(Event(at=now, kind="auth.failed", subscriber_id=device.subscriber_id, device_id=device.id))]


def _purpose(device_id: str) -> str:
    return f"omadm-session:{device_id}"


def _shed() -> Unavailable:
    metrics.count(metrics.shed, "dm")
    return Unavailable("overload", spread(RETRY_AFTER_SECONDS))


def _arrival(request: web.BaseRequest, body: bytes) -> Arrival:
    """What came with a message."""
    header = request.headers.get(MAC_HEADER)
    proof = Proof(parse_mac(header), body_digest(body)) if header is not None else NO_PROOF
    query = query_of(request)
    continuation = dict(parse_qsl(query)).get("s", "") if query else ""
    return Arrival(hashlib.sha256(body).digest(), proof, continuation)


def _certificate(request: web.BaseRequest) -> bytes:
    """The certificate that the peer's TLS stack proved to have the key of, or b""."""
    channel = request.transport.get_extra_info("ssl_object") if request.transport else None
    return (channel.getpeercert(binary_form=True) if channel is not None else None) or b""
