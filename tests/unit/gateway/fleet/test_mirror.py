from datetime import UTC, datetime, timedelta

import pytest

from gateway.fleet.mirror import Fact, Mirror, Read
from gateway.fleet.operation import Operation
from gateway.tree.uri import Uri

T0 = datetime(2026, 1, 1, tzinfo=UTC)
T1, T2 = T0 + timedelta(minutes=1), T0 + timedelta(minutes=2)
EMPTY = Mirror(device_id="s.1")


def operation(verb: str, uri: str, value: str | None = None, **rest: str) -> Operation:
    return Operation(id=f"{verb} {uri}", verb=verb, uri=uri, value=value, **rest)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("fact", "effective", "exists"),
    [
        (Fact(), None, False),
        (Fact(sent="a", sent_at=T0), None, False),
        (Fact(acknowledged="a", acknowledged_at=T0), "a", True),
        (Fact(read="b", read_at=T0), "b", True),
        (Fact(acknowledged="a", acknowledged_at=T1, read="b", read_at=T0), "a", True),
        (Fact(acknowledged="a", acknowledged_at=T0, read="b", read_at=T1), "b", True),
        (Fact(acknowledged="a", acknowledged_at=T0, read="b", read_at=T0), "b", True),
        (Fact(acknowledged="a", acknowledged_at=T0, read=None, read_at=T0), "a", True),
        (Fact(acknowledged="a", acknowledged_at=T0, sent="c", sent_at=T1, verb="Replace", status=405), "a", True),
        (Fact(read=None, read_at=T0, verb="Add", sent="a", status=418), None, True),
        (Fact(acknowledged="a", acknowledged_at=T0, removed=True), None, False),
    ],
)
def test_what_a_node_is_believed_to_hold(fact: Fact, effective: str | None, exists: bool) -> None:
    """The newer of what was accepted and what was read, read winning a tie; a refused value never counts."""
    assert (fact.effective, fact.exists) == (effective, exists)


def test_sent_acknowledged_and_read_are_kept_apart() -> None:
    """A write changes what is believed only when the device accepts it."""
    first, second = operation("Add", "./A", "1"), operation("Replace", "A", "2")
    mirror = EMPTY.sent([first], T0)
    assert not mirror.facts["./A"].exists
    mirror = mirror.acknowledged([(first, 200)], T0).sent([second], T1)
    assert (mirror.facts["./A"].sent, mirror.facts["./A"].status, mirror.facts["./A"].effective) == ("2", None, "1")
    refused = mirror.acknowledged([(second, 425)], T2).facts["./A"]
    assert (refused.sent, refused.sent_at, refused.status, refused.refused) == ("2", T1, 425, True)
    assert refused.effective == "1"
    accepted = mirror.acknowledged([(second, 200)], T2).read([Read("./A", value="3")], T2, "results").facts["./A"]
    assert (accepted.sent, accepted.acknowledged, accepted.read, accepted.source) == ("2", "2", "3", "results")
    assert list(EMPTY.facts) == []


@pytest.mark.parametrize(
    ("verb", "status", "before", "after"),
    [
        # Corrections of the picture are no refusals: the next step follows from what was learnt.
        ("Add", 418, Fact(), (True, None, False)),
        ("Add", 418, Fact(read="old", read_at=T0), (True, "old", False)),
        ("Replace", 404, Fact(read="old", read_at=T0), (False, None, False)),
        ("Delete", 404, Fact(read="old", read_at=T0), (False, None, False)),
        # But a node that is said both to exist and not to exist is left alone.
        ("Replace", 404, Fact(read_at=T0, verb="Add", status=418), (True, None, True)),
        ("Add", 404, Fact(removed=True), (False, None, True)),
        ("Add", 405, Fact(), (False, None, True)),
        ("Replace", 215, Fact(read="old", read_at=T0), (True, "old", True)),
        ("Delete", 405, Fact(read="old", read_at=T0), (True, "old", True)),
        ("Delete", 200, Fact(read="old", read_at=T0), (False, None, False)),
        ("Get", 404, Fact(read="old", read_at=T0), (False, None, False)),
        ("Get", 500, Fact(read="old", read_at=T0), (True, "old", False)),
        ("Exec", 200, Fact(read="old", read_at=T0), (True, "old", False)),
        ("Add", 200, Fact(removed=True), (True, "new", False)),
    ],
)
def test_what_an_answer_teaches(verb: str, status: int, before: Fact, after: tuple[bool, str | None, bool]) -> None:
    """Each status moves exists, effective and refused as the command's meaning says (RepPro 10)."""
    value = "new" if verb in ("Add", "Replace") else None
    mirror = Mirror(device_id="s.1", facts={"./A": before}).acknowledged([(operation(verb, "./A", value), status)], T1)
    fact = mirror.facts["./A"]
    assert (fact.exists, fact.effective, fact.refused) == after


def test_delete_and_absence_reach_the_whole_subtree() -> None:
    """What is gone keeps no value, and neighbours with a similar name are not touched."""
    mirror = EMPTY.read([Read("./A", "node"), Read("./A/B", value="1"), Read("./AB", value="2")], T0)
    for verb, status in (("Delete", 200), ("Get", 404)):
        gone = mirror.acknowledged([(operation(verb, "./A"), status)], T1)
        assert {uri: fact.exists for uri, fact in gone.facts.items()} == {"./A": False, "./A/B": False, "./AB": True}
        assert gone.facts["./A/B"].removed
        assert (gone.facts["./A/B"].read, gone.facts["./A/B"].sent) == (None, None)


def test_delete_and_add_in_one_package_leave_the_new_value() -> None:
    """Answers of one message share a time; their order decides."""
    mirror = EMPTY.read([Read("./A", value="old")], T0)
    answers = [(operation("Delete", "./A"), 200), (operation("Add", "./A", "new"), 200)]
    assert mirror.acknowledged(answers, T1).facts["./A"].effective == "new"


def test_a_complete_reading_removes_what_it_does_not_name() -> None:
    """A whole subtree was read: every other node there is absent, and the subtree is known in full."""
    mirror = EMPTY.read([Read("./A/old", value="1"), Read("./B", value="2")], T0)
    mirror = mirror.read([Read("A/new/leaf", "int", value="3")], T1, "results", complete_root=Uri(("A",)))
    assert mirror.complete == ("./A",)
    assert set(mirror.facts) == {"./A/old", "./A/new/leaf", "./B"}
    assert {uri for uri, fact in mirror.facts.items() if fact.removed} == {"./A/old"}
    assert mirror.facts["./A/new/leaf"] == Fact(format="int", read="3", read_at=T1, source="results")
    nothing = mirror.read([], T2, complete_root=Uri(("A",)))
    assert nothing.facts["./A"].removed
    assert not nothing.facts["./A/new/leaf"].exists
    assert nothing.facts["./B"].exists


def test_a_refusal_is_remembered_when_the_node_is_found_absent() -> None:
    """Else a refused Add would be sent again after each reading."""
    mirror = EMPTY.acknowledged([(operation("Add", "./A/B", "x"), 405)], T0)
    fact = mirror.read([], T1, complete_root=Uri(("A",))).facts["./A/B"]
    assert (fact.removed, fact.refused, fact.sent) == (True, True, "x")


def test_copy_gives_the_target_the_sources_value() -> None:
    """An accepted Copy makes a second node with the value believed of the first."""
    mirror = EMPTY.read([Read("./A", "int", value="7")], T0)
    mirror = mirror.acknowledged([(operation("Copy", "./B", source="./A"), 200)], T1)
    assert (mirror.facts["./B"].effective, mirror.facts["./B"].format) == ("7", "int")


def test_a_renamed_node_is_known_under_its_new_name() -> None:
    """What is believed of it, and of all below, goes along; a rename that was refused moves nothing.

    Spec: OMA-TS-DM_TND-V1_2 7.7 (Name)
    """
    before = EMPTY.read([Read("./A", "node"), Read("./A/B", "chr", value="1"), Read("./AB", "chr", value="2")], T0)
    rename = operation("Replace", "./A?prop=Name", "C")
    after = before.acknowledged([(rename, 200)], T1).facts
    assert {uri: fact.effective for uri, fact in after.items() if fact.exists} == {
        "./C": None, "./C/B": "1", "./AB": "2",
    }  # fmt: skip
    assert before.acknowledged([(rename, 418)], T1).facts == before.facts
    assert before.acknowledged([(operation("Replace", "./X?prop=Name", "Y"), 200)], T1).facts == before.facts


@pytest.mark.parametrize("uri", ["./A?prop=ACL", "./A//B", "./" + "x/" * 200 + "y", "./A?sort=1"])
def test_what_is_not_a_node_leaves_no_fact(uri: str) -> None:
    """Properties and impossible URIs are not nodes, whatever is said of them."""
    replaced = operation("Replace", uri, "x")
    mirror = EMPTY.sent([replaced], T0).acknowledged([(replaced, 200)], T0).read([Read(uri, value="x")], T0)
    assert mirror.facts == {}


@pytest.mark.parametrize(
    ("facts", "complete", "known"),
    [
        ({}, (), False),
        ({}, ("./A",), True),
        ({"./AB": Fact(read="x", read_at=T0)}, (), False),
        ({"./A/B": Fact(read="x", read_at=T0)}, (), True),
        ({"./A": Fact(removed=True)}, (), True),
        ({"./A": Fact(verb="Get", status=500)}, (), True),
        ({"./A/B": Fact(verb="Add", sent="x", sent_at=T0)}, (), False),
    ],
)
def test_a_root_is_known_once_the_device_answered(
    facts: dict[str, Fact], complete: tuple[str, ...], known: bool
) -> None:
    """What was only sent says nothing about the device; any answer at or under the root does."""
    assert Mirror(device_id="s.1", facts=facts, complete=complete).knows(Uri(("A",))) is known


def test_another_acl_lets_what_was_not_permitted_be_tried_again() -> None:
    """After the device took another ACL for a node, 425 at and below it counts no more; other refusals do.

    Spec: OMA-TS-DM_TND-V1_2 7.7.1
    """
    write, other = operation("Replace", "./A/B", "1"), operation("Replace", "./A/C", "1")
    mirror = EMPTY.acknowledged([(write, 425), (other, 405), (operation("Replace", "./AB", "1"), 425)], T0)
    list_ = operation("Replace", "./A?prop=ACL", "Replace=*")
    permitted = mirror.acknowledged([(list_, 200)], T1)
    assert [permitted.facts[uri].refused for uri in ("./A/B", "./A/C", "./AB")] == [False, True, True]
    assert mirror.acknowledged([(list_, 425)], T1) == mirror
    assert mirror.acknowledged([(operation("Replace", "./A?prop=Title", "x"), 200)], T1) == mirror
