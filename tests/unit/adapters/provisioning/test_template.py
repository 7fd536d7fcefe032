"""Provisioning documents as octets, judged by libxml2, which they are not made with."""

from typing import Any

import pytest
from lxml import etree

from adapters.provisioning import template
from adapters.provisioning.document import Characteristic, Parm
from gateway.errors import ConfigError
from gateway.fleet.profile import check_override
from gateway.mo.catalogue import Catalogue

NASTY = ["", "a&b", "<x/>", '"', "'", "]]>", "é€\U0001f4f1", "line\nbreak\ttab\r", "{imsi}", "}}{{", "&amp;", "--"]


def read(octets: bytes) -> Any:
    return etree.fromstring(octets, etree.XMLParser(resolve_entities=False, no_network=True))


@pytest.mark.parametrize("value", NASTY)
def test_a_variable_is_always_text(value: str) -> None:
    """Whatever a subscriber's variable holds, the document's reader gets back, and nothing else of it."""
    compiled = template.compile([Characteristic("c", (Parm("a", "[{v}|{v}]{{v}}"), Parm("b", "{w}")))])
    (element,) = read(template.document(compiled.splice({"v": value, "w": "w", "other": "x"})))
    assert [dict(parm.attrib) for parm in element] == [
        {"name": "a", "value": f"[{value}|{value}]{{v}}"},
        {"name": "b", "value": "w"},
    ]


@pytest.mark.parametrize("name", NASTY)
def test_names_are_never_variables(name: str) -> None:
    """Braces in the name of a parm or characteristic are just braces."""
    inner = Characteristic(name, (Parm(name, "{v}"),))
    compiled = template.compile([Characteristic("c", (), (inner,))])
    ((element,),) = read(template.document(compiled.splice({"v": "1"})))
    assert element.get("type") == name
    assert dict(element[0].attrib) == {"name": name, "value": "1"}


def test_a_missing_variable_is_named() -> None:
    """A value is never sent half filled."""
    with pytest.raises(KeyError, match="absent"):
        template.compile([Characteristic("c", (Parm("a", "{absent}"),))]).splice({})


def test_a_template_keeps_nothing() -> None:
    """One template serves every subscriber: a splice leaves nothing behind for the next."""
    compiled = template.compile([Characteristic("c", (Parm("a", "{v}"),))])
    first = compiled.splice({"v": "first"})
    assert b"first" not in compiled.splice({"v": "second"})
    assert compiled.splice({"v": "first"}) == first


def test_document_frame() -> None:
    """The XML declaration, the root with its version and no DOCTYPE, then the parts as given, with VERS first.

    Spec: RCC.14 (XML document)
    """
    octets = template.document(
        template.vers(7, 1209600), template.token('t"&', 60), template.user("+15550100123"), template.vers(-1, -1)
    )
    assert octets.startswith(b'<?xml version="1.0" encoding="UTF-8"?><wap-provisioningdoc version="1.1"><char')
    root = read(octets)
    assert [(one.get("type"), [(parm.get("name"), parm.get("value")) for parm in one]) for one in root] == [
        ("VERS", [("version", "7"), ("validity", "1209600")]),
        ("TOKEN", [("token", 't"&'), ("validity", "60")]),
        ("User", [("msisdn", "+15550100123")]),
        ("VERS", [("version", "-1"), ("validity", "-1")]),
    ]


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("a{b", "'a{b' has a brace"),
        ("}", "has a brace"),
        ("<X>", "stands for any name"),
        ("bell\a", "no XML document can carry"),
        ("version", "no leaf may be called 'version'"),
        ("Version", "no leaf may be called 'Version'"),
    ],
)
def test_names_that_documents_cannot_have(catalogue: Catalogue, name: str, says: str) -> None:
    """A leaf whose name is free may have none that a document or its readers would misunderstand."""
    with pytest.raises(ConfigError, match=says) as caught:
        check_override(catalogue, f"rcs/SERVICEPROVIDEREXT/{name}", "x")
    assert caught.value.key == f"rcs/SERVICEPROVIDEREXT/{name}"


@pytest.mark.parametrize("address", ["rcs/SERVICEPROVIDEREXT/NMS_URL", "ims/LBO_P-CSCF_Address/version/Address"])
def test_other_names_are_free(catalogue: Catalogue, address: str) -> None:
    """Entries of lists are not told by name, so theirs may be any."""
    assert check_override(catalogue, address, "x") == ("x", "")
