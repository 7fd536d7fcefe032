"""Messages of OMA DM sessions that are to fit, and values that do not."""

from __future__ import annotations

from base64 import b64decode, b64encode
from typing import Any

import pytest
from msgspec.structs import replace
from omadm_playbook import GET, GOOD, NEXT_CHAL, SERVER_ACCOUNT, SET, START, Playbook, answer, message, package_1, size

from adapters.omadm.messages import (
    Alert,
    Command,
    Item,
    Meta,
    Results,
)
from gateway.fleet.mirror import Read
from gateway.fleet.operation import Operation

# Packing


def operations(count: int, length: int = 100) -> list[Operation]:
    return [
        Operation(id=f"op{n}", verb="Replace", uri=f"./X/{n}", format="chr", value="v" * length) for n in range(count)
    ]


def test_messages_keep_to_what_the_phone_can_take() -> None:
    """Commands go out in order over as many messages as MaxMsgSize asks for; nothing new is asked for meanwhile."""
    book, done, msg_id = Playbook(), [], 1
    book.hears(package_1(max_bytes=2000), operations(12))
    while book.reply.sent:
        assert size(book.reply.message) <= 2000
        assert book.reply.message.final
        msg_id += 1
        first = len(book.heard.statuses) + 1
        answers = [answer(msg_id - 1, first + n, 200) for n in range(len(book.reply.sent))]
        book.hears(message(msg_id, *answers))
        done += book.outcomes
    assert done == [(f"op{n}", 200) for n in range(12)]
    assert msg_id > 3


def test_the_size_that_the_phone_told_last_counts() -> None:
    """MaxMsgSize holds for the session until another message of it says otherwise (MetaInfo, MaxMsgSize)."""
    book = Playbook()
    book.hears(package_1(max_bytes=2000), operations(40))
    for msg_id, told, most in ((2, None, 2000), (3, 4000, 4000), (4, None, 4000)):
        book.hears(message(msg_id, answer(msg_id - 1, 0, 212), max_bytes=told))
        assert most - 250 < size(book.reply.message) <= most


def test_what_is_sent_again_goes_before_what_was_never_sent() -> None:
    """Operations keep their order when the phone refuses our credentials."""
    book = Playbook(server=SERVER_ACCOUNT)
    book.hears(package_1(max_bytes=2000), operations(6))
    sent = [operation.id for operation in book.reply.sent]
    book.hears(message(2, answer(1, 0, 401, chal=NEXT_CHAL)))
    assert 1 < len(sent) < 6
    assert [operation.id for operation in book.reply.sent][: len(sent)] == sent


def test_what_can_never_fit_is_refused_and_the_rest_goes_out() -> None:
    """An operation larger than any message has 413 for its outcome, wherever it stands."""
    large = Operation(id="large", verb="Replace", uri="./X/L", format="chr", value="v" * 3000)
    book = Playbook()
    book.hears(package_1(max_bytes=2000), [large, SET, large])
    assert [operation.id for operation in book.reply.sent] == ["set"]
    assert [(o.operation.id, o.status) for o in book.reply.outcomes] == [("large", 413)]
    book.hears(message(2, answer(1, 5, 200)))
    assert [(o.operation.id, o.status) for o in book.reply.outcomes] == [("large", 413)]
    assert book.session is not None
    assert book.session.ended


def test_a_command_that_finds_no_room_beside_the_statuses_waits_for_the_next_message() -> None:
    """The reply is then not the last of its package, so that the phone asks on (Protocol 6)."""
    alerts = [Alert(str(n), 1226) for n in range(3, 12)]
    book = Playbook()
    reply = book.hears(message(1, START, *alerts, cred=GOOD, max_bytes=2000), operations(1, 600))
    assert (len(reply), reply[-1]) == (11, "Alert 1/11 200")
    assert book.hears(message(2, answer(1, 0, 212), Alert("2", 1222), final=False)) == [
        "SyncHdr 2/0 212", "Alert 2/2 200", "Replace ./X/0", "Final",
    ]  # fmt: skip


def test_statuses_that_find_no_room_follow_in_the_next_messages() -> None:
    """However many commands a phone sends, no answer is over its MaxMsgSize and no Status is lost."""
    alerts = [Alert(str(n), 1226) for n in range(3, 40)]
    book, told, msg_id = Playbook(), [], 1
    reply = book.hears(message(1, START, *alerts, cred=GOOD, max_bytes=2000), [SET])
    while reply[-1] != "Final":
        assert size(book.reply.message) <= 2000
        assert [command.cmd_id for command in book.reply.message.commands] == [str(n + 1) for n in range(len(reply))]
        told += reply
        msg_id += 1
        reply = book.hears(message(msg_id, answer(msg_id - 1, 0, 212), Alert("2", 1222), final=False))
    told += reply
    assert [line for line in told if line.startswith("Alert 1/")] == [f"Alert 1/{n} 200" for n in (1, *range(3, 40))]
    assert told[-2:] == ["Replace ./X/Name", "Final"]


# Large objects


@pytest.mark.parametrize("octets", [False, True])
@pytest.mark.parametrize("fmt", ["chr", "b64", "bin"])
def test_a_large_value_goes_out_in_parts(fmt: str, octets: bool) -> None:
    """Each part fits to the octet, MoreData is on all but the last, Size on the first, and together they are the value.

    OMA-TS-DM_Protocol-V1_2 7
    """
    value = b64encode(bytes(range(256)) * 20).decode()
    large = Operation(id="large", verb="Replace", uri="./X/L", format=fmt, value=value)
    book = Playbook(large_objects=True, octets=octets)
    reply = book.hears(package_1(max_bytes=1500), [large, SET])
    parts, msg_id = [], 1
    while True:
        (command,) = [command for command in book.reply.message.commands if isinstance(command, Command)]
        (item,) = command.items
        parts.append(item)
        if not item.more_data:
            break
        assert reply[-1] != "Final"
        assert 1400 < book.size(book.reply.message) <= 1500
        assert (book.outcomes, book.heard.unanswered) == ([], ())
        msg_id += 1
        got = answer(msg_id - 1, command.cmd_id, 213)
        reply = book.hears(message(msg_id, answer(msg_id - 1, 0, 212), got, Alert("3", 1222), final=False))
    sizes = [item.meta.size for item in parts if item.meta]
    raw = fmt == "bin"
    assert sizes[0] == (5120 if raw and octets else len(value))
    assert not any(sizes[1:])
    whole = (b"" if raw else "").join(item.data for item in parts)  # type: ignore[attr-defined]
    assert whole == (b64decode(value) if raw else value)
    assert reply[-1] == "Final"
    book.hears(message(msg_id + 1, answer(msg_id, command.cmd_id, 200)))
    assert book.outcomes == [("large", 200)]
    assert [operation.id for operation in book.reply.sent] == ["set"]


@pytest.mark.parametrize(
    ("large", "limits", "status"),
    [({"large_objects": False}, {"max_bytes": 1500}, 413), ({"large_objects": True}, {"max_obj": 5000}, 413)],
)
def test_what_the_phone_cannot_take_is_not_sent(large: Any, limits: dict[str, int], status: int) -> None:
    """No parts to a phone without LrgObj, and nothing over its MaxObjSize (OMA-TS-DM_Protocol-V1_2 7)."""
    value = Operation(id="large", verb="Replace", uri="./X/L", format="chr", value="v" * 5001)
    meta = Meta(max_msg_size=limits.get("max_bytes"), max_obj_size=limits.get("max_obj"))
    book = Playbook(**large)
    book.hears(replace(package_1(), header=replace(package_1().header, meta=meta)), [value, SET])
    assert [(outcome.operation.id, outcome.status) for outcome in book.reply.outcomes] == [("large", status)]
    assert [operation.id for operation in book.reply.sent] == ["set"]


def begun() -> Playbook:
    """A gateway that has sent the first part of a value."""
    book = Playbook(large_objects=True)
    book.hears(
        package_1(max_bytes=1500), [Operation(id="large", verb="Add", uri="./X/L", format="chr", value="v" * 3000)]
    )
    return book


def test_a_part_the_phone_refuses_is_the_end_of_the_value() -> None:
    """Its code is the outcome, and the rest is not sent."""
    book = begun()
    assert book.hears(message(2, answer(1, 4, 420, "Add"), Alert("3", 1222), final=False))[-1] == "Final"
    assert (book.outcomes, book.reply.sent) == ([("large", 420)], ())


def test_a_phone_that_lost_the_beginning_gets_it_again() -> None:
    """Alert 1225 starts the value anew, a few times; then it has failed (OMA-TS-DM_Protocol-V1_2 7)."""
    book = begun()
    first = book.reply.message.commands[-1]
    lost = Alert("3", 1225, (Item(target="./X/L"),))
    for msg_id in (2, 3):
        book.hears(message(msg_id, lost, final=False))
        assert book.outcomes == []
        last = book.reply.message.commands[-1]
        assert isinstance(last, Command)
        assert isinstance(first, Command)
        assert last.items[0].meta == first.items[0].meta
    book.hears(message(4, lost, final=False))
    assert book.outcomes == [("large", 424)]


def test_a_part_that_is_not_answered_is_not_followed_by_another() -> None:
    """Silence sends the value back, as with any command."""
    book = begun()
    book.hears(message(2, answer(1, 0, 212), final=False))
    assert (book.outcomes, book.unanswered) == ([], ["large"])


def part(data: str, *, more: bool = True, total: int | None = None, cmd_id: str = "5") -> Results:
    """A part of what the phone was asked for."""
    meta = Meta("chr", size=total)
    return Results(cmd_id, "1", "4", (Item(source="./DevDetail/FwV", meta=meta, data=data, more_data=more),))


def test_a_large_value_comes_in_in_parts() -> None:
    """213 for each, Alert 1222 for the next, and the whole is the outcome of the Get (OMA-TS-DM_Protocol-V1_2 7)."""
    book = Playbook()
    book.hears(package_1(), [GET])
    assert book.hears(message(2, answer(1, 4, 200, "Get"), part("12", total=6), final=False)) == [
        "SyncHdr 2/0 212", "Results 2/5 213", "Alert 1222",
    ]  # fmt: skip
    assert book.hears(message(3, part("34"), final=False))[1:] == ["Results 3/5 213", "Alert 1222"]
    assert book.hears(message(4, part("56", more=False))) == ["SyncHdr 4/0 212", "Final"]
    assert book.heard.outcomes[0].reads == (Read("./DevDetail/FwV", value="123456"),)


@pytest.mark.parametrize(
    ("parts", "codes"),
    [
        ([part("12", total=5), part("3", more=False)], [213, 424]),
        ([part("12", total=2000), part("3", more=False)], [413, 413]),
        ([part("1" * 600, total=900), part("1" * 600), part("1", more=False)], [213, 413, 413]),
    ],
)
def test_a_large_value_that_is_not_what_it_says_is_dropped(parts: list[Results], codes: list[int]) -> None:
    """Another length than Size is 424, more than the gateway takes 413; nothing of it is believed."""
    book = Playbook(max_obj_size=1000)
    book.hears(package_1(), [GET])
    heard = []
    for msg_id, one in enumerate(parts, start=2):
        reply = book.hears(message(msg_id, one, final=one is parts[-1]))
        heard += [int(line.split()[-1]) for line in reply if line.startswith("Results")]
    assert heard == codes
    assert (book.outcomes, book.unanswered) == ([], ["get"])


def test_a_value_whose_rest_does_not_come_is_told_of() -> None:
    """Alert 1225 names it, and what came in its place counts (OMA-TS-DM_Protocol-V1_2 7)."""
    book = Playbook()
    book.hears(package_1(), [GET])
    book.hears(message(2, part("12", total=6), final=False))
    other = Alert("6", 1226, (Item(meta=Meta(type="x"), data="y"),))
    assert book.hears(message(3, other)) == ["SyncHdr 3/0 212", "Alert 3/6 200", "Alert 1225", "Final"]
    (named,) = [command.items for command in book.reply.message.commands if isinstance(command, Alert)]
    assert named == (Item(source="./DevDetail/FwV"),)
    assert [alert.type for alert in book.heard.alerts] == ["x"]


def test_an_alert_may_be_large() -> None:
    """A generic alert in parts is one alert."""
    book = Playbook()
    book.hears(package_1(), [GET])

    def piece(data: str, *, more: bool) -> Alert:
        return Alert("5", 1226, (Item(source="./Ex", meta=Meta(type="log"), data=data, more_data=more),))

    assert "Alert 2/5 213" in book.hears(message(2, piece("ab", more=True), final=False))
    assert book.heard.alerts == ()
    book.hears(message(3, piece("cd", more=False)))
    assert [(alert.type, alert.data) for alert in book.heard.alerts] == [("log", "abcd")]
