"""Which way a device is reached by, when it is pushed to, and when it is let be."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from gateway.fleet.device import Credential, Device, OmaDmState, Rcc14State
from gateway.fleet.reaching import Policy, Quiet, Reaching, Seen, Way, backoff, choose_way, next_step
from gateway.fleet.subscriber import Subscriber

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
POLICY = Policy(attempts=3, retry_seconds=3600, max_retry_seconds=7200, check_seconds=30)
ORDER = Reaching(device_id="ann.1", reason="test", ordered_at=NOW, deadline_at=NOW + timedelta(days=1))
SILENT = Seen(None, configured=False)
ANN = Subscriber(id="ann", imsis=("001010000000001",), msisdn="+15550100123")
LOGIN = Credential(name="n", secret=b"s")
OMADM = OmaDmState(loc_uri="IMEI:1", client=LOGIN, server=LOGIN)
BOTH = frozenset({"omadm", "rcc14"})


@pytest.mark.parametrize(
    ("device", "behind", "protocol", "way"),
    [
        (Device(id="ann.1", rcc14=Rcc14State()), {"rcc14"}, "", "rcscfg"),
        (Device(id="ann.1", omadm=OMADM), {"omadm"}, "", "dm_notify"),
        (Device(id="ann.1", omadm=OMADM, rcc14=Rcc14State()), {"omadm"}, "", "dm_notify"),
        (Device(id="ann.1", omadm=OMADM, rcc14=Rcc14State()), {"omadm", "rcc14"}, "", "rcscfg"),
        (Device(id="ann.1", omadm=OMADM, rcc14=Rcc14State()), set(), "omadm", "dm_notify"),
        (Device(id="ann.1", omadm=OmaDmState(loc_uri="x", client=LOGIN)), {"omadm"}, "", "wait"),
        (Device(id="ann.1", imei="001015000000098"), set(), "", "bootstrap"),
        (Device(id="ann.1", imei="350000010000000"), set(), "", "cp"),
        (Device(id="ann.1"), set(), "", "wait"),
    ],
)
def test_the_way_follows_from_what_a_device_speaks(device: Device, behind: set[str], protocol: str, way: Way) -> None:
    """And lacks; a phone that speaks nothing gets an account, or the settings alone where it takes nothing else."""
    policy = POLICY._replace(first="bootstrap", legacy=frozenset({"35000001"}))
    assert choose_way(ANN, device, policy, behind=frozenset(behind), protocol=protocol) == way  # type: ignore[arg-type]
    assert choose_way(Subscriber(id="ann"), device, policy, behind=frozenset(behind)) == "wait"


MET = Device(id="ann.1", imei="001015000000098", omadm=OMADM, rcc14=Rcc14State())
NEW = Device(id="ann.1", imei="001015000000098")


@pytest.mark.parametrize(
    ("device", "first", "unspoken", "chosen", "way"),
    [
        (MET, "wait", {"rcc14"}, "", "dm_notify"),
        (MET, "wait", {"omadm"}, "", "rcscfg"),
        (MET, "wait", {"omadm", "rcc14"}, "", "wait"),
        (MET, "wait", {"rcc14"}, "rcscfg", "dm_notify"),
        (MET, "wait", set(), "dm_notify", "dm_notify"),
        (MET, "wait", set(), "cp", "cp"),
        (MET, "wait", set(), "bootstrap", "rcscfg"),
        (NEW, "bootstrap", {"omadm"}, "", "rcscfg"),
        (NEW, "bootstrap", {"omadm", "rcc14"}, "", "cp"),
        (NEW, "bootstrap", {"omadm", "rcc14", "omacp"}, "", "wait"),
        (NEW, "wait", {"omadm"}, "", "wait"),
        (NEW, "wait", set(), "rcscfg", "rcscfg"),
        (Device(id="ann.1", omadm=OMADM), "wait", {"omadm"}, "", "rcscfg"),
        (replace(NEW, omadm=OMADM), "wait", set(), "bootstrap", "dm_notify"),
        (
            replace(NEW, omadm=replace(OMADM, reset_at=datetime(2026, 1, 2, tzinfo=UTC))),
            "wait",
            set(),
            "bootstrap",
            "bootstrap",
        ),
    ],
)
def test_no_way_leads_over_a_protocol_that_a_device_does_not_speak(
    device: Device, first: Way, unspoken: set[str], chosen: Way, way: Way
) -> None:
    """Nor one that somebody chose, which goes before any other; nobody gets a second account but after a reset."""
    policy = POLICY._replace(first=first)
    assert choose_way(ANN, device, policy, behind=BOTH, chosen=chosen, unspoken=frozenset(unspoken)) == way


def test_a_silent_device_is_pushed_to_ever_more_rarely_and_given_up() -> None:
    """Attempts are an hour apart, then two; after the last the device has until the deadline to call by itself."""
    reaching, now, pushed = ORDER, NOW, []
    for _ in range(2000):
        step = next_step(reaching, SILENT, POLICY, "dm_notify", now)
        if step.do == "expired":
            break
        if step.do == "push":
            pushed.append(now - NOW)
            reaching = step.reaching.pushed("dm_notify", "p", now)
            continue
        assert step.until is not None
        assert step.until > now
        now = step.until
    assert pushed == [timedelta(), HOUR, 3 * HOUR]
    assert now == ORDER.deadline_at


def test_a_device_that_calls_by_itself_is_not_pushed_to() -> None:
    """It is done when it has what it is to have; one that called and lacks something is tried again later."""
    at = NOW + timedelta(minutes=5)
    assert next_step(ORDER, Seen(at, configured=True), POLICY, "dm_notify", at).do == "done"
    step = next_step(ORDER, Seen(at, configured=False), POLICY, "dm_notify", at)
    assert (step.do, step.reaching.state) == ("wait", "contacted")
    assert next_step(step.reaching, Seen(at, configured=False), POLICY, "dm_notify", at + HOUR).do == "push"


def test_a_call_from_before_the_order_does_not_count() -> None:
    """The device knew nothing of it then."""
    assert next_step(ORDER, Seen(NOW, configured=True), POLICY, "dm_notify", NOW).do == "push"


def test_a_second_order_does_not_push_twice() -> None:
    """What is on its way makes the device call for both; a call from before does not count for the new one."""
    pushed = ORDER.pushed("dm_notify", "p", NOW)
    again = pushed.again("more", NOW + timedelta(minutes=1), NOW, "")
    step = next_step(again, Seen(NOW + timedelta(seconds=30), configured=True), POLICY, "dm_notify", again.ordered_at)
    assert (step.do, again.deadline_at, again.reason) == ("wait", ORDER.deadline_at, "more")


@pytest.mark.parametrize(
    ("zone", "now", "until"),
    [
        ("UTC", datetime(2026, 3, 1, 21, 59, tzinfo=UTC), datetime(2026, 3, 1, 21, 59, tzinfo=UTC)),
        ("UTC", datetime(2026, 3, 1, 22, 0, tzinfo=UTC), datetime(2026, 3, 2, 7, 0, tzinfo=UTC)),
        ("UTC", datetime(2026, 3, 2, 6, 59, tzinfo=UTC), datetime(2026, 3, 2, 7, 0, tzinfo=UTC)),
        ("UTC", datetime(2026, 3, 2, 7, 0, tzinfo=UTC), datetime(2026, 3, 2, 7, 0, tzinfo=UTC)),
        # The night in which the clock is put forward is an hour shorter.
        ("Europe/Berlin", datetime(2026, 3, 28, 22, 0, tzinfo=UTC), datetime(2026, 3, 29, 5, 0, tzinfo=UTC)),
    ],
)
def test_at_quiet_hours_no_phone_makes_a_sound(zone: str, now: datetime, until: datetime) -> None:
    """By the clock on the wall, over midnight and over a change of the clock."""
    quiet = Quiet(time(22), time(7), ZoneInfo(zone))
    assert quiet.until(now) == until
    order = Reaching(device_id="a.1", reason="", ordered_at=now, deadline_at=now + timedelta(days=2))
    step = next_step(order, SILENT, POLICY._replace(quiet=quiet), "dm_notify", now)
    assert step.do == ("push" if until == now else "wait")


@given(
    attempts=st.integers(0, 10),
    ago=st.integers(-86_400, 400_000),
    called=st.none() | st.integers(-400_000, 86_400),
    configured=st.booleans(),
    way=st.sampled_from(("wait", "dm_notify", "rcscfg")),
)
def test_whatever_the_clock_does_a_device_never_waits_for_the_past(
    attempts: int, ago: int, called: int | None, configured: bool, way: Way
) -> None:
    """A clock that was set back, too: the next look lies ahead, and at most as far as the longest back-off."""
    now = NOW + timedelta(seconds=ago)
    reaching = ORDER
    for _ in range(attempts):
        reaching = reaching.pushed("dm_notify", "p", NOW)
    called_at = None if called is None else NOW + timedelta(seconds=called)
    step = next_step(reaching, Seen(called_at, configured), POLICY, way, now)
    if step.do == "wait":
        assert step.until is not None
        assert now < step.until <= now + timedelta(minutes=15, seconds=30)
    assert backoff(POLICY, attempts) <= timedelta(seconds=POLICY.max_retry_seconds)
