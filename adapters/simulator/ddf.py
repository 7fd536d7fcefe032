"""What the description (DDF) of a simulated phone lets a server do with each node.

A standard says which access a phone has to grant at least. This one grants just that on the objects that it came with.
What a server puts there may also be added and deleted, node by node, and an account or access point changed.

Spec: OMA-TS-DM_TND-V1_2 7.3 (dynamic and permanent nodes), 8 (DDF); OMA-TS-DM_StdObj-V1_2 5 (access types)
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterable, Mapping
from types import MappingProxyType
from typing import NamedTuple

from adapters.simulator.objects import TYPES, UNDEFINED, Tree
from adapters.simulator.phone_tree import beside
from gateway.mo.catalogue import Severity, check_value
from gateway.mo.definition import Definition, ManagementObject, Occurrence
from gateway.tree.format import Format

OK, NOT_ALLOWED, UNSUPPORTED = 200, 405, 415

FREE = ("./Vendor/", "./SyncML/")
"""The maker's own corner, where a phone takes what it is given, and accounts of OMA DM 1.1.2, which no DDF defines."""

EVERY_PHONE = frozenset({"devinfo", "devdetail", "dmacc"})
"""What the catalogue calls the objects that no phone is without."""

_INSTANCES = {"./DMAcc": "dmacc"}
"""Below which nodes there are objects of a kind, whatever their Type says."""
_POINTS = frozenset({"connmo-nap", "connmo-wlan"})
_CHANGEABLE = ("dmacc", "connmo-")
"""Of which objects a server may change more than the standard asks for: the least there is Get."""
_SINGLE = frozenset({Occurrence.ONE, Occurrence.ZERO_OR_ONE})
_OCTETS = frozenset({Format.BIN, Format.B64})


class Node(NamedTuple):
    """A node as a command has it; the format is empty when it does not say."""

    format: str = ""
    value: str | None = None
    type: str = ""


NOTHING = Node()
"""For commands that bring no value."""
NOWHERE: Mapping[str, str] = MappingProxyType({})


class _Place(NamedTuple):
    """Where a node is: its object's root, and the definitions from that down to it, None for what is not defined.

    ``path`` is empty where there is no definition of the object at all, ``key`` what the catalogue calls the object.
    """

    root: str
    key: str
    path: tuple[Definition | None, ...]


class Ddf:
    """The description of one phone, made of those of the objects that it has."""

    def __init__(
        self,
        known: Iterable[ManagementObject],
        places: Mapping[str, str] = NOWHERE,
        carried: Collection[str] | None = None,
    ) -> None:
        """``places`` is the key of an object -> the URI where it is whatever its Type says; ``carried`` are the keys of
        the objects that the phone has, None for all that are known.
        """
        self._carried = carried
        known = tuple(known)
        self._keys = {moi: key for key, moi in UNDEFINED.items()} | {mo.moi: mo.key for mo in known if mo.moi}
        self._roots = {mo.key: mo.root for mo in known if carried is None or mo.key in carried}
        if self._roots.keys() >= _POINTS:
            # An access point is one object, whatever it is a way into.
            point = _merged(*(self._roots[key] for key in sorted(_POINTS)))
            self._roots |= dict.fromkeys(_POINTS, point)
        self._places = {uri: key for key, uri in places.items() if key in self._roots}

    def carries(self, moi: str) -> bool:
        """Whether the phone has such objects."""
        return self._carried is None or self._keys.get(moi) in self._carried

    def format_of(self, uri: str, types: Mapping[str, str]) -> str:
        """The format of a node when nobody says one."""
        place = self._find(uri, types)
        return place.path[-1].format if place and place.path and place.path[-1] else Format.CHR

    def judge(self, verb: str, uri: str, node: Node, tree: Tree, types: Mapping[str, str]) -> int:
        """The status that the description gives a command; 200 as well where something else is to be said.

        Spec: OMA-TS-DM_RepPro-V1_2 10 (405, 415)
        """
        if (uri in tree) == (verb == "Add") and verb != "Exec":
            return OK
        place = self._find(uri, {**types, uri: node.type} if verb == "Add" and node.type else types)
        if place is None:
            return self._judge_outside(verb, uri, node)
        if verb == "Add" and place.root == uri and not place.path:
            return NOT_ALLOWED
        if not place.path:
            return OK
        definition = place.path[-1]
        if definition is None:
            return NOT_ALLOWED if verb == "Add" and not _is_free(place.path) else OK
        if not _permits(verb, place, definition) or _breaks_count(verb, uri, definition, tree, place):
            return NOT_ALLOWED
        return _judge_value(node, definition) if verb in ("Add", "Replace") else OK

    def renames(self, uri: str, name: str, types: Mapping[str, str]) -> bool:
        """Whether a node may have another name: a defined one only where names are free."""
        place = self._find(uri, types)
        if place is None or not place.path or place.root == uri or (definition := place.path[-1]) is None:
            return True
        other = self._find(beside(uri, name), types)
        return not definition.permanent and other is not None and other.path[-1] is definition

    def tells(self, uri: str, types: Mapping[str, str]) -> bool:
        """Whether a node can be read at all."""
        place = self._find(uri, types)
        definition = place.path[-1] if place and place.path else None
        return definition is None or "Get" in definition.access

    def _find(self, uri: str, types: Mapping[str, str]) -> _Place | None:
        """The nearest object around a node, one that is defined before one that is not; None outside of all."""
        undefined = None
        root, below = uri, tuple[str, ...]()
        while root not in (".", ""):
            above, _, name = root.rpartition("/")
            moi = types.get(root, "")
            key = _INSTANCES.get(above) or self._keys.get(moi) or self._places.get(root, "")
            if definition := self._roots.get(key):
                path = (definition, *(definition.find(below[: depth + 1]) for depth in range(len(below))))
                return _Place(root, key, path)
            if moi:
                undefined = undefined or _Place(root, key, ())
            root, below = above, (name, *below)
        return undefined

    def _judge_outside(self, verb: str, uri: str, node: Node) -> int:
        """Outside of all objects there are only nodes on the way to one, and the maker's own."""
        if verb != "Add" or f"{uri}/".startswith(FREE):
            return OK
        return OK if node.format == Format.NODE else NOT_ALLOWED


def _merged(one: Definition, other: Definition) -> Definition:
    """What either defines."""
    both = {child.name: child for child in (*other.children, *one.children)}
    children = (
        _merged(child, there) if (there := other.child(name)) and there is not child and name else child
        for name, child in both.items()
    )
    return dataclasses.replace(one, children=tuple(children))


def _is_free(path: tuple[Definition | None, ...]) -> bool:
    """Whether a node that is not defined stands in an Ext, where a maker puts what he likes."""
    return any(definition is not None and definition.name == "Ext" for definition in path)


def _permits(verb: str, place: _Place, definition: Definition) -> bool:
    """Whether the phone grants that access, by itself or as the standard asks."""
    if verb == "Exec":
        return "Exec" in definition.access
    if verb == "Replace":
        changeable = place.key.startswith(_CHANGEABLE)
        return not definition.is_interior and ("Replace" in definition.access or changeable)
    if definition.permanent:
        return False
    if place.root not in TYPES:
        return True
    if verb == "Delete":
        return "Delete" in definition.access
    return any(above is not None and "Add" in above.access for above in place.path)


def _breaks_count(verb: str, uri: str, definition: Definition, tree: Tree, place: _Place) -> bool:
    """Whether there would be more or fewer such nodes than there may be under their parent.

    Spec: OMA-TS-DM_TND-V1_2 8 (Occurrence)
    """
    above = place.path[-2] if len(place.path) > 1 else None
    if above is None:
        return False
    siblings = (one.rpartition("/") for one in tree)
    alike = sum(parent == uri.rpartition("/")[0] and above.child(name) is definition for parent, _, name in siblings)
    most = 1 if definition.occurrence in _SINGLE else definition.max_occurs
    if verb == "Delete":
        return definition.occurrence.required and alike <= 1
    return verb == "Add" and most is not None and alike >= most


def _judge_value(node: Node, definition: Definition) -> int:
    """Whether a node may have that format and value."""
    if node.format and Format.parse(node.format) not in definition.formats:
        octets = _OCTETS.intersection(definition.formats)
        if not octets or node.format not in _OCTETS:
            return UNSUPPORTED
    if definition.is_interior or definition.format in _OCTETS or definition.format is Format.NULL:
        return OK
    problem = check_value(definition, node.value or "")
    return UNSUPPORTED if problem is not None and problem.severity is Severity.ERROR else OK
