"""Enabling and disabling what a device can do (camera, Bluetooth, …) by DCMO.

Spec: OMA-TS-DCMO-V1_0 5; names and codes as one implementation has them
"""

from __future__ import annotations

from gateway.fleet.job import Job, JobState
from gateway.objects.step import VENDOR_RESULTS, Ask, End, Next, Step, is_good, means, outcome
from gateway.status import StatusCode

NODES = {"enable": "Enable", "disable": "Disable"}

CONFIG = {"deny-user": "DenyUserEnable", "notify-user": "NotifyUser"}
"""The leaf below DCMOConfig that keeps the user from enabling it again, or has the user told."""

RESULTS = {
    1200: "success",
    1400: "client error",
    1401: "user cancelled",
    1402: "disabling failed (unconfirmed)",
    1403: "enabling failed (unconfirmed)",
    1404: "not attached (unconfirmed)",
}


def plan(job: Job) -> Step:
    """The next step: find the capability by its Property, tell the device, read back whether it is enabled.

    What ``parameters`` names of ``CONFIG`` as items is switched on before, and a device that does not take that is told
    nothing more.
    """
    if not job.stage:
        ask = Ask("Get", f"{job.root}?list=StructData")
        return Next("find", "the device is asked for its capabilities", (ask,))
    if job.action == "list":
        code, offered = outcome(job, "Get", f"{job.root}?list=StructData"), ", ".join(sorted(capabilities(job)))
        if not is_good(code):
            return End(JobState.FAILED, code, _meaning(code))
        return End(JobState.DONE, code, f"the device has {offered or 'none'}")
    node = _find(job)
    if not node:
        offered = ", ".join(sorted(capabilities(job))) or "none"
        code = outcome(job, "Get", f"{job.root}?list=StructData")
        why = f"; it has {offered}" if is_good(code) else f": {_meaning(code)}"
        return End(JobState.FAILED, int(StatusCode.NOT_FOUND), f"the device has no capability {job.subject}{why}")
    exec_uri = f"{node}/Operations/{NODES[job.action]}"
    wanted = [f"{node}/DCMOConfig/{CONFIG[item]}" for item in job.parameters.get("items", "").split(",") if item]
    if job.stage == "find" and wanted:
        asks = tuple(Ask("Replace", uri, "true", "bool") for uri in wanted)
        return Next("configure", "the device is told how to treat its user", asks)
    refused = [code for uri in wanted if not is_good(code := outcome(job, "Replace", uri))]
    if refused:
        told = _meaning(refused[0])
        return End(JobState.FAILED, refused[0], f"the device does not take how to treat its user: {told}")
    if job.stage in ("find", "configure"):
        return Next("run", f"the device is told to {job.action} {job.subject}", (Ask("Exec", exec_uri),))
    code = outcome(job, "Exec", exec_uri)
    said = _meaning(code)
    if job.stage == "run" and is_good(code):
        return Next("look", "the device is asked whether it is so", (Ask("Get", f"{node}/Enabled"),))
    if not is_good(code):
        return End(JobState.FAILED, code, said)
    enabled = job.known.get(f"{node}/Enabled", "").strip().lower()
    if enabled in ("true", "false"):
        so = (enabled == "true") == (job.action == "enable")
        shown = f"{said}; {job.subject} is {'enabled' if enabled == 'true' else 'disabled'}"
        return End(JobState.DONE if so else JobState.FAILED, code, shown)
    return End(JobState.DONE, code, said)


def capabilities(job: Job) -> dict[str, str]:
    """The node of each capability by its name."""
    return {value: uri.rpartition("/")[0] for uri, value in job.known.items() if uri.endswith("/Property") and value}


def _find(job: Job) -> str:
    wanted = job.subject.casefold()
    return next((node for name, node in capabilities(job).items() if name.casefold() == wanted), "")


def _meaning(code: int) -> str:
    return means(code, RESULTS, VENDOR_RESULTS)
