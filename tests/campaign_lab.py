"""A fleet with campaigns over any store, and processes that go on with them and die."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, cast

from clocks import WallClock
from msgspec.structs import replace

from gateway.accounts import Accounts
from gateway.errors import Conflict
from gateway.fleet.campaign import Campaign
from gateway.fleet.consistency import load_rules
from gateway.fleet.device import Credential, Device, OmaDmState
from gateway.fleet.profile import parse_profiles
from gateway.fleet.rollout import Edition
from gateway.fleet.subscriber import Subscriber
from gateway.inventory import Inventory
from gateway.jobs import Jobs
from gateway.mo.catalogue import Catalogue
from gateway.outreach.background import Background
from gateway.outreach.campaigns import Campaigns
from gateway.outreach.pushes import Pushes, Server
from gateway.outreach.reach import Reachings
from gateway.outreach.rollouts import Read, Rollouts
from gateway.packages import Packages
from gateway.sealing import Sealer
from gateway.service import Service
from gateway.settings import Reach
from gateway.store.conflicts import try_again
from gateway.store.protocol import PutDevice, PutSubscriber, Store

OpenStore = Callable[[], Awaitable[Store]]


START = datetime(2026, 3, 1, tzinfo=UTC)


MO = Path(__file__).parents[1] / "config" / "mo"


CATALOGUE = Catalogue.load(MO, identifiers={})


RULES = load_rules([MO], CATALOGUE)


COUNT = 12


LOGIN = Credential(name="n", secret=b"s")


T1 = "ims/Timer_T1"


TERMS: dict[str, Any] = {"rate_per_minute": 60_000.0, "device_deadline_seconds": 3600}


def profiles(timer: str) -> dict[str, str]:
    """Files with one profile, which has that value for everybody."""
    return {"all.toml": f'name = "all"\nlayer = "operator"\n[mo.ims]\nTimer_T1 = {timer}\n'}


def profiles_of(files: dict[str, str]) -> Read:
    return Read(CATALOGUE, RULES, parse_profiles(files, CATALOGUE, RULES), Edition.of(files))


class Lab(WallClock):
    """Devices that take what they are due when they are told to, and processes that run the campaigns."""

    def __init__(self, open_store: OpenStore, store: Store, packages: Path) -> None:
        super().__init__(START)
        self.open_store = open_store
        self.store = store
        self.packages = packages
        self.files = profiles("2000")
        self.needs_approval = False
        self.service, self.rollouts = self.serve(store)
        self.running: list[Background] = []
        self.reachings: list[Reachings] = []
        self.watching: list[asyncio.Task[None]] = []

    def clock(self) -> datetime:
        return self.now

    def serve(self, store: Store) -> tuple[Service, Rollouts]:
        """What one process serves, which starts with the files as they are."""
        read = profiles_of(self.files)
        service = Service(CATALOGUE, read.profiles, plmns=["00101"], roots={"ims": "./IMS"})
        return service, Rollouts(store, service, read)

    async def begin(self) -> Campaigns:
        """One more process."""
        store = await self.open_store()
        service, rollouts = self.serve(store)
        await rollouts.refresh()
        self.watching.append(asyncio.create_task(rollouts.watch()))
        background = Background(store, self.clock, ticks=self.ticks, poll_seconds=0.01)
        sealer = Sealer(bytes(32))
        inventory = Inventory(store, CATALOGUE, sealer, self.clock, service.breaches)
        pushes = Pushes(
            inventory,
            None,
            *cast("tuple[Any, Any, Any]", (None, None, None)),
            Server("m", "M", ""),
            accounts=cast("Any", None),
            new_accounts=cast("Any", None),
        )
        reachings = Reachings(store, service, pushes, Reach(), background, self.clock)
        self.reachings.append(reachings)
        accounts = Accounts(sealer, server_id="mogate", life_seconds=86_400)
        jobs = Jobs(
            store, inventory, Packages(self.packages), accounts, sealer, key=b"k", roots={},
            package_url="http://p", clock=self.clock,
        )  # fmt: skip
        campaigns = Campaigns(
            store, service, inventory, jobs, reachings, background, self.clock, rollouts,
            needs_approval=self.needs_approval,
        )  # fmt: skip
        background.start()
        self.running.append(background)
        return campaigns

    async def die(self) -> None:
        """The end of all processes, whatever they are at."""
        while self.running:
            await self.running.pop().close()
        while self.watching:
            self.watching.pop().cancel()

    async def device(self, number: int) -> tuple[Subscriber, Device]:
        household = await self.store.load_household("id", f"s{number:02}")
        assert household is not None
        return household.subscriber, household.devices[0]

    async def answer(self, *numbers: int) -> None:
        """These devices call, and take all that they are due."""
        await self.rollouts.refresh()
        for number in numbers:
            # Campaigns write to the same devices: as a front end does, whoever was overtaken looks again.
            await try_again(partial(self._take, number), Conflict(f"s{number:02} is changed again and again"))

    async def _take(self, number: int) -> None:
        subscriber, device = await self.device(number)
        assert device.omadm is not None
        synced = replace(device.omadm, synced=self.service.configuration_key(subscriber, device))
        await self.store.commit(PutDevice(replace(device, omadm=synced)))

    async def holds(self, number: int) -> str | None:
        """What a device has of the value that campaigns here are about."""
        _, device = await self.device(number)
        return device.overrides.get("ims", {}).get("Timer_T1")

    async def due(self, *numbers: int) -> list[str]:
        """What these devices are to have of that value."""
        await self.rollouts.refresh()
        found = [await self.device(number) for number in numbers]
        return [self.service.configuration(*one).values["ims"]["Timer_T1"] for one in found]

    async def until(self, campaigns: Campaigns, campaign_id: str, true: Callable[[Campaign], bool]) -> Campaign:
        """The campaign when this is true of it; time goes by meanwhile."""
        async with asyncio.timeout(30):
            while not true(found := await campaigns.load(campaign_id)):
                self.now += timedelta(seconds=0.5)
                await asyncio.sleep(0.01)
        return found


@contextlib.asynccontextmanager
async def labs(open_store: OpenStore, folder: Path) -> AsyncIterator[Lab]:
    """A lab with a fleet that has called."""
    store = await open_store()
    lab = Lab(open_store, store, folder / "packages")
    for number in range(COUNT):
        state = OmaDmState(loc_uri=f"IMEI:{number}", client=LOGIN, server=LOGIN, synced="")
        subscriber = Subscriber(id=f"s{number:02}", plan="gold" if number % 2 == 0 else "silver")
        await store.commit(PutSubscriber(subscriber), PutDevice(Device(id=f"{subscriber.id}.1", omadm=state)))
    await lab.answer(*range(COUNT))
    yield lab
    await lab.die()
