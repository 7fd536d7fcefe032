"""Management objects as TNDS: a subtree in one value, with formats, types and access rights.

Spec: OMA-TS-DM_TNDS-V1_2; OMA-TS-DM_TND-V1_2 (TNDS serialization)
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import NamedTuple

from adapters.wbxml.element import AnyElement
from gateway.tree.format import Format


class Leaf(NamedTuple):
    """One leaf: its path below the root, its format, and its value (octets for ``bin``)."""

    path: tuple[str, ...]
    format: Format
    value: str | bytes


class Subtree(NamedTuple):
    """One MO: the name and identifier of its root, the ACL that holds in all of it, and its leaves."""

    name: str
    moi: str
    leaves: Sequence[Leaf]
    acl: str = ""


def render_subtrees(subtrees: Sequence[Subtree], *, octets: bool) -> AnyElement:
    """The ``MgmtTree`` of these MOs. ``octets`` says that binary values may stand as they are, as in WBXML."""
    return "MgmtTree", [("VerDTD", "1.2"), *(_subtree(one, octets) for one in subtrees)]


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
    mime = "application/octet-stream" if leaf.format is Format.BIN else "text/plain"
    properties: list[AnyElement] = [("Format", [(fmt.value, "")]), ("Type", [("MIME", mime)])]
    return "Node", [("NodeName", leaf.path[-1]), ("RTProperties", properties), ("Value", value)]
