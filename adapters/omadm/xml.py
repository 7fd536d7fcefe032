"""SyncML messages as XML: octets <-> elements, without namespaces and without any DTD.

Spec: OMA-TS-SyncML_RepPro-V1_2 5; W3C XML 1.0
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NoReturn, cast
from xml.parsers import expat

from adapters.wbxml.element import WRITTEN, AnyElement, Stage
from gateway.errors import DecodeError, LimitExceeded

MAX_BYTES = 256 * 1024
MAX_ELEMENTS = 20_000
MAX_DEPTH = 32
MAX_DEPTH_IN_TREE = 64

DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>'

_METINF = ' xmlns="syncml:metinf"'
_NAMESPACES = {"SyncML": ' xmlns="SYNCML:SYNCML1.2"', "MgmtTree": ' xmlns="syncml:dmddf1.2"'}
_DECLARING = re.compile(r'(<\w+) xmlns="[^"]*"')
_END_OF_HEADER = re.compile(rb"</(?:[\w.-]+:)?SyncHdr\s*>")
_ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def decode_xml(data: bytes) -> AnyElement:
    """The root element. Tags are local names; comments, and white space between children, are gone.

    The character set is what the byte-order mark or the XML declaration says, UTF-8 without either. A DOCTYPE may name
    a DTD, which is never read; one that declares anything is refused, as are entities and processing instructions.

    Raises: DecodeError; LimitExceeded over 256 KiB, 20 000 elements, or 32 levels (64 where a MgmtTree is open).
    """
    *_, stage = decode_xml_in_steps(data)
    return stage.root


def decode_xml_in_steps(data: bytes) -> Iterator[Stage]:
    """The root element of a message twice: as far as its SyncHdr, if that is the first child, and as a whole.

    Nothing is looked at before it is asked for.

    Raises: as ``decode_xml`` does.
    """
    if len(data) > MAX_BYTES:
        raise LimitExceeded(f"the message has {len(data)} octets, more than {MAX_BYTES}")
    open_elements: list[tuple[str, list[AnyElement]]] = []
    children: list[AnyElement] = []
    text = ""
    elements = 0

    # Closures over locals: these run once per tag, and attribute look-ups would cost a third of the parse.
    def start(tag: str, _attributes: object) -> None:
        nonlocal children, text, elements
        if text:
            _check_blank(text)
            text = ""
        if ":" in tag:
            tag = tag.rpartition(":")[2]
        open_elements.append((tag, children))
        children = []
        elements += 1
        if elements > MAX_ELEMENTS:
            raise LimitExceeded(f"more than {MAX_ELEMENTS} elements")
        if len(open_elements) > MAX_DEPTH:
            _check_depth(open_elements)

    def characters(fragment: str) -> None:
        nonlocal text
        text += fragment

    def end(_tag: str) -> None:
        nonlocal children, text
        content: str | list[AnyElement] = text
        if children:
            if text:
                _check_blank(text)
            content = children
        text = ""
        tag, children = open_elements.pop()
        children.append((tag, content))

    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = start
    parser.CharacterDataHandler = characters
    parser.EndElementHandler = end
    parser.StartDoctypeDeclHandler = _check_doctype
    parser.SkippedEntityHandler = _refuse_entity
    parser.ProcessingInstructionHandler = _refuse_instruction
    # What looks like the end of the header may stand in a comment or before anything else: then it is none.
    cut = found.end() if (found := _END_OF_HEADER.search(data)) else 0
    try:
        parser.Parse(data[:cut], False)
        if len(open_elements) == len(children) == 1 and children[0][0] == "SyncHdr":
            yield Stage((open_elements[0][0], list(children)), cut, data[: data.find(b"SyncHdr")])
        parser.Parse(data[cut:], True)
    except (expat.ExpatError, LookupError, ValueError) as error:  # the last two: a character set Python cannot map
        raise DecodeError(f"not XML: {error}", parser.ErrorByteIndex) from None
    yield Stage(children[0])


def encode_xml(root: AnyElement, version: str = "1.2", *, namespaces: bool = True) -> bytes:
    """The document in UTF-8 with an XML declaration and nothing between the elements: indentation stops some clients.

    ``version`` is that of the SyncML namespace; without ``namespaces`` no element says which one it is of.

    Raises: ValueError for octets, or for characters that XML cannot carry; neither belongs in a message for XML.
    """
    text = _write(root, "" if version == "1.2" else f' xmlns="SYNCML:SYNCML{version}"')
    if not namespaces:
        # Of the parts that come written already too; in texts "<" is escaped, so markup in one stays as it is.
        text = _DECLARING.sub(r"\1", text)
    return DECLARATION.encode() + text.encode()


def encode_part(element: AnyElement) -> str:
    """What stands for an element below the root."""
    return _write(element)


def _write(root: AnyElement, xmlns: str = "") -> str:
    parts: list[str] = []
    write = parts.append

    # One call for each element with children costs half of what a stack of iterators does.
    def write_all(siblings: Iterable[AnyElement], xmlns: str) -> None:
        for tag, content in siblings:
            if tag in WRITTEN:
                write(cast("str", content))
                continue
            namespace = xmlns or _NAMESPACES.get(tag, "")
            if isinstance(content, list):
                write(f"<{tag}{namespace}>")
                write_all(content, _METINF if tag == "Meta" else "")
                write(f"</{tag}>")
            else:
                write(f"<{tag}{namespace}>{escape(content)}</{tag}>" if content else f"<{tag}{namespace}/>")

    write_all([root], xmlns)
    return "".join(parts)


def escape(text: str | bytes) -> str:
    """The text as XML carries it.

    Raises: ValueError for octets, or for characters that XML cannot carry.
    """
    if isinstance(text, bytes):
        raise ValueError("octets cannot be written as XML text")
    # What is printable has no control characters, surrogates or non-characters, so all of it is legal in XML.
    if not text.isprintable():
        if illegal := _ILLEGAL.search(text):
            raise ValueError(f"XML cannot carry the character U+{ord(illegal[0]):04X}")
        text = text.replace("&", "&amp;").replace("\r", "&#13;")
    elif "&" in text:
        text = text.replace("&", "&amp;")
    return text.replace("<", "&lt;").replace(">", "&gt;") if "<" in text or ">" in text else text


def _check_blank(text: str) -> None:
    if not text.isspace():
        raise DecodeError(f"text between elements: {text.strip()[:40]!r}")


def _check_depth(open_elements: list[tuple[str, list[AnyElement]]]) -> None:
    in_tree = any(tag == "MgmtTree" for tag, _ in open_elements)
    if len(open_elements) > (MAX_DEPTH_IN_TREE if in_tree else MAX_DEPTH):
        raise LimitExceeded(f"elements nested more than {len(open_elements) - 1} deep")


def _check_doctype(_name: str, _system: str | None, _public: str | None, has_declarations: bool) -> None:
    if has_declarations:
        raise DecodeError("a DOCTYPE with declarations")


def _refuse_entity(name: str, _is_parameter: bool) -> NoReturn:
    raise DecodeError(f"entity {name!r}")


def _refuse_instruction(target: str, _data: str) -> NoReturn:
    raise DecodeError(f"processing instruction {target!r}")
