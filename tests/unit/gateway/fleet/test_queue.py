"""The queue of one device: what answers, alerts and time make of it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from gateway.fleet.alert import DeviceAlert
from gateway.fleet.mirror import Outcome, Read
from gateway.fleet.operation import Condition, Operation, Prompt
from gateway.fleet.queue import PATIENCE, cancel, due, settle
from gateway.status import StatusCode

NOW = datetime(2026, 1, 2, tzinfo=UTC)
GET = Operation(id="get", verb="Get", uri="./A")
EXEC = Operation(id="exec", verb="Exec", uri="./FUMO/Update")
RUNNING = replace(EXEC, accepted_at=NOW)
ASK = Operation(id="ask", verb="Alert", prompt=Prompt(kind="confirm", text="Now?"))
WAITING = replace(EXEC, condition=Condition("ask"))


def ended(operations: Iterable[Operation]) -> list[tuple[str, int | None]]:
    return [(operation.id, operation.status) for operation in operations]


def test_an_answer_ends_an_operation() -> None:
    """With what was read; those without an answer stay, and the gateway's own are not kept."""
    own = Operation(id="d:1", verb="Get", uri="./B", origin="discover")
    other = replace(GET, id="other")
    read = Outcome(GET, StatusCode.OK, (Read("./A", value="1"),))
    queue = settle([GET, other], [read, Outcome(own, StatusCode.OK)], (), NOW)
    assert queue.pending == (other,)
    assert queue.changed == (replace(GET, status=200, status_at=NOW, results=(("./A", "1"),)),)


def test_what_an_operator_takes_back_ends() -> None:
    """With 215, as does what waits for its answer; the others stay, and one that is not there changes nothing."""
    queue = cancel([GET, ASK, WAITING], "ask", NOW)
    assert ended(queue.changed) == [("ask", 215), ("exec", 215)]
    assert queue.pending == (GET,)
    assert cancel([GET], "gone", NOW) == ((GET,), ())


def test_an_exec_that_was_accepted_runs_until_its_alert() -> None:
    """202 is no end: the generic alert with the Correlator is (OMA-TS-DM_Protocol-V1_2 8.7)."""
    started = settle([EXEC], [Outcome(EXEC, StatusCode.ACCEPTED)], (), NOW)
    assert started.pending == started.changed == (RUNNING,)
    assert due(started.pending) == ()
    alert = DeviceAlert(code=1226, source="./FUMO", data=" 200 ", correlator="exec")
    done = settle([RUNNING], [], [alert], NOW)
    assert ended(done.changed) == [("exec", 200)]
    assert (done.changed[0].result, done.pending) == (200, ())


@pytest.mark.parametrize(
    ("alert", "status", "result"),
    [
        ({"data": "1200", "correlator": "exec"}, 200, 1200),
        ({"data": "1405", "correlator": "exec"}, 500, 1405),
        ({"data": "410", "correlator": "exec"}, 500, 410),
        ({"data": "fine", "correlator": "exec"}, 200, None),
        ({"data": "200", "source": "./FUMO"}, 200, 200),
        ({"data": "200", "source": "FUMO/Update"}, 200, 200),
        ({"data": "200", "source": "./FU"}, None, None),
        ({"data": "200", "correlator": "other", "source": "./FUMO"}, None, None),
        ({"data": "200", "code": 1224, "correlator": "exec"}, None, None),
    ],
)
def test_an_alert_is_put_to_the_exec_it_is_about(alert: dict[str, str], status: int | None, result: int | None) -> None:
    """By its Correlator, else by a Source at or above the node; its code says whether that went well."""
    told = DeviceAlert(**({"code": 1226} | alert))  # type: ignore[arg-type]
    (operation,) = (queue := settle([RUNNING], [], [told], NOW)).changed or queue.pending
    assert (operation.status, operation.result) == (status, result)


def test_what_runs_for_too_long_is_lost() -> None:
    """A device that never reports ends its operation with 408 at the deadline."""
    running = replace(RUNNING, deadline_seconds=60)
    assert settle([running], [], (), NOW + timedelta(seconds=59)).changed == ()
    assert ended(settle([running], [], (), NOW + timedelta(seconds=60)).changed) == [("exec", 408)]


def test_what_was_sent_too_often_is_given_up() -> None:
    """Unless its answer may still come in this very session."""
    worn = replace(GET, attempts=PATIENCE.tries)
    assert due([worn]) == ()
    assert ended(settle([worn], [], (), NOW).changed) == [("get", 408)]
    assert settle([worn], [], (), NOW, {"get"}) == ((worn,), ())


def test_a_group_ends_when_all_in_it_has_ended() -> None:
    """Each member has its own status; one that runs keeps the group open."""
    group = Operation(id="g", verb="Sequence", members=(replace(GET, id="g.1"), replace(EXEC, id="g.2")))
    first, second = group.members
    answer = Outcome(
        group, StatusCode.OK, members=(Outcome(first, StatusCode.NOT_FOUND), Outcome(second, StatusCode.ACCEPTED))
    )
    (running,) = settle([group], [answer], (), NOW).pending
    assert (running.accepted_at, ended(running.members)) == (NOW, [("g.1", 404), ("g.2", None)])
    alert = DeviceAlert(code=1226, data="1200", correlator="g.2")
    (done,) = settle([running], [], [alert], NOW).changed
    assert (done.status, ended(done.members)) == (200, [("g.1", 404), ("g.2", 200)])


def test_a_group_that_failed_has_ended() -> None:
    """507, with the code of each member."""
    group = Operation(id="g", verb="Atomic", members=(replace(GET, id="g.1"),))
    answer = Outcome(group, StatusCode.ATOMIC_FAILED, members=(Outcome(group.members[0], StatusCode.FORBIDDEN),))
    (done,) = settle([group], [answer], (), NOW).changed
    assert (done.status, ended(done.members)) == (507, [("g.1", 403)])


@pytest.mark.parametrize(
    ("wanted", "status", "answers", "outcome"),
    [
        ((), 200, ("accept",), None),
        ((), 304, ("reject",), 215),
        (("reject",), 304, ("reject",), None),
        (("2", "3"), 200, ("1", "3"), None),
        (("2",), 200, ("1", "3"), 215),
        (("2",), 408, (), 215),
    ],
)
def test_an_operation_may_wait_for_an_answer(
    wanted: tuple[str, ...], status: int, answers: tuple[str, ...], outcome: int | None
) -> None:
    """It goes out when the user said what it waits for, and ends with 215 when not."""
    waiting = replace(EXEC, condition=Condition("ask", wanted))
    assert due([ASK, waiting]) == (ASK,)
    queue = settle([ASK, waiting], [Outcome(ASK, StatusCode(status), answers=answers)], (), NOW)
    assert queue.changed[0].answers == answers
    assert [op.status for op in queue.changed] == [status, outcome]
    assert due(queue.pending) == (() if outcome else (replace(waiting, condition=None),))


def test_what_waits_for_what_will_not_happen_ends_too() -> None:
    """A prompt that was given up takes with it what waits for it, and what waits for that."""
    worn = replace(ASK, attempts=PATIENCE.tries)
    third = Operation(id="third", verb="Get", uri="./A", condition=Condition("exec"))
    queue = settle([worn, WAITING, third], [], (), NOW)
    assert ended(queue.changed) == [("ask", 408), ("exec", 215), ("third", 215)]
