"""A WLAN on a device: what it is told, and that it is never left without the one it had."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from msgspec.structs import replace

from gateway.fleet.job import Job, JobState
from gateway.fleet.operation import Operation
from gateway.objects.wlan import KEY, SEALED_KEY
from gateway.objects.work import begin, work

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
OLD = {"./NAP/web/NAPID": "web", "./NAP/home/Bearer/WLAN/SSIDList/1/SSID": "Office"}


def wlan(action: str = "add", subject: str = "Office", **parameters: str) -> Job:
    return Job(
        id="j1", kind="wlan", action=action, subject=subject, root="./NAP", parameters=parameters, created_at=NOW,
        deadline_at=NOW + timedelta(days=7),
    )  # fmt: skip


def answered(operation: Operation, status: int, held: dict[str, str] | None = None, **members: int) -> Operation:
    """The device's answer, with what it holds and with a status of its own for members by their last segment."""
    others = 215 if status == 507 else status
    below = tuple(
        replace(one, status=members.get(one.uri.rpartition("/")[2], others), status_at=NOW) for one in operation.members
    )
    results = tuple((held or {}).items())
    return replace(operation, status=status, status_at=NOW, results=results, members=below)


def go_on(job: Job, *changed: Operation) -> tuple[Job, tuple[Operation, ...]]:
    worked = work((job,), changed, (), NOW, session_begins=False)
    return worked.jobs[0], worked.operations


def test_a_network_is_added_in_one_atomic_and_the_old_one_of_that_name_goes_last() -> None:
    """All of an access point goes in one Atomic, the key by its name alone; the key is dropped with the job's end.

    Spec: OMA-DDS-DM_ConnMO-V1_0 (NAP)
    """
    job, (listing,) = begin(wlan(security="WPA2", hidden="true", **{SEALED_KEY: "c2VhbGVk"}), NOW)
    assert (listing.verb, listing.uri) == ("Get", "./NAP?list=StructData")
    job, (atomic,) = go_on(job, answered(listing, 200, OLD))
    told = {one.uri.removeprefix("./NAP/j1/"): one.value for one in atomic.members if one.format != "node"}
    assert atomic.verb == "Atomic"
    assert told == {
        "NAPID": "j1",
        "Name": "Office",
        "Bearer/BearerType": "WLAN",
        "Bearer/WLAN/SSIDList/1/SSID": "Office",
        "Bearer/WLAN/OpMode": "INF",
        "Bearer/WLAN/SecMode": "WPA2",
        "Bearer/WLAN/SSIDHidd": "true",
        "Bearer/WLAN/WPA-PreShKeyASCII": KEY,
        "./NAP/home": None,
    }
    assert [one.verb for one in atomic.members] == ["Add"] * (len(atomic.members) - 1) + ["Delete"]
    ended, operations = go_on(job, answered(atomic, 200))
    assert (ended.state, ended.meaning, operations) == (JobState.DONE, "the device has the WLAN Office", ())
    assert (job.has_secret, ended.has_secret) == (True, False)


def test_what_a_device_does_not_take_is_told() -> None:
    """The first refusal is the result; a device without Atomic is told node by node, and half of it is taken back."""
    job, (listing,) = begin(wlan(), NOW)
    job, (atomic,) = go_on(job, answered(listing, 404))
    assert atomic.members[0].uri == "./NAP"
    refused, _ = go_on(job, answered(atomic, 507, SecMode=405))
    assert (refused.state, refused.code) == (JobState.FAILED, 405)

    job, each = go_on(job, answered(atomic, 406))
    job, (undo,) = go_on(job, *(answered(one, 415 if one.uri.endswith("SecMode") else 200) for one in each))
    assert (undo.verb, undo.uri) == ("Delete", "./NAP/j1")
    refused, _ = go_on(job, answered(undo, 200))
    assert (refused.state, refused.code) == (JobState.FAILED, 415)


def test_networks_are_listed_and_removed() -> None:
    """By their SSID; one that is not there is not deleted, and the device's word is the result."""
    job, (listing,) = begin(wlan("list", ""), NOW)
    assert go_on(job, answered(listing, 200, OLD))[0].meaning == "the device has Office"
    job, (listing,) = begin(wlan("remove"), NOW)
    job, (delete,) = go_on(job, answered(listing, 200, OLD))
    assert delete.uri == "./NAP/home"
    assert go_on(job, answered(delete, 200))[0].state is JobState.DONE
    job, (listing,) = begin(wlan("remove", "Elsewhere"), NOW)
    job, _ = go_on(job, answered(listing, 200, OLD))
    assert (job.state, job.code) == (JobState.FAILED, 404)
