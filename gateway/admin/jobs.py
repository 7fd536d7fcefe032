"""The admin API's routes for jobs on standard objects (firmware, software, lock, capabilities, inventory)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from gateway.admin.models.jobs import ComponentView, JobView, NewJob
from gateway.admin.routes import Call, Route
from gateway.fleet.job import Job
from gateway.inventory import Inventory
from gateway.jobs import Jobs, Unconfirmed, standings
from gateway.objects import software


class JobRoutes:
    """What can be asked of a device's standard objects."""

    def __init__(self, jobs: Jobs, inventory: Inventory, clock: Callable[[], datetime]) -> None:
        self._jobs = jobs
        self._inventory = inventory
        self._clock = clock

    def routes(self) -> tuple[Route, ...]:
        """The route table."""
        return (
            Route(
                "POST", "/devices/{ref}/jobs", self.start_job,
                "Start a job; grave actions give a code to repeat the call with",
                takes=NewJob, gives=JobView, status=202,
            ),
            Route("GET", "/devices/{ref}/jobs", self.list_jobs, "Jobs of a device", gives=JobView, many=True),
            Route("DELETE", "/devices/{ref}/jobs/{job}", self.cancel_job, "End a running job", gives=JobView),
        )  # fmt: skip

    async def start_job(self, call: Call) -> JobView:
        """Start a job, or give the code to confirm it with."""
        body: NewJob = call.body
        begun = await self._jobs.start(
            call.path["ref"],
            body.kind,
            body.action,
            subject=body.subject,
            items=body.items,
            hours=body.hours,
            confirm=body.confirm,
            secret=body.secret,
        )
        if isinstance(begun, Unconfirmed):
            return JobView(
                kind=body.kind,
                action=body.action,
                subject=body.subject,
                state="unconfirmed",
                confirm=begun.code,
                confirm_until=begun.expires_at,
            )
        return job_view(begun)

    async def list_jobs(self, call: Call) -> Sequence[JobView]:
        """Running jobs and the last that ended."""
        _, device = await self._inventory.find_device(call.path["ref"])
        return [job_view(job) for job in standings(device.jobs, self._clock())]

    async def cancel_job(self, call: Call) -> JobView:
        """End a running job."""
        return job_view(await self._jobs.cancel(call.path["ref"], call.path["job"]))


def job_view(job: Job) -> JobView:
    """A job for the API."""
    return JobView(
        id=job.id,
        kind=job.kind,
        action=job.action,
        subject=job.subject,
        state=job.state.value,
        step=job.step,
        percent=job.percent,
        code=job.code,
        meaning=job.meaning,
        created_at=job.created_at,
        deadline_at=job.deadline_at,
        ended_at=job.ended_at,
        read=dict(job.known) if job.kind != "software" else {},
        components=[ComponentView(**one._asdict()) for one in software.components(job)]
        if job.kind == "software"
        else [],
    )
