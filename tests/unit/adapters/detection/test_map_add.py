"""Automatic Device Detection against messages that an independent ASN.1 implementation encoded."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from map_messages import (
    ADDRESS,
    DETECTED,
    EXTENDED,
    IMEISV,
    IMSI,
    MSISDN,
    TCAP,
    context,
    encoded,
    invoked,
    packed,
    update_location,
    wrapped,
)

from adapters.detection import ber
from adapters.detection.map_add import decode_message, parse_apn, parse_digits, parse_msisdn
from gateway.errors import DecodeError, LimitExceeded
from gateway.fleet.detection import Sighting


@pytest.mark.parametrize("more", [{}, EXTENDED])
def test_an_attach_at_an_msc_names_sim_and_phone(more: dict[str, Any]) -> None:
    """IMSI and IMEISV, whatever else a newer release says with them (3GPP TS 29.002 17.7.1)."""
    argument = update_location(**DETECTED, **more)
    assert decode_message(argument, "update-location") == [Sighting(source="map", imsi=IMSI, imei=IMEISV)]


def test_an_attach_without_a_phone_names_the_sim_alone() -> None:
    """A network that does not detect devices says nothing of the phone."""
    assert decode_message(update_location(), "update-location") == [Sighting(source="map", imsi=IMSI)]


def test_an_attach_at_an_sgsn_names_sim_and_phone() -> None:
    """The same for packets, where the phone has another place (3GPP TS 29.002 17.7.1)."""
    value = {"imsi": packed(IMSI), "sgsn-Number": ADDRESS, "sgsn-Address": b"\x04\x7f\0\0\1"} | DETECTED
    value |= {"usedRAT-Type": "utran", "nodeTypeIndicator": 0, "smsRegisterRequest": "sms-registration-required"}
    found = decode_message(encoded("UpdateGprsLocationArg", value), "update-gprs-location")
    assert found == [Sighting(source="map", imsi=IMSI, imei=IMEISV)]


def test_a_subscription_names_its_number_and_apns() -> None:
    """What a home register tells a visited one: MSISDN, and the APNs, each once."""
    contexts = [context(1, "internet"), context(2, "IMS.example"), context(3, "internet")]
    value = {
        "imsi": packed(IMSI),
        "msisdn": b"\x91" + packed(MSISDN),
        "category": b"\x0a",
        "subscriberStatus": "serviceGranted",
        "teleserviceList": [b"\x11", b"\x21"],
        "gprsSubscriptionData": {"completeDataListIncluded": 0, "gprsDataList": contexts},
        "networkAccessMode": "packetAndCircuit",
    }
    (found,) = decode_message(encoded("InsertSubscriberDataArg", value), "insert-subscriber-data")
    assert found == Sighting(source="map", imsi=IMSI, msisdn=f"+{MSISDN}", apns=("ims.example", "internet"))


@pytest.mark.parametrize("transaction", ["begin", "continue", "end"])
def test_operations_are_found_inside_transactions(transaction: str) -> None:
    """A TCAP message in front, with a dialogue portion, changes nothing (ITU-T Q.773)."""
    message = invoked(2, update_location(**DETECTED), transaction)
    assert decode_message(message) == [Sighting(source="map", imsi=IMSI, imei=IMEISV)]


def test_a_list_of_apns_that_is_not_complete_says_nothing() -> None:
    """It changes some contexts and leaves the others as they are (3GPP TS 29.002 8.8.1)."""
    value = {"imsi": packed(IMSI), "gprsSubscriptionData": {"gprsDataList": [context(1, "internet")]}}
    (found,) = decode_message(encoded("InsertSubscriberDataArg", value), "insert-subscriber-data")
    assert found.apns is None


@pytest.mark.parametrize(
    "identity", [("imsi", packed(IMSI)), ("imsi-WithLMSI", {"imsi": packed(IMSI), "lmsi": b"1234"})]
)
@pytest.mark.parametrize("kind", ["subscriptionWithdraw", "updateProcedure", None])
def test_a_cancelled_location_is_a_removal_when_it_is_for_a_withdrawn_subscription(
    kind: str | None, identity: tuple[str, Any]
) -> None:
    """Most are of subscribers that moved on, which is no removal (3GPP TS 29.002 8.1.3)."""
    argument = encoded("CancelLocationArg", {"identity": identity} | ({"cancellationType": kind} if kind else {}))
    removal = [Sighting(source="map", imsi=IMSI, removed=True)]
    assert decode_message(argument, "cancel-location") == (removal if kind == "subscriptionWithdraw" else [])
    assert decode_message(invoked(3, argument)) == (removal if kind == "subscriptionWithdraw" else [])


def test_a_cancellation_of_an_old_version_gives_no_reason() -> None:
    """Its argument is the identity alone, and says nothing."""
    assert decode_message(invoked(3, wrapped(4, packed(IMSI)))) == []


def test_our_transactions_are_transactions_to_others() -> None:
    """The message written by hand is one to an independent decoder."""
    TCAP.from_ber(invoked(2, update_location(**DETECTED)))
    kind, begin = TCAP.get_val()
    assert (kind, begin["otid"]) == ("begin", b"\1\2\3\4")
    ((_, (_, invoke)),) = begin["components"]
    assert invoke["opcode"] == ("local", 2)
    assert invoke["argument"][1]["add-info"]["imeisv"] == packed(IMEISV)


def test_operations_that_tell_nothing_are_passed_over() -> None:
    """Most of what a tap sees is about something else."""
    assert decode_message(invoked(44, wrapped(0x30, b""))) == []


def test_indefinite_lengths_mean_the_same() -> None:
    """A length may be left open until two zero octets (ITU-T X.690 8.1.3.6)."""
    argument = update_location(**DETECTED)
    detected = wrapped(0xAD, wrapped(0x80, packed(IMEISV)))
    assert argument.endswith(detected)
    opened = argument[2 : -len(detected)] + bytes.fromhex("AD80") + wrapped(0x80, packed(IMEISV)) + b"\0\0"
    assert decode_message(bytes.fromhex("3080") + opened + b"\0\0", "update-location") == [
        Sighting(source="map", imsi=IMSI, imei=IMEISV)
    ]


@pytest.mark.parametrize(
    ("message", "operation"),
    [
        (b"", ""),
        (b"\x30\x00", ""),
        (update_location()[:-1], "update-location"),
        (update_location() + b"\1", "update-location"),
        (update_location(), "insert-subscriber-data-arg"),
        (encoded("PurgeMS_Arg", {"imsi": packed(IMSI)}), "update-gprs-location"),
        (wrapped(0x30, wrapped(4, b"\xaa\xaa\xaa")), "update-location"),
        (invoked(2, wrapped(0x30, b"")), ""),
        (b"\x30\x84\0\0\0\0", "update-location"),
    ],
)
def test_broken_messages_are_refused(message: bytes, operation: str) -> None:
    """Whatever is not what it says is refused whole."""
    with pytest.raises(DecodeError):
        decode_message(message, operation)


def test_bounds() -> None:
    """Neither size nor depth can be driven up."""
    with pytest.raises(LimitExceeded):
        decode_message(b"\x62" + bytes(ber.MAX_BYTES), "")
    with pytest.raises(LimitExceeded):
        decode_message(b"\x62\x80" + b"\x6c\x80" * 1000, "")


@pytest.mark.parametrize(
    ("octets", "digits"), [(b"\x21\x43", "1234"), (b"\x21\xf3", "123"), (b"\x21\xff", "12"), (b"", "")]
)
def test_digits(octets: bytes, digits: str) -> None:
    """The lower half is first, a filler ends them (3GPP TS 29.002 17.7.8)."""
    assert parse_digits(octets) == digits


@pytest.mark.parametrize("octets", [b"\xa1", b"\x2f", b"\xf1\x11"])
def test_what_is_no_digit_is_refused(octets: bytes) -> None:
    """Neither a letter nor anything after a filler is a digit."""
    with pytest.raises(DecodeError):
        parse_digits(octets)


def test_a_national_number_is_not_taken_for_an_international_one() -> None:
    """Without its country code a number names nobody."""
    assert parse_msisdn(b"\xa1" + packed("5550100001")) == ""


@pytest.mark.parametrize("octets", [b"\x05ims", b"\0", b"\x03im\xff"])
def test_broken_names_are_refused(octets: bytes) -> None:
    """Labels fill the name, none is empty, and all are ASCII (3GPP TS 23.003 9.1)."""
    with pytest.raises(DecodeError):
        parse_apn(octets)


@given(st.binary(max_size=300), st.sampled_from(["", "update-location", "insert-subscriber-data"]))
def test_any_octets_are_a_message_or_a_decode_error(octets: bytes, operation: str) -> None:
    """Nothing from a tap can do harm."""
    try:
        decode_message(octets, operation)
    except DecodeError:
        return


@given(st.data())
def test_damaged_messages_are_a_message_or_a_decode_error(data: st.DataObject) -> None:
    """The same for messages that were sound once."""
    octets = bytearray(invoked(2, update_location(**DETECTED, **EXTENDED)))
    for at in data.draw(st.lists(st.integers(0, len(octets) - 1), max_size=4)):
        octets[at] = data.draw(st.integers(0, 255))
    try:
        decode_message(bytes(octets))
    except DecodeError:
        return
