"""SyncML's XML form: what is read, what is refused at once, what is written."""

from __future__ import annotations

import pytest
from lxml import etree

from adapters.omadm.xml import MAX_BYTES, MAX_ELEMENTS, decode_xml, encode_xml
from adapters.wbxml.element import AnyElement
from gateway.errors import DecodeError, LimitExceeded

LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 12))
GREETING = "<a>Grüße</a>"


REFUSED = {
    "a billion laughs": f'<!DOCTYPE a [<!ENTITY l0 "ha">{LAUGHS}]><a>&l11;</a>',
    "the same in an attribute": f'<!DOCTYPE a [<!ENTITY l0 "ha">{LAUGHS}]><a b="&l11;"/>',
    "one long entity many times": f'<!DOCTYPE a [<!ENTITY q "{"x" * 100_000}">]><a>{"&q;" * 40_000}</a>',
    "a file as entity": '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>',
    "a parameter entity": '<!DOCTYPE a [<!ENTITY % p SYSTEM "http://127.0.0.1/p">%p;]><a/>',
    "a declaration": "<!DOCTYPE a [<!ELEMENT a ANY>]><a/>",
    "an entity of a DTD": "<!DOCTYPE a SYSTEM 'http://127.0.0.1/a.dtd'><a>&x;</a>",
    "an undeclared entity": "<a>&x;</a>",
    "an instruction in front": "<?go now?><a/>",
    "an instruction inside": "<a><?go now?></a>",
    "text before an element": "<a>text<b/></a>",
    "text behind an element": "<a><b/>text</a>",
    "crossed tags": "<a><b></a>",
    "two roots": "<a/><a/>",
    "an open tag": "<a",
    "nothing": "",
    "plain text": "not XML",
    "a control character": "<a>\x01</a>",
    "an unknown character set": "<?xml version='1.0' encoding='no-such-set'?><a/>",
    "a multi-byte character set": "<?xml version='1.0' encoding='shift_jis'?><a/>",
    "a codec that is no character set": "<?xml version='1.0' encoding='hex'?><a/>",
}


def nest(tag: str, depth: int, inner: str = "") -> bytes:
    return (f"<{tag}>" * depth + inner + f"</{tag}>" * depth).encode()


SIZES = {
    "32 levels": (nest("a", 32), True),
    "33 levels": (nest("a", 33), False),
    "14 000 levels": (nest("a", 14_000), False),
    "64 levels with a tree": (nest("a", 6, f"<MgmtTree>{nest('Node', 57).decode()}</MgmtTree>"), True),
    "65 levels with a tree": (nest("a", 6, f"<MgmtTree>{nest('Node', 58).decode()}</MgmtTree>"), False),
    "33 levels beside a tree": (b"<a><MgmtTree/>" + nest("b", 32) + b"</a>", False),
    "20 000 elements": (b"<a>" + b"<b/>" * (MAX_ELEMENTS - 1) + b"</a>", True),
    "20 001 elements": (b"<a>" + b"<b/>" * MAX_ELEMENTS + b"</a>", False),
    "256 KiB": (b"<a>" + b"x" * (MAX_BYTES - 7) + b"</a>", True),
    "256 KiB and one octet": (b"<a>" + b"x" * (MAX_BYTES - 6) + b"</a>", False),
}


@pytest.mark.parametrize(
    ("document", "element"),
    [
        ("<a/>", ("a", "")),
        ("<a></a>", ("a", "")),
        ("<a>  </a>", ("a", "  ")),
        ("<a>\n <b>1</b>\t<b/>\n</a>", ("a", [("b", "1"), ("b", "")])),
        ("<a>x&lt;y&#x26;<![CDATA[<z>]]>&quot;</a>", ("a", 'x<y&<z>"')),
        ("<a>one<!-- comment -->two</a>", ("a", "onetwo")),
        ("<a xmlns='SYNCML:SYNCML1.2'><b xmlns='syncml:metinf'>1</b></a>", ("a", [("b", "1")])),
        ("<s:a xmlns:s='SYNCML:SYNCML1.2' xmlns:mi='syncml:metinf'><mi:b>1</mi:b></s:a>", ("a", [("b", "1")])),
        ("<!DOCTYPE a PUBLIC '-//SYNCML//DTD SyncML 1.2//EN' 'http://dtd.example/a.dtd'><a/>", ("a", "")),
        (f"<a>{'x' * 20_000}</a>", ("a", "x" * 20_000)),
    ],
)
def test_documents_become_elements(document: str, element: AnyElement) -> None:
    """Local names, joined text, no white space between elements (OMA-TS-SyncML_RepPro-V1_2 5; XML 1.0 2)."""
    assert decode_xml(document.encode()) == element


@pytest.mark.parametrize(
    "data",
    [
        GREETING.encode(),
        b"\xef\xbb\xbf" + GREETING.encode(),
        GREETING.encode("utf-16"),
        f"<?xml version='1.0' encoding='ISO-8859-1'?>{GREETING}".encode("latin-1"),
        f"<?xml version='1.0' encoding='windows-1252'?>{GREETING}".encode("cp1252"),
    ],
)
def test_character_sets(data: bytes) -> None:
    """The byte-order mark or the declaration says the character set, UTF-8 without either (XML 1.0 4.3.3)."""
    assert decode_xml(data) == ("a", "Grüße")


@pytest.mark.parametrize("document", REFUSED.values(), ids=REFUSED)
def test_refused_documents(document: str) -> None:
    """Declarations, entities, instructions, mixed content and anything not well-formed are no message."""
    with pytest.raises(DecodeError):
        decode_xml(document.encode())


def test_a_fault_is_located() -> None:
    """The error names the byte where the document stops making sense."""
    with pytest.raises(DecodeError, match="mismatched tag") as caught:
        decode_xml(b"<a><b></a>")
    assert caught.value.offset == 8


@pytest.mark.parametrize(("data", "is_accepted"), SIZES.values(), ids=SIZES)
def test_limits(data: bytes, is_accepted: bool) -> None:
    """Size, count and depth end where they are stated to end; a tree may nest deeper than a message."""
    if is_accepted:
        decode_xml(data)
    else:
        with pytest.raises(LimitExceeded):
            decode_xml(data)


def test_what_is_written() -> None:
    """Compact, with a declaration and the namespaces in the places clients look (OMA-TS-SyncML_RepPro-V1_2 5)."""
    meta = ("Meta", [("Format", "chr"), ("Mem", [("FreeMem", "1")])])
    tree = ("Data", [("MgmtTree", [("VerDTD", "1.2")])])
    root = ("SyncML", [("SyncBody", [("Item", [meta, tree]), ("Final", "")])])
    assert encode_xml(root) == (
        b'<?xml version="1.0" encoding="UTF-8"?><SyncML xmlns="SYNCML:SYNCML1.2"><SyncBody><Item>'
        b'<Meta><Format xmlns="syncml:metinf">chr</Format>'
        b'<Mem xmlns="syncml:metinf"><FreeMem>1</FreeMem></Mem></Meta>'
        b'<Data><MgmtTree xmlns="syncml:dmddf1.2"><VerDTD>1.2</VerDTD></MgmtTree></Data>'
        b"</Item><Final/></SyncBody></SyncML>"
    )


def test_namespaces_are_left_out_of_markup_alone() -> None:
    """No element declares one, in a tree inside the message neither; a text that is markup itself stays as it is."""
    markup = '<MgmtTree xmlns="syncml:dmddf1.2"/>'
    meta = ("Meta", [("Format", "xml"), ("Mem", [("FreeMem", "1")])])
    tree = ("Data", [("MgmtTree", [("VerDTD", "1.2")])])
    root: AnyElement = ("SyncML", [("SyncBody", [("Item", [meta, tree]), ("Item", [("Data", markup)])])])
    written = encode_xml(root, "1.1", namespaces=False)
    assert written == (
        b'<?xml version="1.0" encoding="UTF-8"?><SyncML><SyncBody><Item>'
        b"<Meta><Format>xml</Format><Mem><FreeMem>1</FreeMem></Mem></Meta>"
        b"<Data><MgmtTree><VerDTD>1.2</VerDTD></MgmtTree></Data></Item>"
        b'<Item><Data>&lt;MgmtTree xmlns="syncml:dmddf1.2"/&gt;</Data></Item>'
        b"</SyncBody></SyncML>"
    )
    assert decode_xml(written) == root


@pytest.mark.parametrize(
    "text", ["a<b", "a>b", "a&b", "]]>", "<&>\n\t", "a\r\nb", "\u2028&\x85", "\U0001f4f1", "&amp;"]
)
def test_text_survives_another_parser(text: str) -> None:
    """libxml2 reads back exactly the text that was written, line ends included (XML 1.0 2.4, 2.11)."""
    assert etree.fromstring(encode_xml(("a", text))).text == text


@pytest.mark.parametrize("content", ["\x00", "bell\x07", "\ud800", "\ufffe", b"octets"])
def test_what_xml_cannot_carry_is_a_clear_error(content: str | bytes) -> None:
    """Characters outside XML, and octets, are refused by name instead of producing a document nobody can read."""
    with pytest.raises(ValueError, match=r"XML cannot carry the character U\+|octets cannot be written"):
        encode_xml(("a", content))
