"""wap-provisioningdoc documents as WBXML octets, as OMA CP sends them.

Spec: OMA-WAP-TS-ProvCont-V1_1 8; WAP-192-WBXML 5, 7
"""

from __future__ import annotations

from typing import NamedTuple

from adapters.provisioning.document import MAX_DEPTH, MAX_ELEMENTS, ROOT, Characteristic, Parm
from adapters.provisioning.tokens import PUBLIC_ID, START_TOKENS, STARTS, TAGS, VALUE_TOKENS, VALUES
from adapters.wbxml.codec import (
    NOT_XML,
    Header,
    Limits,
    Strings,
    decode_header,
    encode_header,
    malformed,
    read_fragment,
    read_literal,
)
from adapters.wbxml.tables import END, ENTITY, LITERAL, OPAQUE, STR_I, STR_T, SWITCH_PAGE, WITH_CONTENT
from gateway.errors import DecodeError, LimitExceeded

_HEADER = Header(version=3, public_id=PUBLIC_ID)
_LIMITS = Limits(elements=MAX_ELEMENTS, depth=MAX_DEPTH)
_WITH_ATTRIBUTES = 0x80
_FRAGMENTS = frozenset((STR_I, STR_T, ENTITY, OPAQUE))
_FIRST_VALUE = 0x80

_END = bytes((END,))
_SWITCH_PAGE = tuple(bytes((SWITCH_PAGE, page)) for page in range(len(STARTS)))
_ROOT_START = bytes((0x05 | WITH_CONTENT | _WITH_ATTRIBUTES, START_TOKENS[0]["version", "1.0"])) + _END
_CHARACTERISTIC, _PARM = 0x06 | _WITH_ATTRIBUTES, 0x07 | _WITH_ATTRIBUTES


def encode_document(root: Characteristic) -> bytes:
    """The document in UTF-8, without a string table.

    Defined names, types and values go out as their tokens, all else as STR_I; the attribute page is switched only when
    it must be, and ``value`` stands on page 0, where every decoder knows it. A parm without value has no ``value``
    attribute. A character that XML cannot carry becomes U+FFFD.
    """
    body = [_ROOT_START]
    page = 0
    stack: list[Characteristic | bytes] = [_END, *reversed(root.characteristics)]
    while stack:
        node = stack.pop()
        if isinstance(node, bytes):
            body.append(node)
            continue
        content = WITH_CONTENT if node.parms or node.characteristics else 0
        start, page = _attribute("type", node.type, page)
        body += (bytes((_CHARACTERISTIC | content,)), start, _END)
        for name, value in node.parms:
            start, page = _attribute("name", name, page)
            body += (bytes((_PARM,)), start)
            if value:
                start, page = _attribute("value", value, page)
                body.append(start)
            body.append(_END)
        if content:
            stack.append(_END)
        stack.extend(reversed(node.characteristics))
    return encode_header(_HEADER, b"") + b"".join(body)


def _attribute(attribute: str, text: str, page: int) -> tuple[bytes, int]:
    """One attribute from a state in which ``page`` is current, and the page that is current then."""
    for known in (page, *range(len(STARTS))):
        token = START_TOKENS[known].get((attribute, text))
        if token is not None and text:
            return _switched(page, known) + bytes((token,)), known
    start = _switched(page, 0) + bytes((START_TOKENS[0][attribute, ""],))
    if not text:
        return start, 0
    if attribute == "value" and text in VALUE_TOKENS:
        return start + bytes((VALUE_TOKENS[text],)), 0
    return start + bytes((STR_I,)) + NOT_XML.sub("\ufffd", text).encode() + b"\0", 0


def _switched(page: int, wanted: int) -> bytes:
    return b"" if page == wanted else _SWITCH_PAGE[wanted]


def decode_document(octets: bytes) -> Characteristic:
    """The document's root, a Characteristic of type ``wap-provisioningdoc``, as from its XML form.

    The public identifier may be any: the root element decides. NULs behind the document are ignored.

    Raises: DecodeError; LimitExceeded for a size, depth or count over the limits.
    """
    if len(octets) > _LIMITS.body_bytes:
        raise LimitExceeded(f"the document has {len(octets)} octets, more than {_LIMITS.body_bytes}")
    data = octets.rstrip(b"\0") + _END  # ends an imaginary element around the root
    try:
        _, strings, start = decode_header(data, _LIMITS)
        return _Reader(data, start, strings).document()
    except (UnicodeDecodeError, ValueError, IndexError) as error:
        raise malformed(error, len(data) - 1) from None


class _Open(NamedTuple):
    """An element that has not ended: its tag, its type, and what was found in it so far."""

    tag: str
    type: str
    parms: list[Parm]
    characteristics: list[Characteristic]


class _Reader:
    """Reads one document from front to back; each of the two token states keeps its own page."""

    def __init__(self, data: bytes, pos: int, strings: Strings) -> None:
        self._data = data
        self._pos = pos
        self._strings = strings
        self._attribute_page = 0

    def document(self) -> Characteristic:
        open_elements = [_Open("", "", [], [])]
        elements = 0
        while True:
            at = self._pos
            token = self._next()
            if token == END:
                if len(open_elements) == 1:
                    break
                self._close(open_elements)
            elif token == SWITCH_PAGE:
                self._page(at)
            elif token in _FRAGMENTS:
                fragment, self._pos = read_fragment(token, self._data, self._pos, self._strings)
                if fragment.strip():
                    raise DecodeError("text stands between elements", at)
            else:
                elements += 1
                if elements > _LIMITS.elements or len(open_elements) > _LIMITS.depth:
                    raise LimitExceeded(f"more than {_LIMITS.elements} elements, or deeper than {_LIMITS.depth}", at)
                tag = self._tag(token, at)
                if (tag == ROOT) != (len(open_elements) == 1) or open_elements[-1].tag == "parm":
                    raise DecodeError(f"{tag} has no place here", at)
                attributes = self._attributes() if token & _WITH_ATTRIBUTES else {}
                open_elements.append(self._element(tag, attributes, open_elements[-1]))
                if not token & WITH_CONTENT:
                    self._close(open_elements)
        if self._pos != len(self._data) or len(open_elements[0].characteristics) != 1:
            raise DecodeError("the document is not exactly one element", self._pos)
        return open_elements[0].characteristics[0]

    def _next(self) -> int:
        token = self._data[self._pos]
        self._pos += 1
        return token

    def _page(self, at: int) -> int:
        page = self._next()
        if page >= len(STARTS):
            raise DecodeError(f"unknown code page {page}", at)
        return page

    def _tag(self, token: int, at: int) -> str:
        identity = token & ~(WITH_CONTENT | _WITH_ATTRIBUTES)
        tag = TAGS.get(identity, "")
        if identity == LITERAL:
            tag, self._pos = read_literal(self._data, self._pos, self._strings)
        if tag not in TAGS.values():
            raise DecodeError(f"token {token:#04x} is no element of a {ROOT}", at)
        return tag

    @staticmethod
    def _element(tag: str, attributes: dict[str, str], around: _Open) -> _Open:
        if tag == "parm":
            around.parms.append(Parm(attributes.get("name", ""), attributes.get("value", "")))
        return _Open(tag, ROOT if tag == ROOT else attributes.get("type", ""), [], [])

    @staticmethod
    def _close(open_elements: list[_Open]) -> None:
        tag, type_, parms, characteristics = open_elements.pop()
        if tag != "parm":
            done = Characteristic(type_, tuple(parms), tuple(characteristics))
            open_elements[-1].characteristics.append(done)

    def _attributes(self) -> dict[str, str]:
        """The attributes up to their END, each value put together from all its pieces."""
        attributes: dict[str, str] = {}
        name = ""
        while True:
            at = self._pos
            token = self._next()
            if token == END:
                return attributes
            if token == SWITCH_PAGE:
                self._attribute_page = self._page(at)
            elif token in _FRAGMENTS or token >= _FIRST_VALUE:
                if not name:
                    raise DecodeError("a value stands before any attribute", at)
                attributes[name] += self._piece(token, at)
            else:
                name, prefix = self._start(token, at)
                if name in attributes:
                    raise DecodeError(f"an element has {name[:40]!r} twice", at)
                attributes[name] = prefix

    def _start(self, token: int, at: int) -> tuple[str, str]:
        if token == LITERAL:
            name, self._pos = read_literal(self._data, self._pos, self._strings)
            return name, ""
        try:
            return STARTS[self._attribute_page][token]
        except KeyError:
            raise DecodeError(f"attribute token {token:#04x} is unknown on page {self._attribute_page}", at) from None

    def _piece(self, token: int, at: int) -> str:
        if token in _FRAGMENTS:
            fragment, self._pos = read_fragment(token, self._data, self._pos, self._strings)
            text = fragment if isinstance(fragment, str) else fragment.decode()
            if NOT_XML.search(text):
                raise DecodeError("a value has a character that XML cannot carry", at)
            return text
        try:
            return VALUES[self._attribute_page][token]
        except KeyError:
            raise DecodeError(f"value token {token:#04x} is unknown on page {self._attribute_page}", at) from None
