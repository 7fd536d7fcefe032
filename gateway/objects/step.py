"""What a planner of a standard object answers: the next commands of a job, or its end.

A planner is a pure function from a job to its next step. It is asked when everything the job waited for has an outcome,
and reads from the job's ``stage``, ``known`` and ``codes`` what was done and found.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from gateway.fleet.job import Job, JobState
from gateway.fleet.operation import GroupVerb, Verb
from gateway.status import StatusCode

SUCCESS = StatusCode.OK

VENDOR_RESULTS = {
    range(1250, 1300): "success, by the vendor's code",
    range(1450, 1500): "client error, by the vendor's code",
}
"""What objects whose results have four digits leave to vendors."""


class Ask(NamedTuple):
    """One command to send."""

    verb: Verb
    uri: str
    value: str | None = None
    format: str = ""
    type: str = ""


class Next(NamedTuple):
    """The commands to send next, at the same time; ``stage`` is for the planner, ``says`` for people.

    With ``together`` they are one Atomic. Without any the planner is asked again when the device says something.
    """

    stage: str
    says: str
    asks: tuple[Ask, ...]
    percent: int | None = None
    together: bool = False


class End(NamedTuple):
    """The job's end, with the code that decided it and its meaning."""

    state: JobState
    code: int | None
    meaning: str


Step = Next | End
Planner = Callable[[Job], Step]


def outcome(job: Job, verb: Verb | GroupVerb, uri: str = "") -> int:
    """The code that the command of that verb and URI ended with; 408 when it got none."""
    return job.codes.get(f"{verb} {uri}", int(StatusCode.TIMEOUT))


def is_good(code: int) -> bool:
    """Whether a status or a result code says that it worked.

    Spec: OMA-TS-DM_FUMO-V1_0 5.3; OMA-TS-DM-SCOMO-V1_0 5.3
    """
    return StatusCode(code).is_success or 1200 <= code < 1300


def means(code: int, results: Mapping[int, str], vendor: Mapping[range, str]) -> str:
    """What a code means: a result of the object, a vendor's result, or a status of the protocol."""
    if code in results:
        return results[code]
    for codes, meaning in vendor.items():
        if code in codes:
            return meaning
    return StatusCode(code).meaning


def unsupported(code: int) -> bool:
    """Whether a status says that the node is not there or cannot do this."""
    return code in (
        StatusCode.NOT_FOUND,
        StatusCode.NOT_ALLOWED,
        StatusCode.NOT_SUPPORTED,
        StatusCode.NOT_IMPLEMENTED,
    )
