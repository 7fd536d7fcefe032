from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from gateway.errors import TreeError
from gateway.mo.definition import Definition
from gateway.tree.format import Format
from gateway.tree.tree import ManagementTree
from gateway.tree.uri import Uri

NOW = datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC)


def at(path: str) -> Uri:
    return Uri.parse(f"./MO/{path}" if path else "./MO")


def refusal(command: Callable[..., object], *args: object, **kwargs: object) -> TreeError:
    with pytest.raises(TreeError) as refused:
        command(*args, **kwargs)
    return refused.value


@pytest.mark.parametrize(
    ("path", "value", "fmt", "status"),
    [
        ("Count", "7", None, None),
        ("Count", "seven", Format.CHR, None),
        ("Count", "seven", None, 415),
        ("Count", "7", Format.BOOL, 415),
        ("Flag", "1", Format.BOOL, None),
        ("Mode", "02", None, None),
        ("Mode", "3", None, 415),
        ("Maybe", "99", None, None),
        ("List", None, None, 418),
        ("List/2", None, Format.NODE, None),
        ("List/2", "text", None, 415),
        ("List/2", "text", Format.CHR, 415),
        ("List/1/Extra", "x", None, None),
        ("List/9/Extra", "x", None, 404),
        ("Fixed/Below", "x", None, 405),
        ("Few/a", None, None, None),
        ("Guarded/1", None, None, 405),
        ("Unheard", "x", None, 405),
        ("", None, None, 418),
    ],
)
def test_add_obeys_the_ddf(tree: ManagementTree, path: str, value: str, fmt: Format, status: int) -> None:
    """Add creates what the DDF lets be added, in a permitted format, with a permitted value (TND 8, RepPro 6.6.1).

    Permitted values bind only where the definition was read in the standard itself.
    """
    if status is None:
        tree.add(at(path), value, fmt=fmt)
        node = tree.get(at(path))
        assert node.name == at(path).name
        assert (node.value or "") == (value or "")
    else:
        before = [(uri, node.value) for uri, node in tree.walk()]
        assert refusal(tree.add, at(path), value, fmt=fmt).status == status
        assert [(uri, node.value) for uri, node in tree.walk()] == before


def test_format_and_type_come_from_the_definition(tree: ManagementTree) -> None:
    """A node added without format and type has those its definition names first."""
    tree.add(at("Flag"), "true")
    assert (tree.get(at("Flag")).format, tree.get(at("Flag")).type) == (Format.BOOL, "text/plain")


def test_missing_parents_are_created_only_when_asked(tree: ManagementTree) -> None:
    """Without ``implicit`` the refusal names the parent that is missing; with it all are created or none (RepPro)."""
    refused = refusal(tree.add, at("List/9/Value"), "x")
    assert (refused.status, refused.uri) == (404, at("List/9"))
    tree.add(at("List/9/Value"), "x", implicit=True)
    assert tree.get(at("List/9")).is_interior
    assert refusal(tree.add, at("Guarded/1/Value"), "x", implicit=True).status == 405
    assert tree.children(at("Guarded")) == ()


def test_no_more_entries_than_the_ddf_allows(tree: ManagementTree) -> None:
    """ZeroOrN limits how many nodes of one definition stand under one parent (TND 8.5, Occurrence)."""
    tree.add(at("Few/a"), "1")
    tree.add(at("Few/b"), "2")
    assert refusal(tree.add, at("Few/c"), "3").status == 405
    tree.delete(at("Few/a"))
    tree.add(at("Few/c"), "3")
    assert tree.children(at("Few")) == ("b", "c")


@pytest.mark.parametrize(
    ("path", "value", "status"),
    [
        ("Fixed", "new", None),
        ("Needed", "", None),
        ("ReadOnly", "new", 405),
        ("Count", "1", 404),
        ("List", "x", 405),
    ],
)
def test_replace_obeys_the_ddf(tree: ManagementTree, path: str, value: str, status: int) -> None:
    """Replace never creates (404 in 1.2), never gives an interior node a value, and needs the AccessType."""
    if status is None:
        tree.replace(at(path), value)
        assert tree.get(at(path)).value == value
    else:
        assert refusal(tree.replace, at(path), value).status == status


def test_replace_keeps_the_format_or_changes_it_within_the_ddf(tree: ManagementTree) -> None:
    """A Replace without Meta keeps format and type; a format the DDF does not list is 415."""
    tree.add(at("Count"), "1")
    tree.replace(at("Count"), "2")
    assert tree.get(at("Count")).format is Format.INT
    tree.replace(at("Count"), "two", fmt=Format.CHR)
    assert tree.get(at("Count")).format is Format.CHR
    assert refusal(tree.replace, at("Count"), "x", fmt=Format.NODE).status == 415
    assert refusal(tree.replace, at("Count"), "true", fmt=Format.BOOL).status == 415


@pytest.mark.parametrize(
    ("path", "status"),
    [("Fixed", 405), ("Needed", 405), ("ReadOnly", 405), ("List/1", 405), ("Count", 404), ("List", 405)],
)
def test_delete_is_refused(tree: ManagementTree, path: str, status: int) -> None:
    """Permanent nodes, required ones and those without Delete in AccessType stay (TND 7.2)."""
    assert refusal(tree.delete, at(path)).status == status


def test_delete_takes_the_whole_subtree(tree: ManagementTree) -> None:
    """What is below a deleted node goes with it, its own AccessType notwithstanding (TND 7.2)."""
    tree.add(at("List/2"))
    tree.delete(at("List/1"))
    assert tree.find(at("List/1/Value")) is None
    tree.delete(at(""))
    assert list(tree.walk(at(""))) == []
    assert refusal(tree.delete, Uri()).status == 405


def test_access_type_is_only_a_minimum_for_intents(definition: Definition) -> None:
    """On a tree that is not strict an entry may be added and removed although the DDF promises Get alone."""
    tree = ManagementTree()
    tree.mount(at(""), definition, strict=False)
    tree.add(at("Guarded/1/Value"), "x", implicit=True)
    tree.delete(at("Guarded/1"))
    tree.add(at("ReadOnly"), "a")
    tree.replace(at("ReadOnly"), "b")
    assert refusal(tree.add, at("Fixed"), "x").status == 405
    assert refusal(tree.add, at("Unheard"), "x").status == 405
    tree.add(at("Needed"), "x")
    assert refusal(tree.delete, at("Needed")).status == 405


def test_a_device_may_say_anything_of_itself(tree: ManagementTree) -> None:
    """``record`` never refuses: unknown roots, missing parents, and a leaf that turns out to have children."""
    tree.record(Uri.parse("./Vendor/X/Y"), "1", Format.INT)
    assert [str(uri) for uri, _ in tree.walk(Uri(("Vendor",)))] == ["./Vendor", "./Vendor/X", "./Vendor/X/Y"]
    tree.record(Uri.parse("./Vendor/X/Y/Z"), "2")
    assert tree.get(Uri.parse("./Vendor/X/Y")).is_interior
    tree.record(Uri.parse("./Vendor/X"), "leaf now")
    assert tree.children(Uri.parse("./Vendor/X")) == ()
    assert refusal(tree.add, Uri.parse("./Vendor/New"), "1").status == 405
    assert refusal(tree.replace, Uri.parse("./Vendor/X"), "1").status == 405


def test_walk_tells_parents_first_and_siblings_in_order() -> None:
    """The order does not depend on how the tree came about."""
    tree = ManagementTree()
    for path in ("./B/2", "./A", "./B/10/x", "./B/1"):
        tree.record(Uri.parse(path), "v")
    assert [str(uri) for uri, _ in tree.walk()] == [".", "./A", "./B", "./B/1", "./B/10", "./B/10/x", "./B/2"]
    assert tree.children(Uri(("B",))) == ("1", "10", "2")


def test_a_snapshot_lives_its_own_life(tree: ManagementTree) -> None:
    """Changes of a tree do not reach its snapshot, nor the other way round; the definitions go with it."""
    twin = tree.snapshot()
    tree.replace(at("Needed"), "changed")
    tree.add(at("List/2"))
    assert twin.get(at("Needed")).value == "must"
    assert twin.children(at("List")) == ("1",)
    assert refusal(twin.delete, at("Fixed")).status == 405


def test_copy_adds_a_second_leaf(tree: ManagementTree) -> None:
    """Copy is leaf to leaf and never overwrites (RepPro Copy)."""
    tree.copy(at("List/1/Value"), at("List/1/Extra"))
    assert tree.get(at("List/1/Extra")).value == "one"
    assert refusal(tree.copy, at("List/1/Value"), at("List/1/Extra")).status == 418
    assert refusal(tree.copy, at("List/1"), at("List/2")).status == 405
    assert refusal(tree.copy, at("Count"), at("List/1/Extra")).status == 404
    assert refusal(tree.copy, at("ReadOnly"), at("Count")).status == 405


def test_rights_are_given_once_to_a_chain_of_new_nodes(definition: Definition) -> None:
    """The first of several nodes created at once carries the creator's rights, those below inherit them."""
    tree = ManagementTree()
    tree.mount(Uri.parse("./Vendor/MO"), definition)
    tree.add(Uri.parse("./Vendor/MO/Count"), "1", implicit=True, server_id="guest")
    granted = [uri.name for uri, node in tree.walk(Uri(("Vendor",))) if node.acl]
    assert granted == ["Vendor"]
    tree.replace(Uri.parse("./Vendor/MO/Count"), "2", server_id="guest")


def test_the_deepest_mount_governs(definition: Definition) -> None:
    """An MO mounted inside another follows its own DDF."""
    tree = ManagementTree()
    tree.mount(Uri(("MO",)), definition)
    tree.mount(at("Few/a"), definition)
    assert tree.definition(at("Few/a/List/7")) is tree.definition(at("List/1"))
    assert tree.definition(at("Few/b")) is not definition
    assert tree.definition(Uri(("Other",))) is None


def test_above_a_mount_plain_interior_nodes_may_be_added(definition: Definition) -> None:
    """The path to an MO root is not part of any DDF; it is made of interior nodes."""
    tree = ManagementTree()
    tree.mount(Uri.parse("./Vendor/MO/1"), definition)
    tree.add(Uri.parse("./Vendor"))
    tree.add(Uri.parse("./Vendor/MO/1"), implicit=True)
    assert refusal(tree.add, Uri.parse("./Vendor/Other")).status == 405


ACLS = {
    "": "Add=owner&Get=*&Replace=owner",
    "List": "Add=lister&Get=lister&Delete=lister&Replace=lister",
    "Needed": "Replace=writer",
}


@pytest.fixture
def guarded(tree: ManagementTree) -> ManagementTree:
    for path, acl in ACLS.items():
        tree.replace_property(at(path), "ACL", acl)
    return tree


@pytest.mark.parametrize(
    ("server", "command", "status"),
    [
        ("owner", lambda t: t.add(at("Count"), "1", server_id="owner"), None),
        ("guest", lambda t: t.add(at("Count"), "1", server_id="guest"), 425),
        ("guest", lambda t: t.get(at("ReadOnly"), "guest"), None),
        ("owner", lambda t: t.get(at("Hidden"), "owner"), 405),
        ("owner", lambda t: t.get(at("List/1/Value"), "owner"), 425),
        ("lister", lambda t: t.get(at("List/1/Value"), "lister"), None),
        ("owner", lambda t: t.get(at("Needed"), "owner"), 425),
        ("writer", lambda t: t.replace(at("Needed"), "x", server_id="writer"), None),
        ("owner", lambda t: t.replace(at("Needed"), "x", server_id="owner"), 425),
        ("owner", lambda t: t.replace(at("Fixed"), "x", server_id="owner"), None),
        ("owner", lambda t: t.delete(at("List/1"), server_id="owner"), 425),
        ("lister", lambda t: t.copy(at("List/1/Value"), at("List/1/Extra"), server_id="lister"), None),
        ("owner", lambda t: t.copy(at("List/1/Value"), at("Count"), server_id="owner"), 425),
        # Properties: own Replace for Title and Name, the parent's for the ACL of a leaf, either for an interior node.
        ("writer", lambda t: t.replace_property(at("Needed"), "Title", "x", server_id="writer"), None),
        ("writer", lambda t: t.replace_property(at("Needed"), "ACL", "Get=*", server_id="writer"), 425),
        ("owner", lambda t: t.replace_property(at("Needed"), "ACL", "Get=*", server_id="owner"), None),
        ("lister", lambda t: t.replace_property(at("List"), "ACL", "Get=*", server_id="lister"), None),
        ("owner", lambda t: t.replace_property(at("List"), "ACL", "Get=*", server_id="owner"), None),
        ("guest", lambda t: t.replace_property(at("List"), "ACL", "Get=*", server_id="guest"), 425),
        ("lister", lambda t: t.replace_property(at("List/1"), "Name", "2", server_id="lister"), None),
        ("guest", lambda t: t.get_property(at("Needed"), "Format", "guest"), 425),
    ],
)
def test_the_acl_binds_every_server(
    guarded: ManagementTree, server: str, command: Callable[[ManagementTree], object], status: int | None
) -> None:
    """A right comes from the node's own list, or as a whole from the nearest one above (TND 7.7.1.3)."""
    if status is None:
        command(guarded)
    else:
        assert refusal(command, guarded).status == status


def test_a_creator_without_replace_gets_rights_on_its_interior_node(tree: ManagementTree) -> None:
    """Add of an interior node by a server that may not Replace its parent gives it Add, Delete, Replace (TND 7.7.1)."""
    tree.replace_property(at(""), "ACL", "Add=guest&Get=*")
    tree.add(at("Count"), "1", server_id="guest")
    tree.add(at("List/2"), server_id="guest")
    assert tree.get_property(at("Count"), "ACL") == ""
    assert tree.get_property(at("List/2"), "ACL") == "Add=guest&Delete=guest&Replace=guest"
    tree.replace_property(at(""), "ACL", "Add=guest&Get=*&Replace=guest")
    tree.add(at("List/3"), server_id="guest")
    assert tree.get_property(at("List/3"), "ACL") == ""


def test_a_server_is_told_only_what_it_may_get(guarded: ManagementTree) -> None:
    """A subtree reading leaves out nodes without Get in ACL or AccessType (TNDS 5)."""
    told = {str(uri.name) for uri, _ in guarded.walk(at(""), "guest")}
    assert told == {"MO", "Fixed", "ReadOnly", "Few", "Guarded"}


def test_properties_read_as_the_specification_says(tree: ManagementTree) -> None:
    """Every node has the mandatory properties; an inheriting node's ACL reads as empty (TND 7.7)."""
    tree.add(at("Count"), "12345", now=NOW)
    texts = {"ACL": "", "Format": "int", "Name": "Count", "Size": "5", "Title": "", "Type": "text/plain", "VerNo": "0"}
    assert {name: tree.get_property(at("Count"), name) for name in texts} == texts
    assert tree.get_property(at("Count"), "TStamp") == "20260101T120000Z"
    assert tree.get_property(at(""), "Type") == "urn:example:mo:1.0"
    assert tree.get_property(Uri(), "ACL") == "Add=*&Get=*"
    for uri, name in ((at(""), "Size"), (at("Count"), "Colour"), (at("Fixed"), "TStamp")):
        assert refusal(tree.get_property, uri, name).status == 406


def test_a_change_counts_and_is_dated(tree: ManagementTree) -> None:
    """VerNo grows by one with each change and wraps at 16 bits; TStamp is the time of the last (TND 7.7.8, 7.7.10)."""
    tree.replace(at("Needed"), "x", now=NOW)
    tree.replace_property(at("Needed"), "Title", "t", now=NOW)
    assert tree.get_property(at("Needed"), "VerNo") == "2"
    assert tree.get_property(at("Needed"), "TStamp") == "20260101T120000Z"
    tree.find(at("Needed")).verno = 0xFFFF
    tree.replace(at("Needed"), "y")
    assert tree.get_property(at("Needed"), "VerNo") == "0"


@pytest.mark.parametrize(
    ("path", "name", "text", "status"),
    [
        ("List/1", "Name", "first", None),
        ("List/1", "Name", "2", 418),
        ("List/1", "Name", "a/b", 400),
        ("List/1", "Name", "", 400),
        ("Fixed", "Name", "Other", 405),
        ("Needed", "Name", "Count", 405),
        ("", "Name", "Other", 405),
        ("Needed", "Title", "ß" * 127, None),
        ("Needed", "Title", "ß" * 128, 413),
        ("Needed", "ACL", "Get=a", None),
        ("Needed", "ACL", "Get=", 400),
        ("Needed", "Format", "int", 405),
        ("Needed", "Size", "1", 405),
        ("Needed", "VerNo", "1", 405),
        ("Needed", "Colour", "red", 406),
        ("Gone", "Title", "x", 404),
    ],
)
def test_replacing_properties(tree: ManagementTree, path: str, name: str, text: str, status: int | None) -> None:
    """ACL, Name and Title may be replaced, the others never (TND 7.7)."""
    tree.add(at("List/2"))
    if status is not None:
        assert refusal(tree.replace_property, at(path), name, text).status == status
        return
    tree.replace_property(at(path), name, text)
    renamed = at(path).parent / text if name == "Name" else at(path)
    assert tree.get_property(renamed, name) == text
    assert (tree.find(at(path)) is None) == (name == "Name")


def test_the_root_always_has_an_acl(tree: ManagementTree) -> None:
    """The root's list ends the inheritance, so it cannot be emptied (TND 7.7.1.3)."""
    assert refusal(tree.replace_property, Uri(), "ACL", "").status == 405
    tree.replace_property(Uri(), "ACL", "Get=a")
    assert refusal(tree.get, at("Fixed"), "b").status == 425
