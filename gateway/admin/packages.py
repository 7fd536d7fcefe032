"""The admin API's routes for the packages that devices can be told to fetch."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import get_args

import msgspec

from gateway.admin.models.packages import PackageJob, PackageView
from gateway.admin.routes import OCTETS, Call, Route, Upload
from gateway.errors import ConfigError, Conflict, NotFound
from gateway.fleet.campaign import Campaign
from gateway.fleet.job import Job
from gateway.fleet.model import Model
from gateway.fleet.search import search_of
from gateway.jobs import standings
from gateway.outreach.campaigns import Campaigns
from gateway.packages import Package, PackageKind, Packages
from gateway.store.protocol import Store

_PAGE = 500
_SHOWN_JOBS = 5
_KINDS: tuple[PackageKind, ...] = get_args(PackageKind)


class PackageRoutes:
    """Packages of this host's data directory, and what needs them: campaigns, running jobs, models of the settings."""

    def __init__(
        self,
        store: Store,
        packages: Packages,
        campaigns: Campaigns,
        models: Sequence[Model],
        clock: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._packages = packages
        self._campaigns = campaigns
        self._models = models
        self._clock = clock

    def routes(self) -> tuple[Route, ...]:
        """The route table."""
        return (
            Route("GET", "/packages", self.list_packages, "Packages for devices", gives=PackageView, many=True),
            Route(
                "POST", "/packages", self.add_package, "Take a package in: the body is the file as it is",
                takes=OCTETS, uploads=True, gives=PackageView, status=201,
                query={
                    "kind": f"what it is: {' or '.join(_KINDS)}",
                    "file": "the name of the file",
                    "name": "what to call it; without it, the name of the file",
                    "version": "the version of what is in it; 1 without it",
                },
            ),
            Route("GET", "/packages/{package}", self.show_package, "One package", gives=PackageView),
            Route(
                "DELETE", "/packages/{package}", self.remove_package,
                "Remove a package that no campaign, job or model needs any more; links to it lead nowhere then",
                status=204,
            ),
        )  # fmt: skip

    async def list_packages(self, _: Call) -> Sequence[PackageView]:
        """All packages, the newest last."""
        campaigns = await self._that_name_one()
        return [await self._view(package, campaigns) for package in self._packages.list()]

    async def add_package(self, call: Call) -> PackageView:
        """Keep what was uploaded; the same octets again under the same name and version are the same package."""
        upload: Upload = call.body
        if not upload.size_bytes:
            raise ConfigError("the body is empty: it is to be the file")
        kind = next((one for one in _KINDS if one == call.query.get("kind", "")), None)
        if kind is None:
            raise ConfigError(f"say what it is: {' or '.join(_KINDS)}", key="kind")
        file = call.query.get("file", "")
        name = call.query.get("name", "") or file.rpartition(".")[0] or file
        if not name or "@" in name or max(map(len, (name, file, call.query.get("version", "")))) > 100:
            raise ConfigError("a package needs a name of at most 100 characters, without @", key="name")
        version = call.query.get("version", "") or "1"
        package = await asyncio.to_thread(
            self._packages.add, upload.file, kind, name, version, self._clock(), called=file or name
        )
        return await self._view(package, await self._that_name_one())

    async def show_package(self, call: Call) -> PackageView:
        """One package."""
        return await self._view(self._named(call), await self._that_name_one())

    async def remove_package(self, call: Call) -> None:
        """Remove one."""
        package = self._named(call)
        needing = [one.name for one in self._of(package, await self._that_name_one()) if one.ended_at is None]
        if needing:
            raise Conflict(f"campaign {needing[0]} gives this package to devices: stop it first")
        if running := await self._jobs(package, 1):
            device, job = running[0]
            raise Conflict(
                f"{job.kind} {job.action} {job.id} of device {device} needs this package: wait for it, or end it with "
                f"`mogate device cancel {device} {job.id}`"
            )
        if models := self._models_of(package):
            raise Conflict(f"devices of model {models[0]} that ask are given this package: take it out of omadm.models")
        self._packages.remove(package)

    def _named(self, call: Call) -> Package:
        package = next((one for one in self._packages.list() if one.id == call.path["package"]), None)
        if package is None:
            raise NotFound(f"there is no package {call.path['package'][:40]!r}")
        return package

    async def _that_name_one(self) -> list[Campaign]:
        """Every campaign with a package."""
        found: list[Campaign] = []
        after = ""
        while page := await self._campaigns.listed(after=after, limit=_PAGE):
            found += [one for one in page if one.content.package]
            after = page[-1].id
        return found

    def _of(self, package: Package, campaigns: Sequence[Campaign]) -> list[Campaign]:
        return [one for one in campaigns if package.kind == "firmware" and one.content.package in _names(package)]

    async def _jobs(self, package: Package, limit: int) -> list[tuple[str, Job]]:
        """The first jobs that give a device the package, each with the device's id."""
        now, found = self._clock(), list[tuple[str, Job]]()
        async for _, devices in self._store.search(search_of({"package": [package.id]})):
            for device in devices:
                jobs = standings(device.jobs, now)
                found += [(device.id, job) for job in jobs if job.running and job.package == package.id]
            if len(found) >= limit:
                break
        return found[:limit]

    def _models_of(self, package: Package) -> list[str]:
        if package.kind != "firmware":
            return []
        names = _names(package)
        return [
            f"{one.manufacturer} {one.model}".strip()
            for one in self._models
            if any(named in names for named in one.updates.values())
        ]

    async def _view(self, package: Package, campaigns: Sequence[Campaign]) -> PackageView:
        jobs = await self._jobs(package, _SHOWN_JOBS + 1)
        return PackageView(
            campaigns=[one.id for one in self._of(package, campaigns)],
            jobs=[
                PackageJob(device=device, id=job.id, kind=job.kind, action=job.action)
                for device, job in jobs[:_SHOWN_JOBS]
            ],
            more_jobs=len(jobs) > _SHOWN_JOBS,
            models=self._models_of(package),
            **msgspec.structs.asdict(package),
        )


def _names(package: Package) -> tuple[str, ...]:
    return package.id, package.name, f"{package.name}@{package.version}"
