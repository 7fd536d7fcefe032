"""Playbooks of OMA DM sessions: the phone's side, and a gateway that answers it."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from typing import Any

from adapters.omadm import codec
from adapters.omadm.auth import Account, Mac, Proof, mac_digest
from adapters.omadm.messages import (
    Alert,
    AnyCommand,
    Chal,
    Command,
    Cred,
    Group,
    Item,
    Meta,
    Status,
    SyncHdr,
    SyncML,
)
from adapters.omadm.session import (
    BARE,
    Arrival,
    Peer,
    Received,
    Reply,
    receive,
    respond,
)
from adapters.omadm.session_record import Session, decode_session, encode_session, remember
from gateway.fleet.operation import Operation
from gateway.status import StatusCode

NOW = datetime.datetime(2026, 3, 1, tzinfo=datetime.UTC)
PHONE, SERVER = "IMEI:004400112233447", "https://mdm.example.org/dm"
# The accounts and md5 credentials are those of vectors/omadm/digests.txt; the nonces are 10..1F and A0..AF.
CLIENT_ACCOUNT = Account(PHONE, "00Ix74fOUnYQYwxhVIx9ew==", bytes(range(0x10, 0x20)))
SERVER_ACCOUNT = Account("mdm.example.org", "AZKD0qHKyjSx3M3WqV7m8w==", bytes(range(0xA0, 0xB0)))
GOOD = Cred("syncml:auth-md5", "/puPB/19Hgw9rf3iV8DeBw==")
BAD = Cred("syncml:auth-md5", "Zz6EivR3yeaaENcRN6lpAQ==")
START = Alert("1", 1201)
DEVINFO = Command("Replace", "2", (Item(source="./DevInfo/Man", data="Acme"),))


def message(
    msg_id: int, *commands: AnyCommand, final: bool = True, max_bytes: int | None = None, **header: Any
) -> SyncML:
    """What the phone sends, session "1" unless told."""
    header = {"session_id": "1", "target": SERVER, "source": PHONE, "source_name": PHONE} | header
    meta = Meta(max_msg_size=max_bytes) if max_bytes else None
    return SyncML(SyncHdr(msg_id=msg_id, meta=meta, **header), commands, final)


def package_1(msg_id: int = 1, cred: Cred | None = GOOD, **how: Any) -> SyncML:
    """The session alert and DevInfo."""
    return message(msg_id, START, DEVINFO, cred=cred, **how)


def answer(msg_ref: int, cmd_ref: int | str, code: int, cmd: str = "Replace", **more: Any) -> Status:
    """The phone's Status; reference 0 is our header."""
    return Status("9", str(msg_ref), str(cmd_ref), "SyncHdr" if cmd_ref == 0 else cmd, StatusCode(code), **more)


def said(reply: SyncML) -> list[str]:
    """One line for each command of a message, and "Final" when it is the last of its package."""
    return [*map(_line, reply.commands), *(["Final"] if reply.final else [])]


def _line(command: AnyCommand) -> str:
    match command:
        case Status(msg_ref=msg_ref, cmd_ref=cmd_ref, cmd=cmd, code=code, chal=chal, items=items):
            offers = "".join(f" {item.data}" for item in items)
            return f"{cmd} {msg_ref}/{cmd_ref} {int(code)}{' chal' if chal else ''}{offers}"
        case Alert(code=alert):
            return f"Alert {alert}"
        case Command(verb=verb, items=items):
            return " ".join([verb, *(item.target for item in items)])
        case Group(verb=verb, commands=commands):
            return f"{verb}[{', '.join(map(_line, commands))}]"
    raise AssertionError(command)


class Playbook:
    """A gateway that talks to one phone; ``heard`` is what the last message told it."""

    def __init__(self, **peer: Any) -> None:
        self.peer = Peer(**({"server_uri": SERVER, "client": CLIENT_ACCOUNT} | peer))
        self.session: Session | None = None
        self.heard: Received
        self.reply: Reply
        self.counter = 0

    def size(self, sent: SyncML) -> int:
        """The octets of a message in the encoding of this phone."""
        return len(
            codec.encode(sent, codec.encoding_of(f"application/vnd.syncml.dm+{'wb' if self.peer.octets else ''}xml"))
        )

    def hears(self, sent: SyncML, work: Sequence[Operation] = (), arrival: Arrival = BARE) -> list[str]:
        """What the gateway answers; the work is given to it only when it asks."""
        self.counter += 1
        self.heard = receive(self.session, sent, self.peer, nonce=bytes([self.counter]) * 16, arrival=arrival)
        given = work if self.heard.wants_work else ()
        self.reply = respond(self.heard, given, self.peer, measure=self.size, now=NOW)
        if self.reply.session is not None:
            self.session = decode_session(encode_session(remember(self.reply.session, arrival.digest, b"")))
        return said(self.reply.message)

    @property
    def outcomes(self) -> list[tuple[str, int]]:
        """The final answers the last message brought, by operation."""
        return [(outcome.operation.id, int(outcome.status)) for outcome in self.heard.outcomes]

    @property
    def unanswered(self) -> list[str]:
        """The operations the last message left without an answer."""
        return [operation.id for operation in self.heard.unanswered]


def size(sent: SyncML) -> int:
    return len(codec.encode(sent, codec.encoding_of("application/vnd.syncml.dm+xml")))


GET = Operation(id="get", verb="Get", uri="./DevDetail/FwV")
SET = Operation(id="set", verb="Replace", uri="./X/Name", format="chr", value="Ann")
NEXT_CHAL = Chal("syncml:auth-md5", "c29tZS1uZXctbm9uY2UtMQ==")


def signed(nonce: bytes, name: str = PHONE) -> Arrival:
    """A message with a right MAC under this nonce."""
    account = Account(PHONE, CLIENT_ACCOUNT.digest, nonce)
    return Arrival(proof=Proof(Mac(name, mac_digest(account.digest, nonce, "body")), "body"))
