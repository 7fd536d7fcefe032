"""Jobs over the standard objects of a device: start, cancel, and the records that follow from its answers."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

import msgspec
from msgspec.structs import replace

from gateway.accounts import Accounts
from gateway.errors import ConfigError, Conflict, NotFound
from gateway.fleet import reset
from gateway.fleet.alert import GENERIC, DeviceAlert
from gateway.fleet.device import Device
from gateway.fleet.job import Job, JobState, kept
from gateway.fleet.model import DIAGNOSTICS, Diagnostics, Model, model_of
from gateway.fleet.operation import Operation, naming_package
from gateway.fleet.queue import Queue
from gateway.inventory import Inventory
from gateway.objects import wlan
from gateway.objects.account import address_before, refused
from gateway.objects.capability import CONFIG
from gateway.objects.diagnostics import given, gives
from gateway.objects.work import USUAL_ROOTS, begin, standing, without_secret, work
from gateway.observe import metrics
from gateway.observe.logs import logger
from gateway.packages import Link, PackageKind, Packages, format_link
from gateway.sealing import Sealer
from gateway.service import ALERT_EVENTS
from gateway.status import StatusCode
from gateway.store.protocol import Append, Event, PutDevice, PutOperation, Store, Write

CONFIRM_SECONDS = 300
CANCELLED = StatusCode(514)
MAX_HANDED_BYTES = 16 << 20
"""Of a package that goes to a device in its tree: it is at hand as long as that takes."""

ASK_AGAIN_AFTER = timedelta(days=1)
"""A device that asks for a package that it could not install is not given it again before that."""

DEADLINES = {
    "firmware": timedelta(days=7),
    "software": timedelta(days=7),
    "lock": timedelta(days=7),
    "capability": timedelta(days=7),
    "diagnostics": timedelta(days=7),
    "inventory": timedelta(days=7),
    "account": timedelta(days=30),
    "wlan": timedelta(days=7),
}
"""How long a job may take unless the operator says otherwise: phones may be off for days."""

ACTIONS: Mapping[str, tuple[str, ...]] = {
    "firmware": ("update", "download", "install"),
    "software": ("install", "remove", "activate", "deactivate", "inventory"),
    "lock": ("lock", "partial-lock", "unlock", "wipe", "factory-reset"),
    "capability": ("enable", "disable", "list"),
    "diagnostics": ("start", "stop", "configure", "read", "list"),
    "inventory": ("read",),
    "account": ("rotate", "move", "read"),
    "wlan": ("add", "remove", "list"),
}
GRAVE = frozenset({"lock", "partial-lock", "wipe", "factory-reset"})
"""Actions that take a second call with the code that the first one gave."""


class Unconfirmed(NamedTuple):
    """What a first call gives: the code to repeat it with, and until when that is good."""

    code: str
    expires_at: datetime


class Jobs:
    """The operator's use cases; ``clock`` gives aware UTC times.

    ``roots`` says where MOs are mounted on devices that were not asked, ``package_url`` where devices fetch packages
    unless ``models`` has them get them in their tree, ``diagnostics`` what DiagMon's nodes are called.
    """

    def __init__(
        self,
        store: Store,
        inventory: Inventory,
        packages: Packages,
        accounts: Accounts,
        sealer: Sealer,
        *,
        key: bytes,
        roots: Mapping[str, str],
        package_url: str,
        clock: Callable[[], datetime],
        models: Sequence[Model] = (),
        diagnostics: Diagnostics = DIAGNOSTICS,
    ) -> None:
        self._store = store
        self._inventory = inventory
        self._packages = packages
        self._accounts = accounts
        self._sealer = sealer
        self._key = key
        self._roots = dict(roots)
        self._package_url = package_url
        self._clock = clock
        self._models = tuple(models)
        self._diagnostics = diagnostics

    async def start(
        self,
        reference: str,
        kind: str,
        action: str,
        *,
        subject: str = "",
        items: Sequence[str] = (),
        hours: int | None = None,
        confirm: str | None = None,
        secret: str = "",
    ) -> Job | Unconfirmed:
        """The job, which waits for the device's next session; one that runs already when it is the same.

        ``secret`` is the key of a WLAN; it is kept sealed, and no longer than the job runs.

        Raises: NotFound for an unknown device or package, Conflict when another job of the kind runs or the code is
        not good, ConfigError for an action that the kind does not have.
        """
        _, device = await self._inventory.find_device(reference)
        if action not in ACTIONS.get(kind, ()):
            known = ", ".join(f"{kind} {action}" for kind, actions in ACTIONS.items() for action in actions)
            raise ConfigError(f"there is no {kind} {action}; there is: {known}", key="action")
        if device.omadm is None:
            raise Conflict(f"device {device.id} has no OMA DM account; give it one with `mogate device add`")
        if action in GRAVE:
            if confirm is None:
                return self._ask_again(device.id, action)
            self._check(device.id, action, confirm)

        async def attempt() -> Job:
            _, device = await self._inventory.find_device(reference)
            now = self._clock()
            jobs = tuple(standing(job, now) for job in device.jobs)
            for job in jobs:
                if job.running and job.kind == kind:
                    is_same = (job.action, job.parameters.get("asked", job.subject)) == (action, subject)
                    if is_same and (kind != "diagnostics" or given(action, items) == gives(job)):
                        return job
                    raise Conflict(
                        f"{job.kind} {job.action} of device {device.id} runs already; wait for it, or end it with "
                        f"`mogate device cancel {device.id} {job.id}`"
                    )
            deadline_at = now + (timedelta(hours=hours) if hours else DEADLINES[kind])
            asked = self._asked(device, kind, action, subject, items, now, deadline_at)
            if secret:
                sealed = base64.b64encode(self._sealer.seal(secret.encode(), _purpose(device.id))).decode()
                asked = replace(asked, parameters=asked.parameters | {wlan.SEALED_KEY: sealed})
            job, operations = begin(asked, now)
            if kind == "account" and action != "read":
                made_at = device.omadm.account_made_at if device.omadm else None
                job = replace(job, parameters=job.parameters | {"made_at": made_at.isoformat() if made_at else ""})
                device = self._accounts.renewed(device, now)
            writes: list[Write] = [PutDevice(replace(device, jobs=kept((*jobs, job))))]
            writes += [PutOperation(device.id, operation) for operation in operations]
            await self._store.commit(*writes, _event(device, job, "job.started", now))
            return job

        try:
            return await attempt()
        except Conflict:
            return await attempt()

    def requested(
        self, device: Device, alerts: Sequence[DeviceAlert], now: datetime
    ) -> tuple[Device, tuple[Operation, ...], list[Write]]:
        """The device with a firmware update that starts because it, or its user, asked for one, and what follows.

        Which package it gets is said by its model for the software that it has; without that, while another update
        runs, and after that package was installed or was tried within a day, nothing starts.

        Spec: OMA-TS-DM_FUMO-V1_0 (client-initiated firmware update)
        """
        nothing: tuple[Device, tuple[Operation, ...], list[Write]] = (device, (), [])
        if not any(alert.code == GENERIC and alert.kind.lower() in ALERT_EVENTS for alert in alerts):
            return nothing
        subject = model_of(self._models, device).update_for(device.software)
        if not subject:
            return nothing
        jobs = tuple(standing(job, now) for job in device.jobs)
        try:
            asked = self._asked(device, "firmware", "update", subject, (), now, now + DEADLINES["firmware"])
        except (NotFound, ConfigError) as error:
            logger().warning("update_unavailable", device=device.id, package=subject, why=str(error))
            return nothing
        if any(_forbids(job, asked, now) for job in jobs):
            return nothing
        job, operations = begin(asked, now)
        device = replace(device, jobs=kept((*jobs, job)))
        writes: list[Write] = [PutOperation(device.id, operation) for operation in operations]
        return device, operations, [*writes, _event(device, job, "job.started", now)]

    def check_package(self, subject: str) -> None:
        """There is such a firmware package. Raises: NotFound."""
        self._packages.find(subject, "firmware")

    async def move_back(self, reference: str, job_id: str) -> bool:
        """Undo a move to another address: True when another job leads the device to the address before.

        A move that is under way is ended. A device that was given the account with the other address may use it still,
        and is heard there as here.

        Raises: NotFound, ConfigError, Conflict as with ``start``.
        """
        _, device = await self._inventory.find_device(reference)
        job = next((standing(one, self._clock()) for one in device.jobs if one.id == job_id), None)
        if job is not None and job.running:
            await self.cancel(reference, job_id)
        before = address_before(job) if job is not None and job.state is JobState.DONE else ""
        if before:
            await self.start(reference, "account", "move", subject=before)
        return bool(before)

    async def cancel(self, reference: str, job_id: str) -> Job:
        """End a running job. What the device was told already it may still carry out.

        Raises: NotFound.
        """

        async def attempt() -> Job:
            _, device = await self._inventory.find_device(reference)
            now = self._clock()
            job = next((standing(job, now) for job in device.jobs if job.id == job_id), None)
            if job is None:
                known = ", ".join(job.id for job in device.jobs) or "none"
                raise NotFound(f"device {device.id} has no job {job_id!r}; it has: {known}")
            if not job.running:
                return job
            ended = replace(
                job,
                state=JobState.CANCELLED,
                step="",
                waiting=(),
                code=int(CANCELLED),
                meaning="cancelled by an operator",
                ended_at=now,
                parameters=without_secret(job),
            )
            jobs = tuple(ended if one.id == job_id else one for one in device.jobs)
            writes: list[Write] = [PutDevice(replace(device, jobs=jobs))]
            for operation in await self._store.load_operations(device.id):
                if operation.id in job.waiting:
                    writes.append(PutOperation(device.id, replace(operation, status=int(CANCELLED), status_at=now)))
            await self._store.commit(*writes, _event(device, ended, "job.cancelled", now))
            return ended

        try:
            return await attempt()
        except Conflict:
            return await attempt()

    def _asked(
        self,
        device: Device,
        kind: str,
        action: str,
        subject: str,
        items: Sequence[str],
        now: datetime,
        deadline_at: datetime,
    ) -> Job:
        parameters: dict[str, str] = {"items": ",".join(items)} if items else {}
        package_kind: PackageKind | None = "firmware" if kind == "firmware" and action != "install" else None
        if kind == "software" and action == "install":
            package_kind = "software"
        if package_kind is not None:
            package = self._packages.find(subject, package_kind)
            link = format_link(Link(package.id, device.id), deadline_at, self._key)
            parameters |= {
                "asked": subject,
                "package": package.id,
                "node": f"p{package.id}",
                "url": f"{self._package_url}?p={link}",
            }
            if model_of(self._models, device).packages == "tree":
                if package.size_bytes > MAX_HANDED_BYTES:
                    raise ConfigError(
                        f"package {package.name}@{package.version} has {package.size_bytes} octets; up to "
                        f"{MAX_HANDED_BYTES} can be handed over in the tree of a device, larger ones only by URL",
                        key="omadm.models",
                    )
                parameters["content"] = naming_package(package.id)
            subject = f"{package.name}@{package.version}"
        if kind == "capability" and (unknown := set(items) - CONFIG.keys()):
            raise ConfigError(f"there is no {', '.join(sorted(unknown))}; there is: {', '.join(CONFIG)}", key="items")
        if kind == "wlan" and items:
            parameters = _checked(items)
        if kind == "diagnostics":
            names = msgspec.structs.asdict(model_of(self._models, device).diagnostics or self._diagnostics)
            parameters = names | given(action, items)
        if kind == "account" and device.omadm and device.omadm.server:
            parameters["server_id"] = device.omadm.server.name
            if action == "move":
                check_address(subject)
                parameters |= {"asked": subject, "address": subject, "node": f"m{device.omadm.account_serial + 1}"}
            else:
                subject = device.omadm.server.name
        mo, usual = USUAL_ROOTS[kind]
        own = device.omadm.roots if device.omadm else {}
        return Job(
            id=f"j{secrets.token_hex(5)}",
            kind=kind,
            action=action,
            subject=subject,
            root=own.get(mo) or model_of(self._models, device).roots.get(mo) or self._roots.get(mo) or usual,
            parameters=parameters,
            created_at=now,
            deadline_at=deadline_at,
        )

    def secrets(self, device: Device) -> dict[str, str]:
        """What the operations of a device's jobs only name: passwords of its newest account, the key of a WLAN.

        Raises: ConfigError when a key was sealed by another gateway.
        """
        sealed = [job.parameters[wlan.SEALED_KEY] for job in device.jobs if wlan.SEALED_KEY in job.parameters]
        keys = {
            wlan.KEY.strip("{}"): self._sealer.unseal(base64.b64decode(one), _purpose(device.id)).decode()
            for one in sealed
        }
        return self._accounts.variables(device) | keys

    def _ask_again(self, device_id: str, action: str) -> Unconfirmed:
        expires_at = (self._clock() + timedelta(seconds=CONFIRM_SECONDS)).replace(microsecond=0)
        return Unconfirmed(self._code(device_id, action, int(expires_at.timestamp())), expires_at)

    def _check(self, device_id: str, action: str, confirm: str) -> None:
        """Raises: Conflict when the code is not this device's and action's, or its time is over."""
        end = confirm.partition("-")[0]
        seconds = int(end, 36) if end.isascii() and end.isalnum() and len(end) <= 10 else 0
        good = hmac.compare_digest(confirm.encode(), self._code(device_id, action, seconds).encode())
        if not good or self._clock().timestamp() >= seconds:
            raise Conflict(
                f"the code {confirm[:40]!r} does not confirm {action} of device {device_id} (any more); "
                "ask again without a code for a new one"
            )

    def _code(self, device_id: str, action: str, seconds: int) -> str:
        said = f"confirm:{device_id}:{action}:{seconds}".encode()
        return f"{_base36(seconds)}-{hmac.digest(self._key, said, hashlib.sha256).hex()[:8]}"


def work_jobs(
    device: Device, queue: Queue, now: datetime, *, session_begins: bool
) -> tuple[Device, tuple[Operation, ...], list[Write]]:
    """The device with its jobs moved on, the pending operations with those the jobs add, and the writes that follow.

    A device without running jobs costs nothing.
    """
    if not any(job.running for job in device.jobs):
        return device, queue.pending, []
    state, before = device.omadm, device.jobs
    worked = work(
        before,
        queue.changed,
        queue.pending,
        now,
        session_begins=session_begins,
        account_waits=state is not None and state.pending is not None,
        reset_over=session_begins and state is not None and state.reset_at is None,
    )
    dropped = {operation.id for operation in worked.dropped}
    pending = (*(one for one in queue.pending if one.id not in dropped), *worked.operations)
    if worked.jobs != device.jobs:
        device = replace(device, jobs=worked.jobs)
    for job in worked.ended:
        if job.kind == "account" and refused(job):
            device = _without_pending(device, job)
    device = reset.after_jobs(device, before, now)
    writes: list[Write] = [PutOperation(device.id, one) for one in (*worked.dropped, *worked.operations)]
    for job in worked.ended:
        metrics.count(metrics.jobs_ended, job.kind, job.state.value)
        writes.append(_event(device, job, f"job.{job.state.value}", now))
    return device, pending, writes


def _purpose(device_id: str) -> str:
    return f"wlan key {device_id}"


def _checked(items: Sequence[str]) -> dict[str, str]:
    """How a WLAN is to be joined, by name. Raises: ConfigError."""
    told = dict(item.partition("=")[::2] for item in items)
    if unknown := told.keys() - {"security", "hidden"}:
        raise ConfigError(f"there is no {', '.join(sorted(unknown))}; there is: security, hidden", key="items")
    return told


def check_address(address: str) -> None:
    """It is one that a device can call. Raises: ConfigError."""
    if not re.fullmatch(r"https?://[^\s/]+(/\S*)?", address):
        raise ConfigError(f"{address!r} is no address; write for example https://dm.example.net/omadm", key="address")


def _forbids(job: Job, asked: Job, now: datetime) -> bool:
    """Whether a job is a reason not to start another update because the device asks for one."""
    if job.kind != "firmware" or job.running:
        return job.kind == "firmware"
    lately = job.ended_at is not None and now - job.ended_at < ASK_AGAIN_AFTER
    return job.parameters.get("package") == asked.parameters["package"] and (lately or job.state is JobState.DONE)


def standings(jobs: Iterable[Job], now: datetime) -> list[Job]:
    """The jobs as they stand at that time."""
    return [standing(job, now) for job in jobs]


def _without_pending(device: Device, job: Job) -> Device:
    """The device with the account it had before a job that it refused."""
    state, made_at = device.omadm, job.parameters.get("made_at")
    if state is None or state.pending is None:
        return device
    state = replace(
        state,
        pending=None,
        account_serial=state.account_serial - 1,
        account_made_at=datetime.fromisoformat(made_at) if made_at else None,
    )
    return replace(device, omadm=state)


def _event(device: Device, job: Job, kind: str, now: datetime) -> Append:
    detail = {"job": job.id, "kind": job.kind, "action": job.action, "subject": job.subject, "meaning": job.meaning}
    if job.code is not None:
        detail["code"] = str(job.code)
    said = {name: text for name, text in detail.items() if text}
    return Append(Event(at=now, kind=kind, subscriber_id=device.subscriber_id, device_id=device.id, detail=said))


def _base36(number: int) -> str:
    digits = ""
    while number:
        number, rest = divmod(number, 36)
        digits = "0123456789abcdefghijklmnopqrstuvwxyz"[rest] + digits
    return digits or "0"
