"""Jobs: what an operator asked of a device that takes more than one command, with a state, a result and a deadline."""

from __future__ import annotations

import enum
from datetime import datetime

import msgspec

MAX_JOBS = 12
"""Jobs that are kept with a device; the oldest that ended give way."""


class JobState(enum.StrEnum):
    """Where a job stands."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    EXPIRED = "expired"
    CANCELLED = "cancelled"


class Job(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One job. ``subject`` is what it is about (a package, a component, a capability).

    ``root`` is where its MO is mounted on the device. ``step`` names what is under way, ``waiting`` the operations it
    waits for. ``known`` are the values it has read by URI, ``codes`` the outcome of each of its commands by verb and
    URI: a result code of the MO where the device told one, else the status. ``code`` and ``meaning`` are the result.
    """

    id: str
    kind: str
    action: str
    subject: str = ""
    root: str = ""
    parameters: dict[str, str] = {}
    state: JobState = JobState.RUNNING
    step: str = ""
    stage: str = ""
    percent: int | None = None
    waiting: tuple[str, ...] = ()
    count: int = 0
    known: dict[str, str] = {}
    codes: dict[str, int] = {}
    code: int | None = None
    meaning: str = ""
    created_at: datetime | None = None
    deadline_at: datetime | None = None
    ended_at: datetime | None = None

    @property
    def running(self) -> bool:
        """True until the job has a result."""
        return self.state is JobState.RUNNING

    @property
    def has_secret(self) -> bool:
        """True while a secret is kept for what it tells the device."""
        return any(name.startswith("sealed_") for name in self.parameters)

    @property
    def package(self) -> str:
        """The id of the package that the device is given; empty when it is given none."""
        return self.parameters.get("package", "")

    def child(self, *names: str) -> str:
        """The URI of a node below the job's MO."""
        return "/".join([self.root, *names])

    def value(self, *names: str) -> str:
        """What was read at a node below the job's MO; empty when nothing was."""
        return self.known.get(self.child(*names), "")


def kept(jobs: tuple[Job, ...]) -> tuple[Job, ...]:
    """The jobs without the oldest ended ones that are too many."""
    excess = len(jobs) - MAX_JOBS
    ended = [job.id for job in jobs if not job.running][: max(0, excess)]
    return tuple(job for job in jobs if job.id not in ended)
