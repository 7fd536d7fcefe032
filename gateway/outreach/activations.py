"""How far a subscriber's services have come, out of all that the store knows of it: for people, not for devices."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.fleet.device import Device
from gateway.fleet.owners import spoken
from gateway.fleet.service_status import Known, ServiceStatus, Told, service_statuses
from gateway.fleet.standing import Standing, leaf_standings
from gateway.fleet.subscriber import Subscriber
from gateway.outreach.reach import ACTIVATION, Reachings, behind
from gateway.service import Service
from gateway.status import StatusCode
from gateway.store.protocol import Household, Store

EVENTS = 200
"""How far back in a subscriber's events the newest word on each device is looked for."""


class Activations:
    """The statuses of services, over a store."""

    def __init__(self, store: Store, service: Service, reachings: Reachings) -> None:
        self._store = store
        self._service = service
        self._reachings = reachings

    async def of(self, household: Household) -> Sequence[ServiceStatus]:
        """Every service of every device of the subscriber."""
        told: dict[str, Told] = {}
        for event in await self._store.load_events(subscriber_id=household.subscriber.id, limit=EVENTS, newest=True):
            area, _, step = event.kind.partition(".")
            if area == ACTIVATION and event.detail.get("by") is None:
                told[event.device_id] = Told(step, event.at, event.detail.get("why", ""))
        known = [await self._known(household.subscriber, device, told.get(device.id)) for device in household.devices]
        return list(service_statuses(household.subscriber, known))

    async def _known(self, subscriber: Subscriber, device: Device, told: Told | None) -> Known:
        services = tuple(self._service.selection(subscriber, device).leaves)
        speaks = spoken(device)
        carried: dict[str, tuple[str, ...]] = {}
        refused: dict[str, str] = {}
        if "rcc14" in speaks:
            left_out = self._service.left_out(subscriber, device, "rcc14")
            carried["rcc14"] = tuple(one for one in services if one not in left_out)
        if "omadm" in speaks:
            mirror = await self._store.load_mirror(device.id)
            desired = self._service.desired_mos(subscriber, device, mirror)
            carried["omadm"] = tuple(desired)
            for leaf in leaf_standings(desired, mirror):
                if leaf.standing is Standing.REFUSED and leaf.fact is not None and leaf.fact.status is not None:
                    status = StatusCode(leaf.fact.status)
                    refused.setdefault(leaf.node.partition("/")[0], f"{leaf.node}: {status}")
        return Known(
            device,
            services,
            carried,
            behind(self._service, subscriber, device),
            refused,
            await self._reachings.load(device.id),
            told,
        )
