"""A SIM in software, and the phone's side of EAP-AKA and EAP-AKA' with it.

Written apart from the gateway's side; only Milenage, the packets and the key hierarchies are shared, which are held to
other implementations by themselves. It takes the names that a server gives it, and calls itself by them.

Spec: RFC 4187, RFC 9048, 3GPP TS 33.102 6.3.3
"""

from __future__ import annotations

import secrets
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
    decrypted,
    encode_packet,
    encrypted,
    is_mac_right,
    sized,
    unsized,
)

SQN = "sqn"
PSEUDONYM = "pseudonym"
AGAIN = "again"


class SoftSim:
    """The SIM with these keys; ``memory`` is where it keeps the highest sequence number it has seen, and its names."""

    def __init__(self, imsi: str, k: bytes, opc: bytes, memory: dict[str, Any]) -> None:
        self._imsi = imsi
        self._milenage = Milenage(k, opc)
        self._memory = memory
        self._seen = b""
        self._said = b""

    def identity(self, kind: int = Type.AKA) -> str:
        """What it begins with for that method: the name that it was given last, if it was given any."""
        return self._begin(self._name(kind))

    def permanent_identity(self, kind: int = Type.AKA) -> str:
        """What it begins with for that method: the identity with the IMSI."""
        return self._begin(self._permanent(kind))

    def _begin(self, identity: str) -> str:
        self._seen, self._said = b"", identity.encode()
        return identity

    def _name(self, kind: int) -> str:
        again, pseudonym = self._memory.get(AGAIN, {}), self._memory.get(PSEUDONYM, {})
        known = again if again.get("type") == kind else pseudonym if pseudonym.get("type") == kind else {}
        return str(known.get("name") or self._permanent(kind))

    def _permanent(self, kind: int) -> str:
        return f"{'6' if kind == Type.AKA_PRIME else '0'}{self._imsi}@{self._realm}"

    @property
    def _realm(self) -> str:
        """The operator's, whose MNC is taken to have two digits."""
        return f"nai.epc.mnc0{self._imsi[3:5]}.mcc{self._imsi[:3]}.3gppnetwork.org"

    def answer(self, octets: bytes) -> tuple[bytes, str]:
        """The response to an EAP request, and what it is in a word."""
        request = decode_packet(octets)
        if request.subtype == Subtype.IDENTITY:
            self._said = self._wanted(request).encode()
            response = _response(request, Subtype.IDENTITY, (At.IDENTITY, sized(self._said)))
            self._seen += octets + response
            return response, "identity"
        if request.subtype == Subtype.REAUTHENTICATION:
            return self._answer_again(octets, request)
        if request.subtype == Subtype.CHALLENGE:
            return self._answer_challenge(octets, request)
        return _client_error(request), "client error"

    def _wanted(self, request: Packet) -> str:
        """The identity that the server asks for."""
        if request.get(At.PERMANENT_ID_REQ) is not None:
            self.forget_names()
        elif request.get(At.FULLAUTH_ID_REQ) is not None:
            self._memory.pop(AGAIN, None)
        return self._name(request.type)

    def forget_names(self) -> None:
        """Call itself by its permanent identity again."""
        self._memory.pop(AGAIN, None)
        self._memory.pop(PSEUDONYM, None)

    def _answer_challenge(self, octets: bytes, request: Packet) -> tuple[bytes, str]:
        rand, autn = (request.get(At.RAND) or b"")[2:], (request.get(At.AUTN) or b"")[2:]
        sqn = self._milenage.challenge_sqn(rand, autn)
        if sqn is None:
            return _response(request, Subtype.AUTHENTICATION_REJECT), "the network does not know this SIM"
        if sqn <= self._memory.get(SQN, 0):
            auts = self._milenage.auts(rand, self._memory[SQN])
            return _response(request, Subtype.SYNCHRONIZATION_FAILURE, (At.AUTS, auts)), "out of step"
        res, ck, ik, _ = self._milenage.f2345(rand)
        network = unsized(request.get(At.KDF_INPUT) or bytes(2))
        identity = self._said or self._permanent(request.type).encode()
        keys = derive_keys(request.type, identity, Vector(rand, autn, res, ck, ik), network)
        k_aut = keys.k_aut
        if not is_mac_right(octets, request, k_aut) or request.get(At.CHECKCODE) != checkcode(request.type, self._seen):
            return _client_error(request), "altered on the way"
        self._memory[SQN] = sqn
        self.forget_names()
        if request.get(At.ENCR_DATA) is not None:
            kept = {"k_encr": keys.k_encr.hex(), "k_aut": k_aut.hex(), "counter": 1}
            self._learn(decrypted(request, keys.k_encr), kept)
        seen = (At.CHECKCODE, checkcode(request.type, self._seen))
        return _response(
            request, Subtype.CHALLENGE, (At.RES, sized(res, 8 * len(res))), seen, key=k_aut
        ), "the SIM's answer"

    def _answer_again(self, octets: bytes, request: Packet) -> tuple[bytes, str]:
        """Prove by the keys of before that it is still the same; it uses no name twice, and takes no counter twice.

        Spec: RFC 4187 5
        """
        kept = self._memory.pop(AGAIN, None)
        k_encr, k_aut = (bytes.fromhex(kept[name]) for name in ("k_encr", "k_aut")) if kept else (b"", b"")
        seen = request.get(At.CHECKCODE)
        if not kept or not is_mac_right(octets, request, k_aut) or seen != checkcode(request.type, self._seen):
            return _client_error(request), "altered on the way"
        hidden = decrypted(request, k_encr)
        counter, nonce = hidden.get(At.COUNTER) or bytes(2), (hidden.get(At.NONCE_S) or b"")[2:]
        is_old = int.from_bytes(counter) < kept["counter"]
        said = [(At.COUNTER_TOO_SMALL, bytes(2))] if is_old else []
        if not is_old:
            self._learn(hidden, kept | {"counter": int.from_bytes(counter) + 1})
        attributes = (
            *encrypted(k_encr, secrets.token_bytes(16), *said, (At.COUNTER, counter)),
            (At.CHECKCODE, checkcode(request.type, self._seen)),
        )
        response = Packet(Code.RESPONSE, request.identifier, request.type, Subtype.REAUTHENTICATION, attributes)
        what = "the counter has been there" if is_old else "the keys of before"
        return encode_packet(response, k_aut, covers=nonce), what

    def _learn(self, hidden: Packet, kept: dict[str, Any]) -> None:
        """Take the names that the server gives; it is known again by what is ``kept``."""
        if pseudonym := hidden.get(At.NEXT_PSEUDONYM):
            name = unsized(pseudonym).decode()
            self._memory[PSEUDONYM] = {"type": hidden.type, "name": f"{name}@{self._realm}"}
        if again := hidden.get(At.NEXT_REAUTH_ID):
            self._memory[AGAIN] = kept | {"type": hidden.type, "name": unsized(again).decode()}


def _response(request: Packet, subtype: int, *attributes: tuple[int, bytes], key: bytes = b"") -> bytes:
    return encode_packet(Packet(Code.RESPONSE, request.identifier, request.type, subtype, attributes), key)


def _client_error(request: Packet) -> bytes:
    return _response(request, Subtype.CLIENT_ERROR, (At.CLIENT_ERROR_CODE, bytes(2)))
