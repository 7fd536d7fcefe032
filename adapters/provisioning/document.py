"""wap-provisioningdoc documents as plain values, from and to XML.

Spec: OMA-WAP-TS-ProvCont-V1_1 4; RCC.14 (XML document)
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple
from xml.parsers import expat

from gateway.errors import DecodeError, LimitExceeded

ROOT = "wap-provisioningdoc"
MAX_BYTES = 1 << 20
MAX_DEPTH = 32
MAX_ELEMENTS = 20_000

_PARM = ("parm", "param")
_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\n": "&#10;", "\r": "&#13;", "\t": "&#9;"}
_ESCAPED = re.compile('[&<>"]|[^ -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]')


class Parm(NamedTuple):
    """One ``parm``."""

    name: str
    value: str


class Characteristic(NamedTuple):
    """One ``characteristic`` (or the root): its parms, then the characteristics below it, each in order.

    Names and types may repeat.
    """

    type: str
    parms: tuple[Parm, ...] = ()
    characteristics: tuple[Characteristic, ...] = ()


def escape(text: str) -> str:
    """The text as it stands in an attribute; a character that XML cannot carry becomes U+FFFD."""
    # Most values need none of it, and this runs for every variable of every answer.
    if text.isprintable() and "&" not in text and "<" not in text and ">" not in text and '"' not in text:
        return text
    return _ESCAPED.sub(lambda found: _ESCAPES.get(found[0], "\ufffd"), text)


def format_characteristic(characteristic: Characteristic) -> str:
    """The characteristic as XML without white space between elements."""
    return "".join(_pieces(characteristic))


def parse_document(octets: bytes) -> Characteristic:
    """The document's root, a Characteristic of type ``wap-provisioningdoc``.

    ``param`` counts as ``parm`` and attribute names may be in any case: both are found in the field. A DOCTYPE may name
    a DTD, which is never read; one that declares anything is refused.

    Raises: DecodeError; LimitExceeded over 1 MiB, 20 000 elements or 32 levels.
    """
    if len(octets) > MAX_BYTES:
        raise LimitExceeded(f"{len(octets)} octets are over the limit of {MAX_BYTES}")
    open_nodes: list[tuple[str, list[Parm], list[Characteristic]]] = [("", [], [])]
    elements = 0

    def start(tag: str, attributes: dict[str, str]) -> None:
        nonlocal elements
        elements += 1
        if elements > MAX_ELEMENTS or len(open_nodes) > MAX_DEPTH:
            raise LimitExceeded(f"more than {MAX_ELEMENTS} elements, or deeper than {MAX_DEPTH}")
        local = _local(tag)
        given = {name.lower(): value for name, value in attributes.items()}
        if len(open_nodes) == 1:
            if local != ROOT:
                raise DecodeError(f"the root is {local[:40]!r}, not {ROOT}")
            open_nodes.append((ROOT, [], []))
        elif local in _PARM:
            open_nodes[-1][1].append(Parm(given.get("name", ""), given.get("value", "")))
        elif local == "characteristic":
            open_nodes.append((given.get("type", ""), [], []))
        else:
            raise DecodeError(f"has an element {local[:40]!r}")

    def end(tag: str) -> None:
        if _local(tag) not in _PARM:
            type_, parms, characteristics = open_nodes.pop()
            open_nodes[-1][2].append(Characteristic(type_, tuple(parms), tuple(characteristics)))

    parser = expat.ParserCreate()
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.StartDoctypeDeclHandler = _check_doctype
    try:
        parser.Parse(octets, True)
    except (expat.ExpatError, LookupError, ValueError) as error:  # the last two: a character set Python cannot map
        raise DecodeError(f"is not XML: {error}") from None
    return open_nodes[0][2][0]


def _pieces(top: Characteristic) -> Iterator[str]:
    """Depth first with a stack of its own, for a document may be as deep as the reader allows."""
    stack: list[Characteristic | str] = [top]
    while stack:
        node = stack.pop()
        if isinstance(node, str):
            yield node
            continue
        yield f'<characteristic type="{escape(node.type)}">'
        for name, value in node.parms:
            yield f'<parm name="{escape(name)}" value="{escape(value)}"/>'
        stack.append("</characteristic>")
        stack.extend(reversed(node.characteristics))


def _local(tag: str) -> str:
    return tag.rpartition(":")[2]


def _check_doctype(_name: str, _system: str | None, _public: str | None, has_declarations: bool) -> None:
    if has_declarations:
        raise DecodeError("has a DOCTYPE with declarations")
