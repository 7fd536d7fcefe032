"""Subtrees in one value: as they are written, and as devices answer with them."""

import base64

import pytest
from msgspec.structs import replace

from adapters.omadm.answers import Sent, hear
from adapters.omadm.commands import command_for, numbered, size
from adapters.omadm.messages import Command, Item, Meta, Results, SyncHdr, SyncML
from adapters.omadm.tnds import Leaf, Subtree, absorb_subtree, laid_open, render_subtrees, render_whole
from adapters.omadm.xml import decode_xml, encode_xml
from adapters.wbxml import codec as wbxml
from gateway.fleet.mirror import Read
from gateway.fleet.operation import Operation, TndsForm
from gateway.tree.format import Format

# The example of the specification's section on serialization, with white space added.
SPEC = """<MgmtTree xmlns='syncml:dmddf1.2'>
 <VerDTD>1.2</VerDTD>
 <Node><NodeName>ExampleMDM</NodeName>
  <RTProperties><Format><node/></Format><Type><DDFName>urn:oma:mo:oma-dm-dmacc:1.0</DDFName></Type></RTProperties>
  <Node><NodeName>AppID</NodeName>
   <RTProperties><Format><chr/></Format><Type><MIME>text/plain</MIME></Type></RTProperties><Value>w7</Value></Node>
  <Node><NodeName>AppAddr</NodeName>
   <Node><NodeName>1</NodeName><Node><NodeName>Addr</NodeName><Value>https://dm.example</Value></Node></Node></Node>
  <Node><NodeName>Ext</NodeName></Node>
 </Node></MgmtTree>"""
READS = (
    Read("./DMAcc/ExampleMDM", "node", "urn:oma:mo:oma-dm-dmacc:1.0"),
    Read("./DMAcc/ExampleMDM/AppID", "chr", "text/plain", "w7"),
    Read("./DMAcc/ExampleMDM/AppAddr", "node"),
    Read("./DMAcc/ExampleMDM/AppAddr/1", "node"),
    Read("./DMAcc/ExampleMDM/AppAddr/1/Addr", "chr", "", "https://dm.example"),
    Read("./DMAcc/ExampleMDM/Ext", "node"),
)


def test_a_serialized_subtree_is_read_as_its_nodes() -> None:
    """Names join to URIs, parents come first, and formats that are not told follow from what is there (TNDS 5)."""
    assert absorb_subtree(SPEC, "./DMAcc/ExampleMDM") == READS
    # One that leaves the name of the node asked for out, and one that tells the path above.
    assert absorb_subtree(SPEC.replace("ExampleMDM", "", 1), "./DMAcc/ExampleMDM") == READS
    told = SPEC.replace("</NodeName>", "</NodeName><Path>./DMAcc</Path>", 1)
    assert absorb_subtree(told, "./DMAcc") == READS


@pytest.mark.parametrize("form", ["inline", "xml", "octets of xml", "wbxml"])
def test_it_comes_in_every_form(form: str) -> None:
    """Markup in the message, XML as text or as octets, or WBXML of its own; binary values are base64 in the tree."""
    leaves = [Leaf(("AppID",), Format.CHR, "w7"), Leaf(("AppAuth", "1", "AAuthData"), Format.BIN, b"\0\xff")]
    octets = form == "wbxml"
    tree = render_subtrees([Subtree("X", "urn:oma:mo:oma-dm-dmacc:1.0", leaves, acl="Get=*")], octets=octets)
    data = {
        "inline": (tree,),
        "xml": encode_xml(tree).decode() if not octets else "",
        "octets of xml": encode_xml(tree) if not octets else b"",
        "wbxml": wbxml.encode(tree),
    }[form]
    reads = absorb_subtree(data, "./DMAcc/X")
    assert reads is not None
    assert [(read.uri, read.format, read.value) for read in reads] == [
        ("./DMAcc/X", "node", None),
        ("./DMAcc/X/AppID", "chr", "w7"),
        ("./DMAcc/X/AppAuth", "node", None),
        ("./DMAcc/X/AppAuth/1", "node", None),
        ("./DMAcc/X/AppAuth/1/AAuthData", "bin", base64.b64encode(b"\0\xff").decode()),
    ]


@pytest.mark.parametrize("data", ["", "plain", "<Other/>", "<MgmtTree", b"\x03\x01\x6a\x00", (("Data", "x"),)])
def test_what_is_no_subtree_is_left_alone(data: str | bytes | tuple[tuple[str, str], ...]) -> None:
    """A device may answer anything; then nothing is known of the nodes."""
    assert absorb_subtree(data, "./A") is None


def test_the_answer_to_a_get_is_laid_open() -> None:
    """What was asked for as TNDS comes as the nodes in it, and as it is where it cannot be read."""
    sent = {"4": Sent(Operation(id="q", verb="Get", uri="./DMAcc/ExampleMDM?list=TNDS"))}
    for data, expected in ((SPEC, READS), ("<broken", (Read("./DMAcc/ExampleMDM", "chr", "", "<broken"),))):
        item = Item(source="./DMAcc/ExampleMDM?list=TNDS", data=data)
        message = SyncML(SyncHdr("1", 2, "s", "d"), (Results("1", "1", "4", (item,)),))
        heard = hear(sent, 1, message, challenged=False)["4"].reads
        assert [replaced.value for replaced in heard] == [one.value for one in expected]


ADDED = Operation(
    id="d:1",
    verb="Add",
    uri="./Vendor/X",
    format="node",
    tnds="xml",
    members=(
        Operation(id="1", verb="Add", uri="./Vendor/X", format="node", type="urn:x"),
        Operation(id="2", verb="Add", uri="./Vendor/X/Name", format="chr", type="text/plain", value="a<b"),
        Operation(id="3", verb="Add", uri="./Vendor/X/Sub", format="node"),
        Operation(id="4", verb="Add", uri="./Vendor/X/Sub/Key", format="bin", value="AP8="),
        Operation(id="5", verb="Add", uri="./Vendor/X/Sub/Flag", format="null"),
        Operation(id="6", verb="Add", uri="./Vendor/X/Size", format="int", value="7"),
    ),
)


def test_an_added_subtree_is_serialized_with_all_that_its_nodes_are() -> None:
    """Names, formats, identifiers and values; octets as base64 in XML, and no value for nodes that have none.

    Spec: OMA-TS-DM_TNDS-V1_2 5
    """
    assert encode_xml(render_whole(ADDED, octets=False)).decode().partition("?>")[2] == (
        '<MgmtTree xmlns="syncml:dmddf1.2"><VerDTD>1.2</VerDTD><Node><NodeName>X</NodeName>'
        "<RTProperties><Format><node/></Format><Type><DDFName>urn:x</DDFName></Type></RTProperties>"
        "<Node><NodeName>Name</NodeName><RTProperties><Format><chr/></Format><Type><MIME>text/plain</MIME></Type>"
        "</RTProperties><Value>a&lt;b</Value></Node>"
        "<Node><NodeName>Sub</NodeName><RTProperties><Format><node/></Format></RTProperties>"
        "<Node><NodeName>Key</NodeName><RTProperties><Format><b64/></Format>"
        "<Type><MIME>application/octet-stream</MIME></Type></RTProperties><Value>AP8=</Value></Node>"
        "<Node><NodeName>Flag</NodeName><RTProperties><Format><null/></Format><Type><MIME>text/plain</MIME></Type>"
        "</RTProperties></Node></Node>"
        "<Node><NodeName>Size</NodeName><RTProperties><Format><int/></Format><Type><MIME>text/plain</MIME></Type>"
        "</RTProperties><Value>7</Value></Node></Node></MgmtTree>"
    )


@pytest.mark.parametrize("form", ["wbxml", "inline", "xml"])
def test_a_subtree_is_added_by_one_command(form: TndsForm) -> None:
    """One Add of one item, of format xml and the type of the serialization; what is in it is what was to be added.

    Spec: OMA-TS-DM_RepPro-V1_2 6.6.1; OMA-TS-DM_TNDS-V1_2 (MIME types)
    """
    operation = replace(ADDED, tnds=form)
    command = command_for(operation, 4)
    assert isinstance(command, Command)
    assert size(operation) == len(list(numbered(operation, 4))) == 1
    (item,) = command.items
    assert (command.verb, command.cmd_id, item.target) == ("Add", "4", "./Vendor/X")
    assert item.meta == Meta("xml", f"application/vnd.syncml.dmtnds+{'xml' if form == 'xml' else 'wbxml'}")
    assert {"wbxml": bytes, "inline": tuple, "xml": str}[form] is type(item.data)
    reads = absorb_subtree(item.data or "", "./Vendor/X") or ()
    assert [(read.uri, read.format, read.value) for read in reads] == [
        (member.uri, member.format, member.value) for member in ADDED.members
    ]


def test_a_replaced_subtree_has_what_changes_and_what_stays() -> None:
    """One Replace with all nodes that are to be there, parents first, and without those that go.

    Spec: OMA-TS-DM_RepPro-V1_2 6.6 (Replace); OMA-TS-DM_TNDS-V1_2 5
    """
    kept = (
        Operation(id="", verb="Add", uri="./V/X/B/C", format="chr", value="stays"),
        Operation(id="", verb="Add", uri="./V/X", format="node", type="urn:x"),
        Operation(id="", verb="Add", uri="./V/X/B", format="node"),
    )
    changes = (
        Operation(id="1", verb="Replace", uri="./V/X/A", format="chr", value="new"),
        Operation(id="2", verb="Add", uri="./V/X/B/D", format="int", value="7"),
        Operation(id="3", verb="Delete", uri="./V/X/E"),
    )
    whole = Operation(id="d:1", verb="Replace", uri="./V/X", format="node", tnds="wbxml", members=changes, kept=kept)
    command = command_for(whole, 4)
    assert isinstance(command, Command)
    (item,) = command.items
    assert (command.verb, item.target, item.meta) == (
        "Replace", "./V/X", Meta("xml", "application/vnd.syncml.dmtnds+wbxml"),
    )  # fmt: skip
    assert [(read.uri, read.type, read.value) for read in absorb_subtree(item.data or "", "./V/X") or ()] == [
        ("./V/X", "urn:x", None),
        ("./V/X/A", "text/plain", "new"),
        ("./V/X/B", "", None),
        ("./V/X/B/C", "text/plain", "stays"),
        ("./V/X/B/D", "text/plain", "7"),
    ]


def test_a_replace_that_somebody_wrote_takes_away_what_was_there() -> None:
    """Its members are the end of the subtree before, and the nodes that it brings; it goes out as it was written.

    Spec: OMA-TS-DM_RepPro-V1_2 6.6 (Replace)
    """
    type_ = "application/vnd.syncml.dmtnds+xml"
    written = Operation(id="q", verb="Replace", uri="./DMAcc/ExampleMDM", value=SPEC, format="xml", type=type_)
    opened = laid_open(written)
    assert [(one.verb, one.uri) for one in opened.members] == [
        ("Delete", written.uri), *(("Add", read.uri) for read in READS),
    ]  # fmt: skip
    assert command_for(opened, 3) == command_for(written, 3)


def test_a_subtree_that_somebody_wrote_has_its_nodes_as_members() -> None:
    """As XML, or as base64 of WBXML, also in a group; it goes out as it was written, as one command.

    Spec: OMA-TS-DM_RepPro-V1_2 6.6.1
    """
    uri, type_ = "./DMAcc/ExampleMDM", "application/vnd.syncml.dmtnds"
    xml = Operation(id="q", verb="Add", uri=uri, value=SPEC, format="xml", type=f"{type_}+xml")
    octets = wbxml.encode(decode_xml(SPEC.encode()))
    coded = replace(xml, value=base64.b64encode(octets).decode(), format="bin", type=f"{type_}+wbxml")
    for one in (xml, coded):
        opened = laid_open(one)
        assert tuple(Read(node.uri, node.format, node.type, node.value) for node in opened.members) == READS
        assert {node.verb for node in opened.members} == {"Add"}
        assert command_for(opened, 3) == command_for(one, 3)
        assert size(opened) == 1
        (inner,) = laid_open(Operation(id="g", verb="Atomic", members=(one,))).members
        assert inner == opened


@pytest.mark.parametrize(
    "changes",
    [{"verb": "Exec"}, {"uri": "./Inbox"}, {"type": "text/plain"}, {"value": "no subtree"}, {"format": "bin"}],
)
def test_anything_else_is_one_node(changes: dict[str, str]) -> None:
    """What is in the Inbox goes to where the device likes; what cannot be read is the value of a node."""
    written = Operation(
        id="q", verb="Add", uri="./X", value=SPEC, format="xml", type="application/vnd.syncml.dmtnds+xml"
    )
    other = replace(written, **changes)
    assert laid_open(other) is other
