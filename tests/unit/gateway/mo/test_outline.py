import json

from gateway.mo.catalogue import Catalogue
from gateway.mo.definition import Definition, ManagementObject, Occurrence, Permitted, Provenance
from gateway.mo.outline import as_json, outline
from gateway.tree.format import Format

STATE = Definition(
    name="State",
    formats=(Format.INT,),
    default="0",
    permitted=Permitted((("0", "idle"), ("1", ""))),
    provenance=Provenance("confirmed"),
)
SECRET = Definition(name="Secret", formats=(Format.CHR, Format.BIN), access=frozenset())
ENTRY = Definition(
    name="",
    formats=(Format.NODE,),
    occurrence=Occurrence.ZERO_OR_N,
    max_occurs=4,
    provenance=Provenance("derived", "seen next door"),
    children=(SECRET,),
)
MO = ManagementObject(
    key="lamp",
    moi="com.example/1.0/Lamp",
    root=Definition(name="Lamp", formats=(Format.NODE,), children=(ENTRY, STATE)),
    title="Lamp MO",
    specification="TS 1",
)


def test_outline_is_a_tree_of_columns() -> None:
    """The outline shows every node with format, occurrence, access, provenance and values, in aligned columns."""
    assert outline(MO) == (
        "lamp  Lamp MO  TS 1\n"
        "com.example/1.0/Lamp\n"
        "\n"
        "node          format   occurrence  access  provenance            values and remarks\n"
        "Lamp          node     One         Get     operator's own\n"
        "├─ <X>        node     ZeroOrN(4)  Get     provisional: derived  seen next door\n"
        "│  └─ Secret  chr/bin  One         -       operator's own\n"
        "└─ State      int      One         Get     confirmed             0 = idle; 1; default 0\n"
    )


def test_an_unknown_identifier_is_said() -> None:
    """An MO whose identifier is not known says so instead of showing a guess."""
    assert "\nno identifier known" in outline(ManagementObject("lamp", "", MO.root))


def test_json_holds_all_nodes(catalogue: Catalogue) -> None:
    """The JSON form survives serialisation and names every node by its path."""
    plain = as_json(MO)
    assert [node["path"] for node in plain["nodes"]] == ["", "<X>", "<X>/Secret", "State"]
    assert plain["nodes"][3]["values"] == [{"value": "0", "meaning": "idle"}, {"value": "1", "meaning": ""}]
    for mo in catalogue:
        assert json.loads(json.dumps(as_json(mo))) == as_json(mo)
