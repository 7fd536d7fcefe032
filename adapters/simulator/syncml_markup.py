"""SyncML messages of the simulated phone as tags with text or children, and their XML.

Spec: OMA-TS-SyncML_RepPro-V1_2 5
"""

from __future__ import annotations

import base64
from typing import Any, NamedTuple

from lxml import etree

from adapters.wbxml import codec as wbxml
from adapters.wbxml.tables import PUBLIC_IDS

Markup = tuple[str, Any]

_SUBTREE = "syncml:dmddf1.2"


class Version(NamedTuple):
    """What a phone calls the protocol, in the header of a message and around it."""

    dtd: str
    protocol: str
    namespace: str
    public_id: int


VERSIONS = {
    number: Version(number, f"DM/{number}", f"SYNCML:SYNCML{number}", PUBLIC_IDS[f"-//SYNCML//DTD SyncML {number}//EN"])
    for number in ("1.2", "1.1")
}
"""OMA DM 1.2, and 1.1.2 before it."""
LATEST = VERSIONS["1.2"]


def encode_xml(message: Markup, version: Version = LATEST) -> bytes:
    """The octets of a message."""

    def build(markup: Markup, namespace: str) -> Any:
        tag, content = markup
        element = etree.Element(f"{{{namespace}}}{tag}", nsmap={None: namespace})
        if isinstance(content, str):
            element.text = content or None
        else:
            below = "syncml:metinf" if tag == "Meta" else _SUBTREE if tag == "MgmtTree" else namespace
            element.extend(build(child, below) for child in content)
        return element

    return bytes(etree.tostring(build(message, version.namespace), encoding="UTF-8", xml_declaration=True))


def encode_wbxml(message: Markup, version: Version = LATEST) -> bytes:
    """The octets of a message in WBXML."""
    return wbxml.encode(message, wbxml.Header(version=2, public_id=version.public_id))


def decode_xml(octets: bytes) -> Markup:
    """The message in the octets."""

    def read(element: Any) -> Markup:
        children = [read(child) for child in element]
        return (etree.QName(element).localname, children or (element.text or ""))

    return read(etree.fromstring(octets, etree.XMLParser(resolve_entities=False, no_network=True)))


def children(markup: Markup, tag: str) -> list[Markup]:
    """The children of that name."""
    return [child for child in markup[1] if child[0] == tag] if not isinstance(markup[1], str | bytes) else []


def child(markup: Markup, tag: str) -> Markup:
    """The first child of that name, which has to be there."""
    return children(markup, tag)[0]


def has(markup: Markup, tag: str) -> bool:
    """Whether there is a child of that name."""
    return bool(children(markup, tag))


def text(markup: Markup, tag: str) -> str:
    """The text of a child, octets as base64."""
    return as_text(child(markup, tag)[1])


def as_text(content: str | bytes) -> str:
    """Content as the tree keeps it: text, octets as base64."""
    return base64.b64encode(content).decode() if isinstance(content, bytes) else str(content or "")


def unbase64(encoded: str) -> bytes:
    """The octets of base64 text, which may be wrapped."""
    return base64.b64decode("".join(encoded.split()))
