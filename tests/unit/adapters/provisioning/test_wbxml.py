"""wap-provisioningdoc in WBXML, against octets written elsewhere and against libwbxml."""

from pathlib import Path

import libwbxml
import pytest

from adapters.provisioning.document import ROOT, Characteristic, Parm, format_characteristic, parse_document
from adapters.provisioning.tokens import STARTS, VALUES
from adapters.provisioning.wbxml import decode_document, encode_document
from gateway.errors import DecodeError, LimitExceeded

VECTORS = ("cp-minimal", "cp-account")
START = "03 0B 6A 00"
LIBWBXML_MISSPELLS = {0xB5: "TRETRA-SDS", 0xB6: "TRETRA-PACKET"}
LIBWBXML_LACKS = {(1, 0xE0), (1, 0xE1)}


def octets(vectors: Path, name: str) -> bytes:
    return bytes.fromhex("".join(line.partition("#")[0] for line in (vectors / f"{name}.hex").read_text().splitlines()))


def read(hexadecimal: str) -> Characteristic:
    return decode_document(bytes.fromhex(START + hexadecimal))


def document(*parms: tuple[str, str], type_: str = "T") -> Characteristic:
    return Characteristic(ROOT, (), (Characteristic(type_, tuple(Parm(*parm) for parm in parms)),))


@pytest.mark.parametrize("name", VECTORS)
def test_vectors(vectors: Path, name: str) -> None:
    """The encoder writes the vectors octet by octet, the decoder reads them. Spec: OMA-WAP-TS-ProvCont-V1_1 8"""
    expected = parse_document((vectors / f"{name}.xml").read_bytes())
    assert encode_document(expected) == octets(vectors, name)
    assert decode_document(octets(vectors, name)) == expected


@pytest.mark.parametrize("name", VECTORS)
def test_libwbxml_reads_what_we_write(vectors: Path, name: str) -> None:
    """An independent decoder finds the same document in our octets."""
    expected = parse_document((vectors / f"{name}.xml").read_bytes())
    assert parse_document(libwbxml.to_xml(encode_document(expected))) == expected


@pytest.mark.parametrize("string_table", [False, True])
def test_we_read_what_libwbxml_writes(vectors: Path, string_table: bool) -> None:
    """With strings in a table or not, with white space between elements and with value tokens on page 1."""
    xml = (vectors / "cp-account.xml").read_bytes()
    assert decode_document(libwbxml.to_wbxml(xml, string_table=string_table)) == parse_document(xml)


@pytest.mark.parametrize(("page", "token"), [(page, token) for page in (0, 1) for token in STARTS[page]])
def test_attribute_tokens_mean_the_same_to_libwbxml(page: int, token: int) -> None:
    """Every name, type and version of the tables, on both pages."""
    attribute, prefix = STARTS[page][token]
    element = "86" if attribute == "type" else "87"
    wbxml = bytes.fromhex(f"{START} C5 4601 C6 50 03 54 00 01 {element} 00 {page:02X} {token:02X} 03 78 00 01 01 01")
    assert f'{attribute}="{prefix}x"'.encode() in libwbxml.to_xml(wbxml)
    inner = decode_document(wbxml).characteristics[0]
    found = {"type": inner.characteristics[0].type} if attribute == "type" else inner.parms[0]._asdict()
    assert found.get(attribute, prefix + "x") == prefix + "x"


@pytest.mark.parametrize(("page", "token"), [(page, token) for page in (0, 1) for token in VALUES[page]])
def test_value_tokens_mean_the_same_to_libwbxml(page: int, token: int) -> None:
    """Every value of the tables; where libwbxml differs is written down above."""
    switch = f"00 {page:02X}" if page else ""
    wbxml = bytes.fromhex(f"{START} C5 4601 C6 50 03 54 00 01 87 05 03 6E 00 06 {switch} {token:02X} 01 01 01")
    assert decode_document(wbxml) == document(("n", VALUES[page][token]))
    if (page, token) not in LIBWBXML_LACKS:
        expected = LIBWBXML_MISSPELLS.get(token, VALUES[page][token])
        assert f'value="{expected}"'.encode() in libwbxml.to_xml(wbxml)


@pytest.mark.parametrize(
    "root",
    [
        Characteristic(ROOT),
        document(("X", ""), ("", "v"), ("TRUST", ""), type_=""),
        document(("NAME", "é & <\U0001f4f1>"), ("BEARER", "CDMA2000-1X-SIMPLE-IP"), ("AUTH-ENTITY", "AAA")),
        Characteristic(
            ROOT, (), (Characteristic("APPLICATION", (), (Characteristic("NODE"), Characteristic("PORT"))),)
        ),
    ],
)
def test_round_trip(root: Characteristic) -> None:
    """Empty values, unknown names, values that tables dispute, empty characteristics: all come back."""
    wbxml = encode_document(root)
    assert decode_document(wbxml) == root
    xml = libwbxml.to_xml(wbxml)
    assert parse_document(xml) == root, format_characteristic(root)


def test_disputed_values_are_strings() -> None:
    """A value whose token means something else in another table goes out as its text."""
    assert b"CDMA2000-1X-SIMPLE-IP\0" in encode_document(document(("BEARER", "CDMA2000-1X-SIMPLE-IP")))
    assert b"\x10\x06\xab\x01" in encode_document(document(("BEARER", "GSM-GPRS")))


def test_what_xml_cannot_carry_is_replaced() -> None:
    """A NUL would end the string: it becomes U+FFFD, as in the XML form."""
    assert decode_document(encode_document(document(("n", "a\0b\x01")))) == document(("n", "a\ufffdb\ufffd"))


def test_values_in_pieces() -> None:
    """Strings, entities, opaque data and tokens make one value; a tag or an attribute may be a literal."""
    assert read("45 C6 50 03 54 00 01 87 05 03 6E 00 06 03 61 00 02 81 69 C3 02 62 63 85 01 01 01") == document(
        ("n", "a\u00e9bcIPV4")
    )
    literal = "03 0B 6A 0A 70 61 72 6D 00 76 61 6C 75 65 45 C6 50 03 54 00 01 84 00 05 03 6E 00 04 05 03 76 00 01 01 01"
    assert decode_document(bytes.fromhex(literal)) == document(("n", "v"))


@pytest.mark.parametrize(
    ("hexadecimal", "says"),
    [
        ("", "ends before its body"),
        ("45", "ends too early"),
        ("45 01 45 01", "exactly one element"),
        ("46 01", "characteristic has no place"),
        ("45 47 07 01 01", "parm has no place"),
        ("45 45 01 01", "wap-provisioningdoc has no place"),
        ("45 08 01", "no element of a wap-provisioningdoc"),
        ("45 00 02 01", "unknown code page 2"),
        ("45 03 78 00 01", "text stands between elements"),
        ("45 86 00 02 01 01", "unknown code page 2"),
        ("45 86 40 01 01", "attribute token 0x40 is unknown on page 0"),
        ("45 86 50 80 01 01", "value token 0x80 is unknown"),
        ("45 86 03 78 00 01 01", "before any attribute"),
        ("45 86 50 03 78 00 51 01 01", "'type' twice"),
        ("45 86 50 03 78", "ends too early|has no end"),
        ("45 86 50 03 FF 00 01 01", "is not utf-8"),
        ("45 86 50 03 01 00 01 01", "XML cannot carry"),
        ("45 86 50 C3 8F FF FF FF 7F 41 01 01", "run past the end"),
        ("45 86 50 83 05 01 01", "outside the string table"),
    ],
)
def test_bad_documents(hexadecimal: str, says: str) -> None:
    """What is no document is refused where the fault is."""
    with pytest.raises(DecodeError, match=says):
        read(hexadecimal)


def test_limits() -> None:
    """Depth, number of elements and octets are bounded; the deepest document allowed is read."""
    deep = "46" * 31
    assert read("45" + deep + "01" * 32).characteristics
    with pytest.raises(LimitExceeded):
        read("45" + deep + "46" + "01" * 33)
    with pytest.raises(LimitExceeded):
        read("45" + "06" * 20_000 + "01")
    with pytest.raises(LimitExceeded):
        decode_document(bytes(256 * 1024 + 1))
