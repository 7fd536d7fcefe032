"""The OMA DM codec over messages nobody thought of: nothing is lost, nothing breaks, the order is the DTD's."""

from __future__ import annotations

import string
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree
from msgspec.structs import replace

from adapters.omadm.codec import Encoding, decode, encode, encoding_of
from adapters.omadm.messages import (
    Alert,
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
from adapters.omadm.xml import encode_xml
from adapters.wbxml.codec import encode as encode_wbxml
from gateway.errors import DecodeError
from gateway.fleet.operation import Verb
from gateway.status import StatusCode

DTD = etree.DTD(str(Path(__file__).parents[1] / "vectors" / "omadm" / "syncml-dm.dtd"))
XML = encoding_of("application/vnd.syncml.dm+xml")
WBXML = encoding_of("application/vnd.syncml.dm+wbxml")
ENCODINGS = pytest.mark.parametrize("encoding", [XML, WBXML], ids=["xml", "wbxml"])

TEXT = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff", include_characters="\t\r\n")
)
TRIMMED = TEXT.map(str.strip)
NAME = TRIMMED.filter(bool)
BASE64 = st.text(string.ascii_letters + string.digits + "+/=", max_size=24)
NUMBER = st.integers(0, 9_999_999_999)
IDS = st.integers(1, 99).map(str)


def optional(values: st.SearchStrategy[object]) -> st.SearchStrategy[object]:
    return st.none() | values


def several(values: st.SearchStrategy[object], least: int = 0) -> st.SearchStrategy[tuple[object, ...]]:
    return st.lists(values, min_size=least, max_size=3).map(tuple)


META = st.builds(
    Meta,
    format=st.sampled_from(["", "chr", "int", "b64", "node", "xml"]),
    type=TRIMMED,
    size=optional(NUMBER),
    mark=TRIMMED,
    next_nonce=BASE64,
    max_msg_size=optional(NUMBER),
    max_obj_size=optional(NUMBER),
    extra=st.just(()),
)
TREE = st.builds(
    lambda name, value: (("MgmtTree", [("VerDTD", "1.2"), ("Node", [("NodeName", name), ("Value", value)])]),),
    NAME,
    TEXT,
)
ITEM = st.builds(
    Item, target=TRIMMED, source=TRIMMED, meta=optional(META), data=st.none() | TEXT | TREE, more_data=st.booleans()
)
OCTET_ITEM = st.builds(Item, target=TRIMMED, meta=st.just(Meta(format="bin")), data=st.binary())
CRED = st.builds(Cred, type=TRIMMED, data=BASE64, format=st.just("b64"))
CHAL = st.builds(Chal, type=TRIMMED, next_nonce=BASE64, format=st.just("b64"))
STATUS = st.builds(
    Status,
    cmd_id=IDS,
    msg_ref=IDS,
    cmd_ref=IDS,
    cmd=TRIMMED,
    code=st.builds(StatusCode, st.integers(100, 9999)),
    target_refs=several(TRIMMED),
    source_refs=several(TRIMMED),
    cred=optional(CRED),
    chal=optional(CHAL),
    items=several(ITEM),
)
RESULTS = st.builds(
    Results,
    cmd_id=IDS,
    msg_ref=st.just("") | IDS,
    cmd_ref=IDS,
    items=several(ITEM, 1),
    meta=optional(META),
    target_ref=TRIMMED,
    source_ref=TRIMMED,
)
ALERT = st.builds(
    Alert, cmd_id=IDS, code=optional(NUMBER), items=several(ITEM), correlator=TRIMMED, no_resp=st.booleans()
)
EXEC = st.builds(
    Command,
    verb=st.just("Exec"),
    cmd_id=IDS,
    items=st.tuples(ITEM),
    meta=optional(META),
    correlator=TRIMMED,
    no_resp=st.booleans(),
)
COMMAND = EXEC | st.builds(
    Command,
    verb=st.sampled_from([verb for verb in get_args(Verb) if verb != "Exec"]),
    cmd_id=IDS,
    items=several(ITEM, 1),
    meta=optional(META),
    correlator=st.just(""),
    no_resp=st.booleans(),
)


def group(verb: str, members: st.SearchStrategy[object]) -> st.SearchStrategy[Group]:
    return st.builds(
        Group,
        verb=st.just(verb),
        cmd_id=IDS,
        commands=several(members, 1),
        meta=optional(META),
        no_resp=st.booleans(),
    )


SEQUENCE = group("Sequence", COMMAND | ALERT)
KNOWN = STATUS | RESULTS | ALERT | COMMAND | SEQUENCE | group("Atomic", COMMAND | SEQUENCE)
UNKNOWN = st.builds(
    lambda name, cmd_id, text: Unknown(name, cmd_id, (name, [("CmdID", cmd_id), ("Any", text)])),
    st.sampled_from(["Put", "Map", "Fly"]),
    IDS,
    TEXT,
)
HEADER = st.builds(
    SyncHdr,
    session_id=st.text(string.hexdigits, max_size=16),
    msg_id=st.integers(1, 2**31),
    target=NAME,
    source=NAME,
    ver_dtd=st.sampled_from(["1.1", "1.2"]),
    ver_proto=st.sampled_from(["DM/1.1", "DM/1.2"]),
    source_name=TRIMMED,
    target_name=TRIMMED,
    resp_uri=TRIMMED,
    no_resp=st.booleans(),
    cred=optional(CRED),
    meta=optional(META),
)


def messages(commands: st.SearchStrategy[object]) -> st.SearchStrategy[SyncML]:
    return st.builds(SyncML, header=HEADER, commands=several(commands), final=st.booleans())


@ENCODINGS
@given(message=messages(KNOWN | UNKNOWN))
def test_nothing_is_lost(encoding: Encoding, message: SyncML) -> None:
    """decode(encode(m)) is m in either encoding."""
    assert decode(encode(message, encoding), encoding)[0] == message


@given(message=messages(st.builds(Command, verb=st.just("Add"), cmd_id=IDS, items=several(OCTET_ITEM, 1))))
def test_octets_survive_wbxml(message: SyncML) -> None:
    """Format bin carries any octets in WBXML (OMA-TS-DM_RepPro-V1_2 6)."""
    assert decode(encode(message, WBXML), WBXML)[0] == message


@given(message=messages(KNOWN))
def test_the_order_is_that_of_the_dtd(message: SyncML) -> None:
    """Every message is valid against the DTD, because some clients read by position (OMA-TS-SyncML_RepPro-V1_2)."""
    message = replace(message, header=replace(message.header, ver_dtd="1.2"))  # another version has another namespace
    assert DTD.validate(etree.fromstring(encode(message, XML))), DTD.error_log


@ENCODINGS
@given(body=st.binary(max_size=200))
def test_any_octets_are_a_message_or_a_decode_error(encoding: Encoding, body: bytes) -> None:
    """Rubbish is refused with DecodeError and nothing else."""
    decode_or_refuse(body, encoding)


@ENCODINGS
@given(message=messages(KNOWN), position=st.floats(0, 1), octets=st.binary(max_size=4), cut=st.integers(0, 40))
def test_damaged_messages_are_a_message_or_a_decode_error(
    encoding: Encoding, message: SyncML, position: float, octets: bytes, cut: int
) -> None:
    """A message with a hole or with strange octets in it is read or refused with DecodeError."""
    body = encode(message, encoding)
    at = int(position * len(body))
    decode_or_refuse(body[:at] + octets + body[at + cut :], encoding)


TAGS = (
    "SyncHdr SyncBody SessionID MsgID Target Source LocURI LocName Cred Chal Meta MetInf Type Format Size NextNonce "
    "Status Results Alert Get Exec Atomic Sequence Put CmdID MsgRef CmdRef Cmd TargetRef Data Item MoreData "
    "Final NoResp Correlator MgmtTree"
)
TAG = st.sampled_from(TAGS.split())
LEAF = st.tuples(TAG, st.sampled_from(["", "1", "200", "SyncHdr", "text", "99999999999"]))
ELEMENT = st.recursive(LEAF, lambda inner: st.tuples(TAG, st.lists(inner, min_size=1, max_size=6)), max_leaves=30)
FRAME = [("SessionID", "1"), ("MsgID", "1"), ("Target", [("LocURI", "t")]), ("Source", [("LocURI", "s")])]


@ENCODINGS
@settings(max_examples=200)
@given(header=st.lists(ELEMENT, max_size=3), body=st.lists(ELEMENT, max_size=5))
def test_elements_in_wrong_places_are_a_message_or_a_decode_error(
    encoding: Encoding, header: list[tuple[str, object]], body: list[tuple[str, object]]
) -> None:
    """SyncML's own elements, put together at random, are read or refused with DecodeError; what is read can be sent."""
    root = ("SyncML", [("SyncHdr", [*FRAME, *header]), ("SyncBody", body)])
    message = decode_or_refuse(encode_wbxml(root) if encoding.wbxml else encode_xml(root), encoding)
    if message:
        assert decode(encode(message, encoding), encoding)[0] == message


def decode_or_refuse(body: bytes, encoding: Encoding) -> SyncML | None:
    try:
        return decode(body, encoding)[0]
    except DecodeError:
        return None
