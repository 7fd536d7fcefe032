"""The server's side of EAP-AKA and EAP-AKA', as steps on stored values.

A client that starts with its permanent identity is challenged at once. The challenge gives it two names for later, in
secret: a pseudonym, which leads to a challenge as its permanent identity does, and a name for fast re-authentication,
which is good once and leads to a proof by the keys of before. Whoever comes by a name that nobody was given is asked
for another.

Spec: RFC 4187 (EAP-AKA), RFC 9048 (EAP-AKA'), 3GPP TS 23.003 14.3, 14.5, 19.3.2 (identities)
"""

from __future__ import annotations

import hmac
import re
from typing import Literal, NamedTuple

import msgspec
from msgspec.structs import replace

from adapters.aka.keys import derive_keys, derive_msk_again
from adapters.aka.milenage import Vector
from adapters.aka.packet import (
    At,
    Code,
    Packet,
    Subtype,
    Type,
    checkcode,
    decode_packet,
    decrypted,
    encode_packet,
    encrypted,
    is_mac_right,
    sized,
    unsized,
)
from gateway.errors import DecodeError

MAX_IDENTITY_BYTES = 253
MAX_RESYNCS = 1
KDF_WITH_NAME = 1

_PERMANENT = re.compile(rb"([06])([0-9]{6,15})(@.*)?", re.DOTALL)
_TYPE_OF = {b"0": Type.AKA, b"2": Type.AKA, b"4": Type.AKA}
_TYPE_OF |= {b"6": Type.AKA_PRIME, b"7": Type.AKA_PRIME, b"8": Type.AKA_PRIME}
PSEUDONYM = {Type.AKA: "2", Type.AKA_PRIME: "7"}
AGAIN = {Type.AKA: "4", Type.AKA_PRIME: "8"}
"""How pseudonyms and names for fast re-authentication begin (3GPP TS 23.003 14.3, 14.5)."""
_AUTS_BYTES = 14


class Names(NamedTuple):
    """What a client may call itself later, without a realm; empty where it is given no such name."""

    pseudonym: str = ""
    again: str = ""


class Known(msgspec.Struct, frozen=True):
    """Somebody who can be authenticated fast: the SIM, the keys of before, and the ``counter`` of the next time.

    ``card`` says which keys of the SIM they come from, in whatever way the centre tells them apart.
    """

    imsi: str
    type: int
    k_encr: bytes
    k_aut: bytes
    k_re: bytes
    counter: int
    card: bytes = b""


class Fresh(NamedTuple):
    """What a request is made with: random octets, 16 each, and names that nobody has."""

    iv: bytes
    nonce: bytes
    names: Names


class Exchange(msgspec.Struct, frozen=True):
    """A conversation that waits for the client's answer to its last request.

    ``identity`` is what the client called itself last, ``messages`` the AKA-Identity messages so far, of which the
    last request was for the identity ``wanted``. ``rand``, ``xres``, the keys and ``msk`` are of the last challenge; in
    a fast re-authentication the keys are those of before, and ``nonce`` and ``counter`` are sent instead. ``names`` are
    those that the last request gave.
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
    wanted: int = 0
    k_encr: bytes = b""
    k_re: bytes = b""
    counter: int = 0
    nonce: bytes = b""
    names: Names = Names()
    card: bytes = b""


class Sent(NamedTuple):
    """A request to the client, and the exchange that waits for its answer."""

    exchange: Exchange
    packet: bytes


class VectorNeeded(NamedTuple):
    """The exchange needs a vector of its IMSI to go on with ``challenge``; ``auts`` is from a resynchronisation."""

    exchange: Exchange
    auts: bytes = b""


class NameNeeded(NamedTuple):
    """The exchange's identity is no IMSI: somebody has to tell whom it names for ``named`` to go on."""

    exchange: Exchange


class Proven(NamedTuple):
    """The client has the SIM of that IMSI, and ``names`` for next time.

    ``known`` is what the one for fast re-authentication stands for, ``spent`` the one by which it came this time.
    """

    imsi: str
    msk: bytes
    names: Names
    known: Known
    spent: str = ""


class Failed(NamedTuple):
    """The exchange is over. ``rejected`` is the gateway's refusal of the client, else the two could not do it."""

    result: Literal["mac_failure", "reject", "sync_failure"]
    rejected: bool


Outcome = Sent | VectorNeeded | NameNeeded | Proven | Failed


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
    return _called(Exchange(kind if prime else Type.AKA, identifier, identity))


def name_of(identity: bytes) -> str:
    """The identity without its realm."""
    return identity.partition(b"@")[0].decode("utf-8", "replace")


def named(exchange: Exchange, whose: str | Known | None, fresh: Fresh) -> Outcome:
    """The step with a client of a name: ``whose`` is the IMSI of a pseudonym, or who is authenticated fast.

    For a name that nobody was given it asks for a pseudonym or, if that was the trouble, for the permanent identity.
    """
    if isinstance(whose, str):
        return VectorNeeded(replace(exchange, imsi=whose))
    if whose is not None and whose.type == exchange.type:
        return _reauthentication(exchange, whose, fresh)
    if exchange.wanted == At.PERMANENT_ID_REQ:
        return Failed("reject", rejected=False)
    is_fast = exchange.identity[:1].decode("latin-1") in AGAIN.values()
    wanted = At.FULLAUTH_ID_REQ if is_fast and not exchange.wanted else At.PERMANENT_ID_REQ
    request = Packet(Code.REQUEST, exchange.identifier, exchange.type, Subtype.IDENTITY, ((wanted, bytes(2)),))
    octets = encode_packet(request)
    return Sent(replace(exchange, messages=exchange.messages + octets, wanted=int(wanted)), octets)


def _called(exchange: Exchange) -> Outcome:
    imsi = permanent_imsi(exchange.identity)
    return VectorNeeded(replace(exchange, imsi=imsi)) if imsi else NameNeeded(exchange)


def _reauthentication(exchange: Exchange, known: Known, fresh: Fresh) -> Sent:
    """The request that makes both sides prove that they have the keys of before (RFC 4187 5.1)."""
    names = Names(again=fresh.names.again)
    hidden = [(At.COUNTER, known.counter.to_bytes(2)), (At.NONCE_S, bytes(2) + fresh.nonce), *_given(exchange, names)]
    attributes = (
        *encrypted(known.k_encr, fresh.iv, *hidden), (At.CHECKCODE, checkcode(exchange.type, exchange.messages))
    )  # fmt: skip
    request = Packet(Code.REQUEST, exchange.identifier, exchange.type, Subtype.REAUTHENTICATION, attributes)
    waiting = replace(
        exchange, imsi=known.imsi, k_encr=known.k_encr, k_aut=known.k_aut, k_re=known.k_re,
        counter=known.counter, nonce=fresh.nonce, names=names, card=known.card,
    )  # fmt: skip
    return Sent(waiting, encode_packet(request, known.k_aut))


def _given(exchange: Exchange, names: Names) -> list[tuple[int, bytes]]:
    """The attributes that give a client its names: it adds the realm to a pseudonym itself, and to the other not."""
    given = [(At.NEXT_PSEUDONYM, names.pseudonym.encode())] if names.pseudonym else []
    if names.again:
        _, at, realm = exchange.identity.partition(b"@")
        given.append((At.NEXT_REAUTH_ID, names.again.encode() + at + realm))
    return [(kind, sized(name)) for kind, name in given]


def challenge(exchange: Exchange, vector: Vector, *, network: str, prime: bool, fresh: Fresh | None = None) -> Sent:
    """The challenge that this vector makes; ``network`` is the access network's name in AKA'.

    With ``fresh`` it gives names, as far as there are any.
    """
    keys = derive_keys(exchange.type, exchange.identity, vector, network.encode())
    attributes: list[tuple[int, bytes]] = [(At.RAND, bytes(2) + vector.rand), (At.AUTN, bytes(2) + vector.autn)]
    if exchange.type == Type.AKA_PRIME:
        attributes += [(At.KDF_INPUT, sized(network.encode())), (At.KDF, KDF_WITH_NAME.to_bytes(2))]
    elif prime:
        attributes.append((At.BIDDING, b"\x80\x00"))
    names = fresh.names if fresh else Names()
    if fresh and any(names):
        attributes.extend(encrypted(keys.k_encr, fresh.iv, *_given(exchange, names)))
    attributes.append((At.CHECKCODE, checkcode(exchange.type, exchange.messages)))
    request = Packet(Code.REQUEST, exchange.identifier, exchange.type, Subtype.CHALLENGE, tuple(attributes))
    waiting = replace(
        exchange, rand=vector.rand, xres=vector.xres, k_encr=keys.k_encr, k_aut=keys.k_aut, k_re=keys.k_re,
        msk=keys.msk, counter=0, nonce=b"", names=names,
    )  # fmt: skip
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
    match packet.subtype:
        case Subtype.IDENTITY if not exchange.rand and not exchange.nonce:
            return _identified(following, octets, packet)
        case Subtype.REAUTHENTICATION if exchange.nonce:
            return _answered_again(following, octets, packet)
        case Subtype.CHALLENGE if exchange.rand:
            return _answered(exchange, octets, packet)
        case Subtype.SYNCHRONIZATION_FAILURE if exchange.rand:
            auts = packet.get(At.AUTS) or b""
            if len(auts) != _AUTS_BYTES or exchange.resyncs >= MAX_RESYNCS:
                return Failed("sync_failure", rejected=False)
            return VectorNeeded(replace(following, resyncs=exchange.resyncs + 1), auts)
        case _:
            return Failed("reject", rejected=False)


def _identified(exchange: Exchange, octets: bytes, packet: Packet) -> Outcome:
    identity = unsized(packet.get(At.IDENTITY) or bytes(2))
    if not 0 < len(identity) <= MAX_IDENTITY_BYTES:
        return Failed("reject", rejected=False)
    return _called(replace(exchange, identity=identity, messages=exchange.messages + octets))


def _answered(exchange: Exchange, octets: bytes, packet: Packet) -> Outcome:
    """Whether the answer to the challenge is the SIM's: its MAC, its RES, and no message in between altered."""
    if not _is_whole(exchange, octets, packet):
        return Failed("mac_failure", rejected=True)
    given = packet.get(At.RES) or bytes(2)
    bits, res = int.from_bytes(given[:2]), given[2 : 2 + len(exchange.xres)]
    if bits != 8 * len(exchange.xres) or not hmac.compare_digest(res, exchange.xres):
        return Failed("reject", rejected=True)
    return Proven(exchange.imsi, exchange.msk, exchange.names, _known(exchange, counter=1))


def _answered_again(exchange: Exchange, octets: bytes, packet: Packet) -> Outcome:
    """Whether the answer is of who has the keys of before; a client that has counted further is challenged.

    Spec: RFC 4187 5.1, 9.8
    """
    if not _is_whole(exchange, octets, packet):
        return Failed("mac_failure", rejected=True)
    hidden = decrypted(packet, exchange.k_encr)
    if hidden.get(At.COUNTER) != exchange.counter.to_bytes(2):
        return Failed("reject", rejected=True)
    if hidden.get(At.COUNTER_TOO_SMALL) is not None:
        return VectorNeeded(exchange)
    msk = derive_msk_again(exchange.type, exchange.identity, exchange.k_re, exchange.counter, exchange.nonce)
    known = _known(exchange, counter=exchange.counter + 1)
    return Proven(exchange.imsi, msk, exchange.names, known, name_of(exchange.identity))


def _known(exchange: Exchange, *, counter: int) -> Known:
    return Known(exchange.imsi, exchange.type, exchange.k_encr, exchange.k_aut, exchange.k_re, counter, exchange.card)


def _is_whole(exchange: Exchange, octets: bytes, packet: Packet) -> bool:
    """Whether the packet is the client's, and so was everything in between."""
    if not is_mac_right(octets, packet, exchange.k_aut, covers=exchange.nonce):
        return False
    seen = packet.get(At.CHECKCODE)
    return seen is None or seen == checkcode(exchange.type, exchange.messages)
