"""A whole subtree that a server adds to a simulated phone, or replaces there, in one command, as TNDS: all or nothing.

Spec: OMA-TS-DM_RepPro-V1_2 6.6 (Add, Replace); OMA-TS-DM_TNDS-V1_2 5
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from adapters.simulator.ddf import Node
from adapters.simulator.objects import Tree
from adapters.simulator.phone_tree import has_parent
from adapters.simulator.syncml_markup import Markup, as_text, child, children, decode_xml, has, text, unbase64
from adapters.wbxml import codec as wbxml
from gateway.errors import DecodeError

TYPE = "application/vnd.syncml.dmtnds"

OK, BAD_REQUEST, NOT_FOUND, EXISTS = 200, 400, 404, 418

Judge = Callable[[str, Node], int]
"""What the phone thinks of a node that is to be there."""


def is_subtree(item: Markup) -> bool:
    """Whether the item brings a subtree."""
    return has(item, "Meta") and has(child(item, "Meta"), "Type") and text(child(item, "Meta"), "Type").startswith(TYPE)


def add(tree: Tree, types: dict[str, str], target: str, item: Markup, judge: Judge) -> int:
    """The status of the Add: nothing is changed unless all can be; ``judge`` says what the phone thinks of a node."""
    try:
        nodes = dict(_nodes(_root(child(item, "Data")[1], child(item, "Meta")), target))
    except (DecodeError, LookupError, SyntaxError, ValueError):
        return BAD_REQUEST
    if any(uri in tree for uri in nodes):
        return EXISTS
    if not nodes or not has_parent(tree, target):
        return NOT_FOUND if nodes else BAD_REQUEST
    refused = next((code for uri, node in nodes.items() if (code := judge(uri, node)) != OK), OK)
    if refused == OK:
        tree.update({uri: [fmt, value] for uri, (fmt, value, _) in nodes.items()})
        types.update({uri: type_ for uri, (fmt, _, type_) in nodes.items() if fmt == "node" and type_})
    return refused


def put(tree: Tree, types: dict[str, str], target: str, item: Markup, judge: Judge) -> int:
    """The status of the Replace: what was at and below the target is gone, and what the item brings is there.

    Nothing is changed unless all can be, as with ``add``.
    """
    if target not in tree:
        return NOT_FOUND
    before = {uri: tree.pop(uri) for uri in [one for one in tree if f"{one}/".startswith(f"{target}/")]}
    status = add(tree, types, target, item, judge)
    if status != OK:
        tree.update(before)
    return status


def _root(data: str | bytes | list[Markup], meta: Markup) -> Markup:
    """The MgmtTree, which stands in the message, or as a document of its own in its Data."""
    if not isinstance(data, str | bytes):
        return data[0]
    if isinstance(data, str) and text(meta, "Format") == "b64":
        data = unbase64(data)
    if isinstance(data, bytes) and text(meta, "Type").endswith("+wbxml"):
        return wbxml.decode(data)[1]
    return decode_xml(data.encode() if isinstance(data, str) else data)


def _nodes(root: Markup, target: str) -> Iterator[tuple[str, Node]]:
    """The nodes; the one on top is the target itself, or stands below it under another name."""
    todo = []
    for node in children(root, "Node"):
        name = text(node, "NodeName")
        todo.append((node, target if name == target.rpartition("/")[2] else f"{target}/{name}"))
    while todo:
        node, uri = todo.pop()
        properties = child(node, "RTProperties") if has(node, "RTProperties") else ("RTProperties", [])
        below = children(node, "Node")
        fmt = child(properties, "Format")[1][0][0] if has(properties, "Format") else "node" if below else "chr"
        named = child(properties, "Type")[1][0][1] if has(properties, "Type") else ""
        value = as_text(child(node, "Value")[1]) if has(node, "Value") else ""
        yield uri, Node("bin" if fmt == "b64" else fmt, None if fmt == "node" else value, named)
        todo += [(one, f"{uri}/{text(one, 'NodeName')}") for one in reversed(below)]
