"""Automatic Device Detection: which SIM was seen in which phone, out of MAP messages on their way to the home register.

Spec: 3GPP TS 22.101 (automatic device detection); 3GPP TS 29.002 17.7; ITU-T Q.773
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from adapters.detection import ber
from adapters.detection.schema import INVOKE, OPERATIONS, TRANSACTIONS
from gateway.errors import DecodeError, LimitExceeded
from gateway.fleet.detection import Sighting

MAX_COMPONENTS = 16

_INVOKE = 0xA1
_BARE = {"update-location": 2, "insert-subscriber-data": 7, "update-gprs-location": 23}
_FILLER = 0xF
_INTERNATIONAL = 1


def decode_message(octets: bytes, operation: str = "") -> list[Sighting]:
    """What one message tells: an argument of the named operation, or a TCAP message with operations in it.

    ``operation`` is "update-location", "update-gprs-location" or "insert-subscriber-data", empty for TCAP. Operations
    that tell nothing of phones are passed over.

    Raises: DecodeError, LimitExceeded.
    """
    if operation:
        code = _BARE.get(operation)
        if code is None:
            raise DecodeError(f"{operation[:40]!r} is no operation; there are {', '.join(_BARE)}")
        return [_sighting(ber.decode(octets, OPERATIONS[code]))]
    schema = TRANSACTIONS.get(octets[0]) if octets else None
    if schema is None:
        raise DecodeError("neither a TCAP Begin, Continue or End nor an argument of a named operation", offset=0)
    return list(_invoked(ber.decode(octets, schema)))


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
        schema = OPERATIONS.get(invoke["opCode"])
        if schema is not None and "parameter" in invoke:
            yield _sighting(ber.decode(invoke["parameter"], schema))


def _sighting(argument: Mapping[str, Any]) -> Sighting:
    """What an argument says; a field that is absent, or not of this operation, says nothing."""
    phone = argument.get("add-info", {}).get("imeisv", b"")
    subscription = argument.get("gprsSubscriptionData")
    return Sighting(
        imsi=parse_imsi(argument["imsi"]) if "imsi" in argument else "",
        imei=parse_imei(phone) if phone else "",
        msisdn=parse_msisdn(argument["msisdn"]) if "msisdn" in argument else "",
        apns=tuple(sorted({parse_apn(one["apn"]) for one in subscription["gprsDataList"]})) if subscription else None,
    )
