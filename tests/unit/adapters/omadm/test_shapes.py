"""Shapes of headers: which are learnt, and what fits them."""

from __future__ import annotations

import pytest
from msgspec.structs import replace
from omadm_playbook import DEVINFO, GOOD, START, message

from adapters.omadm.codec import Encoding, encode, encoding_of
from adapters.omadm.messages import SyncML
from adapters.omadm.shapes import MAX_SHAPES, Shape, Shapes, shape_of
from adapters.omadm.xml import decode_xml_in_steps
from adapters.wbxml.codec import decode_in_steps

XML = encoding_of("application/vnd.syncml.dm+xml")
WBXML = encoding_of("application/vnd.syncml.dm+wbxml")
PACKAGE_1 = message(1, START, DEVINFO, cred=GOOD, max_bytes=9999)


def shape(octets: bytes, header: SyncML = PACKAGE_1) -> Shape | None:
    if octets.startswith(b"<"):
        return shape_of(octets, next(decode_xml_in_steps(octets)), header.header, None)
    wbxml, stages = decode_in_steps(octets)
    return shape_of(octets, next(stages), header.header, wbxml)


@pytest.mark.parametrize("encoding", [XML, WBXML], ids=["XML", "WBXML"])
def test_another_phone_of_the_model_has_the_same_shape(encoding: Encoding) -> None:
    """Session, message, name and credentials may differ; anything else is another shape."""
    known = shape(encode(PACKAGE_1, encoding))
    assert known is not None
    header = replace(PACKAGE_1.header, session_id="4711", msg_id=12, source="IMEI:2", source_name="me")
    found = known.fit(encode(replace(PACKAGE_1, header=header), encoding))
    assert found is not None
    texts, _ = found
    assert texts == {"session_id": "4711", "msg_id": "12", "source": "IMEI:2", "source_name": "me", "cred": GOOD.data}
    for other in (replace(header, target="elsewhere"), replace(header, cred=None), replace(header, source="Ü")):
        assert known.fit(encode(replace(PACKAGE_1, header=other), encoding)) is None


@pytest.mark.parametrize(
    ("what", "instead"),
    [
        ("<SyncHdr>", "<SyncHdr><!-- >1< -->"),
        ("<SessionID>1<", "<SessionID>&#49;<"),
        ("<SessionID>1<", "<SessionID><![CDATA[1]]><"),
        ("<SessionID>1<", "<SessionID> <"),
        ("<SessionID>", "<SessionID>1</SessionID><SessionID>"),
    ],
)
def test_a_header_that_is_not_plain_has_no_shape(what: str, instead: str) -> None:
    """Where a text could stand for another one, headers like it are read as ever."""
    assert shape(encode(PACKAGE_1, XML).decode().replace(what, instead, 1).encode()) is None


def test_strings_from_the_table_have_no_shape() -> None:
    """A text of WBXML that stands elsewhere is none that could be taken from its place."""
    octets = encode(PACKAGE_1, WBXML)
    start = octets.index(b"\x6a\x00") + 1
    by_reference = octets[:start] + b"\x021\0" + octets[start + 1 :].replace(b"\x65\x031\0\x01", b"\x65\x83\x00\x01", 1)
    wbxml, stages = decode_in_steps(by_reference)
    stage = next(stages)
    assert ("SessionID", "1") in stage.root[1][0][1]
    assert shape_of(by_reference, stage, PACKAGE_1.header, wbxml) is None


def test_only_the_newest_shapes_are_known() -> None:
    """However many there are, no message is tried against more than a few."""
    shapes = Shapes()
    octets = []
    for number in range(MAX_SHAPES + 1):
        header = replace(PACKAGE_1.header, target=f"t{number}")
        octets.append(encode(replace(PACKAGE_1, header=header), XML))
        one = shape(octets[-1])
        assert one is not None
        shapes.add(one)
        shapes.add(one)
    assert shapes.find(octets[0], in_wbxml=False) is None
    assert shapes.find(octets[1], in_wbxml=False) is not None
    assert shapes.find(octets[1], in_wbxml=True) is None
