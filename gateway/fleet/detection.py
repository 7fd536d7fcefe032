"""First use of a device: what somebody saw, and what is new in it for the subscriber.

Pure.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal, NamedTuple, get_args

import msgspec
from msgspec import Meta
from msgspec.structs import replace

from gateway.errors import DecodeError
from gateway.fleet.device import Device, is_one_phone
from gateway.fleet.fields import fault_of
from gateway.fleet.subscriber import Seen, Subscriber

SourceName = Literal["rest", "csv", "map", "s13", "rcc14", "omadm"]
SOURCES: tuple[SourceName, ...] = get_args(SourceName)

REFRESH_SECONDS = 3600
"""How old the time of what is known may grow before seeing the same again renews it."""
MAX_DEVICES = 50
"""A subscriber with so many devices gets no further ones by detection."""


class Cause(enum.StrEnum):
    """Why a sighting is told: what about this subscriber was not so before."""

    FIRST_IMEI = "first-imei"
    CHANGED_IMEI = "changed-imei"
    CHANGED_IMSI = "changed-imsi"
    CHANGED_APNS = "changed-apns"
    REMOVED = "removed"


Imsi = Annotated[str, Meta(pattern="^([0-9]{6,15})?$")]
Apn = Annotated[str, Meta(pattern="^[A-Za-z0-9._-]{1,100}$")]


class Sighting(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """One observation: this SIM in this phone. Empty text says nothing; ``apns`` is None when they were not told.

    ``imei`` is an IMEI or IMEISV; ``msisdn`` has its leading ``+``; ``former_imsi`` is the SIM that ``imsi`` takes the
    place of; ``removed`` says that the subscription is gone. ``seen_at`` is when it was seen, where that was before it
    was told.
    """

    imsi: Imsi = ""
    imei: Annotated[str, Meta(pattern="^([0-9]{14,16})?$")] = ""
    msisdn: Annotated[str, Meta(pattern=r"^(\+[0-9]{3,15})?$")] = ""
    apns: Annotated[tuple[Apn, ...], Meta(max_length=100)] | None = None
    former_imsi: Imsi = ""
    removed: bool = False
    seen_at: Annotated[datetime, Meta(tz=True)] | None = None
    source: SourceName = "rest"


_from_json = msgspec.json.Decoder(Sighting).decode


def parse_line(line: bytes | str, source: SourceName | None = "rest") -> Sighting:
    """The sighting that one line of JSON tells; ``source`` is where it comes from, None for what the line says.

    Raises: DecodeError naming the field.
    """
    try:
        sighting = _from_json(line)
        return _named(sighting if source is None else replace(sighting, source=source))
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise fault_of(error) from None


def parse_fields(fields: Mapping[str, Any], source: SourceName = "rest") -> Sighting:
    """The same for values by name.

    Raises: DecodeError naming the field.
    """
    given = {name: value for name, value in fields.items() if value not in ("", None)}
    try:
        return _named(replace(msgspec.convert(given, Sighting, strict=False), source=source))
    except msgspec.ValidationError as error:
        raise fault_of(error) from None


def _named(sighting: Sighting) -> Sighting:
    if not sighting.imsi and not sighting.msisdn:
        raise DecodeError("a sighting needs an imsi or an msisdn to say whose it is")
    return sighting


class Detection(NamedTuple):
    """One cause, of one SIM. ``former`` is the IMEI, the IMSI, or the APNs separated by blanks, that were before."""

    cause: Cause
    imsi: str
    imei: str
    former: str = ""
    apns: tuple[str, ...] = ()


class Detected(NamedTuple):
    """What follows from a sighting: the subscriber as it is then (the same object when nothing is new), and why.

    ``stale`` when it is older than what is known, and therefore says nothing.
    """

    subscriber: Subscriber
    detections: tuple[Detection, ...] = ()
    stale: bool = False


def detect(subscriber: Subscriber, sighting: Sighting, now: datetime) -> Detected:
    """What a sighting of this subscriber's says that was not known.

    The same again, and what is older than what is known, changes nothing. A time ahead of ``now`` counts as now; one
    that is known of, and ahead of ``now``, comes from a clock that was wrong, and orders nothing.
    """
    at = min(sighting.seen_at or now, now)
    if sighting.imsi and sighting.imsi not in subscriber.imsis:
        # A SIM that went before the one there is, or that is only heard of because it goes.
        replaced = any(_is_before(at, seen.since, now) for seen in subscriber.seen.values())
        if replaced or sighting.removed:
            return Detected(subscriber, stale=True)
    after, detections = _with_sim(subscriber, sighting, at)
    imsi = sighting.imsi or after.imsi
    known = after.seen.get(imsi, Seen())
    seen, stale = known, False
    if sighting.removed:
        stale = any(_is_before(at, time, now) for time in (known.imei_at, known.apns_at, known.removed_at))
        if not stale and known.removed_at is None:
            seen = Seen(removed_at=at)
            detections.append(Detection(Cause.REMOVED, imsi, known.imei))
    else:
        gone = _is_before(at, known.removed_at, now)
        if sighting.imei:
            stale = gone or _is_before(at, known.imei_at, now)
            if not stale:
                seen, told = _with_phone(seen, sighting.imei, imsi, at)
                detections += told
        if sighting.apns is not None:
            late = gone or _is_before(at, known.apns_at, now)
            stale = stale or late
            if not late:
                seen, told = _with_apns(seen, frozenset(sighting.apns), imsi, at)
                detections += told
    if seen is not known:
        after = replace(after, seen=after.seen | {imsi: seen})
    return Detected(after, tuple(detections), stale)


def is_known(subscriber: Subscriber, imsi: str, imei: str) -> bool:
    """Whether this phone is the one that this SIM of the subscriber's was last seen in; cheap."""
    seen = subscriber.seen.get(imsi)
    return seen is not None and is_one_phone(seen.imei, imei)


def phone_of(devices: Sequence[Device], imei: str) -> Device | None:
    """The device that this IMEI or IMEISV names, or None when it is a new one."""
    return next((device for device in devices if device.imei and is_one_phone(device.imei, imei)), None)


def detail_of(detection: Detection, sighting: Sighting) -> dict[str, str]:
    """What an event says of a detection; nothing is said of what is not known."""
    told = {
        "cause": detection.cause.value,
        "source": sighting.source,
        "imsi": detection.imsi,
        "imei": detection.imei,
        "former": detection.former,
        "apns": " ".join(detection.apns),
        "seen_at": sighting.seen_at.isoformat() if sighting.seen_at else "",
    }
    return {name: text for name, text in told.items() if text}


def _with_sim(subscriber: Subscriber, sighting: Sighting, at: datetime) -> tuple[Subscriber, list[Detection]]:
    """The subscriber with the SIM that was seen; what is known of the phone goes over from the one it replaces."""
    imsi, imsis = sighting.imsi, subscriber.imsis
    if not imsi or imsi in imsis:
        return subscriber, []
    former = sighting.former_imsi if sighting.former_imsi in imsis else imsis[0] if len(imsis) == 1 else ""
    kept = tuple(imsi if one == former else one for one in imsis) if former else (imsi, *imsis)
    seen = {one: facts for one, facts in subscriber.seen.items() if one != former}
    seen[imsi] = replace(subscriber.seen.get(former, Seen()), since=at)
    after = replace(
        subscriber,
        imsis=kept,
        seen=seen,
        sims={one: sim for one, sim in subscriber.sims.items() if one in kept},
        content_revision=subscriber.content_revision + 1,
    )
    # A first SIM is no change.
    return after, [Detection(Cause.CHANGED_IMSI, imsi, sighting.imei, former or imsis[0])] if imsis else []


def _with_phone(seen: Seen, imei: str, imsi: str, at: datetime) -> tuple[Seen, list[Detection]]:
    if seen.imei and is_one_phone(seen.imei, imei):
        return _renewed(seen, "imei_at", at), []
    cause = Cause.CHANGED_IMEI if seen.imei else Cause.FIRST_IMEI
    return replace(seen, imei=imei, imei_at=at, removed_at=None), [Detection(cause, imsi, imei, seen.imei)]


def _with_apns(seen: Seen, apns: frozenset[str], imsi: str, at: datetime) -> tuple[Seen, list[Detection]]:
    """The first set is no change: nothing is known of what was before."""
    told = tuple(sorted(apns))
    if seen.apns == told:
        return _renewed(seen, "apns_at", at), []
    after = replace(seen, apns=told, apns_at=at, removed_at=None)
    if seen.apns is None:
        return after, []
    return after, [Detection(Cause.CHANGED_APNS, imsi, seen.imei, " ".join(seen.apns), told)]


def _renewed(seen: Seen, name: Literal["imei_at", "apns_at"], at: datetime) -> Seen:
    before: datetime | None = getattr(seen, name)
    fresh = before is not None and abs(at - before) < timedelta(seconds=REFRESH_SECONDS)
    return seen if fresh else replace(seen, **{name: at})


def _is_before(at: datetime, known_at: datetime | None, now: datetime) -> bool:
    return known_at is not None and at < known_at <= now
