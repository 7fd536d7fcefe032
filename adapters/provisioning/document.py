"""wap-provisioningdoc documents as plain values, from and to XML.

Spec: OMA-WAP-TS-ProvCont-V1_1 4; RCC.14 (XML document)
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from lxml import etree

from gateway.errors import DecodeError, LimitExceeded

ROOT = "wap-provisioningdoc"
MAX_BYTES = 1 << 20
MAX_DEPTH = 32
MAX_NODES = 20_000

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

    ``param`` counts as ``parm`` and attribute names may be in any case: both are found in the field.

    Raises: DecodeError, LimitExceeded.
    """
    if len(octets) > MAX_BYTES:
        raise LimitExceeded(f"{len(octets)} octets are over the limit of {MAX_BYTES}")
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, remove_comments=True, remove_pis=True
    )
    try:
        root = etree.fromstring(octets, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise DecodeError(f"is not XML: {error}") from None
    dtd = root.getroottree().docinfo.internalDTD
    if dtd is not None and list(dtd.iterentities()):
        raise DecodeError("declares entities")
    if _tag(root) != ROOT:
        raise DecodeError(f"the root is {_tag(root)}, not {ROOT}")
    return _read(root)


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


def _read(root: Any) -> Characteristic:
    """The tree below the root; each level is finished once all below it is."""
    open_nodes: list[tuple[str, list[Parm], list[Characteristic]]] = []
    closed = Characteristic(ROOT)
    for count, (event, element) in enumerate(etree.iterwalk(root, events=("start", "end"))):
        if count > 2 * MAX_NODES or len(open_nodes) > MAX_DEPTH:
            raise LimitExceeded(f"more than {MAX_NODES} elements, or deeper than {MAX_DEPTH}")
        tag = _tag(element)
        attributes = {name.lower(): value for name, value in element.attrib.items()}
        if tag in ("parm", "param"):
            if event == "start":
                open_nodes[-1][1].append(Parm(attributes.get("name", ""), attributes.get("value", "")))
        elif tag != "characteristic" and element is not root:
            raise DecodeError(f"has an element {tag}")
        elif event == "start":
            open_nodes.append((ROOT if element is root else attributes.get("type", ""), [], []))
        else:
            type_, parms, characteristics = open_nodes.pop()
            closed = Characteristic(type_, tuple(parms), tuple(characteristics))
            if open_nodes:
                open_nodes[-1][2].append(closed)
    return closed


def _tag(element: Any) -> str:
    return etree.QName(element).localname if isinstance(element.tag, str) else ""
