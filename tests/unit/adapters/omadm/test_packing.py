"""How many operations go into one message."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from adapters.omadm import codec
from adapters.omadm.messages import Command, Status, SyncHdr, SyncML
from adapters.omadm.objects import Chunking
from adapters.omadm.packing import MAX_COMMANDS, Limits, pack, pack_part
from gateway.fleet.operation import Operation, naming_package
from gateway.status import StatusCode
from gateway.tree.uri import UriLimits

STATUS = Status("1", "1", "0", "SyncHdr", StatusCode.AUTHENTICATED)
FRAME = SyncML(SyncHdr("1", 1, "IMEI:1", "https://mdm.example.org/dm"), (STATUS,))
XML = codec.encoding_of("application/vnd.syncml.dm+xml")
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


@pytest.mark.parametrize("value", ["?", "AAE", "\u00e9"])
def test_a_value_that_is_not_of_its_format_is_refused(value: str, encoding: codec.Encoding) -> None:
    """A bin value that is not base64 has 415 for its outcome, and the others go out."""
    wrong = Operation(id="wrong", verb="Add", uri="./A", format="bin", value=value)
    package = pack(FRAME, [wrong, ACL], None, lambda message: len(codec.encode(message, encoding)))
    assert package.refused == ((wrong, StatusCode.UNSUPPORTED_TYPE),)
    assert list(package.sent.values()) == [ACL]


def test_what_the_device_does_not_take_is_never_sent() -> None:
    """A URI beyond its limits has 414 for its outcome, a command that it lacks 406, and the others go out.

    Spec: OMA-TS-DM_StdObj-V1_2 5.2; OMA-TS-DM_RepPro-V1_2 6.6
    """
    deep = Operation(id="deep", verb="Add", uri="./A/B/C", value="v")
    copy = Operation(id="copy", verb="Copy", uri="./A", source="./B")
    limits = Limits(uris=UriLimits(depth=2), lacks=("Copy",))
    package = pack(FRAME, [deep, copy, ACL], None, lambda _: 0, limits)
    assert package.refused == ((deep, StatusCode.URI_TOO_LONG), (copy, StatusCode.NOT_SUPPORTED))
    assert list(package.sent.items()) == [("2", ACL)]


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


def test_commands_that_all_fit_are_measured_once() -> None:
    """Nearly every package fits, and then the message is encoded a single time to see that."""
    measured: list[SyncML] = []

    def measure(message: SyncML) -> int:
        measured.append(message)
        return 1000

    package = pack(FRAME, writes(10), 1000, measure)
    assert (len(package.sent), measured) == (10, [package.message])


def test_a_message_has_a_bounded_number_of_commands() -> None:
    """However large the phone says its messages may be; CmdIDs go on from those of the statuses."""
    package = pack(FRAME, writes(MAX_COMMANDS + 1), None, lambda _: 0)
    assert list(package.sent) == [str(n) for n in range(2, MAX_COMMANDS + 2)]
    assert ids(package.planned) == [f"op{MAX_COMMANDS}"]
    assert package.message.final


def test_a_group_stays_whole() -> None:
    """An Atomic or Sequence goes out in one message or waits for the next; its members take CmdIDs of their own.

    OMA-TS-DM_Protocol-V1_2 6
    """
    group = Operation(id="g", verb="Atomic", members=tuple(writes(3)))

    def measure(message: SyncML) -> int:
        return len(codec.encode(message, XML))

    exact = measure(pack(FRAME, [ACL, group], None, measure).message)
    assert list(pack(FRAME, [group, ACL], None, measure).sent) == ["2", "6"]
    short = pack(FRAME, [ACL, group], exact - 1, measure)
    assert (list(short.sent.values()), short.planned) == ([ACL], (group,))


@pytest.mark.parametrize("grouped", [False, True])
def test_an_older_phone_gets_no_correlator(*, grouped: bool) -> None:
    """The DTD of SyncML 1.1 does not have the element, not in a group either."""
    older = replace(FRAME, header=replace(FRAME.header, ver_dtd="1.1", ver_proto="DM/1.1"))
    run = Operation(id="run", verb="Exec", uri="./A")
    operation = Operation(id="group", verb="Sequence", members=(ACL, run)) if grouped else run
    told = [codec.encode(pack(frame, [operation], None, lambda _: 0).message, XML) for frame in (FRAME, older)]
    assert [b"Correlator" in octets for octets in told] == [True, False]


def test_a_package_is_put_in_as_it_goes_out(encoding: codec.Encoding) -> None:
    """An operation only names it; what travels are its octets, in parts, and the name stays on record.

    Spec: OMA-TS-DM_Protocol-V1_2 7
    """
    octets = bytes(range(256)) * 40
    handing = Operation(id="h", verb="Replace", uri="./FUMO/Update/PkgData", format="bin", value=naming_package("p1"))
    limits = Limits(in_parts=True, octets=encoding.wbxml)

    def measure(message: SyncML) -> int:
        return len(codec.encode(message, encoding))

    package = pack(FRAME, [handing], 4000, measure, limits, {"p1": octets}.__getitem__)
    travelled, parts = b"", 0
    while True:
        (command,) = [one for one in package.message.commands if isinstance(one, Command)]
        assert isinstance(command.items[0].data, bytes)
        travelled, parts = travelled + command.items[0].data, parts + 1
        assert [operation.value for operation in package.sent.values()] == ["{package:p1}"]
        if package.chunking is None:
            break
        package = pack_part(FRAME, package.chunking, 4000, measure, {"p1": octets}.__getitem__)
    assert (travelled, parts > 2) == (octets, True)
    for gone in (pack(FRAME, [handing], 4000, measure, limits), pack_part(FRAME, Chunking(handing, 1), 4000, measure)):
        assert gone.refused == ((handing, StatusCode.GONE),)


LAID_OPEN = Operation(
    id="whole",
    verb="Add",
    uri="./A",
    format="node",
    tnds="xml",
    members=(
        Operation(id="root", verb="Add", uri="./A", format="node"),
        Operation(id="leaf", verb="Add", uri="./A/B", format="chr", value="v" * 40),
    ),
)


@pytest.mark.parametrize(
    ("limits", "room", "version"),
    [
        (Limits(lacks=("TNDS",)), 10_000, "1.2"),
        (Limits(max_bytes=100, in_parts=True), 10_000, "1.2"),
        (Limits(in_parts=True), 620, "1.2"),
        (Limits(), 10_000, "1.1"),
    ],
    ids=["refused once", "over MaxObjSize", "over MaxMsgSize", "OMA DM 1.1.2"],
)
def test_a_subtree_that_cannot_go_out_as_one_is_laid_open(limits: Limits, room: int, version: str) -> None:
    """Its nodes go out one by one, whatever of them has room, and none is refused for what all of them are.

    Spec: OMA-TS-DM_RepPro-V1_2 6.6.1
    """
    frame = replace(FRAME, header=replace(FRAME.header, ver_dtd=version))
    encoding = codec.encoding_of("application/vnd.syncml.dm+xml")

    def measure(message: SyncML) -> int:
        return len(codec.encode(message, encoding))

    package = pack(frame, [LAID_OPEN], room, measure, limits)
    assert ids((*package.sent.values(), *package.planned)) == ["root", "leaf"]
    assert package.refused == ()
    assert package.chunking is None


def test_a_subtree_that_has_room_goes_out_as_one() -> None:
    """It is one command, and its octets are measured as such."""
    encoding = codec.encoding_of("application/vnd.syncml.dm+wbxml")
    package = pack(FRAME, [LAID_OPEN, ACL], None, lambda message: len(codec.encode(message, encoding)))
    assert package.sent == {"2": LAID_OPEN, "3": ACL}
