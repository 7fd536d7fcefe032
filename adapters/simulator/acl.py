"""The access control lists of a simulated phone: what its server may do with each node.

A node without a list of its own has that of the nearest node above it that has one, and nothing is put together of two.

Spec: OMA-TS-DM_TND-V1_2 7.7.1 (ACL)
"""

from __future__ import annotations

from adapters.simulator.objects import Tree
from adapters.simulator.phone_tree import beside, moved

OPEN = "Add=*&Get=*&Replace=*&Delete=*&Exec=*"
"""What the root of the phone allows unless it is told otherwise."""

PROPERTY = "prop=ACL"

OK, NOT_FOUND, UNSUPPORTED, DENIED = 200, 404, 415, 425


class Acls:
    """The lists that nodes have of their own, by URI; ``server`` is the id of the one that the phone speaks with."""

    def __init__(self, own: dict[str, str], tree: Tree, server: str) -> None:
        self.own = own
        self._tree = tree
        self._server = server

    def allows(self, verb: str, uri: str) -> bool:
        """Whether the server may do that with the node; an Add is a matter of the node above."""
        return self._has(verb, _above(uri) if verb == "Add" else uri)

    def read(self, uri: str) -> str:
        """The list of the node's own, empty where it inherits one."""
        return self.own.get(uri, "")

    def write(self, uri: str, value: str) -> int:
        """The status of a Replace of the list: a leaf's is a matter of the node above, any other of both.

        Spec: OMA-TS-DM_TND-V1_2 7.7.1.2
        """
        if uri not in self._tree and uri != ".":
            return NOT_FOUND
        is_interior = uri == "." or self._tree[uri][0] == "node"
        if not (self._has("Replace", _above(uri)) or (is_interior and self._has("Replace", uri))):
            return DENIED
        if value and _parsed(value) is None:
            return UNSUPPORTED
        if value:
            self.own[uri] = value
        else:
            self.own.pop(uri, None)
        return OK

    def added(self, uri: str) -> None:
        """Take note of a new interior node: who may not write above it may at least do so here."""
        if not self._has("Replace", _above(uri)):
            self.own[uri] = "&".join(f"{verb}={self._server}" for verb in ("Add", "Delete", "Replace"))

    def deleted(self) -> None:
        """Drop the lists of nodes that are no more."""
        for uri in [uri for uri in self.own if uri != "." and uri not in self._tree]:
            del self.own[uri]

    def renamed(self, node: str, name: str) -> None:
        """Keep the lists of a node that has another name now, and of all below it."""
        lists = {moved(uri, node, beside(node, name)): acl for uri, acl in self.own.items()}
        self.own.clear()
        self.own.update(lists)

    def _has(self, verb: str, uri: str) -> bool:
        while uri != "." and uri not in self.own:
            uri = _above(uri)
        holders = (_parsed(self.own.get(uri, OPEN)) or {}).get(verb, ())
        return "*" in holders or self._server in holders


def _above(uri: str) -> str:
    return uri.rpartition("/")[0] or "."


def _parsed(value: str) -> dict[str, list[str]] | None:
    """Who may do what; None when it is no list."""
    entries = [entry.partition("=") for entry in value.split("&")]
    if any(verb not in ("Add", "Delete", "Exec", "Get", "Replace") or not holders for verb, _, holders in entries):
        return None
    return {verb: holders.split("+") for verb, _, holders in entries}
