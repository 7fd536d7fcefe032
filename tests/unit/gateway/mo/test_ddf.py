from pathlib import Path

import pytest
from lxml import etree

from gateway.errors import ConfigError
from gateway.mo import ddf
from gateway.mo.ddf import format_ddf, parse_ddf
from gateway.mo.definition import Definition, ManagementObject, Occurrence, Permitted, Provenance
from gateway.tree.format import Format

HEAD = '<MgmtTree xmlns="syncml:dmddf1.2"><VerDTD>1.2</VerDTD>\n'
ROOT = "<AccessType><Get/></AccessType><DFFormat><node/></DFFormat><DFType><DDFName/></DFType>"


def document(leaf: str) -> bytes:
    """A DDF whose node ``Volume``, on line 3, has these properties."""
    return (
        f"{HEAD}<Node><NodeName/><DFProperties>{ROOT}</DFProperties>\n"
        f"<Node><NodeName>Volume</NodeName><DFProperties>{leaf}</DFProperties></Node></Node></MgmtTree>"
    ).encode()


def test_a_devices_own_ddf_is_read(ddf_vectors: Path) -> None:
    """A DDF as devices have it is read: any order, no namespace, MIME for DDFName, vendor elements (TND 8.5)."""
    (mo,) = parse_ddf((ddf_vectors / "vendor.xml").read_bytes(), source="vendor/camera.xml")
    label = Definition(
        name="Label",
        formats=(Format.CHR,),
        access=frozenset({"Get", "Replace"}),
        default="wide & near",
        description="What the user sees.",
        types=("text/plain", "text/html"),
        case_sensitive=False,
    )
    lens = Definition(
        name="",
        formats=(Format.NODE,),
        occurrence=Occurrence.ZERO_OR_N,
        max_occurs=4,
        access=frozenset({"Add", "Delete", "Get"}),
        children=(label,),
    )
    lenses = Definition(
        name="Lenses",
        formats=(Format.NODE,),
        occurrence=Occurrence.ZERO_OR_ONE,
        permanent=True,
        children=(lens,),
    )
    camera = Definition(name="Camera", formats=(Format.NODE,), types=("com.example/1.0/Camera",), children=(lenses,))
    assert mo == ManagementObject(
        key="camera",
        moi="com.example/1.0/Camera",
        root=camera,
        manufacturer="Acme",
        model="A1 Pro",
        path="./Vendor",
    )


def test_annotations_are_read() -> None:
    """Status, note, range and permitted values come from the mogate instructions, with XML's escapes."""
    (mo,) = parse_ddf(
        document(
            "<AccessType/><DFFormat><int/></DFFormat><DFType><MIME/></DFType><?other thing?>"
            '<?mogate status="name-only" note="seen in &quot;a&quot; table; no more" range="5..15"?>'
            '<?mogate value="0" meaning="silent; a &lt; b = c"?><?mogate value="1"?>'
        ),
        source="audio.xml",
    )
    volume = mo.root.children[0]
    assert volume.permitted == Permitted((("0", "silent; a < b = c"), ("1", "")), 5, 15)
    assert volume.provenance == Provenance("name-only", 'seen in "a" table; no more')
    assert volume.access == frozenset()


def test_several_top_level_nodes_are_several_objects() -> None:
    """Each top-level Node is an MO of its own, its key made of the file's stem and the node's name."""
    nodes = "".join(f"<Node><NodeName>{name}</NodeName><DFProperties>{ROOT}</DFProperties></Node>" for name in "AB")
    objects = parse_ddf(f"{HEAD}{nodes}</MgmtTree>".encode(), source="phone.xml")
    assert [(mo.key, mo.root.name) for mo in objects] == [("phone-A", "A"), ("phone-B", "B")]
    assert parse_ddf(format_ddf(objects), source="phone.xml") == objects


@pytest.mark.parametrize(
    ("leaf", "fault"),
    [
        ("<AccessType><Get/></AccessType>", "has no DFFormat"),
        ("<DFFormat><integer/></DFFormat>", "<integer> may not stand in <DFFormat>; did you mean <int>?"),
        ("<DFFormat><int/></DFFormat><Ocurrence><One/></Ocurrence>", "did you mean <Occurrence>?"),
        ("<DFFormat><int/></DFFormat><DFFormat><chr/></DFFormat>", "<DFFormat> is given twice"),
        ("<DFFormat><int/></DFFormat><DefaultValue>loud</DefaultValue>", "'loud' is not a whole number"),
        ('<DFFormat><bool/></DFFormat><?mogate value="2"?>', "'2' is neither true nor false"),
        ('<DFFormat><int/></DFFormat><?mogate range="5-15"?>', "range '5-15' is not written low..high"),
        ('<DFFormat><int/></DFFormat><?mogate range="15..5"?>', "ends before it starts"),
        ('<DFFormat><int/></DFFormat><?mogate status="sure"?>', "status 'sure' is none of confirmed"),
        ('<DFFormat><int/></DFFormat><?mogate enum="1"?>', "'enum', which says nothing"),
        ("<DFFormat><int/></DFFormat><?mogate range=1?>", "'range=1', which says nothing"),
        ("<DFFormat><int/></DFFormat><Occurrence><OneOrN>1</OneOrN></Occurrence>", "from 2 to 65536, not '1'"),
        ("<DFFormat><int/></DFFormat><Occurrence><One/><OneOrN/></Occurrence>", "says both One and OneOrN"),
    ],
)
def test_a_fault_names_file_line_and_node(leaf: str, fault: str) -> None:
    """What matters and is wrong is refused with the file, the line, the node and the mend."""
    with pytest.raises(ConfigError) as caught:
        parse_ddf(document(leaf), source="audio.xml")
    assert str(caught.value).startswith("audio.xml:3: audio/Volume: ")
    assert fault in str(caught.value)


NODE = f"<Node><NodeName>A</NodeName><DFProperties>{ROOT}</DFProperties>"
LEAF = "<AccessType/><DFFormat><chr/></DFFormat><DFType><MIME/></DFType>"
ENTITIES = '<!DOCTYPE MgmtTree [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">'


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        pytest.param("<MgmtTree>", "not well-formed", id="cut off"),
        pytest.param("", "not well-formed", id="empty"),
        pytest.param("<Tree/>", "not MgmtTree", id="another document"),
        pytest.param('<MgmtTree xmlns="urn:x"/>', "not MgmtTree", id="another namespace"),
        pytest.param(f"{HEAD}</MgmtTree>", "has no Node", id="no node"),
        pytest.param(f"<MgmtTree><VerDTD>2.0</VerDTD>{NODE}</Node></MgmtTree>", "VerDTD is '2.0'", id="version"),
        pytest.param(f"{HEAD}<Node><NodeName>A</NodeName></Node></MgmtTree>", "has no DFProperties", id="TNDS"),
        pytest.param(
            f"{HEAD}{NODE}{NODE}</Node>{NODE}</Node></Node></MgmtTree>", "2 of its nodes are named A", id="twins"
        ),
        pytest.param(f"{HEAD}{NODE}{NODE.replace('>A<', '>a/b<')}</Node></Node></MgmtTree>", "slash", id="slash"),
        pytest.param(
            f"{HEAD}<Node><NodeName>A</NodeName><DFProperties>{LEAF}</DFProperties></Node></MgmtTree>",
            "root of an MO is an interior node",
            id="leaf as root",
        ),
        pytest.param(
            f"{HEAD}{NODE}<Node><NodeName>L</NodeName><DFProperties>{LEAF}</DFProperties>{NODE}</Node></Node></Node></MgmtTree>",
            "has child nodes: make it node",
            id="leaf with children",
        ),
        pytest.param(f"{ENTITIES}]>{HEAD}{NODE}</Node></MgmtTree>", "must not declare anything", id="entities"),
        pytest.param(f"{ENTITIES}]>{HEAD}<Man>&b;</Man>{NODE}</Node></MgmtTree>", "must not declare", id="entity bomb"),
        pytest.param(
            f'<!DOCTYPE MgmtTree [<!ENTITY f SYSTEM "file:///etc/passwd">]>{HEAD}<Man>&f;</Man>{NODE}</Node></MgmtTree>',
            "must not declare anything",
            id="external entity",
        ),
        pytest.param(
            f'<!DOCTYPE MgmtTree [<!ENTITY % p SYSTEM "file:///etc/passwd">%p;]>{HEAD}{NODE}</Node></MgmtTree>',
            "must not declare anything",
            id="parameter entity",
        ),
        pytest.param(HEAD + NODE * 65 + "</Node>" * 65 + "</MgmtTree>", "nested more than 64 deep", id="deep"),
        pytest.param(HEAD + NODE * 5000 + "</Node>" * 5000 + "</MgmtTree>", "not well-formed", id="very deep"),
        pytest.param(HEAD + (NODE + "</Node>") * 20_001 + "</MgmtTree>", "more than 20000 nodes", id="many nodes"),
        pytest.param(" " * (ddf.MAX_BYTES + 1), "no more than 8388608 bytes", id="large"),
    ],
)
def test_what_is_no_ddf_is_refused(text: str, fault: str) -> None:
    """A hostile or broken document is a ConfigError that names the file: nothing is expanded, fetched or overflowed."""
    with pytest.raises(ConfigError, match=r"^bad\.xml:") as caught:
        parse_ddf(text.encode(), source="bad.xml")
    assert fault in str(caught.value)


def test_one_document_has_one_origin() -> None:
    """Objects of different models cannot share a document, which has one Mod (TND 8.5)."""
    root = Definition(name="A", formats=(Format.NODE,))
    with pytest.raises(ValueError, match="one specification, manufacturer and model"):
        format_ddf([ManagementObject("a", "", root, model=model) for model in ("A1", "A2")])


def test_every_shipped_file_is_valid_and_in_our_own_form(mo_directory: Path, ddf_vectors: Path) -> None:
    """Each file is valid by the DTD and is byte for byte what the writer makes of what the reader read."""
    dtd = etree.DTD(str(ddf_vectors / "dmddf-1.2.dtd"))
    files = sorted(mo_directory.glob("*.xml"))
    assert len(files) >= 30
    for file in files:
        data = file.read_bytes()
        assert dtd.validate(etree.fromstring(data)), (file.name, dtd.error_log.last_error)
        assert format_ddf(parse_ddf(data, source=file.name)) == data, file.name
