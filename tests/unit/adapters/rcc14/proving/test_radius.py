"""The relay to an AAA server: hostapd's, and servers that are down, lie or name somebody else."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from aka_peers import DEADLINE_SECONDS, SECRET, Centre, Sim, free_udp_port, hostapd
from pyrad.packet import AccessAccept, AccessChallenge, AccessReject, AuthPacket

from adapters.aka.keys import derive_keys
from adapters.aka.milenage import Milenage, Vector
from adapters.aka.packet import At, Code, Packet, Subtype, Type, checkcode, decode_packet, encode_packet, sized
from adapters.rcc14.proving.authenticator import Turn
from adapters.rcc14.proving.radius import RadiusAaa, Server
from adapters.simulator.soft_sim import SoftSim
from gateway.errors import DecodeError, Unavailable

NOW = datetime(2026, 1, 2, tzinfo=UTC)
IMSI = "001010000000001"
NAI = f"0{IMSI}@nai.epc.mnc001.mcc001.3gppnetwork.org"
K, OPC = bytes.fromhex("465b5ce8b199b49faa5f0a2ee238a6bc"), bytes.fromhex("cd63cb71954a9f4e48a5994e37a02baf")
KEYS = Milenage(K, OPC)
IDENTITY_REQUEST = encode_packet(Packet(Code.REQUEST, 9, Type.AKA, Subtype.IDENTITY, ((At.ANY_ID_REQ, bytes(2)),)))


MakeRelay = Callable[..., RadiusAaa]


@pytest.fixture
async def relay() -> AsyncIterator[MakeRelay]:
    """Makes relays to servers on ports of this host."""
    made = []

    def make(*ports: int, tries: int = 1, seconds: float = 0.2) -> RadiusAaa:
        servers = [Server("127.0.0.1", port, SECRET) for port in ports]
        made.append(RadiusAaa(servers, nas_identifier="mogate", tries=tries, seconds=seconds))
        return made[-1]

    yield make
    for aaa in made:
        await aaa.close()


def peer(packet: bytes, seen: bytes, sim: Sim, identity: str) -> bytes:
    """What a phone with that SIM answers to an EAP request; ``seen`` are the AKA-Identity messages before."""
    asked = decode_packet(packet)
    if asked.subtype == Subtype.IDENTITY:
        attributes: tuple[tuple[int, bytes], ...] = ((At.IDENTITY, sized(identity.encode())),)
        return encode_packet(Packet(Code.RESPONSE, asked.identifier, asked.type, Subtype.IDENTITY, attributes))
    if asked.subtype == Subtype.NOTIFICATION:
        return encode_packet(Packet(Code.RESPONSE, asked.identifier, asked.type, Subtype.NOTIFICATION))
    assert asked.subtype == Subtype.CHALLENGE
    assert asked.get(At.CHECKCODE) == checkcode(asked.type, seen)
    rand, autn = (asked.get(At.RAND) or b"")[2:], (asked.get(At.AUTN) or b"")[2:]
    kind, _, value = sim.run(rand, autn).partition(":")
    if kind == "UMTS-AUTS":
        attributes = ((At.AUTS, bytes.fromhex(value)),)
        return encode_packet(
            Packet(Code.RESPONSE, asked.identifier, asked.type, Subtype.SYNCHRONIZATION_FAILURE, attributes)
        )
    res, ck, ik, _ = sim.milenage.f2345(rand)
    network = (asked.get(At.KDF_INPUT) or bytes(2))[2:].rstrip(b"\x00")
    k_aut = derive_keys(asked.type, identity.encode(), Vector(rand, autn, res, ck, ik), network).k_aut
    attributes = ((At.RES, sized(res, 64)),)
    return encode_packet(Packet(Code.RESPONSE, asked.identifier, asked.type, Subtype.CHALLENGE, attributes), k_aut)


async def run(aaa: RadiusAaa, sim: Sim, identity: str) -> tuple[Turn, int]:
    """One whole authentication: how it ends, and after how many answers of the phone."""
    turn, seen, answers = await aaa.start(identity, NOW), b"", 0
    while turn.result == "continue":
        answer = peer(turn.packet, seen, sim, identity)
        if decode_packet(answer).subtype == Subtype.IDENTITY:
            seen += turn.packet + answer
        turn, answers = await aaa.resume(turn.state, answer, NOW), answers + 1
    return turn, answers


@pytest.mark.parametrize("prefix", ["0", "6"])
async def test_hostapd_authenticates_a_sim(relay: MakeRelay, tmp_path: Path, prefix: str) -> None:
    """By AKA and AKA'; accepted is the IMSI of the identity (RFC 3579)."""
    async with hostapd(tmp_path, Centre(IMSI, KEYS)) as port:
        turn, _ = await run(relay(port, seconds=DEADLINE_SECONDS), Sim(KEYS), prefix + NAI[1:])
        assert turn == Turn("accepted", imsi=IMSI)


@pytest.mark.parametrize("kind", [Type.AKA, Type.AKA_PRIME])
async def test_hostapd_knows_the_soft_sim_again(relay: MakeRelay, tmp_path: Path, kind: int) -> None:
    """The names that it gives, in secret, are those by which it authenticates fast afterwards (RFC 4187 5)."""
    sim = SoftSim(IMSI, K, OPC, {})
    async with hostapd(tmp_path, Centre(IMSI, KEYS)) as port:
        aaa, said = relay(port, seconds=DEADLINE_SECONDS), []
        for _ in range(3):
            turn = await aaa.start(sim.identity(kind), NOW)
            while turn.result == "continue":
                packet, what = sim.answer(turn.packet)
                said.append(what)
                turn = await aaa.resume(turn.state, packet, NOW)
            # Whose a name is hostapd does not say when it accepts it: then the gateway cannot go by it.
            assert turn.result in ("accepted", "failed")
    assert [one for one in said if one != "identity"] == [
        "the SIM's answer",
        "the keys of before",
        "the keys of before",
    ]


async def test_hostapd_resynchronises(relay: MakeRelay, tmp_path: Path) -> None:
    """The SIM's AUTS goes through to the centre behind the server."""
    centre, sim = Centre(IMSI, KEYS), Sim(KEYS, sqn=100_000)
    async with hostapd(tmp_path, centre) as port:
        turn, _ = await run(relay(port, seconds=DEADLINE_SECONDS), sim, NAI)
    assert turn == Turn("accepted", imsi=IMSI)
    assert sim.sqn == centre.sqn > 100_000


async def test_hostapd_rejects_whom_it_does_not_know(relay: MakeRelay, tmp_path: Path) -> None:
    """Another SIM's answers, and an IMSI that its centre has not."""
    async with hostapd(tmp_path, Centre(IMSI, KEYS)) as port:
        sim = Sim(Milenage(bytes(16), bytes(16)))
        sim.run = lambda rand, autn: "UMTS-AUTH:"  # type: ignore[method-assign]
        assert (await run(relay(port, seconds=DEADLINE_SECONDS), sim, NAI))[0].result == "rejected"
        assert (await run(relay(port, seconds=DEADLINE_SECONDS), Sim(KEYS), NAI.replace("0001", "0009")))[
            0
        ].result == "rejected"


Answering = Callable[[AuthPacket], "bytes | None"]


@contextlib.asynccontextmanager
async def serving(answer: Answering) -> AsyncIterator[int]:
    """A RADIUS server that answers each request so; its port."""

    class Protocol(asyncio.DatagramProtocol):
        def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
            self.transport = transport

        def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
            octets = answer(AuthPacket(packet=data, secret=SECRET, dict=None))
            if octets is not None:
                self.transport.sendto(octets, addr)

    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(Protocol, local_addr=("127.0.0.1", 0))
    try:
        yield transport.get_extra_info("sockname")[1]
    finally:
        transport.close()


def reply(request: AuthPacket, code: int, *, signed: bool = True, **values: list[bytes]) -> bytes:
    """A reply with that code; ``eap``, ``state`` and ``name`` are its attributes."""
    made = request.CreateReply()
    made.code = code
    for name, number in (("eap", 79), ("state", 24), ("name", 1)):
        if name in values:
            made[number] = values[name]
    made.message_authenticator = None
    if signed:
        made.add_message_authenticator()
    return bytes(made.ReplyPacket())


async def test_a_request_is_what_rfc_3579_asks_for(relay: MakeRelay) -> None:
    """User-Name and the identity response, long packets in pieces, State given back, Message-Authenticator on all."""
    seen: list[AuthPacket] = []

    def answer(request: AuthPacket) -> bytes:
        assert request.verify_message_authenticator()
        seen.append(request)
        return reply(request, AccessChallenge, eap=[IDENTITY_REQUEST], state=[b"st"])

    async with serving(answer) as port:
        aaa = relay(port)
        turn = await aaa.start(NAI, NOW)
        assert turn.packet == IDENTITY_REQUEST
        long = encode_packet(Packet(Code.RESPONSE, 9, Type.AKA, Subtype.CHALLENGE, ((200, bytes(598)),)))
        await aaa.resume(turn.state, long, NOW)
    first, second = seen
    assert (first[1], first[32]) == ([NAI.encode()], [b"mogate"])
    assert first[79] == [b"\x02\x00" + (5 + len(NAI)).to_bytes(2) + b"\x01" + NAI.encode()]
    assert (second[1], second[24], b"".join(second[79])) == ([NAI.encode()], [b"st"], long)
    assert [len(piece) for piece in second[79]] == [253, 253, len(long) - 506]
    assert first.authenticator != second.authenticator


async def test_a_server_that_is_down_is_passed_over(relay: MakeRelay) -> None:
    """The next one is asked, and asked first from then on; an exchange stays where it began."""

    def answer(request: AuthPacket) -> bytes:
        return reply(request, AccessChallenge, eap=[IDENTITY_REQUEST], state=[b"st"])

    async with serving(answer) as port:
        aaa = relay(free_udp_port(), port)
        turn = await aaa.start(NAI, NOW)
        assert turn.result == "continue"
    with pytest.raises(Unavailable):
        await aaa.resume(turn.state, peer(turn.packet, b"", Sim(KEYS), NAI), NOW)
    with pytest.raises(Unavailable, match="no AAA server"):
        await aaa.start(NAI, NOW)


async def test_a_lost_request_is_sent_again(relay: MakeRelay) -> None:
    """With the same octets, so that the server can tell (RFC 5080 2.2.1)."""
    seen: list[bytes] = []

    def answer(request: AuthPacket) -> bytes | None:
        seen.append(request.raw_packet)
        return reply(request, AccessReject) if len(seen) == 2 else None

    async with serving(answer) as port:
        aaa = relay(port, tries=3)
        assert (await aaa.start(NAI, NOW)).result == "rejected"
    assert seen[0] == seen[1]


@pytest.mark.parametrize("lie", ["unsigned", "wrong secret"])
async def test_a_reply_that_is_not_the_servers_is_none(relay: MakeRelay, lie: str) -> None:
    """One without a Message-Authenticator, or made with another secret, counts as no reply (RFC 3579 3.2)."""

    def answer(request: AuthPacket) -> bytes:
        if lie == "wrong secret":
            request.secret = b"guessed"
        return reply(request, AccessAccept, signed=lie != "unsigned", name=[NAI.encode()])

    async with serving(answer) as port:
        aaa = relay(port)
        with pytest.raises(Unavailable):
            await aaa.start(NAI, NOW)


@pytest.mark.parametrize(
    ("said", "named", "outcome"),
    [
        (NAI, None, Turn("accepted", imsi=IMSI)),
        ("0001010000000002", None, Turn("accepted", imsi="001010000000002")),
        ("2pseudonym", None, Turn("failed")),
        (NAI, "0001010000000002", Turn("accepted", imsi="001010000000002")),
        ("2pseudonym", NAI, Turn("accepted", imsi=IMSI)),
    ],
)
async def test_another_sims_identity(relay: MakeRelay, said: str, named: str | None, outcome: Turn) -> None:
    """Whom the server accepted is who it names, or else who the client said last that it is: not who it claimed to be
    in its first request."""

    def answer(request: AuthPacket) -> bytes:
        if request.get(24) is None:
            return reply(request, AccessChallenge, eap=[IDENTITY_REQUEST], state=[b"st"])
        return reply(request, AccessAccept, **({"name": [named.encode()]} if named else {}))

    async with serving(answer) as port:
        aaa = relay(port)
        turn = await aaa.start(NAI, NOW)
        assert await aaa.resume(turn.state, peer(turn.packet, b"", Sim(KEYS), said), NOW) == outcome


async def test_replies_without_a_packet_and_clients_without_sense(relay: MakeRelay) -> None:
    """A challenge must carry an EAP request; what the client posts must be a response."""

    async with serving(lambda request: reply(request, AccessChallenge, eap=[b"\x04\x01\x00\x04"])) as port:
        aaa = relay(port)
        with pytest.raises(Unavailable):
            await aaa.start(NAI, NOW)
        with pytest.raises(DecodeError):
            await aaa.start("", NOW)
