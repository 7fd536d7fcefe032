"""The admin API's routes for the audit log: all of it, and what is in it of one subscriber or device."""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence

import msgspec

from gateway.access.audit import AuditLog
from gateway.admin.models.audit import AuditView
from gateway.admin.routes import MAX_LISTED, Call, Route
from gateway.fleet.subscriber import Subscriber
from gateway.inventory import Inventory
from gateway.store.protocol import Household, Store

_PAGING = {
    "since": "no earlier than this time",
    "until": "before this time",
    "newest": "true: newest first; what comes after an id is then older",
    "after": "after this id",
    "limit": f"how many, at most {MAX_LISTED}",
}


class AuditRoutes:
    """Who did what. There is no route that changes it."""

    def __init__(self, store: Store, inventory: Inventory) -> None:
        self._log = AuditLog(store)
        self._inventory = inventory

    def routes(self) -> tuple[Route, ...]:
        """The route table."""
        return (
            Route(
                "GET", "/audit", self.list_audit, "Who did what, oldest first", gives=AuditView, many=True,
                pages_by="id",
                query={
                    "who": "by this user:NAME, token:NAME or admin.token",
                    "subject": "to this subscriber, device, user or token, by its id",
                    "action": "this operationId",
                    **_PAGING,
                },
            ),
            Route(
                "GET", "/subscribers/{ref}/changes", self.list_changes,
                "Who changed what of a subscriber and of the devices, gone ones too",
                gives=AuditView, many=True, pages_by="id", query=_PAGING,
            ),
            Route(
                "GET", "/devices/{ref}/changes", self.list_device_changes,
                "Who changed what of a device, and of its subscriber as a whole",
                gives=AuditView, many=True, pages_by="id", query=_PAGING,
            ),
        )  # fmt: skip

    async def list_audit(self, call: Call) -> Sequence[AuditView]:
        """Entries, a page at a time."""
        subject = call.query.get("subject", "")
        return await self._page(call, {subject}, {subject}) if subject else await self._page(call, None, ())

    async def list_changes(self, call: Call) -> Sequence[AuditView]:
        """Entries of one subscriber, also of devices that are gone."""
        household = await self._inventory.find(call.path["ref"])
        names = _names(household.subscriber) | {device.imei for device in household.devices}
        return await self._page(call, _Household(household), {*names, f"{household.subscriber.id}."} - {""})

    async def list_device_changes(self, call: Call) -> Sequence[AuditView]:
        """Entries of one device, and of its subscriber without the other devices."""
        household, device = await self._inventory.find_device(call.path["ref"])
        names = {*_names(household.subscriber), device.id, device.imei} - {""}
        return await self._page(call, names, names)

    async def _page(self, call: Call, subjects: Container[str] | None, names: Iterable[str]) -> Sequence[AuditView]:
        wanted = {name: call.query.get(name, "") for name in ("who", "action", "after")}
        found = await self._log.load(
            limit=call.limit,
            since=call.time("since"),
            until=call.time("until"),
            backwards=call.flag("newest"),
            subjects=subjects,
            names=names,
            **wanted,
        )
        return [AuditView.model_validate(msgspec.structs.asdict(entry)) for entry in found]


class _Household:
    """Holds all that a subscriber and their devices are or were called."""

    def __init__(self, household: Household) -> None:
        self._id = household.subscriber.id
        self._names = {*_names(household.subscriber), *(device.imei for device in household.devices)} - {""}

    def __contains__(self, subject: object) -> bool:
        return subject in self._names or str(subject).rpartition(".")[0] == self._id


def _names(subscriber: Subscriber) -> set[str]:
    """What may be said for the subscriber; what was refused is kept under the name that it was asked by."""
    return {subscriber.id, subscriber.msisdn, *subscriber.imsis}
