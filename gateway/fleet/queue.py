"""The operations queued for one device, and what answers, alerts and time make of them.

Pure.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from msgspec.structs import replace

from gateway.fleet.alert import DeviceAlert, ends, succeeded
from gateway.fleet.mirror import Outcome
from gateway.fleet.operation import Operation
from gateway.status import StatusCode


class Patience(NamedTuple):
    """How often a device is told what it leaves without any answer, and for how long a value is left alone then."""

    tries: int = 3
    quarantine: timedelta = timedelta(days=1)


PATIENCE = Patience()


class Queue(NamedTuple):
    """What is still open, in its order, and the operations that changed."""

    pending: tuple[Operation, ...]
    changed: tuple[Operation, ...]


def due(queued: Iterable[Operation], patience: Patience = PATIENCE) -> tuple[Operation, ...]:
    """Those of the queue that can go out: not final, not running, waiting for nobody's answer, not tried too often."""
    return tuple(
        operation
        for operation in queued
        if operation.status is None
        and operation.accepted_at is None
        and operation.condition is None
        and operation.attempts < patience.tries
    )


def settle(
    queued: Sequence[Operation],
    outcomes: Sequence[Outcome],
    alerts: Sequence[DeviceAlert],
    now: datetime,
    in_flight: Collection[str] = (),
    patience: Patience = PATIENCE,
) -> Queue:
    """The queue after what a device answered and alerted to.

    What was sent too often without an answer, unless its id is ``in_flight``, and what runs past its deadline ends
    with 408. The end of a prompt releases what waits for it, or ends that with 215.
    """
    if not queued and not outcomes:
        return Queue((), ())
    before = {operation.id: operation for operation in queued}
    after = dict(before)
    for outcome in outcomes:
        if outcome.operation.origin == "queue":
            known = after.get(outcome.operation.id, outcome.operation)
            after[known.id] = _conclude(replace(outcome, operation=known), now)
    for alert in alerts:
        for operation in after.values():
            if (reported := _report(operation, alert, now)) is not operation:
                after[operation.id] = reported
                break
    for operation in list(after.values()):
        worn = operation.attempts >= patience.tries and operation.accepted_at is None and operation.id not in in_flight
        if operation.status is None and (worn or _is_overdue(operation, now)):
            after[operation.id] = _end(operation, StatusCode.TIMEOUT, now)
    _release(after, now)
    return Queue(
        tuple(operation for operation in after.values() if operation.status is None),
        tuple(operation for operation in after.values() if operation is not before.get(operation.id)),
    )


def cancel(queued: Sequence[Operation], operation_id: str, now: datetime) -> Queue:
    """The queue after an operator took one operation back: it ends with 215, and so does what waits for its answer."""
    before = {operation.id: operation for operation in queued}
    after = dict(before)
    if operation_id in after:
        after[operation_id] = _end(after[operation_id], StatusCode.NOT_EXECUTED, now)
        _release(after, now)
    return Queue(
        tuple(operation for operation in after.values() if operation.status is None),
        tuple(operation for operation in after.values() if operation is not before[operation.id]),
    )


def _conclude(outcome: Outcome, now: datetime) -> Operation:
    """The operation as its answer leaves it: final, or running."""
    members = tuple(_conclude(member, now) for member in outcome.members) or outcome.operation.members
    operation = replace(
        outcome.operation,
        members=members,
        results=tuple((read.uri, read.value or "/".join(read.children or ())) for read in outcome.reads),
        answers=outcome.answers,
        result=outcome.result,
    )
    started = operation.verb == "Exec" and outcome.status == StatusCode.ACCEPTED
    if started or (outcome.status.is_success and any(member.status is None for member in members)):
        return replace(operation, accepted_at=now)
    return _end(operation, outcome.status, now)


def _report(operation: Operation, alert: DeviceAlert, now: datetime) -> Operation:
    """The operation after the alert; the same object when the alert is not about it."""
    if operation.members:
        for index, member in enumerate(operation.members):
            reported = _report(member, alert, now)
            if reported is not member:
                members = (*operation.members[:index], reported, *operation.members[index + 1 :])
                operation = replace(operation, members=members)
                is_open = any(member.status is None for member in members)
                return operation if is_open else _end(operation, StatusCode.OK, now)
        return operation
    if not ends(alert, operation):
        return operation
    result = alert.result
    # An end without a code that anyone could read is still the end.
    good = result is None or succeeded(result)
    told = ((alert.source or operation.uri, alert.data or ""),)
    status = StatusCode.OK if good else StatusCode.COMMAND_FAILED
    return _end(replace(operation, result=result, results=told), status, now)


def _is_overdue(operation: Operation, now: datetime) -> bool:
    started = operation.accepted_at
    return started is not None and now - started >= timedelta(seconds=operation.deadline_seconds)


def _release(operations: dict[str, Operation], now: datetime) -> None:
    """Let go what waits for a prompt that has ended, or end it as well; what waits for that in turn follows."""
    ended = [operation for operation in operations.values() if operation.status is not None]
    while ended:
        prompt = ended.pop()
        for operation in list(operations.values()):
            condition = operation.condition
            if condition is None or operation.status is not None or condition.operation != prompt.id:
                continue
            wanted = condition.answers
            if StatusCode(prompt.status or 0).is_success if not wanted else not set(wanted).isdisjoint(prompt.answers):
                operations[operation.id] = replace(operation, condition=None)
            else:
                operations[operation.id] = _end(operation, StatusCode.NOT_EXECUTED, now)
                ended.append(operations[operation.id])


def _end(operation: Operation, status: StatusCode, now: datetime) -> Operation:
    return replace(operation, status=int(status), status_at=now)
