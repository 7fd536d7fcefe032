"""MAP messages as an independent ASN.1 implementation encodes them, and transactions around them."""

from __future__ import annotations

from typing import Any

from pycrate_asn1dir import TCAP_MAPv2v3

MAP = TCAP_MAPv2v3.MAP_MS_DataTypes
TCAP = TCAP_MAPv2v3.TCAP_MAP_Messages.TCAP_MAP_Message

IMSI, IMEISV, MSISDN = "001010000000001", "0010150000000101", "15550100001"
ADDRESS = bytes.fromhex("915155100011f2")
"""An international number, as registers are called."""


def packed(digits: str) -> bytes:
    """Digits two to an octet, the lower half first, with a filler."""
    padded = digits + "F" * (len(digits) % 2)
    return bytes.fromhex("".join(padded[at + 1] + padded[at] for at in range(0, len(padded), 2)))


def encoded(type_name: str, value: dict[str, Any]) -> bytes:
    schema = getattr(MAP, type_name)
    schema.set_val(value)
    return bytes(schema.to_ber())


def name(apn: str) -> bytes:
    return b"".join(bytes((len(label),)) + label.encode() for label in apn.split("."))


def context(number: int, apn: str) -> dict[str, Any]:
    return {"pdp-ContextId": number, "pdp-Type": b"\xf1\x21", "qos-Subscribed": b"\0\0\0", "apn": name(apn)}


def invoked(code: int, argument: bytes, transaction: str = "begin") -> bytes:
    """A TCAP message with one operation in it, written by hand: pycrate wants the argument's value, not its octets."""
    operation = bytes((2, 1, 1, 2, 1, code)) + argument
    components = wrapped(0x6C, wrapped(0xA1, operation))
    ids = {"begin": wrapped(0x48, b"\1\2\3\4"), "end": wrapped(0x49, b"\1\2\3\4")}
    ids["continue"] = ids["begin"] + ids["end"]
    first = {"begin": 0x62, "end": 0x64, "continue": 0x65}[transaction]
    return wrapped(first, ids[transaction] + DIALOGUE + components)


def wrapped(identifier: int, contents: bytes) -> bytes:
    size = len(contents)
    length = bytes((size,)) if size < 128 else bytes((0x82,)) + size.to_bytes(2)
    return bytes((identifier,)) + length + contents


def update_location(**more: Any) -> bytes:
    value = {"imsi": packed(IMSI), "msc-Number": ADDRESS, "vlr-Number": ADDRESS} | more
    return encoded("UpdateLocationArg", value)


DIALOGUE = bytes.fromhex("6B1E281C060700118605010101A011600F80020780A109060704000001000103")
"""The dialogue portion of a location update: networkLocUpContext-v3."""

DETECTED = {"add-info": {"imeisv": packed(IMEISV)}}
EXTENDED = {
    "vlr-Capability": {"supportedCamelPhases": (0xC, 4)},
    "informPreviousNetworkEntity": 0,
    "v-gmlc-Address": b"\x04\x7f\0\0\1",
    "skipSubscriberDataUpdate": 0,
    "restorationIndicator": 0,
}
"""Fields of later releases around the one that is wanted."""
