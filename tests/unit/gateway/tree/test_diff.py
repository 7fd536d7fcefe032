from dataclasses import replace

import pytest

from gateway.mo.definition import Definition
from gateway.tree.diff import diff
from gateway.tree.format import Format
from gateway.tree.tree import ManagementTree
from gateway.tree.uri import Uri

MO = Uri(("MO",))
HELD = {"Needed": "must", "List/1/Value": "one"}


def holding(definition: Definition, values: dict[str, str | None] | None, root: Uri = MO) -> ManagementTree:
    """A tree with these leaves at the MO; a value None is an interior node, no values at all an absent MO."""
    tree = ManagementTree()
    tree.mount(root, definition, strict=False)
    if values is not None:
        tree.record(root, fmt=Format.NODE)
    for path, value in (values or {}).items():
        uri = root.join(tuple(path.split("/")))
        named = definition.find(uri[len(root) :])
        fmt = named.format if named and not named.is_interior else Format.CHR
        tree.record(uri, value, Format.NODE if value is None else fmt)
    return tree


@pytest.mark.parametrize(
    ("desired", "reported", "edits"),
    [
        (HELD, HELD, []),
        (HELD, HELD | {"Needed": "other"}, ["Replace Needed=must"]),
        (
            HELD,
            None,
            ["Add ", "Add List", "Add List/1", "Add List/1/Value=one", "Add Needed=must"],
        ),
        (HELD, {"Needed": "must"}, ["Add List", "Add List/1", "Add List/1/Value=one"]),
        # What only the device has stays, unless it is an entry of a list that the desired tree holds.
        (HELD, HELD | {"Count": "1", "Vendor/X": "y", "List/1/Extra": "e"}, []),
        (HELD, HELD | {"List/2/Value": "two", "List/2/Extra": "e"}, ["Delete List/2"]),
        ({"Needed": "must"}, HELD, []),
        (HELD, {"Needed": "must", "List/2/Value": "two"}, ["Add List/1", "Add List/1/Value=one", "Delete List/2"]),
        ({"Few/a": "1"}, {"Few/b": "2"}, ["Delete Few/b", "Add Few/a=1"]),
        # Permanent nodes are taken to be there.
        ({"Fixed": "x"}, {}, ["Replace Fixed=x"]),
        ({"Fixed": "x"}, {"Fixed": None}, []),
        # Values are compared as the format means them.
        ({"Count": "7", "Flag": "true"}, {"Count": "007", "Flag": "1"}, []),
        ({"Count": "7"}, {"Count": "seven"}, ["Replace Count=7"]),
        # A leaf where an interior node should be must go first, and the other way round.
        (HELD, HELD | {"List/1/Value": "one", "Few": "leaf"}, []),
        ({"Few/a": "1"}, {"Few": "leaf"}, ["Delete Few", "Add Few", "Add Few/a=1"]),
        ({"Needed": "must"}, {"Needed/below": "x"}, ["Delete Needed", "Add Needed=must"]),
    ],
)
def test_edits(
    definition: Definition, desired: dict[str, str], reported: dict[str, str | None] | None, edits: list[str]
) -> None:
    """The fewest commands, in an order that a device can carry out."""
    found = diff(holding(definition, desired), holding(definition, reported), roots=[MO])
    told = [f"{e.verb} {'/'.join(e.uri[1:])}" + ("" if e.value is None else f"={e.value}") for e in found]
    assert told == edits


def test_a_device_reports_formats_of_its_own(definition: Definition) -> None:
    """The same value under another format is the same value."""
    desired, reported = holding(definition, {"Count": "7"}), holding(definition, {})
    reported.record(MO / "Count", "7", Format.CHR)
    assert diff(desired, reported, roots=[MO]) == []


def test_edits_carry_format_and_type(definition: Definition) -> None:
    """An interior node is added with format node and its MO identifier, a leaf with its own format."""
    desired, reported = holding(definition, {"Count": "7"}), ManagementTree()
    desired.record(MO, fmt=Format.NODE, type_="urn:example:mo:1.0")
    edits = diff(desired, reported, roots=[MO])
    assert [(edit.format, edit.type) for edit in edits] == [(Format.NODE, "urn:example:mo:1.0"), (Format.INT, "")]


def test_an_absent_mo_is_added_even_if_its_root_is_permanent(definition: Definition) -> None:
    """Whether a device can take a whole MO that it does not report is for the device to answer."""
    desired = holding(replace(definition, permanent=True), {})
    assert [(edit.verb, edit.uri) for edit in diff(desired, ManagementTree(), roots=[MO])] == [("Add", MO)]


def test_the_way_to_a_root_is_added_once(definition: Definition) -> None:
    """Nodes above two MOs that are not known to exist are added before either, and only once."""
    roots = [Uri.parse("./Vendor/MO/1"), Uri.parse("./Vendor/MO/2")]
    desired = holding(definition, {}, roots[0])
    desired.record(roots[1], fmt=Format.NODE)
    edits = diff(desired, ManagementTree(), roots=roots)
    assert [str(edit.uri) for edit in edits] == ["./Vendor", "./Vendor/MO", "./Vendor/MO/1", "./Vendor/MO/2"]


def test_roots_and_pruning_are_the_callers_choice(definition: Definition) -> None:
    """Only the named roots are looked at, and ``prune`` decides what may go, permanent nodes excepted."""
    desired, reported = holding(definition, {}), holding(definition, {"Fixed": "x", "Count": "1", "List/1/Value": "v"})
    assert diff(desired, reported, roots=[Uri(("Other",))]) == []
    edits = diff(desired, reported, roots=[MO], prune=lambda uri, definition: True)
    assert [(edit.verb, edit.uri.name) for edit in edits] == [("Delete", "Count"), ("Delete", "List")]
