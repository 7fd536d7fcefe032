"""The WBXML codec against octets written by hand, variants phones send, and documents made to harm."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable
from pathlib import Path

import libwbxml
import pytest
from growth import growth

from adapters.wbxml.codec import DEFAULT_HEADER, Header, Limits, decode, encode
from gateway.errors import DecodeError, LimitExceeded

VECTORS = Path(__file__).parents[3] / "vectors" / "wbxml"
SYNCML_1_2 = "-//SYNCML//DTD SyncML 1.2//EN"
HEADER = bytes.fromhex("02A4016A00")


def octets(path: Path) -> bytes:
    return bytes.fromhex("".join(line.partition("#")[0] for line in path.read_text().splitlines()))


def body(hexadecimal: str) -> object:
    return decode(HEADER + bytes.fromhex(hexadecimal))[1]


@pytest.mark.parametrize("path", sorted(VECTORS.glob("*.hex")), ids=lambda path: path.stem)
def test_vectors_hold_in_both_directions(path: Path) -> None:
    """Octets written by hand decode to their XML, and encode back to the same octets (WAP-192-WBXML 5)."""
    document = octets(path)
    header, root = decode(document)
    assert root == libwbxml.element_of(path.with_suffix(".xml").read_text())
    assert encode(root, header) == document


@pytest.mark.parametrize(
    ("name", "namespace"),
    [("package4", "SYNCML:SYNCML1.2"), ("challenge", "SYNCML:SYNCML1.2"), ("ddf", "syncml:dmddf1.2")],
)
def test_libwbxml_agrees_with_the_vectors(name: str, namespace: str) -> None:
    """The hand-written octets are not only our own reading of the tables."""
    document = octets(VECTORS / f"{name}.hex")
    root = libwbxml.element_of((VECTORS / f"{name}.xml").read_text())
    assert libwbxml.element_of(libwbxml.to_xml(document)) == root
    assert libwbxml.to_wbxml(libwbxml.xml_of(root, namespace).encode()) == document


@pytest.mark.parametrize(
    ("start", "header"),
    [
        ("02 A401 6A 00", Header(2, 0x1201)),
        ("01 9F53 6A 00", Header(1, 0x0FD3)),
        ("03 01 6A 00", Header(3, 1)),
        ("02 0000 6A 1D" + SYNCML_1_2.encode().hex(), Header(2, 0, SYNCML_1_2)),
        ("02 0000 6A 1E" + SYNCML_1_2.encode().hex() + "00", Header(2, 0, SYNCML_1_2)),
        ("03 0002 6A 04 41004200", Header(3, 0, "B")),
        ("02 A401 00 00", Header(2, 0x1201, charset=0)),
    ],
)
def test_the_header_is_kept(start: str, header: Header) -> None:
    """Version, public identifier in either style, and charset (WAP-192-WBXML 5.4 to 5.7); the NUL may lack."""
    assert decode(bytes.fromhex(start) + b"\x2d") == (header, ("SyncML", ""))


def test_an_answer_mirrors_the_style_but_not_the_charset() -> None:
    """A written-out public id is written out again, and text is always UTF-8."""
    assert encode(("Data", "é"), Header(3, 0, "AB", charset=1000)) == bytes.fromhex(
        "03 0000 6A 03 414200 4F 03C3A900 01"
    )
    assert encode(("SyncML", "")) == HEADER + b"\x2d"
    assert decode(encode(("SyncML", "")))[0] == DEFAULT_HEADER


@pytest.mark.parametrize(
    ("charset", "text"),
    [
        ("6A", "C3A9E282AC00"),
        ("03", "C3A9E282AC00"),
        ("00", "C3A9E282AC00"),
        ("8768", "00E920AC0000"),
        ("8777", "00E920AC0000"),
    ],
)
def test_inline_text_is_read_in_the_document_charset(charset: str, text: str) -> None:
    """UTF-8, US-ASCII (read as UTF-8), unknown, UCS-2 and UTF-16, the last two with a two-octet terminator."""
    assert decode(bytes.fromhex(f"02A401 {charset} 00 4F03 {text} 01"))[1] == ("Data", "é€")


def test_latin_1_and_wide_string_tables() -> None:
    """ISO-8859-1 text; UTF-16 entries end at two aligned zero octets, or at the end of the table."""
    assert decode(bytes.fromhex("02A401 04 00 4F03 E900 01"))[1] == ("Data", "é")
    # "\u4100\u0042" holds two zero octets in a row that are not a terminator.
    assert decode(bytes.fromhex("02A401 8777 0A 41000042 0000 0043 0044 4F 8300 8306 01"))[1] == ("Data", "䄀BCD")


@pytest.mark.parametrize(
    ("hexadecimal", "content"),
    [
        ("4F 03 61 00 03 62 00 01", "ab"),
        ("4F 03 61 00 02 A0 2C 03 62 00 01", "a\u102cb"),
        ("4F C3 02 C3 A9 01", "é"),
        ("4F C3 01 C3 C3 01 A9 01", "é"),
        ("4F 03 61 00 C3 01 62 01", "ab"),
        ("4F C3 02 61 00 01", b"a\0"),
        ("4F C3 01 1B 01", b"\x1b"),
        ("4F 03 1B 00 03 61 00 01", "\x1ba"),
        ("4F C3 01 FF 01", b"\xff"),
        ("4F 03 C3 A9 00 C3 01 FF 01", b"\xc3\xa9\xff"),
        ("4F C3 00 01", ""),
        ("4F 03 00 01", ""),
        ("4F 01", ""),
        ("0F", ""),
        ("4F 03 20 0A 00 01", " \n"),
        ("4F 03 20 00 0B 03 0A 00 4B 03 31 00 01 C3 01 20 01", [("CmdID", ""), ("CmdID", "1")]),
        ("4F 00 02 00 00 0B 01", [("CmdID", "")]),
    ],
)
def test_content(hexadecimal: str, content: object) -> None:
    """Fragments are joined, octets stay octets, and white space between children goes (WAP-192-WBXML 5.8.4)."""
    assert body(hexadecimal) == ("Data", content)


def test_an_empty_literal_needs_no_end() -> None:
    """LITERAL stands alone, LITERAL_C is closed (WAP-192-WBXML 5.8.4.5)."""
    root = ("Item", [("Foo", ""), ("Foo", "")])
    assert decode(bytes.fromhex("02A4016A 03 466F6F 54 0400 440001 01"))[1] == root


def test_string_table_references() -> None:
    """STR_T may point into the middle of an entry, and to a last entry without terminator (WAP-192-WBXML 5.8.4.1)."""
    assert decode(bytes.fromhex("02A4016A06 61626300 6465 4F 8301 8304 01"))[1] == ("Data", "bcde")


def test_nuls_behind_the_document_are_ignored() -> None:
    """Padding that some senders leave in the body is no fault."""
    assert body("2D 00 00 00") == ("SyncML", "")


@pytest.mark.parametrize(
    ("content", "hexadecimal"),
    [
        ("", "0F"),
        (b"", "0F"),
        ([], "0F"),
        ("a", "4F 03 61 00 01"),
        ("a\0", "4F C3 02 61 00 01"),
        (b"\xff" * 130, "4F C3 8102" + "FF" * 130 + "01"),
        ([("Format", "")], "4F 00 01 07 01"),
        (
            [("Meta", [("Type", ""), ("Format", "")]), ("Meta", [("Type", "")])],
            "4F 5A 00 01 13 07 01 00 00 5A 00 01 13 01 01",
        ),
        ([("MgmtTree", [("Type", ""), ("Get", "")]), ("Get", "")], "4F 00 02 60 35 1D 01 00 00 13 01"),
    ],
)
def test_encoding(content: object, hexadecimal: str) -> None:
    """STR_I for text, OPAQUE for octets; a name on several pages is that of its place; pages switch late."""
    assert encode(("Data", content)) == HEADER + bytes.fromhex(hexadecimal)


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        ("", "too early"),
        ("02", "too early"),
        ("00 A4 01 6A 00 2D", "version"),
        ("12 A4 01 6A 00 2D", "version"),
        ("02 A4 01 6B 00 2D", "character set"),
        ("02 80 80 80 80 80 01 6A 00 2D", "32 bits"),
        ("02 90 80 80 80 01 6A 00 2D", "32 bits"),
        ("02 A4 01 6A 05 41 2D", "before its body"),
        ("02 00 01 6A 01 41 2D", "outside"),
        ("02 00 00 6A 00 2D", "outside"),
        ("02 A4 01 6A 00", "before its body"),
        ("02 A4 01 6A 00 01", "exactly one"),
        ("02 A4 01 6A 00 03 61 00 2D", "between"),
        ("02 A4 01 6A 00 2D C3 01 61", "exactly one"),
        ("02 A4 01 6A 00 2D 2D", "exactly one"),
        ("02 A4 01 6A 00 2D 01", "exactly one"),
        ("02 A4 01 6A 00 6D 01 01 2D", "exactly one"),
        ("02 A4 01 6A 00 6D 2C", "too early"),
        ("02 A4 01 6A 00 4F 03 61", "no end"),
        ("02 A4 01 6A 00 4F 03 61 00", "no end"),
        ("02 A4 01 6A 00 4F 03 FF 00 01", "utf-8"),
        ("02 A4 01 6A 00 4F C3 04 61 62 01", "past the end"),
        ("02 A4 01 6A 00 4F C3 8F FF FF FF 7F 01", "past the end"),
        ("02 A4 01 6A 01 41 4F 83 01 01", "outside"),
        ("02 A4 01 6A 00 00 03 2D", "code page"),
        ("02 A4 01 6A 00 AD 01 01", "0xad"),
        ("02 A4 01 6A 00 ED 01 01", "0xed"),
        ("02 A4 01 6A 02 41 00 84 00 01", "0x84"),
        ("02 A4 01 6A 00 4F 02 00 01", "XML"),
        ("02 A4 01 6A 00 4F 02 83 B0 00 01", "XML"),
        ("02 A4 01 6A 00 4F 02 C4 80 00 01", "XML"),
        ("02 A4 01 6A 00 43 01 2D", "0x43"),
        ("02 A4 01 6A 00 4F 40 61 00 01", "0x40"),
        ("02 A4 01 6A 00 4F 80 01 01", "0x80"),
        ("02 A4 01 6A 00 4F C0 01", "0xc0"),
        ("02 A4 01 6A 02 3C 00 44 00 01", "not a name"),
        ("02 A4 01 6A 01 00 44 00 01", "not a name"),
        ("02 A4 01 6A 00 4F 0B 03 61 00 01", "between"),
        ("02 A4 01 6A 00 4F 03 61 00 0B 01", "between"),
    ],
)
def test_malformed_documents_are_refused(document: str, reason: str) -> None:
    """Truncated, overlong or senseless octets raise DecodeError, which is not a limit, and say why."""
    with pytest.raises(DecodeError, match=re.escape(reason)) as refusal:
        decode(bytes.fromhex(document))
    assert not isinstance(refusal.value, LimitExceeded)


def nested(depth: int, switch: str = "") -> bytes:
    return HEADER + bytes.fromhex(switch) + b"\x64" * (depth - 1) + b"\x24" + b"\x01" * (depth - 1)


@pytest.mark.parametrize(
    ("most", "too_much"),
    [
        (nested(32), nested(33)),
        (nested(64, "0002"), nested(65, "0002")),
        (HEADER + b"\x54" * 31 + b"\x4f\x03x\0\1" + b"\1" * 31, HEADER + b"\x54" * 32 + b"\x4f\x03x\0\1" + b"\1" * 32),
        (HEADER + b"\x54" + b"\x0b" * 19_999 + b"\1", HEADER + b"\x54" + b"\x0b" * 20_000 + b"\1"),
        (b"\x02\x01\x6a\xa0\x00" + b"a" * 4096 + b"\x2d", b"\x02\x01\x6a\xa0\x01" + b"a" * 4097 + b"\x2d"),
        (
            b"\x02\x01\x6a\xa0\x00" + b"a" * 4096 + b"\x4f" + b"\x83\0" * 255 + b"\1",
            b"\x02\x01\x6a\xa0\x00" + b"a" * 4096 + b"\x4f" + b"\x83\0" * 256 + b"\1",
        ),
        (
            b"\x02\x01\x6a\xa0\x00" + b"a" * 4096 + b"\x54" + b"\x04\0" * 255 + b"\1",
            b"\x02\x01\x6a\xa0\x00" + b"a" * 4096 + b"\x54" + b"\x04\0" * 256 + b"\1",
        ),
        (HEADER + b"\x4f\x03" + b"a" * 262_135 + b"\0\1", HEADER + b"\x4f\x03" + b"a" * 262_136 + b"\0\1"),
    ],
    ids=["depth", "tree-depth", "leaf-depth", "elements", "table", "references", "literals", "body"],
)
def test_limits_are_exact(most: bytes, too_much: bytes) -> None:
    """The last document within a limit is read; one step more raises LimitExceeded."""
    decode(most)
    with pytest.raises(LimitExceeded):
        decode(too_much)


@pytest.mark.parametrize(
    ("behind", "data"),
    [
        ("4F 03 6200 01", [("Data", "b")]),
        ("4F 03 00 01", [("Data", "")]),
        ("4F 03 6200 03 6300 01", [("Data", "bc")]),
        ("4F 03 6200 C3 01 64 01", [("Data", "bd")]),
        ("4F 03 6200 01 34", [("Data", "b"), ("MoreData", "")]),
    ],
)
def test_an_item_is_read_alike_each_time(behind: str, data: list[tuple[str, str]]) -> None:
    """What is known of an Item's beginning says nothing of how it ends (WAP-192-WBXML 5.4)."""
    item = f"54 67 57 03 4100 01 01 {behind} 01"
    expected = ("Replace", [("Item", [("Source", [("LocURI", "A")]), *data])] * 2)
    assert body(f"60 {item} {item} 01") == expected
    assert body(f"60 54 67 57 03 4100 01 01 4F 03 6500 01 01 {item} 01") == (
        "Replace",
        [("Item", [("Source", [("LocURI", "A")]), ("Data", "e")]), expected[1][0]],
    )


def test_items_read_before_count_as_well() -> None:
    """20 000 elements are taken, whether they are new or known, and not one more."""
    item = bytes.fromhex("54 67 57 03 4100 01 01 4F 03 6200 01 01")
    most = HEADER + b"\x60" + 4999 * item
    assert len(decode(most + 3 * b"\x14" + b"\x01")[1][1]) == 4999 + 3
    with pytest.raises(LimitExceeded):
        decode(most + item + b"\x01")


def test_limits_are_the_callers() -> None:
    """Other limits may be given; the default is only a default."""
    decode(nested(40), Limits(depth=40))
    with pytest.raises(LimitExceeded):
        decode(HEADER + b"\x54\x0b\x01", Limits(elements=1))


@pytest.mark.parametrize(
    ("given", "most"),
    [
        (lambda many: HEADER + b"\x4f" + b"\x03a\0" * many + b"\1", 87_000),
        (lambda many: HEADER + b"\x4f" + b"\xc3\x01\xff" * many + b"\1", 87_000),
        (lambda many: HEADER + b"\x4f" + b"\x03 \0" * many + b"\x0b\1", 87_000),
        (lambda many: b"\x02\x01\x6a\x01\0\x4f" + b"\x83\0" * many + b"\1", 131_000),
        (lambda many: HEADER + b"\0\1" * many + b"\x15", 131_000),
        (lambda many: b"\x02\x01\x87\x77\0\x4f\x03" + b"a\0\0a" * many + b"\0\0\1", 65_000),
        (lambda many: HEADER + b"\x4f\x03" + b"a" * many, 262_000),
        (lambda many: HEADER + b"\x54" + b"\x4f\x03a\0\1" * many + b"\1", 19_000),
    ],
    ids=["text", "opaque", "blanks", "references", "switches", "misaligned", "endless", "elements"],
)
def test_work_grows_with_the_length(given: Callable[[int], bytes], most: int) -> None:
    """Work grows with the length of the document and nothing else, up to the longest and whatever it is made of."""

    def read(document: bytes) -> None:
        with contextlib.suppress(DecodeError):
            decode(document)

    assert growth(read, given, most) < 1.5


@pytest.mark.parametrize(
    ("body", "kept"),
    [
        ("6D 6B 7D 03 41 00 01 01 01", ("SyncML", [("SyncBody", [("p0-3d", "A")])])),
        ("6D 6B 70 03 41 00 01 12 01 01", ("SyncML", [("SyncBody", [("p0-30", "A"), ("Final", "")])])),
        ("6D 5A 00 01 7E 03 41 00 01 01 01", ("SyncML", [("Meta", [("p1-3e", "A")])])),
    ],
    ids=["of no table", "reserved", "of another page"],
)
def test_a_tag_that_stands_in_no_table_survives(body: str, kept: object) -> None:
    """It is known by its page and token, with all that is in it, and written as it came.

    Spec: WAP-192-WBXML 5.8.1; OMA-TS-SyncML_RepPro-V1_2 (WBXML definitions)
    """
    octets = bytes.fromhex(f"02 A4 01 6A 00 {body}")
    header, root = decode(octets)
    assert root == kept
    assert encode(root, header) == octets
