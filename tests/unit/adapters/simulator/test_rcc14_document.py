"""How two kinds of simulated clients read documents."""

from __future__ import annotations

import pytest

from adapters.simulator.rcc14_document import Elsewhere, Message, Reader, Unreadable, read_document

HEAD = '<?xml version="1.0" encoding="UTF-8"?><wap-provisioningdoc version="1.1">'
VERS = (
    '<characteristic type="VERS"><parm name="version" value="17"/>'
    '<parm name="validity" value="1209600"/></characteristic>'
)
TOKEN = (
    '<characteristic type="TOKEN"><parm name="token" value="q7Zt"/><parm name="validity" value="60"/></characteristic>'
)
APPLICATION = (
    '<characteristic type="APPLICATION"><parm name="AppID" value="ap2002"/>'
    '<parm name="version" value="4"/></characteristic>'
)


def doc(*parts: str) -> bytes:
    return f"{HEAD}{''.join(parts)}</wap-provisioningdoc>".encode()


def test_a_well_ordered_document_says_the_same_to_both() -> None:
    """VERS first, TOKEN second: then the first version anywhere is the right one (RCC.14 4)."""
    octets = doc(VERS, TOKEN, APPLICATION)
    strict, sloppy = read_document(octets, "strict"), read_document(octets, "sloppy")
    assert strict == sloppy
    assert (strict.version, strict.validity, strict.token, strict.is_version_only) == (17, 1209600, "q7Zt", False)
    assert strict.values == {"APPLICATION[ap2002]/AppID": "ap2002", "APPLICATION[ap2002]/version": "4"}


def test_a_sloppy_reader_takes_the_first_version() -> None:
    """Where an application stands before VERS its own ``version`` is taken, which a strict one does not do."""
    octets = doc(APPLICATION, VERS)
    assert read_document(octets, "strict").version == 17
    assert read_document(octets, "sloppy").version == 4


def test_a_version_alone() -> None:
    """One characteristic, or VERS and TOKEN, are no configuration (RCC.14 VERS)."""
    for octets in (doc(VERS), doc(VERS, TOKEN)):
        assert read_document(octets, "strict").is_version_only
        assert read_document(octets, "sloppy").is_version_only


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"<other/>",
        doc('<characteristic type="VERS"><parm name="version" value="1"/></characteristic>'),
        doc(VERS.replace('"17"', '"1.0"')),
        doc(VERS.replace('name="version"', 'Name="version"')),
        doc("<param/>"),
    ],
)
def test_what_is_no_document_for_a_strict_reader(octets: bytes) -> None:
    """Other roots, elements, attributes, and versions that are no whole number."""
    with pytest.raises(Unreadable):
        read_document(octets, "strict")


def test_dialogs_and_servers() -> None:
    """A dialog needs all four parms; servers that know the number come first (RCC.14 MSG, 2.2.2)."""
    message = (
        '<characteristic type="MSG"><parm name="title" value="T"/><parm name="message" value="m"/>'
        '<parm name="Accept_btn" value="1"/><parm name="Reject_btn" value="0"/></characteristic>'
    )
    servers = (
        '<characteristic type="ACCESS-CONTROL"><characteristic type="DEFAULT"><parm name="app-id" value="a"/>'
        '<parm name="app-id" value="b"/></characteristic><characteristic type="SERVER"><parm name="fqdn" value="x"/>'
        '<parm name="id-provider" value="0"/><parm name="app-id" value="c"/></characteristic>'
        '<characteristic type="SERVER"><parm name="fqdn" value="y"/><parm name="id-provider" value="1"/>'
        "</characteristic></characteristic>"
    )
    read = read_document(doc(VERS, message, servers), "strict")
    assert read.message == Message("T", "m", accept=True, reject=False)
    assert read.app_ids == ("a", "b")
    assert read.servers == (Elsewhere("y", (), True), Elsewhere("x", ("c",), False))
    assert read_document(doc(VERS, message.replace("Reject_btn", "x")), "strict").message is None


@pytest.mark.parametrize("reader", ["strict", "sloppy"])
def test_the_port_of_a_code_that_is_on_its_way(reader: Reader) -> None:
    """POLICY without VERS is no configuration: the server decided on the port (RCC.14 2.3)."""
    octets = doc('<characteristic type="POLICY"><parm name="SMS_port" value="0"/></characteristic>')
    read = read_document(octets, reader)
    assert (read.version, read.sms_port) == (None, "0")
