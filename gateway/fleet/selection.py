"""The merge of all layers that apply to one device: for each leaf its template, who set it, and who lost.

A Selection has no subscriber's values in it, so millions of subscribers share a handful of them.
"""

from __future__ import annotations

import enum
import hashlib
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import msgspec

from gateway.errors import NotFound
from gateway.fleet.owners import OwnerRule
from gateway.fleet.variables import slots
from gateway.mo.catalogue import Catalogue
from gateway.mo.definition import Definition


class Layer(enum.StrEnum):
    """Who speaks, weakest first: of two layers that set one leaf the later wins."""

    OPERATOR = "operator"
    TENANT = "tenant"
    MODEL = "model"
    PLAN = "plan"
    GROUP = "group"
    SUBSCRIBER = "subscriber"
    DEVICE = "device"


class Node(NamedTuple):
    """A node of an MO: the MO's key and the path below its root, ``/`` between the segments."""

    mo: str
    path: str

    def __str__(self) -> str:
        return f"{self.mo}/{self.path}"


class Source(NamedTuple):
    """One layer's word on a leaf: its template, or None where the layer takes the leaf away.

    ``profile`` and ``place`` (``file:line``) are empty for values set on a subscriber or device.
    """

    layer: Layer
    profile: str
    place: str
    template: str | None


class Leaf(NamedTuple):
    """One leaf after the merge. ``losers`` are the weaker words on it, strongest first."""

    winner: Source
    losers: tuple[Source, ...] = ()

    def under(self, source: Source) -> Leaf:
        """This leaf with a stronger word on it."""
        return Leaf(source, (self.winner, *self.losers))


class Stratum(NamedTuple):
    """All that one profile, subscriber or device has to say.

    ``unset`` takes away what weaker layers set at or below these nodes, before ``values`` are set.
    """

    values: Mapping[Node, Source]
    unset: Mapping[Node, Source]


Leaves = Mapping[str, Mapping[str, Leaf]]


@dataclass(frozen=True, slots=True, eq=False)
class Selection:
    """What one kind of device shall hold, before variables.

    ``leaves`` is MO key -> path -> leaf, MOs by key and leaves in the order of the DDF; leaves that were taken away
    are there, with a winner without template. ``digest`` is the same for the same templates, whoever set them and in
    every process. ``variables`` are the names the templates use, ``texts`` the templates by MO key and path. ``owners``
    are the profiles' words on which protocol writes an MO.
    """

    leaves: Leaves
    texts: Mapping[str, Mapping[str, str]]
    digest: str
    variables: frozenset[str]
    owners: Mapping[str, OwnerRule]

    def templates(self, mo: str) -> Mapping[str, str]:
        """The MO's templates by path; empty for an MO of which nothing is set."""
        return self.texts.get(mo, {})


def merge(
    weaker: Leaves, strata: Iterable[Stratum], catalogue: Catalogue, owners: Mapping[str, OwnerRule] | None = None
) -> Selection:
    """These leaves with the strata laid over them, weakest first. MOs that none of them touches are shared."""
    leaves = dict(weaker)
    touched: set[str] = set()
    for stratum in strata:
        changed = _overlay(leaves, stratum)
        leaves |= changed
        touched |= changed.keys()
    for mo in touched:
        order = _ddf_order(catalogue, mo)
        leaves[mo] = dict(sorted(leaves[mo].items(), key=lambda item: order(item[0])))
    leaves = {mo: leaves[mo] for mo in sorted(leaves)}
    templates = {
        mo: {path: leaf.winner.template for path, leaf in paths.items() if leaf.winner.template is not None}
        for mo, paths in leaves.items()
    }
    return Selection(
        leaves=leaves,
        texts=templates,
        digest=content_digest(templates | _as_texts(owners or {})).hex(),
        variables=frozenset(
            name for paths in templates.values() for template in paths.values() for name in slots(template)
        ),
        owners=owners or {},
    )


def _as_texts(owners: Mapping[str, OwnerRule]) -> dict[str, dict[str, str]]:
    """Who owns what, as texts of no MO."""
    return {" owners": {mo: rule.protocol for mo, rule in owners.items()}} if owners else {}


def content_digest(texts: Mapping[str, Mapping[str, str]]) -> bytes:
    """The digest of texts by MO and path: the same in every process and in whatever order they stand.

    An MO without texts counts as absent.
    """
    content = {mo: paths for mo, paths in texts.items() if paths}
    return hashlib.blake2b(msgspec.msgpack.encode(content, order="sorted"), digest_size=16).digest()


def _overlay(leaves: Leaves, stratum: Stratum) -> dict[str, dict[str, Leaf]]:
    """The MOs that the stratum touches, as they are with it."""
    changed = {node.mo: dict(leaves.get(node.mo, {})) for node in (*stratum.unset, *stratum.values)}
    for node, source in stratum.unset.items():
        paths = changed[node.mo]
        prefix = f"{node.path}/" if node.path else ""
        for path, leaf in paths.items():
            if f"{path}/".startswith(prefix) and Node(node.mo, path) not in stratum.values:
                paths[path] = leaf.under(source)
    for node, source in stratum.values.items():
        paths = changed[node.mo]
        paths[node.path] = paths[node.path].under(source) if node.path in paths else Leaf(source)
    return changed


def _ddf_order(catalogue: Catalogue, mo: str) -> Callable[[str], tuple[tuple[int, int, str], ...]]:
    """The sort key of the MO's paths: siblings as the DDF lists them, then instances by number, then by name.

    Nodes that the DDF does not have (it may have changed since a value was set) come last.
    """
    try:
        root: Definition | None = catalogue.get(mo).root
    except NotFound:
        root = None

    def key(path: str) -> tuple[tuple[int, int, str], ...]:
        node, places = root, []
        for segment in path.split("/"):
            siblings = node.children if node else ()
            node = node.child(segment) if node else None
            place = next((place for place, sibling in enumerate(siblings) if sibling is node), len(siblings))
            # A number with fewer digits is the smaller one.
            places.append((place, len(segment) if segment.isdecimal() else sys.maxsize, segment))
        return tuple(places)

    return key
