"""Software by SCOMO: install, remove, activate and deactivate components, and the inventory of what is there.

Spec: OMA-TS-DM-SCOMO-V1_0 5
"""

from __future__ import annotations

from typing import NamedTuple

from gateway.fleet.job import Job, JobState
from gateway.fleet.operation import Verb
from gateway.objects.step import Ask, End, Next, Step, is_good, means, outcome
from gateway.status import StatusCode

NODES = {"remove": "Remove", "activate": "Activate", "deactivate": "Deactivate"}

DOWNLOAD_STATUS = {
    10: "idle",
    20: "download failed",
    30: "download progressing",
    40: "download completed",
    50: "install progressing",
    60: "install failed, with data",
    70: "install failed, no data",
}
DEPLOYED_STATUS = {
    10: "idle",
    20: "remove failed",
    30: "remove progressing",
    40: "activate failed",
    50: "activate progressing",
    60: "deactivate failed",
    70: "deactivate progressing",
}
DEPLOYED_STATE = {10: "inactive", 20: "active"}

RESULTS = {
    1200: "success",
    1400: "client error",
    1401: "user cancelled",
    1402: "download failed",
    1403: "alternate download: authentication failed",
    1404: "download: out of memory",
    1405: "install failed",
    1406: "install: out of memory",
    1407: "package signature failed",
    1408: "remove failed",
    1409: "activate failed",
    1410: "deactivate failed",
    1411: "not implemented",
    1412: "undefined error",
    1413: "unsupported environment",
    1500: "download server error",
    1501: "download server unavailable",
}
VENDOR_RESULTS = {
    range(1250, 1300): "success, by the vendor's code (unconfirmed)",
    range(1450, 1500): "client error, by the vendor's code (unconfirmed)",
    range(1550, 1600): "server error, by the vendor's code (unconfirmed)",
}


class Component(NamedTuple):
    """One deployed component."""

    node: str
    id: str
    name: str
    version: str
    state: str


def plan(job: Job) -> Step:
    """The next step. After the action the inventory is read, so that the job ends with what is there."""
    if job.action == "install":
        return _install(job)
    if not job.stage:
        return _look(job, "find")
    if job.action == "inventory":
        code = outcome(job, "Get", _list_uri(job))
        found = components(job)
        said = f"{len(found)} components" if is_good(code) else _meaning(code)
        return End(JobState.DONE if is_good(code) else JobState.FAILED, code, said)
    component = _find(job)
    if job.stage == "find":
        if component is None:
            there = ", ".join(one.id for one in components(job)) or "none"
            return End(
                JobState.FAILED, int(StatusCode.NOT_FOUND), f"there is no component {job.subject}; there is {there}"
            )
        ask = Ask("Exec", f"{component.node}/Operations/{NODES[job.action]}")
        return Next("run", f"the device is told to {job.action} {job.subject}", (ask,))
    code = next((code for command, code in job.codes.items() if command.startswith("Exec ")), int(StatusCode.TIMEOUT))
    if job.stage == "run" and is_good(code):
        return _look(job, "look")
    return End(JobState.DONE if is_good(code) else JobState.FAILED, code, _meaning(code))


def components(job: Job) -> list[Component]:
    """The deployed components that were read."""
    prefix = job.child("Inventory", "Deployed") + "/"
    found = []
    for node in sorted({prefix + uri[len(prefix) :].split("/")[0] for uri in job.known if uri.startswith(prefix)}):
        state = job.known.get(f"{node}/State", "")
        meaning = DEPLOYED_STATE.get(int(state), state) if state.isdecimal() else state
        read = [job.known.get(f"{node}/{name}", "") for name in ("ID", "Name", "Version")]
        if any(read):
            found.append(Component(node, read[0] or node.rpartition("/")[2], read[1], read[2], meaning))
    return found


def _install(job: Job) -> Step:
    handed = "content" in job.parameters
    above = ("Inventory", "Delivered") if handed else ("Download",)
    node = job.child(*above, job.parameters["node"])
    exec_uri = f"{node}/Operations/{'Install' if handed else 'DownloadInstall'}"
    package = (
        Ask("Add", f"{node}/Data", job.parameters["content"], "bin")
        if handed
        else Ask("Add", f"{node}/PkgURL", job.parameters["url"], "chr")
    )
    if not job.stage:
        return Next("add", "the device is told of the package", (Ask("Add", node, None, "node"),), 0)
    if job.stage == "add":
        code = outcome(job, "Add", node)
        if not is_good(code) and code != StatusCode.ALREADY_EXISTS:
            return End(JobState.FAILED, code, f"the device does not take the package: {_meaning(code)}")
        # An earlier try may have left the leaves there.
        verb: Verb = "Replace" if code == StatusCode.ALREADY_EXISTS else "Add"
        leaves = {"PkgID": job.parameters["package"], "Name": job.subject}
        asks = (
            *(Ask(verb, f"{node}/{leaf}", value, "chr") for leaf, value in leaves.items()),
            package._replace(verb=verb),
        )
        says = "the device is given the package" if handed else "the device is told where the package is"
        return Next("describe", says, asks, 5)
    if job.stage == "describe":
        what = package.uri.rpartition("/")[2]
        refused = [code for command, code in job.codes.items() if command.endswith(f"/{what}") and not is_good(code)]
        if refused:
            return End(JobState.FAILED, refused[0], f"the device does not take {what}: {_meaning(refused[0])}")
        return Next("run", "the device installs the package", (Ask("Exec", exec_uri),), 10)
    code = outcome(job, "Exec", exec_uri)
    if job.stage == "run" and is_good(code):
        return _look(job, "look")
    return End(JobState.DONE if is_good(code) else JobState.FAILED, code, _meaning(code))


def _look(job: Job, stage: str) -> Next:
    return Next(stage, "the device is asked for its components", (Ask("Get", _list_uri(job)),))


def _list_uri(job: Job) -> str:
    return f"{job.child('Inventory')}?list=StructData"


def _find(job: Job) -> Component | None:
    return next((one for one in components(job) if job.subject in (one.id, one.name)), None)


def _meaning(code: int) -> str:
    return means(code, RESULTS, VENDOR_RESULTS)
