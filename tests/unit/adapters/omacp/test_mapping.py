"""Access points and proxies in OMA CP documents, and what a table may say."""

from pathlib import Path

import pytest

from adapters.omacp.mapping import CpMapping
from adapters.provisioning.document import Characteristic, format_characteristic
from gateway.errors import ConfigError
from gateway.mo.catalogue import Catalogue
from gateway.mo.example import example_values

CONFIG = Path(__file__).parents[4] / "config"


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return Catalogue.load(CONFIG / "mo", identifiers={})


@pytest.fixture(scope="module")
def mapping(catalogue: Catalogue) -> CpMapping:
    return CpMapping.load(CONFIG / "mapping" / "omacp", catalogue)


def xml(mapping: CpMapping, mo: str, values: dict[str, str]) -> str:
    return "".join(map(format_characteristic, mapping.render(mo, values)))


def test_an_access_point(mapping: CpMapping) -> None:
    """NAP of ConnMO becomes NAPDEF, in the order of the table; a list becomes parms of one name.

    Spec: OMA-TS-DM_StdObj-V1_2 (mapping from CP)
    """
    values = {
        "Addr": "internet.example", "AddrType": "APN", "NAPID": "NAP1", "Name": "Ex", "Bearer/BearerType": "GSM-GPRS",
        "IP/IPv4/DNS/b/DNSAddr": "192.0.2.2", "IP/IPv4/DNS/a/DNSAddr": "192.0.2.1", "IP/IPv4/AutoConfig": "true",
        "AuthInfo/AuthType": "PAP", "AuthInfo/AuthName": "u", "AuthInfo/AuthSecret": "p",
    }  # fmt: skip
    assert xml(mapping, "connmo-nap", values) == (
        '<characteristic type="NAPDEF"><parm name="NAPID" value="NAP1"/><parm name="BEARER" value="GSM-GPRS"/>'
        '<parm name="NAME" value="Ex"/><parm name="NAP-ADDRESS" value="internet.example"/>'
        '<parm name="NAP-ADDRTYPE" value="APN"/><parm name="DNS-ADDR" value="192.0.2.2"/>'
        '<parm name="DNS-ADDR" value="192.0.2.1"/><characteristic type="NAPAUTHINFO">'
        '<parm name="AUTHTYPE" value="PAP"/><parm name="AUTHNAME" value="u"/><parm name="AUTHSECRET" value="p"/>'
        "</characteristic></characteristic>"
    )


def test_a_proxy(mapping: CpMapping) -> None:
    """Proxy of ConnMO becomes PXLOGICAL with a PXPHYSICAL; each port has its services, truth values are 0 and 1."""
    values = {
        "ProxyID": "P", "Name": "N", "Addr": "192.0.2.9", "AddrType": "IPV4", "ProxyParams/WAP/PushEnabled": "true",
        "Domains/1/DomainName": "a.example", "Domains/2/DomainName": "b.example",
        "Ports/1/PortNbr": "9201", "Ports/1/Services/1/ServiceName": "CO-WSP",
        "Ports/2/PortNbr": "8080", "Ports/1/Services/2/ServiceName": "CL-WSP",
    }  # fmt: skip
    assert xml(mapping, "connmo-proxy", values) == (
        '<characteristic type="PXLOGICAL"><parm name="PROXY-ID" value="P"/><parm name="NAME" value="N"/>'
        '<parm name="DOMAIN" value="a.example"/><parm name="DOMAIN" value="b.example"/>'
        '<parm name="PUSHENABLED" value="1"/><characteristic type="PXPHYSICAL"><parm name="PXADDR" value="192.0.2.9"/>'
        '<parm name="PXADDRTYPE" value="IPV4"/><characteristic type="PORT"><parm name="PORTNBR" value="9201"/>'
        '<parm name="SERVICE" value="CO-WSP"/><parm name="SERVICE" value="CL-WSP"/></characteristic>'
        '<characteristic type="PORT"><parm name="PORTNBR" value="8080"/></characteristic></characteristic>'
        "</characteristic>"
    )


def test_what_has_no_place(mapping: CpMapping) -> None:
    """Leaves that the table does not name are left out; nothing at all is no characteristic."""
    assert mapping.render("connmo-nap", {"IP/IPv4/NetMask": "255.0.0.0", "Nonsense": "x"}) == ()
    assert "connmo-nap" in mapping
    assert "ims" not in mapping


def test_each_application_is_a_characteristic(mapping: CpMapping) -> None:
    """Entries of the tree's list in its order, each with servers, accounts and resources of its own.

    Spec: OMA-WAP-TS-ProvCont-V1_1 4 (APPLICATION, APPADDR, PORT, APPAUTH, RESOURCE)
    """
    values = {
        "Mms/AppID": "w4", "Mms/Name": "MMS", "Mms/PrefAddr/1/Addr": "http://mmsc.example", "Mms/ToNap/1/NapID": "M",
        "Web/Resource/home/URI": "http://wap.example/", "Web/Resource/home/StartPage": "", "Web/AppID": "w2",
        "Mail/AppID": "143", "Mail/AppAddr/1/Addr": "192.0.2.7", "Mail/AppAddr/1/AddrType": "IPV4",
        "Mail/AppAddr/1/Port/1/PortNbr": "993", "Mail/AppAddr/1/Port/1/Service/1/Service": "993",
        "Mail/AppAuth/1/AAuthName": "ann", "Mail/AppAuth/1/AAuthSecret": "s",
    }  # fmt: skip
    assert xml(mapping, "applications", values) == (
        '<characteristic type="APPLICATION"><parm name="APPID" value="w4"/><parm name="NAME" value="MMS"/>'
        '<parm name="TO-NAPID" value="M"/><parm name="ADDR" value="http://mmsc.example"/></characteristic>'
        '<characteristic type="APPLICATION"><parm name="APPID" value="w2"/><characteristic type="RESOURCE">'
        '<parm name="URI" value="http://wap.example/"/><parm name="STARTPAGE" value=""/></characteristic>'
        '</characteristic><characteristic type="APPLICATION"><parm name="APPID" value="143"/>'
        '<characteristic type="APPADDR"><parm name="ADDR" value="192.0.2.7"/><parm name="ADDRTYPE" value="IPV4"/>'
        '<characteristic type="PORT"><parm name="PORTNBR" value="993"/><parm name="SERVICE" value="993"/>'
        '</characteristic></characteristic><characteristic type="APPAUTH"><parm name="AAUTHNAME" value="ann"/>'
        '<parm name="AAUTHSECRET" value="s"/></characteristic></characteristic>'
    )


APPLICATION = {
    "": "APPID PROVIDER-ID NAME AACCEPT APROTOCOL TO-PROXY TO-NAPID ADDR", "APPADDR": "ADDR ADDRTYPE",
    "APPADDR/PORT": "PORTNBR SERVICE", "APPAUTH": "AAUTHTYPE AAUTHNAME AAUTHSECRET AAUTHDATA",
    "RESOURCE": "URI NAME AACCEPT AAUTHTYPE AAUTHNAME AAUTHSECRET AAUTHDATA STARTPAGE CLIURI",
}  # fmt: skip
"""Every parm by where it stands; AAUTHLEVEL is of w7."""


def test_every_parm_of_an_application_has_a_node(catalogue: Catalogue, mapping: CpMapping) -> None:
    """Whatever a registration of an application uses of APPLICATION can be set in the tree.

    Spec: OMA-WAP-TS-ProvCont-V1_1 4
    """
    made, _ = mapping.render("applications", example_values(catalogue.get("applications")))

    def parms(one: Characteristic, above: str = "") -> set[str]:
        own = {f"{above}{name}" for name, _ in one.parms}
        return own.union(*(parms(child, f"{above}{child.type}/") for child in one.characteristics))

    assert parms(made) == {
        f"{place}/{name}".lstrip("/") for place, names in APPLICATION.items() for name in names.split()
    }


def test_a_directory_may_be_absent(catalogue: Catalogue, tmp_path: Path) -> None:
    """An operator without OMA CP has no tables."""
    assert "connmo-nap" not in CpMapping.load(tmp_path / "none", catalogue)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("mo = 1", "Expected `str`"),
        ("mo = 'x", "a.toml: "),
        ('mo = "imz"\ncharacteristic = "C"\n[place]', "did you mean ims"),
        ('mo = "ims"\n[place]', "characteristic"),
        ('mo = "ims"\ncharacteristic = "C"\nmore = 1\n[place]', "more"),
        ('mo = "ims"\ncharacteristic = "C"\n[place]\nTimer_TX = "T"', "did you mean Timer_T"),
        ('mo = "ims"\ncharacteristic = "C"\n[place]\nExt = "T"', "is no leaf"),
        ('mo = "ims"\ncharacteristic = "C"\n[place]\nTimer_T1 = ""', "cannot stand at ''"),
        ('mo = "ims"\ncharacteristic = "C"\n[place]\n"ICSI_List/<X>/ICSI" = "ICSI"', "as often"),
        (
            'mo = "applications"\ncharacteristic = "C"\n[place]\n"<X>/AppID" = "<X>/A"\n"<X>/Name" = "N/<X>"',
            "either all places",
        ),
    ],
)
def test_faults(catalogue: Catalogue, tmp_path: Path, content: str, says: str) -> None:
    """A fault stops the start and names the file."""
    (tmp_path / "a.toml").write_text(content)
    with pytest.raises(ConfigError, match=r"a\.toml: ") as caught:
        CpMapping.load(tmp_path, catalogue)
    assert says in str(caught.value)


def test_one_table_for_each_object(catalogue: Catalogue, tmp_path: Path) -> None:
    """Two tables would contradict each other."""
    for name in ("a", "b"):
        (tmp_path / f"{name}.toml").write_text('mo = "ims"\ncharacteristic = "C"\n[place]\nTimer_T1 = "T"')
    with pytest.raises(ConfigError, match=r"b\.toml: mo: ims has a table already"):
        CpMapping.load(tmp_path, catalogue)
