"""Publishing profiles: whose content a new edition of the files changes, and a campaign that makes just those call."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from gateway.editions import Editions, edition_of
from gateway.errors import ConfigError, Conflict, Outdated, Unavailable
from gateway.fleet.campaign import Campaign, CampaignState, Content, Group, Target
from gateway.fleet.configuration import configuration
from gateway.fleet.device import Device
from gateway.fleet.profile import ProfileSet
from gateway.fleet.profile_changes import Change, ProfileChange, changed_matches, covering, profile_changes
from gateway.fleet.rollout import Edition, RolloutState
from gateway.fleet.search import Search
from gateway.fleet.subscriber import Subscriber
from gateway.outreach.campaigns import Campaigns
from gateway.outreach.rollouts import Rollouts, not_over
from gateway.service import Service
from gateway.store.protocol import Store

SAMPLE = 10
MAX_RATE = 600_000.0
PLAN_CHARACTERS = 12

Texts = Mapping[str, str]
"""Files of profiles by name."""


class Draft(NamedTuple):
    """Profiles as the files have them now, what identifies the files, and what those of them that are no profiles."""

    profiles: ProfileSet
    digest: str
    edition: Edition
    frame: str


class Affected(NamedTuple):
    """The devices whose content a draft changes."""

    digest: str
    device_ids: list[str]


class Plan(NamedTuple):
    """What an edition of the profiles would change. ``digest`` is another when anything was changed meanwhile."""

    digest: str
    changes: list[ProfileChange]
    affected: Affected
    warnings: Sequence[str]

    @property
    def deleted(self) -> list[str]:
        """The profiles that would be gone."""
        return [one.profile for one in self.changes if one.change is Change.DELETED]


class Calls(NamedTuple):
    """How the devices whose content changes are made to call: over so many seconds, or not at all (None)."""

    within_seconds: int | None
    groups: list[Group]


class Publishing:
    """``read`` gives the files as they are, or as they would be with these profiles in place of those there are.

    ``reload`` has all workers serve the files, ``served`` says which are served, ``frame`` says so of those that are no
    profiles.
    """

    def __init__(
        self,
        store: Store,
        service: Service,
        campaigns: Campaigns,
        rollouts: Rollouts,
        *,
        editions: Editions,
        read: Callable[[Texts | None], Draft],
        reload: Callable[[], Awaitable[object]],
        served: Callable[[], str],
        frame: Callable[[], str],
        clock: Callable[[], datetime],
    ) -> None:
        self._rollouts = rollouts
        self._frame = frame
        self._store = store
        self._service = service
        self._campaigns = campaigns
        self._editions = editions
        self._read = read
        self._reload = reload
        self._served = served
        self._clock = clock

    async def preview(self) -> Affected:
        """Whose content would change; nothing is served yet.

        Raises: ConfigError naming file, line and node of what is wrong with the files.
        """
        return await self._affected(await asyncio.to_thread(self._read, None))

    async def publish(self, calls: Calls, **terms: Any) -> tuple[Affected, Campaign | None]:
        """Serve the files from now on, and make the devices whose content that changes call.

        ``terms`` are further fields of the Campaign.

        Raises: ConfigError, Unavailable as reloading does; Conflict when the files changed while they were looked at.
        """
        return await self._take_up(await self.preview(), calls, **terms)

    async def plan(self, texts: Texts, *, base: str = "", devices: bool = True) -> Plan:
        """What would change were these the profiles; with ``devices`` also on which.

        ``base`` is the edition that they were made from, empty when that does not matter.

        Raises: ConfigError naming file, line and node of what is wrong with them; Outdated when the files are another
        edition than ``base``.
        """
        served = self._served()
        there = await asyncio.to_thread(self._editions.current)
        if base not in ("", edition_of(there)):
            raise Outdated(f"the profiles are no longer those of edition {base}: somebody else has changed them")
        draft = await asyncio.to_thread(self._read, texts)
        changes = profile_changes(self._service.profiles.profiles, draft.profiles.profiles, there, texts)
        affected = await self._affected(draft) if devices and changes else Affected(draft.digest, [])
        against = f"{served} {edition_of(there)} {edition_of(texts)}"
        digest = hashlib.sha256(against.encode()).hexdigest()[:PLAN_CHARACTERS]
        return Plan(digest, changes, affected, draft.profiles.warnings)

    async def apply(
        self, texts: Texts, plan: str, calls: Calls, *, base: str = "", allow_deletions: bool, **terms: Any
    ) -> tuple[Plan, Campaign | None]:
        """Make these the profiles, as a plan said, and serve them. When that is refused the files are those before.

        ``terms`` are further fields of the Campaign.

        Raises: Outdated when the plan no longer holds, ConfigError when it deletes what may not be deleted or the files
        cannot be written; and as ``publish`` does.
        """
        with self._editions.alone():
            found = await self.plan(texts, base=base)
            if found.digest != plan:
                raise Outdated("the profiles are no longer as they were when this was planned: make another plan")
            if found.deleted and not allow_deletions:
                raise ConfigError(
                    f"this deletes the profiles {', '.join(found.deleted)}; allow it with --allow-deletions",
                    key="allow_deletions",
                )
            if not found.changes:
                return found, None
            before = await asyncio.to_thread(self._editions.current)
            await asyncio.to_thread(self._editions.replace, texts, self._clock())
            with self._put_back(before):
                _, campaign = await self._take_up(found.affected, calls, **terms)
            return found, campaign

    @contextlib.contextmanager
    def _put_back(self, texts: Texts) -> Iterator[None]:
        """What is refused does not stay."""
        served = self._served()
        try:
            yield
        except (ConfigError, Conflict, Unavailable):
            if self._served() == served:
                self._editions.replace(texts, self._clock())
            raise

    async def roll_out(self, calls: Calls, **terms: Any) -> tuple[Affected, Campaign | None]:
        """Give the profiles of the files to the devices whose content that changes, group after group.

        Who is not of an open group keeps the edition before, and so does everybody else until the campaign has
        finished. ``terms`` are further fields of the Campaign.

        Raises: ConfigError, Unavailable as reloading does; Conflict while another edition is rolled out, or when other
        files than profiles have changed.
        """
        draft = await asyncio.to_thread(self._read, None)
        if draft.frame != self._frame():
            raise Conflict("other files than profiles have changed too: reload those first, with the old profiles")
        affected = await self._affected(draft)
        if not affected.device_ids:
            return await self._take_up(affected, calls, **terms)
        campaign = await self._campaign(affected, calls, Content(), edition=draft.edition, **terms)
        # The files are what is rolled out: that holds them back in every worker.
        await self._reload()
        return affected, campaign

    async def _affected(self, draft: Draft) -> Affected:
        now = draft.profiles.profiles
        matches = [one for was in self._service.editions for one in changed_matches(was.profiles, now)]
        if not matches:
            return Affected(draft.digest, [])
        changed = [
            device.id
            async for household in self._store.search(Search(covering(matches)))
            for device in household.devices
            if _is_reachable(device) and self._changes(draft.profiles, household.subscriber, device)
        ]
        return Affected(draft.digest, changed)

    async def _take_up(self, affected: Affected, calls: Calls, **terms: Any) -> tuple[Affected, Campaign | None]:
        await self._end_rollout()
        before = self._served()
        await self._reload()
        if self._served() != affected.digest:
            raise Conflict("the files changed while they were looked at; they are served now: publish them again")
        if not affected.device_ids or calls.within_seconds is None:
            return affected, None
        content = Content(refresh=affected.digest, replaces=before)
        return affected, await self._campaign(affected, calls, content, **terms)

    async def _campaign(self, affected: Affected, calls: Calls, content: Content, **terms: Any) -> Campaign:
        seconds = calls.within_seconds
        return await self._campaigns.create(
            name=f"profiles {affected.digest}",
            target=Target(devices=tuple(affected.device_ids)),
            content=content,
            groups=calls.groups,
            rate_per_minute=min(MAX_RATE, 60.0 * len(affected.device_ids) / seconds) if seconds else MAX_RATE,
            **terms,
        )

    async def _end_rollout(self) -> None:
        """Let nothing of an earlier rollout hold the files back. Raises: Conflict while one goes on."""
        rollout = self._rollouts.rollout
        if rollout is not None and rollout.state is RolloutState.ROLLING:
            campaign = await self._campaigns.load(rollout.campaign)
            if campaign.state not in (CampaignState.STOPPED, CampaignState.REJECTED):
                raise Conflict(not_over(rollout))
        if writes := await self._rollouts.end():
            await self._store.commit(*writes)

    def _changes(self, profiles: ProfileSet, subscriber: Subscriber, device: Device) -> bool:
        served, drafted = self._service.selection(subscriber, device), profiles.select(subscriber, device)
        if served.digest == drafted.digest:
            return False
        variables = self._service.variables(subscriber, device)
        return configuration(served, variables).values != configuration(drafted, variables).values


def _is_reachable(device: Device) -> bool:
    """Whether the device has ever been given anything; another gets the new content with its first call."""
    return device.rcc14 is not None or (device.omadm is not None and bool(device.omadm.synced))
