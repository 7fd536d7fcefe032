"""The admin API's route that lists devices, all or those that match as profiles do."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence

from gateway.admin.models import DeviceRow
from gateway.admin.routes import MAX_LISTED, Call, Route
from gateway.admin.subscribers import protocols_of
from gateway.errors import ConfigError
from gateway.fleet.device import Device
from gateway.fleet.profile import check_match, matches
from gateway.fleet.subscriber import Subscriber
from gateway.store.protocol import Store


class SearchRoutes:
    """Devices of the whole fleet. A search reads household after household, so its cost grows with the fleet."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def routes(self) -> tuple[Route, ...]:
        """The route table."""
        return (
            Route(
                "GET", "/devices", self.list_devices, "Devices, by subscriber", gives=DeviceRow, many=True,
                confined=True, pages_by="id",
                query={
                    "match": "facet=value;… of tenant, plan, group, manufacturer, model, tac, role, plmn and "
                    "attributes.NAME; of several values of one facet any, of several facets all",
                    "after": "after this device id",
                    "limit": f"how many, at most {MAX_LISTED}",
                },
            ),
        )  # fmt: skip

    async def list_devices(self, call: Call) -> Sequence[DeviceRow]:
        """A page of them."""
        match, tenant = _parse_match(call.query.get("match", "")), call.caller.tenant
        page: list[tuple[Subscriber, Device]] = []
        async for subscriber, device in self._devices(call.query.get("after", "")):
            if tenant in ("", subscriber.tenant) and matches(match, subscriber, device):
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

    async def _devices(self, after: str) -> AsyncIterator[tuple[Subscriber, Device]]:
        """All devices after that one, household by household."""
        owner = after.rpartition(".")[0]
        begun = await self._store.load_household("id", owner) if owner else None
        if begun is not None:
            ids = [device.id for device in begun.devices]
            for device in begun.devices[ids.index(after) + 1 if after in ids else len(ids) :]:
                yield begun.subscriber, device
        async for household in self._store.scan_households(owner):
            for device in household.devices:
                yield household.subscriber, device


def _parse_match(text: str) -> Mapping[str, Sequence[str]]:
    """Facets with their values. Raises: ConfigError."""
    match: dict[str, list[str]] = {}
    for stated in filter(None, text.split(";")):
        facet, equals, value = stated.partition("=")
        if not equals:
            raise ConfigError(f"{stated[:60]!r} has no value; write facet=value, as model=B7", key="match")
        match.setdefault(facet.strip(), []).append(value.strip())
    check_match(match)
    return match
