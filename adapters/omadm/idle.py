"""Calls that find nothing to do: a phone says what it said the last time, has what it should have, and is told so.

Nearly all sessions of a fleet are such a message and its answer. What the answer says is known from the device's
record, and so is that the session ends with it. It therefore needs no record of its own: the device's tells how it was
answered, so that a message that is repeated gets the same octets. Any other call goes the long way, to the same effect.

Spec: OMA-TS-DM_Protocol-V1_2 6, 8.3 (package 1), 8.4 (package 2)
"""

from __future__ import annotations

import functools
from datetime import datetime, timedelta
from typing import NamedTuple

from msgspec.structs import replace

from adapters.omadm import codec
from adapters.omadm.auth import NO_PROOF, Account, chal, make_cred, verify
from adapters.omadm.codec import Encoding, Opened
from adapters.omadm.forms import SLOT, Letter
from adapters.omadm.messages import Cred, SyncHdr, SyncML
from adapters.omadm.reports import alerts_of, statuses_for
from adapters.omadm.session import VER_DTD, VERSIONS, Arrival, Peer, Received, Turn, frame
from adapters.omadm.session_record import Session
from adapters.omadm.standing import commands_of, recalled
from adapters.omadm.steps import PUSHES, met
from gateway.fleet.device import Device, OmaDmState
from gateway.fleet.push import called
from gateway.service import Service
from gateway.status import StatusCode
from gateway.store.protocol import Contact

DIGEST_BYTES = 8
"""Of a message's digest: its answer says nothing to whoever has not got the message itself."""

_MSG_ID = 1_618_033_988
_SLOTS = {"msg_id": str(_MSG_ID)} | {
    name: f"{SLOT}{name}{SLOT}" for name in ("session_id", "target", "source", "nonce", "cred")
}


class Answered(NamedTuple):
    """The octets that answer a call, what was heard, and the device as it is then.

    ``repeats`` says that the same octets went out before, and nothing is to be kept.
    """

    octets: bytes
    received: Received
    device: Device
    repeats: bool = False


def answer(
    service: Service, contact: Contact, opened: Opened, peer: Peer, arrival: Arrival, nonce: bytes, now: datetime
) -> Answered | None:
    """The answer to a call that finds nothing to do, where the device is in no session; None to any other message.

    ``nonce`` are fresh random octets, the device's next nonce.
    """
    device, state, header = contact.device, contact.device.omadm, opened.header
    if state is None or not _is_plain(peer, arrival, header):
        return None
    repeats = bool(state.answered) and state.answered[:DIGEST_BYTES] == arrival.digest[:DIGEST_BYTES]
    if not repeats and not _is_at_rest(service, contact, state, now):
        return None
    gist = recalled(opened, state)
    if not gist or not (repeats or verify(header.cred, peer.client, peer.auth).is_accepted):
        return None
    octets = _reply(opened, gist, peer, state.client.nonce if repeats else nonce)
    room = header.meta.max_msg_size if header.meta else None
    if octets is None or (room is not None and len(octets) > room):
        return None
    received = _heard(SyncML(header, commands_of(gist)), nonce)
    if repeats:
        return Answered(octets, received, device, repeats=True)
    after = met(device, received, now)
    assert after.omadm is not None
    answered = arrival.digest[:DIGEST_BYTES] + header.session_id.encode()
    return Answered(octets, received, replace(after, omadm=replace(after.omadm, answered=answered)))


def ended_session(state: OmaDmState, arrival: Arrival, now: datetime, lasts: timedelta) -> Session | None:
    """The session of the device's last call if that found nothing to do, for as long as a session ``lasts``."""
    if not state.answered or state.last_session_at is None or now - state.last_session_at >= lasts:
        return None
    digest, session_id = state.answered[:DIGEST_BYTES], state.answered[DIGEST_BYTES:].decode()
    first = arrival.digest if arrival.digest[:DIGEST_BYTES] == digest else b""
    return Session(id=session_id, first=first, ended=True)


def _is_plain(peer: Peer, arrival: Arrival, header: SyncHdr) -> bool:
    """Whether both sides speak 1.2 and prove themselves by md5, once a session: what nearly all do."""
    return (
        arrival.proof is NO_PROOF
        and peer.auth == "md5"
        and peer.server_auth == "md5"
        and not (peer.every_message or peer.certificate_required or peer.continuation)
        and header.ver_dtd == VER_DTD
        and header.ver_proto == VERSIONS[VER_DTD]
    )


def _is_at_rest(service: Service, contact: Contact, state: OmaDmState, now: datetime) -> bool:
    """Whether the records leave nothing to be done when this device calls."""
    subscriber, device, _, operations = contact
    if operations or state.pending is not None or state.reset_at is not None or state.last_session_at is None:
        return False
    if any(job.running for job in device.jobs) or called(subscriber.pushes, device.id, PUSHES, now):
        return False
    return state.synced == service.configuration_key(subscriber, device) and not service.is_read_back_due(device, now)


def _heard(message: SyncML, nonce: bytes) -> Received:
    """What a call comes down to from a device that proved who it is: a session that ends as it begins."""
    header = message.header
    return Received(
        session=Session(id=header.session_id, server_msg_id=header.msg_id - 1, ended=True),
        header=header,
        statuses=(),
        turn=Turn.COMMANDS,
        authenticated=True,
        started=True,
        alerts=tuple(alerts_of(message)),
        client_nonce=nonce,
    )


def _reply(opened: Opened, gist: str, peer: Peer, nonce: bytes) -> bytes | None:
    """The octets of the reply; None for one with texts that are written in another way."""
    header, server = opened.header, peer.server
    proves = server is not None and bool(server.nonce)
    name = server.name if server else ""
    letter = _letter(opened.encoding, gist, name, proves, peer.max_msg_size, peer.max_obj_size)
    texts = {
        "session_id": header.session_id,
        "msg_id": str(header.msg_id),
        "target": header.target,
        "source": header.source,
        "nonce": chal("md5", nonce).next_nonce,
    }
    if server is not None and proves:
        texts["cred"] = make_cred(server).data
    return letter.fill(texts)


@functools.lru_cache(64)
def _letter(
    encoding: Encoding, gist: str, name: str, proves: bool, max_msg_size: int | None, max_obj_size: int
) -> Letter:
    """The reply to such a call, made as any reply is, with slots for what differs from one phone to the next."""
    header = SyncHdr(_SLOTS["session_id"], _MSG_ID, _SLOTS["target"], _SLOTS["source"])
    call = SyncML(header, commands_of(gist))
    server = Account(name, "", b"any" if proves else b"")
    peer = Peer(server_uri="", client=server, server=server, max_msg_size=max_msg_size, max_obj_size=max_obj_size)
    challenge = replace(chal("md5", b""), next_nonce=_SLOTS["nonce"])
    received = replace(_heard(call, b""), statuses=statuses_for(call, StatusCode.AUTHENTICATED, challenge))
    reply, _ = frame(received, peer)
    if reply.header.cred is not None:
        proof = Cred(reply.header.cred.type, _SLOTS["cred"], reply.header.cred.format)
        reply = replace(reply, header=replace(reply.header, cred=proof))
    return Letter(codec.encode(reply, encoding), _SLOTS, encoding.wbxml)
