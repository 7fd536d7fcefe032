"""What becomes of sightings: whose they are, what is new in them, and what is kept and told of that.

Each sighting is loaded, judged by the pure step in ``fleet.detection`` and saved by compare-and-set, so that the same
one is told once, however often and by however many ways it comes.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Literal, NamedTuple

from gateway.errors import Conflict, MogateError, Unavailable
from gateway.fleet.detection import (
    MAX_DEVICES,
    Detected,
    Sighting,
    detail_of,
    detect,
    phone_of,
)
from gateway.fleet.device import Device, format_imei
from gateway.fleet.subscriber import Subscriber
from gateway.inventory import next_device_id
from gateway.observe import metrics
from gateway.settings import Detection as DetectionSettings
from gateway.store.protocol import Append, Event, Household, PutDevice, PutSubscriber, Store, Write

EVENT = "device.detected"
SAVES = 8
MAX_AT_ONCE = 64

Outcome = Literal["detected", "known", "stale", "unknown", "failed"]


class Report(NamedTuple):
    """What became of one sighting. ``error`` says why it failed."""

    outcome: Outcome
    subscriber_id: str = ""
    device_id: str = ""
    causes: tuple[str, ...] = ()
    error: str = ""


class Step(NamedTuple):
    """What a sighting changes: the subscriber as it is then, what else is to be written, and what to report."""

    subscriber: Subscriber
    writes: list[Write]
    report: Report


class Seen(NamedTuple):
    """What a protocol that met a phone has to save: the subscriber, if it is another object, and these writes."""

    subscriber: Subscriber
    writes: Sequence[Write] = ()


class Detections:
    """The use cases of detection over a store; ``clock`` gives aware UTC times."""

    def __init__(self, store: Store, settings: DetectionSettings, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._settings = settings
        self._clock = clock

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
                reports.append(Report("failed", error=_why(one)) if isinstance(one, BaseException) else one)
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

    def step(self, household: Household, sighting: Sighting, now: datetime, device: Device | None = None) -> Step:
        """What a sighting changes; nothing when the subscriber that comes back is the same object.

        ``device`` is the phone, where its record is made by somebody else. Nothing is stored: the writes belong into
        one commit with the subscriber.
        """
        detected = detect(household.subscriber, sighting, now)
        subscriber_id = household.subscriber.id
        if detected.subscriber is household.subscriber:
            return Step(detected.subscriber, [], Report("stale" if detected.stale else "known", subscriber_id))
        writes: list[Write] = []
        if device is None and sighting.imei and not sighting.removed and detected.detections:
            device = phone_of(household.devices, sighting.imei)
            if device is None and len(household.devices) < MAX_DEVICES:
                device = Device(id=next_device_id(household), imei=format_imei(sighting.imei))
                writes.append(PutDevice(device))
        device_id = device.id if device else ""
        writes += _events(detected, sighting, device_id, now)
        causes = tuple(detection.cause.value for detection in detected.detections)
        report = Report("detected" if causes else "known", subscriber_id, device_id, causes)
        return Step(detected.subscriber, writes, report)

    def seen(self, household: Household, sighting: Sighting, now: datetime, device: Device) -> Seen:
        """What is to be saved when a phone shows up at one of the gateway's own protocols, with whatever else is."""
        step = self.step(household, sighting, now, device)
        counted(step.report, sighting)
        return Seen(step.subscriber, step.writes)

    async def _report(self, sighting: Sighting, household: Household | None) -> Report:
        for attempt in range(SAVES):
            if attempt:
                await asyncio.sleep(0.01 * attempt)
                household = await self._find(sighting)
            now, created = self._clock(), household is None
            if household is None:
                if self._settings.unknown_subscribers == "ignore" or sighting.removed:
                    return counted(Report("unknown"), sighting)
                household = _stranger(sighting)
            step = self.step(household, sighting, now)
            if step.subscriber is household.subscriber:
                return counted(step.report, sighting)
            told = Event(at=now, kind="subscriber.created", subscriber_id=step.subscriber.id)
            try:
                await self._store.commit(
                    PutSubscriber(step.subscriber), *([Append(told)] if created else []), *step.writes
                )
            except Conflict:
                continue
            return counted(step.report, sighting)
        raise Unavailable("others write this subscriber again and again, or an identity of theirs is another's")

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


def _events(detected: Detected, sighting: Sighting, device_id: str, now: datetime) -> Sequence[Write]:
    subscriber_id = detected.subscriber.id
    return [
        Append(Event(
            at=now, kind=EVENT, subscriber_id=subscriber_id, device_id=device_id, detail=detail_of(detection, sighting)
        ))
        for detection in detected.detections
    ]  # fmt: skip


def _stranger(sighting: Sighting) -> Household:
    """A subscriber of whom nothing is known but this."""
    imsis = (sighting.imsi,) if sighting.imsi else ()
    return Household(Subscriber(id=secrets.token_hex(6), imsis=imsis, msisdn=sighting.msisdn), ())


def _why(error: BaseException) -> str:
    if not isinstance(error, MogateError):
        raise error
    return str(error)
