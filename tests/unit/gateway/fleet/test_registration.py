"""What an IMS core says of services, and whom it means."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from gateway.errors import DecodeError
from gateway.fleet.device import Device
from gateway.fleet.registration import hear, parse_word, parse_word_line, registration_of
from gateway.fleet.subscriber import Registration, Subscriber

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
ANN = Subscriber(id="ann")


@pytest.mark.parametrize(
    ("fields", "whose"),
    [
        ({"impi": "001010000000001@ims.mnc001.mcc001.3gppnetwork.org"}, [("imsi", "001010000000001")]),
        ({"impu": "sip:001010000000001@ims.mnc001.mcc001.3gppnetwork.org"}, [("imsi", "001010000000001")]),
        ({"impu": "sip:+15550100001@example.com;user=phone"}, [("msisdn", "+15550100001")]),
        ({"impu": "tel:+15550100001;x=y"}, [("msisdn", "+15550100001")]),
        ({"impu": "sip:ann@example.com"}, []),
        ({"msisdn": "15550100001"}, [("msisdn", "+15550100001")]),
        (
            {"imsi": "001010000000001", "impu": "tel:+15550100001"},
            [("imsi", "001010000000001"), ("msisdn", "+15550100001")],
        ),
    ],
)
def test_an_identity_of_ims_tells_an_imsi_or_a_number(fields: dict[str, str], whose: list[tuple[str, str]]) -> None:
    """The private identity of a SIM and its temporary public one have the IMSI before the @, others a number.

    Spec: 3GPP TS 23.003 13.3, 13.4B
    """
    assert list(parse_word(fields | {"state": "registered"}).identities()) == whose


@pytest.mark.parametrize(
    ("line", "named"),
    [
        (b'{"state":"registered"}', "names nobody"),
        (b'{"state":"online","msisdn":"+15550100001"}', "state"),
        (b'{"state":"registered","imsi":"12"}', "imsi"),
        (b'{"state":"registered","imsi":"001010000000001","at":"2026-05-01T12:00:00"}', "at"),
        (b'{"state":"registered","imsi":"001010000000001","colour":"red"}', "colour"),
        (b"\xff", "malformed"),
        (b"[1]", "object"),
    ],
)
def test_what_is_no_word_is_refused_by_the_name_of_its_field(line: bytes, named: str) -> None:
    """So that whoever sends it knows what to mend."""
    with pytest.raises(DecodeError) as caught:
        parse_word_line(line)
    assert named in str(caught.value)


def test_the_same_again_is_nothing_new() -> None:
    """A core may say at every refresh that somebody is registered: since when is kept from the first time."""
    first = hear(ANN, parse_word({"state": "registered", "msisdn": "+15550100001"}), NOW).subscriber
    assert first.registrations == (Registration(service="ims", state="registered", at=NOW),)
    again = hear(first, parse_word({"state": "registered", "msisdn": "+15550100001"}), NOW + MINUTE)
    assert again.subscriber is first
    assert not again.stale


def test_what_is_older_than_what_is_known_says_nothing() -> None:
    """Words may come in another order than they were said in."""
    now = {"state": "deregistered", "msisdn": "+15550100001", "at": NOW.isoformat()}
    known = hear(ANN, parse_word(now), NOW).subscriber
    late = now | {"state": "registered", "at": (NOW - MINUTE).isoformat()}
    assert hear(known, parse_word(late), NOW + MINUTE) == (known, True)


def test_a_clock_that_is_ahead_orders_nothing() -> None:
    """A time to come counts as now; and one that was kept by a clock since set back does not hold newer words up."""
    ahead = {"state": "registered", "msisdn": "+15550100001", "at": (NOW + 60 * MINUTE).isoformat()}
    known = hear(ANN, parse_word(ahead), NOW).subscriber
    assert known.registrations[0].at == NOW
    gone = hear(known, parse_word({"state": "deregistered", "msisdn": "+15550100001"}), NOW - MINUTE)
    assert [one.state for one in gone.subscriber.registrations] == ["deregistered"]


def test_a_word_on_one_phone_says_nothing_of_another() -> None:
    """An instance with an IMEI is that phone; a word without one is about the subscription."""
    word = {"state": "registered", "msisdn": "+15550100001", "imei": "35123456000001"}
    ann = hear(ANN, parse_word(word), NOW).subscriber
    ann = hear(ann, parse_word(word | {"imei": "", "state": "failed", "why": "403 Forbidden"}), NOW - MINUTE).subscriber
    this, other = Device(id="ann.1", imei="351234560000010"), Device(id="ann.2", imei="358888880000011")
    found = [registration_of(ann, "ims", device) for device in (this, other, None)]
    assert [one.state if one else None for one in found] == ["registered", "failed", "registered"]
