"""Whatever well-formed messages a device sends, in whatever order, its session stays sound."""

from __future__ import annotations

import datetime
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from adapters.omadm import codec
from adapters.omadm.auth import Account, make_cred
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
    Unknown,
)
from adapters.omadm.session import Peer, Received, Reply, receive, respond
from adapters.omadm.session_record import Session, decode_session, encode_session
from gateway.fleet.operation import Operation
from gateway.status import StatusCode

XML = codec.encoding_of("application/vnd.syncml.dm+xml")
NOW = datetime.datetime(2026, 3, 1, tzinfo=datetime.UTC)
CLIENT = Account("phone", "digest of the phone", b"nonce")
SERVER = Account("gateway", "digest of the gateway", b"nonce")

NUMBERS = st.integers(0, 6)
REFS = NUMBERS.map(str) | st.sampled_from(["", "x"])
URIS = st.sampled_from(["", "./A", "./A/B", "./A?list=StructData", "..", "DevInfo/Man"])
METAS = st.none() | st.builds(
    Meta,
    format=st.sampled_from(["", "chr", "int", "bin", "b64", "node", "odd"]),
    max_msg_size=st.none() | st.integers(0, 1500),
)
ITEMS = st.lists(
    st.builds(
        Item,
        target=URIS,
        source=URIS,
        meta=METAS,
        data=st.none() | st.text(max_size=4) | st.binary(max_size=4) | st.just((("MgmtTree", ""),)),
        more_data=st.sampled_from([False, False, True]),
    ),
    max_size=3,
).map(tuple)
CHALS = st.none() | st.builds(
    Chal, st.sampled_from(["syncml:auth-md5", "syncml:auth-basic"]), st.sampled_from(["", "bm9uY2U=", "?"])
)
CODES = st.sampled_from([101, 200, 212, 213, 401, 404, 407, 418, 599]).map(StatusCode)
STATUSES = st.builds(Status, REFS, REFS, REFS, st.just("Get"), CODES, st.lists(URIS).map(tuple), chal=CHALS)
RESULTS = st.builds(Results, REFS, REFS, REFS, ITEMS, METAS)
ALERTS = st.builds(
    Alert, REFS, st.sampled_from([None, 1200, 1201, 1201, 1222, 1223, 1226, 7]), ITEMS, no_resp=st.booleans()
)
VERBS = st.sampled_from(["Get", "Add", "Replace", "Exec"])
COMMANDS = st.one_of(
    STATUSES,
    STATUSES,
    RESULTS,
    ALERTS,
    st.builds(Command, VERBS, REFS, ITEMS, METAS, no_resp=st.booleans()),
    st.builds(Group, st.sampled_from(["Atomic", "Sequence"]), REFS, st.just(())),
    st.builds(Unknown, st.just("Map"), REFS, st.just(("Map", ""))),
)
CREDS = st.sampled_from([None, make_cred(CLIENT), make_cred(CLIENT), Cred("syncml:auth-basic", "eDp5")])
OPERATIONS = st.lists(
    st.tuples(VERBS, st.sampled_from(["chr", "bin", "node"]), st.integers(0, 900).map("v".__mul__)), max_size=4
)


@st.composite
def messages(draw: st.DrawFn) -> tuple[int | None, SyncML]:
    """A message, and its MsgID unless it is to be the one that is due."""
    header = SyncHdr(
        session_id=draw(st.sampled_from(["1", "1", "1", "2"])),
        msg_id=0,
        target="https://mdm.example.org/dm",
        source="IMEI:1",
        ver_dtd=draw(st.sampled_from(["1.2"] * 9 + ["1.1"])),
        no_resp=draw(st.booleans()),
        cred=draw(CREDS),
        meta=draw(METAS),
    )
    commands: list[AnyCommand] = draw(st.lists(COMMANDS, max_size=6))
    return draw(st.none() | st.integers(0, 5)), SyncML(header, tuple(commands), draw(st.booleans()))


def played(script: list[tuple[int | None, SyncML]], work: list[tuple[str, str, str]]) -> list[tuple[Received, Reply]]:
    """What becomes of the messages when the work is given out whenever some is asked for.

    The first is made a start, and a MsgID that is due a good one, or few conversations would get anywhere.
    """
    session: Session | None = None
    peer = Peer(server_uri="https://mdm.example.org/dm", client=CLIENT, server=SERVER)
    steps: list[tuple[Received, Reply]] = []
    for number, (msg_id, message) in enumerate(script):
        due = session.client_msg_id + 1 if session else 1
        header = replace(message.header, msg_id=due if msg_id is None else msg_id)
        start = () if steps else (Alert("1", 1201),)
        received = receive(
            session, SyncML(header, start + message.commands, message.final), peer, nonce=bytes([number]) * 16
        )
        given_now = [
            Operation(id=f"{number}.{n}", verb=verb, uri=f"./A/{n}", format=format_, value=value)  # type: ignore[arg-type]
            for n, (verb, format_, value) in enumerate(work)
            if received.wants_work
        ]
        reply = respond(received, given_now, peer, measure=lambda message: len(codec.encode(message, XML)), now=NOW)
        steps.append((received, reply))
        session = reply.session or session
    return steps


SCRIPTS = st.lists(messages(), min_size=1, max_size=8)


@given(SCRIPTS, OPERATIONS)
def test_every_message_has_an_answer(script: list[tuple[int | None, SyncML]], work: list[tuple[str, str, str]]) -> None:
    """The reply can be encoded, answers the header first, numbers its commands apart; the session can be stored."""
    for received, reply in played(script, work):
        commands = reply.message.commands
        assert isinstance(commands[0], Status)
        assert (commands[0].cmd_ref, commands[0].msg_ref) == ("0", str(received.header.msg_id))
        assert len({command.cmd_id for command in commands}) == len(commands)
        assert codec.encode(reply.message, XML)
        if reply.session is not None:
            assert decode_session(encode_session(reply.session)) == reply.session


@given(SCRIPTS, OPERATIONS)
def test_an_operation_has_one_end_at_most(
    script: list[tuple[int | None, SyncML]], work: list[tuple[str, str, str]]
) -> None:
    """An outcome or none, and nothing of an operation after its end; what is asked for again was never answered."""
    ends: Counter[str] = Counter()
    for received, reply in played(script, work):
        ends.update(outcome.operation.id for outcome in (*received.outcomes, *reply.outcomes))
        ends.update(operation.id for operation in received.unanswered)
        assert not ends.keys() & {operation.id for operation in reply.sent}
    assert not ends or max(ends.values()) == 1


@given(SCRIPTS, OPERATIONS)
def test_nothing_is_learnt_from_and_nothing_told_to_a_stranger(
    script: list[tuple[int | None, SyncML]], work: list[tuple[str, str, str]]
) -> None:
    """Without proof a message brings no reads and no alerts, and gets no commands."""
    for received, reply in played(script, work):
        if not received.authenticated:
            assert (received.reads, received.alerts, received.server_nonce, reply.sent) == ((), (), None, ())
        if reply.message.final and not reply.sent and reply.session is not None:
            assert reply.session.ended or not received.authenticated
