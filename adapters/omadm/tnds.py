"""Management objects as TNDS: a subtree in one value, with formats, types and access rights.

Spec: OMA-TS-DM_TNDS-V1_2; OMA-TS-DM_TND-V1_2 (TNDS serialization)
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from msgspec.structs import replace

from adapters.omadm.messages import Data, Meta
from adapters.omadm.xml import decode_xml, encode_xml
from adapters.wbxml.codec import Header
from adapters.wbxml.codec import decode as decode_wbxml
from adapters.wbxml.codec import encode as encode_wbxml
from adapters.wbxml.element import AnyElement
from gateway.errors import DecodeError
from gateway.fleet.mirror import Read
from gateway.fleet.operation import Operation, TndsForm
from gateway.tree.format import Format

TYPE = "application/vnd.syncml.dmtnds"
"""What the Type of a serialized subtree begins with: ``+xml`` or ``+wbxml`` follows."""

_HEADER = Header(2, 0, "-//OMA//DTD-DM-DDF 1.2//EN")


class Leaf(NamedTuple):
    """One leaf: its path below the root, its format, its value (octets for ``bin``), and its type where it has one."""

    path: tuple[str, ...]
    format: Format
    value: str | bytes
    type: str = ""


class Subtree(NamedTuple):
    """One MO: the name and identifier of its root, the ACL that holds in all of it, and its leaves."""

    name: str
    moi: str
    leaves: Sequence[Leaf]
    acl: str = ""


def render_subtrees(subtrees: Sequence[Subtree], *, octets: bool) -> AnyElement:
    """The ``MgmtTree`` of these MOs. ``octets`` says that binary values may stand as they are, as in WBXML."""
    return "MgmtTree", [("VerDTD", "1.2"), *(_subtree(one, octets) for one in subtrees)]


def render_whole(operation: Operation, *, octets: bool) -> AnyElement:
    """The ``MgmtTree`` of all nodes that an Add or Replace of a subtree leaves there.

    Its root has the name that the target ends with.

    Raises: ValueError when a ``bin`` value is not base64.
    """
    contents: dict[str, list[AnyElement]] = {}
    nodes = [node for node in operation.members if node.verb != "Delete"]
    if operation.kept:
        # Parents come before what is below them.
        nodes = sorted((*operation.kept, *nodes), key=lambda node: node.uri.split("/"))
    for node in nodes:
        parent, _, name = node.uri.rpartition("/")
        if node.format == Format.NODE:
            type_: list[AnyElement] = [("Type", [("DDFName", node.type)])] if node.type else []
            properties: AnyElement = ("RTProperties", [("Format", [("node", "")]), *type_])
            element: AnyElement = ("Node", [("NodeName", name), properties])
        else:
            fmt, text = Format.parse(node.format), node.value or ""
            value = base64.b64decode(text, validate=True) if fmt is Format.BIN else text
            element = _leaf(Leaf((name,), fmt, value, node.type), octets)
        inner = element[1]
        if isinstance(inner, list):
            contents[node.uri] = inner
        if parent in contents:
            contents[parent].append(element)
    return "MgmtTree", [("VerDTD", "1.2"), ("Node", contents[operation.uri])]


def carried(tree: AnyElement, form: TndsForm) -> tuple[Meta, Data]:
    """A serialized subtree as an item has it: what it is, and its data.

    Spec: OMA-TS-DM_TNDS-V1_2 (MIME types)
    """
    data: Data = (tree,)
    if form == "xml":
        data = encode_xml(tree).decode()
    elif form == "wbxml":
        data = encode_wbxml(tree, _HEADER)
    return Meta(format="xml", type=f"{TYPE}+{'xml' if form == 'xml' else 'wbxml'}"), data


def _subtree(subtree: Subtree, octets: bool) -> AnyElement:
    properties: list[AnyElement] = [("ACL", subtree.acl)] if subtree.acl else []
    properties += [("Format", [("node", "")]), ("Type", [("DDFName", subtree.moi)])]
    root: list[AnyElement] = [("NodeName", subtree.name), ("RTProperties", properties)]
    interiors: dict[tuple[str, ...], list[AnyElement]] = {(): root}
    for leaf in subtree.leaves:
        for length in range(1, len(leaf.path)):
            path = leaf.path[:length]
            if path not in interiors:
                interiors[path] = [("NodeName", path[-1]), ("RTProperties", [("Format", [("node", "")])])]
                interiors[path[:-1]].append(("Node", interiors[path]))
        interiors[leaf.path[:-1]].append(_leaf(leaf, octets))
    return "Node", root


def _leaf(leaf: Leaf, octets: bool) -> AnyElement:
    fmt, value = leaf.format, leaf.value
    if isinstance(value, bytes) and not octets:
        fmt, value = Format.B64, base64.b64encode(value).decode()
    mime = leaf.type or ("application/octet-stream" if leaf.format is Format.BIN else "text/plain")
    properties: list[AnyElement] = [("Format", [(fmt.value, "")]), ("Type", [("MIME", mime)])]
    held: list[AnyElement] = [] if fmt is Format.NULL else [("Value", value)]
    return "Node", [("NodeName", leaf.path[-1]), ("RTProperties", properties), *held]


def absorb_subtree(data: str | bytes | tuple[AnyElement, ...], root: str) -> tuple[Read, ...] | None:
    """The nodes of a serialized subtree, as the answer to a Get of ``root`` brings it; None when it is none.

    It is markup in the message, XML as text, or WBXML of its own. A node without properties is interior when it has
    children or no value, else ``chr``. Limits are those of messages.

    Spec: OMA-TS-DM_TNDS-V1_2 5
    """
    try:
        if isinstance(data, bytes):
            elements = [decode_xml(data) if data.lstrip()[:1] == b"<" else decode_wbxml(data)[1]]
        else:
            elements = [decode_xml(data.encode("utf-8", "replace"))] if isinstance(data, str) else list(data)
    except DecodeError:
        return None
    trees = [content for tag, content in elements if tag == "MgmtTree" and isinstance(content, list)]
    nodes = [content for tree in trees for tag, content in tree if tag == "Node" and isinstance(content, list)]
    if not trees:
        return None
    name = root.rpartition("/")[2]
    reads: list[Read] = []
    for node in nodes:
        named = _text(node, "NodeName")
        path = _text(node, "Path")
        if path.startswith("./"):
            at = f"{path.rstrip('/')}/{named}"
        else:
            # Some devices name the node that was asked for, others leave its name out.
            at = root if named in ("", name) and not path else "/".join(filter(None, (root, path.strip("/"), named)))
        reads += _reads(node, at)
    return tuple(reads)


def laid_open(operation: Operation) -> Operation:
    """An Add or Replace of a serialized subtree that somebody wrote, with what it changes as members.

    Others stay as they are. It goes out as it was written. A Replace takes away what was there. What is put into the
    Inbox goes elsewhere, and nobody knows where.

    Spec: OMA-TS-DM_RepPro-V1_2 6.6 (Add and Replace of a serialized subtree)
    """
    if operation.verb in ("Atomic", "Sequence"):
        return replace(operation, members=tuple(map(laid_open, operation.members)))
    type_, text = operation.type.strip(), operation.value or ""
    inbox = operation.uri.removeprefix("./").partition("/")[0] == "Inbox"
    if operation.verb not in ("Add", "Replace") or inbox or operation.tnds is not None or not type_.startswith(TYPE):
        return operation
    try:
        data = base64.b64decode(text, validate=True) if operation.format == Format.BIN else text
    except ValueError:
        return operation
    nodes = absorb_subtree(data, operation.uri) or ()
    members = tuple(
        Operation(id="", verb="Add", uri=node.uri, format=node.format, type=node.type, value=node.value)
        for node in nodes
    )
    if members and operation.verb == "Replace":
        members = (Operation(id="", verb="Delete", uri=operation.uri), *members)
    form: TndsForm = "wbxml" if type_.endswith("+wbxml") else "xml"
    return replace(operation, members=members, tnds=form) if members else operation


def _reads(node: list[AnyElement], at: str) -> Iterator[Read]:
    """The node and all below, parents first; no recursion, for a device made the depth."""
    todo = [(node, at)]
    while todo:
        content, uri = todo.pop()
        below = [child for tag, child in content if tag == "Node" and isinstance(child, list)]
        value = next((value for tag, value in content if tag == "Value"), None)
        properties = next((value for tag, value in content if tag == "RTProperties"), None)
        fmt, type_ = _properties(properties if isinstance(properties, list) else [])
        if fmt is None:
            fmt = Format.NODE if below or value is None else Format.CHR
        yield Read(uri, Format.BIN if fmt is Format.B64 else fmt, type_, None if below else _value(fmt, value))
        todo += [(child, f"{uri}/{_text(child, 'NodeName')}") for child in reversed(below)]


def _properties(properties: list[AnyElement]) -> tuple[Format | None, str]:
    inner = dict(properties)
    formats, types = inner.get("Format"), inner.get("Type")
    fmt = Format.parse(formats[0][0]) if isinstance(formats, list) and formats else None
    named = types[0][1] if isinstance(types, list) and types else ""
    return fmt, named.strip() if isinstance(named, str) else ""


def _value(fmt: Format, value: str | bytes | list[AnyElement] | None) -> str | None:
    if fmt in (Format.NODE, Format.NULL) or isinstance(value, list):
        return None
    if isinstance(value, bytes):
        return base64.b64encode(value).decode() if fmt is Format.BIN else value.decode("utf-8", "replace")
    text = value or ""
    return "".join(text.split()) if fmt in (Format.BIN, Format.B64) else text


def _text(node: list[AnyElement], tag: str) -> str:
    content = next((content for name, content in node if name == tag), "")
    return content.strip() if isinstance(content, str) else ""
