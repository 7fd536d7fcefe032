"""What holds of every mapping: what is written can be read again, and reading takes any document."""

from collections.abc import Mapping as Values
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.provisioning import template
from adapters.provisioning.document import Characteristic, Parm, parse_document
from adapters.provisioning.mapping import LAYOUTS, Layout, Mapping
from gateway.fleet.variables import escape
from gateway.mo.catalogue import Catalogue
from gateway.mo.definition import UNNAMED, Definition, ManagementObject
from gateway.tree.format import Format

CONFIG = Path(__file__).parents[2] / "config"
CATALOGUE = Catalogue.load(CONFIG / "mo", identifiers={})
MAPPING = Mapping.load(CONFIG / "mapping", CATALOGUE)

xml_text = st.text(
    st.one_of(st.sampled_from("{}&<>\"'\n\r\t é"), st.characters(codec="utf-8", exclude_categories=["C"])), max_size=12
)
free_names = st.text(st.sampled_from("aB-_1é{}&"), min_size=1, max_size=4)
entry_names = st.sampled_from(["1", "2", "9", "b", "{"])


@st.composite
def values_of(draw: st.DrawFn, managed: ManagementObject) -> dict[str, str]:
    """Values for a few leaves of the MO, those of lists in a few entries, in any order."""
    leaves = [(path, node) for path, node in managed.root.walk() if not node.is_interior]
    values = {}
    for path, node in draw(st.lists(st.sampled_from(leaves), max_size=12)):
        names = [draw(free_names if end == len(path) else entry_names) for end in range(1, len(path) + 1)]
        filled = "/".join([name if part == UNNAMED else part for part, name in zip(path, names, strict=True)])
        meant = managed.root.find(tuple(filled.split("/"))) or node
        values[filled] = draw(st.sampled_from(["true", "false"]) if meant.format is Format.BOOL else xml_text)
    return values


def renumbered(managed: ManagementObject, values: Values[str, str]) -> dict[str, str]:
    """The values with the entries of each list named 1, 2, … in the order of first mention; free leaves as they are."""
    known: dict[str, list[str]] = {}
    renamed = {}
    for path, text in values.items():
        node, above = managed.root, ""
        for name in path.split("/"):
            child = node.child(name)
            assert child is not None
            if child.is_dynamic and child.is_interior:
                entries = known.setdefault(above, [])
                if name not in entries:
                    entries.append(name)
                name = str(entries.index(name) + 1)
            node, above = child, f"{above}/{name}"
        renamed[above[1:]] = text
    return renamed


def check_round_trip(mapping: Mapping, managed: ManagementObject, values: Values[str, str], layout: Layout) -> None:
    carried = {path: text for path, text in values.items() if mapping.carries(managed.key, layout, path)}
    application = mapping.render(managed.key, {path: escape(text) for path, text in values.items()}, layout)
    assert (application is None) == (not carried)
    octets = template.document(template.compile([application] if application else []).splice({}))
    expected = {managed.key: renumbered(managed, carried)} if carried else {}
    assert mapping.absorb(parse_document(octets)) == (expected, [])


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("mo", ["ims", "rcs", "andsf", "nas-config"])
@given(data=st.data())
def test_shipped_objects_come_back(mo: str, layout: Layout, data: st.DataObject) -> None:
    """What a layout carries of an MO is read back from its document as it was, list entries in their order."""
    managed = CATALOGUE.get(mo)
    check_round_trip(MAPPING, managed, data.draw(values_of(managed)), layout)


LEAF_NAMES = ["a", "A", "b1", "AppID", "version", "é&", "{x}"]
leaf_formats = st.sampled_from([Format.CHR, Format.BOOL, Format.INT])


def interiors(children: st.SearchStrategy[Definition]) -> st.SearchStrategy[Definition]:
    """Interior nodes with these children, all of different names."""
    return st.builds(
        lambda name, below: Definition(name, (Format.NODE,), children=tuple(below)),
        st.sampled_from(["", "C", "d", "D"]),
        st.lists(children, min_size=1, max_size=3, unique_by=lambda child: child.name),
    )


leaves = st.builds(lambda name, fmt: Definition(name, (fmt,)), st.sampled_from(["", *LEAF_NAMES]), leaf_formats)
objects = interiors(st.recursive(leaves, lambda below: interiors(st.one_of(leaves, below)), max_leaves=8))


@given(root=objects, data=st.data())
def test_any_object_comes_back(tmp_path_factory: pytest.TempPathFactory, root: Definition, data: st.DataObject) -> None:
    """The generic rule works for an MO of any shape, in both layouts alike."""
    managed = ManagementObject("any", "urn:example:any", root)
    mapping = Mapping.load(tmp_path_factory.getbasetemp(), Catalogue([managed]))
    values = data.draw(values_of(managed))
    for layout in LAYOUTS:
        check_round_trip(mapping, managed, values, layout)
        for path in values:
            assert mapping.carries("any", layout, path) == (path != "AppID" and path.split("/")[-1] != "version")


ODD = ("", "NODE", "node", "<X>", "1", "a/b", "version", "AppID", "ICSI1", "ICSI02", "icsi2", "ConRef99999", "timer_t1")
TYPES = ("3GPP_IMS", "Ext", "ICSI_List", "LBO_P-CSCF_Address", "ConRefs", "SERVICEPROVIDEREXT", "Policy")
LEAVES = ("Timer_T1", "ICSI", "Address", "ConRef", "RulePriority", "PrioritizedAccess", "AccessId", "joyn")
words = st.sampled_from(ODD + TYPES + LEAVES)
parms = st.lists(st.tuples(words, st.sampled_from(["", "1", "x"])).map(lambda pair: Parm(*pair)), max_size=4).map(tuple)
documents = st.recursive(
    st.tuples(words, parms).map(lambda parts: Characteristic(*parts)),
    lambda below: st.tuples(words, parms, st.lists(below, max_size=3).map(tuple)).map(
        lambda parts: Characteristic(*parts)
    ),
    max_leaves=8,
)


@given(
    content=documents,
    app_id=st.sampled_from(
        ["ap2001", "ap2002", "urn:oma:mo:ext-3gpp-ims:1.0", "urn:oma:mo:ext-3gpp-andsf:1.0", "other"]
    ),
)
def test_any_document_is_read(content: Characteristic, app_id: str) -> None:
    """Every parm of an application becomes the value of a leaf that exists, or is told; none is both or lost."""
    application = content._replace(type="APPLICATION", parms=(Parm("AppID", app_id), *content.parms))
    values, unmapped = MAPPING.absorb(Characteristic("wap-provisioningdoc", (), (application,)))
    if app_id == "other":
        assert (values, unmapped) == ({}, ["APPLICATION other"])
        return
    ((mo, found),) = values.items()
    assert not any(CATALOGUE.find(f"{mo}/{path}")[2].is_interior for path in found)
    own = sum(name == "AppID" for name, _ in application.parms)
    assert len(found) + len(unmapped) == count(application) - own


def count(node: Characteristic) -> int:
    return len(node.parms) + sum(map(count, node.characteristics))
