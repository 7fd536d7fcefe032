"""The key hierarchies of EAP-AKA and EAP-AKA'.

Spec: RFC 4187 7, FIPS 186-2 with change notice 1 (its generator); RFC 9048 3.3 to 3.5, 3GPP TS 33.402 A.2
"""

from __future__ import annotations

import hashlib
import hmac
import struct
from typing import NamedTuple

from adapters.aka.milenage import Vector
from adapters.aka.packet import Type

_SHA1_START = (0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476, 0xC3D2E1F0)
_WORD = 0xFFFFFFFF


class Keys(NamedTuple):
    """What one authentication leaves both sides with: ``k_aut`` keys AT_MAC, ``msk`` is for whoever asked for it.

    ``k_re`` is what fast re-authentications derive theirs from: K_re of AKA', and in AKA the master key.
    """

    k_encr: bytes
    k_aut: bytes
    msk: bytes
    emsk: bytes
    k_re: bytes


def derive_keys(kind: int, identity: bytes, vector: Vector, network: bytes = b"") -> Keys:
    """The keys of that method. ``identity`` is the one the peer used last, ``network`` the name in AT_KDF_INPUT."""
    if kind == Type.AKA:
        master = hashlib.sha1(identity + vector.ik + vector.ck, usedforsecurity=False).digest()
        stream = _generate(master, 160)
        return Keys(stream[:16], stream[16:32], stream[32:96], stream[96:160], master)
    ck, ik = prime_keys(vector, network)
    stream = _expand(ik + ck, b"EAP-AKA'" + identity, 208)
    return Keys(stream[:16], stream[16:48], stream[80:144], stream[144:208], stream[48:80])


def derive_msk_again(kind: int, identity: bytes, k_re: bytes, counter: int, nonce: bytes) -> bytes:
    """The MSK of a fast re-authentication; ``identity`` is the one that the peer began it with."""
    seed = identity + counter.to_bytes(2) + nonce
    if kind == Type.AKA:
        return _generate(hashlib.sha1(seed + k_re, usedforsecurity=False).digest(), 64)
    return _expand(k_re, b"EAP-AKA' re-auth" + seed, 64)


def prime_keys(vector: Vector, network: bytes) -> tuple[bytes, bytes]:
    """CK' and IK': the keys bound to the access network's name and, as SQN xor AK, to the challenge."""
    text = b"\x20" + network + len(network).to_bytes(2) + vector.autn[:6] + b"\x00\x06"
    both = hmac.digest(vector.ck + vector.ik, text, hashlib.sha256)
    return both[:16], both[16:]


def _expand(key: bytes, text: bytes, size: int) -> bytes:
    """PRF' of AKA'."""
    stream = block = b""
    while len(stream) < size:
        block = hmac.digest(key, block + text + bytes([len(stream) // 32 + 1]), hashlib.sha256)
        stream += block
    return stream[:size]


def _generate(seed: bytes, size: int) -> bytes:
    """The generator of FIPS 186-2: SHA-1's step on the padded state, which is moved on by each result."""
    stream, state = b"", int.from_bytes(seed)
    while len(stream) < size:
        word = _sha1_step(state.to_bytes(20) + bytes(44))
        stream += word
        state = (1 + state + int.from_bytes(word)) % (1 << 160)
    return stream[:size]


def _sha1_step(block: bytes) -> bytes:
    """SHA-1 of one block without the length that hashing it would add: no library gives that."""
    words = list(struct.unpack(">16I", block))
    for index in range(16, 80):
        words.append(_left(words[index - 3] ^ words[index - 8] ^ words[index - 14] ^ words[index - 16], 1))
    a, b, c, d, e = _SHA1_START
    for index, word in enumerate(words):
        match index // 20:
            case 0:
                mixed, constant = (b & c) | (~b & d), 0x5A827999
            case 1:
                mixed, constant = b ^ c ^ d, 0x6ED9EBA1
            case 2:
                mixed, constant = (b & c) | (b & d) | (c & d), 0x8F1BBCDC
            case _:
                mixed, constant = b ^ c ^ d, 0xCA62C1D6
        a, b, c, d, e = (_left(a, 5) + mixed + e + constant + word) & _WORD, a, _left(b, 30), c, d
    return struct.pack(">5I", *((one + other) & _WORD for one, other in zip(_SHA1_START, (a, b, c, d, e), strict=True)))


def _left(word: int, bits: int) -> int:
    return ((word << bits) | (word >> (32 - bits))) & _WORD
