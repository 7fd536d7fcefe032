"""What a device says of itself in DevInfo and DevDetail.

Spec: OMA-TS-DM_StdObj-V1_2 5.1 (DevInfo), 5.2 (DevDetail)
"""

from __future__ import annotations

from gateway.fleet.job import Job, JobState
from gateway.objects.step import Ask, End, Next, Step, is_good
from gateway.status import StatusCode

LEAVES = {
    "./DevInfo/DevId": "identifier",
    "./DevInfo/Man": "manufacturer",
    "./DevInfo/Mod": "model",
    "./DevInfo/DmV": "DM client version",
    "./DevInfo/Lang": "language",
    "./DevDetail/DevTyp": "type of device",
    "./DevDetail/OEM": "OEM",
    "./DevDetail/FwV": "firmware version",
    "./DevDetail/SwV": "software version",
    "./DevDetail/HwV": "hardware version",
    "./DevDetail/LrgObj": "takes large objects",
    "./DevDetail/URI/MaxDepth": "most segments of a URI, 0 without bound",
    "./DevDetail/URI/MaxTotLen": "most characters of a URI, 0 without bound",
    "./DevDetail/URI/MaxSegLen": "most characters of a segment, 0 without bound",
}
"""Every leaf that a standard names, with its meaning."""


def plan(job: Job) -> Step:
    """Read every leaf by its name, which even devices that list no subtrees can answer."""
    if not job.stage:
        return Next("read", "the device is asked what it is", tuple(Ask("Get", uri) for uri in LEAVES))
    read = sum(is_good(code) for code in job.codes.values())
    worst = next(iter(job.codes.values()), int(StatusCode.TIMEOUT))
    if not read:
        return End(JobState.FAILED, worst, StatusCode(worst).meaning)
    return End(JobState.DONE, int(StatusCode.OK), f"{read} of {len(LEAVES)} leaves read")
