"""What holds for every WBXML document: round trips, agreement with libwbxml, and no failure but DecodeError."""

from __future__ import annotations

import contextlib

import libwbxml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from adapters.wbxml.codec import Header, Limits, decode, encode
from adapters.wbxml.tables import DDF, METINF, SYNCML, TAGS
from gateway.errors import DecodeError

OCTETS_THAT_ARE_NO_TEXT = st.binary(max_size=200).map(b"\xff".__add__)
VERSIONS = st.sampled_from((1, 2, 3))
HEADERS = st.tuples(VERSIONS, st.integers(1, 0xFFFFFFFF)) | st.tuples(
    VERSIONS, st.just(0), st.text("AB-/", max_size=200)
)

TABLE_TAGS = st.sampled_from([tag for page in (SYNCML, METINF, DDF) for tag in TAGS[page] if tag])
LITERAL_TAGS = st.from_regex(r"[A-Za-z_][\w.-]{0,5}", fullmatch=True)
TEXTS = st.tuples(TABLE_TAGS, st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")))


def parents(children: st.SearchStrategy[object]) -> st.SearchStrategy[object]:
    return st.tuples(TABLE_TAGS, st.lists(children, min_size=1, max_size=6))


LEAVES = TEXTS | st.tuples(TABLE_TAGS | LITERAL_TAGS, OCTETS_THAT_ARE_NO_TEXT | st.just(""))
DOCUMENTS = parents(st.recursive(LEAVES, parents, max_leaves=40))


@given(DOCUMENTS, HEADERS)
@settings(deadline=2000)
def test_what_is_encoded_decodes_to_itself(root: tuple[str, object], style: tuple[object, ...]) -> None:
    """Every tag on any page, text, octets and literals come back, and so does the header."""
    header = Header(*style)
    assert decode(encode(root, header)) == (header, root)


def survives(document: bytes) -> None:
    with contextlib.suppress(DecodeError):
        header, root = decode(document)
        assert decode(encode(root, header))[1] == root


@given(st.binary(max_size=400))
@settings(deadline=2000)
def test_arbitrary_octets_raise_nothing_but_decode_error(data: bytes) -> None:
    """Octets alone, and behind a good header, are refused with DecodeError or are a document that survives."""
    survives(data)
    survives(b"\x02\xa4\x01\x6a\x04Foo\0" + data)


@given(DOCUMENTS, st.data())
@settings(deadline=2000)
def test_damaged_documents_raise_nothing_but_decode_error(root: tuple[str, object], data: st.DataObject) -> None:
    """A good document with one stretch replaced is refused with DecodeError or is another document that survives."""
    document = encode(root)
    start = data.draw(st.integers(0, len(document)))
    stop = data.draw(st.integers(start, min(start + 6, len(document))))
    survives(document[:start] + data.draw(st.binary(max_size=6)) + document[stop:])


ITEM_TAGS = st.sampled_from(("Item", "Data", "Source"))
# Two of the texts hold the octets with which a Data begins.
ITEM_LEAVES = st.tuples(ITEM_TAGS, st.sampled_from(("", "a", "O\x03", "\xe9O\x03a", b"\xff")))
ITEMS = st.lists(
    st.recursive(
        ITEM_LEAVES, lambda inner: st.tuples(ITEM_TAGS, st.lists(inner, min_size=1, max_size=4)), max_leaves=8
    ),
    min_size=1,
    max_size=6,
).map(lambda items: ("SyncML", items))


def read(document: bytes, limits: tuple[Limits, ...]) -> object:
    try:
        return decode(document, *limits)
    except DecodeError as error:
        return str(error)


@given(st.lists(ITEMS, min_size=1, max_size=4), st.floats(0, 1), st.binary(max_size=3))
@settings(deadline=2000)
@example([("SyncML", [("Item", [("Source", "a")]), ("Source", [("Data", "a")])])], 0, b"")
def test_what_was_read_before_makes_no_difference(roots: list[tuple[str, object]], where: float, damage: bytes) -> None:
    """Items are read, or refused, as if they were the first of their kind; limits of their own begin anew."""
    for root in roots:
        document = encode(root)
        cut = int(where * len(document))
        for octets in (document, document[:cut] + damage + document[cut + 1 :], document):
            assert read(octets, ()) == read(octets, (Limits(),))


# libwbxml answers in XML, which does not keep every control character and every kind of white space.
XML_TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Cn", "Zs"])).filter(lambda text: text)
URIS = st.from_regex(r"\./[A-Za-z0-9_/%?=-]{1,40}", fullmatch=True)


def leaf(tag: str, text: st.SearchStrategy[str]) -> st.SearchStrategy[tuple[str, str]]:
    return st.tuples(st.just(tag), text)


def element(tag: str, *children: st.SearchStrategy[object]) -> st.SearchStrategy[tuple[str, object]]:
    return st.tuples(st.just(tag), st.tuples(*children).map(list))


NUMBERS = st.integers(1, 99999).map(str)
META = element("Meta", leaf("Format", st.sampled_from(["chr", "int", "bool"])), leaf("Type", st.just("text/plain")))
ITEM = element("Item", element("Target", leaf("LocURI", URIS)), META, leaf("Data", XML_TEXT))
COMMAND = st.tuples(
    st.sampled_from(["Add", "Replace"]), st.tuples(leaf("CmdID", NUMBERS), META, ITEM, ITEM).map(list)
) | element(
    "Status", leaf("CmdID", NUMBERS), leaf("Cmd", st.just("Get")), leaf("TargetRef", URIS), leaf("Data", NUMBERS)
)
MESSAGES = element(
    "SyncML",
    element("SyncHdr", leaf("VerDTD", st.just("1.2")), leaf("MsgID", NUMBERS), element("Source", leaf("LocURI", URIS))),
    st.tuples(st.just("SyncBody"), st.lists(COMMAND | leaf("Final", st.just("")), min_size=1, max_size=5)),
)


@given(MESSAGES)
@settings(deadline=2000)
def test_libwbxml_reads_what_we_write(message: tuple[str, object]) -> None:
    """An independent decoder finds the same tags and text in our octets."""
    assert libwbxml.element_of(libwbxml.to_xml(encode(message))) == message


@given(MESSAGES, st.booleans())
@settings(deadline=2000)
def test_we_read_what_libwbxml_writes(message: tuple[str, object], string_table: bool) -> None:
    """We find the same tags and text in the octets of an independent encoder, with or without a string table."""
    document = libwbxml.to_wbxml(libwbxml.xml_of(message).encode(), string_table=string_table)
    assert decode(document)[1] == message
