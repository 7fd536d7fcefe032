"""What devices are searched by."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from gateway.errors import ConfigError
from gateway.fleet.device import Device, Rcc14State
from gateway.fleet.job import Job, JobState
from gateway.fleet.search import SEARCHED, Search, parse_search, terms_of_device, terms_of_subscriber
from gateway.fleet.subscriber import ServiceState, Subscriber

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
ALICE = Subscriber(
    id="alice", imsis=("262010000000001",), plan="gold", groups=("beta", "vip"), attributes={"site": "x"}
)
PHONE = Device(id="alice.1", imei="490154203237518", model="A1Pro", software="1.2", rcc14=Rcc14State(version=7))


@pytest.mark.parametrize(
    "text",
    [
        "", "plan=gold", "plan=basic;plan=gold", "model=a1pro;group=vip", "attributes.site=x;tac=49015420", "version=7",
        "software=1.2", "state=active;role=primary", "plmn=262010", "seen<2h", " seen < 2 h ; plan = gold ", "tenant=",
    ],
)  # fmt: skip
def test_a_device_is_found_by_what_it_has(text: str) -> None:
    """Of several values of one facet any, of several facets all; makers and models in any case of letters."""
    assert parse_search(text, NOW).finds(ALICE, PHONE, NOW - timedelta(hours=1))


@pytest.mark.parametrize(
    "text", ["plan=Gold", "model=a1pro;group=none", "version=8", "state=dormant", "seen>2h", "seen<30m", "tenant=x"]
)
def test_a_device_is_not_found_by_what_it_lacks(text: str) -> None:
    """One facet that is not the device's is enough."""
    assert not parse_search(text, NOW).finds(ALICE, PHONE, NOW - timedelta(hours=1))


@pytest.mark.parametrize(("state", "is_found"), [(JobState.RUNNING, True), (JobState.DONE, False)])
def test_a_device_is_found_by_the_package_that_a_job_gives_it(state: JobState, is_found: bool) -> None:
    """By its id, as long as the job runs; other jobs have no package."""
    jobs = (
        Job(id="j1", kind="inventory", action="read"),
        Job(id="j2", kind="firmware", action="update", state=state, parameters={"package": "c0ffee"}),
    )
    phone = Device(id="alice.1", jobs=jobs)
    assert parse_search("package=c0ffee", NOW).finds(ALICE, phone, None) is is_found
    assert ("package=c0ffee" in terms_of_device(phone)) is is_found


@pytest.mark.parametrize(("text", "is_found"), [("seen<1w", False), ("seen>1w", True)])
def test_a_device_that_was_never_seen_was_not_seen_lately(text: str, is_found: bool) -> None:
    """Never is longer ago than any time."""
    assert parse_search(text, NOW).finds(ALICE, PHONE, None) is is_found


def test_a_devices_own_state_counts() -> None:
    """A device is in the state it has of its own, else in its subscriber's."""
    lost = Device(id="alice.2", state=ServiceState.DISABLED)
    assert parse_search("state=disabled", NOW).finds(ALICE, lost, None)
    assert not parse_search("state=active", NOW).finds(ALICE, lost, None)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("plan", "has no value"),
        ("colour=red", "there is no such match; there are tenant, plan"),
        ("seen<soon", "seen<30d"),
        ("seen=30d", "seen<30d"),
        ("seen>999999w", "before all time"),
    ],
)
def test_what_cannot_be_searched_for_is_refused(text: str, words: str) -> None:
    """The message says what is wrong and how it is written."""
    with pytest.raises(ConfigError, match=words):
        parse_search(text, NOW)


def test_one_tenant_sees_its_own() -> None:
    """Within a tenant nothing of another is found, whatever is asked for."""
    theirs = Subscriber(id="bob", tenant="other")
    assert parse_search("tenant=other", NOW).finds(theirs, PHONE, None)
    assert not parse_search("tenant=other", NOW).within("mine").finds(theirs, PHONE, None)
    assert not Search().within("mine").finds(theirs, PHONE, None)
    assert Search().within("").finds(theirs, PHONE, None)


def test_terms_are_what_a_search_asks_for() -> None:
    """Of each facet whose values are terms, a device that is found has one from itself or from its subscriber.

    A network's is that of a SIM, whatever the device: how many of its digits are the network's makes no difference.
    """
    held = {*terms_of_subscriber(ALICE), *terms_of_device(PHONE)}
    search = parse_search("plan=gold;plan=x;model=a1PRO;version=7;attributes.site=x;plmn=26201;group=vip;tenant=", NOW)
    asked = search.terms()
    assert len(asked) == 6
    assert all(terms & held for terms in asked)
    assert not [term for term in held if term.endswith("=")]


@pytest.mark.parametrize("rcc14", [None, Rcc14State(version=3, additional=True)])
@pytest.mark.parametrize(
    "jobs", [(), (Job(id="j", kind="firmware", action="update", parameters={"package": "c0ffee"}),)]
)
@pytest.mark.parametrize("state", [None, ServiceState.ACTIVE])
def test_a_device_has_a_term_for_all_that_is_seen_of_it(
    rcc14: Rcc14State | None, jobs: tuple[Job, ...], state: ServiceState | None
) -> None:
    """Whatever it speaks: what a search looks at in a device leads to it."""
    device = Device(
        id="alice.1", imei="350000010000006", manufacturer="Acme", model="B7", software="2.1", rcc14=rcc14, jobs=jobs,
        state=state,
    )  # fmt: skip
    own = set(SEARCHED) - {"tenant", "plan", "group", "plmn", *(["state"] if state is None else [])}
    seen = {f"{name}={value}" for name in own for value in SEARCHED[name](ALICE, device) if value}
    assert set(terms_of_device(device)) == seen
