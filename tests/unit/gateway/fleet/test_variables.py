"""Templates and the variables that fill them."""

import uuid

import pytest

from gateway.fleet.device import Device, Rcc14State
from gateway.fleet.subscriber import Subscriber
from gateway.fleet.variables import (
    ACCOUNT,
    GIVEN,
    IMS_CREDENTIAL,
    Slot,
    escape,
    fill,
    parse_template,
    slots,
    variables_of,
)

DEVICE = Device(id="s.1", imei="001015000000015", manufacturer="Acme", model="A1", software="8.2")


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("", ()),
        ("plain", ("plain",)),
        ("{a}", (Slot("a"),)),
        ("sip:{a}@{b_2}.net", ("sip:", Slot("a"), "@", Slot("b_2"), ".net")),
        ("{a}{a}", (Slot("a"), Slot("a"))),
        ("{{a}}", ("{a}",)),
        ("x{{{a}}}y", ("x{", Slot("a"), "}y")),
    ],
)
def test_parse_template(text: str, pieces: tuple[str | Slot, ...]) -> None:
    """A name in braces is a slot, doubled braces are themselves."""
    assert parse_template(text) == pieces


@pytest.mark.parametrize(
    "text", ["{", "}", "{}", "{a", "a}", "{a b}", "{1}", "{a.b}", "{a!r}", "{a:3}", "{{a}", "{a}}"]
)
def test_lone_braces(text: str) -> None:
    """A brace that is neither doubled nor around a name is refused."""
    with pytest.raises(ValueError, match="lone"):
        slots(text)


def test_fill() -> None:
    """Every slot gets its variable; a value with braces of its own is not filled again."""
    assert fill("{{x}}{a}-{b}-{a}", {"a": "{b}", "b": "2"}) == "{x}{b}-2-{b}"
    assert slots("{b}{a}{b}") == ("b", "a")
    with pytest.raises(KeyError, match="b"):
        fill("{a}{b}", {"a": "1"})
    assert fill(escape("{a} }{"), {}) == "{a} }{"


@pytest.mark.parametrize(
    ("imsi", "plmns", "plmn", "mnc", "home_domain"),
    [
        ("001010123456789", ["00101"], "00101", "001", "ims.mnc001.mcc001.3gppnetwork.org"),
        ("310150123456789", ["310150"], "310150", "150", "ims.mnc150.mcc310.3gppnetwork.org"),
        ("234150999999999", ["23415", "234150"], "234150", "150", "ims.mnc150.mcc234.3gppnetwork.org"),
    ],
)
def test_home_network(imsi: str, plmns: list[str], plmn: str, mnc: str, home_domain: str) -> None:
    """The home domain has MNC and MCC of three digits each; how long the MNC is, the operator's list tells
    (TS 23.003 13.2)."""
    variables = variables_of(Subscriber(id="s", imsis=(imsi,)), DEVICE, plmns)
    assert (variables["plmn"], variables["mnc"], variables["home_domain"]) == (plmn, mnc, home_domain)
    assert variables["impi"] == f"{imsi}@{home_domain}"


@pytest.mark.parametrize("msisdn", ["+15550100123", "15550100123"])
def test_identities(msisdn: str) -> None:
    """With an MSISDN the public identities are made of it; the variables given are all that there are."""
    subscriber = Subscriber(id="s", imsis=("001010123456789",), msisdn=msisdn, tenant="t", plan="p")
    variables = variables_of(subscriber, DEVICE, ["00101"])
    assert variables["msisdn"] == "+15550100123"
    assert variables["tel"] == "tel:+15550100123"
    assert variables["impu"] == "sip:+15550100123@ims.mnc001.mcc001.3gppnetwork.org"
    assert variables.keys() == GIVEN - ACCOUNT - IMS_CREDENTIAL


def test_public_identity_without_msisdn() -> None:
    """Without an MSISDN the public identity is made of the IMSI (TS 23.003 13.4B), and number variables are absent."""
    variables = variables_of(Subscriber(id="s", imsis=("001010123456789",)), DEVICE, ["00101"])
    assert variables["impu"] == "sip:001010123456789@ims.mnc001.mcc001.3gppnetwork.org"
    assert not variables.keys() & {"msisdn", "tel"}


@pytest.mark.parametrize(
    ("imsi", "attributes", "home_domain"),
    [
        ("262011234567890", {}, "ims.mnc001.mcc262.3gppnetwork.org"),
        ("310150123456789", {}, "ims.mnc150.mcc310.3gppnetwork.org"),
        ("405854123456789", {"mnc_digits": "3"}, "ims.mnc854.mcc405.3gppnetwork.org"),
        ("310150123456789", {"mnc_digits": "2"}, "ims.mnc015.mcc310.3gppnetwork.org"),
        ("001010123456789", {"mnc_digits": "3"}, "ims.mnc010.mcc001.3gppnetwork.org"),
        ("001010123456789", {"mnc_digits": "4"}, "ims.mnc001.mcc001.3gppnetwork.org"),
    ],
)
def test_the_length_of_a_network_code(imsi: str, attributes: dict[str, str], home_domain: str) -> None:
    """The subscriber's own word, else the operator's list, else the rule of the country (TS 23.003 2.2, E.212)."""
    variables = variables_of(Subscriber(id="s", imsis=(imsi,), attributes=attributes), DEVICE, ["00101"])
    assert variables["home_domain"] == home_domain
    assert variables["impi"] == f"{imsi}@{home_domain}"


def test_no_imsi() -> None:
    """Without an IMSI all that needs it is absent; the number stays."""
    variables = variables_of(Subscriber(id="s", msisdn="+15550100123"), DEVICE, ["00101"])
    assert not variables.keys() & {"mnc", "plmn", "home_domain", "impi", "impu"}
    assert variables["tel"] == "tel:+15550100123"


def test_identities_of_ones_own() -> None:
    """An operator who numbers otherwise says so for the subscriber."""
    own = {"impi": "ann@example.net", "impu": "sip:ann@example.net", "home_domain": "example.net"}
    variables = variables_of(Subscriber(id="s", imsis=("001010123456789",), attributes=own), DEVICE, ["00101"])
    assert {name: variables[name] for name in own} == own
    assert variables["mnc"] == "001"


def test_each_device_has_a_uuid() -> None:
    """It is its own and stays (RFC 9562)."""
    subscriber = Subscriber(id="s", imsis=("001010123456789",))
    first, again, other = (
        variables_of(subscriber, device, ["00101"])["uuid"] for device in (DEVICE, DEVICE, Device(id="s.2"))
    )
    assert first == again != other
    assert uuid.UUID(first).version == 8


def test_attributes() -> None:
    """A subscriber's attributes are variables, but never in the place of one the gateway gives, even an absent one."""
    subscriber = Subscriber(id="s", msisdn="", attributes={"region": "north", "msisdn": "+1", "imei": "0"})
    variables = variables_of(subscriber, DEVICE, ["00101"])
    assert variables["region"] == "north"
    assert variables["imei"] == DEVICE.imei
    assert "msisdn" not in variables


@pytest.mark.parametrize(
    ("sim", "imsi"),
    [("001010000000002", "001010000000002"), ("", "001010000000001"), ("999990000000001", "001010000000001")],
)
def test_a_device_has_the_identities_of_its_own_sim(sim: str, imsi: str) -> None:
    """The one that was proven to be in it, while it is one of the subscriber's; else the first (TS 23.003 13.3)."""
    ann = Subscriber(id="ann", imsis=("001010000000001", "001010000000002"))
    found = variables_of(ann, Device(id="ann.1", rcc14=Rcc14State(imsi=sim)), ["00101"])
    assert (found["imsi"], found["impi"].partition("@")[0]) == (imsi, imsi)
