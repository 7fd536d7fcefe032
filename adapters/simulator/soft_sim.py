"""A SIM in software, and the phone's side of EAP-AKA and EAP-AKA' with it.

Written apart from the gateway's side; only Milenage, the packets and the key hierarchies are shared, which are held to
other implementations by themselves.

Spec: RFC 4187, RFC 9048, 3GPP TS 33.102 6.3.3
"""

from __future__ import annotations

from typing import Any

from adapters.aka.keys import derive_keys
from adapters.aka.milenage import Milenage, Vector
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

SQN = "sqn"


class SoftSim:
    """The SIM with these keys; ``memory`` is where it keeps the highest sequence number it has seen."""

    def __init__(self, imsi: str, k: bytes, opc: bytes, memory: dict[str, Any]) -> None:
        self._imsi = imsi
        self._milenage = Milenage(k, opc)
        self._memory = memory
        self._seen = b""

    def identity(self, kind: int = Type.AKA) -> str:
        """The permanent identity for that method; for the realm the MNC is taken to have two digits."""
        prefix = "6" if kind == Type.AKA_PRIME else "0"
        return f"{prefix}{self._imsi}@nai.epc.mnc0{self._imsi[3:5]}.mcc{self._imsi[:3]}.3gppnetwork.org"

    def answer(self, octets: bytes) -> tuple[bytes, str]:
        """The response to an EAP request, and what it is in a word."""
        request = decode_packet(octets)
        identity = self.identity(request.type).encode()
        if request.subtype == Subtype.IDENTITY:
            response = _response(request, Subtype.IDENTITY, (At.IDENTITY, sized(identity)))
            self._seen += octets + response
            return response, "identity"
        if request.subtype != Subtype.CHALLENGE:
            return _response(request, Subtype.CLIENT_ERROR, (At.CLIENT_ERROR_CODE, bytes(2))), "client error"
        rand, autn = (request.get(At.RAND) or b"")[2:], (request.get(At.AUTN) or b"")[2:]
        sqn = self._milenage.challenge_sqn(rand, autn)
        if sqn is None:
            return _response(request, Subtype.AUTHENTICATION_REJECT), "the network does not know this SIM"
        if sqn <= self._memory.get(SQN, 0):
            auts = self._milenage.auts(rand, self._memory[SQN])
            return _response(request, Subtype.SYNCHRONIZATION_FAILURE, (At.AUTS, auts)), "out of step"
        res, ck, ik, _ = self._milenage.f2345(rand)
        network = unsized(request.get(At.KDF_INPUT) or bytes(2))
        k_aut = derive_keys(request.type, identity, Vector(rand, autn, res, ck, ik), network).k_aut
        if not is_mac_right(octets, request, k_aut) or request.get(At.CHECKCODE) != checkcode(request.type, self._seen):
            return _response(request, Subtype.CLIENT_ERROR, (At.CLIENT_ERROR_CODE, bytes(2))), "altered on the way"
        self._memory[SQN] = sqn
        seen = (At.CHECKCODE, checkcode(request.type, self._seen))
        return _response(
            request, Subtype.CHALLENGE, (At.RES, sized(res, 8 * len(res))), seen, key=k_aut
        ), "the SIM's answer"


def _response(request: Packet, subtype: int, *attributes: tuple[int, bytes], key: bytes = b"") -> bytes:
    return encode_packet(Packet(Code.RESPONSE, request.identifier, request.type, subtype, attributes), key)
