"""A small MO with one node of each kind that the rules tell apart."""

import pytest

from gateway.mo.definition import Definition, Occurrence, Permitted, Provenance
from gateway.tree.format import Format
from gateway.tree.tree import ManagementTree
from gateway.tree.uri import Uri

ALL = frozenset({"Add", "Copy", "Delete", "Get", "Replace"})


def interior(name: str, *children: Definition, **rest: object) -> Definition:
    return Definition(name, (Format.NODE,), **{"access": ALL, "children": children, **rest})


def leaf(name: str, *formats: Format, **rest: object) -> Definition:
    return Definition(name, formats or (Format.CHR,), **{"access": ALL, "occurrence": Occurrence.ZERO_OR_ONE, **rest})


@pytest.fixture
def definition() -> Definition:
    return interior(
        "MO",
        leaf("Fixed", permanent=True, occurrence=Occurrence.ONE),
        leaf("ReadOnly", access=frozenset({"Get"})),
        leaf("Hidden", access=frozenset({"Replace", "Add"})),
        leaf("Needed", occurrence=Occurrence.ONE),
        leaf("Count", Format.INT, Format.CHR),
        leaf("Flag", Format.BOOL, types=("text/plain",)),
        leaf("Mode", Format.INT, permitted=Permitted(values=(("1", "on"), ("2", "off")))),
        leaf("Maybe", Format.INT, permitted=Permitted(low=0, high=9), provenance=Provenance("derived")),
        interior(
            "List",
            interior(
                "",
                leaf("Value", occurrence=Occurrence.ONE),
                leaf("Extra"),
                occurrence=Occurrence.ONE_OR_MORE,
            ),
        ),
        interior("Few", leaf("", occurrence=Occurrence.ZERO_OR_N, max_occurs=2)),
        interior("Guarded", interior("", leaf("Value"), occurrence=Occurrence.ZERO_OR_MORE, access=frozenset({"Get"}))),
        occurrence=Occurrence.ZERO_OR_ONE,
    )


@pytest.fixture
def tree(definition: Definition) -> ManagementTree:
    """A device's tree: the MO is at ``./MO`` and holds its permanent and required nodes."""
    tree = ManagementTree()
    tree.mount(Uri(("MO",)), definition)
    tree.record(Uri.parse("./MO"), fmt=Format.NODE, type_="urn:example:mo:1.0")
    tree.record(Uri.parse("./MO/Fixed"), "here")
    tree.record(Uri.parse("./MO/ReadOnly"), "look")
    tree.record(Uri.parse("./MO/Hidden"), "secret")
    tree.record(Uri.parse("./MO/Needed"), "must")
    tree.record(Uri.parse("./MO/List/1/Value"), "one")
    for name in ("List", "List/1", "Few", "Guarded"):
        tree.record(Uri.parse(f"./MO/{name}"), fmt=Format.NODE)
    return tree
