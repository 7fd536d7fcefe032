"""What a device's commands tell, and what each is answered."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from adapters.omadm.messages import (
    Alert,
    AnyCommand,
    Chal,
    Command,
    Data,
    Group,
    Item,
    Meta,
    Results,
    Status,
    SyncHdr,
    SyncML,
    Unknown,
)
from adapters.omadm.reports import MAX_NODES, alerts_of, read, reads_of, results_for, statuses_for
from gateway.fleet.alert import DeviceAlert
from gateway.fleet.mirror import Read
from gateway.fleet.offer import Offer
from gateway.status import StatusCode

MAN = Item(source="./DevInfo/Man", data="Acme")
PART = Item(source="./A", data="x", more_data=True)


def message(*commands: AnyCommand) -> SyncML:
    return SyncML(SyncHdr("1", 3, target="https://mdm.example.org/dm", source="IMEI:1"), commands)


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        (Alert("7", 1200), ("Alert", 200)),
        (Alert("7", 1226, (Item(data="x"),)), ("Alert", 200)),
        (Alert("7", 1225), ("Alert", 200)),
        (Alert("7", 1100), ("Alert", 406)),
        (Alert("7", None), ("Alert", 406)),
        (Command("Add", "7", (MAN,)), ("Add", 200)),
        (Command("Replace", "7", (MAN,)), ("Replace", 200)),
        (Command("Get", "7", (MAN,)), ("Get", 405)),
        (Command("Delete", "7", (MAN,)), ("Delete", 405)),
        (Command("Copy", "7", (MAN,)), ("Copy", 405)),
        (Command("Exec", "7", (MAN,)), ("Exec", 405)),
        (Group("Atomic", "7", (Command("Replace", "8", (MAN,)),)), ("Atomic", 406)),
        (Group("Sequence", "7", ()), ("Sequence", 406)),
        (Unknown("Map", "7", ("Map", "")), ("Map", 501)),
        (Results("7", "5", "5", (MAN,)), None),
        (Status("7", "5", "5", "Get", StatusCode.OK), None),
    ],
)
def test_each_command_gets_its_status(command: AnyCommand, answer: tuple[str, int] | None) -> None:
    """A device may alert and report its DevInfo, and nothing else; Status and good Results get none.

    OMA-TS-DM_RepPro-V1_2 (commands), OMA-TS-DM_Protocol-V1_2 8
    """
    _, *statuses = statuses_for(message(command), StatusCode.AUTHENTICATED)
    expected = [Status("2", "3", "7", answer[0], StatusCode(answer[1]))] if answer else []
    assert statuses == expected


@pytest.mark.parametrize(
    "command",
    [
        Alert("7", 1226, no_resp=True),
        Command("Replace", "7", (MAN,), no_resp=True),
        Group("Sequence", "7", (), no_resp=True),
    ],
)
@pytest.mark.parametrize(("ver_dtd", "count"), [("1.2", 1), ("1.1", 0)])
def test_no_resp_is_a_word_of_the_older_version(command: AnyCommand, ver_dtd: str, count: int) -> None:
    """OMA DM 1.2 does not use it, so the Status comes all the same; a device of 1.1.2 gets none, as it wished.

    OMA-TS-DM_RepPro-V1_2 6 (NoResp)
    """
    told = message(command)
    told = replace(told, header=replace(told.header, ver_dtd=ver_dtd))
    _, *statuses = statuses_for(told, StatusCode.AUTHENTICATED)
    assert len(statuses) == count


@pytest.mark.parametrize(("code", "told"), [(213, [213]), (413, [413]), (424, [424]), (200, [])])
def test_even_results_hear_of_a_part(code: int, told: list[int]) -> None:
    """213 for each part of a large object, or why it is dropped; for the last part no news is good news.

    OMA-TS-DM_Protocol-V1_2 7
    """
    part = message(Results("7", "5", "5", (PART,)))
    _, *statuses = statuses_for(part, StatusCode.AUTHENTICATED, codes={"7": StatusCode(code)})
    assert [int(status.code) for status in statuses] == told


@pytest.mark.parametrize(("count", "code"), [(0, 412), (MAX_NODES, 200), (MAX_NODES + 1, 413)])
def test_a_get_of_too_many_nodes_is_refused(count: int, code: int) -> None:
    """Of several nodes all are told or none; a Get that names none is incomplete (OMA-TS-DM_RepPro-V1_2 6.6.7)."""
    asked = message(Command("Get", "7", (Item(target="./A"),) * count))
    codes, results = results_for(asked, lambda _: Offer(StatusCode.OK, (Read("./A", value="x"),)))
    assert codes == {"7": code}
    assert [len(one.items) for one in results] == ([count] if code == 200 else [])


def test_the_header_is_answered_first_and_refuses_all_when_told() -> None:
    """The Status of the header names both ends; a refusal is that of every command."""
    chal = Chal("syncml:auth-md5", "bm9uY2U=")
    asked = message(Alert("4", 1201), Command("Get", "5", (MAN,)), Status("6", "1", "0", "SyncHdr", StatusCode.OK))
    header, *others = statuses_for(asked, StatusCode.MISSING_CREDENTIALS, chal, refuse_all=True)
    assert header == Status(
        "1", "3", "0", "SyncHdr", StatusCode(407), ("https://mdm.example.org/dm",), ("IMEI:1",), chal=chal
    )
    assert [(status.cmd_id, status.cmd_ref, status.code) for status in others] == [("2", "4", 407), ("3", "5", 407)]


@pytest.mark.parametrize(
    ("own", "shared", "data", "expected"),
    [
        (None, None, "x", ("chr", "", "x")),
        (None, None, "", ("chr", "", "")),
        (None, None, None, ("chr", "", None)),
        (Meta("int", "text/plain"), None, "7", ("int", "text/plain", "7")),
        (None, Meta("int", "text/plain"), "7", ("int", "text/plain", "7")),
        (Meta("bool"), Meta("int", "text/plain"), "true", ("bool", "text/plain", "true")),
        (Meta("node", "urn:x"), None, "B/C", ("node", "urn:x", None, ("B", "C"))),
        (Meta("node"), None, "", ("node", "", None, ())),
        (Meta("node"), None, None, ("node",)),
        (Meta("null"), None, "", ("null", "", None)),
        (Meta("b64"), None, "AAEC\n AwQ=", ("bin", "", "AAECAwQ=")),
        (Meta("b64"), None, b"AAECAwQ=", ("bin", "", "AAECAwQ=")),
        (Meta("bin"), None, b"\0\1\2\3\4", ("bin", "", "AAECAwQ=")),
        (None, None, b"caf\xc3\xa9", ("chr", "", "caf\u00e9")),
        (Meta("odd"), None, "x", ("chr", "", "x")),
        (Meta("xml"), None, (("MgmtTree", ""),), ("xml", "", None)),
    ],
)
def test_an_item_is_read_as_a_node(
    own: Meta | None, shared: Meta | None, data: Data, expected: tuple[Any, ...]
) -> None:
    """Meta of the item goes before that of the command; binary is base64 text; interior nodes have names of
    children in place of a value.

    OMA-TS-SyncML_MetaInfo-V1_2 (Format, Type), OMA-TS-DM_RepPro-V1_2 (Item)
    """
    assert read(Item(source="./A", meta=own, data=data), shared) == Read("./A", *expected)


def test_a_value_in_chunks_is_only_known_to_exist() -> None:
    """A part is never taken for the whole (OMA-TS-DM_Protocol-V1_2 7)."""
    assert read(PART, None) == Read("./A", value=None)


def test_an_item_names_its_node_by_source_or_target() -> None:
    """Source comes first, and what the device was asked for stands in for neither."""
    items = (Item(target="./T", source="./S"), Item(target="./T"), Item())
    assert [read(item, None, "./asked").uri for item in items] == ["./S", "./T", "./asked"]


def test_reports_are_what_is_accepted_and_names_its_node() -> None:
    """Add and Replace tell of the tree; items without a LocURI or of another command do not."""
    told = message(
        Command("Replace", "1", (Item(data="x"), MAN, Item(target="DevInfo/Mod", data="A1"))),
        Command("Exec", "3", (MAN,)),
        Group("Sequence", "4", (Command("Replace", "5", (MAN,)),)),
        Command("Add", "6", (Item(source="./DevInfo/Ext"),), Meta("node")),
    )
    assert list(reads_of(told)) == [
        Read("./DevInfo/Man", value="Acme"),
        Read("DevInfo/Mod", value="A1"),
        Read("./DevInfo/Ext", "node"),
    ]


def test_alerts_are_told_item_by_item() -> None:
    """Type, Mark, Correlator and data reach the caller; so do codes nobody knows (OMA-TS-DM_RepPro-V1_2, Alert)."""
    meta = Meta("int", "urn:oma:at:scomo:1.0:OperationComplete", mark="critical")
    item = Item(source="./SCOMO/Op", meta=meta, data="1200")
    told = message(
        Alert("1", 1201), Alert("2", 1226, (item, Item(data="x")), "op-1"), Alert("3", None), Alert("4", 999)
    )
    assert list(alerts_of(told)) == [
        DeviceAlert(code=1201),
        DeviceAlert(
            code=1226,
            type="urn:oma:at:scomo:1.0:OperationComplete",
            format="int",
            mark="critical",
            source="./SCOMO/Op",
            data="1200",
            correlator="op-1",
        ),
        DeviceAlert(code=1226, data="x", correlator="op-1"),
        DeviceAlert(code=999),
    ]
