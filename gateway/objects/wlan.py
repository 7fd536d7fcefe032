"""Access to a WLAN: the ConnMO objects of a device that have one as their bearer, found by the SSID, added and deleted.

A device keeps its other access points. All of one goes out in one Atomic, and node by node to a device that knows none.

Spec: OMA-DDS-DM_ConnMO-V1_0; names below Bearer/WLAN are unconfirmed, as the shipped DDF says
"""

from __future__ import annotations

from gateway.fleet.job import Job, JobState
from gateway.objects.step import Ask, End, Next, Step, is_good, outcome, unsupported
from gateway.status import StatusCode

KEY = "{wlan_key}"
"""Stands in an operation for the key, which is filled in as the message goes out."""
SEALED_KEY = "sealed_key"
"""The parameter of a job that has the key, sealed."""

_UNDONE = (StatusCode.NOT_EXECUTED, StatusCode.ROLLED_BACK)

BEARER = "Bearer/WLAN"
TYPE = "urn:oma:mo:oma-connmo-nap:1.0"


def plan(job: Job) -> Step:
    """The next step: look which access points there are, delete the one that has that SSID, add the new one."""
    listing = f"{job.root}?list=StructData"
    if not job.stage:
        return Next("find", "the device is asked for its access points", (Ask("Get", listing),))
    code = outcome(job, "Get", listing)
    if not is_good(code) and code != StatusCode.NOT_FOUND:
        return End(JobState.FAILED, code, f"the device does not tell its access points: {StatusCode(code).meaning}")
    there = networks(job)
    if job.action == "list":
        return End(JobState.DONE, int(StatusCode.OK), f"the device has {', '.join(sorted(there)) or 'no WLAN'}")
    old = there.get(job.subject)
    if job.action == "remove":
        return _remove(job, old)
    # The one that it has goes last: a device that takes half of this is not left without.
    asks = (*_additions(job, with_root=code == StatusCode.NOT_FOUND), *((Ask("Delete", old),) if old else ()))
    if job.stage == "find":
        return Next("add", f"the device is given the WLAN {job.subject}", asks, together=True)
    if job.stage == "add" and unsupported(outcome(job, "Atomic")):
        return Next("add one by one", f"the device is given the WLAN {job.subject}", asks)
    codes = [outcome(job, ask.verb, ask.uri) for ask in asks]
    code = next((code for code in codes if not is_good(code) and code not in _UNDONE), outcome(job, "Atomic"))
    if all(map(is_good, codes)):
        return End(JobState.DONE, int(StatusCode.OK), f"the device has the WLAN {job.subject}")
    if job.stage == "add one by one":
        return Next("undo", "the device does not take all of the WLAN", (Ask("Delete", _node(job)),))
    return End(JobState.FAILED, code, f"the device does not take the WLAN {job.subject}: {StatusCode(code).meaning}")


def networks(job: Job) -> dict[str, str]:
    """The node of each access point to a WLAN, by its SSID."""
    inside = f"/{BEARER}/SSIDList/"
    return {
        value: uri.partition(inside)[0]
        for uri, value in job.known.items()
        if inside in uri and uri.endswith("/SSID") and value
    }


def _remove(job: Job, node: str | None) -> Step:
    if job.stage == "remove" or node is None:
        code = outcome(job, "Delete", node) if node else int(StatusCode.NOT_FOUND)
        if is_good(code):
            return End(JobState.DONE, code, f"the device has no WLAN {job.subject} any more")
        there = ", ".join(sorted(networks(job))) or "none"
        return End(
            JobState.FAILED, code, f"the WLAN {job.subject} is not deleted: {StatusCode(code).meaning}; it has {there}"
        )
    return Next("remove", f"the device is told to forget the WLAN {job.subject}", (Ask("Delete", node),))


def _node(job: Job) -> str:
    return f"{job.root}/{job.id}"


def _additions(job: Job, *, with_root: bool) -> tuple[Ask, ...]:
    node = _node(job)
    asks = [Ask("Add", job.root, None, "node")] if with_root else []
    asks.append(Ask("Add", node, None, "node", TYPE))
    leaves = {
        "NAPID": (job.id, "chr"),
        "Name": (job.subject, "chr"),
        "Bearer/BearerType": ("WLAN", "chr"),
        f"{BEARER}/SSIDList/1/SSID": (job.subject, "chr"),
        f"{BEARER}/OpMode": ("INF", "chr"),
        f"{BEARER}/SecMode": (job.parameters.get("security", ""), "chr"),
    }
    if job.parameters.get("hidden"):
        leaves[f"{BEARER}/SSIDHidd"] = ("true", "bool")
    if job.parameters.get(SEALED_KEY):
        leaves[f"{BEARER}/WPA-PreShKeyASCII"] = (KEY, "chr")
    added = set[str]()
    for path, (value, fmt) in leaves.items():
        names = path.split("/")
        for above in ("/".join(names[:length]) for length in range(1, len(names))):
            if above not in added:
                added.add(above)
                asks.append(Ask("Add", f"{node}/{above}", None, "node"))
        asks.append(Ask("Add", f"{node}/{path}", value, fmt))
    return tuple(asks)
