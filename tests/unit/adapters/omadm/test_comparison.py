"""Two servers' words to one device, node by node."""

from __future__ import annotations

from adapters.omadm.comparison import Told, compare, held, told
from adapters.omadm.messages import Command, Group, Item, Meta, Results, SyncHdr, SyncML
from adapters.provisioning.comparison import Difference

HEADER = SyncHdr(session_id="1", msg_id=1, target="t", source="s")
TREE = (
    '<MgmtTree xmlns="syncml:dmddf1.2"><VerDTD>1.2</VerDTD><Node><NodeName>T</NodeName><Node><NodeName>A</NodeName>'
    "<Value>1</Value></Node></Node></MgmtTree>"
)


def test_what_a_server_told() -> None:
    """Values of single commands, of groups and of subtrees in the one spelling of their nodes; a Get tells nothing."""
    commands = (
        Command(verb="Replace", cmd_id="1", items=(Item(target="A/B", data="1"), Item(target="./C", data=b"\x00"))),
        Group(
            verb="Atomic",
            cmd_id="2",
            commands=(
                Command(verb="Add", cmd_id="3", items=(Item(target="./T", meta=Meta(format="xml"), data=TREE),)),
                Command(verb="Delete", cmd_id="4", items=(Item(target="./D"),)),
            ),
        ),
        Command(verb="Exec", cmd_id="5", items=(Item(target="./E", data="now"),)),
        Command(verb="Copy", cmd_id="6", items=(Item(target="./F", source="G"),)),
        Command(verb="Get", cmd_id="7", items=(Item(target="./H"),)),
    )
    assert told(SyncML(HEADER, commands)) == Told(
        {"./A/B": "1", "./C": "AA==", "./T/A": "1", "./D": None}, {"Exec ./E": "now", "Copy ./F": "./G"}
    )


def test_what_a_device_says_that_it_holds() -> None:
    """By the results of Gets."""
    results = Results(cmd_id="1", msg_ref="1", cmd_ref="1", items=(Item(source="./A", data="1"),))
    assert held(SyncML(HEADER, (results,))) == {"./A": "1"}


def test_differences_by_node() -> None:
    """Another value, what one of the two alone tells, and what the device holds that nobody mends. No secret shows."""
    theirs = Told(
        {"./Same": "1", "./Other": "2", "./Gone": None, "./Alone": "x", "./X/AAuthSecret": "s"}, {"Exec ./Go": ""}
    )
    planned = Told({"./New": "n"}, {"Exec ./Go": "now", "Exec ./Update": ""})
    wanted = {"./Same": "1", "./Other": "3", "./Gone": "g", "./Held": "h", "./Unknown": "u", "./Left": None}
    assert compare(theirs, planned, wanted, {"./Held": "old"}) == [
        Difference("missing", "./Alone", "x", ""),
        Difference("changed", "./Gone", "(deleted)", "g"),
        Difference("added", "./Held", "", "h"),
        Difference("added", "./New", "", "n"),
        Difference("changed", "./Other", "2", "3"),
        Difference("missing", "./X/AAuthSecret", "(secret)", ""),
        Difference("changed", "Exec ./Go", "", "now"),
        Difference("added", "Exec ./Update", "", ""),
    ]
    assert compare(Told({}, {}), Told({}, {}), wanted, {}) == []
    assert theirs.and_then(Told({"./Same": "2"}, {})).values["./Same"] == "2"
