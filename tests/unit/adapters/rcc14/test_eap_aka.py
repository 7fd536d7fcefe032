"""The EAP-AKA server against wpa_supplicant, and against clients that do what a good one does not."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from aka_peers import Reply, Sim, run_supplicant
from msgspec.structs import replace

from adapters.aka.keys import derive_keys
from adapters.aka.milenage import Milenage, Vector, next_sqn
from adapters.aka.packet import (
    At,
    Code,
    Packet,
    Subtype,
    Type,
    checkcode,
    decode_packet,
    encode_packet,
    encrypted,
    sized,
)
from adapters.rcc14.identity.eap_aka import (
    AGAIN,
    PSEUDONYM,
    Exchange,
    Failed,
    Fresh,
    Known,
    NameNeeded,
    Names,
    Proven,
    Sent,
    VectorNeeded,
    begin,
    challenge,
    name_of,
    named,
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
    """The server's steps in a row, for a supplicant; ``sqn`` is where its centre stands.

    ``named`` is whom its names stand for, ``came_by`` the identities that clients began with.
    """

    def __init__(self, milenage: Milenage = KEYS, *, gives: str = "") -> None:
        self.sqn = 64
        self.resyncs = 0
        self.gives = gives
        self.named: dict[str, str | Known] = {}
        self.came_by: list[str] = []
        self.ends: list[str] = []
        self._count = 0
        self._milenage = milenage
        self._exchange: Exchange | None = None

    def __call__(self, octets: bytes) -> Reply:
        if octets[4] == Type.IDENTITY:
            self.came_by.append(octets[5:].decode())
            outcome = begin(octets[5:], identifier=7, prime=True)
        else:
            assert self._exchange is not None
            outcome = receive(self._exchange, octets, prime=True)
        if isinstance(outcome, NameNeeded):
            whose = self.named.get(name_of(outcome.exchange.identity))
            outcome = named(outcome.exchange, whose, self._fresh(outcome.exchange))
        if isinstance(outcome, VectorNeeded):
            if outcome.auts:
                self.resyncs += 1
                self.sqn = self._milenage.sqn_of(outcome.exchange.rand, outcome.auts) or 0
            self.sqn = next_sqn(self.sqn)
            vector = self._milenage.vector(os.urandom(16), self.sqn, b"\x80\x00")
            fresh = self._fresh(outcome.exchange)
            outcome = challenge(outcome.exchange, vector, network="WLAN", prime=True, fresh=fresh)
        if isinstance(outcome, Sent):
            self._exchange = outcome.exchange
            return Reply(outcome.packet)
        if isinstance(outcome, Proven):
            assert outcome.imsi == IMSI
            self.named |= {outcome.names.pseudonym: outcome.imsi, outcome.names.again: outcome.known}
            self.ends.append("fast" if outcome.spent else "full")
            return Reply(bytes([Code.SUCCESS, octets[1], 0, 4]), accepted=True, msk=outcome.msk)
        return Reply(bytes([Code.FAILURE, octets[1], 0, 4]), accepted=False)

    def _fresh(self, exchange: Exchange) -> Fresh:
        self._count += 1
        kind = Type(exchange.type)
        pseudonym, again = (f"{prefix[kind]}name{self._count}" for prefix in (PSEUDONYM, AGAIN))
        names = Names(pseudonym if "pseudonym" in self.gives else "", again if "again" in self.gives else "")
        return Fresh(os.urandom(16), os.urandom(16), names)


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


@pytest.mark.parametrize(("prefix", "again", "methods"), [("0", "4", "AKA"), ("6", "8", "AKA'")])
async def test_wpa_supplicant_is_authenticated_fast(tmp_path: Path, prefix: str, again: str, methods: str) -> None:
    """By the keys of before under a new name each time, with equal keys on both sides (RFC 4187 5, RFC 9048 3.3)."""
    server, sim = Server(gives="pseudonym again"), Sim(KEYS)
    identity = f"{prefix}{IMSI}{REALM}"
    printed = await run_supplicant(tmp_path, sim, server, identity=identity, methods=methods, again=2)
    assert printed.endswith("SUCCESS"), printed
    assert server.ends == ["full", "fast", "fast"]
    assert server.came_by == [identity, f"{again}name1{REALM}", f"{again}name2{REALM}"]
    assert sim.sqn == server.sqn


async def test_wpa_supplicant_that_has_counted_further_is_challenged(tmp_path: Path) -> None:
    """A server that lost count is told so, and the SIM answers a challenge instead (RFC 4187 5.1)."""
    server = Server(gives="again")

    def forgetful(octets: bytes) -> Reply:
        server.named = {name: replace(one, counter=0) for name, one in server.named.items() if isinstance(one, Known)}
        return server(octets)

    printed = await run_supplicant(
        tmp_path, Sim(KEYS), forgetful, identity=f"0{IMSI}{REALM}", methods="AKA", again=1
    )  # fmt: skip
    assert printed.endswith("SUCCESS"), printed
    assert (server.ends, server.came_by[1][:1]) == (["full", "full"], "4")


async def test_wpa_supplicant_comes_by_its_pseudonym(tmp_path: Path) -> None:
    """Under the realm that it came from, and its IMSI is not said again (RFC 4187 4.1.1)."""
    server = Server(gives="pseudonym")
    printed = await run_supplicant(
        tmp_path, Sim(KEYS), server, identity=f"6{IMSI}{REALM}", methods="AKA'", again=1
    )  # fmt: skip
    assert printed.endswith("SUCCESS"), printed
    assert (server.ends, server.came_by[1]) == (["full", "full"], f"7name1{REALM}")


@pytest.mark.parametrize("gives", ["pseudonym", "again", "pseudonym again"])
async def test_wpa_supplicant_is_asked_for_what_is_known(tmp_path: Path, gives: str) -> None:
    """A name that the server lost: first a pseudonym is asked for, and then the permanent identity (RFC 4187 4.1.6)."""
    server = Server(gives=gives)

    def lossy(octets: bytes) -> Reply:
        server.named.clear()
        return server(octets)

    printed = await run_supplicant(tmp_path, Sim(KEYS), lossy, identity=f"0{IMSI}{REALM}", methods="AKA", again=1)
    assert printed.endswith("SUCCESS"), printed
    assert server.ends == ["full", "full"]


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


NOBODYS = Fresh(bytes(16), bytes(16), Names())


def test_names_of_nobody_are_asked_for_the_permanent_identity() -> None:
    """The messages about it are covered by AT_CHECKCODE (RFC 4187 4.1.6, 10.13)."""
    unknown = begin(b"2pseudonym" + REALM.encode(), identifier=1, prime=True)
    assert isinstance(unknown, NameNeeded)
    asked = named(unknown.exchange, None, NOBODYS)
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
    again = receive(asked.exchange, nobody, prime=True)
    assert isinstance(again, NameNeeded)
    assert named(again.exchange, None, NOBODYS) == Failed("reject", rejected=False)


FAST = Known(IMSI, Type.AKA, b"e" * 16, b"a" * 16, b"r" * 20, 3)


def fast_answer(sent: Sent, *attributes: tuple[int, bytes], nonce: bytes = b"n" * 16) -> bytes:
    hidden = encrypted(FAST.k_encr, bytes(16), *attributes)
    packet = Packet(Code.RESPONSE, sent.exchange.identifier, Type.AKA, Subtype.REAUTHENTICATION, hidden)
    return encode_packet(packet, FAST.k_aut, covers=nonce)


def test_a_fast_answer_is_bound_to_its_request() -> None:
    """By the nonce under its MAC and by the counter; an answer of before, or without them, proves nobody (RFC 4187 5).

    The name under which the client came is spent with the proof, and the next counter is one higher.
    """
    called = begin(b"4name" + REALM.encode(), identifier=1, prime=True)
    assert isinstance(called, NameNeeded)
    sent = named(called.exchange, FAST, Fresh(bytes(16), b"n" * 16, Names("", "4next")))
    assert isinstance(sent, Sent)
    counter = (At.COUNTER, (3).to_bytes(2))
    proven = receive(sent.exchange, fast_answer(sent, counter), prime=True)
    assert isinstance(proven, Proven)
    assert (proven.imsi, proven.spent, proven.names, proven.known) == (
        IMSI, "4name", Names("", "4next"), replace(FAST, counter=4)
    )  # fmt: skip
    for wrong, end in (
        (fast_answer(sent, counter, nonce=b"m" * 16), "mac_failure"),
        (fast_answer(sent, (At.COUNTER, (2).to_bytes(2))), "reject"),
        (fast_answer(sent, (At.NONCE_S, bytes(18))), "reject"),
    ):
        assert receive(sent.exchange, wrong, prime=True) == Failed(end, rejected=True)  # type: ignore[arg-type]
    bare = Packet(Code.RESPONSE, 1, Type.AKA, Subtype.REAUTHENTICATION)
    with pytest.raises(DecodeError):
        receive(sent.exchange, encode_packet(bare, FAST.k_aut, covers=b"n" * 16), prime=True)
    too_small = receive(sent.exchange, fast_answer(sent, (At.COUNTER_TOO_SMALL, bytes(2)), counter), prime=True)
    assert isinstance(too_small, VectorNeeded)
    challenged = challenge(too_small.exchange, VECTOR, network="WLAN", prime=True)
    assert receive(challenged.exchange, fast_answer(challenged, counter), prime=True) == Failed(
        "reject", rejected=False
    )


def test_a_name_of_the_other_method_is_none() -> None:
    """Keys of AKA' are not used in AKA: the client is asked for a pseudonym (RFC 9048 3.3)."""
    called = begin(b"4name" + REALM.encode(), identifier=1, prime=True)
    assert isinstance(called, NameNeeded)
    asked = named(called.exchange, replace(FAST, type=Type.AKA_PRIME), NOBODYS)
    assert isinstance(asked, Sent)
    assert decode_packet(asked.packet).get(At.FULLAUTH_ID_REQ) is not None


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
