"""Our WBXML messages as programs of others read them, and theirs as we do."""

from __future__ import annotations

import libwbxml
import tshark

from adapters.omadm import codec
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
)
from adapters.wbxml.codec import encode
from gateway.status import StatusCode

WBXML = codec.encoding_of("application/vnd.syncml.dm+wbxml")
XML = codec.encoding_of("application/vnd.syncml.dm+xml")

HEADER = SyncHdr(
    session_id="7F", msg_id=3, target="IMEI:001015000000015", source="https://dm.example.net/omadm",
    source_name="gateway", resp_uri="https://dm.example.net/omadm?s=1", cred=Cred("syncml:auth-md5", "bm9uY2U="),
    meta=Meta(max_msg_size=16384, max_obj_size=65536),
)  # fmt: skip
CHR, NODE = Meta(format="chr", type="text/plain"), Meta(format="node")
EVENT = Meta(format="int", type="a.b.c", mark="warning")
MESSAGES = [
    SyncML(
        HEADER,
        (
            Status(
                "1", "2", "0", "SyncHdr", StatusCode.AUTHENTICATED, ("IMEI:1",), ("gateway",),
                chal=Chal("syncml:auth-md5", "bm9uY2U="),
            ),
            Status("2", "2", "5", "Alert", StatusCode.OK, items=(Item(data="1201"),)),
            Alert("3", 1222),
            Command("Get", "4", (Item(target="./DevDetail/SwV"), Item(target="./3GPP_IMS?list=StructData"))),
            Command("Add", "5", (Item(target="./3GPP_IMS", meta=NODE),)),
            Command("Add", "6", (Item(target="./3GPP_IMS/Timer_T1", meta=Meta(format="int"), data="2000"),)),
            Command("Replace", "7", (Item(target="./3GPP_IMS/A", meta=CHR, data="Größe & <more>"),)),
            Command("Delete", "8", (Item(target="./3GPP_IMS/B"),)),
        ),
    ),
    SyncML(
        HEADER,
        (
            Command("Copy", "1", (Item(target="./A/New", source="./A/Old"),)),
            Command("Exec", "2", (Item(target="./FUMO/Update"),), correlator="op-1"),
            Group("Atomic", "3", (Command("Add", "4", (Item(target="./A/X", meta=CHR, data="1"),)),)),
            Group("Sequence", "5", (Command("Delete", "6", (Item(target="./A/Y"),)),), no_resp=True),
            Alert("7", 1101, (Item(data="MINDT=10"), Item(data="Install now?"))),
            Command("Add", "8", (Item(target="./Big", meta=Meta(size=9000), data="part", more_data=True),)),
        ),
        final=False,
    ),
    SyncML(
        HEADER,
        (
            Results("1", "2", "4", (Item(source="./DevDetail/SwV", meta=CHR, data="1.0"),), Meta(type="x")),
            Alert("2", 1226, (Item(source="./FUMO", meta=EVENT, data="200"),), correlator="op-1"),
        ),
    ),
]  # fmt: skip


def test_tshark_reads_what_we_write() -> None:
    """Every command, with every part of it, is to a dissector of others exactly what the XML form says.

    Spec: OMA-TS-SyncML_RepPro-V1_2 (WBXML definitions), OMA-TS-SyncML_MetaInfo-V1_2
    """
    seen = tshark.wbxml_elements([codec.encode(message, WBXML) for message in MESSAGES])
    assert seen == [libwbxml.element_of(codec.encode(message, XML)) for message in MESSAGES]


def test_libwbxml_reads_what_we_write() -> None:
    """The same by a codec of others."""
    seen = [libwbxml.element_of(libwbxml.to_xml(codec.encode(message, WBXML))) for message in MESSAGES]
    assert seen == [libwbxml.element_of(codec.encode(message, XML)) for message in MESSAGES]


def test_we_read_what_libwbxml_writes() -> None:
    """With and without a string table, the message is the one that was given to it."""
    for message in MESSAGES:
        document = codec.encode(message, XML)
        for string_table in (False, True):
            octets = libwbxml.to_wbxml(
                libwbxml.xml_of(libwbxml.element_of(document)).encode(), string_table=string_table
            )
            assert codec.decode(octets, WBXML)[0] == codec.decode(document, XML)[0]


def test_elements_of_others_are_read_by_others() -> None:
    """A name that stands in no table goes out as a literal, which both programs read as that name.

    Spec: WAP-192-WBXML 5.8.4.5 (literal tags)
    """
    root = ("SyncML", [("SyncBody", [("Bend", [("To", "the left")]), ("Final", "")])])
    octets = encode(root)
    assert tshark.wbxml_elements([octets]) == [root]
    assert libwbxml.element_of(libwbxml.to_xml(octets)) == root
