"""Firmware updates by FUMO: where the package is, the Exec that fetches and installs it, and what its State says.

Spec: OMA-TS-DM_FUMO-V1_0 5
"""

from __future__ import annotations

from typing import Literal

from gateway.fleet.job import Job, JobState
from gateway.objects.step import Ask, End, Next, Step, is_good, means, outcome, unsupported
from gateway.status import StatusCode

STATES = {
    10: "idle",
    20: "download failed",
    30: "download progressing",
    40: "download complete",
    50: "ready to update",
    60: "update progressing",
    70: "update failed, have data",
    80: "update failed, no data",
    90: "update successful, have data",
    100: "update successful, no data",
}
"""Spec: OMA-TS-DM_FUMO-V1_0 5.1 (State); 10 stands in the state diagram only."""

PERCENT = {10: 0, 30: 25, 40: 50, 50: 60, 60: 75, 90: 100, 100: 100}
"""How far an update is at each state: an estimate, for the object has no measure of its own."""

RESULTS = {
    200: "success",
    400: "client error",
    401: "user cancelled",
    402: "corrupted package",
    403: "package does not match the device",
    404: "signature or validation failed",
    405: "package not acceptable",
    406: "alternate download: authentication failed",
    407: "alternate download: timeout",
    408: "not implemented",
    409: "undefined error",
    410: "firmware update failed",
    411: "malformed URL",
    500: "firmware update failed",
    501: "download: out of memory",
    502: "update: out of memory",
    503: "download: network error",
}
VENDOR_RESULTS = {
    range(250, 300): "success, by the vendor's code",
    range(450, 500): "client error, by the vendor's code",
    range(550, 600): "download server error, by the vendor's code",
}
"""Spec: OMA-TS-DM_FUMO-V1_0 5.3 (result codes)"""

ALERT_TYPES = tuple(
    f"org.openmobilealliance{infix}.firmwareupdate.{name}"
    for infix in (".dm", "")
    for name in ("download", "update", "downloadandupdate")
)
"""The generic alerts that tell a result; some devices leave ``.dm`` out."""


_PACKAGE = ("Update", "PkgData")


def plan(job: Job) -> Step:
    """The next step of an update, a download, or the installation of what was downloaded.

    ``update`` uses DownloadAndUpdate, and Download and Update one after the other on a device that has not got it. A
    package that is to be handed over goes into Update/PkgData, unless the device has no such node.
    """
    stage = job.stage
    if not stage and job.action == "install":
        return Next("run Update", "the device installs what it has", (Ask("Exec", job.child("Update")),), 60)
    if not stage and "content" in job.parameters:
        return _hand_over(job, "Replace")
    if stage.startswith("hand over"):
        return _handed_over(job, stage.rpartition(" ")[2])
    if not stage:
        return _start(job, "Download" if job.action == "download" else "DownloadAndUpdate")
    node = stage.partition(" ")[2]
    if stage.startswith("locate"):
        code = outcome(job, "Replace", job.child(node, "PkgURL"))
        if is_good(code):
            return Next(f"run {node}", "the device downloads the package", (Ask("Exec", job.child(node)),), 10)
        if node == "DownloadAndUpdate" and unsupported(code):
            return _start(job, "Download")
        return End(JobState.FAILED, code, f"the device does not take the package's URL: {_meaning(code)}")
    if stage.startswith("run"):
        code = outcome(job, "Exec", job.child(node))
        if is_good(code) and node == "Download" and job.action == "update":
            return Next("run Update", "the device installs the package", (Ask("Exec", job.child("Update")),), 60)
        if node == "DownloadAndUpdate" and unsupported(code) and not _told(job):
            return _start(job, "Download")
        return Next(f"look {node}", "the device is asked for its state", (Ask("Get", job.child("State")),), 90)
    code = outcome(job, "Exec", job.child(node))
    state = state_of(job)
    said = f"{_meaning(code)}; {state}" if state else _meaning(code)
    return End(JobState.DONE if is_good(code) else JobState.FAILED, code, said)


def progress(job: Job) -> Ask | None:
    """What to ask a device that calls while the job runs: its State."""
    return Ask("Get", job.child("State")) if job.stage.startswith("run") else None


def state_of(job: Job) -> str:
    """The State that was read last, with its meaning; empty when none was."""
    text = job.value("State")
    if not text.isdecimal():
        return ""
    return f"State {text} {STATES.get(int(text), 'unknown')}"


def percent_of(job: Job) -> int | None:
    """How far the State that was read last is, or None."""
    text = job.value("State")
    return PERCENT.get(int(text)) if text.isdecimal() else None


def _start(job: Job, node: str) -> Next:
    ask = Ask("Replace", job.child(node, "PkgURL"), job.parameters["url"], "chr")
    return Next(f"locate {node}", "the device is told where the package is", (ask,), 0)


def _hand_over(job: Job, verb: Literal["Replace", "Add"]) -> Next:
    ask = Ask(verb, job.child(*_PACKAGE), job.parameters["content"], "bin")
    return Next(f"hand over {verb}", "the device is given the package", (ask,), 10)


def _handed_over(job: Job, verb: str) -> Step:
    """What follows when the device was given the package: its State is 50 then (FUMO 5.1)."""
    code = job.codes.get(f"{verb} {job.child(*_PACKAGE)}", int(StatusCode.TIMEOUT))
    if is_good(code):
        if job.action == "download":
            return End(JobState.DONE, code, "the device has the package")
        return Next("run Update", "the device installs the package", (Ask("Exec", job.child("Update")),), 60)
    if verb == "Replace" and code == StatusCode.NOT_FOUND:
        return _hand_over(job, "Add")
    if unsupported(code):
        return _start(job, "Download" if job.action == "download" else "DownloadAndUpdate")
    return End(JobState.FAILED, code, f"the device does not take the package: {_meaning(code)}")


def _told(job: Job) -> bool:
    """Whether the device has moved since: then a 404 is a result of the object and no missing node."""
    return state_of(job) not in ("", "State 10 idle")


def _meaning(code: int) -> str:
    return means(code, RESULTS, VENDOR_RESULTS)
