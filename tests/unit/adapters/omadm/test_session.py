"""Conversations in OMA DM sessions: what the phone says, and what the gateway must answer and learn."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace
from omadm_playbook import (
    CLIENT_ACCOUNT,
    DEVINFO,
    GET,
    GOOD,
    NOW,
    PHONE,
    SERVER,
    SET,
    START,
    Playbook,
    answer,
    message,
    package_1,
    said,
    size,
)

from adapters.omadm import codec
from adapters.omadm.messages import Alert, AnyCommand, Command, Item, Results, SyncML
from adapters.omadm.session import MAX_MESSAGES, MAX_READS, Peer, receive, respond
from adapters.omadm.session_record import Session, decode_session, encode_session, remember
from gateway.fleet.mirror import Read
from gateway.fleet.offer import Offer
from gateway.fleet.operation import Operation, Prompt
from gateway.status import StatusCode

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


@pytest.mark.parametrize(("target", "source"), [("http://10.0.0.1:8080/dm", "http://10.0.0.1:8080/dm"), ("", SERVER)])
def test_the_gateway_is_whom_the_phone_called(target: str, source: str) -> None:
    """Source is the URL that the phone posts to, as it knows it; some compare (OMA-TS-SyncML_RepPro-V1_2, Source)."""
    book = Playbook()
    book.hears(package_1(target=target), [GET])
    assert book.reply.message.header.source == source


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


def test_a_session_without_end_is_cut_off() -> None:
    """Two sides that never agree go on for so many messages and no longer."""
    book = Playbook()
    book.hears(package_1(), [GET])
    assert book.session is not None
    book.session = replace(book.session, client_msg_id=MAX_MESSAGES - 1)
    assert book.hears(message(MAX_MESSAGES, answer(1, 4, 200, "Get")), [SET])[-1] == "Final"
    assert book.hears(message(MAX_MESSAGES + 1)) == [f"SyncHdr {MAX_MESSAGES + 1}/0 413", "Alert 1223", "Final"]
    assert book.session is not None
    assert book.session.ended


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


@pytest.mark.parametrize(("codes", "members"), [((200, 404, 200), [404, 200]), ((200, 304, 215), [304, 215])])
def test_a_sequence_goes_on_after_a_command_that_failed(codes: tuple[int, ...], members: list[int]) -> None:
    """200 says that it was started, and each command in it has its own outcome; after a "no" the rest is 215.

    OMA-TS-DM_RepPro-V1_2 (Sequence)
    """
    book = Playbook()
    sequence = replace(ATOMIC, verb="Sequence")
    assert book.hears(package_1(), [sequence])[-2] == "Sequence[Replace ./X/Name, Replace ./X/Other]"
    answers = [answer(1, ref, code, "Replace") for ref, code in enumerate(codes, start=4)]
    book.hears(message(2, answer(1, 0, 212), *answers))
    assert book.outcomes == [("g", 200)]
    assert [int(member.status) for member in book.heard.outcomes[0].members] == members


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


# What the device asks for


@pytest.mark.parametrize("wbxml", [False, True])
def test_a_get_of_the_phone_is_answered_with_results(wbxml: bool) -> None:
    """The Status of each Get comes first, then Results of those that found something; a stranger is told nothing.

    Spec: OMA-TS-DM_RepPro-V1_2 6.6.7, 6.6.11; OMA-TS-DM_Protocol-V1_2 8
    """

    def offer(address: str) -> Offer:
        if address == "./X":
            return Offer(StatusCode.OK, (Read("./X", "node", children=("Name", "Key")),))
        if address == "./X/Key":
            return Offer(StatusCode.OK, (Read("./X/Key", "bin", value="AP8="),))
        return Offer(StatusCode.NOT_FOUND)

    gets = (
        Command("Get", "3", (Item(target="./X"), Item(target="./X/Key"))),
        Command("Get", "4", (Item(target="./X"), Item(target="./Other"))),
    )
    encoding = codec.encoding_of(f"application/vnd.syncml.dm+{'wb' if wbxml else ''}xml")
    peer = Peer(server_uri=SERVER, client=CLIENT_ACCOUNT)
    for cred, lines in ((GOOD, ["Get 1/3 200", "Get 1/4 404"]), (None, ["Get 1/3 407", "Get 1/4 407"])):
        sent = message(1, START, DEVINFO, *gets, cred=cred)
        heard = receive(None, sent, peer, nonce=bytes(16), offer=offer)
        reply = respond(heard, [], peer, measure=size, now=NOW).message
        whole, _ = codec.decode(codec.encode(reply, encoding), encoding)
        assert said(replace(whole, commands=whole.commands[3:5], final=False)) == lines
        results = [command for command in whole.commands if isinstance(command, Results)]
        if cred is None:
            assert results == []
            continue
        (found,) = results
        assert (found.cmd_id, found.msg_ref, found.cmd_ref) == ("6", "1", "3")
        told = [(item.source, item.meta.format if item.meta else "", item.data) for item in found.items]
        assert told[0] == ("./X", "node", "Name/Key")
        assert told[1] == (("./X/Key", "bin", bytes([0, 255])) if wbxml else ("./X/Key", "b64", "AP8="))
