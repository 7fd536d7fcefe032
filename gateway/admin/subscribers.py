"""The admin API's routes for subscribers: who they are, what they are to hold, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Literal, Protocol

import msgspec

from gateway.admin.models.base import ProtocolName, StateName
from gateway.admin.models.devices import OwnerView
from gateway.admin.models.subscribers import (
    DeviceSummary,
    Document,
    ExplainedLeaf,
    Explanation,
    NewSim,
    NewState,
    NewSubscriber,
    Source,
    SubscriberChange,
    SubscriberView,
    Values,
    ValuesChanged,
)
from gateway.admin.routes import MAX_LISTED, Call, Route
from gateway.errors import ConfigError, Forbidden
from gateway.fleet.activation import activation
from gateway.fleet.device import Device
from gateway.fleet.subscriber import Overrides, ServiceState, Subscriber
from gateway.fleet.tenancy import MARK, is_of_another
from gateway.inventory import Inventory, SimKeys
from gateway.service import Service
from gateway.store.protocol import Household, Store
from gateway.subscriptions import Change, Subscriptions

WHAT_IF = {
    "plan": "as if this were the plan",
    "tenant": "as if this were the tenant",
    "groups": "as if these were the groups, with commas between",
    "manufacturer": "as if this were the manufacturer of the device",
    "model": "as if this were the model of the device",
}
"""What can be supposed of a subscriber and a device."""


class DocumentRenderer(Protocol):
    """Renders the RCC.14 document one device would get; the adapter that can is handed in at start."""

    def preview(self, subscriber: Subscriber, device: Device, layout: Literal["A", "B"]) -> bytes:
        """The document, complete but for its TOKEN."""
        ...


class SubscriberRoutes:
    """What can be done with subscribers."""

    def __init__(
        self,
        store: Store,
        service: Service,
        inventory: Inventory,
        subscriptions: Subscriptions,
        documents: DocumentRenderer,
    ) -> None:
        self._store = store
        self._service = service
        self._inventory = inventory
        self._subscriptions = subscriptions
        self._documents = documents

    def routes(self) -> tuple[Route, ...]:
        """The route table."""
        device = {"device": "device id, where the subscriber has several devices"}
        return (
            Route(
                "GET", "/subscribers", self.list_subscribers, "Subscribers by ascending id",
                gives=SubscriberView, many=True, confined=True, pages_by="id",
                query={"after": "list those after this id", "limit": f"how many, at most {MAX_LISTED}"},
            ),
            Route(
                "POST", "/subscribers", self.create_subscriber, "Create a subscriber",
                takes=NewSubscriber, gives=SubscriberView, status=201, confined=True,
            ),
            Route("GET", "/subscribers/{ref}", self.show_subscriber, "One subscriber", gives=SubscriberView),
            Route(
                "PATCH", "/subscribers/{ref}", self.change_subscriber, "Change plan, groups, number or SIMs",
                takes=SubscriberChange, gives=SubscriberView,
            ),
            Route("DELETE", "/subscribers/{ref}", self.delete_subscriber, "Remove a subscriber", status=204),
            Route(
                "PUT", "/subscribers/{ref}/state", self.set_subscriber_state,
                "Say what the network wants for a subscriber",
                takes=NewState, status=204,
            ),
            Route(
                "PATCH", "/subscribers/{ref}/values", self.set_values, "Set or take back values",
                takes=Values, gives=ValuesChanged,
            ),
            Route(
                "PUT", "/subscribers/{ref}/sims/{imsi}", self.set_sim, "Keep the keys of a SIM, for EAP-AKA",
                takes=NewSim, status=204,
            ),
            Route("DELETE", "/subscribers/{ref}/sims/{imsi}", self.delete_sim, "Forget the keys of a SIM", status=204),
            Route(
                "GET", "/subscribers/{ref}/explain", self.explain, "Why the values are what they are",
                gives=Explanation, query=device | WHAT_IF | {"node": "only this node and what is below it"},
            ),
            Route(
                "GET", "/subscribers/{ref}/document", self.show_document, "The RCC.14 document as it would be sent",
                gives=Document, query=device | {"layout": "A or B"}, needs="documents:read",
            ),
        )  # fmt: skip

    async def list_subscribers(self, call: Call) -> Sequence[SubscriberView]:
        """Subscribers by ascending id, a page at a time."""
        limit, page = call.limit, []
        async for household in self._store.scan_households(call.query.get("after", "")):
            if call.caller.tenant not in ("", household.subscriber.tenant):
                continue
            page.append(household)
            if len(page) == limit:
                break
        seen = await self._store.load_last_seen([device.id for household in page for device in household.devices])
        return [_subscriber_view(household, seen) for household in page]

    async def create_subscriber(self, call: Call) -> SubscriberView:
        """Create one subscriber."""
        body: NewSubscriber = call.body
        if call.caller.tenant not in ("", body.tenant):
            raise Forbidden(f"{call.caller.name} makes subscribers of {call.caller.tenant} alone; say so with tenant")
        subscriber_id = await self._inventory.id_for(body.id or "", call.caller.tenant)
        if is_of_another(subscriber_id):
            raise ConfigError(f"{MARK} stands before the tenant's own name alone", key="id")
        subscriber = await self._inventory.create_subscriber(
            subscriber_id=subscriber_id, **body.model_dump(exclude={"id"})
        )
        return _subscriber_view(Household(subscriber, ()), {})

    async def show_subscriber(self, call: Call) -> SubscriberView:
        """One subscriber."""
        return await self._view_of(call.path["ref"])

    async def _view_of(self, reference: str) -> SubscriberView:
        household = await self._inventory.find(reference)
        seen = await self._store.load_last_seen([device.id for device in household.devices])
        return _subscriber_view(household, seen)

    async def change_subscriber(self, call: Call) -> SubscriberView:
        """Change what is given of one subscriber."""
        body: SubscriberChange = call.body
        if call.caller.tenant and body.tenant not in (None, call.caller.tenant):
            raise Forbidden(f"{call.caller.name} cannot give subscribers of {call.caller.tenant} to another tenant")
        # The subscriber may be named by what changes: it is found by its id afterwards.
        subscriber_id = (await self._inventory.find(call.path["ref"])).subscriber.id
        await self._subscriptions.change(subscriber_id, Change(**body.model_dump()))
        return await self._view_of(subscriber_id)

    async def delete_subscriber(self, call: Call) -> None:
        """Remove one subscriber."""
        await self._inventory.delete_subscriber(call.path["ref"])

    async def set_subscriber_state(self, call: Call) -> None:
        """Say what the network wants for a subscriber's service or one application of it."""
        body: NewState = call.body
        await self._inventory.set_state(call.path["ref"], state_of(body.state), body.application)

    async def set_values(self, call: Call) -> ValuesChanged:
        """Set and take back values of a subscriber or, with a device id, of that device."""
        body: Values = call.body
        return ValuesChanged(warnings=await self._inventory.set_values(call.path["ref"], body.set, body.unset))

    async def set_sim(self, call: Call) -> None:
        """Keep the keys of one of the subscriber's SIMs; no answer ever holds them."""
        body: NewSim = call.body
        keys = SimKeys(*(bytes.fromhex(key) for key in (body.k, body.opc)))
        await self._inventory.set_sim(call.path["ref"], call.path["imsi"], keys, sqn=body.sqn)

    async def delete_sim(self, call: Call) -> None:
        """Forget the keys of one SIM."""
        await self._inventory.set_sim(call.path["ref"], call.path["imsi"], None)

    async def explain(self, call: Call) -> Explanation:
        """Which layer set each leaf, and which lost."""
        if call.query.get("tenant", call.caller.tenant) != call.caller.tenant and call.caller.tenant:
            raise Forbidden(f"{call.caller.name} cannot see what another tenant's profiles say")
        household, device = await self._inventory.find_device(call.path["ref"], call.query.get("device", ""))
        subscriber, device = _supposed(household.subscriber, device, call.query)
        leaves = [
            ExplainedLeaf(
                node=f"{leaf.mo}/{leaf.path}",
                value=leaf.value,
                missing=list(leaf.missing),
                winner=Source(**leaf.winner._asdict()),
                losers=[Source(**loser._asdict()) for loser in leaf.losers],
            )
            for leaf in self._service.explain(subscriber, device, call.query.get("node", ""))
        ]
        owners = owner_views(self._service, subscriber, device, call.query.get("node", "").partition("/")[0])
        return Explanation(subscriber_id=subscriber.id, device_id=device.id, leaves=leaves, owners=owners)

    async def show_document(self, call: Call) -> Document:
        """The RCC.14 document of one device."""
        household, device = await self._inventory.find_device(call.path["ref"], call.query.get("device", ""))
        asked = call.query.get("layout", "B")
        if asked not in ("A", "B"):
            raise ConfigError(f"{asked!r} is no document layout; there are A and B", key="layout")
        layout: Literal["A", "B"] = "A" if asked == "A" else "B"
        document = self._documents.preview(household.subscriber, device, layout)
        version = device.rcc14.version if device.rcc14 else 0
        return Document(layout=layout, version=version, document=document.decode())


def _supposed(subscriber: Subscriber, device: Device, query: Mapping[str, str]) -> tuple[Subscriber, Device]:
    """Both as they would be if the query were so."""
    whose = {name: query[name] for name in ("plan", "tenant") if name in query}
    which = {name: query[name] for name in ("manufacturer", "model") if name in query}
    if "groups" in query:
        groups = tuple(filter(None, query["groups"].split(",")))
        subscriber = msgspec.structs.replace(subscriber, groups=groups)
    return msgspec.structs.replace(subscriber, **whose), msgspec.structs.replace(device, **which)


def owner_views(service: Service, subscriber: Subscriber, device: Device, mo: str = "") -> list[OwnerView]:
    """Who owns what on a device; of one MO where that is named."""
    owned = service.owners(subscriber, device).items()
    return [OwnerView(mo=one, protocol=owner.protocol, why=owner.why) for one, owner in owned if mo in ("", one)]  # type: ignore[arg-type]


def state_of(name: StateName) -> ServiceState:
    """The state of that name."""
    return ServiceState[name.upper()]


def flat(overrides: Overrides) -> dict[str, str]:
    """Values by node, as they are written to be set: MO/path."""
    return {f"{mo}/{path}": text for mo, leaves in overrides.items() for path, text in leaves.items()}


def _subscriber_view(household: Household, seen: Mapping[str, datetime]) -> SubscriberView:
    subscriber = household.subscriber
    return SubscriberView(
        id=subscriber.id,
        imsis=list(subscriber.imsis),
        msisdn=subscriber.msisdn,
        tenant=subscriber.tenant,
        plan=subscriber.plan,
        groups=list(subscriber.groups),
        attributes=subscriber.attributes,
        values=flat(subscriber.overrides),
        state=subscriber.state.name.lower(),
        sims=sorted(subscriber.sims),
        application_states={mo: state.name.lower() for mo, state in subscriber.application_states.items()},
        devices=[
            DeviceSummary(
                id=device.id,
                friendly_name=device.friendly_name,
                role=device.role,
                activation=activation(subscriber, device).value,
                imei=device.imei,
                manufacturer=device.manufacturer,
                model=device.model,
                protocols=protocols_of(device),
                last_seen_at=seen.get(device.id),
            )
            for device in household.devices
        ],
    )


def protocols_of(device: Device) -> list[ProtocolName]:
    """The protocols that the device has spoken or has an account for."""
    spoken: list[tuple[ProtocolName, object]] = [("omadm", device.omadm), ("rcc14", device.rcc14)]
    return [name for name, state in spoken if state is not None]
