"""Whose content an edition of the profiles changes, over every store: found by index, as if all had been looked at."""

from __future__ import annotations

import functools
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest

from gateway.fleet.configuration import configuration
from gateway.fleet.device import Credential, Device, OmaDmState, Rcc14State
from gateway.fleet.profile import ProfileSet, parse_profiles
from gateway.fleet.rollout import Edition
from gateway.fleet.subscriber import Subscriber
from gateway.mo.catalogue import Catalogue
from gateway.outreach.publishing import Draft, Publishing
from gateway.service import Service
from gateway.store.protocol import PutDevice, PutSubscriber, Store

CATALOGUE = Catalogue.load(Path(__file__).parents[2] / "config" / "mo", identifiers={})
LOGIN = Credential(name="n", secret=b"s")
FLEET = 130
"""More than any store reads at once."""
ROLLOUT = "c1"


def profile(name: str, layer: str, timer: int, **match: str) -> dict[str, str]:
    stated = "".join(f'{facet} = "{value}"\n' for facet, value in match.items())
    return {f"{name}.toml": f'name = "{name}"\nlayer = "{layer}"\n[match]\n{stated}[mo.ims]\nTimer_T1 = {timer}\n'}


ALL = profile("all", "operator", 2000)
GOLD = profile("gold", "plan", 2100, plan="gold")
BETA = profile("beta", "group", 2200, group="beta")
SERVED = ALL | GOLD | BETA
EDITIONS = {
    "the same": SERVED,
    "said otherwise": {"other.toml": SERVED["gold.toml"]} | ALL | BETA,
    "another value": SERVED | profile("gold", "plan", 2500, plan="gold"),
    "a value that a stronger one sets": SERVED | profile("tenant", "tenant", 2500, tenant="north", plan="gold"),
    "another match": SERVED | profile("gold", "plan", 2100, plan="silver"),
    "gone": ALL | GOLD,
    "renamed": ALL | GOLD | profile("beta2", "group", 2200, group="beta"),
    "another layer": SERVED | profile("gold", "group", 2100, plan="gold"),
    "new for a model": SERVED | profile("model", "group", 2300, model="M1", plan="silver"),
    "several of one facet": SERVED
    | profile("gold", "plan", 2500, plan="gold")
    | profile("s", "plan", 9, plan="silver"),
    "several of none in common": SERVED
    | profile("a", "group", 2600, model="m2")
    | profile("b", "group", 3, plan="gold"),
    "everybody": SERVED | profile("all", "operator", 2900),
    "an attribute": SERVED | profile("site", "group", 2700, **{"attributes.site": "x"}),
}  # fmt: skip


def parsed(files: dict[str, str]) -> ProfileSet:
    return _parsed(tuple(files.items()))


@functools.cache
def _parsed(files: tuple[tuple[str, str], ...]) -> ProfileSet:
    return parse_profiles(dict(files), CATALOGUE)


async def populate(store: Store) -> None:
    dm = OmaDmState(loc_uri="IMEI:1", client=LOGIN, server=LOGIN, synced="k")
    for number in range(FLEET):
        subscriber = Subscriber(
            id=f"s{number:03}",
            tenant="north" if number % 7 == 0 else "",
            plan=("gold", "silver", "")[number % 3],
            groups=("beta",) if number % 20 == 0 else (),
            attributes={"site": "x"} if number % 11 == 0 else {},
            overrides={"ims": {"Timer_T1": "4000"}} if number % 13 == 0 else {},
        )
        edition = ROLLOUT if number % 4 == 0 else ""
        # Nobody has given the second one anything yet.
        devices = [
            Device(id=f"{subscriber.id}.2", model=f"M{number % 4}", rcc14=Rcc14State(), edition=edition),
            Device(id=f"{subscriber.id}.3", model="M1"),
            Device(
                id=f"{subscriber.id}.1",
                model=f"m{number % 5}",
                omadm=OmaDmState(loc_uri=f"IMEI:{number}", client=dm.client, server=dm.server, synced="k"),
                edition=edition,
            ),
        ]
        await store.commit(PutSubscriber(subscriber), *map(PutDevice, devices[: 1 + number % 3]))


@pytest.mark.parametrize("rolled_out", [False, True])
async def test_those_found_are_those_that_change(store: Store, *, rolled_out: bool) -> None:
    """In the order of a walk over everybody, whatever of the profiles changes, also while others are rolled out."""
    await populate(store)
    service = Service(CATALOGUE, parsed(SERVED), plmns=["00101"], roots={"ims": "./IMS"})
    if rolled_out:
        service.roll_out(ROLLOUT, parsed(SERVED | profile("silver", "plan", 2800, plan="silver")))
    counts = {}
    for name, files in EDITIONS.items():
        draft = Draft(parsed(files), "d", Edition.of(files), "")
        nothing = cast("Any", None)
        publishing = Publishing(
            store, service, nothing, nothing, editions=nothing, read=lambda _, draft=draft: draft, reload=nothing,
            served=str, frame=str, clock=lambda: datetime(2026, 3, 1, tzinfo=UTC),
        )  # fmt: skip
        walked = [
            device.id
            async for subscriber, devices in store.scan_households()
            for device in devices
            if device.omadm or device.rcc14
            if configuration(service.selection(subscriber, device), service.variables(subscriber, device)).values
            != configuration(draft.profiles.select(subscriber, device), service.variables(subscriber, device)).values
        ]
        assert (await publishing.preview()).device_ids == walked, name
        counts[name] = len(walked)
    assert (counts["the same"] > 0, counts["said otherwise"] > 0) == (rolled_out, rolled_out)
    assert len(set(counts.values())) > len(EDITIONS) / 2
