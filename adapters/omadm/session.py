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
import hmac
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import NamedTuple

import msgspec
from msgspec.structs import replace

from adapters.omadm.answers import expect, hear, settle
from adapters.omadm.auth import NO_PROOF, Account, Proof, Verdict, chal, make_cred, parse_type, verify
from adapters.omadm.commands import Contents, no_contents
from adapters.omadm.messages import OLDER_DTD, Alert, AnyCommand, Chal, Item, Meta, Results, Status, SyncHdr, SyncML
from adapters.omadm.objects import Chunking, assemble
from adapters.omadm.packing import Limits, Package, pack, pack_part, trim
from adapters.omadm.reports import AlertCode, alerts_of, header_status, reads_of, results_for, statuses_for
from adapters.omadm.session_record import Owed, Session
from gateway.fleet.alert import DeviceAlert
from gateway.fleet.device import AuthType
from gateway.fleet.mirror import Outcome, Read
from gateway.fleet.offer import NOTHING, Offer
from gateway.fleet.operation import Operation
from gateway.status import StatusCode
from gateway.tree.uri import NO_LIMITS, UriLimits

VER_DTD = "1.2"
VER_PROTO = "DM/1.2"
VERSIONS = {VER_DTD: VER_PROTO, OLDER_DTD: "DM/1.1"}
"""What phones of OMA DM 1.1.2 say is understood as well, and answered in kind."""

MAX_OBJECT_BYTES = 1_048_576
"""Largest object the gateway takes, unless the settings say otherwise."""

MAX_RESTARTS = 2
"""How often an object is sent anew when the device has lost its beginning."""

MAX_READS = 10_000
"""Most nodes the Results of one package may name; a device that reports more is cut off."""

MAX_MESSAGES = 5000
"""Most messages of one session: a large package in small parts takes some hundreds, one without end all there is."""

_STARTS = (AlertCode.SERVER_INITIATED, AlertCode.CLIENT_INITIATED)
_REFUSALS = (StatusCode.INVALID_CREDENTIALS, StatusCode.MISSING_CREDENTIALS)


class Peer(msgspec.Struct, frozen=True, kw_only=True):
    """The two ends, and the accounts by which device and gateway prove themselves.

    Our ``Source/LocURI`` is the address that the device posts to, and ``server_uri`` where it does not name that.
    Without a ``server`` account the gateway sends no credentials; it proves itself by ``server_auth`` until the
    device asks for another way. With ``every_message`` the device has to prove itself each time; a MAC does so
    anyhow. With ``certificate_required`` nothing but the device's TLS certificate counts. ``max_failures`` ends a
    session after that many refusals of either side's credentials. ``continuation`` is told to the device in
    ``resp_uri`` and has to come with its further messages. ``legacy`` lets phones of OMA DM 1.1.2 in.
    ``max_msg_size`` and ``max_obj_size`` are what the gateway takes; ``large_objects`` says that the device takes
    values in parts, ``octets`` that the encoding in use carries bare octets. ``uri_limits`` bound what it is asked, and
    the commands that it ``lacks`` are not sent.
    """

    server_uri: str
    client: Account
    server: Account | None = None
    auth: AuthType = "md5"
    server_auth: AuthType = "md5"
    every_message: bool = False
    certificate_required: bool = False
    legacy: bool = True
    resp_uri: str = ""
    continuation: str = ""
    max_failures: int = 3
    max_msg_size: int | None = None
    max_obj_size: int = MAX_OBJECT_BYTES
    large_objects: bool = False
    octets: bool = False
    uri_limits: UriLimits = NO_LIMITS
    lacks: tuple[str, ...] = ()


class Arrival(NamedTuple):
    """How a message came: a digest of its octets, what proves its sender, and the continuation that it brought."""

    digest: bytes = b""
    proof: Proof = NO_PROOF
    continuation: str = ""


BARE = Arrival()


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

    ``authenticated`` is True when the device has proved who it is; nothing else of the message counts before, and
    nothing is to be stored. ``results`` answer what the device asked for. ``started`` says that a session begins.
    ``unanswered`` operations went out but get no answer any more: whether the device carried them out is unknown.
    ``reads`` is what the device reported unasked (DevInfo). ``client_nonce`` is to be kept as the device's next
    nonce, with the one before as its previous; ``server_nonce`` is the gateway's next one, and ``server_auth`` the
    way the device wants it to prove itself.
    """

    session: Session | None
    header: SyncHdr
    statuses: tuple[Status, ...]
    turn: Turn
    authenticated: bool = False
    started: bool = False
    results: tuple[Results, ...] = ()
    broken: Item | None = None
    outcomes: tuple[Outcome, ...] = ()
    unanswered: tuple[Operation, ...] = ()
    reads: tuple[Read, ...] = ()
    alerts: tuple[DeviceAlert, ...] = ()
    client_nonce: bytes | None = None
    server_nonce: bytes | None = None
    server_auth: AuthType | None = None

    @property
    def wants_work(self) -> bool:
        """True when it is our turn and nothing is planned: operations given to ``respond`` now go out."""
        session = self.session
        return self.turn is Turn.COMMANDS and session is not None and not session.planned and session.chunking is None


class Reply(NamedTuple):
    """The message to send and the session to store with it; None leaves the stored session as it is.

    ``sent`` are the operations in the message, marked with the time. ``outcomes`` are those that can never be sent.
    ``signer`` is the account whose MAC has to go with the octets.
    """

    message: SyncML
    session: Session | None
    sent: tuple[Operation, ...] = ()
    outcomes: tuple[Outcome, ...] = ()
    signer: Account | None = None


def receive(
    session: Session | None,
    message: SyncML,
    peer: Peer,
    *,
    nonce: bytes,
    arrival: Arrival = BARE,
    offer: Callable[[str], Offer] = lambda _: NOTHING,
) -> Received:
    """What a message says, where ``session`` is the device's stored one and ``nonce`` fresh random octets.

    ``offer`` is the answer to a Get of the device.

    Every well-formed message has its answer. What does not prove its sender changes nothing, whatever it claims. A
    message that repeats the last one octet by octet is not for this function: it gets ``last_reply`` again.

    Spec: OMA-TS-DM_Protocol-V1_2 6, 8; OMA-TS-SyncML_RepPro-V1_2 (MsgID, SessionID)
    """
    header = message.header
    versions = _versions(peer)
    if header.ver_dtd not in versions:
        return _refuse(None, message, StatusCode.DTD_VERSION, Turn.END, offer=tuple(versions))
    if header.ver_proto not in versions.values():
        return _refuse(None, message, StatusCode.PROTOCOL_VERSION, Turn.END, offer=tuple(versions.values()))

    if _has_alert(message, *_STARTS):
        if session is not None and arrival.digest and arrival.digest == session.first:
            # A copy proves nothing; a device that begins anew with the same words answers the challenge.
            return _demand_credentials(message, peer, nonce, Verdict.WRONG)
        return _start(session, message, peer, nonce, arrival, offer)
    known = session is not None and session.id == header.session_id
    if session is None or not known or not _continues(session, arrival):
        return _refuse(None, message, StatusCode.TIMEOUT, Turn.ABORT)
    if session.ended:
        if all(isinstance(command, Status) for command in message.commands):
            return _refuse(None, message, StatusCode.OK, Turn.END)
        return _refuse(None, message, StatusCode.TIMEOUT, Turn.ABORT)
    challenge = None
    if session.every_message:
        verdict = verify(header.cred, peer.client, peer.auth, arrival.proof)
        if not verdict.is_accepted:
            return _demand_credentials(message, peer, nonce, verdict, after=session.client_msg_id)
        # A MAC covers the message, so its nonce may stay; credentials that repeat could be used by who saw them.
        challenge = chal(peer.auth, nonce) if arrival.proof.mac is None and peer.auth != "basic" else None
    # A message that was refused took its MsgID with it.
    last = session.client_msg_id + (peer.max_failures if session.every_message else 1)
    if not session.client_msg_id < header.msg_id <= last:
        return _break_off(session, message, StatusCode.BAD_REQUEST)
    if header.msg_id > MAX_MESSAGES:
        return _break_off(session, message, StatusCode.TOO_LARGE)
    session = replace(session, server_msg_id=max(session.server_msg_id, header.msg_id - 1))
    return _listen(session, message, peer, challenge, nonce, offer)


def refuse_forged(session: Session | None, header: SyncHdr, peer: Peer, nonce: bytes) -> Received:
    """The answer to a message whose MAC does not prove its sender: of it nothing but the header was read.

    Spec: OMA-TS-DM_Security-V1_2 5.4
    """
    continues = session is not None and session.id == header.session_id and session.client_msg_id < header.msg_id
    after = session.client_msg_id if session is not None and continues else 0
    return _demand_credentials(SyncML(header, ()), peer, nonce, Verdict.WRONG, after)


def begins_session(message: SyncML) -> bool:
    """Whether the message asks for a session to begin."""
    return _has_alert(message, *_STARTS)


def respond(
    received: Received,
    operations: Sequence[Operation],
    peer: Peer,
    *,
    measure: Callable[[SyncML], int],
    now: datetime,
    contents: Contents = no_contents,
) -> Reply:
    """The reply, with the commands planned earlier and for ``operations`` as far as the device can take them.

    ``measure`` gives the octets of an encoded message, ``contents`` those of packages that operations name.
    Operations that do not fit stay planned; when it is not our turn they are not taken at all. A reply without
    commands ends the session.

    Spec: OMA-TS-DM_Protocol-V1_2 6, 7, 8; OMA-TS-SyncML_MetaInfo-V1_2 (MaxMsgSize, MaxObjSize)
    """
    session, turn = received.session, received.turn
    bare, signer = frame(received, peer)
    if session is None:
        return Reply(bare, None)
    bare, owed = trim(bare, session.max_msg_size, measure)
    msg_id, kept = bare.header.msg_id, tuple(map(Owed.of, owed))
    if turn is not Turn.COMMANDS:
        ended = turn in (Turn.END, Turn.ABORT)
        session = replace(session, server_msg_id=msg_id, unfinished=bool(owed), owed=kept, ended=ended)
        return Reply(bare, session, signer=signer)

    if owed:
        package = Package(bare, {}, (*session.planned, *operations), chunking=session.chunking)
    elif session.chunking is not None:
        part = pack_part(bare, session.chunking, session.max_msg_size, measure, contents)
        package = part._replace(planned=(*session.planned, *operations))
    elif session.planned or operations:
        limits = Limits(session.max_obj_size, peer.large_objects, peer.octets, peer.uri_limits, peer.lacks)
        package = pack(bare, (*session.planned, *operations), session.max_msg_size, measure, limits, contents)
    else:
        package = Package(bare, {}, ())
    sent = expect(package.sent, now)
    session = replace(
        session,
        challenged=False,
        server_msg_id=msg_id,
        owed=kept,
        outstanding=sent,
        outstanding_msg_id=msg_id,
        planned=package.planned,
        chunking=package.chunking,
        unfinished=not package.message.final,
        ended=not sent and not package.planned and package.chunking is None and not owed,
    )
    return Reply(
        package.message,
        session,
        sent=tuple(entry.operation for entry in sent.values() if not entry.parent),
        outcomes=tuple(Outcome(operation, status) for operation, status in package.refused),
        signer=signer,
    )


def frame(received: Received, peer: Peer) -> tuple[SyncML, Account | None]:
    """The reply before any command, and the account that has to sign it.

    The gateway proves itself to nobody who has not done so: what it says to a stranger could be used elsewhere.
    """
    session, client = received.session, received.header
    commands: list[AnyCommand] = [
        status if status.cmd_id == (cmd_id := str(number)) else replace(status, cmd_id=cmd_id)
        for number, status in enumerate(received.statuses, start=1)
    ]
    commands += [
        replace(one, cmd_id=str(number)) for number, one in enumerate(received.results, start=len(commands) + 1)
    ]
    if received.broken is not None:
        broken = Item(target=received.broken.target, source=received.broken.source)
        commands.append(Alert(cmd_id=str(len(commands) + 1), code=AlertCode.NO_END_OF_DATA, items=(broken,)))
    if received.turn in _TURN_ALERTS:
        commands.append(Alert(cmd_id=str(len(commands) + 1), code=_TURN_ALERTS[received.turn]))
    account = peer.server if received.authenticated else None
    auth = (session.server_auth if session else None) or peer.server_auth
    if account is not None and received.server_nonce:
        account = replace(account, nonce=received.server_nonce)
    able = account is not None and (bool(account.password) if auth == "basic" else bool(account.nonce))
    proven = session is not None and session.server_proven
    versions = _versions(peer)
    header = SyncHdr(
        ver_dtd=client.ver_dtd if client.ver_dtd in versions else VER_DTD,
        ver_proto=client.ver_proto if client.ver_proto in versions.values() else VER_PROTO,
        session_id=client.session_id,
        msg_id=session.server_msg_id + 1 if session else client.msg_id,
        target=client.source,
        source=client.target or peer.server_uri,
        source_name=account.name if account else "",
        resp_uri=peer.resp_uri if received.authenticated else "",
        cred=make_cred(account, auth) if account and able and auth != "mac" and not proven else None,
        meta=Meta(max_msg_size=peer.max_msg_size, max_obj_size=peer.max_obj_size) if received.started else None,
    )
    message = SyncML(header=header, commands=tuple(commands), final=received.turn is not Turn.NEXT_MESSAGE)
    return message, account if able and auth == "mac" else None


def _start(
    before: Session | None,
    message: SyncML,
    peer: Peer,
    nonce: bytes,
    arrival: Arrival,
    offer: Callable[[str], Offer],
) -> Received:
    """A session that begins, in place of the one before; that one is only over when the device has proved itself.

    Some devices give every session the same id, so the id does not tell.
    """
    header, proof = message.header, arrival.proof
    verdict = verify(header.cred, peer.client, peer.auth, proof)
    if not verdict.is_accepted or (peer.certificate_required and not proof.certified):
        return _demand_credentials(message, peer, nonce, verdict)
    signed = proof.mac is not None and not proof.certified
    every_message = not proof.certified and (signed or peer.every_message)
    # The messages that were refused counted, on both sides.
    session = Session(
        id=header.session_id,
        server_msg_id=header.msg_id - 1,
        every_message=every_message,
        continuation=peer.continuation,
    )
    challenge = None if proof.certified or peer.auth == "basic" else chal("mac" if signed else peer.auth, nonce)
    received = _listen(session, message, peer, challenge, nonce, offer)
    outcomes, unanswered = settle(before.outstanding) if before and not before.ended else ((), ())
    return replace(received, started=True, outcomes=outcomes, unanswered=unanswered)


def _listen(
    session: Session,
    message: SyncML,
    peer: Peer,
    challenge: Chal | None,
    nonce: bytes,
    offer: Callable[[str], Offer],
) -> Received:
    """What a message at its proper place says, from a device that proved who it is."""
    header = message.header
    told = header.meta
    assembled = assemble(session.assembly, message, peer.max_obj_size)
    whole = assembled.message
    session = replace(
        session,
        client_msg_id=header.msg_id,
        max_msg_size=(told.max_msg_size if told else None) or session.max_msg_size,
        max_obj_size=(told.max_obj_size if told else None) or session.max_obj_size,
        assembly=assembled.assembly,
    )
    session, answerable, server_nonce = _hear_header_statuses(session, whole, peer)
    if session.outstanding:
        heard = hear(session.outstanding, session.outstanding_msg_id, whole, challenged=session.challenged)
        session = replace(session, outstanding=heard)
        if sum(len(sent.reads) for sent in heard.values()) > MAX_READS:
            return _break_off(session, message, StatusCode.TOO_LARGE)

    turn = Turn.NEXT_MESSAGE
    outcomes: tuple[Outcome, ...] = ()
    unanswered: tuple[Operation, ...] = ()
    if not answerable or _has_alert(message, AlertCode.SESSION_ABORT):
        turn = Turn.END
    elif (message.final or session.unfinished) and assembled.assembly is None:
        turn = Turn.COMMANDS
        session = _hear_part(session, message)
    if turn is not Turn.NEXT_MESSAGE and session.outstanding:
        outcomes, unanswered = settle(session.outstanding)
        session = replace(session, outstanding={})
    if turn is Turn.COMMANDS and session.challenged:
        # Sent under credentials the device did not take, so it has not looked at them.
        session, unanswered = replace(session, planned=unanswered + session.planned), ()

    code = StatusCode.OK if session.every_message else StatusCode.AUTHENTICATED
    asked, results = results_for(whole, offer)
    return Received(
        session=session,
        header=header,
        statuses=(
            *statuses_for(message, code, challenge, codes=assembled.codes | asked),
            *(owed.status() for owed in session.owed),
        ),
        turn=turn,
        authenticated=True,
        results=results,
        broken=assembled.broken,
        outcomes=outcomes,
        unanswered=unanswered,
        reads=tuple(reads_of(whole)),
        alerts=tuple(alerts_of(whole)),
        client_nonce=nonce if challenge else None,
        server_nonce=server_nonce,
        server_auth=session.server_auth,
    )


def _hear_part(session: Session, message: SyncML) -> Session:
    """The session after the device's answer to a part of an object: on to the next, from the start again, or no more.

    Spec: OMA-TS-DM_Protocol-V1_2 7 (213, Alert 1225)
    """
    chunking = session.chunking
    if chunking is None or not session.outstanding:
        return session
    ((cmd_id, sent),) = session.outstanding.items()
    if _has_alert(message, AlertCode.NO_END_OF_DATA):
        if chunking.restarts < MAX_RESTARTS and sent.status is None:
            again = Chunking(chunking.operation, chunking.size, restarts=chunking.restarts + 1)
            return replace(session, chunking=again, outstanding={})
        failed = replace(sent, status=int(StatusCode.SIZE_MISMATCH))
        return replace(session, chunking=None, outstanding={cmd_id: failed})
    buffered = any(
        isinstance(status, Status) and status.cmd_ref == cmd_id and status.code == StatusCode.CHUNK_ACCEPTED
        for status in message.commands
    )
    if sent.status is None and not session.challenged and (buffered or _has_alert(message, AlertCode.NEXT_MESSAGE)):
        return replace(session, outstanding={})
    return replace(session, chunking=None)


def _demand_credentials(message: SyncML, peer: Peer, nonce: bytes, verdict: Verdict, after: int = 0) -> Received:
    """The refusal of every command, with a challenge unless the device has had its chances.

    How many it had since its message ``after`` is told by its own MsgID: for somebody who has proved nothing, nothing
    is counted.

    Spec: OMA-TS-DM_Protocol-V1_2 9; OMA-TS-DM_Security-V1_2 5.3
    """
    last = message.header.msg_id - after >= peer.max_failures or peer.certificate_required
    missing = verdict is Verdict.MISSING and not last
    code = StatusCode.MISSING_CREDENTIALS if missing else StatusCode.INVALID_CREDENTIALS
    offered = next(iter(peer.client.challenges()), nonce)
    return Received(
        session=None,
        header=message.header,
        statuses=statuses_for(message, code, None if last else chal(peer.auth, offered), refuse_all=True),
        turn=Turn.END if last else Turn.CHALLENGE,
    )


def _versions(peer: Peer) -> dict[str, str]:
    return VERSIONS if peer.legacy else {VER_DTD: VER_PROTO}


def _continues(session: Session, arrival: Arrival) -> bool:
    """Whether a message brings along what the device was told to."""
    return hmac.compare_digest(session.continuation.encode(), arrival.continuation.encode("utf-8", "replace"))


def _break_off(session: Session, message: SyncML, code: StatusCode) -> Received:
    """The end of a live session for a fault of the device's."""
    outcomes, unanswered = settle(session.outstanding)
    over = replace(session, outstanding={}, planned=(), chunking=None, assembly=None, owed=())
    received = _refuse(over, message, code, Turn.ABORT)
    return replace(received, authenticated=True, outcomes=outcomes, unanswered=unanswered)


def _refuse(
    session: Session | None, message: SyncML, code: StatusCode, turn: Turn, offer: tuple[str, ...] = ()
) -> Received:
    """An answer to the header alone; ``offer`` are the versions to use instead."""
    status = header_status(message.header, code, offer=offer)
    return Received(session=session, header=message.header, statuses=(status,), turn=turn)


def _has_alert(message: SyncML, *codes: AlertCode) -> bool:
    for command in message.commands:  # noqa: SIM110 - a generator costs as much as five turns of this
        if isinstance(command, Alert) and command.code in codes:
            return True
    return False


def _hear_header_statuses(session: Session, message: SyncML, peer: Peer) -> tuple[Session, bool, bytes | None]:
    """The session after the device's verdict on our credentials, whether we can go on, and the nonce it gave us.

    A device that says 200 without a challenge has no more wishes; with one it wants credentials in every message.

    Spec: OMA-TS-SyncML_RepPro-V1_2 10 (212, 401, 407); OMA-TS-DM_Security-V1_2 5.3
    """
    answerable, nonce = True, None
    for status in message.commands:
        if not isinstance(status, Status) or status.cmd_ref != "0":
            continue
        wanted = parse_type(status.chal.type) if status.chal else None
        given = _next_nonce(status.chal)
        nonce = given or nonce
        if wanted is not None:
            session = replace(session, server_auth=wanted)
        if status.code in _REFUSALS:
            failures = session.server_failures + 1
            session = replace(session, server_proven=False, challenged=True, server_failures=failures)
            answerable = failures < peer.max_failures and _can_prove(peer.server, wanted, given)
        elif status.code.is_success:
            proven = status.code == StatusCode.AUTHENTICATED or status.chal is None
            session = replace(session, server_proven=proven)
    return session, answerable, nonce


def _can_prove(account: Account | None, wanted: AuthType | None, nonce: bytes | None) -> bool:
    """Whether the gateway can prove itself in the way a challenge asks for."""
    if account is None or wanted is None:
        return False
    return bool(account.password) if wanted == "basic" else nonce is not None


def _next_nonce(challenge: Chal | None) -> bytes | None:
    """The octets of the nonce in a challenge, or None."""
    if challenge is None or parse_type(challenge.type) in (None, "basic"):
        return None
    try:
        return base64.b64decode("".join(challenge.next_nonce.split()), validate=True) or None
    except (binascii.Error, ValueError):
        return None
