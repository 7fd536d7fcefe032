"""The admin API's route that lists devices, all or those that are searched for."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from datetime import datetime

from gateway.admin.models.devices import DeviceRow
from gateway.admin.routes import MAX_LISTED, Call, Route
from gateway.admin.subscribers import protocols_of
from gateway.fleet.device import Device
from gateway.fleet.search import Search, parse_search
from gateway.fleet.subscriber import Subscriber
from gateway.store.protocol import Store
from gateway.store.searching import narrow


class SearchRoutes:
    """Devices of the whole fleet, found by what the store has indexed."""

    def __init__(self, store: Store, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._clock = clock

    def routes(self) -> tuple[Route, ...]:
        """The route table."""
        return (
            Route(
                "GET", "/devices", self.list_devices, "Devices, by subscriber", gives=DeviceRow, many=True,
                confined=True, pages_by="id",
                query={
                    "match": "facet=value;… of tenant, plan, group, manufacturer, model, tac, role, plmn, state, "
                    "software, version (of the configuration), package (the id of one that a job gives) and "
                    "attributes.NAME; of several values of one facet any, of several facets all. seen<30d are those "
                    "seen in the last thirty days, seen>30d the others, with m, h, d or w",
                    "after": "after this device id",
                    "limit": f"how many, at most {MAX_LISTED}",
                },
            ),
        )  # fmt: skip

    async def list_devices(self, call: Call) -> Sequence[DeviceRow]:
        """A page of them."""
        search = parse_search(call.query.get("match", ""), self._clock()).within(call.caller.tenant)
        page: list[tuple[Subscriber, Device]] = []
        async for subscriber, device in self._devices(search, call.query.get("after", "")):
            page.append((subscriber, device))
            if len(page) == call.limit:
                break
        seen = await self._store.load_last_seen([device.id for _, device in page])
        return [
            DeviceRow(
                id=device.id,
                subscriber_id=subscriber.id,
                tenant=subscriber.tenant,
                plan=subscriber.plan,
                imei=device.imei,
                manufacturer=device.manufacturer,
                model=device.model,
                software=device.software,
                protocols=protocols_of(device),
                last_seen_at=seen.get(device.id),
            )
            for subscriber, device in page
        ]

    async def _devices(self, search: Search, after: str) -> AsyncIterator[tuple[Subscriber, Device]]:
        """Those of the search after that one, household by household."""
        owner = after.rpartition(".")[0]
        begun = await self._store.load_household("id", owner) if owner else None
        if begun is not None:
            ids = [device.id for device in begun.devices]
            rest = begun.devices[ids.index(after) + 1 if after in ids else len(ids) :]
            for household in await narrow(self._store, search, [begun._replace(devices=rest)]):
                for device in household.devices:
                    yield household.subscriber, device
        async for household in self._store.search(search, owner):
            for device in household.devices:
                yield household.subscriber, device
