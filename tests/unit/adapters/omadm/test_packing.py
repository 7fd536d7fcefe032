"""Operations as commands, and how many of them go into one message."""

from __future__ import annotations

import pytest

from adapters.omadm import codec
from adapters.omadm.messages import Command, Item, Meta, Status, SyncHdr, SyncML
from adapters.omadm.packing import MAX_COMMANDS, command_for, pack
from gateway.fleet.operation import Operation
from gateway.status import StatusCode

STATUS = Status("1", "1", "0", "SyncHdr", StatusCode.AUTHENTICATED)
FRAME = SyncML(SyncHdr("1", 1, "IMEI:1", "https://mdm.example.org/dm"), (STATUS,))
ACL = Operation(id="o", verb="Replace", uri="./A?prop=ACL", value="Get=*")


@pytest.fixture(params=["xml", "wbxml"])
def encoding(request: pytest.FixtureRequest) -> codec.Encoding:
    """Both ways a message travels."""
    return codec.encoding_of(f"application/vnd.syncml.dm+{request.param}")


def writes(count: int, length: int = 100) -> list[Operation]:
    return [
        Operation(id=f"op{n}", verb="Replace", uri=f"./X/{n}", format="chr", value="v" * length) for n in range(count)
    ]


def ids(operations: tuple[Operation, ...]) -> list[str]:
    return [operation.id for operation in operations]


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
    assert command_for(operation, "7") == Command(operation.verb, "7", (item,), correlator=correlator)


@pytest.mark.parametrize("value", ["?", "AAE", "\u00e9"])
def test_a_value_that_is_not_of_its_format_is_refused(value: str, encoding: codec.Encoding) -> None:
    """A bin value that is not base64 has 415 for its outcome, and the others go out."""
    wrong = Operation(id="wrong", verb="Add", uri="./A", format="bin", value=value)
    package = pack(FRAME, [wrong, ACL], None, lambda message: len(codec.encode(message, encoding)))
    assert package.refused == ((wrong, StatusCode.UNSUPPORTED_TYPE),)
    assert list(package.sent.values()) == [ACL]


@pytest.mark.parametrize("count", [1, 2, 7])
def test_a_message_is_filled_to_the_octet(count: int, encoding: codec.Encoding) -> None:
    """With just enough room for some commands they go out, with one octet less the last of them waits.

    OMA-TS-SyncML_MetaInfo-V1_2 (MaxMsgSize)
    """

    def measure(message: SyncML) -> int:
        return len(codec.encode(message, encoding))

    exact = measure(pack(FRAME, writes(count), None, measure).message)
    enough, short = (pack(FRAME, writes(8), room, measure) for room in (exact, exact - 1))
    assert ids(enough.planned) == [f"op{n}" for n in range(count, 8)]
    assert measure(enough.message) == exact
    assert len(short.sent) == count - 1
    assert len(short.refused) == (8 if count == 1 else 0)


def test_a_message_has_a_bounded_number_of_commands() -> None:
    """However large the phone says its messages may be; CmdIDs go on from those of the statuses."""
    package = pack(FRAME, writes(MAX_COMMANDS + 1), None, lambda _: 0)
    assert list(package.sent) == [str(n) for n in range(2, MAX_COMMANDS + 2)]
    assert ids(package.planned) == [f"op{MAX_COMMANDS}"]
    assert package.message.final
