"""Publishing profiles: whose content a new edition of the files changes, and a campaign that makes just those call."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from gateway.errors import Conflict
from gateway.fleet.campaign import Campaign, Content, Group, Target
from gateway.fleet.configuration import configuration
from gateway.fleet.device import Device
from gateway.fleet.profile import ProfileSet
from gateway.fleet.subscriber import Subscriber
from gateway.outreach.campaigns import Campaigns
from gateway.service import Service
from gateway.store.protocol import Store

SAMPLE = 10
MAX_RATE = 600_000.0


class Draft(NamedTuple):
    """Profiles as the files have them now, and what identifies those files."""

    profiles: ProfileSet
    digest: str


class Affected(NamedTuple):
    """The devices whose content a draft changes."""

    digest: str
    device_ids: list[str]


class Publishing:
    """``read`` gives the files as they are, ``reload`` has all workers serve them, ``served`` says which are served."""

    def __init__(
        self,
        store: Store,
        service: Service,
        campaigns: Campaigns,
        *,
        read: Callable[[], Draft],
        reload: Callable[[], Awaitable[object]],
        served: Callable[[], str],
    ) -> None:
        self._store = store
        self._service = service
        self._campaigns = campaigns
        self._read = read
        self._reload = reload
        self._served = served

    async def preview(self) -> Affected:
        """Whose content would change; nothing is served yet.

        Raises: ConfigError naming file, line and node of what is wrong with the files.
        """
        draft = await asyncio.to_thread(self._read)
        changed = [
            device.id
            async for household in self._store.scan_households()
            for device in household.devices
            if _is_reachable(device) and self._changes(draft.profiles, household.subscriber, device)
        ]
        return Affected(draft.digest, changed)

    async def publish(self, *, within_seconds: int, groups: list[Group]) -> tuple[Affected, Campaign | None]:
        """Serve the files from now on, and make the devices whose content that changes call, spread over so long.

        Raises: ConfigError, Unavailable as reloading does; Conflict when the files changed while they were looked at.
        """
        before = self._served()
        affected = await self.preview()
        await self._reload()
        if self._served() != affected.digest:
            raise Conflict("the files changed while they were looked at; they are served now: publish them again")
        if not affected.device_ids:
            return affected, None
        rate = min(MAX_RATE, 60.0 * len(affected.device_ids) / within_seconds) if within_seconds else MAX_RATE
        campaign = await self._campaigns.create(
            name=f"profiles {affected.digest}",
            target=Target(devices=tuple(affected.device_ids)),
            content=Content(refresh=affected.digest, replaces=before),
            groups=groups,
            rate_per_minute=rate,
        )
        return affected, campaign

    def _changes(self, profiles: ProfileSet, subscriber: Subscriber, device: Device) -> bool:
        served, drafted = self._service.selection(subscriber, device), profiles.select(subscriber, device)
        if served.digest == drafted.digest:
            return False
        variables = self._service.variables(subscriber, device)
        return configuration(served, variables).values != configuration(drafted, variables).values


def _is_reachable(device: Device) -> bool:
    """Whether the device has ever been given anything; another gets the new content with its first call."""
    return device.rcc14 is not None or (device.omadm is not None and bool(device.omadm.synced))
