"""Operations are taken back by what the device had."""

from __future__ import annotations

from datetime import UTC, datetime

from msgspec.structs import replace

from gateway.fleet.mirror import Fact, Mirror
from gateway.fleet.operation import Operation, Prompt
from gateway.fleet.reversal import MAX_RESTORED, can_be_reversed, reversals, taken_back, without_way_back

NOW = datetime(2026, 3, 1, tzinfo=UTC)
TREE = Mirror(
    device_id="d",
    facts={
        "./A": Fact(format="node", type="urn:x", read_at=NOW),
        "./A/One": Fact(format="int", read="1", read_at=NOW),
        "./A/Deep": Fact(format="node", read_at=NOW),
        "./A/Deep/Two": Fact(type="text/plain", acknowledged="2", acknowledged_at=NOW),
        "./A/Gone": Fact(removed=True),
        "./B": Fact(format="node", read_at=NOW),
        "./B/Seen": Fact(read_at=NOW),
    },
    complete=("./A",),
)


def asked(verb: str, uri: str, **more: object) -> Operation:
    return Operation(id="o", verb=verb, uri=uri, **more)  # type: ignore[arg-type]


def back(*operations: Operation) -> list[tuple[str, str, str | None]]:
    steps = [step for one in reversals(operations, TREE) for step in one.operations]
    return [(step.verb, step.uri, step.value) for step in steps]


def test_each_command_has_its_way_back() -> None:
    """A node gets its value again, what was added or copied to goes, and a Get leaves nothing behind."""
    assert back(asked("Replace", "A/One", value="5")) == [("Replace", "./A/One", "1")]
    assert back(asked("Add", "./A/New", value="5")) == [("Delete", "./A/New", None)]
    assert back(asked("Copy", "./A/Gone", source="./A/One")) == [("Delete", "./A/Gone", None)]
    assert back(asked("Copy", "./A/One", source="./A/Deep/Two")) == [("Replace", "./A/One", "1")]
    assert back(asked("Get", "./A/One")) == []
    assert reversals([asked("Replace", "./A/Deep/Two", value="x")], TREE)[0].operations[0].type == "text/plain"


def test_a_deleted_subtree_comes_back_from_its_top() -> None:
    """Each node with its format and type, as far as it was there."""
    assert back(asked("Delete", "./A")) == [
        ("Add", "./A", None), ("Add", "./A/One", "1"), ("Add", "./A/Deep", None), ("Add", "./A/Deep/Two", "2"),
    ]  # fmt: skip


def test_what_nobody_knows_is_named() -> None:
    """A value or subtree that nobody read, one that is too large, and what is no node of the tree."""
    unread = "nobody has read what was there"
    large = Mirror(
        device_id="d",
        facts={"./L": Fact(format="node", read_at=NOW)}
        | {f"./L/{n}": Fact(read="x", read_at=NOW) for n in range(MAX_RESTORED)},
        complete=("./L",),
    )
    for operation, tree, lost in (
        (asked("Replace", "./A/Never"), TREE, f"Replace ./A/Never ({unread})"),
        (asked("Replace", "./B/Seen"), TREE, f"Replace ./B/Seen ({unread})"),
        (asked("Delete", "./B"), TREE, f"Delete ./B ({unread})"),
        (asked("Delete", "./L"), large, f"Delete ./L (it has more than {MAX_RESTORED} nodes)"),
        (asked("Add", "./A//x"), TREE, "Add ./A//x (no node of the tree)"),
        (asked("Exec", "./A/Go"), TREE, "Exec ./A/Go"),
        (asked("Alert", "", prompt=Prompt(kind="confirm", text="Really?")), TREE, "Alert 'Really?'"),
    ):
        (found,) = reversals([operation], tree)
        assert (found.operations, found.lost) == ((), lost)


def test_only_what_was_done_is_taken_back_and_the_last_first() -> None:
    """Of a group each step, of a subtree that is added in one command its root; what was sent without an answer too."""
    one, two = asked("Replace", "./A/One", value="5"), asked("Add", "./A/New", value="5")
    go = asked("Exec", "./A/Go")
    group = Operation(id="g", verb="Atomic", members=(one, two, go))
    tree = Operation(id="t", verb="Add", members=(asked("Add", "./C"), asked("Add", "./C/X")), tnds="wbxml")
    known = reversals([group, tree], TREE)
    assert len(known) == 4

    def tried(*statuses: int | None, attempts: int = 1) -> list[Operation]:
        members = tuple(
            replace(step, status=status, attempts=attempts)
            for step, status in zip(group.members, statuses, strict=False)
        )
        return [replace(group, members=members), replace(tree, status=statuses[3], attempts=attempts)]

    def uris(*tries: list[Operation]) -> tuple[list[str], list[str]]:
        operations, lost = taken_back(known, tries)
        return [f"{step.verb} {step.uri}" for step in operations], lost

    everything = ["Delete ./C", "Delete ./A/New", "Replace ./A/One"]
    assert uris(tried(200, 200, 200, 200)) == (everything, ["Exec ./A/Go"])
    assert uris(tried(200, 405, 405, 418)) == (everything[2:], [])
    assert uris(tried(405, 405, 405, 405), tried(405, 200, 405, 405)) == (everything[1:2], [])
    assert uris(tried(None, None, None, None)) == (everything, ["Exec ./A/Go"])
    assert uris(tried(None, None, None, None, attempts=0)) == ([], [])


def test_what_can_never_be_taken_back_is_known_before() -> None:
    """By its verb, within groups too."""
    go, look = asked("Exec", "./A/Go"), asked("Get", "./A")
    assert without_way_back([Operation(id="g", verb="Sequence", members=(look, go))]) == ["Exec ./A/Go"]
    assert not can_be_reversed([go, look])
    assert can_be_reversed([Operation(id="g", verb="Sequence", members=(go, asked("Delete", "./A")))])
