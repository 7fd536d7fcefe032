"""wap-provisioningdoc as plain values: what is read, what is refused, what is written."""

import contextlib
from collections.abc import Callable
from pathlib import Path

import pytest
from growth import growth
from lxml import etree

from adapters.provisioning.document import (
    MAX_BYTES,
    MAX_DEPTH,
    MAX_ELEMENTS,
    Characteristic,
    Parm,
    escape,
    format_characteristic,
    parse_document,
)
from gateway.errors import DecodeError, LimitExceeded

OPEN, CLOSE = '<characteristic type="c">', "</characteristic>"
PARM = '<parm name="a" value="1"/>'
CONTENT = Characteristic("c", (Parm("a", "1"),))


def document(body: str, dtd: str = "") -> bytes:
    return f'<?xml version="1.0"?>{dtd}<wap-provisioningdoc version="1.1">{body}</wap-provisioningdoc>'.encode()


def nested(depth: int) -> bytes:
    """A document that has this many levels, the root's among them."""
    return document(OPEN * (depth - 1) + CLOSE * (depth - 1))


@pytest.mark.parametrize(
    "body",
    [
        f"{OPEN}{PARM}{CLOSE}",
        f'\n {OPEN}<!-- x --><?p i?>\n<parm value="1" name="a"></parm>text{CLOSE}\n',
        '<characteristic TYPE="c"><param NAME="a" VALUE="1"/></characteristic>',
        f'<w:characteristic xmlns:w="urn:w" type="c">{PARM}</w:characteristic>',
        f'{OPEN}<parm name="&#97;" value="&#x31;"/>{CLOSE}',
    ],
)
def test_the_spellings_of_the_field(body: str) -> None:
    """White space, comments, prefixes, ``param`` and upper-case attributes make no difference."""
    assert parse_document(document(body)) == Characteristic("wap-provisioningdoc", (), (CONTENT,))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "iso-8859-1"])
def test_character_sets(encoding: str) -> None:
    """The byte-order mark or the XML declaration says how the octets are to be read."""
    declared = encoding.removesuffix("-sig")
    text = f'<?xml version="1.0" encoding="{declared}"?><wap-provisioningdoc><parm name="é"/></wap-provisioningdoc>'
    assert parse_document(text.encode(encoding)).parms == (Parm("é", ""),)


def test_order_and_repetition_are_kept() -> None:
    """Names and types may repeat, as in lists of NODE and in ACCESS-CONTROL, and stay in order. Spec: RCC.14 2.3"""
    body = f'{OPEN}<parm name="id" value="2"/>{OPEN}{CLOSE}<parm name="id" value="1"/>{CLOSE}{OPEN}{CLOSE}'
    first, second = parse_document(document(body)).characteristics
    assert first == Characteristic("c", (Parm("id", "2"), Parm("id", "1")), (Characteristic("c"),))
    assert second == Characteristic("c")


def test_a_doctype_that_declares_nothing_is_let_be(vectors: Path) -> None:
    """A DOCTYPE that names OMA's DTD is common and harmless: nothing is fetched."""
    assert len(parse_document((vectors / "field.xml").read_bytes()).characteristics) == 3


def with_default(elements: int) -> bytes:
    """A document in which each of the elements is to have an attribute of 80 times as many characters."""
    return document(PARM * elements, f'<!DOCTYPE x [<!ATTLIST parm z CDATA "{"z" * 80 * elements}">]>')


BOMB = '<!ENTITY a0 "a">' + "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 12))


@pytest.mark.parametrize(
    ("octets", "says"),
    [
        (b"", "not XML"),
        (b"\x00\x01\xff", "not XML"),
        (document("\0"), "not XML"),
        (document("&unknown;"), "not XML"),
        (document("<characteristic>"), "not XML"),
        (document(PARM)[:-1], "not XML"),
        (document(PARM) + b"<more/>", "not XML"),
        (b'<?xml version="1.0" encoding="no-such"?><wap-provisioningdoc/>', "not XML"),
        (b'<?xml version="1.0" encoding="utf-7"?><wap-provisioningdoc/>', "not XML"),
        (b"<html/>", "the root is 'html'"),
        (b'<parm name="a"/>', "the root is 'parm'"),
        (document("<wap-provisioningdoc/>"), "an element 'wap-provisioningdoc'"),
        (document("<script/>"), "an element 'script'"),
        (document("<" + "x" * 10_000 + "/>"), f"an element '{'x' * 40}'"),
        (document('<parm name="&a11;"/>', f"<!DOCTYPE x [{BOMB}]>"), "DOCTYPE"),
        (document("&a11;", f"<!DOCTYPE x [{BOMB}]>"), "DOCTYPE"),
        (document("&f;", '<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]>'), "DOCTYPE"),
        (document("", '<!DOCTYPE x [<!ENTITY % f SYSTEM "file:///etc/passwd">%f;]>'), "DOCTYPE"),
        (with_default(9_000), "DOCTYPE"),
    ],
)
def test_what_is_no_document(octets: bytes, says: str) -> None:
    """Anything else is refused in one way, with a short reason."""
    with pytest.raises(DecodeError, match=says) as caught:
        parse_document(octets)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    "octets",
    [
        document(" " * MAX_BYTES),
        nested(MAX_DEPTH + 1),
        nested(20_000),
        document(OPEN * 40_000),
        document(f"{OPEN}{CLOSE}" * MAX_ELEMENTS),
        document("<parm/>" * MAX_ELEMENTS),
        document("<parm>" * MAX_ELEMENTS),
    ],
)
def test_limits(octets: bytes) -> None:
    """Size, depth and number of elements are bounded while octets are read: what comes later is not looked at."""
    for read in (octets, octets + b"<&"):
        with pytest.raises(LimitExceeded):
            parse_document(read)


@pytest.mark.parametrize("octets", [nested(MAX_DEPTH), document("<parm/>" * (MAX_ELEMENTS - 1))])
def test_the_most_that_is_read(octets: bytes) -> None:
    """What just keeps the limits is read."""
    parse_document(octets)


@pytest.mark.parametrize(
    ("given", "most"),
    [
        (lambda elements: document("<parm/>" * elements), MAX_ELEMENTS - 1),
        (lambda many: document("<parm " + " ".join(f"a{number}=''" for number in range(many)) + "/>"), 20_000),
        (lambda many: document("".join(f'<x{number}:parm xmlns:x{number}="u"/>' for number in range(many))), 15_000),
        (lambda many: document(OPEN * many), 40_000),
        (with_default, 9_000),
    ],
    ids=["elements", "attributes", "namespaces", "depth", "defaults"],
)
def test_work_grows_with_the_size(given: Callable[[int], bytes], most: int) -> None:
    """A document costs what is in proportion to its size and no more, many attributes included, read or refused."""

    def read(octets: bytes) -> None:
        with contextlib.suppress(DecodeError):
            parse_document(octets)

    assert growth(read, given, most) < 1.5


@pytest.mark.parametrize(
    ("text", "written", "read"),
    [
        ("", "", ""),
        ("é ü\U0001f4f1\u200b\x7f", "é ü\U0001f4f1\u200b\x7f", "é ü\U0001f4f1\u200b\x7f"),
        ("a&b<c>\"d'", "a&amp;b&lt;c&gt;&quot;d'", "a&b<c>\"d'"),
        ("one\ntwo\r\tthree", "one&#10;two&#13;&#9;three", "one\ntwo\r\tthree"),
        ("\0\x1f\ud800\ufffe", "\ufffd" * 4, "\ufffd" * 4),
    ],
)
def test_escape(text: str, written: str, read: str) -> None:
    """Attributes are escaped by XML's rules; what no document can carry becomes U+FFFD.

    Spec: XML 1.0 2.2, 2.3, 3.3.3
    """
    assert escape(text) == written
    assert etree.fromstring(f'<a b="{written}"/>').get("b") == read


def test_written_compact_in_order() -> None:
    """Parms come first, then characteristics, with nothing between: indentation stops some clients."""
    inner = Characteristic("e & f", (Parm("g", "<"),))
    assert format_characteristic(Characteristic("c", (Parm("a", "1"), Parm("a", "2")), (inner, inner))) == (
        '<characteristic type="c"><parm name="a" value="1"/><parm name="a" value="2"/>'
        + '<characteristic type="e &amp; f"><parm name="g" value="&lt;"/></characteristic>' * 2
        + "</characteristic>"
    )
