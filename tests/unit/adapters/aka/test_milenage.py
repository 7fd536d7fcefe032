"""Milenage against the test sets of 3GPP TS 35.208, and the two ends of an authentication against each other."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from adapters.aka.milenage import Milenage, make_opc, next_sqn

VECTORS = Path(__file__).parents[3] / "vectors" / "milenage" / "sets.json"
SETS = [{name: bytes.fromhex(text) for name, text in one.items()} for one in json.loads(VECTORS.read_text())]
FIRST = SETS[0]
RAND = FIRST["rand"]


@pytest.mark.parametrize("one", SETS, ids=[f"set-{n}" for n in range(1, 7)])
def test_the_functions_give_the_values_of_the_specification(one: dict[str, bytes]) -> None:
    """f1, f1*, f2, f3, f4, f5, f5* and OPc of each set (TS 35.208 4.3)."""
    milenage = Milenage(one["k"], one["opc"])
    assert make_opc(one["k"], one["op"]) == one["opc"]
    assert milenage.f1(one["rand"], one["sqn"], one["amf"]) == (one["f1"], one["f1_star"])
    assert milenage.f2345(one["rand"]) == (one["f2"], one["f3"], one["f4"], one["f5"])
    assert milenage.f5_star(one["rand"]) == one["f5_star"]


def test_a_vector_is_put_together_from_them() -> None:
    """AUTN is SQN hidden by AK, AMF and MAC-A (TS 33.102 6.3.2); the SIM reads the sequence number out of it."""
    milenage = Milenage(FIRST["k"], FIRST["opc"])
    vector = milenage.vector(RAND, int.from_bytes(FIRST["sqn"]), FIRST["amf"])
    assert vector.autn == bytes.fromhex("55f328b43577b9b9") + FIRST["f1"]
    assert (vector.xres, vector.ck, vector.ik) == (FIRST["f2"], FIRST["f3"], FIRST["f4"])
    assert milenage.challenge_sqn(RAND, vector.autn) == int.from_bytes(FIRST["sqn"])
    assert Milenage(bytes(16), FIRST["opc"]).challenge_sqn(RAND, vector.autn) is None


def test_auts_tells_the_sims_own_number() -> None:
    """To the centre with its keys, and to nobody else; a bit that changed on the way is noticed (TS 33.102 6.3.3)."""
    milenage = Milenage(FIRST["k"], FIRST["opc"])
    auts = milenage.auts(RAND, 0xABCDEF012345)
    assert milenage.sqn_of(RAND, auts) == 0xABCDEF012345
    assert milenage.sqn_of(RAND, auts[:-1] + bytes([auts[-1] ^ 1])) is None
    assert Milenage(bytes(16), FIRST["opc"]).sqn_of(RAND, auts) is None


@pytest.mark.parametrize(
    ("sqn", "following"), [(0, 0x21), (0x21, 0x42), (0x1F, 0x20), (0x3F, 0x40), (2**48 - 1, 0), (2**48 - 32, 1)]
)
def test_sequence_numbers_step_with_their_index(sqn: int, following: int) -> None:
    """SEQ grows by one and IND goes round through its 32 values (TS 33.102 C.1.2, C.3.2)."""
    assert next_sqn(sqn) == following
