"""The server's side of EAP-AKA and EAP-AKA', as steps on stored values.

A client that starts with its permanent identity is challenged at once; any other identity is asked for the permanent
one, because pseudonyms and fast re-authentication are not offered.

Spec: RFC 4187 (EAP-AKA), RFC 9048 (EAP-AKA'), 3GPP TS 23.003 19.3.2 (permanent identities)
"""

from __future__ import annotations

import hmac
import re
from typing import Literal, NamedTuple

import msgspec
from msgspec.structs import replace

from adapters.aka.keys import derive_keys
from adapters.aka.milenage import Vector
from adapters.aka.packet import (
    At,
    Code,
    Packet,
    Subtype,
    Type,
    checkcode,
    decode_packet,
    encode_packet,
    is_mac_right,
    sized,
    unsized,
)
from gateway.errors import DecodeError

MAX_IDENTITY_BYTES = 253
MAX_RESYNCS = 1
KDF_WITH_NAME = 1

_PERMANENT = re.compile(rb"([06])([0-9]{6,15})(@.*)?", re.DOTALL)
_TYPE_OF = {b"0": Type.AKA, b"6": Type.AKA_PRIME}
_AUTS_BYTES = 14


class Exchange(msgspec.Struct, frozen=True):
    """A conversation that waits for the client's answer to its last request.

    ``identity`` is what the client called itself last, ``messages`` the AKA-Identity messages so far. ``rand``,
    ``xres``, ``k_aut`` and ``msk`` are of the last challenge.
    """

    type: int
    identifier: int
    identity: bytes
    imsi: str = ""
    messages: bytes = b""
    rand: bytes = b""
    xres: bytes = b""
    k_aut: bytes = b""
    msk: bytes = b""
    resyncs: int = 0


class Sent(NamedTuple):
    """A request to the client, and the exchange that waits for its answer."""

    exchange: Exchange
    packet: bytes


class VectorNeeded(NamedTuple):
    """The exchange needs a vector of its IMSI to go on with ``challenge``; ``auts`` is from a resynchronisation."""

    exchange: Exchange
    auts: bytes = b""


class Proven(NamedTuple):
    """The client has the SIM of that IMSI."""

    imsi: str
    msk: bytes


class Failed(NamedTuple):
    """The exchange is over. ``rejected`` is the gateway's refusal of the client, else the two could not do it."""

    result: Literal["mac_failure", "reject", "sync_failure"]
    rejected: bool


Outcome = Sent | VectorNeeded | Proven | Failed


def permanent_imsi(identity: bytes) -> str:
    """The IMSI in a permanent identity (``0…`` of AKA, ``6…`` of AKA'); empty for any other."""
    match = _PERMANENT.fullmatch(identity)
    return match[2].decode() if match else ""


def begin(identity: bytes, *, identifier: int, prime: bool) -> Outcome:
    """The first step with a client of that identity; ``prime`` says whether AKA' is on offer.

    Raises: DecodeError when the identity is too long to be one.
    """
    if not 0 < len(identity) <= MAX_IDENTITY_BYTES:
        raise DecodeError(f"an identity of {len(identity)} octets")
    kind = _TYPE_OF.get(identity[:1], Type.AKA)
    exchange = Exchange(kind if prime else Type.AKA, identifier, identity, permanent_imsi(identity))
    if exchange.imsi:
        return VectorNeeded(exchange)
    request = Packet(Code.REQUEST, identifier, exchange.type, Subtype.IDENTITY, ((At.PERMANENT_ID_REQ, bytes(2)),))
    octets = encode_packet(request)
    return Sent(replace(exchange, messages=octets), octets)


def challenge(exchange: Exchange, vector: Vector, *, network: str, prime: bool) -> Sent:
    """The challenge that this vector makes; ``network`` is the access network's name in AKA'."""
    keys = derive_keys(exchange.type, exchange.identity, vector, network.encode())
    attributes = [(At.RAND, bytes(2) + vector.rand), (At.AUTN, bytes(2) + vector.autn)]
    if exchange.type == Type.AKA_PRIME:
        attributes += [(At.KDF_INPUT, sized(network.encode())), (At.KDF, KDF_WITH_NAME.to_bytes(2))]
    elif prime:
        attributes.append((At.BIDDING, b"\x80\x00"))
    attributes.append((At.CHECKCODE, checkcode(exchange.type, exchange.messages)))
    request = Packet(Code.REQUEST, exchange.identifier, exchange.type, Subtype.CHALLENGE, tuple(attributes))
    waiting = replace(exchange, rand=vector.rand, xres=vector.xres, k_aut=keys.k_aut, msk=keys.msk)
    return Sent(waiting, encode_packet(request, keys.k_aut))


def receive(exchange: Exchange, octets: bytes, *, prime: bool) -> Outcome:
    """What the client's answer leads to.

    Raises: DecodeError when it is no answer to the exchange's request.
    """
    packet = decode_packet(octets)
    if packet.code != Code.RESPONSE or packet.identifier != exchange.identifier:
        raise DecodeError("not a response to the last EAP request")
    following = replace(exchange, identifier=(exchange.identifier + 1) % 256)
    if packet.type == Type.NAK:
        other = Type.AKA if exchange.type == Type.AKA_PRIME else Type.AKA_PRIME
        if other not in packet.data or exchange.messages or not prime:
            return Failed("reject", rejected=False)
        # The type of a conversation is settled once: a second Nak finds the one it was moved away from.
        following = replace(following, type=other, messages=b"")
        return VectorNeeded(following) if exchange.imsi else Failed("reject", rejected=False)
    if packet.type != exchange.type:
        raise DecodeError(f"EAP type {packet.type} in an exchange of type {exchange.type}")
    waits_for_identity = not exchange.rand
    match packet.subtype:
        case Subtype.IDENTITY if waits_for_identity:
            return _identified(following, octets, packet)
        case Subtype.CHALLENGE if not waits_for_identity:
            return _answered(exchange, octets, packet)
        case Subtype.SYNCHRONIZATION_FAILURE if not waits_for_identity:
            auts = packet.get(At.AUTS) or b""
            if len(auts) != _AUTS_BYTES or exchange.resyncs >= MAX_RESYNCS:
                return Failed("sync_failure", rejected=False)
            return VectorNeeded(replace(following, resyncs=exchange.resyncs + 1), auts)
        case _:
            return Failed("reject", rejected=False)


def _identified(exchange: Exchange, octets: bytes, packet: Packet) -> Outcome:
    identity = unsized(packet.get(At.IDENTITY) or bytes(2))
    imsi = permanent_imsi(identity)
    if not imsi or len(identity) > MAX_IDENTITY_BYTES:
        return Failed("reject", rejected=False)
    return VectorNeeded(replace(exchange, identity=identity, imsi=imsi, messages=exchange.messages + octets))


def _answered(exchange: Exchange, octets: bytes, packet: Packet) -> Outcome:
    """Whether the answer to the challenge is the SIM's: its MAC, its RES, and no message in between altered."""
    if not is_mac_right(octets, packet, exchange.k_aut):
        return Failed("mac_failure", rejected=True)
    seen = packet.get(At.CHECKCODE)
    if seen is not None and seen != checkcode(exchange.type, exchange.messages):
        return Failed("mac_failure", rejected=True)
    given = packet.get(At.RES) or bytes(2)
    bits, res = int.from_bytes(given[:2]), given[2 : 2 + len(exchange.xres)]
    if bits != 8 * len(exchange.xres) or not hmac.compare_digest(res, exchange.xres):
        return Failed("reject", rejected=True)
    return Proven(exchange.imsi, exchange.msk)
