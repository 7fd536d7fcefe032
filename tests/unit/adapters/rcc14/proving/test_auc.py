"""The gateway as authentication centre: vectors from sealed keys, and sequence numbers that nobody gets twice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from adapters.aka.keys import derive_keys
from adapters.aka.milenage import Milenage, Vector
from adapters.aka.packet import At, Code, Packet, Subtype, Type, decode_packet, encode_packet, sized
from adapters.rcc14.proving.auc import EmbeddedAuc
from adapters.rcc14.proving.authenticator import Turn
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
    assert await lab.auc.resume(turn.state, answer(turn, identity), NOW) == Turn("accepted", imsi=IMSI)


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
