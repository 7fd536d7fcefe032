"""The gateway as authentication centre: vectors from sealed keys, and sequence numbers that nobody gets twice."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from adapters.aka.keys import derive_keys
from adapters.aka.milenage import Milenage, Vector
from adapters.aka.packet import At, Code, Packet, Subtype, Type, decode_packet, encode_packet, sized
from adapters.rcc14.proving.auc import EmbeddedAuc
from adapters.rcc14.proving.authenticator import Turn
from adapters.simulator.soft_sim import SoftSim
from gateway.errors import Conflict
from gateway.fleet.subscriber import Subscriber
from gateway.inventory import Inventory, SimKeys
from gateway.mo.catalogue import Catalogue
from gateway.sealing import Sealer
from gateway.settings import EapAka
from gateway.store.protocol import PutSubscriber
from gateway.store.sqlite import SqliteStore

CONFIG = Path(__file__).parents[5] / "config"
NOW = datetime(2026, 1, 2, tzinfo=UTC)
IMSI, KEYLESS = "001010000000001", "001010000000002"
K, OPC = bytes.fromhex("465b5ce8b199b49faa5f0a2ee238a6bc"), bytes.fromhex("cd63cb71954a9f4e48a5994e37a02baf")
CARD = Milenage(K, OPC)


class Lab:
    """The centre over a store with one SIM."""

    def __init__(self, store: SqliteStore) -> None:
        self.store = store
        self.sealer = Sealer(b"s" * 32)
        self.inventory = Inventory(store, Catalogue.load(CONFIG / "mo", identifiers={}), self.sealer, lambda: NOW)
        self.auc = EmbeddedAuc(store, self.sealer, EapAka(server="embedded"))

    async def sqn(self) -> int:
        household = await self.store.load_household("imsi", IMSI)
        assert household is not None
        return household.subscriber.sims[IMSI].sqn


@pytest.fixture
async def lab(tmp_path: Path) -> AsyncIterator[Lab]:
    store = SqliteStore.open(tmp_path / "store.sqlite")
    lab = Lab(store)
    await store.commit(PutSubscriber(Subscriber(id="ann", imsis=(IMSI, KEYLESS))))
    await lab.inventory.set_sim("ann", IMSI, SimKeys(K, OPC))
    yield lab
    await store.close()


def challenge_of(turn: Turn) -> tuple[bytes, bytes]:
    """RAND and AUTN of a challenge."""
    packet = decode_packet(turn.packet)
    return (packet.get(At.RAND) or b"")[2:], (packet.get(At.AUTN) or b"")[2:]


def answer(turn: Turn, identity: str) -> bytes:
    """What the SIM's phone answers."""
    rand, autn = challenge_of(turn)
    res, ck, ik, _ = CARD.f2345(rand)
    keys = derive_keys(turn.packet[4], identity.encode(), Vector(rand, autn, res, ck, ik), b"WLAN")
    packet = Packet(Code.RESPONSE, turn.packet[1], turn.packet[4], Subtype.CHALLENGE, ((At.RES, sized(res, 64)),))
    return encode_packet(packet, keys.k_aut)


@pytest.mark.parametrize("prefix", ["0", "6"])
async def test_a_sim_with_keys_here_proves_itself(lab: Lab, prefix: str) -> None:
    """Its answer to the challenge is accepted for its IMSI."""
    identity = f"{prefix}{IMSI}@nai.epc.mnc001.mcc001.3gppnetwork.org"
    turn = await lab.auc.start(identity, NOW)
    assert CARD.challenge_sqn(*challenge_of(turn)) == await lab.sqn()
    accepted = await lab.auc.resume(turn.state, answer(turn, identity), NOW)
    assert (accepted.result, accepted.imsi) == ("accepted", IMSI)


async def meet(lab: Lab, sim: SoftSim, kind: int = Type.AKA, *, now: datetime = NOW) -> list[str]:
    """One authentication of that SIM, and what it answered on the way."""
    turn, said = await lab.auc.start(sim.identity(kind), now), []
    while turn.result == "continue":
        packet, what = sim.answer(turn.packet)
        said.append(what)
        turn = await lab.auc.resume(turn.state, packet, now)
    assert (turn.result, turn.imsi) == ("accepted", IMSI)
    await lab.store.commit(*turn.writes)
    return said


FULL, FAST = "the SIM's answer", "the keys of before"


@pytest.mark.parametrize("kind", [Type.AKA, Type.AKA_PRIME])
async def test_a_client_comes_by_the_names_it_was_given(lab: Lab, kind: int) -> None:
    """Fast without a new challenge, as often as is allowed, and then by the SIM again; each name is good once.

    Spec: RFC 4187 4.1, 5
    """
    lab.auc = EmbeddedAuc(lab.store, lab.sealer, EapAka(server="embedded", reauthentications=2))
    memory: dict[str, Any] = {}
    sim = SoftSim(IMSI, K, OPC, memory)
    assert await meet(lab, sim, kind) == [FULL]
    sqn, first = await lab.sqn(), sim.identity(kind)
    assert IMSI not in first
    assert [await meet(lab, sim, kind) for _ in range(3)] == [[FAST], [FAST], [FULL]]
    assert await lab.sqn() > sqn
    stale = SoftSim(IMSI, K, OPC, memory | {"again": memory["again"] | {"name": first}})
    stale.identity(kind)
    assert (await lab.auc.start(first, NOW)).packet[5] == Subtype.IDENTITY


async def test_two_cannot_come_by_one_name(lab: Lab) -> None:
    """Whoever is second finds the name spent, though both were asked (single use)."""
    memory: dict[str, Any] = {}
    assert await meet(lab, SoftSim(IMSI, K, OPC, memory)) == [FULL]
    sims = [SoftSim(IMSI, K, OPC, copy.deepcopy(memory)) for _ in range(2)]
    turns = [await lab.auc.start(sim.identity(), NOW) for sim in sims]
    ends = [
        await lab.auc.resume(turn.state, sim.answer(turn.packet)[0], NOW) for turn, sim in zip(turns, sims, strict=True)
    ]
    await lab.store.commit(*ends[0].writes)
    with pytest.raises(Conflict):
        await lab.store.commit(*ends[1].writes)


async def test_names_end_and_are_sealed(lab: Lab, tmp_path: Path) -> None:
    """After their time the client is asked for another identity, and proves its SIM; the store shows no key and no IMSI
    for them."""
    memory: dict[str, Any] = {}
    sim = SoftSim(IMSI, K, OPC, memory)
    await meet(lab, sim)
    for owned in ("again", "pseudonym"):
        name = memory[owned]["name"].partition("@")[0]
        kept = await lab.store.load_ephemeral(f"rcc14-eap-name:{name}", NOW)
        assert kept is not None
        assert IMSI.encode() not in kept
        assert bytes.fromhex(memory["again"]["k_aut"]) not in kept
    later = NOW + timedelta(days=8)
    assert await meet(lab, sim, now=later) == ["identity", "identity", FULL]


async def test_names_end_with_the_keys_they_come_from(lab: Lab) -> None:
    """A SIM that gets other keys, or none, is challenged: nobody comes in by what was proven before."""
    sim = SoftSim(IMSI, K, OPC, {})
    await meet(lab, sim)
    await lab.inventory.set_sim("ann", IMSI, SimKeys(K, OPC), sqn=await lab.sqn())
    assert await meet(lab, sim) == [FULL]
    await lab.inventory.set_sim("ann", IMSI, None)
    turn = await lab.auc.start(sim.identity(), NOW)
    assert sim.answer(turn.packet)[1] == "the network does not know this SIM"


async def test_names_are_a_setting(lab: Lab) -> None:
    """Without them every client proves its SIM by its permanent identity, also one that was given names before."""
    sim = SoftSim(IMSI, K, OPC, {})
    await meet(lab, sim)
    lab.auc = EmbeddedAuc(lab.store, lab.sealer, EapAka(server="embedded", names_seconds=0))
    assert await meet(lab, sim) == ["identity", "identity", FULL]
    assert sim.identity() == f"0{IMSI}@nai.epc.mnc001.mcc001.3gppnetwork.org"
    lab.auc = EmbeddedAuc(lab.store, lab.sealer, EapAka(server="embedded", reauthentications=0))
    assert [await meet(lab, sim) for _ in range(2)] == [[FULL], [FULL]]
    assert sim.identity().startswith("2")


async def test_each_challenge_has_a_sequence_number_of_its_own(lab: Lab) -> None:
    """Also when several are made at once; the number on record is the highest (TS 33.102 annex C)."""
    turns = await asyncio.gather(*(lab.auc.start(f"0{IMSI}", NOW) for _ in range(4)))
    numbers = [CARD.challenge_sqn(*challenge_of(turn)) for turn in turns]
    assert len(set(numbers)) == 4
    assert max(number or 0 for number in numbers) == await lab.sqn()


async def test_a_resynchronisation_moves_the_number_on_record(lab: Lab) -> None:
    """To what the SIM says, if it was the SIM that said it; else the exchange ends and nothing moves."""
    turn = await lab.auc.start(f"0{IMSI}", NOW)
    rand, _ = challenge_of(turn)
    auts = CARD.auts(rand, 0x7FFF00)
    packet = Packet(Code.RESPONSE, turn.packet[1], Type.AKA, Subtype.SYNCHRONIZATION_FAILURE, ((At.AUTS, auts),))
    again = await lab.auc.resume(turn.state, encode_packet(packet), NOW)
    assert again.result == "continue"
    assert CARD.challenge_sqn(*challenge_of(again)) == await lab.sqn() == 0x7FFF00 + 0x21
    forged = packet._replace(attributes=((At.AUTS, bytes(14)),))
    assert (await lab.auc.resume(turn.state, encode_packet(forged), NOW)).result == "failed"
    assert await lab.sqn() == 0x7FFF00 + 0x21


async def test_sim_probing(lab: Lab) -> None:
    """Who is unknown or has no keys here is challenged too, by what no SIM takes for its network's; and no answer to
    that is right."""
    for imsi in (KEYLESS, "001010000000099"):
        turn = await lab.auc.start(f"0{imsi}", NOW)
        rand, autn = challenge_of(turn)
        assert (len(rand), len(autn), autn[6:8]) == (16, 16, b"\x80\x00")
        assert CARD.challenge_sqn(rand, autn) is None
        assert (await lab.auc.resume(turn.state, answer(turn, f"0{imsi}"), NOW)).result == "rejected"


async def test_keys_are_sealed_on_the_record(lab: Lab) -> None:
    """Neither K nor OPc is there in clear, and forgetting them is possible."""
    household = await lab.store.load_household("imsi", IMSI)
    assert household is not None
    sealed = household.subscriber.sims[IMSI].keys
    assert K not in sealed
    assert OPC not in sealed
    await lab.inventory.set_sim("ann", IMSI, None)
    household = await lab.store.load_household("imsi", IMSI)
    assert household is not None
    assert household.subscriber.sims == {}
