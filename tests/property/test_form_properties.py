"""Forms: what is filled in is, octet by octet, what would be written."""

from __future__ import annotations

from functools import partial

from hypothesis import given
from hypothesis import strategies as st

from adapters.omadm.forms import SLOT, Form
from adapters.omadm.xml import encode_xml
from adapters.wbxml.codec import encode as encode_wbxml
from adapters.wbxml.element import AnyElement

TEXTS = st.text(
    st.characters(blacklist_categories=["Cs"], whitelist_characters="&<>%s\r\n\u2423")
    .filter(lambda one: one in "\t\n\r" or one >= " ")
    .filter(lambda one: one not in "\ufffe\uffff"),
    max_size=8,
)


def header(session: str, target: str, cred: str) -> AnyElement:
    """It ends on the second code page."""
    proof: list[AnyElement] = [("Meta", [("Format", "b64"), ("Type", "100%")]), ("Data", cred)]
    return "SyncHdr", [
        ("SessionID", session),
        ("Target", [("LocURI", target)]),
        ("NoResp", ""),
        ("Cred", proof),
        ("Meta", [("MaxMsgSize", "9999")]),
    ]


def item(target: str, format_: str, data: str) -> AnyElement:
    """It ends on the first code page."""
    return "Item", [("Target", [("LocURI", target)]), ("Meta", [("Format", format_)]), ("Data", data)]


@given(st.tuples(TEXTS, TEXTS, TEXTS), st.tuples(TEXTS, TEXTS, TEXTS))
def test_what_is_filled_in_is_what_would_be_written(first: tuple[str, str, str], second: tuple[str, str, str]) -> None:
    """In both encodings, with namespaces and without, whatever code page the element before it ended on; empty texts
    are written as a whole."""
    encoders = (True, encode_wbxml), (False, encode_xml), (False, partial(encode_xml, namespaces=False))
    for in_wbxml, encode in encoders:
        filled = [
            Form(make(SLOT, SLOT, SLOT)).fill(texts, in_wbxml) or make(*texts)
            for make, texts in ((header, first), (item, second), (header, second))
        ]
        written = [header(*first), item(*second), header(*second)]
        assert encode(("SyncML", filled)) == encode(("SyncML", written))


def test_texts_with_a_form_of_their_own_are_not_filled_in() -> None:
    """An empty text is an empty element, and one with a NUL goes out as octets."""
    assert Form(item(SLOT, SLOT, SLOT)).fill(("./A", "chr", ""), in_wbxml=False) is None
    assert Form(item(SLOT, SLOT, SLOT)).fill(("./A", "chr", "a\0b"), in_wbxml=True) is None
