"""A search by index finds what a walk through everything finds, in any store, whatever was written before."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from stores import OPENERS

from gateway.fleet.device import Device, Rcc14State
from gateway.fleet.job import Job, JobState
from gateway.fleet.search import SEARCHED, Search
from gateway.fleet.subscriber import ServiceState, Subscriber
from gateway.store.protocol import DeleteDevice, DeleteSubscriber, Household, PutDevice, PutSubscriber, Store
from gateway.store.searching import narrow

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOURS = st.integers(0, 4).map(lambda hours: NOW - timedelta(hours=hours))
WORDS = st.sampled_from(("", "a", "B", "b", 'q"\n'))
STATES = st.sampled_from(ServiceState)
OWNERS = ("s", "s.1", "t", "ü")
IMSIS = ("00101000000000", "00101900000000", "26201100000000")
"""All but the last digit, which is the owner's."""
FACETS = (*SEARCHED, "attributes.x", "attributes.y")

subscribers = st.builds(
    Subscriber,
    id=st.sampled_from(OWNERS),
    imsis=st.lists(st.sampled_from(IMSIS), max_size=2, unique=True).map(tuple),
    tenant=WORDS,
    plan=WORDS,
    groups=st.lists(WORDS, max_size=2, unique=True).map(tuple),
    attributes=st.dictionaries(st.sampled_from("xy"), WORDS, max_size=2),
    state=STATES,
)
devices = st.builds(
    Device,
    id=st.sampled_from(("s.1", "s.2", "s.1.1", "t.1", "ü.1")),
    imei=st.sampled_from(("", "350000011234567")),
    manufacturer=WORDS,
    model=WORDS,
    software=WORDS,
    state=st.none() | STATES,
    jobs=st.lists(
        st.builds(
            Job,
            id=st.just("j"),
            kind=st.just("firmware"),
            action=st.just("update"),
            state=st.sampled_from((JobState.RUNNING, JobState.DONE)),
            parameters=st.fixed_dictionaries({}, optional={"package": WORDS}),
        ),
        max_size=2,
    ).map(tuple),
    rcc14=st.none()
    | st.builds(Rcc14State, version=st.integers(0, 2), additional=st.booleans(), imsi=st.sampled_from(("", *IMSIS))),
)
touches = st.tuples(st.sampled_from(("s.1", "t.1")), HOURS)
steps = st.lists(
    subscribers
    | devices
    | touches
    | st.sampled_from((DeleteSubscriber("s"), DeleteDevice("s.1"), DeleteSubscriber("t"))),
    min_size=3,
    max_size=14,
)
values = WORDS | st.sampled_from(
    (
        "active",
        "disabled",
        "primary",
        "additional",
        "1",
        "2",
        "35000001",
        "00101",
        "001019",
        "26201",
        *(s.name.lower() for s in ServiceState),
    )
)
searches = st.builds(
    Search,
    match=st.dictionaries(st.sampled_from(FACETS), st.frozensets(values, min_size=1, max_size=3), max_size=3),
    seen_since=st.none() | HOURS,
    unseen_since=st.none() | HOURS,
)


async def carry_out(store: Store, done: Sequence[object]) -> None:
    for step in done:
        match step:
            case Subscriber(id=key):
                known = await store.load_household("id", key)
                imsis = tuple(f"{imsi}{OWNERS.index(key)}" for imsi in step.imsis)
                revision = known.subscriber.revision if known else 0
                await store.commit(PutSubscriber(replace(step, imsis=imsis, revision=revision)))
            case Device(id=key, subscriber_id=owner):
                if await store.load_household("id", owner) is None:
                    await store.commit(PutSubscriber(Subscriber(id=owner)))
                owned = await store.load_owned(key)
                rcc14 = step.rcc14 and replace(step.rcc14, imsi=f"{step.rcc14.imsi}{OWNERS.index(owner)}")
                await store.commit(
                    PutDevice(replace(step, rcc14=rcc14, revision=owned.device.revision if owned else 0))
                )
            case DeleteSubscriber() | DeleteDevice():
                await store.commit(step)
            case (str(key), datetime() as at):
                if await store.load_owned(key) is not None:
                    store.touch(key, at)


async def compare(kind: str, done: Sequence[object], asked: Sequence[Search]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = await OPENERS[kind](Path(folder))
        try:
            await carry_out(store, done)
            everybody = [household async for household in store.scan_households()]
            for search in asked:
                walked = await narrow(store, search, everybody)
                assert [found async for found in store.search(search)] == walked
                for after in ("s", "s.1", "t"):
                    rest: list[Household] = [one for one in walked if one.subscriber.id > after]
                    assert [found async for found in store.search(search, after)] == rest
        finally:
            await store.close()


@pytest.mark.parametrize(("kind", "examples"), [("sqlite", 150), ("redis", 40), ("cluster", 30)])
def test_an_index_finds_what_a_walk_finds(kind: str, examples: int) -> None:
    """After any writes, any search gives the households that a look at every record gives, in their order."""

    @settings(max_examples=examples, deadline=None)
    @given(done=steps, asked=st.lists(searches, min_size=1, max_size=4))
    def alike(done: Sequence[object], asked: Sequence[Search]) -> None:
        asyncio.run(compare(kind, done, asked))

    alike()
