"""Calls that find nothing to do: a phone says what it said the last time, has what it should have, and is told so.

Nearly all sessions of a fleet are such a message and its answer. What the answer says is known from the device's
record, and so is that the session ends with it. It therefore needs no record of its own: the device's tells how it was
answered, so that a message that is repeated gets the same octets. Any other call goes the long way, to the same effect.

Spec: OMA-TS-DM_Protocol-V1_2 6, 8.3 (package 1), 8.4 (package 2)
"""

from __future__ import annotations

import functools
from base64 import b64encode
from datetime import datetime, timedelta
from typing import NamedTuple

from msgspec.structs import replace

from adapters.omadm import codec
from adapters.omadm.accounts import Accounts
from adapters.omadm.auth import NO_PROOF, Account, chal, md5_digest, verify
from adapters.omadm.codec import Encoding, Opened
from adapters.omadm.forms import SLOT, Letter
from adapters.omadm.messages import Cred, SyncHdr, SyncML
from adapters.omadm.reports import statuses_for
from adapters.omadm.session import VER_DTD, VERSIONS, Arrival, Peer, Received, Turn, frame
from adapters.omadm.session_record import Session
from adapters.omadm.standing import commands_of, is_called, recalled
from adapters.omadm.steps import PUSHES
from gateway.fleet.device import Device, OmaDmState
from gateway.fleet.push import called
from gateway.service import Service
from gateway.settings import OmaDm
from gateway.status import StatusCode
from gateway.store.protocol import Contact

DIGEST_BYTES = 8
"""Of a message's digest: its answer says nothing to whoever has not got the message itself."""

_MSG_ID = 1_618_033_988
_SLOTS = {b"msg_id": str(_MSG_ID)} | {
    name: f"{SLOT}{name.decode()}{SLOT}" for name in (b"session_id", b"target", b"source", b"nonce", b"cred")
}


class Answered(NamedTuple):
    """The octets that answer a call, the device as it is then, and whether a push had made it call.

    ``repeats`` says that the same octets went out before, and nothing is to be kept.
    """

    octets: bytes
    device: Device
    called: bool
    repeats: bool


class Idle:
    """Answers calls that find nothing to do, by the records and under these settings."""

    def __init__(self, service: Service, accounts: Accounts, settings: OmaDm) -> None:
        self._service = service
        self._accounts = accounts
        # What more is proved, or told to the device, is for the long way.
        self._answers = settings.credentials == "session" and not settings.resp_uri
        self._lasts = timedelta(seconds=settings.session_seconds)
        self._sizes = settings.max_message_bytes, settings.max_object_bytes

    def answer(
        self, contact: Contact, opened: Opened, arrival: Arrival, nonce: bytes, now: datetime
    ) -> Answered | None:
        """The answer to a call that finds nothing to do, where the device is in no session; None to any other message.

        ``nonce`` are fresh random octets, the device's next nonce.
        """
        device, state, header = contact.device, contact.device.omadm, opened.header
        if state is None or not self._answers or not _is_plain(state, arrival, header):
            return None
        repeats = bool(state.answered) and state.answered[:DIGEST_BYTES] == arrival.digest[:DIGEST_BYTES]
        if not repeats and not self._is_at_rest(contact, state, now):
            return None
        gist = recalled(opened, state)
        client, server = self._accounts.pair(state)
        if not gist or not (repeats or verify(header.cred, client, state.auth).is_accepted):
            return None
        octets = self._reply(opened, gist, server, state.client.nonce if repeats else nonce)
        room = header.meta.max_msg_size if header.meta else None
        if octets is None or (room is not None and len(octets) > room):
            return None
        if not repeats:
            # In a process that has just begun such calls may be the only ones for long. Where models are so many that
            # there is no room for all of them, they are not to take turns.
            opened.learn(displace=False)
            device = replace(device, omadm=_after(state, arrival, header, nonce, now))
        return Answered(octets, device, is_called(gist), repeats)

    def ended_session(self, state: OmaDmState, arrival: Arrival, now: datetime) -> Session | None:
        """The session of the device's last call if that found nothing to do, for as long as a session lasts."""
        if not state.answered or state.last_session_at is None or now - state.last_session_at >= self._lasts:
            return None
        digest, session_id = state.answered[:DIGEST_BYTES], state.answered[DIGEST_BYTES:].decode()
        first = arrival.digest if arrival.digest[:DIGEST_BYTES] == digest else b""
        return Session(id=session_id, first=first, ended=True)

    def _is_at_rest(self, contact: Contact, state: OmaDmState, now: datetime) -> bool:
        """Whether the records leave nothing to be done when this device calls."""
        subscriber, device, _, operations = contact
        if operations or state.pending is not None or state.reset_at is not None or state.last_session_at is None:
            return False
        if device.jobs and any(job.running for job in device.jobs):
            return False
        if subscriber.pushes and called(subscriber.pushes, device.id, PUSHES, now):
            return False
        service = self._service
        if state.synced != service.configuration_key(subscriber, device):
            return False
        return not service.is_read_back_due(device, now)

    def _reply(self, opened: Opened, gist: str, server: Account | None, nonce: bytes) -> bytes | None:
        """The octets of the reply; None for one with texts that are written in another way."""
        header, texts = opened.header, {}
        if server is not None and server.nonce:
            texts[b"cred"] = md5_digest(server.digest, server.nonce)
        texts[b"session_id"] = header.session_id
        texts[b"msg_id"] = str(header.msg_id)
        texts[b"target"] = header.target
        texts[b"source"] = header.source
        texts[b"nonce"] = b64encode(nonce).decode()
        name = server.name if server else ""
        return _letter(opened.encoding, gist, name, b"cred" in texts, *self._sizes).fill(texts)


def _is_plain(state: OmaDmState, arrival: Arrival, header: SyncHdr) -> bool:
    """Whether both sides speak 1.2 and prove themselves by md5, as nearly all do."""
    return (
        state.auth == "md5"
        and state.server_auth == "md5"
        and arrival.proof is NO_PROOF
        and not state.certificate_required
        and header.ver_dtd == VER_DTD
        and header.ver_proto == VERSIONS[VER_DTD]
    )


def _after(state: OmaDmState, arrival: Arrival, header: SyncHdr, nonce: bytes, now: datetime) -> OmaDmState:
    """The state after a call that was answered: with the nonce agreed, and what tells the call."""
    return replace(
        state,
        client=replace(state.client, nonce=nonce, previous_nonce=state.client.nonce),
        last_session_at=now,
        resync_at=None,
        answered=arrival.digest[:DIGEST_BYTES] + header.session_id.encode(),
    )


@functools.lru_cache(64)
def _letter(
    encoding: Encoding, gist: str, name: str, proves: bool, max_msg_size: int | None, max_obj_size: int
) -> Letter:
    """The reply to such a call, made as any reply is, with slots for what differs from one phone to the next."""
    header = SyncHdr(_SLOTS[b"session_id"], _MSG_ID, _SLOTS[b"target"], _SLOTS[b"source"])
    call = SyncML(header, commands_of(gist))
    server = Account(name, "", b"any" if proves else b"")
    peer = Peer(server_uri="", client=server, server=server, max_msg_size=max_msg_size, max_obj_size=max_obj_size)
    challenge = replace(chal("md5", b""), next_nonce=_SLOTS[b"nonce"])
    received = Received(
        session=Session(id=header.session_id, server_msg_id=_MSG_ID - 1),
        header=header,
        statuses=statuses_for(call, StatusCode.AUTHENTICATED, challenge),
        turn=Turn.COMMANDS,
        authenticated=True,
        started=True,
    )
    reply, _ = frame(received, peer)
    if reply.header.cred is not None:
        proof = Cred(reply.header.cred.type, _SLOTS[b"cred"], reply.header.cred.format)
        reply = replace(reply, header=replace(reply.header, cred=proof))
    return Letter(codec.encode(reply, encoding), _SLOTS, encoding.wbxml)
