"""The EAP-AKA server against wpa_supplicant, and against clients that do what a good one does not."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from aka_peers import Reply, Sim, run_supplicant
from msgspec.structs import replace

from adapters.aka.keys import derive_keys
from adapters.aka.milenage import Milenage, Vector, next_sqn
from adapters.aka.packet import At, Code, Packet, Subtype, Type, checkcode, decode_packet, encode_packet, sized
from adapters.rcc14.identity.eap_aka import (
    Exchange,
    Failed,
    Proven,
    Sent,
    VectorNeeded,
    begin,
    challenge,
    permanent_imsi,
    receive,
)
from gateway.errors import DecodeError

IMSI = "001010000000001"
REALM = "@nai.epc.mnc001.mcc001.3gppnetwork.org"
KEYS = Milenage(bytes.fromhex("465b5ce8b199b49faa5f0a2ee238a6bc"), bytes.fromhex("cd63cb71954a9f4e48a5994e37a02baf"))
RAND = bytes(range(16))
VECTOR = KEYS.vector(RAND, 64, b"\x80\x00")


class Server:
    """The server's steps in a row, for a supplicant; ``sqn`` is where its centre stands."""

    def __init__(self, milenage: Milenage = KEYS) -> None:
        self.sqn = 64
        self.resyncs = 0
        self._milenage = milenage
        self._exchange: Exchange | None = None

    def __call__(self, octets: bytes) -> Reply:
        if self._exchange is None:
            outcome = begin(octets[5:], identifier=7, prime=True)
        else:
            outcome = receive(self._exchange, octets, prime=True)
        if isinstance(outcome, VectorNeeded):
            if outcome.auts:
                self.resyncs += 1
                self.sqn = self._milenage.sqn_of(outcome.exchange.rand, outcome.auts) or 0
            self.sqn = next_sqn(self.sqn)
            vector = self._milenage.vector(os.urandom(16), self.sqn, b"\x80\x00")
            outcome = challenge(outcome.exchange, vector, network="WLAN", prime=True)
        if isinstance(outcome, Sent):
            self._exchange = outcome.exchange
            return Reply(outcome.packet)
        if isinstance(outcome, Proven):
            assert outcome.imsi == IMSI
            return Reply(bytes([Code.SUCCESS, octets[1], 0, 4]), accepted=True, msk=outcome.msk)
        return Reply(bytes([Code.FAILURE, octets[1], 0, 4]), accepted=False)


@pytest.mark.parametrize(
    ("identity", "methods"),
    [
        (f"0{IMSI}{REALM}", "AKA"),
        (f"6{IMSI}{REALM}", "AKA'"),
        (f"0{IMSI}{REALM}", "AKA'"),
    ],
    ids=["aka", "aka-prime", "aka-prime-after-a-nak"],
)
async def test_wpa_supplicant_is_authenticated(tmp_path: Path, identity: str, methods: str) -> None:
    """By both methods, with equal keys on both sides, also when it wants another than its identity says (RFC 4187,
    RFC 9048)."""
    printed = await run_supplicant(tmp_path, Sim(KEYS), Server(), identity=identity, methods=methods)
    assert printed.endswith("SUCCESS"), printed


@pytest.mark.parametrize(("prefix", "methods"), [("0", "AKA"), ("6", "AKA'")])
async def test_wpa_supplicant_resynchronises(tmp_path: Path, prefix: str, methods: str) -> None:
    """A SIM that is ahead says where it is, and the next challenge is good (RFC 4187 9.6)."""
    server = Server()
    sim = Sim(KEYS, sqn=100_000)
    printed = await run_supplicant(tmp_path, sim, server, identity=f"{prefix}{IMSI}{REALM}", methods=methods)
    assert printed.endswith("SUCCESS"), printed
    assert (server.resyncs, sim.sqn) == (1, server.sqn)


async def test_wpa_supplicant_rejects_another_network(tmp_path: Path) -> None:
    """A challenge that was made without the SIM's keys is none: the device authenticates the network."""
    server = Server(Milenage(bytes(16), bytes(16)))
    printed = await run_supplicant(tmp_path, Sim(KEYS), server, identity=f"0{IMSI}{REALM}", methods="AKA")
    assert printed.endswith("FAILURE"), printed


async def test_wpa_supplicant_will_not_be_bid_down(tmp_path: Path) -> None:
    """AT_BIDDING tells a supplicant that has both methods when it was talked into the weaker one (RFC 9048 4)."""
    printed = await run_supplicant(tmp_path, Sim(KEYS), Server(), identity=f"0{IMSI}{REALM}", methods="AKA AKA'")
    assert printed.endswith("FAILURE"), printed


def started(identity: str = f"0{IMSI}{REALM}", *, prime: bool = True) -> Sent:
    """The challenge to a client of that identity."""
    needed = begin(identity.encode(), identifier=255, prime=prime)
    assert isinstance(needed, VectorNeeded)
    return challenge(needed.exchange, VECTOR, network="WLAN", prime=prime)


def answer(sent: Sent, *, res: bytes = VECTOR.xres, bits: int = 64, identifier: int | None = None) -> bytes:
    """What a good client sends back, but for what is changed."""
    exchange = sent.exchange
    keys = derive_keys(exchange.type, exchange.identity, VECTOR, b"WLAN")
    asked = exchange.identifier if identifier is None else identifier
    packet = Packet(Code.RESPONSE, asked, exchange.type, Subtype.CHALLENGE, ((At.RES, sized(res, bits)),))
    return encode_packet(packet, keys.k_aut)


@pytest.mark.parametrize("prefix", ["0", "6"])
def test_the_right_answer_proves_the_sim(prefix: str) -> None:
    """And no other does."""
    sent = started(f"{prefix}{IMSI}{REALM}")
    outcome = receive(sent.exchange, answer(sent), prime=True)
    assert isinstance(outcome, Proven)
    assert outcome.imsi == IMSI
    assert receive(sent.exchange, answer(sent, res=bytes(8)), prime=True) == Failed("reject", rejected=True)
    assert receive(sent.exchange, answer(sent, bits=32), prime=True) == Failed("reject", rejected=True)
    altered = answer(sent)[:-1] + b"\x00"
    assert receive(sent.exchange, altered, prime=True) == Failed("mac_failure", rejected=True)


def test_eap_packet_replay() -> None:
    """An answer to another request than the last is none, and neither is a request; identifiers go round."""
    sent = started()
    with pytest.raises(DecodeError):
        receive(sent.exchange, answer(sent, identifier=254), prime=True)
    with pytest.raises(DecodeError):
        receive(sent.exchange, sent.packet, prime=True)
    auts = KEYS.auts(RAND, 100)
    failure = Packet(Code.RESPONSE, 255, Type.AKA, Subtype.SYNCHRONIZATION_FAILURE, ((At.AUTS, auts),))
    needed = receive(sent.exchange, encode_packet(failure), prime=True)
    assert isinstance(needed, VectorNeeded)
    assert (needed.auts, needed.exchange.identifier) == (auts, 0)
    again = challenge(needed.exchange, VECTOR, network="WLAN", prime=True)
    twice = encode_packet(failure._replace(identifier=0))
    assert receive(again.exchange, twice, prime=True) == Failed("sync_failure", rejected=False)


def test_other_identities_are_asked_for_the_permanent_one() -> None:
    """Pseudonyms are not offered; the messages about it are covered by AT_CHECKCODE (RFC 4187 4.1.6, 10.13)."""
    asked = begin(b"2pseudonym" + REALM.encode(), identifier=1, prime=True)
    assert isinstance(asked, Sent)
    assert decode_packet(asked.packet) == Packet(1, 1, Type.AKA, Subtype.IDENTITY, ((At.PERMANENT_ID_REQ, bytes(2)),))
    said = Packet(Code.RESPONSE, 1, Type.AKA, Subtype.IDENTITY, ((At.IDENTITY, sized(f"0{IMSI}{REALM}".encode())),))
    needed = receive(asked.exchange, encode_packet(said), prime=True)
    assert isinstance(needed, VectorNeeded)
    assert needed.exchange.imsi == IMSI
    sent = challenge(needed.exchange, VECTOR, network="WLAN", prime=True)
    assert decode_packet(sent.packet).get(At.CHECKCODE) == checkcode(Type.AKA, asked.packet + encode_packet(said))
    assert isinstance(receive(sent.exchange, answer(sent), prime=True), Proven)
    nobody = encode_packet(said._replace(attributes=((At.IDENTITY, sized(b"2pseudonym")),)))
    assert receive(asked.exchange, nobody, prime=True) == Failed("reject", rejected=False)


def test_a_message_in_between_that_was_altered_is_noticed() -> None:
    """The client's AT_CHECKCODE is over what it saw."""
    sent = started()
    keys = derive_keys(Type.AKA, sent.exchange.identity, VECTOR)
    attributes = ((At.RES, sized(VECTOR.xres, 64)), (At.CHECKCODE, checkcode(Type.AKA, b"others")))
    packet = encode_packet(Packet(Code.RESPONSE, 255, Type.AKA, Subtype.CHALLENGE, attributes), keys.k_aut)
    assert receive(sent.exchange, packet, prime=True) == Failed("mac_failure", rejected=True)


@pytest.mark.parametrize(
    ("subtype", "attributes"),
    [
        (Subtype.AUTHENTICATION_REJECT, ()),
        (Subtype.CLIENT_ERROR, ((At.CLIENT_ERROR_CODE, bytes(2)),)),
        (Subtype.NOTIFICATION, ()),
        (Subtype.IDENTITY, ((At.IDENTITY, sized(f"0{IMSI}".encode())),)),
        (Subtype.REAUTHENTICATION, ()),
    ],
)
def test_a_client_that_gives_up_may_try_another_method(subtype: int, attributes: tuple[tuple[int, bytes], ...]) -> None:
    """It is not the gateway that rejected it."""
    packet = encode_packet(Packet(Code.RESPONSE, 255, Type.AKA, subtype, attributes))
    assert receive(started().exchange, packet, prime=True) == Failed("reject", rejected=False)


def test_method_downgrade() -> None:
    """A client is moved once, before anything is proven, and only to a method that is on offer; AT_BIDDING in AKA
    says that the better one was there (RFC 9048 4)."""
    nak = bytes([Code.RESPONSE, 255, 0, 6, Type.NAK, Type.AKA_PRIME])
    sent = started()
    assert decode_packet(sent.packet).get(At.BIDDING) == b"\x80\x00"
    assert decode_packet(started(prime=False).packet).get(At.BIDDING) is None
    needed = receive(sent.exchange, nak, prime=True)
    assert isinstance(needed, VectorNeeded)
    assert needed.exchange.type == Type.AKA_PRIME
    assert receive(sent.exchange, nak, prime=False) == Failed("reject", rejected=False)
    with pytest.raises(DecodeError):
        receive(sent.exchange, encode_packet(Packet(Code.RESPONSE, 255, Type.AKA_PRIME, Subtype.CHALLENGE)), prime=True)


@pytest.mark.parametrize(
    ("identity", "imsi"),
    [
        (f"0{IMSI}{REALM}", IMSI),
        (f"6{IMSI}", IMSI),
        (f"1{IMSI}{REALM}", ""),
        (f"2{IMSI}{REALM}", ""),
        (f"0{IMSI}0{REALM}", ""),
        (IMSI[1:] + "x", ""),
        ("", ""),
    ],
)
def test_permanent_identities_name_an_imsi(identity: str, imsi: str) -> None:
    """Those of AKA and AKA', with or without a realm (TS 23.003 19.3.2)."""
    assert permanent_imsi(identity.encode()) == imsi


def test_an_identity_has_a_bounded_length() -> None:
    """None, or one longer than a user name may be, is refused."""
    for identity in (b"", b"0" * 254):
        with pytest.raises(DecodeError):
            begin(identity, identifier=1, prime=True)


def test_a_vector_serves_one_exchange() -> None:
    """The answer to one challenge is wrong for another, though the SIM is the same."""
    first, second = started(), started()
    other = Vector(bytes(16), *KEYS.vector(bytes(16), 96, b"\x80\x00")[1:])
    third = challenge(replace(second.exchange), other, network="WLAN", prime=True)
    outcome = receive(third.exchange, answer(first), prime=True)
    assert outcome == Failed("mac_failure", rejected=True)
