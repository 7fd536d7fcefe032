"""Two sessions are set beside each other, message by message and line by line."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from gateway.admin.comparison import compare, count_differences, sessions_of
from gateway.admin.models.trace import ExchangeView, MessageView

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)


def exchange(
    seq: int,
    received: Sequence[str],
    sent: Sequence[str],
    *,
    line: str = "400 octets, session 2, message 1, credentials syncml:auth-md5",
    session: str = "2",
    protocol: str = "omadm-xml",
    decisions: Sequence[str] = (),
    at: datetime = NOW,
) -> ExchangeView:
    messages = [
        MessageView(direction="received", line=line, says=list(received), raw="", session=session),
        MessageView(direction="sent", line="HTTP 200", says=list(sent), raw="", session=session),
    ]
    return ExchangeView(
        seq=seq, at=at, owner="a.1", protocol=protocol, proven=True, messages=messages, decisions=list(decisions)
    )  # fmt: skip


def test_a_session_ends_with_its_name_or_with_silence() -> None:
    """Exchanges of one name go together, in whatever encoding and with whatever is said in another protocol between;
    a minute of silence parts those of one name.
    """
    given = [
        exchange(1, [], []),
        exchange(2, [], [], protocol="rcc14", session=""),
        exchange(3, [], [], protocol="omadm-wbxml", at=NOW + timedelta(seconds=59)),
        exchange(4, [], [], session="3", at=NOW + timedelta(seconds=60)),
        exchange(5, [], [], session="3", at=NOW + timedelta(seconds=120)),
    ]
    assert [[one.seq for one in session] for session in sessions_of(given)] == [[1, 3], [2], [4], [5]]


def test_what_is_of_every_message_its_own_is_no_difference() -> None:
    """Octets, session and number of the message are left out; the credentials are not."""
    one = exchange(1, ["Alert 1201 session started by the device"], [])
    other = exchange(
        9, ["Alert 1201 session started by the device"], [], line="52 octets, session 77, message 4, no credentials"
    )
    (received, sent) = compare([one], [other])
    assert received.lines == (
        ("left", "credentials syncml:auth-md5", ""),
        ("right", "", "no credentials"),
        ("same", "Alert 1201 session started by the device", "Alert 1201 session started by the device"),
    )
    assert [pair.mark for pair in sent.lines] == ["same"]


def test_a_command_stands_beside_the_one_on_its_node() -> None:
    """Another value or status differs; a command of one side alone is on that side."""
    one = exchange(
        1,
        ["Status 200 to Replace ./IMS/T1 = 2000: OK"],
        ["Replace ./IMS/T1 = 2000", "Replace ./IMS/T2 = 1"],
        decisions=["sends 2 to bring the device to what it shall hold"],
    )
    other = exchange(
        9,
        ["Status 405 to Replace ./IMS/T1 = 3000: command not allowed"],
        ["Replace ./IMS/T1 = 3000", "Delete ./IMS/T9"],
        decisions=["sends 2 to bring the device to what it shall hold"],
    )
    steps = compare([one], [other])
    assert [step.kind for step in steps] == ["received", "decided", "sent"]
    received, decided, sent = (step.lines for step in steps)
    assert received[1] == (
        "differs",
        "Status 200 to Replace ./IMS/T1 = 2000: OK",
        "Status 405 to Replace ./IMS/T1 = 3000: command not allowed",
    )
    assert [pair.mark for pair in decided] == ["same"]
    assert sent[1:] == (
        ("differs", "Replace ./IMS/T1 = 2000", "Replace ./IMS/T1 = 3000"),
        ("left", "Replace ./IMS/T2 = 1", ""),
        ("right", "", "Delete ./IMS/T9"),
    )
    assert count_differences(steps) == 4


def test_an_exchange_that_one_side_has_more_does_not_push_the_rest_out_of_line() -> None:
    """A challenge in one session alone stands alone; what follows is beside its like."""
    challenge = exchange(
        1, ["Alert 1201 session started by the device"], ["Status 407 to SyncHdr: missing credentials"]
    )
    work = exchange(2, ["Status 200 to Get ./DevInfo: OK"], ["Replace ./IMS/T1 = 2000"])
    last = exchange(3, ["Status 200 to Replace ./IMS/T1 = 2000: OK"], [])
    steps = compare([challenge, work, last], [work, last])
    assert {(step.left_seq, step.right_seq) for step in steps} == {(1, None), (2, 2), (3, 3)}
    assert all(pair.mark == "same" for step in steps if step.right_seq for pair in step.lines)


def test_the_parameters_of_a_request_are_compared_one_by_one() -> None:
    """A version that grew is one line that differs. RCC.14 2.2"""
    one, other = (
        exchange(1, [], [], protocol="rcc14", session="", line=f"GET /?vers={version}&rcs_profile=UP_2.4&token=***")
        for version in (0, 3)
    )
    (received, _) = compare([one], [other])
    assert received.lines == (
        ("same", "GET /", "GET /"),
        ("differs", "vers=0", "vers=3"),
        ("same", "rcs_profile=UP_2.4", "rcs_profile=UP_2.4"),
        ("same", "token=***", "token=***"),
    )
