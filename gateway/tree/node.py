"""One node of a management tree, and who may do what with it.

Spec: OMA-TS-DM_TND-V1_2 7 (node properties), 7.7.1 (ACL)
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, get_args

from gateway.tree.format import Format

Right = Literal["Add", "Delete", "Exec", "Get", "Replace"]
"""The commands an ACL speaks of; Copy has no entry, it needs Get on its source and Add at its target."""

_RIGHTS: tuple[Right, ...] = get_args(Right)
_NOT_IN_ID = frozenset("=&*+") | frozenset(" \t\r\n")
_EVERYONE = frozenset({"*"})


@dataclass(frozen=True, slots=True)
class Acl:
    """An access control list: for each command the server identifiers that may use it, ``*`` meaning all.

    An empty list grants nothing itself: the node inherits the whole list of its nearest ancestor that has one.

    Spec: OMA-TS-DM_TND-V1_2 7.7.1
    """

    entries: Mapping[Right, frozenset[str]] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str) -> Acl:
        """The list written as ``Get=*&Replace=one.example+two.example``; the empty text is the empty list.

        Raises: ValueError for an unknown or repeated command, an entry without identifiers or an impossible identifier.
        """
        entries: dict[Right, frozenset[str]] = {}
        for entry in text.split("&") if text else ():
            name, _, identifiers = entry.partition("=")
            right = next((right for right in _RIGHTS if right == name), None)
            if right is None or right in entries:
                raise ValueError(f"{name!r} is unknown or stands twice in the ACL")
            servers = identifiers.split("+")
            for server in servers:
                if server != "*" and (not server or not _NOT_IN_ID.isdisjoint(server)):
                    raise ValueError(f"{server!r} is not a server identifier")
            entries[right] = _EVERYONE if "*" in servers else frozenset(servers)
        return cls(entries)

    @classmethod
    def granting(cls, server_id: str, *rights: Right) -> Acl:
        """The list that gives one server these rights."""
        return cls({right: frozenset({server_id}) for right in rights})

    def allows(self, right: Right, server_id: str) -> bool:
        """Whether this list, inheritance aside, lets the server use the command."""
        servers = self.entries.get(right, frozenset())
        return server_id in servers or "*" in servers

    def __str__(self) -> str:
        """The list as text, commands and identifiers in alphabetical order."""
        return "&".join(
            f"{right}={'+'.join(sorted(self.entries[right]))}" for right in _RIGHTS if right in self.entries
        )

    def __bool__(self) -> bool:
        return bool(self.entries)


@dataclass(slots=True, eq=False)
class Node:
    """A node as its tree keeps it: read it freely, change it only through the tree.

    ``value`` is text (``bin`` as base64), None for interior and null nodes and where a device did not say. ``children``
    are by name, in no particular order; only an interior node has any. ``verno`` counts changes and wraps at 16 bits.
    """

    name: str
    format: Format = Format.NODE
    type: str = ""
    value: str | None = None
    title: str = ""
    acl: Acl = Acl()
    tstamp: datetime | None = None
    verno: int = 0
    children: dict[str, Node] = field(default_factory=dict)

    @property
    def is_interior(self) -> bool:
        """True for a node with children instead of a value."""
        return self.format is Format.NODE

    @property
    def size(self) -> int:
        """Octets of the value as the device stores it.

        Spec: OMA-TS-DM_TND-V1_2 7.7.6
        """
        if self.value is None:
            return 0
        if self.format is Format.BIN:
            try:
                return len(base64.b64decode(self.value))
            except binascii.Error:
                pass
        return len(self.value.encode("utf-8", "surrogatepass"))
