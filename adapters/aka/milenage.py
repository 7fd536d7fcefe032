"""Milenage: the authentication functions of a SIM and of the centre that knows its keys.

Spec: 3GPP TS 35.206 4, TS 33.102 6.3
"""

from __future__ import annotations

import hmac
from typing import NamedTuple

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import ECB

KEY_BYTES = 16
SQN_BITS = 48
IND_BITS = 5
"""The lowest bits of a sequence number are an index into the SIM's array of those it has seen (TS 33.102 C.3.2)."""

_RESYNC_AMF = bytes(2)


class Vector(NamedTuple):
    """What one authentication takes: the challenge, the answer that is expected, and the keys that follow."""

    rand: bytes
    autn: bytes
    xres: bytes
    ck: bytes
    ik: bytes


class Milenage:
    """The functions f1 to f5* of one SIM, whose key is ``k`` and operator variant ``opc``, 16 octets each."""

    def __init__(self, k: bytes, opc: bytes) -> None:
        self._block = Cipher(AES(k), ECB()).encryptor().update  # noqa: S305 - one block at a time, as Milenage has it
        self._opc = opc

    def f1(self, rand: bytes, sqn: bytes, amf: bytes) -> tuple[bytes, bytes]:
        """MAC-A and MAC-S: f1 and f1*."""
        rotated = _rotate(_xor((sqn + amf) * 2, self._opc), 8)
        out = _xor(self._block(_xor(self._temp(rand), rotated)), self._opc)
        return out[:8], out[8:]

    def f2345(self, rand: bytes) -> tuple[bytes, bytes, bytes, bytes]:
        """RES, CK, IK and AK."""
        out = self._out(rand, 0, 1)
        return out[8:], self._out(rand, 4, 2), self._out(rand, 8, 4), out[:6]

    def f5_star(self, rand: bytes) -> bytes:
        """The AK of a resynchronisation."""
        return self._out(rand, 12, 8)[:6]

    def vector(self, rand: bytes, sqn: int, amf: bytes) -> Vector:
        """The authentication vector for that challenge and sequence number."""
        octets = sqn.to_bytes(SQN_BITS // 8)
        mac, _ = self.f1(rand, octets, amf)
        res, ck, ik, ak = self.f2345(rand)
        return Vector(rand, _xor(octets, ak) + amf + mac, res, ck, ik)

    def sqn_of(self, rand: bytes, auts: bytes) -> int | None:
        """The sequence number of the SIM out of its AUTS; None when the SIM did not make it."""
        octets = _xor(auts[:6], self.f5_star(rand))
        _, mac = self.f1(rand, octets, _RESYNC_AMF)
        return int.from_bytes(octets) if hmac.compare_digest(mac, auts[6:]) else None

    def challenge_sqn(self, rand: bytes, autn: bytes) -> int | None:
        """What a SIM does with a challenge: its sequence number; None when the network did not make it."""
        octets = _xor(autn[:6], self.f2345(rand)[3])
        mac, _ = self.f1(rand, octets, autn[6:8])
        return int.from_bytes(octets) if hmac.compare_digest(mac, autn[8:]) else None

    def auts(self, rand: bytes, sqn: int) -> bytes:
        """What a SIM answers to a challenge whose sequence number it has seen; ``sqn`` is its own."""
        octets = sqn.to_bytes(SQN_BITS // 8)
        _, mac = self.f1(rand, octets, _RESYNC_AMF)
        return _xor(octets, self.f5_star(rand)) + mac

    def _temp(self, rand: bytes) -> bytes:
        return self._block(_xor(rand, self._opc))

    def _out(self, rand: bytes, rotation: int, constant: int) -> bytes:
        rotated = _rotate(_xor(self._temp(rand), self._opc), rotation)
        return _xor(self._block(_xor(rotated, constant.to_bytes(16))), self._opc)


def make_opc(k: bytes, op: bytes) -> bytes:
    """OPc of the SIM with key ``k``, where the operator has one OP for all SIMs."""
    return _xor(Cipher(AES(k), ECB()).encryptor().update(op), op)  # noqa: S305 - one block


def next_sqn(sqn: int) -> int:
    """The sequence number for the next vector: one step on, with the next index.

    Spec: 3GPP TS 33.102 C.1.2, C.3.2
    """
    indices = 1 << IND_BITS
    step, index = divmod(sqn, indices)
    return (step + 1) % (1 << (SQN_BITS - IND_BITS)) * indices + (index + 1) % indices


def _rotate(block: bytes, octets: int) -> bytes:
    return block[octets:] + block[:octets]


def _xor(one: bytes, other: bytes) -> bytes:
    return (int.from_bytes(one) ^ int.from_bytes(other)).to_bytes(len(one))
