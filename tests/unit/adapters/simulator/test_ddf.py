"""What the simulated phone's own description lets a server do, by the DDFs that are shipped."""

from __future__ import annotations

from pathlib import Path

import pytest

from adapters.simulator.ddf import NOTHING, Ddf, Node
from adapters.simulator.objects import TYPES, Objects, Tree
from gateway.mo.catalogue import Catalogue
from gateway.mo.definition import Definition, ManagementObject, Occurrence
from gateway.tree.format import Format

CATALOGUE = Catalogue.load(Path(__file__).parents[4] / "config" / "mo", identifiers={})
IMS = "urn:oma:mo:ext-3gpp-ims:1.0"
NAP = "urn:oma:mo:oma-connmo-nap:1.0"
DDF = Ddf(CATALOGUE, {"mmtel": "./MMTEL"})


def phone(ddf: Ddf = DDF) -> tuple[Tree, dict[str, str]]:
    """A phone fresh from the factory, to which a server has given an IMS object, an access point and an account."""
    tree: Tree = {}
    types: dict[str, str] = {}
    Objects(tree, types, {}, ddf.carries)
    for uri in ("./3GPP_IMS", "./3GPP_IMS/ConRefs", "./3GPP_IMS/ConRefs/1", "./NAP", "./NAP/web", "./DMAcc"):
        tree[uri] = ["node", None]
    for uri in ("./3GPP_IMS/AppID", "./3GPP_IMS/Timer_T1", "./3GPP_IMS/Timer_T2", "./NAP/web/Addr"):
        tree[uri] = ["chr", "1"]
    tree |= {"./DMAcc/1": ["node", None], "./DMAcc/1/ServerID": ["chr", "mogate"], "./Old": ["chr", "1"]}
    return tree, types | {"./3GPP_IMS": IMS, "./NAP/web": NAP}


@pytest.mark.parametrize(
    ("verb", "uri", "node", "status"),
    [
        ("Add", "./3GPP_IMS/Timer_T4", Node("int", "17000"), 200),
        ("Add", "./3GPP_IMS/Timer_T9", Node("int", "1"), 405),
        ("Add", "./3GPP_IMS/ConRefs/2", Node("node"), 200),
        ("Add", "./3GPP_IMS/ConRefs/1/ConRef", Node("chr", "./NAP/web"), 200),
        ("Add", "./3GPP_IMS/Timer_T4", Node("chr", "17000"), 415),
        ("Add", "./3GPP_IMS/Timer_T4", Node("node"), 415),
        ("Add", "./3GPP_IMS/Timer_T4", Node("", "17000"), 200),
        ("Add", "./3GPP_IMS/Timer_T4", Node("int", "soon"), 415),
        ("Replace", "./3GPP_IMS/Timer_T1", Node("", "500"), 200),
        ("Replace", "./3GPP_IMS/AppID", Node("chr", "ap2001"), 405),
        ("Replace", "./3GPP_IMS/ConRefs", Node("chr", "1"), 405),
        ("Replace", "./3GPP_IMS/Timer_T4", Node("int", "1"), 200),
        ("Delete", "./3GPP_IMS/Timer_T1", NOTHING, 200),
        ("Delete", "./3GPP_IMS/AppID", NOTHING, 405),
        ("Delete", "./3GPP_IMS/ConRefs/1", NOTHING, 405),
        ("Delete", "./3GPP_IMS", NOTHING, 200),
        ("Exec", "./3GPP_IMS/Timer_T1", NOTHING, 405),
        ("Add", "./MMTEL", Node("node"), 200),
        ("Add", "./MMTEL/None", Node("chr", "1"), 405),
        ("Add", "./NAP/mms", Node("node", None, NAP), 200),
        ("Replace", "./NAP/web/Addr", Node("chr", "internet"), 200),
        ("Replace", "./DMAcc/1/ServerID", Node("chr", "other"), 200),
        ("Add", "./DMAcc/2", Node("node"), 200),
        ("Add", "./DMAcc/1/Colour", Node("chr", "red"), 405),
        ("Add", "./DMAcc/1/Ext", Node("node"), 200),
        ("Add", "./DMAcc/1/Ext/Colour", Node("chr", "red"), 200),
    ],
)
def test_what_a_server_may_write_into_an_object_of_its_own(verb: str, uri: str, node: Node, status: int) -> None:
    """Only nodes of the definition, in its format, as often as it says; a value is changed where Replace is granted.

    Spec: OMA-TS-DM_TND-V1_2 8 (AccessType, Occurrence, DFFormat), OMA-TS-DM_RepPro-V1_2 10 (405, 415)
    """
    tree, types = phone()
    assert DDF.judge(verb, uri, node, tree, types) == status


@pytest.mark.parametrize(
    ("verb", "uri", "node", "status"),
    [
        ("Replace", "./DevDetail/FwV", Node("chr", "2"), 405),
        ("Replace", "./FUMO/State", Node("int", "50"), 405),
        ("Replace", "./FUMO/Download/PkgURL", Node("chr", "http://x"), 200),
        ("Exec", "./FUMO/Download", NOTHING, 200),
        ("Exec", "./FUMO/State", NOTHING, 405),
        ("Delete", "./FUMO", NOTHING, 405),
        ("Delete", "./LAWMO/State", NOTHING, 405),
        ("Add", "./FUMO/PkgName", Node("chr", "x"), 405),
        ("Add", "./SCOMO/Download/7", Node("node"), 200),
        ("Add", "./SCOMO/Download/7/PkgURL", Node("chr", "http://x"), 200),
        ("Add", "./DevDetail/Colour", Node("chr", "red"), 405),
        ("Replace", "./LAWMO/AvailableWipeList/1/ToBeWiped", Node("bool", "true"), 200),
        ("Replace", "./LAWMO/AvailableWipeList/1/ToBeWiped", Node("bool", "maybe"), 415),
        ("Replace", "./DCMO/Camera/Property", Node("chr", "Radio"), 200),
    ],
)
def test_what_a_server_may_write_into_objects_of_the_phone(verb: str, uri: str, node: Node, status: int) -> None:
    """What the phone came with is as its definition says, to the letter; an object without one takes what comes.

    Spec: OMA-TS-DM_FUMO-V1_0 5, OMA-TS-DM-SCOMO-V1_0 5, OMA-TS-DM_StdObj-V1_2 5 (access types)
    """
    tree, types = phone()
    tree |= {"./SCOMO/Download/7": ["node", None]} if uri.startswith("./SCOMO/Download/7/") else {}
    assert DDF.judge(verb, uri, node, tree, types) == status


@pytest.mark.parametrize(
    ("verb", "uri", "node", "status"),
    [
        ("Add", "./Radio", Node("node"), 200),
        ("Add", "./Radio", Node("node", None, "urn:oma:mo:unheard-of:1.0"), 405),
        ("Add", "./Radio", Node("chr", "1"), 405),
        ("Add", "./Vendor", Node("node"), 200),
        ("Add", "./Vendor/Radio", Node("chr", "1"), 200),
        ("Replace", "./Old", Node("chr", "2"), 200),
        ("Add", "./Old", Node("chr", "2"), 200),
    ],
)
def test_what_a_server_may_write_elsewhere(verb: str, uri: str, node: Node, status: int) -> None:
    """Nodes that lead to an object, and anything in the maker's corner; what is there says its own word (418, 404)."""
    tree, types = phone()
    assert DDF.judge(verb, uri, node, tree, types) == status


def test_a_count_is_kept() -> None:
    """No more nodes of a kind than its ZeroOrN allows under one parent (TND 8, Occurrence)."""
    few = Definition("", (Format.CHR,), Occurrence.ZERO_OR_N, 2)
    root = Definition("", (Format.NODE,), children=(few, Definition("Name", (Format.CHR,))))
    ddf = Ddf([ManagementObject(key="few", moi="urn:few", root=root)])
    tree: Tree = {"./F": ["node", None], "./F/Name": ["chr", "x"], "./F/1": ["chr", "1"]}
    assert ddf.judge("Add", "./F/2", Node("chr", "2"), tree, {"./F": "urn:few"}) == 200
    tree["./F/2"] = ["chr", "2"]
    assert ddf.judge("Add", "./F/3", Node("chr", "3"), tree, {"./F": "urn:few"}) == 405


def test_names_and_what_is_kept_back() -> None:
    """Only a node whose name is free is renamed, and what nobody may Get is not told (TND 7.7 Name, 8 AccessType)."""
    _, types = phone()
    assert DDF.renames("./3GPP_IMS/ConRefs/1", "2", types)
    assert not DDF.renames("./3GPP_IMS/Timer_T1", "Timer_T2", types)
    assert DDF.renames("./NAP/web", "mms", types)
    assert not DDF.tells("./DMAcc/1/AppAuth/1/AAuthData", types)
    assert DDF.tells("./DMAcc/1/ServerID", types)


def test_a_phone_that_has_fewer_objects() -> None:
    """What it does not carry is neither in its tree nor taken from a server, and nobody is without DevInfo."""
    ddf = Ddf(CATALOGUE, carried={"devinfo", "devdetail", "dmacc", "rcs", "dcmo"})
    tree, types = phone(ddf)
    assert {uri for uri in types if uri in TYPES} == {"./DevInfo", "./DevDetail", "./DCMO/Camera"}
    assert "./DevDetail/FwV" in tree
    assert "./DCMO/Camera/Enabled" in tree
    assert not [uri for uri in tree if uri.startswith(("./FUMO", "./LAWMO", "./SCOMO", "./DiagMon"))]
    assert ddf.judge("Add", "./IMS", Node("node", None, IMS), tree, types) == 405
    assert ddf.judge("Add", "./RCS", Node("node", None, CATALOGUE.get("rcs").moi), tree, types) == 200
