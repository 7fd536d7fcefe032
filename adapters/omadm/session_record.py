"""A session as it is stored between two messages, so that any worker can take it up.

Spec: OMA-TS-DM_Protocol-V1_2 6, 8
"""

from __future__ import annotations

import msgspec
from msgspec.structs import replace

from adapters.omadm.answers import Sent
from adapters.omadm.messages import Status
from adapters.omadm.objects import Assembly, Chunking
from gateway.fleet.device import AuthType
from gateway.fleet.operation import Operation
from gateway.fleet.secret import is_secret
from gateway.status import StatusCode


class Owed(msgspec.Struct, frozen=True):
    """A Status there was no room for."""

    msg_ref: str
    cmd_ref: str
    cmd: str
    code: int

    @classmethod
    def of(cls, status: Status) -> Owed:
        """What is to be kept of it."""
        return cls(status.msg_ref, status.cmd_ref, status.cmd, int(status.code))

    def status(self) -> Status:
        """The Status again."""
        return Status("", self.msg_ref, self.cmd_ref, self.cmd, StatusCode(self.code))


class Session(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One session as it is stored between messages: of a device that has proved who it is.

    ``every_message`` says that it proves that in every message anew, ``server_auth`` what the device asked of the
    gateway, ``server_proven`` that the gateway needs no more credentials; ``challenged`` that the device refused ours,
    so that nothing sent under them counts. ``continuation`` is what further messages have to bring along, ``first`` the
    digest of the message that began it.

    ``outstanding`` are the commands of message ``outstanding_msg_id`` by CmdID; ``planned`` go out next. ``leads_to``
    is the configuration key that the device is up to once it has done all of these; empty when more may have to follow.
    ``owed`` are statuses there was no room for. ``unfinished`` says that our last message was not the last of its
    package. ``chunking`` is an object on its way out, ``assembly`` one on its way in. ``last_request`` is a digest of
    the device's last message, ``last_reply`` the octets that answered it and ``last_mac`` the header that went along.
    """

    id: str
    client_msg_id: int = 0
    server_msg_id: int = 0
    every_message: bool = False
    server_auth: AuthType | None = None
    server_proven: bool = False
    challenged: bool = False
    server_failures: int = 0
    continuation: str = ""
    first: bytes = b""
    max_msg_size: int | None = None
    max_obj_size: int | None = None
    outstanding: dict[str, Sent] = {}
    outstanding_msg_id: int = 0
    planned: tuple[Operation, ...] = ()
    owed: tuple[Owed, ...] = ()
    leads_to: str = ""
    unfinished: bool = False
    chunking: Chunking | None = None
    assembly: Assembly | None = None
    ended: bool = False
    last_request: bytes = b""
    last_reply: bytes = b""
    last_mac: str = ""


def remember(session: Session, request_digest: bytes, reply: bytes, mac: str = "") -> Session:
    """The session that knows its last message, so that a repeated one gets the same octets again."""
    first = session.first or request_digest
    return replace(session, first=first, last_request=request_digest, last_reply=reply, last_mac=mac)


def has_secret(session: Session) -> bool:
    """Whether a secret may be in it: in a value that goes out or came in, or in what stands in for one.

    What an operator queued may be one whatever its node is called, and of an object that is not whole yet nobody knows.
    """
    if session.assembly is not None:
        return True
    if session.chunking is not None and _is_secretive(session.chunking.operation):
        return True
    for operation in session.planned:
        if _is_secretive(operation):
            return True
    for sent in session.outstanding.values():
        if _is_secretive(sent.operation) or (sent.reads and any(is_secret(read.uri) for read in sent.reads)):
            return True
    return False


def _is_secretive(operation: Operation) -> bool:
    if operation.origin == "queue" or is_secret(operation.uri):
        return True
    return bool(operation.members) and any(map(_is_secretive, (*operation.members, *operation.kept)))


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(Session)


def encode_session(session: Session) -> bytes:
    """The session as the store keeps it."""
    return _ENCODER.encode(session)


def decode_session(payload: bytes) -> Session | None:
    """The stored session; None when another release wrote it in a form of its own: the device then starts afresh."""
    try:
        return _DECODER.decode(payload)
    except msgspec.DecodeError:
        return None
