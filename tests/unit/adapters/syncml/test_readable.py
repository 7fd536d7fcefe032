"""SyncML messages as people see them."""

from __future__ import annotations

from adapters.syncml.readable import MAX_NODES, Conversation, header
from adapters.wbxml.element import AnyElement
from gateway.fleet.mirror import Read


def message(msg_id: str, *commands: AnyElement, head: tuple[AnyElement, ...] = ()) -> AnyElement:
    return ("SyncML", [("SyncHdr", [("SessionID", "7"), ("MsgID", msg_id), *head]), ("SyncBody", list(commands))])


def item(uri: str, *more: AnyElement) -> AnyElement:
    return ("Item", [("Target", [("LocURI", uri)]), *more])


def status(cmd_ref: str, cmd: str, code: str, *more: AnyElement) -> AnyElement:
    return ("Status", [("CmdID", "1"), ("MsgRef", "1"), ("CmdRef", cmd_ref), ("Cmd", cmd), *more, ("Data", code)])


def test_every_status_stands_beside_its_command() -> None:
    """The command that is answered is named in full, the code with the meaning RepPro 10 gives it."""
    talk = Conversation()
    said = talk.read(message("1", ("Replace", [("CmdID", "3"), item("./A/B", ("Data", "5"))]), ("Final", "")), "server")
    assert said == ["Replace ./A/B = 5"]
    answer = message("2", status("0", "SyncHdr", "212"), status("3", "Replace", "425", ("TargetRef", "./A/B")))
    assert talk.read(answer, "device") == [
        "Status 212 to SyncHdr: authentication accepted",
        "Status 425 to Replace ./A/B = 5: permission denied",
    ]


def test_an_answer_to_what_was_not_seen_names_its_target() -> None:
    """Without the command, the Status says what it can: the verb and TargetRef; unknown codes are kept."""
    answer = message("9", status("3", "Replace", "299", ("TargetRef", "./A")), status("4", "Get", "x"))
    assert Conversation().read(answer, "device") == [
        "Status 299 to Replace ./A: unknown code",
        "Status x to Get: no code",
    ]


def test_alerts_groups_and_large_values() -> None:
    """Alerts are told with their meaning, type and correlator; groups indent; octets and long values are shortened."""
    alert = ("Alert", [
        ("CmdID", "1"), ("Correlator", "c1"), ("Data", " 1226\n"),
        ("Item", [("Source", [("LocURI", "./FUMO")]), ("Meta", [("Type", "org.example.update")]), ("Data", "200")]),
    ])  # fmt: skip
    atomic = ("Atomic", [("CmdID", "2"), ("Add", [("CmdID", "3"), item("./A", ("Data", b"\xff\x00"))])])
    long = ("Add", [("CmdID", "4"), item("./B", ("Data", "x" * 300), ("MoreData", ""))])
    assert Conversation().read(message("1", alert, atomic, long), "device") == [
        "Alert 1226 generic alert, for c1: org.example.update ./FUMO = 200",
        "Atomic",
        "  Add ./A = /wA=",
        f"Add ./B = {'x' * 200}… (300 characters) (more to come)",
    ]


def test_secrets_are_covered() -> None:
    """Values of nodes that hold secrets are never shown, whoever sends them."""
    add = ("Replace", [("CmdID", "3"), item("./DMAcc/a/AppAuth/1/AAuthSecret", ("Data", "hunter2"))])
    assert Conversation().read(message("1", add), "server") == ["Replace ./DMAcc/a/AppAuth/1/AAuthSecret = ***"]


def test_the_nodes_of_a_subtree_are_shown_below_its_command() -> None:
    """As far as somebody can read it: types of objects, values in short, secrets covered; answers name the command."""
    nodes = [
        Read("./A", "node", "urn:oma:mo:a:1.0"),
        Read("./A/B", "chr", "", "v" * 300),
        Read("./A/AAuthSecret", "chr", "", "hunter2"),
    ]
    asked: list[object] = []

    def absorb(data: object, uri: str) -> list[Read] | None:
        asked.append((data, uri))
        return nodes if data != "broken" else None

    def add(number: str, data: str) -> AnyElement:
        meta: AnyElement = ("Meta", [("Type", "application/vnd.syncml.dmtnds+xml")])
        return ("Add", [("CmdID", number), item("./A", meta, ("Data", data))])

    talk = Conversation(absorb)
    assert talk.read(message("1", add("3", "tree"), add("4", "broken")), "server") == [
        "Add ./A = a subtree of 4 characters",
        "  ./A (urn:oma:mo:a:1.0)",
        f"  ./A/B = {'v' * 200}… (300 characters)",
        "  ./A/AAuthSecret = ***",
        "Add ./A = a subtree of 6 characters",
    ]
    assert asked == [("tree", "./A"), ("broken", "./A")]
    answer = message("2", status("3", "Add", "200", ("TargetRef", "./A")))
    assert talk.read(answer, "device") == ["Status 200 to Add ./A = a subtree of 4 characters: OK"]
    nodes.extend([Read(f"./A/{number}", "chr", "", "") for number in range(MAX_NODES)])
    assert Conversation(absorb).read(message("1", add("3", "tree")), "server")[-1] == "  and 3 more nodes"


def test_the_head_of_a_message() -> None:
    """Session, message and kind of credentials."""
    cred = ("Cred", [("Meta", [("Type", "syncml:auth-md5")]), ("Data", "x")])
    assert header(message("3")) == "session 7, message 3, no credentials"
    assert header(message("3", head=(cred,))) == "session 7, message 3, credentials syncml:auth-md5"
