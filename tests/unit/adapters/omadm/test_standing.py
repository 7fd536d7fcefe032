"""Openings that a device repeats: what is recalled leads where reading leads, and nothing else is recalled."""

from __future__ import annotations

import pytest
from msgspec.structs import replace
from omadm_playbook import CLIENT_ACCOUNT, DEVINFO, GOOD, PHONE, SERVER, START, answer, message

from adapters.omadm.codec import Encoding, Opened, encode, encoding_of, open_message
from adapters.omadm.messages import Alert, AnyCommand, Command, Group, Item, Meta, SyncML, Unknown
from adapters.omadm.session import Peer, receive
from adapters.omadm.standing import recall, remember
from gateway.fleet.device import Credential, Device, OmaDmState

XML = encoding_of("application/vnd.syncml.dm+xml")
WBXML = encoding_of("application/vnd.syncml.dm+wbxml")
STATE = OmaDmState(loc_uri=PHONE, client=Credential(name=PHONE, secret=b"sealed"), described=b"about itself")
DEVICE = Device(id="ann.1", omadm=STATE)
PEER = Peer(server_uri=SERVER, client=CLIENT_ACCOUNT)
MORE = Command(
    "Replace", "3", (Item(source="./DevInfo/Mod", data="A1", meta=Meta("chr")), Item(source="./DevInfo/Ext"))
)


def opened(said: SyncML, encoding: Encoding = XML) -> Opened:
    return open_message(encode(said, encoding), encoding)


def after(said: SyncML, encoding: Encoding = XML, device: Device = DEVICE) -> OmaDmState:
    """What is on record of a device that opened a session so."""
    state = remember(device, device, opened(said, encoding)).omadm
    assert state is not None
    return state


@pytest.mark.parametrize("encoding", [XML, WBXML], ids=["XML", "WBXML"])
@pytest.mark.parametrize("cred", [GOOD, None], ids=["proven", "not proven"])
@pytest.mark.parametrize("commands", [[START, DEVINFO], [Alert("7", 1200), MORE, DEVINFO], [DEVINFO, START], [START]])
def test_what_is_recalled_leads_where_reading_leads(
    commands: list[AnyCommand], cred: object, encoding: Encoding
) -> None:
    """The next session's header is its own; the rest is what the phone said before, but for nodes that are known."""
    state = after(message(1, *commands, session_id="1", cred=GOOD, max_bytes=9999), encoding)
    again = opened(message(2, *commands, session_id="2", cred=cred, max_bytes=4096), encoding)
    recalled = recall(again, state)
    assert not again.is_read
    assert recalled is not None
    heard, read = (receive(None, told, PEER, nonce=bytes(16)) for told in (recalled, again.read()))
    assert heard == replace(read, reads=())
    assert bool(cred) == heard.authenticated


@pytest.mark.parametrize(
    "commands",
    [
        [START, Command("Get", "2", (Item(target="./DevInfo"),))],
        [START, Command("Add", "2", DEVINFO.items)],
        [START, replace(DEVINFO, no_resp=True)],
        [START, replace(DEVINFO, items=(Item(source="./DevInfo/Man", data="Ac", more_data=True),))],
        [START, replace(DEVINFO, cmd_id="123456789")],
        [START, replace(DEVINFO, cmd_id="b")],
        [START, Group("Sequence", "2", (DEVINFO,))],
        [START, Unknown("Put", "2", ("Put", [("CmdID", "2")]))],
        [START, answer(1, 0, 212)],
        [START, Alert("2", 1226, (Item(meta=Meta(type="org.example.alert"), data="now"),))],
        [replace(START, items=(Item(data="x"),)), DEVINFO],
        [replace(START, correlator="c"), DEVINFO],
        [START, *[replace(DEVINFO, cmd_id=str(number)) for number in range(2, 10)]],
    ],
    ids=lambda commands: repr(commands[-1])[:40],
)
def test_what_says_more_than_a_call_and_devinfo_is_always_read(commands: list[AnyCommand]) -> None:
    """Whatever has a consequence of its own, or is long, is not kept."""
    assert after(message(1, *commands)) == STATE


def test_an_opening_that_is_not_the_end_of_its_package_is_read() -> None:
    """What follows is still to come."""
    assert after(message(1, START, DEVINFO, final=False)) == STATE


@pytest.mark.parametrize("encoding", [XML, WBXML], ids=["XML", "WBXML"])
def test_other_words_are_read(encoding: Encoding) -> None:
    """One other value, command, CmdID or encoding; and the same words where something else is on record by now."""
    state = after(message(1, START, DEVINFO), encoding)
    assert recall(opened(message(1, START, DEVINFO), encoding), state) is not None
    newer = replace(DEVINFO, items=(Item(source="./DevInfo/Man", data="Acma"),))
    for other in ([START, newer], [START], [START, DEVINFO, MORE], [START, replace(DEVINFO, cmd_id="3")]):
        assert recall(opened(message(1, *other), encoding), state) is None
    assert recall(opened(message(1, START, DEVINFO), WBXML if encoding is XML else XML), state) is None
    assert recall(opened(message(1, START, DEVINFO), encoding), replace(state, described=b"another")) is None
    assert recall(opened(message(1, START, DEVINFO), encoding), STATE) is None


def test_who_says_something_new_of_itself_is_read_once_more() -> None:
    """What follows from new words is not what follows from the same words later."""
    described = replace(DEVICE, omadm=replace(STATE, described=b"something new"))
    assert remember(DEVICE, described, opened(message(1, START, DEVINFO))) == described


def test_a_message_that_does_not_begin_with_its_header_is_read() -> None:
    """Its octets behind the header are not all that it says besides."""
    text = encode(message(1, START, DEVINFO), XML).decode()
    start, stop, end = (text.index(tag) for tag in ("<SyncHdr>", "<SyncBody>", "</SyncML>"))
    turned = open_message((text[:start] + text[stop:end] + text[start:stop] + text[end:]).encode(), XML)
    assert remember(DEVICE, DEVICE, turned) == DEVICE
