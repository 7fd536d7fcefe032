"""Devices that should call: each is a piece of work in the background until it has, by pushes that are paced.

Hot paths know nothing of it: whether a device has called, and what it holds, is read from its own record.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

import msgspec
from msgspec.structs import replace

from gateway.errors import ConfigError, Conflict, NotFound, Unavailable
from gateway.fleet.device import Device, sim_of
from gateway.fleet.instructions import read_out_by
from gateway.fleet.owners import newly_disproved, spoken, unspoken
from gateway.fleet.push import unanswered
from gateway.fleet.reaching import (
    DeviceProtocol,
    Policy,
    Quiet,
    Reaching,
    Seen,
    Way,
    choose_way,
    latest_look,
    next_step,
)
from gateway.fleet.subscriber import Subscriber
from gateway.observe import metrics
from gateway.outreach.background import Background
from gateway.outreach.pace import Pace
from gateway.outreach.pushes import Ordered, Pushes
from gateway.service import Service
from gateway.settings import Reach
from gateway.store.protocol import Append, DeleteRecord, Event, Household, PutDevice, PutRecord, Record, Store, Write
from gateway.tacs import Tacs

WORK = "reach"
ACTIVATION = "activation"
"""What the kinds of events begin with that tell how far it came with a device."""
LEASE_SECONDS = 60
MAX_AT_ONCE = 32

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Reaching).decode


class Reachings:
    """The devices that should call; ``clock`` gives aware UTC times."""

    def __init__(
        self,
        store: Store,
        service: Service,
        pushes: Pushes,
        settings: Reach,
        background: Background,
        clock: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._service = service
        self._pushes = pushes
        self._settings = settings
        self._policy = policy_of(settings)
        self._tacs = Tacs(store)
        self._background = background
        self._clock = clock
        self._pace = Pace(store, WORK, settings.per_second, clock)
        at_once = max(1, min(MAX_AT_ONCE, int(settings.per_second * LEASE_SECONDS / 4)))
        background.add(WORK, self._work, lease_seconds=LEASE_SECONDS, at_once=at_once, latest=self._latest)

    async def order(
        self,
        device_id: str,
        reason: str,
        *,
        within_seconds: float = 0.0,
        deadline_seconds: float | None = None,
        protocol: DeviceProtocol = "",
    ) -> Reaching:
        """See to it that the device calls, at some moment ``within_seconds``, and is told what it lacks.

        One that should call already is not pushed to any sooner for that.

        Raises: NotFound when there is no such device.
        """
        for _ in range(3):
            household = await self._household(device_id)
            try:
                writes, reaching = await self.writes(
                    household, device_id, reason, within_seconds=within_seconds, deadline_seconds=deadline_seconds,
                    protocol=protocol,
                )  # fmt: skip
                await self._store.commit(*writes)
            except Conflict:
                continue
            self._background.call(WORK)
            return reaching
        raise Conflict(f"the order that device {device_id} should call was changed meanwhile; try again")

    async def writes(
        self,
        household: Household,
        device_id: str,
        reason: str,
        *,
        within_seconds: float = 0.0,
        deadline_seconds: float | None = None,
        protocol: DeviceProtocol = "",
        way: Way | Literal[""] = "",
    ) -> tuple[list[Write], Reaching]:
        """What keeps such an order, to be committed with what the device is to call for."""
        now = self._clock()
        deadline_at = now + timedelta(seconds=deadline_seconds or self._settings.deadline_seconds)
        due_at = now + timedelta(seconds=random.uniform(0, within_seconds))  # noqa: S311 - spreads, hides nothing
        record = await self._store.load_record(WORK, device_id)
        if record is None:
            record = Record(kind=WORK, id=device_id, payload=b"", due_at=due_at)
            reaching = Reaching(
                device_id=device_id, reason=reason, ordered_at=now, deadline_at=deadline_at, protocol=protocol,
                chosen=way, begins_at=due_at,
            )  # fmt: skip
        else:
            reaching = _decode(record.payload).again(reason, now, deadline_at, protocol, way, due_at)
            due_at = min(due_at, record.due_at or due_at)
        record = replace(record, payload=_encode(reaching), due_at=due_at)
        return [PutRecord(record), self._event(household, reaching, "requested")], reaching

    async def after_reset(self, subscriber: Subscriber, device: Device) -> list[Write]:
        """What keeps the order that a phone is given an account anew, in place of whatever it was to call for.

        The phone took a factory reset on: it calls with the new account, and is told all that it is to hold.
        """
        now = self._clock()
        reaching = Reaching(
            device_id=device.id,
            reason="factory reset",
            ordered_at=now,
            deadline_at=now + timedelta(seconds=self._settings.deadline_seconds),
            protocol="omadm",
            chosen="bootstrap",
        )
        record = await self._store.load_record(WORK, device.id) or Record(kind=WORK, id=device.id, payload=b"")
        due_at = now + timedelta(seconds=self._settings.reset_seconds)
        record = replace(record, payload=_encode(reaching), due_at=due_at)
        return [PutRecord(record), self._event(Household(subscriber, (device,)), reaching, "requested")]

    async def load(self, device_id: str) -> Reaching | None:
        """The order that this device should call, or None when there is none open."""
        record = await self._store.load_record(WORK, device_id)
        return None if record is None else _decode(record.payload)

    async def listed(self, *, after: str = "", limit: int = 100) -> Sequence[Reaching]:
        """Open orders by device id."""
        return [_decode(one.payload) for one in await self._store.load_records(WORK, after=after, limit=limit)]

    async def cancel(self, device_id: str) -> Reaching:
        """Let it be: no further push goes out. Raises: NotFound when no order is open."""
        for _ in range(3):
            record = await self._store.load_record(WORK, device_id)
            if record is None:
                break
            reaching = _decode(record.payload)
            writes: list[Write] = [DeleteRecord(record)]
            try:
                writes.append(self._event(await self._household(device_id), reaching, "cancelled"))
                await self._store.commit(*writes)
            except Conflict:
                continue
            return reaching
        raise NotFound(f"nothing makes device {device_id} call; `mogate reach list` shows whom")

    def _latest(self, record: Record, now: datetime) -> datetime:
        return latest_look(_decode(record.payload), self._policy, now)

    async def _work(self, record: Record) -> None:
        reaching = _decode(record.payload)
        try:
            household = await self._household(reaching.device_id)
        except NotFound:
            await self._store.commit(DeleteRecord(record))
            return
        device = next(one for one in household.devices if one.id == reaching.device_id)
        subscriber, now = household.subscriber, self._clock()
        device, writes = self._learned(subscriber, device)
        known = await self._tacs.find(device.imei)
        way = self._way(subscriber, device, reaching, unspoken(device, known.protocols if known else ()))
        step = next_step(reaching, await self._seen(subscriber, device, reaching), self._policy, way, now)
        if step.reaching.called_at is not None and reaching.called_at is None:
            writes.append(self._event(household, step.reaching, "reached"))
        reaching = step.reaching
        if step.do == "push":
            await self._push(household, device, reaching, way, record, writes)
        elif step.do == "wait":
            await self._store.commit(PutRecord(replace(record, payload=_encode(reaching), due_at=step.until)), *writes)
        else:
            how = "configured" if step.do == "done" else "failed"
            metrics.count(metrics.reach, reaching.way or "wait", how)
            if step.do == "done" and reaching.way == "rcscfg":
                metrics.acs_reconfig_lag_seconds.observe((now - reaching.ordered_at).total_seconds())
            failed = {} if step.do == "done" else {"why": _why(reaching), "by_hand": read_out_by(device.id)}
            await self._store.commit(DeleteRecord(record), *writes, self._event(household, reaching, how, **failed))

    async def _push(
        self,
        household: Household,
        device: Device,
        reaching: Reaching,
        way: Way,
        record: Record,
        writes: Sequence[Write],
    ) -> None:
        await self._pace.turn()
        now, why, push_id = self._clock(), "", ""
        # The attempt is on record before it is made: a process that dies in it does not make it again at once.
        record = replace(record, payload=_encode(reaching.pushed(way, "", now)), due_at=self._later(now))
        await self._store.commit(PutRecord(record), *writes)
        record = replace(record, revision=record.revision + 1)
        try:
            ordered = await self._send(household, device, way)
            push_id = ordered.push.id if ordered.push else ""
        except (ConfigError, Conflict, Unavailable, NotFound) as error:
            why = str(error)
        metrics.count(metrics.reach, way, "failed" if why else "pushed")
        reaching = reaching.pushed(way, push_id, now, why)
        await self._store.commit(PutRecord(replace(record, payload=_encode(reaching))))

    async def _send(self, household: Household, device: Device, way: Way) -> Ordered:
        subscriber = household.subscriber
        if way == "dm_notify":
            return await self._pushes.notify(device)
        if way == "bootstrap":
            if device.omadm is not None:
                return await self._pushes.bootstrap_again(device.id, self._clock())
            return await self._pushes.bootstrap(device.id)
        if way == "cp":
            return await self._pushes.configure(subscriber, device)
        imsi = sim_of(subscriber, device)
        holds = device.rcc14 is not None and (device.rcc14.reported_version or 0) > 0
        if holds:
            try:
                # A client that is configured keeps its number and token when it is called by its own name.
                return await self._pushes.reconfigure(subscriber, imsi, by_impi=True)
            except ConfigError:
                pass
        return await self._pushes.reconfigure(subscriber, imsi, by_impi=False)

    def _later(self, now: datetime) -> datetime:
        spread = random.uniform(0.75, 1.25)  # noqa: S311 - spreads, hides nothing
        return now + timedelta(seconds=self._policy.check_seconds * spread)

    def _learned(self, subscriber: Subscriber, device: Device) -> tuple[Device, list[Write]]:
        """The device with the protocols that its pushes have disproved by now, and the writes that keep and tell it."""
        found = newly_disproved(device, unanswered(subscriber.pushes, device.id))
        if not found:
            return device, []
        device = replace(device, disproved=(*device.disproved, *found))
        detail = {"protocols": " ".join(found), "speaks": " ".join(spoken(device))}
        event = Event(
            at=self._clock(),
            kind="device.protocol_disproved",
            subscriber_id=subscriber.id,
            device_id=device.id,
            detail=detail,
        )
        return device, [PutDevice(device), Append(event)]

    def _way(self, subscriber: Subscriber, device: Device, reaching: Reaching, unspoken: frozenset[str]) -> Way:
        if not self._pushes.can_send:
            return "wait"
        return choose_way(
            subscriber,
            device,
            self._policy,
            behind=frozenset(behind(self._service, subscriber, device)),
            protocol=reaching.protocol,
            chosen=reaching.chosen,
            unspoken=unspoken,
        )

    async def _seen(self, subscriber: Subscriber, device: Device, reaching: Reaching) -> Seen:
        if reaching.way == "cp":
            # Such a phone never calls: that it has the message is all there is to know.
            push = next((one for one in subscriber.pushes if one.id == reaching.push), None)
            delivered_at = push.delivered_at if push else None
            return Seen(delivered_at, delivered_at is not None)
        called_at = (await self._store.load_last_seen([device.id])).get(device.id)
        lacking = behind(self._service, subscriber, device)
        spoken = [name for name, state in (("omadm", device.omadm), ("rcc14", device.rcc14)) if state is not None]
        wanted = [reaching.protocol] if reaching.protocol else spoken
        return Seen(called_at, any(name not in lacking for name in wanted))

    def _event(self, household: Household, reaching: Reaching, how: str, **detail: str) -> Append:
        subscriber = household.subscriber
        device = next((one for one in household.devices if one.id == reaching.device_id), None)
        services = self._service.selection(subscriber, device).leaves if device else ()
        metrics.count(metrics.activation, how)
        said = {"reason": reaching.reason, "services": ",".join(services), "way": reaching.way} | detail
        return Append(
            Event(
                at=self._clock(),
                kind=f"{ACTIVATION}.{how}",
                subscriber_id=subscriber.id,
                device_id=reaching.device_id,
                detail={name: text for name, text in said.items() if text},
            )
        )

    async def _household(self, device_id: str) -> Household:
        household = await self._store.load_household("id", device_id.rpartition(".")[0])
        if household is None or all(one.id != device_id for one in household.devices):
            raise NotFound(f"there is no device {device_id}")
        return household


def policy_of(settings: Reach) -> Policy:
    """The policy that the settings state."""
    quiet = None
    if settings.quiet_from is not None and settings.quiet_until is not None:
        quiet = Quiet(settings.quiet_from, settings.quiet_until, ZoneInfo(settings.timezone))
    return Policy(
        attempts=settings.attempts,
        retry_seconds=settings.retry_seconds,
        max_retry_seconds=settings.max_retry_seconds,
        check_seconds=settings.check_seconds,
        quiet=quiet,
        legacy=frozenset(settings.legacy_tacs),
        first=settings.first,
    )


def behind(service: Service, subscriber: Subscriber, device: Device) -> list[str]:
    """The protocols that this device speaks and over which it was not given all that it is to hold by now."""
    key = service.configuration_key(subscriber, device)
    found = []
    if device.omadm is not None and device.omadm.synced != key:
        found.append("omadm")
    if device.rcc14 is not None and not any(
        one.key.startswith(f"{key}|") and device.rcc14.sent_version >= one.version
        for one in device.rcc14.contents.values()
    ):
        found.append("rcc14")
    return found


def _why(reaching: Reaching) -> str:
    if reaching.called_at is not None:
        return reaching.why or "it called, and did not take all that it is to hold"
    if reaching.why:
        return reaching.why
    return "it did not call by the deadline" if reaching.attempts else "no way leads to it, and it did not call"
