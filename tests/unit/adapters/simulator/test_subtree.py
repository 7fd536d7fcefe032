"""The simulated phone and a subtree that comes in one Add."""

from __future__ import annotations

import base64

import pytest

from adapters.simulator import subtree
from adapters.simulator.objects import Tree
from adapters.simulator.syncml_markup import Markup, decode_xml

# The example of the specification's section on serialization, with an identifier and octets put in.
SPEC = """<MgmtTree xmlns='syncml:dmddf1.2'><VerDTD>1.2</VerDTD>
<Node><NodeName>X</NodeName><RTProperties><Format><node/></Format><Type><DDFName>urn:x</DDFName></Type></RTProperties>
<Node><NodeName>AppID</NodeName><RTProperties><Format><chr/></Format></RTProperties><Value>w7</Value></Node>
<Node><NodeName>Key</NodeName><RTProperties><Format><b64/></Format></RTProperties><Value>AP8=</Value></Node>
<Node><NodeName>Sub</NodeName><Node><NodeName>1</NodeName><Value>one</Value></Node></Node>
</Node></MgmtTree>"""
ADDED = {
    "./A/X": ["node", None],
    "./A/X/AppID": ["chr", "w7"],
    "./A/X/Key": ["bin", "AP8="],
    "./A/X/Sub": ["node", None],
    "./A/X/Sub/1": ["chr", "one"],
}
# WBXML of <MgmtTree>…<Node>X<Node>AppID = w7: written out by hand from the token table of page 2.
WBXML = bytes.fromhex(
    "02016a00" "0002" "60" "770331" "2e320001" "64" "66" "035800" "01" "64" "66" "03417070494400" "01"
    "76" "03773700" "01" "01" "01" "01"
)  # fmt: skip


def item(data: object, type_: str = "xml", fmt: str = "xml") -> Markup:
    return "Item", [("Meta", [("Format", fmt), ("Type", f"application/vnd.syncml.dmtnds+{type_}")]), ("Data", data)]


def taken(one: Markup, tree: Tree, target: str = "./A/X", refuse: dict[str, int] | None = None) -> tuple[int, Tree]:
    types: dict[str, str] = {}
    assert subtree.is_subtree(one)
    return subtree.add(tree, types, target, one, lambda uri, _: (refuse or {}).get(uri, 200)), tree


@pytest.mark.parametrize("data", [SPEC, [decode_xml(SPEC.replace("\n", "").encode())]], ids=["text", "markup"])
def test_every_node_is_added(data: object) -> None:
    """Below the target, with formats that are told or follow from what is there (TNDS 5)."""
    assert taken(item(data), {"./A": ["node", None]}) == (200, {"./A": ["node", None], **ADDED})


@pytest.mark.parametrize(
    "one", [item(WBXML, "wbxml"), item(base64.b64encode(WBXML).decode(), "wbxml", "b64")], ids=["octets", "base64"]
)
def test_wbxml_of_its_own_is_understood(one: Markup) -> None:
    """It comes as octets, or as base64 in XML."""
    assert taken(one, {"./A": ["node", None]})[1].keys() == {"./A", "./A/X", "./A/X/AppID"}


@pytest.mark.parametrize(
    ("tree", "refuse", "data", "status"),
    [
        ({}, {}, SPEC, 404),
        ({"./A": ["node", None], "./A/X": ["node", None]}, {}, SPEC, 418),
        ({"./A": ["node", None]}, {"./A/X/Sub/1": 425}, SPEC, 425),
        ({"./A": ["node", None]}, {}, "<MgmtTree", 400),
    ],
)
def test_a_subtree_is_added_as_a_whole_or_not_at_all(
    tree: Tree, refuse: dict[str, int], data: str, status: int
) -> None:
    """One node that cannot be added, a missing parent or nonsense: nothing is changed (RepPro 6.6.1)."""
    before = dict(tree)
    assert taken(item(data), tree, refuse=refuse) == (status, before)


def test_a_replace_leaves_nothing_of_what_was_there() -> None:
    """All below the target is gone but what came; a refusal changes nothing, and what is not there is no target.

    Spec: OMA-TS-DM_RepPro-V1_2 6.6 (Replace)
    """
    before: Tree = {"./A": ["node", None], "./A/X": ["node", None], "./A/X/Old": ["chr", "1"], "./A/XY": ["chr", "2"]}
    tree: Tree = dict(before)
    types: dict[str, str] = {}
    assert subtree.put(tree, types, "./A/X", item(SPEC), lambda uri, _: 405 if uri == "./A/X/Key" else 200) == 405
    assert tree == before
    assert subtree.put(tree, types, "./A/Z", item(SPEC), lambda *_: 200) == 404
    assert subtree.put(tree, types, "./A/X", item(SPEC), lambda *_: 200) == 200
    assert tree == {"./A": ["node", None], "./A/XY": ["chr", "2"], **ADDED}
