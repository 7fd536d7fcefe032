"""MOs in provisioning documents, both ways, against documents written by hand; and what a mapping file may say."""

import csv
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.provisioning.document import Characteristic, Parm, parse_document
from adapters.provisioning.mapping import LAYOUTS, Layout, Mapping
from gateway.errors import ConfigError
from gateway.mo.catalogue import Catalogue
from gateway.mo.definition import UNNAMED, Definition

Values = dict[str, dict[str, dict[str, str]]]
ROOT = Path(__file__).parents[4]
IMS = "urn:oma:mo:ext-3gpp-ims:1.0"
NAS = "urn:oma:mo:ext-3gpp-nas-config:1.0"
APPS = {"layout-a": {"ims": "ap2001", "rcs": "ap2002"}, "layout-b": {"ims": IMS, "rcs": "ap2002"}}
GENERIC = {"nas-config": NAS, "andsf": "urn:oma:mo:ext-3gpp-andsf:1.0"}
CASES = [
    *((layout, f"layout-{layout.lower()}", mo) for layout in LAYOUTS for mo in ("ims", "rcs")),
    *((layout, "generic", mo) for layout in LAYOUTS for mo in GENERIC),
]


@pytest.fixture(scope="module")
def values(vectors: Path) -> Values:
    return tomllib.loads((vectors / "values.toml").read_text())


def read(vectors: Path, name: str) -> Characteristic:
    return parse_document((vectors / f"{name}.xml").read_bytes())


def arranged(node: Characteristic) -> Characteristic:
    """The characteristic with everything sorted by name: only equal names keep their order, as list entries must."""
    below = sorted(map(arranged, node.characteristics), key=lambda child: child.type)
    return Characteristic(node.type, tuple(sorted(node.parms, key=lambda parm: parm.name)), tuple(below))


def parms(node: Characteristic) -> list[tuple[str, str]]:
    return [*node.parms, *(parm for child in node.characteristics for parm in parms(child))]


def below(node: Characteristic | None, *types: str) -> Characteristic:
    """The first characteristic of that type, of that type below it, and so on."""
    assert node is not None
    for type_ in types:
        node = next(child for child in node.characteristics if child.type == type_)
    return node


@pytest.mark.parametrize(("layout", "vector", "mo"), CASES)
def test_render(mapping: Mapping, vectors: Path, values: Values, layout: Layout, vector: str, mo: str) -> None:
    """An MO is written as the layout has it; what only the other layout has is left out.

    Spec: RCC.15 (IMS), RCC.07 Annex A (RCS)
    """
    app_id = {**GENERIC, **APPS.get(vector, {})}[mo]
    expected = next(one for one in read(vectors, vector).characteristics if ("AppID", app_id) in one.parms)
    everything = {path: text for part in ("B", "both", "A") for path, text in values[mo].get(part, {}).items()}
    rendered = mapping.render(mo, everything, layout)
    assert rendered is not None
    assert arranged(rendered) == arranged(expected)
    assert rendered.parms[0] == ("AppID", app_id)


@pytest.mark.parametrize(("layout", "vector"), [("A", "layout-a"), ("B", "layout-b"), ("", "generic")])
def test_absorb(mapping: Mapping, vectors: Path, values: Values, layout: str, vector: str) -> None:
    """A document of either layout gives the values it states, whatever stands around its applications."""
    mos = APPS.get(vector, GENERIC)
    stated = {mo: values[mo]["both"] | values[mo].get(layout, {}) for mo in mos}
    assert mapping.absorb(read(vectors, vector)) == (stated, [])


def test_absorb_what_other_servers_write(mapping: Mapping, vectors: Path, values: Values) -> None:
    """Another case of names, repeated characteristics and NODEs in the numbered layout are understood.

    What has no place is told, a second value of one leaf and an unknown application too.
    """
    assert mapping.absorb(read(vectors, "field")) == (
        {mo: values[mo]["field"] for mo in ("ims", "rcs")},
        [
            "APPLICATION ap2001/Vendor/thing",
            "APPLICATION ap2002/SERVICES/ChatAuth",
            "APPLICATION ap2002/SERVICEPROVIDEREXT/joyn",
            "APPLICATION ap2002/SERVICEPROVIDEREXT/",
            "APPLICATION ap2004",
        ],
    )


def test_the_first_of_two_applications_counts(mapping: Mapping) -> None:
    """There is one APPLICATION for each AppID; of another one, only what is new is taken."""
    document = b"""<wap-provisioningdoc>
        <characteristic type="APPLICATION"><parm name="AppID" value="ap2001"/><parm name="Timer_T1" value="1"/>
        </characteristic>
        <characteristic type="APPLICATION"><parm name="AppID" value="ap2001"/><parm name="Timer_T1" value="2"/>
        <parm name="Timer_T2" value="2"/></characteristic></wap-provisioningdoc>"""
    assert mapping.absorb(parse_document(document)) == ({"ims": {"Timer_T1": "1", "Timer_T2": "2"}}, [])


@pytest.mark.parametrize("mo", ["ims", "rcs"])
def test_carries(mapping: Mapping, values: Values, mo: str) -> None:
    """``carries`` tells which leaves a layout has a place for."""
    for layout, other in (("A", "B"), ("B", "A")):
        assert all(mapping.carries(mo, layout, path) for path in values[mo]["both"] | values[mo][layout])
        assert not any(mapping.carries(mo, layout, path) for path in values[mo][other])
    assert not mapping.carries(mo, "B", "no/such/leaf")


@pytest.mark.parametrize(
    ("mo", "layout", "apps"),
    [
        ("ims", "A", {"ap2001", IMS}),
        ("ims", "B", {"ap2001", IMS}),
        ("rcs", "A", {"ap2002"}),
        ("rcs", "B", {"ap2002"}),
        ("nas-config", "B", {NAS}),
        ("xcap", "B", set()),
    ],
)
def test_app_ids(mapping: Mapping, mo: str, layout: Layout, apps: set[str]) -> None:
    """A client may ask for IMS by either AppID; an MO without any cannot be asked for. Spec: RCC.14 2.3"""
    assert mapping.app_ids(mo, layout) == apps


def test_nothing_to_render(mapping: Mapping) -> None:
    """There is no APPLICATION without content, for an MO without AppID, or for one that is not known."""
    assert mapping.render("ims", {}, "A") is None
    assert mapping.render("ims", {"SNPN_Configuration/1/Timer_T1": "1", "AppID": "ap2001"}, "A") is None
    assert mapping.render("xcap", {"Name": "x"}, "B") is None
    assert mapping.render("unknown", {"Name": "x"}, "B") is None


@pytest.mark.parametrize(
    ("names", "written"),
    [
        (("x",), [("Address", "x"), ("AddressType", "FQDN")]),
        (("b", "a"), [("Address1", "b"), ("AddressType1", "FQDN"), ("Address2", "a"), ("AddressType2", "FQDN")]),
    ],
)
def test_numbers(mapping: Mapping, names: tuple[str, ...], written: list[tuple[str, str]]) -> None:
    """Layout A numbers a list of pairs from its second entry on, in the order of the values, whatever their names."""
    values = {}
    for name in names:
        values[f"LBO_P-CSCF_Address/{name}/Address"] = name
        values[f"LBO_P-CSCF_Address/{name}/AddressType"] = "FQDN"
    assert list(below(mapping.render("ims", values, "A"), "LBO_P-CSCF_Address").parms) == written


def test_a_gap_in_a_numbered_list(mapping: Mapping) -> None:
    """An entry that lacks a leaf leaves its number free, so that no value moves to another entry."""
    values = {"ICSI_List/1/ICSI": "a", "ICSI_List/2/ICSI": "b", "ICSI_List/2/ICSI_Resource_Allocation_Mode": "true"}
    written = below(mapping.render("ims", values, "A"), "ICSI_List").parms
    assert set(written) == {("ICSI1", "a"), ("ICSI2", "b"), ("ICSI_Resource_Allocation_Mode2", "1")}


@pytest.mark.parametrize("count", [1, 2, 11])
def test_a_list_of_one_leaf_is_always_numbered(mapping: Mapping, count: int) -> None:
    """``Public_User_Identity1`` has its number even when it is alone."""
    values = {f"Public_user_identity_List/{name}/Public_user_identity": str(name) for name in range(count)}
    written = below(mapping.render("ims", values, "A"), "Public_User_Identity_List").parms
    assert [name for name, _ in written] == [f"Public_User_Identity{number}" for number in range(1, count + 1)]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_nothing_but_vers_has_a_version(mapping: Mapping, catalogue: Catalogue, layout: Layout) -> None:
    """Of all leaves of all MOs, none becomes a parm that a client could take for the document's version."""
    names: set[str] = set()
    for mo in catalogue:
        leaves = ["/".join(path) for path, definition in mo.root.walk() if not definition.is_interior]
        application = mapping.render(mo.key, {path.replace(UNNAMED, "1"): "x" for path in leaves}, layout)
        names |= {name for name, _ in parms(application)} if application else set()
    assert len(names) > 300
    assert "version" not in {name.casefold() for name in names}


def test_digest(mapping: Mapping, tmp_path: Path) -> None:
    """The digest is the same in every process and another one as soon as anything could be written otherwise."""
    code = """
import sys, pathlib
from adapters.provisioning.mapping import Mapping
from gateway.mo.catalogue import Catalogue
print(Mapping.load(pathlib.Path(sys.argv[2]), Catalogue.load(pathlib.Path(sys.argv[1]), identifiers={})).digest)
"""

    def digest(directory: Path) -> str:
        command = [sys.executable, "-c", code, str(ROOT / "config" / "mo"), str(directory)]
        return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.strip()

    assert digest(ROOT / "config" / "mapping") == mapping.digest
    for file in (ROOT / "config" / "mapping").glob("*.toml"):
        (tmp_path / file.name).write_text(file.read_text().replace('"AppRef",', "").replace('"AppRef", ', ""))
    assert digest(tmp_path) != mapping.digest


@pytest.mark.parametrize("name", ["ims", IMS])
def test_a_file_may_change_anything(catalogue: Catalogue, tmp_path: Path, name: str) -> None:
    """A file names its MO by key or identifier; a moved node takes along what is below it, the longest match wins."""
    (tmp_path / "a.toml").write_text(
        f'mo = "{name}"\n[B]\nwithin = "x/y"\n[B.leave_out]\nICSI_List = "not here"\n'
        '[B.place]\nExt = "Z"\n"Ext/GSMA/AppRef" = "R"\n'
    )
    mapping = Mapping.load(tmp_path, catalogue)
    values = {"Ext/GSMA/NatUrlFmt": "1", "Ext/GSMA/AppRef": "r", "ICSI_List/1/ICSI": "i"}
    application = mapping.render("ims", values, "B")
    assert parms(below(application, "x", "y")) == [("R", "r"), ("NatUrlFmt", "1")]
    assert parms(below(application, "x", "y", "Z", "GSMA")) == [("NatUrlFmt", "1")]
    assert application is not None
    assert mapping.absorb(Characteristic("", (), (application,)))[0] == {
        "ims": {path: text for path, text in values.items() if path != "ICSI_List/1/ICSI"}
    }


@pytest.mark.parametrize(
    ("content", "key", "says"),
    [
        ('mo = "ims', None, "is not TOML"),
        ("", "mo", "missing required field"),
        ("mo = 1", "mo", "Expected `str`"),
        ('mo = "imz"', "mo", "did you mean ims"),
        ('mo = "ims"\n[C]\n', "C", "unknown field"),
        ('mo = "ims"\nA = 1', "A", "Expected"),
        ('mo = "ims"\n[A]\nlist = "NODE"', "A.list", "unknown field"),
        ('mo = "ims"\n[B]\nlists = "node"', "B.lists", "Invalid enum value 'node'"),
        ('mo = "ims"\n[A.place]\nTimer_T1 = 1', "A.place[...]", "Expected `str`"),
        (
            'mo = "ims"\n[B.leave_out]\nTimer_TX = ""',
            "B.leave_out",
            "ims has no node 'Timer_TX'; did you mean Timer_T",
        ),
        ('mo = "ims"\n[A.leave_out]\n"" = ""', "A.leave_out", "ims has no node ''"),
        (
            'mo = "ims"\n[A.leave_out]\n"ICSI_List/1" = ""',
            "A.leave_out",
            "'ICSI_List/1' names an entry of a list: write <X>",
        ),
        ('mo = "ims"\n[A.place]\n"ICSI_Lst/<X>" = "x"', "A.place", "did you mean ICSI_List"),
        ('mo = "ims"\n[A.place]\nTimer_T1 = ""', "A.place", "'Timer_T1' cannot stand at '': a name is empty"),
        ('mo = "ims"\n[A.place]\nTimer_T1 = "Ext//T1"', "A.place", "a name is empty"),
        ('mo = "ims"\n[A.place]\nTimer_T1 = "Ext/version"', "A.place", "only VERS has a parm of that name"),
        ('mo = "ims"\n[A.place]\n"ICSI_List/<X>/ICSI" = "ICSI"', "A.place", "needs <X> as often"),
        ('mo = "ims"\n[B.place]\nTimer_T1 = "Timer_T2"', "B.place", "'Timer_T2' and 'Timer_T1' have one place"),
        ('mo = "ims"\n[A.only]\n"." = ["Timer_T1", "Timer_T9"]', "A.only", "ims has no node 'Timer_T9'; did you mean"),
        ('mo = "ims"\n[A.only]\n"." = ["ICSI_List"]', "A.only", "'ICSI_List' is an interior node"),
        ('mo = "ims"\n[A.why]\nTimer_TX = "x"', "A.why", "ims has no node 'Timer_TX'"),
        ('mo = "ims"\n[A.values]\nTimer_TX = {}', "A.values", "ims has no node 'Timer_TX'"),
        (
            'mo = "ims"\n[A.values]\nSS_domain_setting = {0 = "2"}',
            "A.values",
            "'2' would stand for two values of 'SS_d",
        ),
        ('mo = "ims"\n[A.read]\nx = "Timer_TX"', "A.read", "'x' is to be read as 'Timer_TX', where nothing stands"),
        ('mo = "ims"\n[A.read]\n"x/<X>" = "Timer_T1"', "A.read", "'x/<X>' needs <X> as often as 'Timer_T1'"),
        ('mo = "ims"\n[A]\nwithin = "a//b"', "A.within", "must name the characteristic"),
        ('mo = "ims"\n[A]\nwithin = "<X>"', "A.within", "must name the characteristic"),
        ('mo = "ims"\n[A]\nlists = "numbered"', "A.lists", "cannot be numbered: leave it out or move it"),
        ('mo = "rcs"', "A.application", "rcs has no identifier of its own: give its AppID"),
        (f'mo = "ims"\n[B]\napplication = "{NAS}"', "B.application", f"{NAS} means nas-config already"),
    ],
)
def test_faults(catalogue: Catalogue, tmp_path: Path, content: str, key: str | None, says: str) -> None:
    """A fault is named by file and key, with the mend or what comes near."""
    file = tmp_path / "a.toml"
    file.write_text(content)
    with pytest.raises(ConfigError) as caught:
        Mapping.load(tmp_path, catalogue)
    assert (caught.value.file, caught.value.key) == (file, key)
    assert says in caught.value.reason


def test_faults_of_files(catalogue: Catalogue, tmp_path: Path) -> None:
    """A missing directory, an unreadable file, and two files that want the same MO or AppID are named."""
    with pytest.raises(ConfigError, match="there is no such directory") as caught:
        Mapping.load(tmp_path / "missing", catalogue)
    assert caught.value.file == tmp_path / "missing"
    for name, content, says in (
        ("two", b'mo = "ims"', "mo: ims is mapped by .*a.toml already"),
        (
            "claimed",
            b'mo = "rcs"\n[A]\napplication = "2"\n[B]\napplication = "1"',
            "B.application: 1 means ims already",
        ),
        ("latin", b"# \xe9", "is not TOML"),
        ("folder", None, "cannot be read: Is a directory"),
    ):
        directory, file = tmp_path / name, tmp_path / name / "b.toml"
        directory.mkdir()
        (directory / "a.toml").write_text(f'mo = "{IMS}"\n[A]\napplication = "1"')
        file.mkdir() if content is None else file.write_bytes(content)
        with pytest.raises(ConfigError, match=says) as caught:
            Mapping.load(directory, catalogue)
        assert caught.value.file == file


def test_names_that_end_in_digits_cannot_be_numbered(catalogue: Catalogue, tmp_path: Path) -> None:
    """``T1`` of a numbered list could be the first T or T1 itself, so that list is refused."""
    (tmp_path / "a.toml").write_text(
        'mo = "ims"\n[A]\nlists = "numbered"\n'
        '[A.leave_out]\nSNPN_Configuration = ""\n3GPP_PS_data_off = ""\n'
        '[A.place]\n"ConRefs/<X>/ConRef" = "ConRefs/<X>/T1"'
    )
    with pytest.raises(ConfigError, match="'ConRefs/<X>/ConRef' cannot be numbered"):
        Mapping.load(tmp_path, catalogue)


def test_the_file_in_the_reference(catalogue: Catalogue, tmp_path: Path) -> None:
    """The example of the reference page can be used as it stands."""
    page = (ROOT / "docs" / "reference" / "mapping.md").read_text()
    (tmp_path / "ims.toml").write_text(page.partition("```toml\n")[2].partition("```")[0])
    mapping = Mapping.load(tmp_path, catalogue)
    values = {"Ext/GSMA/AuthType": "AKA", "Timer_T1": "1", "SNPN_Configuration/1/Timer_T1": "1"}
    assert parms(below(mapping.render("ims", values, "A"), "APPAUTH")) == [("AuthType", "AKA")]
    assert ("Timer_T1", "1") in below(mapping.render("ims", values, "B"), "3GPP_IMS").parms


def test_an_account_is_written_as_oma_cp_registers_it(mapping: Mapping) -> None:
    """An OMA DM account is application w7: names in capitals, lists repeat their characteristic, and AAUTHLEVEL says
    to whom somebody is proved.

    Spec: OMA-SUP-ac_w7_dm-V1_0; OMA-TS-DM_StdObj-V1_2 (mapping of w7 to DMAcc)
    """
    values = {
        "ServerID": "mdm.example.org",
        "AppAddr/1/Addr": "https://mdm.example.org/dm",
        "AppAddr/1/Port/1/PortNbr": "443",
        "AppAuth/1/AAuthLevel": "SRVCRED",
        "AppAuth/1/AAuthSecret": "one",
        "AppAuth/2/AAuthLevel": "CLCRED",
        "AppAuth/2/AAuthSecret": "two",
    }
    for layout in LAYOUTS:
        written = mapping.render("dmacc", values, layout)
        assert written == Characteristic(
            "APPLICATION",
            (Parm("APPID", "w7"), Parm("PROVIDER-ID", "mdm.example.org")),
            (
                Characteristic(
                    "APPADDR",
                    (Parm("ADDR", "https://mdm.example.org/dm"),),
                    (Characteristic("PORT", (Parm("PORTNBR", "443"),)),),
                ),
                Characteristic("APPAUTH", (Parm("AAUTHLEVEL", "CLIENT"), Parm("AAUTHSECRET", "one"))),
                Characteristic("APPAUTH", (Parm("AAUTHLEVEL", "APPSRV"), Parm("AAUTHSECRET", "two"))),
            ),
        )
        assert mapping.absorb(Characteristic("", (), (written,))) == ({"dmacc": values}, [])


@pytest.mark.parametrize(
    ("content", "node"),
    [
        (
            b'<characteristic type="LBO_P-CSCF_Address"><characteristic type="LBO_P-CSCF_Addresses">'
            b'<parm name="Address1" value="x"/></characteristic></characteristic>',
            "LBO_P-CSCF_Address/1/Address",
        ),
        (
            b'<characteristic type="Public_User_Identity_List"><characteristic type="Public_User_Identities">'
            b'<parm name="Public_User_Identity" value="x"/></characteristic></characteristic>',
            "Public_user_identity_List/1/Public_user_identity",
        ),
        (
            b'<characteristic type="Ext"><characteristic type="joyn"><parm name="uuid_Value" value="x"/>'
            b"</characteristic></characteristic>",
            "Ext/GSMA/uuid_Value",
        ),
    ],
)
def test_what_joyn_documents_have_is_read(mapping: Mapping, content: bytes, node: str) -> None:
    """Wrappers that some servers of the joyn profiles put around lists and vendor nodes do not hide what is in them."""
    document = (
        b'<wap-provisioningdoc><characteristic type="APPLICATION"><parm name="APPID" value="ap2001"/>'
        + content
        + b"</characteristic></wap-provisioningdoc>"
    )
    assert mapping.absorb(parse_document(document)) == ({"ims": {node: "x"}}, [])


def placed(place: str) -> tuple[str, ...]:
    """A place of the list as the rules have it: entries of lists are ``<X>`` around their leaves."""
    parts = [UNNAMED if part == "NODE" else part for part in place.split("/")]
    if parts[-1].endswith("<n>"):
        parts[-1:] = [UNNAMED, parts[-1].removesuffix("<n>")]
    return tuple(parts)


def test_every_parameter_of_the_field_has_its_place(mapping: Mapping, catalogue: Catalogue, vectors: Path) -> None:
    """Each parameter of RCC.15 and RCC.07 stands where clients look for it, in the layouts that have it, in its format.

    There is none that is not listed, but for the operator's own, PRESENCE in layout B of RCS (how far it is reduced is
    not confirmed), and in layout B of IMS what else TS 24.167 has.

    Spec: RCC.15, RCC.07 Annex A
    """
    listed: dict[tuple[str, str], set[tuple[str, ...]]] = {}
    for row in csv.DictReader((vectors / "parameters.csv").read_text().splitlines()):
        for layout in LAYOUTS:
            if layout not in row["layouts"]:
                continue
            rules = mapping.rules(row["mo"], layout)
            place = placed(row["place"])
            assert rules is not None
            leaf = rules.by_place.get(place)
            assert leaf is not None, row
            assert str(leaf.format) == row["format"], row
            assert catalogue.find(f"{row['mo']}/{'/'.join(leaf.path)}")[2].format is leaf.format
            listed.setdefault((row["mo"], layout), set()).add(place)
    for mo, layout in (("ims", "A"), ("rcs", "A"), ("rcs", "B")):
        rules = mapping.rules(mo, layout)
        assert rules is not None
        unlisted = {leaf.place for leaf in rules.by_path.values()} - listed[mo, layout]
        if layout == "B":
            unlisted = {place for place in unlisted if place[0] != "PRESENCE"}
        assert unlisted <= {("SERVICEPROVIDEREXT", UNNAMED)}, layout


@pytest.mark.parametrize("mo", ["ims", "rcs"])
def test_a_leaf_says_so_when_only_one_layout_has_it(mapping: Mapping, catalogue: Catalogue, mo: str) -> None:
    """What the DDF tells the reader of a parameter's layouts is what the documents do.

    Of IMS the description names the legacy layout alone: what TS 24.167 got after it was closed, the mapping tells.
    """
    told, done = {}, {}
    paths = {layout: set(rules.by_path) for layout in LAYOUTS if (rules := mapping.rules(mo, layout)) is not None}
    for path, description in described(catalogue.get(mo).root):
        if any(path in held for held in paths.values()):
            told[path] = ("Legacy layout only." in description, "UP 2 layout only." in description)
            done[path] = (path not in paths["B"], path not in paths["A"] and mo == "rcs")
    assert len(told) > 100
    assert told == done


def described(node: Definition, above: tuple[str, ...] = (), said: str = "") -> Iterator[tuple[tuple[str, ...], str]]:
    """Each leaf below this node, with its description and those of the nodes above it."""
    for child in node.children:
        path, words = (*above, child.name or UNNAMED), f"{said} {child.description}"
        if child.is_interior:
            yield from described(child, path, words)
        else:
            yield path, words
