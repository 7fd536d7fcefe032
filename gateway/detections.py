"""What becomes of sightings: whose they are, what is new in them, and what is kept and told of that.

Each sighting is loaded, judged by the pure step in ``fleet.detection`` and saved by compare-and-set, so that the same
one is told once, however often and by however many ways it comes.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Literal, NamedTuple, Protocol

import msgspec

from gateway.errors import MogateError, Unavailable
from gateway.fleet.detection import MAX_DEVICES, Cause, Detection, Sighting, detail_of, detect, phone_of
from gateway.fleet.detection_rules import Rule, calling, follow
from gateway.fleet.device import Device, format_imei
from gateway.fleet.reaching import Way
from gateway.fleet.subscriber import Subscriber
from gateway.fleet.tac import PhoneModel
from gateway.inventory import next_device_id
from gateway.observe import metrics
from gateway.settings import Detection as DetectionSettings
from gateway.store.conflicts import try_again
from gateway.store.protocol import (
    Append,
    DeleteRecord,
    Event,
    Household,
    PutDevice,
    PutRecord,
    PutSubscriber,
    Record,
    Store,
    Write,
)
from gateway.tacs import Tacs

EVENT = "device.detected"
MATCHED = "detection.matched"
"""A rule that is to be told elsewhere was for a detection."""
WORK = "detection"
MAX_AT_ONCE = 64
MAX_REPLAYED = 1000
EVENTS_AT_ONCE = 1000

Outcome = Literal["detected", "known", "stale", "unknown", "failed"]


_encode = msgspec.msgpack.Encoder().encode


class Call(msgspec.Struct, frozen=True, array_like=True):
    """That a rule wants a phone to call, until its order is on record."""

    device_id: str
    rule: str
    within_seconds: float
    way: Way | Literal[""] = ""


_decode = msgspec.msgpack.Decoder(Call).decode


class Caller(Protocol):
    """What makes devices call."""

    async def writes(
        self,
        household: Household,
        device_id: str,
        reason: str,
        *,
        within_seconds: float = 0.0,
        way: Way | Literal[""] = "",
    ) -> tuple[list[Write], object]:
        """What keeps the order that a device should call."""
        ...


class Report(NamedTuple):
    """What became of one sighting. ``why`` says why it failed."""

    outcome: Outcome
    subscriber_id: str = ""
    device_id: str = ""
    causes: tuple[str, ...] = ()
    why: str = ""


class Step(NamedTuple):
    """What a sighting changes: the subscriber as it is then, what else is to be written, and what to report."""

    subscriber: Subscriber
    writes: list[Write]
    report: Report


class Replayed(NamedTuple):
    """A detection of the log, and the rules that would be for it."""

    event: Event
    rules: tuple[Rule, ...]


class Seen(NamedTuple):
    """What a protocol that met a phone has to save: the subscriber, if it is another object, and these writes."""

    subscriber: Subscriber
    writes: Sequence[Write] = ()


class Detections:
    """The use cases of detection over a store; ``clock`` gives aware UTC times."""

    def __init__(
        self,
        store: Store,
        settings: DetectionSettings,
        clock: Callable[[], datetime],
        rules: Sequence[Rule] = (),
    ) -> None:
        self._store = store
        self._settings = settings
        self._clock = clock
        self._rules = tuple(rules)
        self._tacs = Tacs(store)

    @property
    def rules(self) -> tuple[Rule, ...]:
        """Those in force, in their order."""
        return self._rules

    def adopt(self, rules: Sequence[Rule]) -> None:
        """Go by these rules from now on."""
        self._rules = tuple(rules)

    async def report(self, sighting: Sighting) -> Report:
        """What is new in a sighting, kept and told.

        Raises: Unavailable when the store is, or when others write the subscriber again and again.
        """
        return await self._report(sighting, await self._find(sighting))

    async def report_all(self, sightings: Iterable[Sighting]) -> list[Report]:
        """The same for many, in their order for each subscriber; those that fail say why.

        Sightings of different subscribers share the store's round trips.

        Raises: Unavailable.
        """
        reports: list[Report] = []
        batch: dict[str, asyncio.Task[Report]] = {}

        async def finish() -> None:
            done = await asyncio.gather(*batch.values(), return_exceptions=True)
            for one in done:
                if isinstance(one, Unavailable):
                    raise one
                reports.append(Report("failed", why=_why(one)) if isinstance(one, BaseException) else one)
            batch.clear()

        for sighting in sightings:
            household = await self._find(sighting)
            whose = household.subscriber.id if household else f"+{sighting.imsi or sighting.msisdn}"
            if whose in batch or len(batch) >= MAX_AT_ONCE:
                await finish()
                household = await self._find(sighting)
            batch[whose] = asyncio.create_task(self._report(sighting, household))
        await finish()
        return reports

    def step(
        self,
        household: Household,
        sighting: Sighting,
        now: datetime,
        device: Device | None = None,
        model: PhoneModel | None = None,
    ) -> Step:
        """What a sighting changes; nothing when the subscriber that comes back is the same object.

        ``device`` is the phone, where its record is made by somebody else, ``model`` what its TAC says. Nothing is
        stored: the writes belong into one commit with the subscriber.
        """
        detected = detect(household.subscriber, sighting, now)
        subscriber_id = household.subscriber.id
        if detected.subscriber is household.subscriber:
            return Step(detected.subscriber, [], Report("stale" if detected.stale else "known", subscriber_id))
        writes: list[Write] = []
        if device is None and sighting.imei and not sighting.removed and detected.detections:
            device = phone_of(household.devices, sighting.imei)
            if device is None and len(household.devices) < MAX_DEVICES:
                device = Device(
                    id=next_device_id(household),
                    imei=format_imei(sighting.imei),
                    manufacturer=model.manufacturer if model else "",
                    model=model.model if model else "",
                )
                writes.append(PutDevice(device))
        subscriber, device_id = detected.subscriber, device.id if device else ""
        followed: list[Rule] = []
        for detection in detected.detections:
            following = follow(self._rules, subscriber, device or _unrecorded(detection), detection, sighting.source)
            subscriber = following.subscriber
            followed += following.rules
            detail = detail_of(detection, sighting)
            for rule in following.rules:
                metrics.count(metrics.detection_rules, rule.name)
                if rule.webhook:
                    writes.append(_event(MATCHED, subscriber_id, device_id, {"rule": rule.name} | detail, now))
            if following.rules:
                detail["rules"] = " ".join(rule.name for rule in following.rules)
            writes.append(_event(EVENT, subscriber_id, device_id, detail, now))
        if (call := calling(followed)) and device_id:
            order = Call(device_id, *call)
            writes.append(PutRecord(Record(
                kind=WORK, id=f"{device_id}-{secrets.token_hex(4)}", payload=_encode(order), due_at=now
            )))  # fmt: skip
        causes = tuple(detection.cause.value for detection in detected.detections)
        report = Report("detected" if causes else "known", subscriber_id, device_id, causes)
        return Step(subscriber, writes, report)

    def seen(self, household: Household, sighting: Sighting, now: datetime, device: Device) -> Seen:
        """What is to be saved when a phone shows up at one of the gateway's own protocols, with whatever else is."""
        step = self.step(household, sighting, now, device)
        counted(step.report, sighting)
        return Seen(step.subscriber, step.writes)

    async def replay(
        self, since: datetime, until: datetime, rules: Sequence[Rule] | None = None, *, limit: int = MAX_REPLAYED
    ) -> list[Replayed]:
        """What these rules (None: those in force) would make of the detections of that time; nothing is done.

        Subscribers and devices are looked at as they are today. At most ``limit`` are given, the oldest first.
        """
        rules = self._rules if rules is None else rules
        replayed: list[Replayed] = []
        after = 0
        while events := await self._store.load_events(after_seq=after, limit=EVENTS_AT_ONCE):
            after = events[-1].seq
            for event in events:
                if event.kind == EVENT and since <= event.at < until:
                    replayed.append(await self._replay(event, rules))
                    if len(replayed) >= limit:
                        return replayed
            await asyncio.sleep(0)
        return replayed

    async def _replay(self, event: Event, rules: Sequence[Rule]) -> Replayed:
        household = await self._store.load_household("id", event.subscriber_id)
        if household is None:
            return Replayed(event, ())
        detail = event.detail
        detection = Detection(Cause(detail["cause"]), detail.get("imsi", ""), detail.get("imei", ""))
        known = next((device for device in household.devices if device.id == event.device_id), None)
        device = known or _unrecorded(detection)
        return Replayed(event, follow(rules, household.subscriber, device, detection, detail["source"]).rules)

    async def call(self, record: Record, caller: Caller) -> None:
        """See to it that the phone of such a record calls; it is ordered once, whatever happens meanwhile."""
        call = _decode(record.payload)
        household = await self._store.load_household("id", call.device_id.rpartition(".")[0])
        writes: list[Write] = []
        if household is not None and any(device.id == call.device_id for device in household.devices):
            reason = f"detection rule {call.rule}"
            writes, _ = await caller.writes(
                household, call.device_id, reason, within_seconds=call.within_seconds, way=call.way
            )
        await self._store.commit(*writes, DeleteRecord(record))

    async def _report(self, sighting: Sighting, household: Household | None) -> Report:
        found = [household]

        async def change() -> Report:
            # What was found for the first attempt is out of date for another one.
            return await self._take(sighting, found.pop() if found else await self._find(sighting))

        busy = Unavailable("others write this subscriber again and again, or an identity of theirs is another's")
        return counted(await try_again(change, busy), sighting)

    async def _take(self, sighting: Sighting, household: Household | None) -> Report:
        now, created = self._clock(), household is None
        if household is None:
            if self._settings.unknown_subscribers == "ignore" or sighting.removed:
                return Report("unknown")
            household = _stranger(sighting)
        new = bool(sighting.imei) and phone_of(household.devices, sighting.imei) is None
        model = await self._tacs.find(sighting.imei) if new else None
        step = self.step(household, sighting, now, model=model)
        if step.subscriber is not household.subscriber:
            told = Event(at=now, kind="subscriber.created", subscriber_id=step.subscriber.id)
            await self._store.commit(PutSubscriber(step.subscriber), *([Append(told)] if created else []), *step.writes)
        return step.report

    async def _find(self, sighting: Sighting) -> Household | None:
        """Whose sighting it is: the SIM says, else the number, else the SIM that was there before."""
        household = await self._store.load_household("imsi", sighting.imsi) if sighting.imsi else None
        if household is None and sighting.msisdn:
            household = await self._store.load_household("msisdn", sighting.msisdn)
        if household is None and sighting.former_imsi:
            household = await self._store.load_household("imsi", sighting.former_imsi)
        return household


def counted(report: Report, sighting: Sighting) -> Report:
    """The report, once it and its causes are counted."""
    metrics.count(metrics.sightings, sighting.source, report.outcome)
    for cause in report.causes:
        metrics.count(metrics.detections, sighting.source, cause)
    return report


def _event(kind: str, subscriber_id: str, device_id: str, detail: dict[str, str], now: datetime) -> Append:
    return Append(Event(at=now, kind=kind, subscriber_id=subscriber_id, device_id=device_id, detail=detail))


def _unrecorded(detection: Detection) -> Device:
    """The phone of a detection as far as its IMEI says what it is, for rules to look at."""
    return Device(id="", imei=detection.imei)


def _stranger(sighting: Sighting) -> Household:
    """A subscriber of whom nothing is known but this."""
    imsis = (sighting.imsi,) if sighting.imsi else ()
    return Household(Subscriber(id=secrets.token_hex(6), imsis=imsis, msisdn=sighting.msisdn), ())


def _why(error: BaseException) -> str:
    if not isinstance(error, MogateError):
        raise error
    return str(error)
