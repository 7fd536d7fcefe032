"""Sets of nodes are kept by name."""

from __future__ import annotations

import pytest

from gateway.archive import KINDS
from gateway.errors import NotFound, TooMany
from gateway.node_sets import KIND, MAX_SETS, NodeSet, NodeSets
from gateway.store.sqlite import SqliteStore


async def test_a_set_is_replaced_by_its_name_and_forgotten(store: SqliteStore) -> None:
    """By name; what is not there is said so, and no more than a certain number are kept. An export has them."""
    sets = NodeSets(store)
    for number in range(MAX_SETS):
        await sets.put(NodeSet(f"n{number:03}", ("./DevInfo",)))
    await sets.put(NodeSet("n001", ("./DevDetail/SwV", "./DevInfo/Man")))
    assert (await sets.list())[1] == NodeSet("n001", ("./DevDetail/SwV", "./DevInfo/Man"))
    with pytest.raises(TooMany):
        await sets.put(NodeSet("one more", ("./DevInfo",)))
    await sets.delete("n001")
    with pytest.raises(NotFound, match="n001"):
        await sets.find("n001")
    await sets.put(NodeSet("one more", ("./DevInfo",)))
    assert KIND in KINDS
