"""Phones that take a factory reset on."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from gateway.fleet.device import AccountPair, Credential, Device, OmaDmState
from gateway.fleet.job import Job, JobState
from gateway.fleet.mirror import Mirror, Outcome, Read
from gateway.fleet.operation import Operation
from gateway.fleet.reset import (
    SETTLES_AFTER,
    after_jobs,
    begins,
    called,
    doubted,
    forgets,
    has_account,
    sign,
    was_updated,
)
from gateway.status import StatusCode

NOW = datetime(2026, 1, 2, tzinfo=UTC)
LATER = NOW + timedelta(minutes=5)
NOBODY = Credential(name="", secret=b"")
JOB = Job(id="j1", kind="lock", action="factory-reset", stage="run")
ACCEPTED = replace(JOB, percent=10)
KNOWN = OmaDmState(
    loc_uri="phone", client=NOBODY, roots={"ims": "./IMS"}, roots_sought=True, synced="key", described=b"said",
    large_objects=True,
)  # fmt: skip


def device(job: Job = JOB, state: OmaDmState = KNOWN) -> Device:
    return Device(id="ann.1", jobs=(job,), omadm=state)


def taken_on(job: Job = ACCEPTED) -> Device:
    return after_jobs(device(job), (JOB,), NOW)


@pytest.mark.parametrize("job", [ACCEPTED, replace(JOB, state=JobState.DONE)])
def test_what_was_known_of_the_tree_is_forgotten_at_once(job: Job) -> None:
    """Whether the phone says 202 or that it is done: it may lose its tree at any moment from now.

    Spec: OMA-TS-LAWMO-V1_0 5 (FactoryReset)
    """
    after = taken_on(job)
    state = after.omadm
    assert state is not None
    assert (state.reset_at, state.roots, state.synced, state.described) == (NOW, {}, "", b"")
    assert (state.roots_sought, state.large_objects) == (False, None)
    assert begins(device(), after)
    assert forgets(device(), after, session_begins=False)
    assert after_jobs(after, (job,), LATER) is after


@pytest.mark.parametrize("job", [JOB, replace(JOB, state=JobState.FAILED), replace(ACCEPTED, action="wipe")])
def test_a_phone_that_takes_no_reset_on_is_believed(job: Job) -> None:
    """The command is only sent, or refused, or another."""
    after = device(job)
    assert after_jobs(after, (JOB,), NOW) is after
    assert called(after, NOW) is after


@pytest.mark.parametrize("state", [JobState.DONE, JobState.FAILED])
def test_a_phone_that_tells_has_it_behind_it(state: JobState) -> None:
    """The generic alert ends it, either way; the session that brings that is the last to begin with nothing known."""
    calls = called(taken_on(), LATER)
    told = after_jobs(replace(calls, jobs=(replace(ACCEPTED, state=state),)), calls.jobs, LATER)
    assert told.omadm is not None
    assert told.omadm.reset_at is None
    assert forgets(taken_on(), told, session_begins=True)
    assert called(told, LATER) is told
    assert not forgets(told, told, session_begins=True)


def test_every_call_counts_as_the_first_until_it_is_over() -> None:
    """A phone with its old account may have the reset yet to come; after an hour it has it behind it, and kept that."""
    early = called(taken_on(), LATER)
    assert early.omadm is not None
    assert early.omadm.reset_at == NOW
    believed = replace(early, omadm=replace(early.omadm, synced="key", roots={"ims": "./IMS"}))
    again = called(believed, LATER)
    assert again.omadm is not None
    assert (again.omadm.synced, again.omadm.roots) == ("", {})
    late = called(believed, NOW + SETTLES_AFTER)
    assert late.omadm is not None
    assert (late.omadm.synced, late.omadm.reset_at) == ("", None)


def test_the_account_it_was_given_since_tells_that_it_is_over() -> None:
    """As soon as the phone uses that; an older one that it had yet to use says nothing."""
    pair = AccountPair(NOBODY, NOBODY)
    for made_at, pending, over in (
        (LATER, None, True),
        (LATER, pair, False),
        (NOW - timedelta(days=1), None, False),
    ):
        phone = taken_on()
        assert phone.omadm is not None
        state = replace(phone.omadm, account_made_at=made_at, pending=pending)
        assert has_account(state) == (made_at == LATER)
        calls = called(replace(phone, omadm=state), LATER)
        assert calls.omadm is not None
        assert (calls.omadm.reset_at is None) == over


def test_a_job_that_an_operator_ended_does_not_bring_the_tree_back() -> None:
    """The phone may carry out what it accepted."""
    phone = replace(taken_on(), jobs=(replace(ACCEPTED, state=JobState.CANCELLED),))
    calls = called(phone, LATER)
    assert calls.omadm is not None
    assert (calls.omadm.synced, calls.omadm.reset_at) == ("", None)
    assert forgets(phone, calls, session_begins=True)


HELD = (
    Mirror(device_id="ann.1")
    .read([Read("./DevDetail/SwV", value="1.0"), Read("./DevInfo/Lang", value="en"), Read("./Own/A", value="1")], NOW)
    .acknowledged([(Operation(id="a", verb="Replace", uri="./IMS/Timer", value="5"), 200)], NOW)
)


@pytest.mark.parametrize(
    ("verb", "uri", "status", "told"),
    [
        ("Replace", "./IMS/Timer", 404, "./IMS/Timer is gone"),
        ("Get", "./IMS?list=StructData", 404, "./IMS/Timer is gone"),
        ("Get", "./IMS?list=StructData", 406, ""),
        ("Delete", "./IMS/Timer", 404, ""),
        ("Replace", "./Own/A", 404, ""),
        ("Get", "./IM", 404, ""),
    ],
)
def test_what_a_phone_has_lost_is_a_sign(verb: str, uri: str, status: int, told: str) -> None:
    """404 to a value that it took from the gateway, or to what is above that; to nothing else."""
    outcome = Outcome(Operation(id="x", verb=verb, uri=uri), StatusCode(status))  # type: ignore[arg-type]
    assert sign(HELD, (), [outcome]) == told


def test_another_software_is_a_sign() -> None:
    """Where it was read before and is read as another now; a language that the user chose is none."""
    get = Operation(id="x", verb="Get", uri="./DevDetail/SwV")
    read = Outcome(get, StatusCode.OK, (Read("DevDetail/SwV", value="2.0"),))
    assert sign(HELD, (), [read]) == "./DevDetail/SwV was 1.0 and is 2.0"
    assert sign(HELD, [Read("DevInfo/Lang", value="de"), Read("./DevDetail/SwV", value="1.0")], ()) == ""
    assert sign(Mirror(device_id="ann.1"), (), [read]) == ""


def test_a_phone_in_doubt_is_brought_up_anew() -> None:
    """Where its objects are is found anew, and it is not held to be up to date; an update explains another software."""
    one = device()
    assert doubted(one, "") is one
    state = doubted(one, "./IMS/Timer is gone").omadm
    assert state is not None
    assert (state.roots, state.synced, state.large_objects) == ({}, "", True)
    update = Job(id="j2", kind="firmware", action="update", state=JobState.DONE, ended_at=NOW)
    assert was_updated(device(update), LATER)
    assert not was_updated(device(update), NOW + timedelta(days=2))
    assert not was_updated(device(), LATER)
