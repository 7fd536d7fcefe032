"""Playbooks of OMA DM sessions: what the phone says, and what the gateway must answer and learn."""

from __future__ import annotations

import datetime
from base64 import b64decode, b64encode
from collections.abc import Sequence
from typing import Any

import pytest
from msgspec.structs import replace

from adapters.omadm import codec
from adapters.omadm.auth import Account, Mac, Proof, mac_digest, md5_digest
from adapters.omadm.messages import (
    Alert,
    AnyCommand,
    Chal,
    Command,
    Cred,
    Group,
    Item,
    Meta,
    Results,
    Status,
    SyncHdr,
    SyncML,
)
from adapters.omadm.session import (
    BARE,
    MAX_READS,
    Arrival,
    Peer,
    Received,
    Reply,
    Turn,
    receive,
    respond,
)
from adapters.omadm.session_record import Session, decode_session, encode_session, remember
from gateway.fleet.mirror import Read
from gateway.fleet.operation import Operation, Prompt
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


# Packages


def test_a_session_runs_from_package_1_to_4() -> None:
    """Credentials are taken with the next nonce, each command gets its Status, answers become outcomes; then the end.

    OMA-TS-DM_Protocol-V1_2 8
    """
    book = Playbook()
    assert book.hears(package_1(), [GET, SET]) == [
        "SyncHdr 1/0 212 chal", "Alert 1/1 200", "Replace 1/2 200", "Get ./DevDetail/FwV", "Replace ./X/Name", "Final",
    ]  # fmt: skip
    assert book.heard.client_nonce == bytes([1]) * 16
    assert book.heard.reads == (Read("./DevInfo/Man", value="Acme"),)
    assert [alert.code for alert in book.heard.alerts] == [1201]
    assert [operation.sent_at for operation in book.reply.sent] == [NOW, NOW]

    results = Results("4", "1", "4", (Item(source="./DevDetail/FwV", data="1.0.7"),))
    assert book.hears(message(2, answer(1, 0, 212), answer(1, 4, 200, "Get"), results, answer(1, 5, 200))) == [
        "SyncHdr 2/0 212",
        "Final",
    ]
    assert book.outcomes == [("get", 200), ("set", 200)]
    assert book.heard.outcomes[0].reads == (Read("./DevDetail/FwV", value="1.0.7"),)
    assert book.heard.client_nonce is None
    assert book.session is not None
    assert book.session.ended


def test_the_header_of_a_reply_mirrors_the_phones() -> None:
    """SessionID is kept, MsgID counts our own messages, and Target is the phone; the CmdIDs are 1, 2, 3 …"""
    book = Playbook(resp_uri="https://mdm.example.org/dm?worker=2")
    book.hears(package_1(session_id="1A2B"), [GET])
    header = book.reply.message.header
    assert (header.session_id, header.msg_id, header.target, header.source) == ("1A2B", 1, PHONE, SERVER)
    assert header.resp_uri == "https://mdm.example.org/dm?worker=2"
    assert [command.cmd_id for command in book.reply.message.commands] == ["1", "2", "3", "4"]
    book.hears(message(2, answer(1, 0, 212), session_id="1A2B"))
    assert book.reply.message.header.msg_id == 2


def test_a_phone_that_needs_nothing_is_let_go_at_once() -> None:
    """Package 2 without commands ends the session (OMA-TS-DM_Protocol-V1_2 8)."""
    book = Playbook()
    assert book.hears(package_1()) == ["SyncHdr 1/0 212 chal", "Alert 1/1 200", "Replace 1/2 200", "Final"]
    assert book.session is not None
    assert book.session.ended


def test_a_package_in_two_messages_is_asked_for_with_1222() -> None:
    """Without Final there are no commands yet, but Status, Alert 1222 and no Final of ours (Protocol 6)."""
    book = Playbook()
    assert book.hears(message(1, START, cred=GOOD, final=False), [GET]) == [
        "SyncHdr 1/0 212 chal", "Alert 1/1 200", "Alert 1222",
    ]  # fmt: skip
    assert book.hears(message(2, answer(1, 0, 212), DEVINFO), [GET]) == [
        "SyncHdr 2/0 212", "Replace 2/2 200", "Get ./DevDetail/FwV", "Final",
    ]  # fmt: skip
    listed = [Results("3", "2", "3", (Item(source=f"./DevDetail/{n}", data=n),)) for n in ("FwV", "SwV")]
    book.hears(message(3, answer(2, 3, 200, "Get"), listed[0], final=False))
    assert book.outcomes == []
    book.hears(message(4, listed[1]))
    assert [read.uri for read in book.heard.outcomes[0].reads] == ["./DevDetail/FwV", "./DevDetail/SwV"]


def test_work_goes_on_while_there_is_any() -> None:
    """Packages 3 and 4 repeat as long as the gateway has commands."""
    book = Playbook()
    book.hears(package_1(), [GET])
    assert book.hears(message(2, answer(1, 4, 404, "Get")), [SET])[-2:] == ["Replace ./X/Name", "Final"]
    assert book.outcomes == [("get", 404)]
    book.hears(message(3, answer(2, 2, 200)))
    assert book.outcomes == [("set", 200)]


# Answers


@pytest.mark.parametrize(
    ("answers", "outcomes", "unanswered"),
    [
        ([answer(1, 4, 200)], [("set", 200)], []),
        ([answer(1, 4, 599)], [("set", 599)], []),
        ([answer(1, 4, 101), answer(1, 4, 200)], [("set", 200)], []),
        ([answer(1, 4, 404), answer(1, 4, 200)], [("set", 404)], []),
        (
            [answer(1, 4, 425, target_refs=("./X/Name/Below",)), answer(1, 4, 200, target_refs=("./X/Name",))],
            [("set", 200)],
            [],
        ),
        ([answer(1, 4, 200, target_refs=("./Y", "./X/Name"))], [("set", 200)], []),
        ([answer(7, 4, 200), answer(1, 9, 200), answer(1, "", 200)], [], ["set"]),
        ([Results("1", "1", "4", (Item(data="Bob"),))], [("set", 200)], []),
        ([Results("1", "", "4", (Item(data="Bob"),))], [("set", 200)], []),
        ([], [], ["set"]),
    ],
    ids=["plain", "unknown code", "in progress", "first counts", "own target counts", "several targets",
         "wrong references", "results alone", "results without MsgRef", "silence"],
)  # fmt: skip
def test_an_answer_is_found_by_its_references(
    answers: list[AnyCommand], outcomes: list[tuple[str, int]], unanswered: list[str]
) -> None:
    """MsgRef and CmdRef say what a Status is about, TargetRef which of several counts; 101 is not final."""
    book = Playbook()
    book.hears(package_1(), [SET])
    book.hears(message(2, answer(1, 0, 212), *answers))
    assert (book.outcomes, book.unanswered) == (outcomes, unanswered)


def test_a_phone_that_reports_without_end_is_cut_off() -> None:
    """The stored session stays bounded whatever the Results hold."""
    book = Playbook()
    book.hears(package_1(), [GET])
    flood = Results("3", "1", "4", tuple(Item(source=f"./A/{n}", data="") for n in range(MAX_READS + 1)))
    assert book.hears(message(2, flood)) == ["SyncHdr 2/0 413", "Alert 1223", "Final"]
    assert book.session is not None
    assert book.session.ended


# Authentication


@pytest.mark.parametrize(("cred", "code"), [(None, 407), (BAD, 401), (Cred("syncml:auth-basic", "eDp5"), 401)])
def test_without_good_credentials_nothing_is_taken(cred: Cred | None, code: int) -> None:
    """Every command is refused with the header's code and nothing it says counts; package 1 again gets through.

    OMA-TS-DM_Security-V1_2 5.3
    """
    book = Playbook()
    assert book.hears(package_1(cred=cred), [GET]) == [
        f"SyncHdr 1/0 {code} chal", f"Alert 1/1 {code}", f"Replace 1/2 {code}", "Final",
    ]  # fmt: skip
    assert not book.heard.authenticated
    assert (book.heard.reads, book.heard.alerts, book.reply.session) == ((), (), None)
    assert book.hears(package_1(2), [GET])[0] == "SyncHdr 2/0 212 chal"
    assert book.heard.authenticated


def test_a_challenge_names_the_type_and_the_nonce() -> None:
    """md5 comes with the nonce to use; basic with none, before and after."""
    md5, basic = Playbook(), Playbook(auth="basic")
    md5.hears(package_1(cred=None))
    basic.hears(package_1(cred=None))
    assert md5.heard.statuses[0].chal == Chal("syncml:auth-md5", "AQEBAQEBAQEBAQEBAQEBAQ==")
    assert basic.heard.statuses[0].chal == Chal("syncml:auth-basic")
    # base64 of "IMEI:004400112233447:dev-secret-01"
    told = Cred("syncml:auth-basic", "SU1FSTowMDQ0MDAxMTIyMzM0NDc6ZGV2LXNlY3JldC0wMQ==")
    assert basic.hears(package_1(2, cred=told))[0] == "SyncHdr 2/0 212"
    assert basic.heard.client_nonce is None


def test_a_phone_that_never_has_good_credentials_is_told_so_and_left() -> None:
    """The last refusal is 401 without Chal: by its own MsgID, for nothing is counted for who has proved nothing."""
    book = Playbook(max_failures=3)
    heads = [book.hears(package_1(msg_id, cred=cred))[0] for msg_id, cred in ((1, None), (2, BAD), (3, None))]
    assert heads == ["SyncHdr 1/0 407 chal", "SyncHdr 2/0 401 chal", "SyncHdr 3/0 401"]
    assert (book.heard.turn, book.session) == (Turn.END, None)


def test_credentials_are_needed_once_in_a_session() -> None:
    """212 stands for the whole session, whatever Cred a later message has."""
    book = Playbook()
    book.hears(package_1(), [GET])
    assert book.hears(message(2, answer(1, 4, 200, "Get"), cred=BAD), [SET])[0] == "SyncHdr 2/0 212"
    assert book.hears(message(3, answer(2, 2, 200)))[0] == "SyncHdr 3/0 212"


def test_the_gateway_proves_itself_until_the_phone_is_content() -> None:
    """Cred is in our header with the nonce on record, and gone after 212, whose Chal is for the next session."""
    book = Playbook(server=SERVER_ACCOUNT)
    book.hears(package_1(), [GET])
    header = book.reply.message.header
    assert (header.source_name, header.cred) == ("mdm.example.org", Cred("syncml:auth-md5", "Efbj2/aqz7lfLYMm08CWug=="))
    book.hears(message(2, answer(1, 0, 212, chal=NEXT_CHAL), answer(1, 4, 200, "Get")), [SET])
    assert (book.reply.message.header.cred, book.heard.server_nonce) == (None, b"some-new-nonce-1")


@pytest.mark.parametrize(("chal", "wanted"), [(None, False), (NEXT_CHAL, True)])
def test_200_with_a_nonce_asks_for_credentials_in_every_message(chal: Chal | None, wanted: bool) -> None:
    """200 and a Chal is for the next message; 200 alone, as some phones say it, is content."""
    book = Playbook(server=SERVER_ACCOUNT)
    book.hears(package_1(), [GET])
    first = book.reply.message.header.cred
    book.hears(message(2, answer(1, 0, 200, chal=chal), answer(1, 4, 200, "Get")), [SET])
    assert (book.reply.message.header.cred is not None) is wanted
    assert book.reply.message.header.cred != first


@pytest.mark.parametrize("command_code", [401, 407, None])
def test_what_the_phone_refused_for_our_credentials_is_sent_again(command_code: int | None) -> None:
    """A challenge to our header repeats the commands under the new nonce; their 401 is no outcome (Protocol 9)."""
    book = Playbook(server=SERVER_ACCOUNT)
    book.hears(package_1(), [GET, SET])
    refused = [answer(1, 4, command_code, "Get"), answer(1, 5, command_code)] if command_code else []
    assert book.hears(message(2, answer(1, 0, 401, chal=NEXT_CHAL), *refused)) == [
        "SyncHdr 2/0 212", "Get ./DevDetail/FwV", "Replace ./X/Name", "Final",
    ]  # fmt: skip
    assert (book.outcomes, book.unanswered, book.heard.wants_work) == ([], [], False)
    assert book.heard.server_nonce == b"some-new-nonce-1"
    cred = book.reply.message.header.cred
    # B64(MD5("AZKD0qHKyjSx3M3WqV7m8w==:some-new-nonce-1")), computed with openssl dgst.
    assert cred == Cred("syncml:auth-md5", "qFMO67Q1jaDWXBDLPu++pA==")
    book.hears(message(3, answer(2, 0, 212), answer(2, 2, 200, "Get"), answer(2, 3, 401)))
    assert book.outcomes == [("get", 200), ("set", 401)]


@pytest.mark.parametrize(
    ("server", "chal"),
    [(None, NEXT_CHAL), (SERVER_ACCOUNT, None), (SERVER_ACCOUNT, Chal("syncml:auth-basic")),
     (SERVER_ACCOUNT, Chal("syncml:auth-md5", "no base64!"))],
    ids=["no account", "no challenge", "another type", "no nonce"],
)  # fmt: skip
def test_a_challenge_that_cannot_be_met_ends_the_session(server: Account | None, chal: Chal | None) -> None:
    """Nobody is to guess: the commands go back unanswered."""
    book = Playbook(server=server)
    book.hears(package_1(), [SET])
    assert book.hears(message(2, answer(1, 0, 401, chal=chal), answer(1, 4, 401))) == ["SyncHdr 2/0 212", "Final"]
    assert (book.outcomes, book.unanswered, book.heard.turn) == ([], ["set"], Turn.END)


def test_a_phone_that_refuses_the_gateway_for_ever_is_left() -> None:
    """The cap holds for our credentials as well."""
    book = Playbook(server=SERVER_ACCOUNT, max_failures=3)
    book.hears(package_1(), [SET])
    replies = [book.hears(message(n, answer(n - 1, 0, 401, chal=NEXT_CHAL)))[-2] for n in (2, 3, 4)]
    assert replies == ["Replace ./X/Name", "Replace ./X/Name", "SyncHdr 4/0 212"]
    assert book.unanswered == ["set"]


@pytest.mark.parametrize("final", [True, False])
def test_1223_ends_the_session(final: bool) -> None:
    """The abort is answered by statuses alone, Final or not, and what was outstanding goes back."""
    book = Playbook()
    book.hears(package_1(), [GET, SET])
    abort = message(2, answer(1, 0, 212), answer(1, 4, 200, "Get"), Alert("7", 1223), final=final)
    assert book.hears(abort, [SET]) == ["SyncHdr 2/0 212", "Alert 2/7 200", "Final"]
    assert (book.outcomes, book.unanswered) == ([("get", 200)], ["set"])
    assert book.session is not None
    assert book.session.ended
    book.hears(package_1())
    assert (book.outcomes, book.unanswered) == ([], [])


# The order of messages


@pytest.mark.parametrize("msg_id", [1, 3, 4, 99])
def test_a_message_out_of_order_breaks_the_session_off(msg_id: int) -> None:
    """The last MsgID with other content, an older one or a later one: 400 and Alert 1223; nothing of it is applied."""
    book = Playbook()
    book.hears(package_1(), [GET])
    book.hears(message(2, answer(1, 4, 200, "Get")), [SET])
    if msg_id == 3:
        book.hears(message(3, final=False))
    assert book.hears(message(msg_id, answer(2, 2, 200))) == [f"SyncHdr {msg_id}/0 400", "Alert 1223", "Final"]
    assert (book.outcomes, book.unanswered) == ([], ["set"])
    book.hears(package_1())
    assert (book.outcomes, book.unanswered) == ([], [])


@pytest.mark.parametrize(("session_id", "msg_id"), [("1", 1), ("2", 1), ("2", 3)])
def test_a_new_start_replaces_the_session(session_id: str, msg_id: int) -> None:
    """With the same SessionID or another one; what the old session left open goes back, and all is counted anew."""
    book = Playbook()
    book.hears(package_1(), [GET, SET])
    book.hears(message(2, answer(1, 4, 200, "Get"), final=False))
    assert book.hears(package_1(msg_id, session_id=session_id))[0] == f"SyncHdr {msg_id}/0 212 chal"
    assert (book.outcomes, book.unanswered) == ([("get", 200)], ["set"])
    assert book.reply.message.header.msg_id == msg_id


@pytest.mark.parametrize("stray", [message(2, answer(1, 4, 200)), message(1, DEVINFO, cred=GOOD), message(5)])
def test_a_message_of_no_session_is_turned_away(stray: SyncML) -> None:
    """408 and Alert 1223; a live session with another SessionID is not touched."""
    turned_away = [f"SyncHdr {stray.header.msg_id}/0 408", "Alert 1223", "Final"]
    book = Playbook()
    assert (book.hears(stray), book.reply.session) == (turned_away, None)
    book.hears(package_1(session_id="2"), [SET])
    assert (book.hears(stray), book.reply.session, book.heard.authenticated) == (turned_away, None, False)
    book.hears(message(2, answer(1, 4, 200), session_id="2"))
    assert book.outcomes == [("set", 200)]


def test_a_status_after_the_end_is_no_fault() -> None:
    """Some phones answer our last header; that gets a friendly end, anything else is turned away."""
    book = Playbook()
    book.hears(package_1())
    assert book.hears(message(2, answer(1, 0, 212))) == ["SyncHdr 2/0 200", "Final"]
    assert book.hears(message(3, Alert("1", 1226))) == ["SyncHdr 3/0 408", "Alert 1223", "Final"]


@pytest.mark.parametrize(
    ("header", "legacy", "line"),
    [
        ({"ver_dtd": "1.0"}, True, "SyncHdr 1/0 505 1.2 1.1"),
        ({"ver_proto": "DM/2.0"}, True, "SyncHdr 1/0 513 DM/1.2 DM/1.1"),
        ({"ver_dtd": "1.1"}, False, "SyncHdr 1/0 505 1.2"),
        ({"ver_proto": "DM/1.1"}, False, "SyncHdr 1/0 513 DM/1.2"),
    ],
)
def test_another_version_is_refused_with_ours(header: dict[str, str], legacy: bool, line: str) -> None:
    """The Status names the versions to use, and no session comes of it (RepPro 505, 513)."""
    book = Playbook(legacy=legacy)
    assert (book.hears(package_1(**header)), book.session) == ([line, "Final"], None)
    assert (book.reply.message.header.ver_dtd, book.reply.message.header.ver_proto)[legacy] in ("1.2", "DM/1.2")


def test_a_phone_of_the_older_version_is_answered_in_kind() -> None:
    """VerDTD, VerProto and the namespace are the phone's for the whole session (OMA DM 1.1.2)."""
    book = Playbook()
    assert book.hears(package_1(ver_dtd="1.1", ver_proto="DM/1.1"), [GET])[0] == "SyncHdr 1/0 212 chal"
    header = book.reply.message.header
    assert (header.ver_dtd, header.ver_proto) == ("1.1", "DM/1.1")
    octets = codec.encode(book.reply.message, codec.encoding_of("application/vnd.syncml.dm+xml"))
    assert b'<SyncML xmlns="SYNCML:SYNCML1.1"><SyncHdr>' in octets
    assert b"SYNCML1.2" not in octets


def test_a_session_remembers_its_last_message() -> None:
    """The stored form keeps the digest and the octets of the answer; one of another release is not read."""
    session = remember(Session(id="1"), b"digest", b"octets")
    restored = decode_session(encode_session(session))
    assert restored == session
    assert (session.last_request, session.last_reply) == (b"digest", b"octets")
    assert decode_session(b"\x01") is None


# Packing


def operations(count: int, length: int = 100) -> list[Operation]:
    return [
        Operation(id=f"op{n}", verb="Replace", uri=f"./X/{n}", format="chr", value="v" * length) for n in range(count)
    ]


def test_messages_keep_to_what_the_phone_can_take() -> None:
    """Commands go out in order over as many messages as MaxMsgSize asks for; nothing new is asked for meanwhile."""
    book, done, msg_id = Playbook(), [], 1
    book.hears(package_1(max_bytes=2000), operations(12))
    while book.reply.sent:
        assert size(book.reply.message) <= 2000
        assert book.reply.message.final
        msg_id += 1
        first = len(book.heard.statuses) + 1
        answers = [answer(msg_id - 1, first + n, 200) for n in range(len(book.reply.sent))]
        book.hears(message(msg_id, *answers))
        done += book.outcomes
    assert done == [(f"op{n}", 200) for n in range(12)]
    assert msg_id > 3


def test_what_is_sent_again_goes_before_what_was_never_sent() -> None:
    """Operations keep their order when the phone refuses our credentials."""
    book = Playbook(server=SERVER_ACCOUNT)
    book.hears(package_1(max_bytes=2000), operations(6))
    sent = [operation.id for operation in book.reply.sent]
    book.hears(message(2, answer(1, 0, 401, chal=NEXT_CHAL)))
    assert 1 < len(sent) < 6
    assert [operation.id for operation in book.reply.sent][: len(sent)] == sent


def test_what_can_never_fit_is_refused_and_the_rest_goes_out() -> None:
    """An operation larger than any message has 413 for its outcome, wherever it stands."""
    large = Operation(id="large", verb="Replace", uri="./X/L", format="chr", value="v" * 3000)
    book = Playbook()
    book.hears(package_1(max_bytes=2000), [large, SET, large])
    assert [operation.id for operation in book.reply.sent] == ["set"]
    assert [(o.operation.id, o.status) for o in book.reply.outcomes] == [("large", 413)]
    book.hears(message(2, answer(1, 5, 200)))
    assert [(o.operation.id, o.status) for o in book.reply.outcomes] == [("large", 413)]
    assert book.session is not None
    assert book.session.ended


def test_a_command_that_finds_no_room_beside_the_statuses_waits_for_the_next_message() -> None:
    """The reply is then not the last of its package, so that the phone asks on (Protocol 6)."""
    alerts = [Alert(str(n), 1226) for n in range(3, 12)]
    book = Playbook()
    reply = book.hears(message(1, START, *alerts, cred=GOOD, max_bytes=2000), operations(1, 600))
    assert (len(reply), reply[-1]) == (11, "Alert 1/11 200")
    assert book.hears(message(2, answer(1, 0, 212), Alert("2", 1222), final=False)) == [
        "SyncHdr 2/0 212", "Alert 2/2 200", "Replace ./X/0", "Final",
    ]  # fmt: skip


def test_statuses_that_find_no_room_follow_in_the_next_messages() -> None:
    """However many commands a phone sends, no answer is over its MaxMsgSize and no Status is lost."""
    alerts = [Alert(str(n), 1226) for n in range(3, 40)]
    book, told, msg_id = Playbook(), [], 1
    reply = book.hears(message(1, START, *alerts, cred=GOOD, max_bytes=2000), [SET])
    while reply[-1] != "Final":
        assert size(book.reply.message) <= 2000
        assert [command.cmd_id for command in book.reply.message.commands] == [str(n + 1) for n in range(len(reply))]
        told += reply
        msg_id += 1
        reply = book.hears(message(msg_id, answer(msg_id - 1, 0, 212), Alert("2", 1222), final=False))
    told += reply
    assert [line for line in told if line.startswith("Alert 1/")] == [f"Alert 1/{n} 200" for n in (1, *range(3, 40))]
    assert told[-2:] == ["Replace ./X/Name", "Final"]


# Who speaks


def test_a_stranger_disturbs_no_session() -> None:
    """A start without credentials, a late copy of package 1, and messages of no session change nothing."""
    book = Playbook()
    book.hears(package_1(), [SET])
    before = book.session
    for stray in (package_1(cred=None), package_1(cred=BAD, session_id="7"), message(1, session_id="7")):
        book.hears(stray)
        assert (book.reply.session, book.heard.outcomes, book.heard.unanswered) == (None, (), ())
        # Nothing it could use elsewhere is told either.
        header = book.reply.message.header
        assert (header.cred, header.source_name, header.resp_uri) == (None, "", "")
    assert book.session is before
    book.hears(message(2, answer(1, 0, 212), answer(1, 4, 200)))
    assert book.outcomes == [("set", 200)]


def test_a_late_copy_of_the_first_message_begins_nothing() -> None:
    """Its nonce may still count, but it is known by its digest; a phone that lost its memory answers the challenge."""
    book = Playbook()
    book.hears(package_1(), [GET], arrival=Arrival(b"first"))
    book.hears(message(2, answer(1, 4, 200, "Get")), [SET], arrival=Arrival(b"second"))
    assert book.hears(package_1(), arrival=Arrival(b"first"))[0] == "SyncHdr 1/0 401 chal"
    assert book.reply.session is None


def test_a_challenge_is_kept_by_nobody() -> None:
    """The nonce of a challenge is one of the account's; who answers it is in, with the nonce for the next time."""
    book = Playbook(
        client=Account(PHONE, CLIENT_ACCOUNT.digest, b"lost", challenges=lambda: (CLIENT_ACCOUNT.nonce, b"old"))
    )
    book.hears(package_1(cred=BAD))
    assert book.heard.statuses[0].chal == Chal("syncml:auth-md5", "EBESExQVFhcYGRobHB0eHw==")
    assert book.session is None
    assert book.hears(package_1(2))[0] == "SyncHdr 2/0 212 chal"
    assert (book.heard.client_nonce, book.heard.started) == (bytes([2]) * 16, True)


def test_a_session_goes_on_where_the_phone_was_told_to() -> None:
    """RespURI leads to a place of the session's own; who posts elsewhere is not in it."""
    book = Playbook(resp_uri="https://mdm.example.org/dm?s=abc", continuation="abc")
    book.hears(package_1(), [SET])
    assert book.reply.message.header.resp_uri == "https://mdm.example.org/dm?s=abc"
    for wrong in ("", "abd", "\u00e9"):
        reply = book.hears(message(2, answer(1, 4, 200)), arrival=Arrival(continuation=wrong))
        assert (reply, book.reply.session) == (["SyncHdr 2/0 408", "Alert 1223", "Final"], None)
    book.hears(message(2, answer(1, 4, 200)), arrival=Arrival(continuation="abc"))
    assert book.outcomes == [("set", 200)]


def signed(nonce: bytes, name: str = PHONE) -> Arrival:
    """A message with a right MAC under this nonce."""
    account = Account(PHONE, CLIENT_ACCOUNT.digest, nonce)
    return Arrival(proof=Proof(Mac(name, mac_digest(account.digest, nonce, "body")), "body"))


def test_with_a_mac_every_message_is_proved() -> None:
    """200 with the next nonce, once; a message without a right MAC is challenged and counts for nothing.

    OMA-TS-DM_Security-V1_2 5.4
    """
    book = Playbook(auth="mac")
    assert book.hears(package_1(cred=None))[0] == "SyncHdr 1/0 407 chal"
    assert book.hears(package_1(2, cred=None), [SET], arrival=signed(CLIENT_ACCOUNT.nonce))[0] == "SyncHdr 2/0 200 chal"
    chal = book.heard.statuses[0].chal
    assert chal == Chal("syncml:auth-MAC", "AgICAgICAgICAgICAgICAg==")
    book.peer = replace(book.peer, client=replace(CLIENT_ACCOUNT, nonce=bytes([2]) * 16))
    answered = message(3, answer(2, 4, 200))
    assert book.hears(answered, arrival=Arrival(proof=Proof(Mac(PHONE, "wrong"), "body")))[0] == "SyncHdr 3/0 401 chal"
    assert (book.reply.session, book.outcomes) == (None, [])
    again = message(4, answer(2, 4, 200))
    assert book.hears(again, arrival=signed(bytes([2]) * 16))[0] == "SyncHdr 4/0 200"
    assert book.outcomes == [("set", 200)]


def test_the_gateway_signs_when_the_phone_wants_a_mac() -> None:
    """What proves the gateway follows the account, then the challenge; with a MAC no Cred is in the message."""
    book = Playbook(server=SERVER_ACCOUNT, server_auth="mac")
    book.hears(package_1(), [SET])
    assert (book.reply.message.header.cred, book.reply.signer) == (None, SERVER_ACCOUNT)
    book.hears(message(2, answer(1, 0, 401, chal=NEXT_CHAL)), [])
    assert (book.reply.signer, book.heard.server_auth) == (None, "md5")
    assert book.reply.message.header.cred is not None
    book.hears(message(3, answer(2, 0, 401, chal=Chal("syncml:auth-MAC", "bm9uY2U="))))
    assert (book.reply.message.header.cred, book.heard.server_auth) == (None, "mac")
    assert book.reply.signer == replace(SERVER_ACCOUNT, nonce=b"nonce")


def test_the_gateway_shows_its_password_where_the_account_says_basic() -> None:
    """And only there: a challenge for basic is not met when the password is not kept."""
    book = Playbook(server=Account("Bruce2", "", b"", password="OhBehave"), server_auth="basic")
    book.hears(package_1(), [SET])
    assert book.reply.message.header.cred == Cred("syncml:auth-basic", "QnJ1Y2UyOk9oQmVoYXZl")


def test_credentials_in_every_message_are_new_each_time() -> None:
    """Where the transport proves nobody: 200 and the nonce for the next message (OMA-TS-DM_Security-V1_2 5.3)."""
    book = Playbook(every_message=True)
    assert book.hears(package_1(), [SET])[0] == "SyncHdr 1/0 200 chal"
    nonce = book.heard.client_nonce or b""
    book.peer = replace(book.peer, client=replace(CLIENT_ACCOUNT, nonce=nonce))
    assert book.hears(message(2, answer(1, 4, 200)))[0] == "SyncHdr 2/0 407 chal"
    cred = Cred("syncml:auth-md5", md5_digest(CLIENT_ACCOUNT.digest, nonce))
    assert book.hears(message(3, answer(1, 4, 200), cred=cred))[0] == "SyncHdr 3/0 200 chal"
    assert book.outcomes == [("set", 200)]


@pytest.mark.parametrize("required", [False, True])
def test_a_certificate_proves_a_phone(required: bool) -> None:
    """Without credentials and without a challenge; where it is required, good credentials do not stand in for it."""
    book = Playbook(certificate_required=required)
    shown = Arrival(proof=Proof(certified=True))
    assert book.hears(package_1(cred=None), [SET], arrival=shown)[0] == "SyncHdr 1/0 212"
    assert book.heard.client_nonce is None
    assert book.hears(package_1(1, session_id="2"))[0] == ("SyncHdr 1/0 401" if required else "SyncHdr 1/0 212 chal")


# Large objects


@pytest.mark.parametrize("octets", [False, True])
@pytest.mark.parametrize("fmt", ["chr", "b64", "bin"])
def test_a_large_value_goes_out_in_parts(fmt: str, octets: bool) -> None:
    """Each part fits to the octet, MoreData is on all but the last, Size on the first, and together they are the value.

    OMA-TS-DM_Protocol-V1_2 7
    """
    value = b64encode(bytes(range(256)) * 20).decode()
    large = Operation(id="large", verb="Replace", uri="./X/L", format=fmt, value=value)
    book = Playbook(large_objects=True, octets=octets)
    reply = book.hears(package_1(max_bytes=1500), [large, SET])
    parts, msg_id = [], 1
    while True:
        (command,) = [command for command in book.reply.message.commands if isinstance(command, Command)]
        (item,) = command.items
        parts.append(item)
        if not item.more_data:
            break
        assert reply[-1] != "Final"
        assert 1400 < book.size(book.reply.message) <= 1500
        assert (book.outcomes, book.heard.unanswered) == ([], ())
        msg_id += 1
        got = answer(msg_id - 1, command.cmd_id, 213)
        reply = book.hears(message(msg_id, answer(msg_id - 1, 0, 212), got, Alert("3", 1222), final=False))
    sizes = [item.meta.size for item in parts if item.meta]
    raw = fmt == "bin"
    assert sizes[0] == (5120 if raw and octets else len(value))
    assert not any(sizes[1:])
    whole = (b"" if raw else "").join(item.data for item in parts)  # type: ignore[attr-defined]
    assert whole == (b64decode(value) if raw else value)
    assert reply[-1] == "Final"
    book.hears(message(msg_id + 1, answer(msg_id, command.cmd_id, 200)))
    assert book.outcomes == [("large", 200)]
    assert [operation.id for operation in book.reply.sent] == ["set"]


@pytest.mark.parametrize(
    ("large", "limits", "status"),
    [({"large_objects": False}, {"max_bytes": 1500}, 413), ({"large_objects": True}, {"max_obj": 5000}, 413)],
)
def test_what_the_phone_cannot_take_is_not_sent(large: Any, limits: dict[str, int], status: int) -> None:
    """No parts to a phone without LrgObj, and nothing over its MaxObjSize (OMA-TS-DM_Protocol-V1_2 7)."""
    value = Operation(id="large", verb="Replace", uri="./X/L", format="chr", value="v" * 5001)
    meta = Meta(max_msg_size=limits.get("max_bytes"), max_obj_size=limits.get("max_obj"))
    book = Playbook(**large)
    book.hears(replace(package_1(), header=replace(package_1().header, meta=meta)), [value, SET])
    assert [(outcome.operation.id, outcome.status) for outcome in book.reply.outcomes] == [("large", status)]
    assert [operation.id for operation in book.reply.sent] == ["set"]


def begun() -> Playbook:
    """A gateway that has sent the first part of a value."""
    book = Playbook(large_objects=True)
    book.hears(
        package_1(max_bytes=1500), [Operation(id="large", verb="Add", uri="./X/L", format="chr", value="v" * 3000)]
    )
    return book


def test_a_part_the_phone_refuses_is_the_end_of_the_value() -> None:
    """Its code is the outcome, and the rest is not sent."""
    book = begun()
    assert book.hears(message(2, answer(1, 4, 420, "Add"), Alert("3", 1222), final=False))[-1] == "Final"
    assert (book.outcomes, book.reply.sent) == ([("large", 420)], ())


def test_a_phone_that_lost_the_beginning_gets_it_again() -> None:
    """Alert 1225 starts the value anew, a few times; then it has failed (OMA-TS-DM_Protocol-V1_2 7)."""
    book = begun()
    first = book.reply.message.commands[-1]
    lost = Alert("3", 1225, (Item(target="./X/L"),))
    for msg_id in (2, 3):
        book.hears(message(msg_id, lost, final=False))
        assert book.outcomes == []
        last = book.reply.message.commands[-1]
        assert isinstance(last, Command)
        assert isinstance(first, Command)
        assert last.items[0].meta == first.items[0].meta
    book.hears(message(4, lost, final=False))
    assert book.outcomes == [("large", 424)]


def test_a_part_that_is_not_answered_is_not_followed_by_another() -> None:
    """Silence sends the value back, as with any command."""
    book = begun()
    book.hears(message(2, answer(1, 0, 212), final=False))
    assert (book.outcomes, book.unanswered) == ([], ["large"])


def part(data: str, *, more: bool = True, total: int | None = None, cmd_id: str = "5") -> Results:
    """A part of what the phone was asked for."""
    meta = Meta("chr", size=total)
    return Results(cmd_id, "1", "4", (Item(source="./DevDetail/FwV", meta=meta, data=data, more_data=more),))


def test_a_large_value_comes_in_in_parts() -> None:
    """213 for each, Alert 1222 for the next, and the whole is the outcome of the Get (OMA-TS-DM_Protocol-V1_2 7)."""
    book = Playbook()
    book.hears(package_1(), [GET])
    assert book.hears(message(2, answer(1, 4, 200, "Get"), part("12", total=6), final=False)) == [
        "SyncHdr 2/0 212", "Results 2/5 213", "Alert 1222",
    ]  # fmt: skip
    assert book.hears(message(3, part("34"), final=False))[1:] == ["Results 3/5 213", "Alert 1222"]
    assert book.hears(message(4, part("56", more=False))) == ["SyncHdr 4/0 212", "Final"]
    assert book.heard.outcomes[0].reads == (Read("./DevDetail/FwV", value="123456"),)


@pytest.mark.parametrize(
    ("parts", "codes"),
    [
        ([part("12", total=5), part("3", more=False)], [213, 424]),
        ([part("12", total=2000), part("3", more=False)], [413, 413]),
        ([part("1" * 600, total=900), part("1" * 600), part("1", more=False)], [213, 413, 413]),
    ],
)
def test_a_large_value_that_is_not_what_it_says_is_dropped(parts: list[Results], codes: list[int]) -> None:
    """Another length than Size is 424, more than the gateway takes 413; nothing of it is believed."""
    book = Playbook(max_obj_size=1000)
    book.hears(package_1(), [GET])
    heard = []
    for msg_id, one in enumerate(parts, start=2):
        reply = book.hears(message(msg_id, one, final=one is parts[-1]))
        heard += [int(line.split()[-1]) for line in reply if line.startswith("Results")]
    assert heard == codes
    assert (book.outcomes, book.unanswered) == ([], ["get"])


def test_a_value_whose_rest_does_not_come_is_told_of() -> None:
    """Alert 1225 names it, and what came in its place counts (OMA-TS-DM_Protocol-V1_2 7)."""
    book = Playbook()
    book.hears(package_1(), [GET])
    book.hears(message(2, part("12", total=6), final=False))
    other = Alert("6", 1226, (Item(meta=Meta(type="x"), data="y"),))
    assert book.hears(message(3, other)) == ["SyncHdr 3/0 212", "Alert 3/6 200", "Alert 1225", "Final"]
    (named,) = [command.items for command in book.reply.message.commands if isinstance(command, Alert)]
    assert named == (Item(source="./DevDetail/FwV"),)
    assert [alert.type for alert in book.heard.alerts] == ["x"]


def test_an_alert_may_be_large() -> None:
    """A generic alert in parts is one alert."""
    book = Playbook()
    book.hears(package_1(), [GET])

    def piece(data: str, *, more: bool) -> Alert:
        return Alert("5", 1226, (Item(source="./Ex", meta=Meta(type="log"), data=data, more_data=more),))

    assert "Alert 2/5 213" in book.hears(message(2, piece("ab", more=True), final=False))
    assert book.heard.alerts == ()
    book.hears(message(3, piece("cd", more=False)))
    assert [(alert.type, alert.data) for alert in book.heard.alerts] == [("log", "abcd")]


# Groups and prompts


ATOMIC = Operation(id="g", verb="Atomic", members=(replace(SET, id="g.1"), replace(SET, id="g.2", uri="./X/Other")))


@pytest.mark.parametrize(
    ("codes", "status", "members"),
    [
        ({4: 200, 5: 200, 6: 200}, 200, [200, 200]),
        ({4: 507, 5: 216, 6: 404}, 507, [216, 404]),
        ({4: 507, 5: 403, 6: 215}, 507, [403, 215]),
        ({4: 507, 5: 516, 6: 500}, 507, [516, 500]),
        ({4: 200, 5: 200}, 507, [200, 215]),
        ({4: 406}, 406, [215, 215]),
        ({5: 200, 6: 200}, 200, [200, 200]),
        ({5: 404}, 507, [404, 215]),
    ],
)
def test_a_group_has_one_outcome_and_one_for_each_member(
    codes: dict[int, int], status: int, members: list[int]
) -> None:
    """All or nothing: 200 on an Atomic needs 200 on each member, and one without an answer was not executed.

    OMA-TS-DM_RepPro-V1_2 (Atomic: 200, 215, 216, 507, 516)
    """
    book = Playbook()
    assert book.hears(package_1(), [ATOMIC, GET])[-3:] == [
        "Atomic[Replace ./X/Name, Replace ./X/Other]", "Get ./DevDetail/FwV", "Final",
    ]  # fmt: skip
    answers = [answer(1, ref, code, "Atomic" if ref == 4 else "Replace") for ref, code in codes.items()]
    book.hears(message(2, answer(1, 0, 212), *answers, answer(1, 7, 200, "Get")))
    assert book.outcomes == [("g", status), ("get", 200)]
    assert [(m.operation.id, int(m.status)) for m in book.heard.outcomes[0].members] == [
        ("g.1", members[0]), ("g.2", members[1]),
    ]  # fmt: skip


def test_a_group_without_any_answer_goes_back() -> None:
    """Whether it was carried out is unknown, as with a single command."""
    book = Playbook()
    book.hears(package_1(), [ATOMIC])
    book.hears(message(2, answer(1, 0, 212)))
    assert (book.outcomes, book.unanswered) == ([], ["g"])


@pytest.mark.parametrize(
    ("kind", "code", "items", "answers"),
    [
        ("confirm", 200, (), ("accept",)),
        ("confirm", 304, (), ("reject",)),
        ("confirm", 408, (), ()),
        ("input", 200, (Item(data=" Ann "),), ("Ann",)),
        ("choice", 200, (Item(data="2"),), ("2",)),
        ("choices", 200, (Item(data="3"), Item(data="1")), ("3", "1")),
        ("choices", 214, (), ()),
    ],
)
def test_what_the_user_said_comes_with_the_outcome(
    kind: Any, code: int, items: tuple[Item, ...], answers: tuple[str, ...]
) -> None:
    """200 with the text or the numbers, 304 for no, 214 for cancelled, 408 for nothing (Protocol 10)."""
    book = Playbook()
    ask = Operation(id="ask", verb="Alert", prompt=Prompt(kind=kind, text="?", choices=("a", "b", "c")))
    book.hears(package_1(), [ask])
    book.hears(message(2, answer(1, 0, 212), answer(1, 4, code, "Alert", items=items)))
    assert book.outcomes == [("ask", code)]
    assert book.heard.outcomes[0].answers == answers
