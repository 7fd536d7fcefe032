"""A phone that takes a factory reset on: nothing that was known of its tree holds, and its account is likely gone.

When it carries the reset out nobody may be told, so whatever it says before it has it behind it is forgotten, too.

A reset that nobody ordered is only seen by what it leaves behind: another software, or nodes that are gone.

Spec: OMA-TS-LAWMO-V1_0 5 (FactoryReset)
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from itertools import chain

from msgspec.structs import replace

from gateway.fleet import abilities
from gateway.fleet.device import Device, OmaDmState
from gateway.fleet.job import Job, JobState
from gateway.fleet.mirror import Mirror, Outcome, Read
from gateway.status import StatusCode

SETTLES_AFTER = timedelta(hours=1)
"""A phone that calls with its old account this long after it took a reset on has the reset behind it, and kept that."""


AFTER_UPDATE = timedelta(days=1)
"""For so long after an update that the gateway ordered another software is no sign of anything else."""

_SOFTWARE = frozenset(
    ("./DevInfo/Man", "./DevInfo/Mod", "./DevInfo/DmV", "./DevDetail/FwV", "./DevDetail/SwV", "./DevDetail/HwV")
)


def sign(known: Mirror, reads: Iterable[Read], outcomes: Iterable[Outcome]) -> str:
    """What says that the phone may have lost what it held; empty when nothing does.

    Another software than it told before, or 404 to what is at or above a node whose value it took from the gateway.
    """
    steps = list(chain.from_iterable(map(Outcome.steps, outcomes)))
    for read in chain(reads, *(outcome.reads for outcome in steps)):
        uri = read.uri if read.uri.startswith("./") else f"./{read.uri}"
        fact = known.facts.get(uri) if uri in _SOFTWARE else None
        if fact is not None and fact.read and read.value and fact.read != read.value:
            return f"{uri} was {fact.read} and is {read.value}"
    for outcome in steps:
        node = outcome.operation.uri.partition("?")[0]
        if outcome.status == StatusCode.NOT_FOUND and outcome.operation.verb in ("Get", "Replace"):
            for uri, fact in known.facts.items():
                if fact.acknowledged_at is not None and fact.exists and f"{uri}/".startswith(f"{node}/"):
                    return f"{uri} is gone"
    return ""


def doubted(device: Device, sign: str) -> Device:
    """The device of which nothing is believed any more but what it is; the same one without a sign."""
    if not sign or device.omadm is None:
        return device
    return replace(device, omadm=replace(device.omadm, roots={}, synced=""))


def was_updated(device: Device, now: datetime) -> bool:
    """Whether the gateway ordered an update of its software, which runs or has just ended."""
    return any(
        job.kind == "firmware" and (job.running or (job.ended_at is not None and now - job.ended_at < AFTER_UPDATE))
        for job in device.jobs
    )


def is_taken_on(job: Job) -> bool:
    """Whether the device has said that it resets itself, or that it has done so."""
    accepted = job.running and job.stage == "run" and job.percent is not None
    return job.action == "factory-reset" and (accepted or job.state is JobState.DONE)


def after_jobs(device: Device, before: tuple[Job, ...], now: datetime) -> Device:
    """The device when it took a reset on since its jobs were as ``before``, or told what became of one."""
    taken = {job.id for job in before if is_taken_on(job)}
    accepted = {job.id for job in before if job.running} & taken
    state = device.omadm
    if state is None:
        return device
    if any(is_taken_on(job) and job.id not in taken for job in device.jobs):
        return replace(device, omadm=replace(_forgotten(state), reset_at=now))
    if state.reset_at is not None and any(job.id in accepted and not job.running for job in device.jobs):
        return replace(device, omadm=replace(state, reset_at=None))
    return device


def called(device: Device, now: datetime) -> Device:
    """The device when it calls: one that took a reset on is met as one of which nothing is known.

    It has the reset behind it when it said so, when it uses the account that it was given since, or after a while.
    """
    state = device.omadm
    if state is None or state.reset_at is None:
        return device
    waits = any(job.running and is_taken_on(job) for job in device.jobs)
    has_new = has_account(state) and state.pending is None
    over = not waits or has_new or now - state.reset_at >= SETTLES_AFTER
    return replace(device, omadm=replace(_forgotten(state), reset_at=None if over else state.reset_at))


def has_account(state: OmaDmState) -> bool:
    """Whether the phone was given an account since it took a reset on."""
    made_at = state.account_made_at
    return state.reset_at is not None and made_at is not None and made_at >= state.reset_at


def begins(before: Device, after: Device) -> bool:
    """Whether the device took a reset on in between."""
    return _reset_at(before) is None and _reset_at(after) is not None


def forgets(before: Device, after: Device, *, session_begins: bool) -> bool:
    """Whether nothing holds that was known of the device's tree: it takes a reset on, or calls after it did."""
    return begins(before, after) or (session_begins and _reset_at(before) is not None)


def _reset_at(device: Device) -> datetime | None:
    return device.omadm.reset_at if device.omadm else None


def _forgotten(state: OmaDmState) -> OmaDmState:
    return replace(abilities.forgotten(state), roots={}, synced="", described=b"")
