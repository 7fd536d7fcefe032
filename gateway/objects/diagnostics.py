"""Diagnostic functions by DiagMon: started, stopped, and what they measured read.

Nothing of the object but its identifier could be checked against its text, so the names of its nodes are settings.
``parameters`` of a job has them: ``start``, ``stop``, ``data`` and ``status``, each a path below the function's node.

Spec: OMA-TS-DiagMon-V1_0 5 (unconfirmed)
"""

from __future__ import annotations

from gateway.fleet.job import Job, JobState
from gateway.objects.step import VENDOR_RESULTS, Ask, End, Next, Step, is_good, means, outcome, unsupported
from gateway.status import StatusCode

RESULTS = {1200: "success", 1400: "client error", 1401: "user cancelled"}


def plan(job: Job) -> Step:
    """The next step: find the function by its name, start or stop it, read its status and its data.

    A device that lists no subtrees is believed to have the function below the object under its very name.
    """
    listing = f"{job.root}?list=StructData"
    if not job.stage:
        return Next("find", "the device is asked for its diagnostic functions", (Ask("Get", listing),))
    offered = functions(job)
    if job.action == "list":
        code = outcome(job, "Get", listing)
        said = f"it has {', '.join(sorted(offered)) or 'none'}" if is_good(code) else _meaning(code)
        return End(JobState.DONE if is_good(code) else JobState.FAILED, code, said)
    node = next((node for name, node in offered.items() if name.casefold() == job.subject.casefold()), "")
    if not node:
        code = outcome(job, "Get", listing)
        if not unsupported(code) or code == StatusCode.NOT_FOUND:
            has = f"it has {', '.join(sorted(offered)) or 'none'}" if is_good(code) else _meaning(code)
            return End(JobState.FAILED, int(StatusCode.NOT_FOUND), f"the device has no function {job.subject}; {has}")
        node = job.child(job.subject)
    if job.stage == "find" and job.action != "read":
        exec_uri = f"{node}/{job.parameters[job.action]}"
        return Next("run", f"the device is told to {job.action} {job.subject}", (Ask("Exec", exec_uri),))
    code = outcome(job, "Exec", f"{node}/{job.parameters[job.action]}") if job.action != "read" else int(StatusCode.OK)
    if not is_good(code):
        return End(JobState.FAILED, code, _meaning(code))
    status, data = f"{node}/{job.parameters['status']}", f"{node}/{job.parameters['data']}"
    if job.stage != "look":
        asks = (Ask("Get", f"{data}?list=StructData"), Ask("Get", status))
        return Next("look", f"the device is asked what {job.subject} measured", asks)
    read = outcome(job, "Get", f"{data}?list=StructData")
    values = sum(uri.startswith(f"{data}/") for uri in job.known)
    told = f"{values} values read" if is_good(read) else f"its data was not read: {_meaning(read)}"
    shown = f"; Status {job.known[status]}" if job.known.get(status) else ""
    done = job.action != "read" or is_good(read)
    return End(JobState.DONE if done else JobState.FAILED, code if done else read, f"{_meaning(code)}{shown}; {told}")


def functions(job: Job) -> dict[str, str]:
    """The node of each function of the device by its name: what its leaf Name says, else what the node is called."""
    start = len(job.root) + 1
    nodes = sorted({uri[start:].split("/")[0] for uri in job.known if uri.startswith(f"{job.root}/")})
    return {job.value(node, "Name") or node: job.child(node) for node in nodes}


def _meaning(code: int) -> str:
    return means(code, RESULTS, VENDOR_RESULTS)
