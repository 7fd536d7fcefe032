"""New credentials for a device's OMA DM account (DMAcc), while the old ones go on until the new ones were used.

The device gets both secrets at once or not at all. From then on either account opens a session; the first one under the
new account ends the old one, and with it the job. A device that refuses keeps the old account, and so does the gateway.

Spec: OMA-TS-DM_StdObj-V1_2 5.3 (DMAcc)
"""

from __future__ import annotations

from gateway.fleet.account import CLIENT_SECRET, SERVER_SECRET
from gateway.fleet.job import Job, JobState
from gateway.objects.step import Ask, End, Next, Step, is_good, outcome
from gateway.status import StatusCode

PENDING = "account"
"""What the driver puts among what a job knows: whether the new account still waits for its first use."""

_SECRETS = {"CLCRED": CLIENT_SECRET, "SRVCRED": SERVER_SECRET}


def plan(job: Job) -> Step:
    """The next step: find the account, replace both secrets in one Atomic, wait for the first session under them."""
    if not job.stage:
        return Next("find", "the device is asked for its account", (Ask("Get", f"{job.root}?list=StructData"),))
    if job.stage == "find":
        return _replace(job)
    code = outcome(job, "Atomic")
    if job.stage == "replace" and not is_good(code):
        why = StatusCode(code).meaning
        return End(JobState.FAILED, code, f"the device keeps its account: {why}")
    if job.known.get(PENDING) == "waits":
        return Next("prove", "the device has the new credentials and must use them", (), 75)
    return End(JobState.DONE, int(StatusCode.AUTHENTICATED), "the device has used its new credentials")


def refused(job: Job) -> bool:
    """Whether the device is known not to have the new credentials."""
    return not job.running and job.state is not JobState.DONE and job.stage != "prove"


def _replace(job: Job) -> Step:
    server_id = job.parameters["server_id"]
    accounts = sorted({uri[: -len("/ServerID")] for uri in job.known if uri.endswith("/ServerID")})
    ours = [node for node in accounts if job.known[f"{node}/ServerID"] == server_id]
    if len(ours) != 1:
        there = ", ".join(job.known[f"{node}/ServerID"] for node in accounts) or "none that it tells"
        code = outcome(job, "Get", f"{job.root}?list=StructData")
        final = int(StatusCode.NOT_FOUND) if is_good(code) else code
        return End(JobState.FAILED, final, f"the device has no one account of {server_id}; it has {there}")
    levels = {
        uri.rpartition("/")[0]: value
        for uri, value in job.known.items()
        if uri.startswith(f"{ours[0]}/AppAuth/") and uri.endswith("/AAuthLevel") and value in _SECRETS
    }
    if "CLCRED" not in levels.values():
        return End(JobState.FAILED, int(StatusCode.NOT_FOUND), "the account has no credentials of the device")
    asks = tuple(
        Ask("Replace", f"{node}/AAuthSecret", _SECRETS[level], "chr") for node, level in sorted(levels.items())
    )
    return Next("replace", "the device is given new credentials", asks, 25, together=True)
