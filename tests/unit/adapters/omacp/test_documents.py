"""Documents of whole devices: what stands in them, in which order, and how they are connected."""

from pathlib import Path

import pytest
from libwbxml import to_xml
from tshark import dissect

from adapters.omacp.documents import CpDocuments
from adapters.omacp.manual import ManualWords
from adapters.omacp.mapping import CpMapping
from adapters.provisioning.document import Characteristic, parse_document
from adapters.provisioning.mapping import Mapping
from adapters.provisioning.wbxml import decode_document
from gateway.errors import ConfigError
from gateway.fleet.account import Account, Login
from gateway.fleet.device import Device
from gateway.fleet.profile import ProfileSet, parse_profile
from gateway.fleet.subscriber import Subscriber
from gateway.mo.catalogue import Catalogue
from gateway.service import Service
from gateway.settings import OmaCp, Sms

CONFIG = Path(__file__).parents[4] / "config"
ANN = Subscriber(id="ann", imsis=("001011234567895",))
PHONE = Device(id="ann.1", imei="004400112233447")
ACCOUNT = Account("srv", "Server", "https://dm.example/", "md5", Login("phone", "a", b"n"), Login("srv", "b", b"n"))
NAP = '[mo.connmo-nap]\nNAPID = "NAP1"\nName = "n"\nAddr = "apn"\nAddrType = "APN"\n"Bearer/BearerType" = "GSM-GPRS"\n'
PROXY = '[mo.connmo-proxy]\nProxyID = "P"\nName = "p"\nAddr = "192.0.2.1"\nAddrType = "IPV4"\n'
IMS = "[mo.ims]\nTimer_T1 = 2000\n"


def documents(*objects: str, wanted: tuple[str, ...] = OmaCp().objects) -> CpDocuments:
    catalogue = Catalogue.load(CONFIG / "mo", identifiers={})
    text = 'name = "all"\nlayer = "operator"\n' + "".join(objects)
    profiles = ProfileSet([parse_profile(text, "all.toml", catalogue)], catalogue)
    service = Service(catalogue, profiles, plmns=["00101"], roots={})
    own = CpMapping.load(CONFIG / "mapping" / "omacp", catalogue)
    words = ManualWords.load(CONFIG / "mapping" / "manual")
    return CpDocuments(Mapping.load(CONFIG / "mapping", catalogue), own, words, service, OmaCp(objects=wanted), Sms())


def parms(document: Characteristic, *types: str) -> list[tuple[str, str]]:
    for type_ in types:
        document = next(one for one in document.characteristics if one.type == type_)
    return [(name, value) for name, value in document.parms]


def test_an_account_over_an_access_point() -> None:
    """The account names the access point that comes along."""
    made = documents(NAP).bootstrap(ANN, PHONE, ACCOUNT, "netwpin", "", 1)
    document = decode_document(made.body)
    assert [one.type for one in document.characteristics] == ["NAPDEF", "APPLICATION"]
    assert ("TO-NAPID", "NAP1") in parms(document, "APPLICATION")
    assert parse_document(made.document.encode()) == document
    assert (made.says["SEC"], made.entry) == ("NETWPIN", "")
    assert made.says["MAC"] in dissect(made.segments)


def test_an_account_over_a_proxy() -> None:
    """Then the account names the proxy, and the proxy, known by its own name, the access point."""
    document = decode_document(documents(NAP, PROXY).bootstrap(ANN, PHONE, ACCOUNT, "USERPIN", "1234", 1).body)
    assert [one.type for one in document.characteristics] == ["PXLOGICAL", "NAPDEF", "APPLICATION"]
    assert ("TO-PROXY", "P") in parms(document, "APPLICATION")
    assert not any(name == "TO-NAPID" for name, _ in parms(document, "APPLICATION"))
    physical = parms(document, "PXLOGICAL", "PXPHYSICAL")
    assert (physical[0], physical[-1]) == (("PHYSICAL-PROXY-ID", "P"), ("TO-NAPID", "NAP1"))


def test_applications_go_by_what_comes_along() -> None:
    """Browser and MMS by the proxy, or the access point where there is none; who names a way keeps to it, and an IMS
    client gets none. libwbxml reads all of it.

    Spec: OMA-WAP-TS-ProvCont-V1_1 4 (TO-PROXY, TO-NAPID)
    """
    web, mms, mail = (
        '"Web/AppID" = "w2"\n"Web/Resource/1/URI" = "http://wap.example/"\n"Web/Resource/1/StartPage" = ""\n',
        '"Mms/AppID" = "w4"\n"Mms/PrefAddr/1/Addr" = "http://mmsc.example"\n',
        '"Mail/AppID" = "143"\n"Mail/ToNap/1/NapID" = "INTERNET"\n"Mail/AppAddr/1/Addr" = "imap.example"\n',
    )
    applications = f"[mo.applications]\n{web}{mms}{mail}"
    wanted = (*OmaCp().objects, "ims")

    def ways(*objects: str) -> list[dict[str, str]]:
        xml, wbxml = documents(*objects, wanted=wanted).preview(ANN, PHONE)
        decoded = decode_document(wbxml)
        assert parse_document(to_xml(wbxml)) == parse_document(xml.encode()) == decoded
        return [dict(one.parms) for one in decoded.characteristics if one.type == "APPLICATION"]

    found = {one["APPID"]: one for one in ways(NAP, PROXY, IMS, applications)}
    assert {app: one.get("TO-PROXY") or one.get("TO-NAPID") for app, one in found.items()} == {
        "w2": "P", "w4": "P", "143": "INTERNET", "ap2001": None,
    }  # fmt: skip
    assert found["w4"]["ADDR"] == "http://mmsc.example"
    assert [one.get("TO-NAPID") for one in ways(NAP, applications)] == ["INTERNET", "NAP1", "NAP1"]
    assert [one.get("TO-NAPID") for one in ways(applications)] == ["INTERNET", None, None]


def test_without_connectivity() -> None:
    """A device without an access point in its tree gets the account alone; a lone proxy is reached by any."""
    document = decode_document(documents(IMS).bootstrap(ANN, PHONE, ACCOUNT, "netwpin", "", 1).body)
    assert [one.type for one in document.characteristics] == ["APPLICATION"]
    alone = decode_document(documents(PROXY).preview(ANN, PHONE)[1])
    assert ("TO-NAPID", "INTERNET") in parms(alone, "PXLOGICAL", "PXPHYSICAL")


def test_what_the_document_has_can_be_typed_in() -> None:
    """From the same tree by the same tables; where there is nothing to type that is told."""
    made = documents(NAP, PROXY).instructions(ANN, PHONE, "")
    assert [(part.title, [entry.value for entry in part.entries]) for part in made.parts] == [
        ("Access point", ["n", "apn"]), ("Proxy", ["192.0.2.1"]),
    ]  # fmt: skip
    with pytest.raises(ConfigError, match=r"nothing to type into device ann\.1"):
        documents(IMS).instructions(ANN, PHONE, "")


def test_an_object_without_a_table() -> None:
    """It stands in its APPLICATION as older RCC.14 clients read it, named as OMA CP names it."""
    xml, wbxml = documents(NAP, IMS, wanted=("ims", "connmo-nap")).preview(ANN, PHONE)
    document = decode_document(wbxml)
    assert parse_document(xml.encode()) == document
    assert [one.type for one in document.characteristics] == ["NAPDEF", "APPLICATION"]
    assert parms(document, "APPLICATION") == [("APPID", "ap2001"), ("Timer_T1", "2000")]


def test_what_the_user_types() -> None:
    """With USERPINMAC there is no MAC in the push: PIN and check digits are typed."""
    made = documents(NAP).bootstrap(ANN, PHONE, ACCOUNT, "userpinmac", "1234", 1)
    assert "MAC" not in made.says
    assert (made.entry[:4], len(made.entry)) == ("1234", 8)


def test_unknown_security() -> None:
    """The methods that there are get named."""
    with pytest.raises(ConfigError, match="netwpin, userpin, usernetwpin, userpinmac"):
        documents(NAP).bootstrap(ANN, PHONE, ACCOUNT, "none", "", 1)
