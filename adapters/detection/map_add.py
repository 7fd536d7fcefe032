"""Automatic Device Detection: which SIM was seen in which phone, out of MAP messages on their way to the home register.

Spec: 3GPP TS 22.101 (automatic device detection); 3GPP TS 29.002 17.7; ITU-T Q.773
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from adapters.detection import ber
from adapters.detection.schema import INVOKE, OPERATIONS, TRANSACTIONS
from gateway.errors import DecodeError, LimitExceeded
from gateway.fleet.detection import Sighting

MAX_COMPONENTS = 16

_INVOKE = 0xA1
_BARE = {"update-location": 2, "cancel-location": 3, "insert-subscriber-data": 7, "update-gprs-location": 23}
_CANCEL_LOCATION = 3
_CANCEL_V3 = 0xA3
_SUBSCRIPTION_WITHDRAW = 1
_FILLER = 0xF
_INTERNATIONAL = 1


class Heard(NamedTuple):
    """What a message of a transaction tells, and what its sender and its receiver call the transaction."""

    otid: bytes
    dtid: bytes
    sightings: list[Sighting]


def decode_message(octets: bytes, operation: str = "") -> list[Sighting]:
    """What one message tells: an argument of the named operation, or a TCAP message with operations in it.

    ``operation`` is one of OPERATION_NAMES, empty for TCAP. Operations that tell nothing of phones are passed over, and
    a message that does not say whose phone it is tells nothing.

    Raises: DecodeError, LimitExceeded.
    """
    if not operation:
        return [sighting for sighting in decode_transaction(octets).sightings if sighting.imsi or sighting.msisdn]
    code = _BARE.get(operation)
    if code is None:
        raise DecodeError(f"{operation[:40]!r} is no operation; there are {', '.join(_BARE)}")
    sighting = _sighting(code, octets)
    return [sighting] if sighting is not None and (sighting.imsi or sighting.msisdn) else []


def decode_transaction(octets: bytes) -> Heard:
    """What a TCAP message tells; whose phone it is may have been said earlier in the transaction.

    Raises: DecodeError, LimitExceeded.
    """
    schema = TRANSACTIONS.get(octets[0]) if octets else None
    if schema is None:
        raise DecodeError("neither a TCAP Begin, Continue or End nor an argument of a named operation", offset=0)
    transaction = ber.decode(octets, schema)
    return Heard(transaction.get("otid", b""), transaction.get("dtid", b""), list(_invoked(transaction)))


OPERATION_NAMES = tuple(_BARE)


def parse_imsi(octets: bytes) -> str:
    """The digits of an IMSI. Raises: DecodeError. Spec: 3GPP TS 29.002 17.7.8 (IMSI)"""
    digits = parse_digits(octets)
    if not 6 <= len(digits) <= 15:
        raise DecodeError(f"an IMSI of {len(digits)} digits")
    return digits


def parse_imei(octets: bytes) -> str:
    """The digits of an IMEI or IMEISV. Raises: DecodeError. Spec: 3GPP TS 29.002 17.7.8 (IMEI)"""
    digits = parse_digits(octets)
    if not 14 <= len(digits) <= 16:
        raise DecodeError(f"an IMEI of {len(digits)} digits")
    return digits


def parse_msisdn(octets: bytes) -> str:
    """The number as ``+`` and digits; empty when it is not an international one.

    Raises: DecodeError. Spec: 3GPP TS 29.002 17.7.8 (ISDN-AddressString)
    """
    if not octets:
        raise DecodeError("an empty address")
    nature = octets[0] >> 4 & 7
    digits = parse_digits(octets[1:])
    return f"+{digits}" if nature == _INTERNATIONAL and digits else ""


def parse_apn(octets: bytes) -> str:
    """The name with its labels joined by dots, in lower case. Raises: DecodeError. Spec: 3GPP TS 23.003 9.1"""
    labels, at = [], 0
    while at < len(octets):
        length, at = octets[at], at + 1
        if not 0 < length <= len(octets) - at:
            raise DecodeError("an APN whose labels do not fit", offset=at)
        labels.append(octets[at : at + length])
        at += length
    try:
        return b".".join(labels).decode("ascii").lower()
    except UnicodeDecodeError:
        raise DecodeError("an APN that is not ASCII") from None


def parse_digits(octets: bytes) -> str:
    """Digits packed two to an octet, the lower half first, up to a filler. Raises: DecodeError."""
    halves = [half for octet in octets for half in (octet & 0xF, octet >> 4)]
    if _FILLER in halves:
        end = halves.index(_FILLER)
        if any(half != _FILLER for half in halves[end:]):
            raise DecodeError("digits after the filler")
        halves = halves[:end]
    if any(half > 9 for half in halves):
        raise DecodeError("a half octet that is no digit")
    return "".join(map(str, halves))


def _invoked(transaction: Mapping[str, Any]) -> Iterator[Sighting]:
    components = transaction.get("components", ())
    if len(components) > MAX_COMPONENTS:
        raise LimitExceeded(f"more than {MAX_COMPONENTS} components")
    for component in components:
        if component[0] != _INVOKE:
            continue
        invoke = ber.decode(component, INVOKE)
        if "parameter" in invoke:
            sighting = _sighting(invoke["opCode"], invoke["parameter"])
            if sighting is not None:
                yield sighting


def _sighting(code: int, parameter: bytes) -> Sighting | None:
    """What an argument says, None when it says nothing; a field that is absent, or not of this operation, likewise."""
    schema = OPERATIONS.get(code)
    if schema is None or (code == _CANCEL_LOCATION and parameter[:1] != bytes((_CANCEL_V3,))):
        # Before version 3, no reason was given.
        return None
    argument = ber.decode(parameter, schema)
    if code == _CANCEL_LOCATION:
        return _removal(argument)
    phone = argument.get("add-info", {}).get("imeisv", b"")
    subscription = argument.get("gprsSubscriptionData", {})
    return Sighting(
        imsi=parse_imsi(argument["imsi"]) if "imsi" in argument else "",
        imei=parse_imei(phone) if phone else "",
        msisdn=parse_msisdn(argument["msisdn"]) if "msisdn" in argument else "",
        # A list that is not complete changes some APNs and says nothing of the others.
        apns=tuple(sorted({parse_apn(one["apn"]) for one in subscription["gprsDataList"]}))
        if "completeDataListIncluded" in subscription
        else None,
        source="map",
    )


def _removal(argument: Mapping[str, Any]) -> Sighting | None:
    """That the subscription is gone; most cancellations are of a subscriber that only moved on."""
    if argument.get("cancellationType") != _SUBSCRIPTION_WITHDRAW:
        return None
    identity = argument["identity"]
    imsi = identity["imsi"] if "imsi" in identity else identity["imsi-WithLMSI"]["imsi"]
    return Sighting(imsi=parse_imsi(imsi), removed=True, source="map")
