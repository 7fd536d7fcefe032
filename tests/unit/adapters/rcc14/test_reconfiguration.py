"""The reconfiguration message, octet by octet."""

from __future__ import annotations

import pytest

from adapters.rcc14.reconfiguration import Reconfigurations, encode_reconfiguration
from gateway.errors import ConfigError
from gateway.fleet.subscriber import Subscriber

ANN = Subscriber(id="ann", imsis=("001010123456789", "310150123456789"), msisdn="+15550100123")
IMS = "urn:oma:mo:ext-3gpp-ims:1.0"
TEXT = "001010123456789-rcscfg"
OCTETS = (
    "06050491990000"
    "003000300031003000310030003100320033003400350036003700380039"  # the IMSI
    "002d007200630073006300660067"  # -rcscfg
)


def test_by_imsi() -> None:
    """Port 37273, source port 0, UTF-16: 51 octets for an IMSI of 15 digits (RCC.14 3)."""
    prepared = Reconfigurations(("00101",)).reconfiguration(ANN, ANN.imsi, by_impi=False)
    (user_data,) = prepared.segments
    assert user_data.hex() == OCTETS
    assert len(user_data) == 51
    assert prepared.says == {
        "to": "+15550100123", "port": "37273", "text": TEXT, "TP-DCS": "0x08", "TP-PID": "0x00", "TP-UDHI": "1",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("imsi", "impi"),
    [
        ("001010123456789", "001010123456789@ims.mnc001.mcc001.3gppnetwork.org"),
        ("310150123456789", "310150123456789@ims.mnc150.mcc310.3gppnetwork.org"),
    ],
)
def test_by_impi(imsi: str, impi: str) -> None:
    """The private identity of that SIM, for a client that keeps its number and token (RCC.14 3, TS 23.003 13.3)."""
    prepared = Reconfigurations(("00101", "310150")).reconfiguration(ANN, imsi, by_impi=True)
    assert prepared.says["text"] == f"{impi}-rcscfg"
    assert prepared.segments[0][7:].decode("utf-16-be") == f"{impi}-rcscfg"


@pytest.mark.parametrize(
    ("server", "apps", "text"),
    [
        ("", ("ap2002",), f"{TEXT},ap2002"),
        ("", (IMS, "ap2002"), f"{TEXT},{IMS},ap2002"),
        ("hub.example.net", (), f"{TEXT},hub.example.net"),
        ("hub.example.net", ("ap2002",), f"{TEXT},hub.example.net,ap2002"),
    ],
)
def test_what_it_is_about(server: str, apps: tuple[str, ...], text: str) -> None:
    """The server to ask and the AppIDs stand behind the word, as in TS.43's message of the kind (RCC.14 3)."""
    prepared = Reconfigurations(("00101",)).reconfiguration(ANN, ANN.imsi, by_impi=False, server=server, apps=apps)
    assert prepared.segments[0] == bytes.fromhex("06050491990000") + text.encode("utf-16-be")


def test_the_words_are_the_operators() -> None:
    """One ecosystem says rcsconfiguration, and the grammar behind it is no certain one (RCC.14 3; field)."""
    prepared = Reconfigurations(("00101",), word="rcsconfiguration", separator=";").reconfiguration(
        ANN, ANN.imsi, by_impi=False, apps=("ap2002",)
    )
    assert prepared.says["text"] == "001010123456789-rcsconfiguration;ap2002"


@pytest.mark.parametrize(("server", "apps"), [("hub", ()), ("a.b,c.d", ()), ("", ("ap2002,ap2001",)), ("", ("a b",))])
def test_names_that_would_be_taken_for_something_else(server: str, apps: tuple[str, ...]) -> None:
    """A name with a separator in it, or a server that reads like an AppID, is refused before anything is sent."""
    with pytest.raises(ConfigError, match="cannot stand"):
        Reconfigurations(("00101",)).reconfiguration(ANN, ANN.imsi, by_impi=False, server=server, apps=apps)


def test_what_cannot_be_sent_is_said() -> None:
    """No number, or more than one message holds: a word on what is missing."""
    with pytest.raises(ConfigError, match="no MSISDN"):
        Reconfigurations(()).reconfiguration(Subscriber(id="ann", imsis=("1",)), "1", by_impi=False)
    with pytest.raises(ConfigError, match="takes"):
        encode_reconfiguration("+1555", "x" * 68)
