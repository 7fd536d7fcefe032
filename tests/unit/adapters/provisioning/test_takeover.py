"""Documents of other servers become values; one subscriber's identities become variables, nothing is lost unsaid."""

from pathlib import Path

import pytest

from adapters.provisioning.document import ROOT, Characteristic, parse_document
from adapters.provisioning.mapping import LAYOUTS, Layout, Mapping
from adapters.provisioning.takeover import read_document, take_templates, take_values
from adapters.provisioning.wbxml import encode_document
from gateway.errors import DecodeError
from gateway.fleet.device import Device
from gateway.fleet.subscriber import Subscriber
from gateway.fleet.variables import escape, fill, variables_of
from gateway.mo.catalogue import Catalogue

WHOSE = variables_of(
    Subscriber(id="a", imsis=("001010123456789",), msisdn="+15550100123"), Device(id="a.1"), ("00101",)
)


def document(content: str) -> Characteristic:
    return parse_document(
        f'<wap-provisioningdoc><characteristic type="APPLICATION"><parm name="AppID" value="ap2001"/>{content}'
        "</characteristic></wap-provisioningdoc>".encode()
    )


def arranged(node: Characteristic) -> Characteristic:
    below = sorted(map(arranged, node.characteristics), key=lambda child: child.type)
    return Characteristic(node.type, tuple(sorted(node.parms)), tuple(below))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_what_was_taken_is_written_again(mapping: Mapping, catalogue: Catalogue, vectors: Path, layout: Layout) -> None:
    """A document of either layout, taken over with variables and rendered for the same subscriber, has the same
    applications up to order; only its password is not for everybody."""
    given = read_document((vectors / f"layout-{layout.lower()}.xml").read_bytes())
    taken = take_templates(given, mapping, catalogue, WHOSE)
    assert [one.place for one in taken.left] == ["ims/Ext/GSMA/UserPwd"]
    password = take_values(given, mapping, catalogue).texts["ims"]["Ext/GSMA/UserPwd"]
    taken.texts["ims"]["Ext/GSMA/UserPwd"] = escape(password)
    rendered = []
    for mo, templates in taken.texts.items():
        application = mapping.render(mo, {path: fill(text, WHOSE) for path, text in templates.items()}, layout)
        assert application is not None
        rendered.append(application)
    applications = [one for one in given.characteristics if one.type == "APPLICATION"]
    assert arranged(Characteristic("", (), tuple(rendered))) == arranged(Characteristic("", (), tuple(applications)))


def test_identities_become_variables(mapping: Mapping, catalogue: Catalogue) -> None:
    """A text that holds the private or public identity, the number, the IMSI or the home domain says so by name; an
    IMSI inside a longer number is no IMSI. Spec: 3GPP TS 23.003 13"""
    given = document(
        '<parm name="Private_User_Identity" value="001010123456789@ims.mnc001.mcc001.3gppnetwork.org"/>'
        '<parm name="Home_network_domain_name" value="ims.mnc001.mcc001.3gppnetwork.org"/>'
        '<parm name="Name" value="a{b} +15550100123 001010123456789 0010101234567890"/>'
        '<characteristic type="Public_User_Identity_List">'
        '<parm name="Public_User_Identity1" value="sip:+15550100123@ims.mnc001.mcc001.3gppnetwork.org"/>'
        '<parm name="Public_User_Identity2" value="tel:+15550100123"/>'
        '<parm name="Public_User_Identity3" value="sip:x@acs.mnc001.mcc001.example.net"/></characteristic>'
    )
    assert take_templates(given, mapping, catalogue, WHOSE).texts["ims"] == {
        "Private_user_identity": "{impi}",
        "Home_network_domain_name": "{home_domain}",
        "Name": "a{{b}} {msisdn} {imsi} 0010101234567890",
        "Public_user_identity_List/1/Public_user_identity": "{impu}",
        "Public_user_identity_List/2/Public_user_identity": "{tel}",
        "Public_user_identity_List/3/Public_user_identity": "sip:x@acs.mnc{mnc}.mcc{mcc}.example.net",
    }


def test_what_names_somebody_never_becomes_everybodys(mapping: Mapping, catalogue: Catalogue) -> None:
    """Without knowing whose document it is, identities in it are left, with the place and the mend."""
    given = document(
        '<parm name="Private_User_Identity" value="001010123456789@ims.mnc001.mcc001.3gppnetwork.org"/>'
        '<parm name="Timer_T1" value="2000"/><characteristic type="APPAUTH"><parm name="UserPwd" value="x"/>'
        '<parm name="UserName" value="0a1b2c3d-0a1b-8c2d-8e3f-0a1b2c3d4e5f@ims.example"/></characteristic>'
        '<characteristic type="Public_User_Identity_List">'
        '<parm name="Public_User_Identity1" value="tel:+15550100123"/></characteristic>'
    )
    taken = take_templates(given, mapping, catalogue, {})
    assert taken.texts == {"ims": {"Timer_T1": "2000"}}
    owns = "names one subscriber; say whose document it is"
    assert {one.place: one.reason for one in taken.left} == {
        "ims/Private_user_identity": owns,
        "ims/Ext/GSMA/UserName": owns,
        "ims/Ext/GSMA/UserPwd": "is a secret, which is one subscriber's; set it for them alone",
        "ims/Public_user_identity_List/1/Public_user_identity": owns,
    }


def test_what_could_not_be_placed_is_told(mapping: Mapping, catalogue: Catalogue) -> None:
    """Unknown parms, values that the node cannot have, other applications and other parts of the document are named."""
    given = parse_document(
        b'<x:wap-provisioningdoc xmlns:x="urn:x"><x:characteristic TYPE="MSG"/><x:characteristic type="NAPDEF"/>'
        b'<x:characteristic type="APPLICATION"><x:parm NAME="AppID" Value="ap2001"/>'
        b'<x:parm name="Timer_T1" value="soon"/><x:parm name="Timer_T2" value="1"/><x:parm name="Odd" value="1"/>'
        b'</x:characteristic><x:characteristic type="APPLICATION"><x:parm name="AppID" value="ap2012"/>'
        b"</x:characteristic></x:wap-provisioningdoc>"
    )
    taken = take_values(given, mapping, catalogue)
    assert taken.texts == {"ims": {"Timer_T2": "1"}}
    assert [tuple(one) for one in taken.left] == [
        ("APPLICATION ap2001/Odd", "has no place in the tree"),
        ("APPLICATION ap2012", "has no place in the tree"),
        ("MSG", "is a message to the user, not a value"),
        ("NAPDEF", "is no application; nothing of it is taken"),
        ("ims/Timer_T1", "'soon' is not a whole number"),
    ]


def test_both_forms_are_read() -> None:
    """XML and WBXML are told apart by how they begin; what is neither is refused. Spec: OMA-WAP-TS-ProvCont-V1_1 8"""
    root = Characteristic(ROOT, (), (Characteristic("VERS"),))
    assert read_document(encode_document(root)) == root
    assert read_document(b'\xef\xbb\xbf<?xml version="1.0"?><wap-provisioningdoc/>') == Characteristic(ROOT)
    for octets in (b"", b"  ", b"{}", b"<html/>"):
        with pytest.raises(DecodeError):
            read_document(octets)
