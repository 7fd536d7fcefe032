import re
from pathlib import Path

import pytest

from gateway.errors import ConfigError, NotFound
from gateway.mo.catalogue import Catalogue, Severity, check_value
from gateway.mo.ddf import format_ddf
from gateway.mo.definition import Access, Definition, ManagementObject, Occurrence, Permitted, Provenance
from gateway.tree.format import Format


def lamp(key: str, moi: str = "") -> ManagementObject:
    leaf = Definition(name="Light", formats=(Format.BOOL,))
    return ManagementObject(key, moi, Definition(name="", formats=(Format.NODE,), children=(leaf,)))


def write(directory: Path, mo: ManagementObject) -> Path:
    directory.mkdir(exist_ok=True)
    file = directory / f"{mo.key}.xml"
    file.write_bytes(format_ddf([mo]))
    return file


def test_objects_come_in_the_order_of_their_keys(catalogue: Catalogue) -> None:
    """Iteration is sorted by key, whatever the order of files."""
    keys = [mo.key for mo in catalogue]
    assert keys == sorted(keys)
    assert {"ims", "rcs", "nas-config", "andsf", "mmtel", "xcap", "devinfo", "devdetail", "dmacc", "fumo"} <= set(keys)
    assert len(catalogue) == len(keys)


@pytest.mark.parametrize(
    ("address", "key", "path", "leaf"),
    [
        ("ims/Timer_T1", "ims", ("Timer_T1",), "Timer_T1"),
        ("urn:oma:mo:ext-3gpp-ims:1.0/Timer_T1", "ims", ("Timer_T1",), "Timer_T1"),
        ("ims/LBO_P-CSCF_Address/1/Address", "ims", ("LBO_P-CSCF_Address", "1", "Address"), "Address"),
        ("ims/LBO_P-CSCF_Address/<X>/Address", "ims", ("LBO_P-CSCF_Address", "<X>", "Address"), "Address"),
        ("rcs/MESSAGING/Chat/max_adhoc_group_size", "rcs", ("MESSAGING", "Chat", "max_adhoc_group_size"), None),
        ("devinfo", "devinfo", (), "DevInfo"),
    ],
)
def test_find(catalogue: Catalogue, address: str, key: str, path: tuple[str, ...], leaf: str | None) -> None:
    """A node is found by the key or the identifier of its MO and its path; unnamed nodes take any name."""
    mo, found, definition = catalogue.find(address)
    assert (mo.key, found, definition.name) == (key, path, leaf or path[-1])


def test_the_longest_identifier_wins() -> None:
    """An identifier with slashes is told from a path below a shorter one."""
    catalogue = Catalogue([lamp("a", "com.example"), lamp("b", "com.example/1.0/Lamp")])
    assert catalogue.find("com.example/1.0/Lamp/Light")[0].key == "b"
    assert catalogue.find("com.example/Light")[0].key == "a"


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("imz/Timer_T1", "there is no MO 'imz' (in 'imz/Timer_T1'); did you mean ims?"),
        ("ims/Timer_TX", "ims has no node 'Timer_TX'; did you mean Timer_T"),
        ("ims/LBO_P-CSCF_Address/1/Adress", "ims/LBO_P-CSCF_Address/1 has no node 'Adress'; did you mean Address"),
        ("ims/Timer_T1/", "ims/Timer_T1 has no node ''"),
        ("ims//Timer_T1", "ims has no node ''"),
        ("ims/LBO_P-CSCF_Address//Address", "ims/LBO_P-CSCF_Address has no node ''"),
        ("", "there is no MO ''"),
        ("ims" + "/x" * 200, "more than 128 segments"),
    ],
)
def test_what_is_not_found_is_named(catalogue: Catalogue, address: str, message: str) -> None:
    """The message names the MO, the segment that fails and what comes near."""
    with pytest.raises(NotFound) as caught:
        catalogue.find(address)
    assert message in str(caught.value)


def test_get_by_either_name(catalogue: Catalogue) -> None:
    """An MO is had by key or identifier; an unknown one names those that come near."""
    assert catalogue.get("nas-config") is catalogue.get("urn:oma:mo:ext-3gpp-nas-config:1.0")
    with pytest.raises(NotFound, match="no MO 'nas-confg'; did you mean nas-config"):
        catalogue.get("nas-confg")


def test_settings_give_identifiers(mo_directory: Path) -> None:
    """An MO without an identifier takes the one the settings give, in its DDFName too."""
    catalogue = Catalogue.load(mo_directory, identifiers={"xcap": "urn:example:xcap:1.0"})
    mo = catalogue.get("urn:example:xcap:1.0")
    assert (mo.key, mo.moi, mo.root.types) == ("xcap", "urn:example:xcap:1.0", ("urn:example:xcap:1.0",))


def test_two_files_may_not_claim_one_key(tmp_path: Path) -> None:
    """Two files of one stem are refused by a message that names both."""
    first, second = write(tmp_path / "a", lamp("lamp")), write(tmp_path / "b", lamp("lamp"))
    with pytest.raises(ConfigError) as caught:
        Catalogue.load(tmp_path / "a", tmp_path / "b", identifiers={})
    assert str(first) in str(caught.value)
    assert str(second) in str(caught.value)


@pytest.mark.parametrize("moi", ["com.example/1.0/Lamp", "hall"])
def test_two_files_may_not_claim_one_identifier(tmp_path: Path, moi: str) -> None:
    """Two files of one identifier are refused, and an identifier that is another's key, however it was given."""
    write(tmp_path, lamp("hall", "com.example/1.0/Lamp")), write(tmp_path, lamp("yard"))
    with pytest.raises(ConfigError, match=f"^{tmp_path}/yard.xml: {moi} .*{tmp_path}/hall.xml"):
        Catalogue.load(tmp_path, identifiers={"yard": moi})


def test_an_identifier_needs_its_mo(tmp_path: Path) -> None:
    """An identifier for an unknown key is refused with the keys that come near."""
    write(tmp_path, lamp("hall"))
    with pytest.raises(ConfigError, match=r"^hal: there is no MO 'hal' to give an identifier; did you mean hall"):
        Catalogue.load(tmp_path, identifiers={"hal": "urn:example:1"})


def test_a_directory_must_exist(tmp_path: Path) -> None:
    """A misspelt directory is not an empty catalogue."""
    with pytest.raises(ConfigError, match="is not a directory of DDF files"):
        Catalogue.load(tmp_path / "missing", identifiers={})


CONFIRMED, SEEN = Provenance("confirmed"), Provenance("implementation")


@pytest.mark.parametrize(
    ("definition", "text", "severity"),
    [
        (Definition("A", (Format.INT,), permitted=Permitted(low=5, high=15), provenance=CONFIRMED), "15", None),
        (
            Definition("A", (Format.INT,), permitted=Permitted(low=5, high=15), provenance=CONFIRMED),
            "16",
            Severity.ERROR,
        ),
        (Definition("A", (Format.INT,), permitted=Permitted(low=5, high=15), provenance=SEEN), "16", Severity.WARNING),
        (Definition("A", (Format.INT,), permitted=Permitted(low=5, high=15)), "16", Severity.ERROR),
        (Definition("A", (Format.INT,), provenance=SEEN), "loud", Severity.ERROR),
        (Definition("A", (Format.INT, Format.BOOL)), "true", None),
        (Definition("A", (Format.NODE,)), "1", Severity.ERROR),
        (Definition("A", (Format.NODE,)), "", Severity.ERROR),
    ],
)
def test_check_value(definition: Definition, text: str, severity: Severity | None) -> None:
    """A wrong format is an error; a value not permitted is one where the standard was read, else a warning."""
    problem = check_value(definition, text)
    assert (problem and problem.severity) == severity


RW, R = {"Get", "Replace"}, {"Get"}


@pytest.mark.parametrize(
    ("address", "fmt", "occurrence", "access", "status"),
    [
        pytest.param("ims/Timer_T1", "int", "ZeroOrOne", RW, "implementation", id="TS 24.167 Timer_T1"),
        pytest.param("ims/PDP_ContextOperPref", "bool", "One", RW, "confirmed", id="TS 24.167 PDP_ContextOperPref"),
        pytest.param("ims/ConRefs/1", "node", "OneOrMore", R, "confirmed", id="TS 24.167 ConRefs/<X>"),
        pytest.param("ims/Timer_Emerg-request", "int", "ZeroOrOne", RW, "confirmed", id="TS 24.167 emergency"),
        pytest.param("ims/Ext/GSMA/UserPwd", "chr", "ZeroOrOne", {"Replace"}, "implementation", id="RCC.15 UserPwd"),
        pytest.param("nas-config/AttachWithIMSI", "bool", "ZeroOrOne", RW, "confirmed", id="TS 24.368"),
        pytest.param("mmtel/Timer_RequestTimeout", "int", "One", RW, "confirmed", id="TS 24.275"),
        pytest.param("dmacc/AppAuth/1/AAuthSecret", "chr", "ZeroOrOne", set(), "confirmed", id="StdObj AAuthSecret"),
        pytest.param("fumo/Update/PkgData", "bin", "ZeroOrOne", {"Replace"}, "confirmed", id="FUMO PkgData"),
        pytest.param("fumo/DownloadAndUpdate", "node", "ZeroOrOne", {"Exec", "Get"}, "confirmed", id="FUMO Exec"),
        pytest.param("ussi/USSD_using_CS_domain_only", "null", "ZeroOrOne", RW, "confirmed", id="TS 24.391"),
        pytest.param("connmo-wlan/Bearer/WLAN/SSIDList/1/SSID", "chr", "One", R, "unconfirmed", id="ConnMO SSID"),
        pytest.param(
            "connmo-wlan/Bearer/WLAN/WPA-PreShKeyASCII", "chr", "ZeroOrOne", set(), "unconfirmed", id="ConnMO"
        ),
        pytest.param("rcs/SERVICES/ChatAuth", "bool", "ZeroOrOne", RW, "implementation", id="RCC.07 ChatAuth"),
        pytest.param("rcs/XDMS/XCAPAuthenticationType", "chr", "ZeroOrOne", RW, "unconfirmed", id="RCC.07 XDMS"),
    ],
)
def test_facts_of_the_standards(
    catalogue: Catalogue, address: str, fmt: str, occurrence: str, access: set[Access], status: str
) -> None:
    """Format, occurrence and access are the standard's, and what was not read in its text says so."""
    _, _, node = catalogue.find(address)
    assert (node.format, node.occurrence, node.access) == (Format(fmt), Occurrence(occurrence), access)
    assert node.provenance.status == status


@pytest.mark.parametrize(
    ("address", "good", "bad"),
    [
        pytest.param("ims/SS_domain_setting", ["0", "1", "2"], ["3"], id="TS 24.167 SS_domain_setting"),
        pytest.param("ims/Timer_Emerg-request", ["5", "15"], ["4", "16"], id="TS 24.167 Timer_Emerg-request"),
        pytest.param("ims/Timer_Emerg-reg", ["8", "20"], ["7", "21"], id="TS 24.167 Timer_Emerg-reg"),
        pytest.param("ims/Ext/GSMA/transportProto/wifiMedia", ["MSRP", "MSRPoTLS"], ["SIPoTLS"], id="RCC.15"),
        pytest.param("ims/Ext/GSMA/Q-Value", ["0.1", "1.0", "1"], ["0", "1.1"], id="RCC.15 Q-Value"),
        pytest.param("fumo/State", ["10", "100"], ["11"], id="FUMO State"),
        pytest.param("dmacc/AppAuth/1/AAuthLevel", ["CLCRED", "SRVCRED"], ["clcred"], id="StdObj AAuthLevel"),
        pytest.param("connmo-wlan/Bearer/WLAN/OpMode", ["INF", "ADHOC"], ["AP"], id="ConnMO OpMode"),
        pytest.param("rcs/SERVICES/rcsDisabledState", ["0", "-3"], ["1", "-4"], id="RCC.07 rcsDisabledState"),
        pytest.param("rcs/MESSAGING/Chatbot/ChatbotMsgTech", ["0", "3"], ["4", "-1"], id="RCC.07 ChatbotMsgTech"),
        pytest.param("rcs/MESSAGING/Chat/max_adhoc_group_size", ["3", "100"], ["2"], id="RCC.07 group size"),
    ],
)
def test_permitted_values_of_the_standards(catalogue: Catalogue, address: str, good: list[str], bad: list[str]) -> None:
    """The permitted values of the shipped MOs are those of the clauses."""
    _, _, node = catalogue.find(address)
    assert [check_value(node, text) for text in good] == [None] * len(good)
    assert all(check_value(node, text) for text in bad)


def test_an_object_that_is_not_complete_says_so(catalogue: Catalogue) -> None:
    """The reader of an object whose specification was read in part is told at its root what is missing."""
    told = {
        mo.key
        for mo in catalogue
        if re.search("not found|not complete|only a skeleton|derived from", mo.root.provenance.note)
    }
    assert told == {
        "andsf",
        "communication-continuity",
        "ims",
        "ims-tracing",
        "mcptt-ue-config",
        "mmtel",
        "mtsima",
        "mtsinp",
        "mtsiqoe",
        "multi-device",
        "nas-config",
        "prose-direct",
        "prose-epc-discovery",
        "prose-public-safety",
        "sdoue",
        "ussi",
        "v2x",
        "xcap",
    }


def test_identifiers_are_never_guessed(catalogue: Catalogue) -> None:
    """MOs whose identifier was not read anywhere have none until the settings give one."""
    unnamed = {mo.key for mo in catalogue if not mo.moi}
    assert unnamed == {
        "applications",
        "communication-continuity",
        "connmo-wlan",
        "ims-conferencing",
        "ims-tracing",
        "mmtel",
        "mtsiqoe",
        "multi-device",
        "rcs",
        "sdoue",
        "ussi",
        "xcap",
    }
