"""Subscribers with a device each, by number: who they are, and what a fleet of any size is searched by."""

from __future__ import annotations

from datetime import timedelta

from msgspec.structs import replace

from gateway.fleet.device import Device
from gateway.fleet.subscriber import Subscriber

SMALL, LARGE, MILLION = 10_000, 100_000, 1_000_000


def id_of(n: int) -> str:
    """The subscriber's; they sort by number."""
    return f"s{n:07d}"


def imei_of(n: int) -> str:
    """One of 50 TACs."""
    return f"350000{n % 50:02d}{n:07d}"


def msisdn_of(n: int) -> str:
    return f"+1556{n:08d}"


def imsi_of(n: int) -> str:
    return f"001012{n:09d}"


def model_of(n: int) -> str:
    """One of 50."""
    return f"M{n * 31 % 50}"


def as_subscriber(like: Subscriber, n: int) -> Subscriber:
    """The same as subscriber ``n``: of one of two plans, with a tag that one in a thousand has."""
    return replace(
        like,
        id=id_of(n),
        imsis=(imsi_of(n),),
        msisdn=msisdn_of(n),
        plan=("premium", "basic")[n % 2],
        groups=("rare",) if n % 1000 == 7 else (),
        revision=0,
    )


def as_device(like: Device, n: int) -> Device:
    """The same as the device of subscriber ``n``: of one of 50 models."""
    account = like.omadm and replace(like.omadm, loc_uri=f"IMEI:{imei_of(n)}")
    client = like.rcc14 and replace(like.rcc14, imsi=imsi_of(n))
    return replace(
        like,
        id=f"{id_of(n)}.1",
        imei=imei_of(n),
        manufacturer="Acme",
        model=model_of(n),
        omadm=account,
        rcc14=client,
        revision=0,
    )


def seen_ago(n: int) -> timedelta:
    """One in 500 was long not seen, the others within 90 days."""
    return timedelta(days=400 if n % 500 == 9 else n % 90)
