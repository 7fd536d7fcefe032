"""Operations as commands."""

from __future__ import annotations

import pytest

from adapters.omadm.commands import command_for, numbered, size
from adapters.omadm.messages import Alert, Command, Group, Item, Meta
from gateway.fleet.operation import Operation, Prompt


@pytest.mark.parametrize(
    ("about", "item"),
    [
        ({"verb": "Get"}, Item("./A")),
        ({"verb": "Delete", "format": "chr", "value": "x"}, Item("./A")),
        ({"verb": "Copy", "source": "./B"}, Item("./A", source="./B")),
        ({"verb": "Exec"}, Item("./A")),
        ({"verb": "Exec", "value": "now"}, Item("./A", data="now")),
        ({"verb": "Add", "format": "node", "type": "urn:x"}, Item("./A", meta=Meta("node", "urn:x"))),
        ({"verb": "Add", "format": "null"}, Item("./A", meta=Meta("null"))),
        ({"verb": "Add", "format": "chr"}, Item("./A", meta=Meta("chr"), data="")),
        ({"verb": "Replace", "format": "int", "value": "7"}, Item("./A", meta=Meta("int"), data="7")),
        ({"verb": "Replace", "format": "bin", "value": "AAE="}, Item("./A", meta=Meta("bin"), data=b"\0\1")),
        ({"verb": "Replace", "value": "Get=*"}, Item("./A", data="Get=*")),
    ],
)
def test_an_operation_becomes_one_command(about: dict[str, str], item: Item) -> None:
    """Get and Delete name a Target alone; a leaf has Data even when empty, an interior node none.

    OMA-TS-DM_RepPro-V1_2 (Item)
    """
    operation = Operation(id="o", uri="./A", **about)  # type: ignore[arg-type]
    correlator = "o" if operation.verb == "Exec" else ""
    assert command_for(operation, 7) == Command(operation.verb, "7", (item,), correlator=correlator)


ADD = Operation(id="g.1", verb="Add", uri="./A/B", format="node")
EXEC = Operation(id="g.2", verb="Exec", uri="./A/B/Go", value="fast")
SEQUENCE = Operation(id="g", verb="Sequence", members=(ADD, Operation(id="n", verb="Atomic", members=(ADD,)), EXEC))


def test_a_group_holds_its_commands_in_order() -> None:
    """CmdIDs are of one number space, a group before what is in it (OMA-TS-DM_RepPro-V1_2, CmdID)."""
    add = (Item("./A/B", meta=Meta("node")),)
    assert command_for(SEQUENCE, 4) == Group(
        "Sequence",
        "4",
        (
            Command("Add", "5", add),
            Group("Atomic", "6", (Command("Add", "7", add),)),
            Command("Exec", "8", (Item("./A/B/Go", data="fast"),), correlator="g.2"),
        ),
    )
    assert [(cmd_id, parent) for cmd_id, _, parent in numbered(SEQUENCE, 4)] == [
        ("4", ""), ("5", "4"), ("6", "4"), ("7", "6"), ("8", "4"),
    ]  # fmt: skip
    assert size(SEQUENCE) == 5


@pytest.mark.parametrize(
    ("prompt", "code", "texts"),
    [
        (Prompt(kind="display", text="Hello", min_seconds=10), 1100, ["MINDT=10", "Hello"]),
        (Prompt(kind="confirm", text="Now?", max_seconds=60, default="reject"), 1101, ["MAXDT=60&DR=0", "Now?"]),
        (
            Prompt(kind="input", text="Name", default="Ann Lee", max_length=20, input="A", password=True),
            1102,
            ["DR=Ann+Lee&MAXLEN=20&IT=A&ET=P", "Name"],
        ),
        (Prompt(kind="choice", text="Which?", choices=("a", "b"), default="2"), 1103, ["DR=2", "Which?", "a", "b"]),
        (
            Prompt(kind="choices", text="Which?", choices=("a", "b"), default="1-2"),
            1104,
            ["DR=1-2", "Which?", "a", "b"],
        ),
        (Prompt(kind="display", text="Hello"), 1100, ["", "Hello"]),
    ],
)
def test_a_prompt_becomes_an_alert(prompt: Prompt, code: int, texts: list[str]) -> None:
    """The options come first as one query string, then the text, then the choices.

    OMA-TS-DM_Protocol-V1_2 10 (MINDT, MAXDT, DR, MAXLEN, IT, ET)
    """
    operation = Operation(id="p", verb="Alert", prompt=prompt)
    assert command_for(operation, 3) == Alert("3", code, tuple(Item(data=text) for text in texts))
