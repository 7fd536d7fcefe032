"""How many RCC.14 devices hold what they are to hold, and when devices were heard of."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import pytest

from gateway.fleet.device import Device, Rcc14State
from gateway.fleet.subscriber import Subscriber
from gateway.observe import metrics
from gateway.outreach.census import COUNT_SECONDS, Census, contact, standing
from gateway.store.protocol import PutDevice, PutSubscriber
from gateway.store.sqlite import SqliteStore

NOW = datetime(2026, 1, 2, tzinfo=UTC)


@pytest.mark.parametrize(
    ("reported", "shown"),
    [(None, "unreported"), (3, "current"), (2, "behind"), (4, "ahead"), (0, "none"), (-2, "none")],
)
def test_the_standing_of_a_device(reported: int | None, shown: str) -> None:
    """A version of 0 or less is no configuration. RCC.14 VERS"""
    device = Device(id="a.1", rcc14=Rcc14State(version=3, reported_version=reported))
    assert standing(device) == shown


def test_a_device_without_a_client_does_not_count() -> None:
    """There is nothing that it could hold."""
    assert standing(Device(id="a.1")) is None


@pytest.mark.parametrize(
    ("ago", "shown"),
    [
        (None, "never"), (timedelta(minutes=-5), "hour"), (timedelta(minutes=59), "hour"), (timedelta(hours=1), "day"),
        (timedelta(days=6), "week"), (timedelta(days=29), "month"), (timedelta(days=30), "older"),
    ],
)  # fmt: skip
def test_a_device_was_heard_of_within_some_time(ago: timedelta | None, shown: str) -> None:
    """One whose clock, or whose server's, was ahead was heard of just now."""
    assert contact(None if ago is None else NOW - ago, NOW) == shown


async def test_what_one_process_counts_all_show(store: SqliteStore) -> None:
    """The figures are in the store; when nobody counts any more they are not shown for true."""
    now = NOW
    for number, reported in enumerate((3, 3, 1)):
        await store.commit(
            PutSubscriber(Subscriber(id=f"s{number}", tenant="bluebird" if number else "")),
            PutDevice(
                Device(
                    id=f"s{number}.1",
                    rcc14=Rcc14State(version=3, reported_version=reported),
                )
            ),
        )
    store.touch("s0.1", now - timedelta(days=2))
    store.touch("s1.1", now)
    await Census(store, lambda: now).take()
    other = Census(store, lambda: now)
    await other.show()
    assert (_shown("current"), _shown("behind"), _shown("ahead")) == (2, 1, 0)
    assert {within: _heard(within) for within in metrics.CONTACTS if _heard(within)} == {
        "hour": 1, "week": 1, "never": 1,
    }  # fmt: skip
    assert [one[:3] for one in await other.tenants()] == [("", 1, 1), ("bluebird", 2, 2)]
    assert (await other.tenants())[0].counted_at == NOW
    now += timedelta(seconds=4 * COUNT_SECONDS)
    assert await other.tenants() == []
    await other.show()
    assert math.isnan(_shown("current"))


def _shown(version: str) -> float:
    value = metrics.registry.get_sample_value("mogate_acs_devices_by_config_version", {"version": version})
    assert value is not None
    return value


def _heard(within: str) -> float:
    value = metrics.registry.get_sample_value("mogate_devices_by_last_contact", {"within": within})
    assert value is not None
    return value
