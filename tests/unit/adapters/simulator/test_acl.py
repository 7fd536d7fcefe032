"""What the ACLs of a simulated phone let its server do."""

from __future__ import annotations

import pytest

from adapters.simulator.acl import Acls
from adapters.simulator.objects import Tree

TREE: Tree = {
    "./A": ["node", None], "./A/B": ["node", None], "./A/B/C": ["chr", "1"], "./A/D": ["chr", "2"], "./E": ["chr", "3"],
}  # fmt: skip


def acls(**own: str) -> Acls:
    return Acls({uri.replace("_", "/").replace("root", "."): acl for uri, acl in own.items()}, dict(TREE), "mogate")


def test_a_list_holds_for_all_below_until_the_next() -> None:
    """A node without a list has that of the nearest node above it; two are never put together.

    Spec: OMA-TS-DM_TND-V1_2 7.7.1
    """
    lists = acls(root_A="Get=*&Replace=mogate+other", root_A_B="Replace=other&Delete=mogate")
    rights = {
        uri: [verb for verb in ("Add", "Get", "Replace", "Delete", "Exec") if lists.allows(verb, uri)]
        for uri in ("./E", "./A/D", "./A/B", "./A/B/C")
    }
    assert rights == {
        "./E": ["Add", "Get", "Replace", "Delete", "Exec"],
        "./A/D": ["Get", "Replace"],
        "./A/B": ["Delete"],
        "./A/B/C": ["Delete"],
    }


@pytest.mark.parametrize(
    ("own", "uri", "status"),
    [
        ({}, "./A/D", 200),
        ({"root_A": "Get=*&Replace=other"}, "./A/D", 425),
        ({"root_A": "Replace=mogate", "root_A_D": "Get=*"}, "./A/D", 200),
        ({"root_A": "Get=*", "root_A_D": "Replace=mogate"}, "./A/D", 425),
        ({"root_A": "Get=*", "root_A_B": "Replace=mogate"}, "./A/B", 200),
        ({"root_A": "Replace=mogate", "root_A_B": "Get=*"}, "./A/B", 200),
        ({}, "./A/X", 404),
    ],
)
def test_who_may_write_a_list(own: dict[str, str], uri: str, status: int) -> None:
    """A leaf's list is a matter of the node above, an interior node's of that or of its own.

    Spec: OMA-TS-DM_TND-V1_2 7.7.1.2
    """
    lists = acls(**own)
    assert lists.write(uri, "Get=mogate") == status
    assert (lists.read(uri) == "Get=mogate") is (status == 200)


def test_what_is_no_list_is_refused() -> None:
    """A list names commands that have rights, each with somebody; an empty one makes the node inherit again."""
    lists = acls()
    assert {lists.write("./A", text) for text in ("Get", "Get=", "Copy=*", "Get=*&")} == {415}
    assert (lists.write("./A", "Get=*"), lists.write("./A", ""), lists.read("./A")) == (200, 200, "")


def test_a_new_node_is_its_makers() -> None:
    """Who may add but not write above may write what it added; what is gone has no list."""
    lists = acls(root="Add=*&Get=*")
    lists.added("./A/B")
    assert lists.read("./A/B") == "Add=mogate&Delete=mogate&Replace=mogate"
    lists.own["./gone"] = "Get=*"
    lists.deleted()
    assert set(lists.own) == {".", "./A/B"}
