"""Jobs played with a device's answers."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from msgspec.structs import replace

from gateway.fleet.job import Job
from gateway.fleet.operation import Operation
from gateway.objects.work import begin, work

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)


DEADLINE = NOW + timedelta(days=7)


Answer = Callable[[Operation], Operation]


def job(kind: str, action: str, root: str, subject: str = "", **parameters: str) -> Job:
    return Job(
        id="j1", kind=kind, action=action, subject=subject, root=root, parameters=parameters, created_at=NOW,
        deadline_at=DEADLINE,
    )  # fmt: skip


def answered(status: int, result: int | None = None, **read: str) -> Answer:
    """A device's final answer; ``read`` is URI below the MO (with _ for /) -> value."""

    def answer(operation: Operation) -> Operation:
        root = operation.uri.partition("?")[0]
        values = tuple(
            (f"{root}/{name.replace('_', '/')}" if name != "value" else root, value) for name, value in read.items()
        )
        return replace(operation, status=status, status_at=NOW, result=result, results=values)

    return answer


def play(started: Job, *rounds: list[Answer]) -> tuple[Job, list[list[str]]]:
    """Let a device answer each round of commands; gives the job, and what each round was told."""
    current, operations = begin(started, NOW)
    told = [[f"{one.verb} {one.uri}" for one in operations]]
    for answers in rounds:
        changed = [answer(operation) for answer, operation in zip(answers, operations, strict=True)]
        worked = work((current,), changed, (), NOW, session_begins=False)
        (current,), operations = worked.jobs, worked.operations
        told.append([f"{one.verb} {one.uri}" for one in operations])
    return current, told
