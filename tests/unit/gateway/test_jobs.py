"""Jobs that a device starts itself: a firmware update that it, or its user, asks for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from msgspec.structs import replace

from gateway.fleet.alert import DeviceAlert
from gateway.fleet.device import Credential, Device, OmaDmState
from gateway.fleet.job import JobState
from gateway.fleet.model import Model
from gateway.jobs import ASK_AGAIN_AFTER, Jobs
from gateway.packages import Packages
from gateway.store.protocol import Append, PutOperation

NOW = datetime(2026, 1, 2, tzinfo=UTC)
DEVICE = Device(
    id="ann.1",
    manufacturer="Acme",
    model="B1",
    software="1.2",
    omadm=OmaDmState(loc_uri="phone", client=Credential(name="ann", secret=b"")),
)
ASKS = DeviceAlert(code=1226, type="org.openmobilealliance.dm.firmwareupdate.userrequest", data="")
MODELS = [
    Model(manufacturer="Acme", model="B*", updates={"1.*": "b7@2.0", "2.0": "b7@3.0", "9": "nowhere"}),
    Model(manufacturer="Acme", updates={"*": "any"}),
]


@pytest.fixture
def jobs(tmp_path: Path) -> Jobs:
    """Over three packages."""
    packages = Packages(tmp_path / "packages")
    for name, version in (("b7", "2.0"), ("b7", "3.0"), ("any", "1")):
        file = tmp_path / f"{name}{version}"
        file.write_text(file.name)
        packages.add(file, "firmware", name, version, NOW)
    nothing = cast("Any", None)
    return Jobs(
        nothing, nothing, packages, nothing, nothing, key=b"k", roots={}, package_url="http://p", clock=lambda: NOW,
        models=MODELS,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("about", "subject"),
    [
        ({}, "b7@2.0"),
        ({"software": "2.0"}, "b7@3.0"),
        ({"software": "3.0"}, None),
        ({"software": ""}, None),
        ({"software": "9"}, None),
        ({"model": "A1", "software": ""}, "any@1"),
        ({"manufacturer": "Other"}, None),
    ],
)
def test_what_a_device_gets_follows_from_its_model_and_software(
    about: dict[str, str], subject: str | None, jobs: Jobs
) -> None:
    """The update begins with its first command; without a word of its model, or without that package, nothing does.

    Spec: OMA-TS-DM_FUMO-V1_0 (devicerequest, userrequest)
    """
    before = replace(DEVICE, **about)
    device, operations, writes = jobs.requested(before, [ASKS], NOW)
    if subject is None:
        assert (device, operations, writes) == (before, (), [])
        return
    (job,) = device.jobs
    assert (job.kind, job.action, job.subject, job.state) == ("firmware", "update", subject, JobState.RUNNING)
    assert [(operation.verb, operation.uri) for operation in operations] == [
        ("Replace", "./FUMO/DownloadAndUpdate/PkgURL")
    ]
    assert writes[0] == PutOperation("ann.1", operations[0])
    assert isinstance(writes[1], Append)
    assert writes[1].event.kind == "job.started"


@pytest.mark.parametrize(
    ("type_", "code", "starts"),
    [
        ("org.openmobilealliance.dm.firmwareupdate.devicerequest", 1226, True),
        ("Reversed-Domain-Name: org.openmobilealliance.FirmwareUpdate.UserRequest", 1226, True),
        ("org.openmobilealliance.dm.firmwareupdate.download", 1226, False),
        ("org.openmobilealliance.dm.firmwareupdate.userrequest", 1224, False),
        ("com.example.update", 1226, False),
    ],
)
def test_only_a_request_starts_an_update(type_: str, code: int, jobs: Jobs, *, starts: bool) -> None:
    """The generic alerts of FUMO by which one is asked for, with ``.dm`` in the type or without."""
    device, _, _ = jobs.requested(DEVICE, [DeviceAlert(code=code, type=type_)], NOW)
    assert bool(device.jobs) == starts


def test_a_device_that_keeps_asking_gets_one_update(jobs: Jobs) -> None:
    """Not while one runs, never again what was installed, and what failed only after a day."""
    device, _, _ = jobs.requested(DEVICE, [ASKS], NOW)
    later = NOW + timedelta(hours=1)
    assert jobs.requested(device, [ASKS], later) == (device, (), [])
    for state, again in ((JobState.DONE, False), (JobState.FAILED, True)):
        ended = replace(device, jobs=(replace(device.jobs[0], state=state, ended_at=later),))
        assert jobs.requested(ended, [ASKS], later)[0] is ended
        assert (len(jobs.requested(ended, [ASKS], later + ASK_AGAIN_AFTER)[0].jobs) == 2) == again
