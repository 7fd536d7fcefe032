"""What goes into a document, and by what a client's due content is known."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from lxml import etree
from msgspec.structs import replace

from adapters.provisioning.mapping import Mapping
from adapters.rcc14.documents import Documents
from adapters.rcc14.messages import Request, parse_request
from adapters.rcc14.session import TERMS_OF_USE, Delivery, Kind, Terms
from gateway.accounts import Accounts
from gateway.fleet.device import Credential, Device, OmaDmState, Rcc14State
from gateway.fleet.profile import ProfileSet, parse_profile
from gateway.fleet.subscriber import ServiceState, Subscriber
from gateway.ims_credentials import ImsCredentials
from gateway.mo.catalogue import Catalogue
from gateway.sealing import Sealer
from gateway.service import Service
from gateway.settings import Rcc14

CONFIG = Path(__file__).parents[4] / "config"
ANN = Subscriber(id="ann", imsis=("001010000000001",), msisdn="+15550100001")
PHONE = Device(id="ann.1")
IMS_B = "urn:oma:mo:ext-3gpp-ims:1.0"
NAS = "urn:oma:mo:ext-3gpp-nas-config:1.0"
UP_2 = "rcs_profile=UP_2.4&provisioning_version=5.0"


def asking(query: str) -> Request:
    return parse_request(query)


def app_ids(documents: Documents, query: str, subscriber: Subscriber = ANN) -> list[str]:
    request = asking(query)
    root = etree.fromstring(
        documents.document(
            Delivery(Kind.FULL, 1, 60, 0, Rcc14State()),
            "",
            documents.content(subscriber, PHONE, request),
        )
    )
    return [str(app_id) for app_id in root.xpath("characteristic[@type='APPLICATION']/parm[@name='AppID']/@value")]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ["ap2001", "ap2002"]),
        (UP_2, [IMS_B, "ap2002"]),
        ("app=ap2002", ["ap2002"]),
        ("app=ap2001&app=ap2002", ["ap2001", "ap2002"]),
        ("app=ap2002&app=ap2001", ["ap2001", "ap2002"]),
        (f"app={IMS_B}", [IMS_B]),
        (f"{UP_2}&app=ap2001", ["ap2001"]),
        (f"app={NAS}", [NAS]),
        ("app=ap2002&app=ap2099&app=ap2002", ["ap2002"]),
        ("app=ap2099", []),
        ("app=ap2005&app=ap2003", ["ap2003", "ap2005"]),
        ("app=ap2004&app=ap2002", ["ap2002", "ap2004"]),
        ("app=Ap2002", []),
    ],
)
def test_a_client_gets_what_it_asks_for(documents: Documents, query: str, expected: list[str]) -> None:
    """The usual applications, or those of the asked-for that there are; each once (RCC.14 2.3, app parameter)."""
    assert app_ids(documents, query) == expected


def test_an_entitlement_that_nobody_has_is_disabled(documents: Documents) -> None:
    """A client that asks for voice over Wi-Fi is told that it has none, and the wish is part of what it is due.

    Spec: GSMA TS.43 (EntitlementStatus)
    """
    asked = asking("app=ap2004")
    content = documents.content(ANN, PHONE, asked)
    assert content.endswith(
        b'<characteristic type="APPLICATION"><parm name="AppID" value="ap2004"/>'
        b'<parm name="EntitlementStatus" value="0"/></characteristic>'
    )
    assert documents.wish(ANN, PHONE, asked) != documents.wish(ANN, PHONE, asking("app=ap2099"))
    assert documents.wish(ANN, PHONE, asking("app=ap2003&app=ap2004")) == documents.wish(
        ANN, PHONE, asking("app=ap2004&app=ap2003")
    )


@pytest.mark.parametrize("app_id", ["vvm", "ap2004"])
def test_an_operator_may_serve_any_application(tmp_path: Path, terms: Terms, accounts: Accounts, app_id: str) -> None:
    """An object of the operator's own, mapped to an AppID, is what clients get that ask for it; an entitlement too."""
    (tmp_path / "mo").mkdir()
    (tmp_path / "mo" / "own.xml").write_text(
        '<MgmtTree xmlns="syncml:dmddf1.2"><VerDTD>1.2</VerDTD><Node><NodeName/><DFProperties><AccessType><Get/>'
        "</AccessType><DFFormat><node/></DFFormat><Occurrence><One/></Occurrence></DFProperties><Node><NodeName>"
        "EntitlementStatus</NodeName><DFProperties><AccessType><Get/></AccessType><DFFormat><int/></DFFormat>"
        "<Occurrence><One/></Occurrence></DFProperties></Node></Node></MgmtTree>"
    )
    (tmp_path / "own.toml").write_text(f'mo = "own"\n[both]\napplication = "{app_id}"\n')
    catalogue = Catalogue.load(tmp_path / "mo", identifiers={})
    profile = parse_profile('name = "p"\nlayer = "operator"\n[mo.own]\nEntitlementStatus = 1\n', "p", catalogue)
    service = Service(catalogue, ProfileSet([profile], catalogue), plmns=[], roots={})
    mapping, ims = Mapping.load(tmp_path, catalogue), ImsCredentials(Sealer(bytes(32)))
    documents = Documents(mapping, service, accounts, ims, settings=Rcc14(), terms=terms)
    assert documents.content(replace(ANN, msisdn=""), PHONE, asking(f"{UP_2}&app={app_id}&app=other")) == (
        b'<characteristic type="APPLICATION"><parm name="AppID" value="%b"/>'
        b'<parm name="EntitlementStatus" value="1"/></characteristic>' % app_id.encode()
    )


def test_what_lacks_a_variable_is_left_out(documents: Documents) -> None:
    """A leaf that cannot be filled for this subscriber is not there, and the others are; values are escaped."""
    with_sim = documents.content(ANN, PHONE, asking(UP_2))
    without = documents.content(replace(ANN, imsis=()), PHONE, asking(UP_2))
    impi = b"001010000000001@ims.mnc001.mcc001.3gppnetwork.org"
    assert impi in with_sim
    assert b"Private_User_Identity" not in without
    assert b'<parm name="Timer_T1" value="2000"/>' in without


@pytest.mark.parametrize(("msisdn", "user"), [("+15550100001", ["+15550100001"]), ("", [])])
def test_the_number_is_told_when_it_is_known(documents: Documents, msisdn: str, user: list[str]) -> None:
    """User/msisdn is the number on record, and no User stands there without one."""
    content = documents.content(replace(ANN, msisdn=msisdn), PHONE, Request())
    root = etree.fromstring(b"<d>" + content + b"</d>")
    assert root.xpath("characteristic[@type='User']/parm[@name='msisdn']/@value") == user


@pytest.mark.parametrize("content", [b"", b'<characteristic type="APPLICATION"/>'])
@pytest.mark.parametrize("token", ["", "ann.1.1.MAC"])
def test_the_frame(documents: Documents, token: str, content: bytes) -> None:
    """VERS comes first, then the TOKEN with what is left of its life, if one goes out; then the content."""
    delivery = Delivery(Kind.FULL, 7, 86400, 321, Rcc14State())
    root = etree.fromstring(documents.document(delivery, token, content))
    parms = [(one.get("type"), [(parm.get("name"), parm.get("value")) for parm in one]) for one in root]
    expected = [("VERS", [("version", "7"), ("validity", "86400")])]
    if token:
        expected.append(("TOKEN", [("token", token), ("validity", "321")]))
    assert parms == expected + ([("APPLICATION", [])] if content else [])


@pytest.mark.parametrize(("state", "version"), [(None, "1"), (Rcc14State(), "1"), (Rcc14State(version=4), "4")])
def test_a_preview_is_the_document_without_its_token(
    documents: Documents, state: Rcc14State | None, version: str
) -> None:
    """It has the version the device is due, and a validity: it could be handed out."""
    root = etree.fromstring(documents.preview(ANN, replace(PHONE, rcc14=state), "B"))
    assert [one.get("type") for one in root] == ["VERS", "User", "APPLICATION", "APPLICATION"]
    assert [parm.get("value") for parm in root[0]] == [version, "86400"]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (UP_2, UP_2 + "&vers=3&token=t&rcs_state=3&terminal_sw_version=9", True),
        ("app=ap2001&app=ap2002", "app=ap2002&app=ap2001&app=ap2002", True),
        ("app=ap2002", "app=ap2002&app=ap2099", True),
        ("app=ap2098", "app=ap2099&app=nonsense", True),
        (f"app={NAS}", f"app={NAS}&app=%7C%2C", True),
        ("", "app=ap2003", False),
        ("", "app=ap2002", False),
        ("app=ap2001", "app=ap2002", False),
        ("app=ap2001", "app=ap2001,ap2002", False),
        ("app=ap2001", f"app={IMS_B}", False),
        ("", UP_2, False),
        ("client_version=1", "client_version=1&rcs_state=-4", True),
        ("client_version=1", "client_version=2", False),
        ("rcs_version=1", "client_version=1", False),
    ],
)
def test_the_wish_of_a_client(documents: Documents, one: str, other: str, same: bool) -> None:
    """Release, layout and served applications tell clients apart; order, repetition, state and what is not served do
    not (RCC.14 VERS, app).
    """
    wishes = {documents.wish(ANN, PHONE, asking(query)) for query in (one, other)}
    assert len(wishes) == (1 if same else 2)


def test_the_key_follows_the_operator(
    make_documents: Callable[..., Documents], catalogue: Catalogue, tmp_path: Path
) -> None:
    """An edited mapping and a changed subscriber or device make another key; a restart does not. Other default MOs
    make another wish.
    """
    shutil.copytree(CONFIG / "mapping", tmp_path, dirs_exist_ok=True)
    rcs = tmp_path / "rcs.toml"
    rcs.write_text(rcs.read_text().replace('application = "ap2002"', 'application = "ap2999"'))
    edited = make_documents(Mapping.load(tmp_path, catalogue))
    key = make_documents().key(ANN, PHONE)
    assert make_documents().key(ANN, PHONE) == key
    assert edited.key(ANN, PHONE) != key
    assert make_documents().key(replace(ANN, content_revision=2), PHONE) != key
    assert make_documents().key(ANN, replace(PHONE, content_revision=2)) != key

    usual = make_documents().wish(ANN, PHONE, Request())
    assert make_documents(default_applications=("rcs",)).wish(ANN, PHONE, Request()) != usual
    assert make_documents(default_applications=("ims",)).wish(ANN, PHONE, Request()) != usual


@pytest.mark.parametrize(
    ("state", "code"),
    [
        (ServiceState.DISABLED, "0"),
        (ServiceState.DISABLED_PERMANENTLY, "-1"),
        (ServiceState.DISABLED_UNTIL_USER, "-2"),
        (ServiceState.DORMANT, "-3"),
    ],
)
def test_rcs_alone_may_be_off(documents: Documents, state: ServiceState, code: str) -> None:
    """In layout B the RCS application says so itself while IMS stays; in A it is left out (RCC.07 rcsDisabledState)."""
    ann = replace(ANN, application_states={"rcs": state})
    content = etree.fromstring(b"<d>" + documents.content(ann, PHONE, asking(UP_2)) + b"</d>")
    assert content.xpath("//characteristic[@type='SERVICES']/parm[@name='rcsDisabledState']/@value") == [code]
    assert app_ids(documents, UP_2, ann) == [IMS_B, "ap2002"]
    assert app_ids(documents, "", ann) == ["ap2001"]
    awake = replace(PHONE, rcc14=replace(PHONE.rcc14 or Rcc14State(), woken=True))
    waited = state is ServiceState.DISABLED_UNTIL_USER
    assert (b"rcsDisabledState" not in documents.content(ann, awake, asking(UP_2))) is waited
    assert documents.key(ann, awake) != documents.key(ann, PHONE)
    active = replace(ANN, application_states={"rcs": ServiceState.ACTIVE})
    assert documents.content(active, PHONE, asking(UP_2)) == documents.content(ANN, PHONE, asking(UP_2))


def test_another_application_that_is_off_is_left_out(documents: Documents) -> None:
    """Only RCS has a word for it."""
    ann = replace(ANN, application_states={"ims": ServiceState.DORMANT})
    assert app_ids(documents, UP_2, ann) == ["ap2002"]


def test_other_servers_are_told_to_who_is_to_ask_them(make_documents: Callable[..., Documents]) -> None:
    """ACCESS-CONTROL stands before the applications, with what is served here and at each server (RCC.14 2.2.2)."""
    servers = [
        {"fqdn": "rcs.example.net", "app_ids": ["ap2002"], "id_provider": True},
        {"fqdn": "vvm.example.net", "app_ids": ["ap2003", "ap2004"], "plans": ["premium"]},
    ]
    documents = make_documents(app_ids=[IMS_B], servers=servers)
    content = documents.content(replace(ANN, plan="premium"), PHONE, asking(UP_2))
    assert (
        b'<characteristic type="ACCESS-CONTROL"><characteristic type="DEFAULT">'
        b'<parm name="app-id" value="urn:oma:mo:ext-3gpp-ims:1.0"/></characteristic>'
        b'<characteristic type="SERVER"><parm name="fqdn" value="rcs.example.net"/>'
        b'<parm name="id-provider" value="1"/><parm name="app-id" value="ap2002"/></characteristic>'
        b'<characteristic type="SERVER"><parm name="fqdn" value="vvm.example.net"/>'
        b'<parm name="id-provider" value="0"/><parm name="app-id" value="ap2003"/>'
        b'<parm name="app-id" value="ap2004"/></characteristic></characteristic>'
    ) in content
    assert content.index(b"User") < content.index(b"ACCESS-CONTROL") < content.index(b"APPLICATION")
    assert documents.content(ANN, PHONE, asking(UP_2)).count(b'"SERVER"') == 1
    assert b"ACCESS-CONTROL" not in make_documents().content(ANN, PHONE, asking(UP_2))
    assert documents.key(ANN, PHONE) != make_documents().key(ANN, PHONE)


@pytest.mark.parametrize(
    ("query", "id_provider", "types"),
    [
        (UP_2, False, ["APPLICATION"]),
        (UP_2, True, ["User", "APPLICATION"]),
        (f"{UP_2}&app=ap2002", False, ["APPLICATION"]),
        (f"{UP_2}&app={IMS_B}", False, []),
        (f"{UP_2}&app={IMS_B}&app=ap2002", False, ["APPLICATION"]),
        (f"{UP_2}&app=ap2004", False, []),
        (f"{UP_2}&app=ap2003", False, ["APPLICATION"]),
    ],
)
def test_as_an_additional_server(
    make_documents: Callable[..., Documents], query: str, id_provider: bool, types: list[str]
) -> None:
    """Its own applications and no others, whatever is asked for; no ACCESS-CONTROL, and the number from an id-provider
    alone. It is another server to the client, with a version of its own (RCC.14 2.2.2).
    """
    part = {"hosts": ["hub.example"], "app_ids": ["ap2002", "ap2003"], "id_provider": id_provider}
    server = {"fqdn": "other.example", "app_ids": ["ap2004"]}
    documents = make_documents(additional=part, servers=[server], app_ids=[IMS_B])
    content = documents.content(ANN, PHONE, asking(query), additional=True)
    root = etree.fromstring(b"<d>" + content + b"</d>")
    assert root.xpath("characteristic/@type") == types
    assert IMS_B.encode() not in content
    wishes = {documents.wish(ANN, PHONE, asking(query), additional=additional) for additional in (False, True)}
    assert len(wishes) == 2
    assert b"ACCESS-CONTROL" in documents.content(ANN, PHONE, asking(query))


@pytest.mark.parametrize(("accepts", "title"), [("", "Chat"), ("de-AT,en;q=0.5", "Nachrichten & mehr"), ("fr", "Chat")])
def test_a_message_is_in_the_clients_language(
    make_documents: Callable[..., Documents], accepts: str, title: str
) -> None:
    """MSG comes after VERS and TOKEN with all four parms, escaped, and only when it is due (RCC.14 MSG)."""
    terms = {
        "title": {"en": "Chat", "de": "Nachrichten & mehr"},
        "message": {"en": "One.\nTwo.", "de": 'Ja oder "nein"?'},
        "edition": "1",
    }
    documents = make_documents(terms=terms)
    delivery = Delivery(Kind.FULL, 1, 60, 30, Rcc14State(), TERMS_OF_USE)
    octets = documents.document(delivery, "t", b"", accepts)
    root = etree.fromstring(octets)
    assert [child.get("type") for child in root] == ["VERS", "TOKEN", "MSG"]
    parms = {parm.get("name"): parm.get("value") for parm in root[2]}
    assert parms == {
        "title": title,
        "message": terms["message"]["de" if "&" in title else "en"],  # type: ignore[index]
        "Accept_btn": "1",
        "Reject_btn": "1",
    }
    assert b"\n" not in octets
    assert b"MSG" not in documents.document(replace(delivery, message="disabled"), "t", b"", accepts)
    assert b"MSG" not in documents.document(replace(delivery, message=""), "t", b"", accepts)


@pytest.mark.parametrize(
    ("supported", "query", "profile"),
    [
        ("UP_2.3, UP_2.4", "rcs_profile=UP_2.4", ""),
        ("UP_2.3,UP_2.4", "rcs_profile=UP_2.2", "UP_2.2"),
        ("UP_2.3", "", ""),
        ("", "rcs_profile=UP_2.2", ""),
    ],
)
def test_a_client_that_will_switch_rcs_off_is_noticed(
    make_documents: Callable[..., Documents], supported: str, query: str, profile: str
) -> None:
    """A client whose profile is not among the supported ones is named; without a list all are.

    Spec: RCC.07 Annex A (SupportedRCSProfileVersions)
    """
    values = {"rcs": {"SERVICES/SupportedRCSProfileVersions": supported}} if supported else {}
    assert make_documents().turns_off(replace(ANN, overrides=values), PHONE, asking(query)) == profile


def test_what_another_protocol_owns_is_left_out(terms: Terms, accounts: Accounts) -> None:
    """The application is not in the content; the wish, by which the client is known, stays the same."""
    catalogue = Catalogue.load(CONFIG / "mo", identifiers={})
    mapping = Mapping.load(CONFIG / "mapping", catalogue)
    text = 'name = "all"\nlayer = "operator"\n[mo.ims]\nTimer_T1 = 2000\n[mo.rcs]\n"SERVICES/ChatAuth" = true\n'
    met = OmaDmState(
        loc_uri="a", client=Credential(name="a", secret=b""), last_session_at=datetime(2026, 1, 1, tzinfo=UTC)
    )
    both = replace(PHONE, omadm=met, rcc14=Rcc14State(sent_version=1))
    contents, wishes = [], set()
    for owners in ("", '[owners]\nims = "omadm"\n'):
        profiles = ProfileSet([parse_profile(text + owners, "all.toml", catalogue)], catalogue)
        service = Service(catalogue, profiles, plmns=["00101"], roots={})
        documents = Documents(
            mapping, service, accounts, ImsCredentials(Sealer(bytes(32))), settings=Rcc14(), terms=terms
        )
        contents.append(documents.content(ANN, both, asking(UP_2)))
        wishes.add(documents.wish(ANN, both, asking(UP_2)))
    assert [b"Timer_T1" in one for one in contents] == [True, False]
    assert all(b"ap2002" in one for one in contents)
    assert len(wishes) == 1
