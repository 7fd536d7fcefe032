"""What of an OMA DM exchange is kept to be shown."""

from __future__ import annotations

import base64
from datetime import UTC, datetime

import pytest

from adapters.omadm import codec, tracing
from adapters.omadm.commands import command_for
from adapters.omadm.messages import Chal, Command, Cred, Item, Meta, Status, SyncHdr, SyncML
from adapters.omadm.tnds import absorb_subtree
from adapters.omadm.tracing import WBXML, XML, cover, read_exchanges
from gateway.fleet.operation import Operation, TndsForm
from gateway.status import StatusCode
from gateway.store.protocol import TraceEntry

XML_ENCODING = codec.encoding_of("application/vnd.syncml.dm+xml")
WBXML_ENCODING = codec.encoding_of("application/vnd.syncml.dm+wbxml")
DIGEST = base64.b64encode(b"sixteen octets!!").decode()
NONCE = base64.b64encode(b"another sixteen!").decode()
MESSAGE = SyncML(
    header=SyncHdr(session_id="1", msg_id=2, target="IMEI:1", source="mogate", cred=Cred("syncml:auth-md5", DIGEST)),
    commands=(
        Status(
            cmd_id="1", msg_ref="1", cmd_ref="0", cmd="SyncHdr", code=StatusCode.AUTHENTICATED,
            chal=Chal("syncml:auth-md5", NONCE),
        ),
        Command(
            verb="Replace",
            cmd_id="2",
            items=(Item(target="./DMAcc/a/AppAuth/1/AAuthSecret", meta=Meta(format="chr"), data="p<w&d"),),
        ),
        Command(verb="Replace", cmd_id="3", items=(Item(target="./A", data="p<w&d is no secret here"),)),
    ),
)  # fmt: skip


@pytest.mark.parametrize("encoding", [XML_ENCODING, WBXML_ENCODING])
def test_secrets_are_covered_before_storing(encoding: codec.Encoding) -> None:
    """Credentials, nonces and secret values are gone from the octets; all else is as it travelled and still decodes."""
    octets = codec.encode(MESSAGE, encoding)
    covered = cover(octets, MESSAGE)
    assert DIGEST.encode() not in covered
    assert NONCE.encode() not in covered
    read, _ = codec.decode(covered, encoding)
    assert read.header.cred == Cred("syncml:auth-md5", "*" * len(DIGEST))
    status, secret, plain = read.commands
    assert isinstance(status, Status)
    assert isinstance(secret, Command)
    assert isinstance(plain, Command)
    assert status.chal == Chal("syncml:auth-md5", "*" * len(NONCE))
    assert set(str(secret.items[0].data)) == {"*"}
    assert plain.items[0].data == "p<w&d is no secret here"


def test_a_secret_that_hides_keeps_the_octets_out() -> None:
    """A secret spelt in a way of its own (base64 with a line break) is not risked: nothing is kept of the message."""
    broken = codec.encode(MESSAGE, XML_ENCODING).replace(
        DIGEST.encode(), DIGEST[:8].encode() + b"\n" + DIGEST[8:].encode()
    )
    assert cover(broken, MESSAGE) == b""
    assert cover(b"", SyncML(header=SyncHdr(session_id="1", msg_id=1, target="a", source="b"))) == b""


def test_exchanges_read_as_one_conversation() -> None:
    """Entries in either encoding are decoded, an answer finds its command in the exchange before, faults are told."""
    ask = SyncML(
        header=SyncHdr(session_id="1", msg_id=1, target="IMEI:1", source="mogate"),
        commands=(Command(verb="Get", cmd_id="5", items=(Item(target="./A"),)),),
    )
    tell = SyncML(
        header=SyncHdr(session_id="1", msg_id=2, target="mogate", source="IMEI:1"),
        commands=(Status(cmd_id="1", msg_ref="1", cmd_ref="5", cmd="Get", code=StatusCode(404)),),
    )
    at = datetime(2026, 1, 1, tzinfo=UTC)
    first = TraceEntry(owner="a.1", at=at, protocol=XML, request=b"<SyncML>", answer=codec.encode(ask, XML_ENCODING))
    second = TraceEntry(owner="a.1", at=at, protocol=WBXML, request=codec.encode(tell, WBXML_ENCODING))
    (broken, sent), (received, missing) = read_exchanges([first, second])
    assert broken.line.startswith("cannot be read: ")
    assert sent.says == ("Get ./A",)
    assert received.says == ("Status 404 to Get ./A: not found",)
    assert received.raw == second.request.hex()
    assert missing.line == "not kept: a secret in it could not be covered"
    assert tracing.protocol_of(WBXML_ENCODING) == WBXML


@pytest.mark.parametrize("form", ["wbxml", "inline", "xml"])
@pytest.mark.parametrize("encoding", [XML_ENCODING, WBXML_ENCODING])
def test_secrets_in_a_subtree_are_covered(encoding: codec.Encoding, form: TndsForm) -> None:
    """A secret in a serialized subtree is covered where it stands in the message, else the subtree as a whole is."""
    secret = "p<'w&d"
    nodes = (
        Operation(id="1", verb="Add", uri="./NAP", format="node"),
        Operation(id="2", verb="Add", uri="./NAP/Name", format="chr", value="plain"),
        Operation(id="3", verb="Add", uri="./NAP/AuthSecret", format="chr", value=secret),
    )
    add = Operation(id="0", verb="Add", uri="./NAP", format="node", tnds=form, members=nodes)
    message = SyncML(SyncHdr(session_id="1", msg_id=2, target="IMEI:1", source="mogate"), (command_for(add, 1),))
    covered = cover(codec.encode(message, encoding), message)
    read, _ = codec.decode(covered, encoding)
    (command,) = read.commands
    assert isinstance(command, Command)
    data = command.items[0].data
    if form == "inline":
        values = {one.uri: one.value for one in absorb_subtree(data or "", "./NAP") or ()}
        assert values == {"./NAP": None, "./NAP/Name": "plain", "./NAP/AuthSecret": "*" * len(secret)}
    else:
        assert set(str(data)) == {"*"}
