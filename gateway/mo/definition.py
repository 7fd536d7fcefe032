"""What one node of an MO may be: the content of a DDF as plain values.

Spec: OMA-TS-DM_TND-V1_2 8 (Device Description Framework)
"""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from gateway.tree.format import Format

Access = Literal["Add", "Copy", "Delete", "Exec", "Get", "Replace"]

UNNAMED = "<X>"

ProvenanceStatus = Literal["confirmed", "attrs-only", "implementation", "name-only", "derived", "unconfirmed", ""]


class Occurrence(enum.StrEnum):
    """How many nodes of this definition may stand under one parent."""

    ONE = "One"
    ZERO_OR_ONE = "ZeroOrOne"
    ZERO_OR_MORE = "ZeroOrMore"
    ONE_OR_MORE = "OneOrMore"
    ZERO_OR_N = "ZeroOrN"
    ONE_OR_N = "OneOrN"

    @property
    def required(self) -> bool:
        """True when the parent must have at least one."""
        return self in (Occurrence.ONE, Occurrence.ONE_OR_MORE, Occurrence.ONE_OR_N)


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where a definition comes from; the empty status is an operator's own DDF, which does not say."""

    status: ProvenanceStatus = ""
    note: str = ""

    @property
    def confirmed(self) -> bool:
        """True when the node was read in the standard's text, or is the operator's own: its rules are enforced."""
        return self.status in ("confirmed", "")


@dataclass(frozen=True, slots=True)
class Permitted:
    """The values a leaf may have: an enumeration, an integer range, or anything when both are empty.

    ``values`` are pairs of a value and its meaning. With both an enumeration and a range, either permits.
    As text: ``0 = never; 1 = always; 5..15``.
    """

    values: tuple[tuple[str, str], ...] = ()
    low: int | None = None
    high: int | None = None

    def allows(self, fmt: Format, text: str) -> bool:
        """Whether this value is permitted; compared by format, so ``01`` matches ``1`` in an int leaf.

        Raises: ValueError when the text is not a value of the format.
        """
        value = fmt.canonical(text)
        if not self.values and self.low is None and self.high is None:
            return True
        if any(value == fmt.canonical(permitted) for permitted, _ in self.values):
            return True
        if self.low is None and self.high is None:
            return False
        try:
            number = int(value)
        except ValueError:
            return False
        return (self.low is None or number >= self.low) and (self.high is None or number <= self.high)

    @property
    def range(self) -> str:
        """The range as ``5..15``, ``5..`` or ``..15``; empty when there is none."""
        if self.low is None and self.high is None:
            return ""
        return f"{'' if self.low is None else self.low}..{'' if self.high is None else self.high}"

    def __str__(self) -> str:
        named = (f"{value} = {meaning}" if meaning else value for value, meaning in self.values)
        return "; ".join(filter(None, (*named, self.range)))


@dataclass(frozen=True, slots=True)
class Definition:
    """One node of a DDF. ``name`` is empty for an unnamed (dynamic) node, whose instances have any name.

    ``formats`` are the allowed formats, the first being the one used when none is stated; ``(Format.NODE,)`` is an
    interior node. ``max_occurs`` is the N of ZeroOrN and OneOrN, None when the DDF gives no number. ``types`` are MIME
    types of the value, or the MO identifiers of an interior node (``DDFName``).
    """

    name: str
    formats: tuple[Format, ...]
    occurrence: Occurrence = Occurrence.ONE
    max_occurs: int | None = None
    access: frozenset[Access] = frozenset({"Get"})
    default: str | None = None
    title: str = ""
    description: str = ""
    permanent: bool = False
    types: tuple[str, ...] = ()
    case_sensitive: bool | None = None
    permitted: Permitted = field(default_factory=Permitted)
    provenance: Provenance = field(default_factory=Provenance)
    children: tuple[Definition, ...] = ()
    _by_name: dict[str, Definition] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        for child in self.children:
            if child.name:
                self._by_name.setdefault(child.name, child)
            else:
                self._by_name[""] = child

    @property
    def format(self) -> Format:
        """The format used when none is stated."""
        return self.formats[0]

    @property
    def is_interior(self) -> bool:
        """True for a node with children instead of a value."""
        return self.formats[0] is Format.NODE

    @property
    def is_dynamic(self) -> bool:
        """True for an unnamed node."""
        return not self.name

    def child(self, name: str) -> Definition | None:
        """The definition that governs the child of that name: the one named so, else the unnamed one, else None."""
        return self._by_name.get(name) or self._by_name.get("")

    def find(self, path: tuple[str, ...]) -> Definition | None:
        """The definition that governs the node at this path below, or None."""
        node: Definition | None = self
        for name in path:
            if node is None:
                return None
            node = node.child(name)
        return node

    def walk(self, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Definition]]:
        """This definition and all below, parents first, each with its path; an unnamed node's segment is UNNAMED."""
        yield path, self
        for child in self.children:
            yield from child.walk((*path, child.name or UNNAMED))


@dataclass(frozen=True, slots=True)
class ManagementObject:
    """One MO. ``moi`` is its identifier (empty when only a setting can give it), ``key`` the stem of its DDF file.

    ``title`` and ``moi`` repeat what the root says of itself. ``specification`` is the document that defines the MO,
    ``manufacturer`` and ``model`` the device a vendor's DDF describes, ``path`` the URI above the root if it is fixed.
    """

    key: str
    moi: str
    root: Definition
    title: str = ""
    specification: str = ""
    manufacturer: str = ""
    model: str = ""
    path: str = ""
