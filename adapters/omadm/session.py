"""The server's side of an OMA DM session: messages in, messages out, without bytes, clock or randomness.

One message is two steps. ``receive`` tells what the device said; the caller records that and works out what the device
is to do next. ``respond`` makes the reply. Between messages the session is a value that any worker can take up.

A package of ours is one message: commands go out when the device has finished its package, and the next ones when it
has answered these.

Spec: OMA-TS-DM_Protocol-V1_2 6, 8, 9; OMA-TS-DM_RepPro-V1_2; OMA-TS-DM_Security-V1_2 5.3
"""

from __future__ import annotations

import base64
import binascii
import enum
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import NamedTuple

import msgspec
from msgspec.structs import replace

from adapters.omadm.answers import Sent, expect, hear, settle
from adapters.omadm.auth import Account, Verdict, chal, make_cred, verify
from adapters.omadm.messages import Alert, AnyCommand, Chal, Status, SyncHdr, SyncML
from adapters.omadm.packing import pack
from adapters.omadm.reports import AlertCode, alerts_of, header_status, reads_of, statuses_for
from gateway.fleet.alert import DeviceAlert
from gateway.fleet.device import AuthType
from gateway.fleet.mirror import Outcome, Read
from gateway.fleet.operation import Operation
from gateway.status import StatusCode

VER_DTD = "1.2"
VER_PROTO = "DM/1.2"

MAX_READS = 10_000
"""Most nodes the Results of one package may name; a device that reports more is cut off."""

_STARTS = (AlertCode.SERVER_INITIATED, AlertCode.CLIENT_INITIATED)
_REFUSALS = (StatusCode.INVALID_CREDENTIALS, StatusCode.MISSING_CREDENTIALS)


class Session(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One session as it is stored between messages.

    ``client_proven`` and ``server_proven`` say who needs no more credentials; ``challenged`` that the device refused
    ours, so that nothing sent under them counts. ``outstanding`` are the commands of message ``outstanding_msg_id`` by
    CmdID; ``planned`` go out next. ``unfinished`` says that our last message was not the last of its package.
    ``last_request`` is a digest of the device's last message and ``last_reply`` the octets that answered it.
    """

    id: str
    client_msg_id: int = 0
    server_msg_id: int = 0
    client_proven: bool = False
    server_proven: bool = False
    challenged: bool = False
    client_failures: int = 0
    server_failures: int = 0
    max_msg_size: int | None = None
    outstanding: dict[str, Sent] = {}
    outstanding_msg_id: int = 0
    planned: tuple[Operation, ...] = ()
    unfinished: bool = False
    ended: bool = False
    last_request: bytes = b""
    last_reply: bytes = b""


class Peer(msgspec.Struct, frozen=True, kw_only=True):
    """The two ends: our ``Source/LocURI``, and the accounts by which device and gateway prove themselves.

    Without a ``server`` account the gateway sends no credentials. ``max_failures`` ends a session after that many
    refusals of either side's credentials.
    """

    server_uri: str
    client: Account
    server: Account | None = None
    auth: AuthType = "md5"
    resp_uri: str = ""
    max_failures: int = 3


class Turn(enum.Enum):
    """How the reply closes. After ``END`` and ``ABORT`` the session is over."""

    COMMANDS = "commands may follow"
    CHALLENGE = "the device must repeat its package with credentials"
    NEXT_MESSAGE = "the device's package is not complete"
    END = "nothing follows"
    ABORT = "the session is broken off"


_TURN_ALERTS = {Turn.NEXT_MESSAGE: AlertCode.NEXT_MESSAGE, Turn.ABORT: AlertCode.SESSION_ABORT}


class Received(msgspec.Struct, frozen=True, kw_only=True):
    """What one message said. ``session`` is None when the message belongs to none, and none is to be touched.

    ``unanswered`` operations went out but get no answer any more: whether the device carried them out is unknown.
    ``reads`` is what the device reported unasked (DevInfo). ``client_nonce`` is to be kept as the device's next nonce,
    with the one before as its previous; ``server_nonce`` is the gateway's next one.
    """

    session: Session | None
    header: SyncHdr
    statuses: tuple[Status, ...]
    turn: Turn
    outcomes: tuple[Outcome, ...] = ()
    unanswered: tuple[Operation, ...] = ()
    reads: tuple[Read, ...] = ()
    alerts: tuple[DeviceAlert, ...] = ()
    client_nonce: bytes | None = None
    server_nonce: bytes | None = None

    @property
    def authenticated(self) -> bool:
        """True when the device has proved who it is; nothing else of the message counts before."""
        return self.session is not None and self.session.client_proven

    @property
    def wants_work(self) -> bool:
        """True when it is our turn and nothing is planned: operations given to ``respond`` now go out."""
        return self.turn is Turn.COMMANDS and self.session is not None and not self.session.planned


class Reply(NamedTuple):
    """The message to send and the session to store with it; None leaves the stored session as it is.

    ``sent`` are the operations in the message, marked with the time. ``outcomes`` are those that can never be sent.
    """

    message: SyncML
    session: Session | None
    sent: tuple[Operation, ...] = ()
    outcomes: tuple[Outcome, ...] = ()


def receive(session: Session | None, message: SyncML, peer: Peer, *, nonce: bytes) -> Received:
    """What a message says, where ``session`` is the device's stored one and ``nonce`` fresh random octets.

    Every well-formed message has its answer. A message that repeats the last one octet by octet is not for this
    function: it gets ``last_reply`` again.

    Spec: OMA-TS-DM_Protocol-V1_2 6, 8; OMA-TS-SyncML_RepPro-V1_2 (MsgID, SessionID)
    """
    header = message.header
    if header.ver_dtd != VER_DTD:
        return _refuse(None, message, StatusCode.DTD_VERSION, Turn.END, offer=VER_DTD)
    if header.ver_proto != VER_PROTO:
        return _refuse(None, message, StatusCode.PROTOCOL_VERSION, Turn.END, offer=VER_PROTO)

    known = session is not None and session.id == header.session_id
    if _has_alert(message, *_STARTS) and (header.msg_id == 1 or not known):
        # Some devices give every session the same id: the old one is over.
        outcomes, unanswered = settle(session.outstanding) if session else ((), ())
        received = _listen(Session(id=header.session_id), message, peer, nonce)
        return replace(received, outcomes=outcomes, unanswered=unanswered)
    if session is None or not known:
        return _refuse(None, message, StatusCode.TIMEOUT, Turn.ABORT)
    if session.ended:
        if all(isinstance(command, Status) for command in message.commands):
            return _refuse(session, message, StatusCode.OK, Turn.END)
        return _refuse(None, message, StatusCode.TIMEOUT, Turn.ABORT)
    if header.msg_id != session.client_msg_id + 1:
        return _break_off(session, message, StatusCode.BAD_REQUEST)
    return _listen(session, message, peer, nonce)


def respond(
    received: Received,
    operations: Sequence[Operation],
    peer: Peer,
    *,
    measure: Callable[[SyncML], int],
    now: datetime,
) -> Reply:
    """The reply, with the commands planned earlier and for ``operations`` as far as the device can take them.

    ``measure`` gives the octets of an encoded message. Operations that do not fit stay planned; when it is not our
    turn they are not taken at all. A reply without commands ends the session.

    Spec: OMA-TS-DM_Protocol-V1_2 6, 8; OMA-TS-SyncML_MetaInfo-V1_2 (MaxMsgSize)
    """
    session, turn = received.session, received.turn
    frame = _frame(received, peer)
    if session is None:
        return Reply(frame, None)
    session = replace(session, server_msg_id=frame.header.msg_id, unfinished=False)
    if turn is not Turn.COMMANDS:
        return Reply(frame, replace(session, ended=turn in (Turn.END, Turn.ABORT)))

    package = pack(frame, (*session.planned, *operations), session.max_msg_size, measure)
    sent = expect(package.sent, now)
    session = replace(
        session,
        challenged=False,
        outstanding=sent,
        outstanding_msg_id=session.server_msg_id,
        planned=package.planned,
        unfinished=not package.message.final,
        ended=not sent and not package.planned,
    )
    return Reply(
        package.message,
        session,
        sent=tuple(entry.operation for entry in sent.values() if not entry.parent),
        outcomes=tuple(Outcome(operation, status) for operation, status in package.refused),
    )


def remember(session: Session, request_digest: bytes, reply: bytes) -> Session:
    """The session that knows its last message, so that a repeated one gets the same octets again."""
    return replace(session, last_request=request_digest, last_reply=reply)


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


def _listen(session: Session, message: SyncML, peer: Peer, nonce: bytes) -> Received:
    """What a message at its proper place says."""
    header = message.header
    announced = header.meta.max_msg_size if header.meta else None
    session = replace(session, client_msg_id=header.msg_id, max_msg_size=announced or session.max_msg_size)
    challenge: Chal | None = None
    if not session.client_proven:
        verdict = verify(header.cred, peer.client, peer.auth)
        if not verdict.is_accepted:
            return _demand_credentials(session, message, peer, nonce, verdict)
        session = replace(session, client_proven=True)
        challenge = chal(peer.auth, nonce) if peer.auth != "basic" else None

    session, answerable, server_nonce = _hear_header_statuses(session, message, peer)
    heard = hear(session.outstanding, session.outstanding_msg_id, message, challenged=session.challenged)
    session = replace(session, outstanding=heard)
    if sum(len(sent.reads) for sent in session.outstanding.values()) > MAX_READS:
        return _break_off(session, message, StatusCode.TOO_LARGE)

    turn = Turn.NEXT_MESSAGE
    outcomes: tuple[Outcome, ...] = ()
    unanswered: tuple[Operation, ...] = ()
    if not answerable or _has_alert(message, AlertCode.SESSION_ABORT):
        turn = Turn.END
    elif message.final or session.unfinished:
        turn = Turn.COMMANDS
    if turn is not Turn.NEXT_MESSAGE:
        outcomes, unanswered = settle(session.outstanding)
        session = replace(session, outstanding={})
    if turn is Turn.COMMANDS and session.challenged:
        # Sent under credentials the device did not take, so it has not looked at them.
        session, unanswered = replace(session, planned=unanswered + session.planned), ()

    return Received(
        session=session,
        header=header,
        statuses=statuses_for(message, StatusCode.AUTHENTICATED, challenge),
        turn=turn,
        outcomes=outcomes,
        unanswered=unanswered,
        reads=tuple(reads_of(message)),
        alerts=tuple(alerts_of(message)),
        client_nonce=nonce if challenge else None,
        server_nonce=server_nonce,
    )


def _demand_credentials(session: Session, message: SyncML, peer: Peer, nonce: bytes, verdict: Verdict) -> Received:
    """The refusal of every command, with a challenge unless the device has had its chances.

    Spec: OMA-TS-DM_Protocol-V1_2 9; OMA-TS-DM_Security-V1_2 5.3
    """
    failures = session.client_failures + 1
    last = failures >= peer.max_failures
    missing = verdict is Verdict.MISSING and not last
    code = StatusCode.MISSING_CREDENTIALS if missing else StatusCode.INVALID_CREDENTIALS
    return Received(
        session=replace(session, client_failures=failures),
        header=message.header,
        statuses=statuses_for(message, code, None if last else chal(peer.auth, nonce), refuse_all=True),
        turn=Turn.END if last else Turn.CHALLENGE,
        client_nonce=None if last or peer.auth == "basic" else nonce,
    )


def _break_off(session: Session, message: SyncML, code: StatusCode) -> Received:
    """The end of a live session for a fault of the device's."""
    outcomes, unanswered = settle(session.outstanding)
    received = _refuse(replace(session, outstanding={}, planned=()), message, code, Turn.ABORT)
    return replace(received, outcomes=outcomes, unanswered=unanswered)


def _refuse(session: Session | None, message: SyncML, code: StatusCode, turn: Turn, offer: str = "") -> Received:
    """An answer to the header alone; ``offer`` is the version to use instead."""
    status = header_status(message.header, code, offer=offer)
    return Received(session=session, header=message.header, statuses=(status,), turn=turn)


def _has_alert(message: SyncML, *codes: AlertCode) -> bool:
    return any(isinstance(command, Alert) and command.code in codes for command in message.commands)


def _hear_header_statuses(session: Session, message: SyncML, peer: Peer) -> tuple[Session, bool, bytes | None]:
    """The session after the device's verdict on our credentials, whether we can go on, and the nonce it gave us.

    A device that says 200 without a challenge has no more wishes; with one it wants credentials in every message.

    Spec: OMA-TS-SyncML_RepPro-V1_2 10 (212, 401, 407); OMA-TS-DM_Security-V1_2 5.3
    """
    answerable, nonce = True, None
    for status in message.commands:
        if not isinstance(status, Status) or status.cmd_ref != "0":
            continue
        given = _next_nonce(status.chal)
        nonce = given or nonce
        if status.code in _REFUSALS:
            failures = session.server_failures + 1
            session = replace(session, server_proven=False, challenged=True, server_failures=failures)
            answerable = peer.server is not None and given is not None and failures < peer.max_failures
        elif status.code.is_success:
            proven = status.code == StatusCode.AUTHENTICATED or status.chal is None
            session = replace(session, server_proven=proven)
    return session, answerable, nonce


def _next_nonce(challenge: Chal | None) -> bytes | None:
    """The octets of the nonce in an md5 challenge, or None."""
    if challenge is None or challenge.type.lower() != "syncml:auth-md5":
        return None
    try:
        return base64.b64decode("".join(challenge.next_nonce.split()), validate=True) or None
    except (binascii.Error, ValueError):
        return None


def _frame(received: Received, peer: Peer) -> SyncML:
    """The reply before any command."""
    session, client = received.session, received.header
    commands: tuple[AnyCommand, ...] = received.statuses
    if received.turn in _TURN_ALERTS:
        commands = (*commands, Alert(cmd_id=str(len(commands) + 1), code=_TURN_ALERTS[received.turn]))
    account = peer.server
    if account is not None and received.server_nonce:
        account = replace(account, nonce=received.server_nonce)
    proven = session is not None and session.server_proven
    header = SyncHdr(
        session_id=client.session_id,
        msg_id=session.server_msg_id + 1 if session else 1,
        target=client.source,
        source=peer.server_uri,
        source_name=account.name if account else "",
        resp_uri=peer.resp_uri,
        cred=make_cred(account) if account and account.nonce and not proven else None,
    )
    return SyncML(header=header, commands=commands, final=received.turn is not Turn.NEXT_MESSAGE)
