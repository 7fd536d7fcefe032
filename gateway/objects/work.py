"""The jobs of a device, moved on by what it answers: one pure step for every kind of standard object.

A job's operations stand in the device's queue like any other, with ids that begin with the job's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import NamedTuple

from msgspec.structs import replace

from gateway.errors import TreeError
from gateway.fleet.job import Job, JobState, kept
from gateway.fleet.operation import Operation
from gateway.fleet.secret import COVER, is_secret
from gateway.objects import account, capability, diagnostics, firmware, inventory, lock, software, wlan
from gateway.objects.step import Ask, End, Planner
from gateway.status import StatusCode
from gateway.tree.uri import Uri

PLANNERS: Mapping[str, Planner] = {
    "firmware": firmware.plan,
    "software": software.plan,
    "lock": lock.plan,
    "capability": capability.plan,
    "diagnostics": diagnostics.plan,
    "inventory": inventory.plan,
    "account": account.plan,
    "wlan": wlan.plan,
}

USUAL_ROOTS = {
    "firmware": ("fumo", "./FUMO"),
    "software": ("scomo", "./SCOMO"),
    "lock": ("lawmo", "./LAWMO"),
    "capability": ("dcmo", "./DCMO"),
    "diagnostics": ("diagmon", "./DiagMon"),
    "inventory": ("devinfo", "./DevInfo"),
    "account": ("dmacc", "./DMAcc"),
    "wlan": ("wlan", "./NAP"),
}
"""The MO of each kind, and where it usually is; all access points of a device stand below one node."""

MAX_KNOWN = 500
"""Values that a job keeps of what it read."""


class Worked(NamedTuple):
    """The jobs as they are now, those among them that ended just now, and the operations to queue."""

    jobs: tuple[Job, ...]
    ended: tuple[Job, ...]
    operations: tuple[Operation, ...]
    dropped: tuple[Operation, ...] = ()


def begin(job: Job, now: datetime) -> tuple[Job, tuple[Operation, ...]]:
    """The job with its first operations."""
    return _advance(job, now)


def work(
    jobs: tuple[Job, ...],
    changed: Iterable[Operation],
    pending: Iterable[Operation],
    now: datetime,
    *,
    session_begins: bool,
    account_waits: bool = False,
    reset_over: bool = False,
) -> Worked:
    """The jobs after these operations changed; ``session_begins`` when the device just called.

    ``account_waits`` says that the device has not used its newest account yet, ``reset_over`` that a factory reset
    that it took on is behind it.
    """
    told, waiting = list(changed), {operation.id: operation for operation in pending}
    after: list[Job] = []
    operations: list[Operation] = []
    dropped: list[Operation] = []
    for job in jobs:
        moved = job
        more: tuple[Operation, ...] = ()
        if job.running:
            if job.kind == "account":
                fact = {account.PENDING: "waits" if account_waits else "used"}
                job = replace(job, known=job.known | fact)
            moved, more = _move(job, told, now, session_begins=session_begins, reset_over=reset_over)
            if not moved.running:
                dropped += [
                    replace(operation, status=int(StatusCode.NOT_EXECUTED), status_at=now)
                    for id_ in job.waiting
                    if (operation := waiting.get(id_)) is not None
                ]
        after.append(moved)
        operations += more
    ended = tuple(one for before, one in zip(jobs, after, strict=True) if before.running and not one.running)
    return Worked(kept(tuple(after)), ended, tuple(operations), tuple(dropped))


def standing(job: Job, now: datetime) -> Job:
    """The job as it stands at that time: one that ran past its deadline has ended, whether the device calls or not."""
    if job.running and job.deadline_at is not None and now >= job.deadline_at:
        return _expire(job, now)
    return job


def _move(
    job: Job, told: list[Operation], now: datetime, *, session_begins: bool, reset_over: bool
) -> tuple[Job, tuple[Operation, ...]]:
    job = _hear(job, told)
    if not job.waiting:
        moved, operations = _advance(job, now)
        return (standing(moved, now), operations) if not operations else (moved, operations)
    if (late := standing(job, now)) is not job:
        return late, ()
    if reset_over and (end := lock.returned(job)) is not None:
        return _ended(job, end, now), ()
    if session_begins and job.kind == "firmware" and (ask := firmware.progress(job)) is not None:
        # Not waited for: the result comes by alert, and the State only says how far it is.
        operation = _operation(job, ask, now)
        return replace(job, count=job.count + 1), (operation,)
    return job, ()


def _hear(job: Job, told: Iterable[Operation]) -> Job:
    """The job with what its operations brought."""
    known, codes, waiting, percent = dict(job.known), dict(job.codes), job.waiting, job.percent
    for operation in told:
        if not operation.id.startswith(f"{job.id}."):
            continue
        if operation.status is None:
            if operation.accepted_at is not None:
                percent = max(percent or 0, 10)
            continue
        waiting = tuple(id_ for id_ in waiting if id_ != operation.id)
        for one in (operation, *operation.members):
            if one.status is not None:
                codes[f"{one.verb} {one.uri}"] = one.status if one.result is None else one.result
        if operation.verb == "Get":
            if "?list=" in operation.uri and StatusCode(operation.status).is_success:
                # A list tells what is not there any more as well.
                root = _spelt(operation.uri.partition("?")[0])
                known = {uri: value for uri, value in known.items() if not f"{uri}/".startswith(f"{root}/")}
            for uri, value in operation.results:
                if len(known) < MAX_KNOWN:
                    known[_spelt(uri)] = COVER if is_secret(uri) else value
    if (known, codes, waiting, percent) == (job.known, job.codes, job.waiting, job.percent):
        return job
    job = replace(job, known=known, codes=codes, waiting=waiting, percent=percent)
    if job.kind == "firmware" and (reached := firmware.percent_of(job)) is not None:
        job = replace(job, percent=reached, step=f"{job.step.partition(' (')[0]} ({firmware.state_of(job)})")
    return job


def _advance(job: Job, now: datetime) -> tuple[Job, tuple[Operation, ...]]:
    step = PLANNERS[job.kind](job)
    if isinstance(step, End):
        return _ended(job, step, now), ()
    operations = tuple(
        _operation(replace(job, count=job.count + number), ask, now) for number, ask in enumerate(step.asks)
    )
    if step.together:
        operations = (
            Operation(id=f"{job.id}.{job.count + len(operations)}", verb="Atomic", members=operations, created_at=now),
        )
    moved = replace(
        job,
        stage=step.stage,
        step=step.says,
        percent=step.percent if step.percent is not None else job.percent,
        waiting=tuple(operation.id for operation in operations),
        count=job.count + len(step.asks) + step.together,
    )
    return moved, operations


def _ended(job: Job, end: End, now: datetime) -> Job:
    return replace(
        job,
        state=end.state,
        step="",
        percent=100 if end.state is JobState.DONE and job.percent is not None else job.percent,
        waiting=(),
        code=end.code,
        meaning=end.meaning,
        ended_at=now,
        parameters=without_secret(job),
    )


def without_secret(job: Job) -> dict[str, str]:
    """What the job was given, but for what is not kept longer than delivery takes."""
    return {name: value for name, value in job.parameters.items() if name != wlan.SEALED_KEY}


def _expire(job: Job, now: datetime) -> Job:
    end = lock.late(job) if job.kind == "lock" else None
    return _ended(job, end or End(JobState.EXPIRED, int(StatusCode.TIMEOUT), f"no end in time; last: {job.step}"), now)


def _operation(job: Job, ask: Ask, now: datetime) -> Operation:
    left = int((job.deadline_at - now).total_seconds()) if job.deadline_at else 0
    return Operation(
        id=f"{job.id}.{job.count}",
        verb=ask.verb,
        uri=ask.uri,
        value=ask.value,
        format=ask.format,
        type=ask.type,
        origin="queue",
        created_at=now,
        deadline_seconds=max(left, 1),
    )


def _spelt(uri: str) -> str:
    """The one spelling of a node's URI."""
    try:
        return str(Uri.parse(uri))
    except TreeError:
        return uri
