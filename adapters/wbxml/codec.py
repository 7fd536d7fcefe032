"""WBXML documents of the SyncML family: octets <-> elements, in one pass each way.

Spec: WAP-192-WBXML 5, 7; OMA-TS-SyncML_RepPro-V1_2 (WBXML definitions)
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, cast

from adapters.wbxml.element import WRITTEN, AnyElement, Stage
from adapters.wbxml.tables import (
    DDF,
    ENCODINGS,
    END,
    ENTITY,
    LITERAL,
    OPAQUE,
    PUBLIC_IDS,
    STR_I,
    STR_T,
    SWITCH_PAGE,
    SYNCML,
    TAGS,
    VOCABULARY,
    WITH_CONTENT,
    Tag,
)
from gateway.errors import DecodeError, LimitExceeded

_UTF8 = 106
NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_NAME = re.compile(r"[^\W\d][\w.-]*")

_END = bytes((END,))
_END_CHARACTER, _INLINE = chr(END), chr(STR_I)
_OPAQUE = bytes((OPAQUE,))
_DATA = bytes((TAGS[SYNCML].index("Data") | WITH_CONTENT, STR_I))
_ENDS = bytes((0, END, END))
"""What ends the text of a Data and the Item it is the last of."""
_SWITCH_PAGE = tuple(chr(SWITCH_PAGE) + chr(page) for page in range(len(TAGS)))


class Header(NamedTuple):
    """What stands before the body. ``version`` is the minor of WBXML 1.x: 1, 2 or 3.

    ``public_id`` 0 means the identifier is written out, and is ``public_text``; otherwise ``public_text`` is "".
    ``charset`` is the IANA MIBenum the document was read in; what is written is always UTF-8.
    """

    version: int
    public_id: int
    public_text: str = ""
    charset: int = _UTF8


DEFAULT_HEADER = Header(version=2, public_id=PUBLIC_IDS["-//SYNCML//DTD SyncML 1.2//EN"])


@dataclass(slots=True, frozen=True)
class Limits:
    """How much one document may hold. ``tree_depth`` is for tags of the DDF page, ``depth`` for all others.

    ``referenced_bytes`` bounds what references into the string table add up to; all other text is in the body.
    """

    body_bytes: int = 256 * 1024
    string_table_bytes: int = 4096
    referenced_bytes: int = 1024 * 1024
    elements: int = 20_000
    depth: int = 32
    tree_depth: int = 64


DEFAULT_LIMITS = Limits()


def decode(data: bytes, limits: Limits = DEFAULT_LIMITS) -> tuple[Header, AnyElement]:
    """The header and the root element, as plain tuples.

    Fragments of character data are joined. OPAQUE content is text when it is UTF-8 that XML could carry, else octets;
    octets anywhere make the whole content octets. White space between child elements is dropped. A token that no table
    names becomes ``p<page>-<token hex>``, a literal tag its name. NULs behind the document are ignored.

    Raises: DecodeError; LimitExceeded for a size, depth or count over ``limits``.
    Spec: WAP-192-WBXML 5
    """
    header, steps = decode_in_steps(data, limits)
    *_, stage = steps
    return header, stage.root


def decode_in_steps(data: bytes, limits: Limits = DEFAULT_LIMITS) -> tuple[Header, Iterator[Stage]]:
    """The header, and the root element twice: as far as its first child, if that has children, and as a whole.

    Nothing is looked at before it is asked for.

    Raises: as ``decode`` does, the iterator too.
    """
    if len(data) > limits.body_bytes:
        raise LimitExceeded(f"the document has {len(data)} octets, more than {limits.body_bytes}")
    # No SyncML document ends in NUL. The END put behind it closes an imaginary element around the root.
    data = data.rstrip(b"\0") + _END
    try:
        header, strings, start = decode_header(data, limits)
    except (UnicodeDecodeError, ValueError, IndexError) as error:
        raise malformed(error, len(data) - 1) from None
    return header, _decode_steps(data, start, strings, limits)


def encode(root: AnyElement, header: Header = DEFAULT_HEADER) -> bytes:
    """The document in UTF-8, its public identifier in the style of ``header``.

    Text goes out as STR_I; octets, and text with a NUL, as OPAQUE. A code page is switched right before the first tag
    that needs it. A tag that stands in no table becomes a literal.

    Spec: WAP-192-WBXML 5.8.4; OMA-TS-SyncML_RepPro-V1_2 (WBXML definitions)
    """
    table = bytearray() if header.public_id else bytearray(header.public_text.encode() + b"\0")
    pieces, _ = _write(root, table)
    return encode_header(header, bytes(table)) + _joined(pieces)


def encode_part(element: AnyElement) -> tuple[str, int]:
    """What stands for an element on the first code page, as characters, and the code page that it ends on.

    Its tags have to stand in the tables, and its texts to be text.
    """
    pieces, page = _write(element, bytearray())
    return "".join(cast("Sequence[str]", pieces)), page


def _write(root: AnyElement, table: bytearray) -> tuple[Sequence[str | bytes], int]:
    """The pieces of an element, and the code page they end on; names go into the string table."""
    pieces: list[str | bytes] = []
    write, page = pieces.append, SYNCML

    # One call for each element with children costs half of what a stack of iterators does.
    def write_all(siblings: Iterable[AnyElement], vocabulary: dict[str, Tag]) -> None:
        nonlocal page
        for tag, content in siblings:
            known = vocabulary.get(tag)
            if known is not None:
                tag_page, empty, start, start_text, inside = known
                if tag_page != page:
                    page = tag_page
                    write(_SWITCH_PAGE[page])
            elif tag in WRITTEN:
                if page != SYNCML:
                    write(_SWITCH_PAGE[SYNCML])
                page = WRITTEN[tag]
                write(cast("str", content))
                continue
            else:
                write(_literal(tag, table))
                empty, start, start_text, inside = _END_CHARACTER, "", _INLINE, vocabulary
            if not content:
                write(empty)
            elif isinstance(content, str) and "\0" not in content:
                write(f"{start_text}{content}\0\1")  # with END
            elif isinstance(content, list):
                write(start)
                write_all(content, inside)
                write(_END_CHARACTER)
            else:
                octets = content.encode() if isinstance(content, str) else content
                write(start)
                write(_OPAQUE + encode_uint(len(octets)) + octets)
                write(_END_CHARACTER)

    write_all([root], VOCABULARY)
    return pieces, page


def _joined(pieces: Sequence[str | bytes]) -> bytes:
    """The pieces as octets: text and tokens at once, for those tokens are characters of ASCII."""
    try:
        return "".join(cast("Sequence[str]", pieces)).encode()
    except TypeError:  # some are octets
        return b"".join(piece if isinstance(piece, bytes) else piece.encode() for piece in pieces)


def malformed(error: Exception, end: int) -> DecodeError:
    """What an error of Python's says of the document whose last octet is at ``end``."""
    if isinstance(error, UnicodeDecodeError):
        return DecodeError(f"text is not {error.encoding}: {error.reason}")
    if isinstance(error, ValueError):  # bytes.index: no terminator
        return DecodeError("a string has no end", end)
    return DecodeError("the document ends too early", end)


def encode_header(header: Header, table: bytes) -> bytes:
    """What stands before the body, ``table`` being the string table."""
    public_id = encode_uint(header.public_id) if header.public_id else b"\0\0"
    return bytes((header.version,)) + public_id + bytes((_UTF8,)) + encode_uint(len(table)) + table


def _literal(tag: str, table: bytearray) -> bytes:
    """The start of a tag with content that is a reference to its name, put into the string table if it is not there."""
    name = tag.encode() + b"\0"
    offset = table.find(name)
    if offset < 0:
        offset = len(table)
        table += name
    return bytes((LITERAL | WITH_CONTENT,)) + encode_uint(offset)


def encode_uint(value: int) -> bytes:
    """``value`` as mb_u_int32."""
    octets = [value & 0x7F]
    while value := value >> 7:
        octets.append(value & 0x7F | 0x80)
    return bytes(reversed(octets))


class Strings:
    """The strings of one document: how they are written, its string table, and how much may still be taken from it."""

    __slots__ = ("allowance", "encoding", "end", "table")

    def __init__(self, encoding: str, table: bytes, allowance: int) -> None:
        self.encoding = encoding
        self.end = b"\0\0" if encoding == "utf-16-be" else b"\0"
        self.table = table + self.end  # the last string may lack its terminator
        self.allowance = allowance

    def inline(self, data: bytes, start: int) -> tuple[str, int]:
        """The string at ``start`` and the position behind its terminator."""
        width = len(self.end)
        stop = data.index(self.end, start)
        while (stop - start) % width:
            stop = data.index(self.end, stop + 1)
        return data[start:stop].decode(self.encoding), stop + width

    def referenced(self, data: bytes, pos: int) -> tuple[str, int]:
        """The string-table entry whose offset is at ``pos``, and the position behind the offset."""
        offset, behind = decode_uint(data, pos)
        if offset >= len(self.table) - len(self.end):
            raise DecodeError("a reference points outside the string table", pos)
        text, stop = self.inline(self.table, offset)
        self.allowance -= stop - offset
        if self.allowance < 0:
            raise LimitExceeded("references to the string table add up to too much text", pos)
        return text, behind


def decode_header(data: bytes, limits: Limits) -> tuple[Header, Strings, int]:
    """The header, the strings it defines and the position of the body. Raises: DecodeError, and see ``malformed``."""
    version = data[0]
    if version not in (1, 2, 3):
        raise DecodeError(f"WBXML version octet {version:#04x} is not 1.1, 1.2 or 1.3", 0)
    public_id, pos = decode_uint(data, 1)
    public_id_pos = pos
    if public_id == 0:
        _, pos = decode_uint(data, pos)
    charset, pos = decode_uint(data, pos)
    encoding = ENCODINGS.get(charset)
    if encoding is None:
        raise DecodeError(f"unknown character set {charset}", pos)
    table_bytes, pos = decode_uint(data, pos)
    if table_bytes > limits.string_table_bytes:
        raise LimitExceeded(f"the string table has {table_bytes} octets, more than {limits.string_table_bytes}", pos)
    body = pos + table_bytes
    if body >= len(data):
        raise DecodeError("the document ends before its body", pos)
    strings = Strings(encoding, data[pos:body], limits.referenced_bytes)
    public_text = "" if public_id else strings.referenced(data, public_id_pos)[0]
    return Header(version, public_id, public_text, charset), strings, body


_HEADS: dict[tuple[int, bytes], tuple[list[AnyElement], int]] = {}
"""The children and the number of elements of heads, by how deep their Item is, and their octets."""

_MAX_HEADS, _MAX_HEAD_BYTES = 4096, 256


class _Heads:
    """Reads an Item at once where what stands before the inline text of its Data was read before.

    That is the node and its kind, of which phones have few; what they hold there, which is each one's own, comes after.
    """

    __slots__ = ("_elements", "_known", "_level", "_start")

    def __init__(self, strings: Strings, limits: Limits) -> None:
        # What octets mean depends on the character set and the string table, and whether they are taken on the limits.
        usual = limits is DEFAULT_LIMITS and strings.encoding == "utf-8" and strings.table == strings.end
        self._known = _HEADS if usual else {}
        self._level = self._start = self._elements = 0

    def recall(self, data: bytes, pos: int, level: int, elements: int) -> tuple[list[AnyElement], int, int] | None:
        """The content at ``pos`` of an Item that ends with that Data, where to go on, and the count of elements so far.

        None when it has to be read piece by piece.
        """
        end = data.find(_DATA, pos, pos + _MAX_HEAD_BYTES)
        known = self._known.get((level, data[pos:end])) if end > 0 else None
        if known is not None:
            start = end + len(_DATA)
            stop = data.index(0, start)
            if data.startswith(_ENDS, stop):
                head, count = known
                return [*head, ("Data", data[start:stop].decode())], stop + len(_ENDS), elements + count + 1
        self._level, self._start, self._elements = level, pos, elements
        return None

    def learn(self, data: bytes, end: int, level: int, children: Sequence[AnyElement], elements: int) -> None:
        """Keep what was read up to a Data at ``end``, if it is that of the Item to which ``recall`` said nothing."""
        if level == self._level and end - self._start <= _MAX_HEAD_BYTES:
            if len(self._known) >= _MAX_HEADS:
                self._known.clear()
            self._known[level, data[self._start : end]] = (list(children), elements - self._elements)
        self.left(level)

    def left(self, level: int) -> None:
        """Take note that an element ends whose content is that deep."""
        if level <= self._level:
            self._level = 0


def _decode_steps(data: bytes, start: int, strings: Strings, limits: Limits) -> Iterator[Stage]:
    try:
        yield from _decode_body(data, start, strings, limits)
    except (UnicodeDecodeError, ValueError, IndexError) as error:
        raise malformed(error, len(data) - 1) from None


def _decode_body(data: bytes, start: int, strings: Strings, limits: Limits) -> Iterator[Stage]:
    # The hot path: a leaf with one inline string, which is most of a message, takes one turn of the loop. Nearly all
    # documents are in UTF-8, and to decode that without naming it costs half.
    index, is_utf8 = data.index, strings.encoding == "utf-8"
    tags, max_level, max_elements = TAGS[SYNCML], limits.depth, limits.elements
    heads = _Heads(strings, limits)
    recall = heads.recall
    outer: list[tuple[str, list[AnyElement]]] = []
    children: list[AnyElement] = []
    fragments: list[str | bytes] = []
    level = elements = 0
    pos, awaited = start, 1
    while True:
        token = data[pos]
        pos += 1
        tag = tags[token]
        if tag is None:
            if token == END:
                if not level:
                    break
                content = _content(fragments, children, pos) if fragments else children or ""
                heads.left(level)
                level -= 1
                tag, children = outer.pop()
                children.append((tag, content))
                if level == awaited:
                    awaited = -1
                    # What a token means depends on the code page.
                    yield from _begun(outer[0][0], children, pos, data[:start] + bytes((TAGS.index(tags),)))
                continue
            if token == SWITCH_PAGE:
                tags, max_level = _page(data, pos, limits)
                pos += 1
                continue
            if token & ~WITH_CONTENT != LITERAL:
                fragment, pos = read_fragment(token, data, pos, strings)
                fragments.append(fragment)
                continue
            tag, pos = read_literal(data, pos, strings)
        elements += 1
        if elements > max_elements or level >= max_level:
            raise LimitExceeded(f"more than {max_elements} elements, or nested deeper than {max_level}", pos)
        if fragments:
            _drop_white_space(fragments, pos)
        if not token & WITH_CONTENT:
            children.append((tag, ""))
        elif is_utf8 and data[pos] == STR_I and data[(stop := index(0, pos + 1)) + 1] == END:
            if tag == "Data":
                heads.learn(data, pos - 1, level, children, elements - 1)
            children.append((tag, data[pos + 1 : stop].decode()))
            pos = stop + 2
        elif tag == "Item" and (item := recall(data, pos, level + 1, elements)) and item[2] <= max_elements:
            content, pos, elements = item
            children.append((tag, content))
        else:
            outer.append((tag, children))
            children = []
            level += 1
    yield Stage(_only(children, pos == len(data) and not fragments, pos))


def _only(children: Sequence[AnyElement], is_all: bool, pos: int) -> AnyElement:
    if len(children) != 1 or not is_all:
        raise DecodeError("the document is not exactly one element", pos)
    return children[0]


def _begun(root: str, children: Sequence[AnyElement], pos: int, context: bytes) -> Iterator[Stage]:
    if len(children) == 1:
        yield Stage((root, list(children)), pos, context)


def _page(data: bytes, pos: int, limits: Limits) -> tuple[tuple[str | None, ...], int]:
    """The tags of the page whose number is at ``pos``, and how deep they may be."""
    page = data[pos]
    if page >= len(TAGS):
        raise DecodeError(f"unknown code page {page}", pos)
    return TAGS[page], limits.tree_depth if page == DDF else limits.depth


def decode_uint(data: bytes, pos: int) -> tuple[int, int]:
    """The mb_u_int32 at ``pos`` and the position behind it."""
    value = 0
    for behind in range(pos + 1, pos + 6):
        octet = data[behind - 1]
        value = value << 7 | octet & 0x7F
        if octet < 0x80:
            if value > 0xFFFFFFFF:
                break
            return value, behind
    raise DecodeError("an integer is longer than 32 bits", pos)


def read_literal(data: bytes, pos: int, strings: Strings) -> tuple[str, int]:
    name, behind = strings.referenced(data, pos)
    if _NAME.fullmatch(name) is None:
        raise DecodeError("a literal tag is not a name", pos)
    return name, behind


def read_fragment(token: int, data: bytes, pos: int, strings: Strings) -> tuple[str | bytes, int]:
    """One piece of character data and the position behind it."""
    if token == STR_I:
        return strings.inline(data, pos)
    if token == STR_T:
        return strings.referenced(data, pos)
    if token == OPAQUE:
        length, start = decode_uint(data, pos)
        if start + length >= len(data):
            raise DecodeError(f"{length} octets of opaque data run past the end", pos)
        return data[start : start + length], start + length
    if token == ENTITY:
        code, behind = decode_uint(data, pos)
        if code > 0x10FFFF or NOT_XML.match(chr(code)):
            raise DecodeError(f"entity {code:#x} is not a character of XML", pos)
        return chr(code), behind
    raise DecodeError(f"token {token:#04x} has no place here", pos - 1)


def _content(fragments: list[str | bytes], children: list[AnyElement], pos: int) -> str | bytes | list[AnyElement]:
    """The content of an element that had character data; empties ``fragments``."""
    if children:
        _drop_white_space(fragments, pos)
        return children
    octets = b"".join(fragment if isinstance(fragment, bytes) else fragment.encode() for fragment in fragments)
    is_text = all(isinstance(fragment, str) for fragment in fragments)
    fragments.clear()
    try:
        text = octets.decode()
    except UnicodeDecodeError:
        return octets
    return text if is_text or not NOT_XML.search(text) else octets


def _drop_white_space(fragments: list[str | bytes], pos: int) -> None:
    if any(fragment.strip() for fragment in fragments):
        raise DecodeError("text stands between elements", pos)
    fragments.clear()
