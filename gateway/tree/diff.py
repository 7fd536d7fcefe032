"""What must be sent to turn a reported tree into the desired one.

The desired tree says what it owns and is silent about the rest, so a node that only the device has stays, unless it is
an entry of a list the desired tree holds: then the entry was taken out of the list.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Literal, NamedTuple

from gateway.mo.definition import Definition
from gateway.tree.format import Format
from gateway.tree.node import Node
from gateway.tree.tree import ManagementTree
from gateway.tree.uri import Uri


class Edit(NamedTuple):
    """One change of one node; a Delete takes everything below with it and has no value."""

    verb: Literal["Add", "Replace", "Delete"]
    uri: Uri
    format: Format = Format.NODE
    type: str = ""
    value: str | None = None


def is_list_entry(uri: Uri, definition: Definition | None) -> bool:
    """Whether a node that only the device has is to be deleted: entries of a list are, named and unknown nodes not."""
    return definition is not None and definition.is_dynamic


def diff(
    desired: ManagementTree,
    reported: ManagementTree,
    *,
    roots: Iterable[Uri],
    prune: Callable[[Uri, Definition | None], bool] = is_list_entry,
) -> list[Edit]:
    """The edits that make ``reported`` hold all that ``desired`` holds at and under each root, in the order to send.

    Parents come before children. Entries that go are deleted last, so that a list is not empty in between, but first
    where the DDF limits their number. Values are compared as their format means them. A permanent node below a root is
    never added or deleted: it is taken to be there, so a leaf is replaced. ``prune`` is asked for each topmost node
    that only the device has.
    """
    edits: list[Edit] = []
    for root in roots:
        want = desired.find(root)
        if want is not None:
            edits += _ancestors(root, reported, {edit.uri for edit in edits})
            edits += _compare(root, want, reported.find(root), desired.definition(root), prune)
    return edits


def _ancestors(root: Uri, reported: ManagementTree, added: set[Uri]) -> list[Edit]:
    above = [Uri(root[:depth]) for depth in range(1, len(root))]
    return [Edit("Add", uri) for uri in above if uri not in added and reported.find(uri) is None]


def _compare(
    root: Uri,
    want: Node,
    have: Node | None,
    definition: Definition | None,
    prune: Callable[[Uri, Definition | None], bool],
) -> list[Edit]:
    edits: list[Edit] = []
    last: list[Edit] = []
    todo: list[tuple[Uri, Node, Node | None, Definition | None]] = [(root, want, have, definition)]
    while todo:
        uri, want, have, definition = todo.pop()
        permanent = definition is not None and definition.permanent
        if have is not None and have.is_interior != want.is_interior:
            if permanent:
                continue
            edits.append(Edit("Delete", uri))
            have = None
        # Whether the MO as a whole is there is not for the gateway to assume: the device will say.
        if have is None and (uri == root or not permanent):
            edits.append(Edit("Add", uri, want.format, want.type, want.value))
        elif not want.is_interior and (have is None or not want.format.same(want.value, have.value)):
            edits.append(Edit("Replace", uri, want.format, want.type, want.value))
        if have is not None:
            for name in sorted(have.children.keys() - want.children.keys()):
                below = definition.child(name) if definition else None
                if prune(uri / name, below) and not (below and below.permanent):
                    limited = below is not None and below.max_occurs is not None
                    (edits if limited else last).append(Edit("Delete", uri / name))
        for name in sorted(want.children, reverse=True):
            below = definition.child(name) if definition else None
            todo.append((uri / name, want.children[name], have.children.get(name) if have else None, below))
    return edits + last
