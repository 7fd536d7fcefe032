"""The admin API: what operators, the command line and the console can do, as HTTP on the admin listener.

Every route but the probes needs the admin token; one place checks it. Handlers take a checked ``Call`` and give a
model; errors of the gateway become answers in one place.
"""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from http import HTTPStatus
from typing import Literal, Protocol

import pydantic
import pydantic_core
from aiohttp import web

from gateway.admin import auth, openapi
from gateway.admin.models import (
    DeviceSummary,
    DeviceView,
    Document,
    EventView,
    ExplainedLeaf,
    Explanation,
    LeafView,
    Model,
    NewAccount,
    NewDevice,
    NewOperation,
    NewSubscriber,
    OmaDmView,
    OperationView,
    Problem,
    ProtocolName,
    Rcc14View,
    Source,
    SubscriberView,
    Values,
    ValuesChanged,
)
from gateway.admin.routes import Call, Route
from gateway.errors import ConfigError, Conflict, MogateError, NotFound, Unavailable
from gateway.fleet.device import Device
from gateway.fleet.operation import Operation
from gateway.fleet.standing import LeafStanding, leaf_standings
from gateway.fleet.subscriber import Overrides, Subscriber
from gateway.inventory import Inventory
from gateway.observe import metrics
from gateway.observe.logs import logger
from gateway.service import Service
from gateway.status import StatusCode
from gateway.store.protocol import Household, Store

MAX_BODY_BYTES = 1 << 20
MAX_LISTED = 1000

_STATUS_OF: tuple[tuple[type[MogateError], HTTPStatus], ...] = (
    (NotFound, HTTPStatus.NOT_FOUND),
    (Conflict, HTTPStatus.CONFLICT),
    (ConfigError, HTTPStatus.UNPROCESSABLE_ENTITY),
    (Unavailable, HTTPStatus.SERVICE_UNAVAILABLE),
)


class DocumentRenderer(Protocol):
    """Renders the RCC.14 document one device would get; the adapter that can is handed in at start."""

    def preview(self, subscriber: Subscriber, device: Device, layout: Literal["A", "B"]) -> bytes:
        """The document, complete but for its TOKEN."""
        ...


class AdminApi:
    """The admin API over the gateway's use cases."""

    def __init__(
        self, *, store: Store, service: Service, inventory: Inventory, documents: DocumentRenderer, token_digest: bytes
    ) -> None:
        self._store = store
        self._service = service
        self._inventory = inventory
        self._documents = documents
        self._token_digest = token_digest

    def application(self) -> web.Application:
        """The aiohttp application to serve on the admin listener."""
        app = web.Application(client_max_size=MAX_BODY_BYTES, middlewares=[self._guard])
        for route in self.routes():
            app.router.add_route(route.method, "/api/v1" + route.path, _aiohttp_handler(route))
        described = openapi.describe([route._replace(path="/api/v1" + route.path) for route in self.routes()])
        document = pydantic_core.to_json(described)

        async def handle_openapi(_: web.Request) -> web.Response:
            return web.Response(body=document, content_type="application/json")

        app.router.add_get("/openapi.json", handle_openapi)
        app.router.add_get("/metrics", _handle_metrics)
        app.router.add_get("/livez", _handle_livez)
        app.router.add_get("/readyz", self._handle_readyz)
        return app

    def routes(self) -> tuple[Route, ...]:
        """The route table."""
        device = {"device": "device id, where the subscriber has several devices"}
        return (
            Route(
                "GET", "/subscribers", self.list_subscribers, "Subscribers by ascending id",
                gives=SubscriberView, many=True,
                query={"after": "list those after this id", "limit": f"how many, at most {MAX_LISTED}"},
            ),
            Route(
                "POST", "/subscribers", self.create_subscriber, "Create a subscriber",
                takes=NewSubscriber, gives=SubscriberView, status=201,
            ),
            Route("GET", "/subscribers/{ref}", self.show_subscriber, "One subscriber", gives=SubscriberView),
            Route("DELETE", "/subscribers/{ref}", self.delete_subscriber, "Remove a subscriber", status=204),
            Route(
                "PATCH", "/subscribers/{ref}/values", self.set_values, "Set or take back values",
                takes=Values, gives=ValuesChanged,
            ),
            Route(
                "GET", "/subscribers/{ref}/explain", self.explain, "Why the values are what they are",
                gives=Explanation, query=device | {"node": "only this node and what is below it"},
            ),
            Route(
                "GET", "/subscribers/{ref}/document", self.show_document, "The RCC.14 document as it would be sent",
                gives=Document, query=device | {"layout": "A or B"},
            ),
            Route(
                "POST", "/subscribers/{ref}/devices", self.create_device, "Add a device with an OMA DM account",
                takes=NewDevice, gives=NewAccount, status=201,
            ),
            Route("GET", "/devices/{ref}", self.show_device, "One device, leaf by leaf", gives=DeviceView),
            Route("DELETE", "/devices/{ref}", self.delete_device, "Remove a device", status=204),
            Route(
                "POST", "/devices/{ref}/operations", self.create_operation, "Queue an operation for the next session",
                takes=NewOperation, gives=OperationView, status=201,
            ),
            Route(
                "GET", "/events", self.list_events, "What happened, oldest first", gives=EventView, many=True,
                query={
                    "subscriber": "of this subscriber id",
                    "device": "of this device id",
                    "after": "after this seq",
                    "limit": f"how many, at most {MAX_LISTED}",
                },
            ),
        )  # fmt: skip

    async def list_subscribers(self, call: Call) -> Sequence[SubscriberView]:
        """Subscribers by ascending id, a page at a time."""
        limit, page = _limit(call), []
        async for household in self._store.scan_households(call.query.get("after", "")):
            page.append(household)
            if len(page) == limit:
                break
        seen = await self._store.load_last_seen([device.id for household in page for device in household.devices])
        return [_subscriber_view(household, seen) for household in page]

    async def create_subscriber(self, call: Call) -> SubscriberView:
        """Create one subscriber."""
        body: NewSubscriber = call.body
        subscriber = await self._inventory.create_subscriber(
            subscriber_id=body.id or "", **body.model_dump(exclude={"id"})
        )
        return _subscriber_view(Household(subscriber, ()), {})

    async def show_subscriber(self, call: Call) -> SubscriberView:
        """One subscriber."""
        household = await self._inventory.find(call.path["ref"])
        seen = await self._store.load_last_seen([device.id for device in household.devices])
        return _subscriber_view(household, seen)

    async def delete_subscriber(self, call: Call) -> None:
        """Remove one subscriber."""
        await self._inventory.delete_subscriber(call.path["ref"])

    async def set_values(self, call: Call) -> ValuesChanged:
        """Set and take back values of a subscriber or, with a device id, of that device."""
        body: Values = call.body
        return ValuesChanged(warnings=await self._inventory.set_values(call.path["ref"], body.set, body.unset))

    async def explain(self, call: Call) -> Explanation:
        """Which layer set each leaf, and which lost."""
        household, device = await self._device_asked_for(call)
        leaves = [
            ExplainedLeaf(
                node=f"{leaf.mo}/{leaf.path}",
                value=leaf.value,
                missing=list(leaf.missing),
                winner=Source(**leaf.winner._asdict()),
                losers=[Source(**loser._asdict()) for loser in leaf.losers],
            )
            for leaf in self._service.explain(household.subscriber, device, call.query.get("node", ""))
        ]
        return Explanation(subscriber_id=household.subscriber.id, device_id=device.id, leaves=leaves)

    async def show_document(self, call: Call) -> Document:
        """The RCC.14 document of one device."""
        household, device = await self._device_asked_for(call)
        asked = call.query.get("layout", "B")
        if asked not in ("A", "B"):
            raise ConfigError(f"{asked!r} is no document layout; there are A and B", key="layout")
        layout: Literal["A", "B"] = "A" if asked == "A" else "B"
        document = self._documents.preview(household.subscriber, device, layout)
        version = device.rcc14.version if device.rcc14 else 0
        return Document(layout=layout, version=version, document=document.decode())

    async def create_device(self, call: Call) -> NewAccount:
        """Add a device with a new OMA DM account."""
        body: NewDevice = call.body
        account = await self._inventory.add_omadm_device(call.path["ref"], **body.model_dump())
        return NewAccount(device_id=account.device.id, **{
            name: value for name, value in account._asdict().items() if name != "device"
        })  # fmt: skip

    async def show_device(self, call: Call) -> DeviceView:
        """One device with every leaf's standing and all its operations."""
        household, device = await self._inventory.find_device(call.path["ref"])
        mirror = await self._store.load_mirror(device.id)
        operations = await self._store.load_operations(device.id, pending_only=False)
        seen = await self._store.load_last_seen([device.id])
        standings: list[LeafStanding] = []
        if device.omadm is not None:
            desired = self._service.desired_mos(household.subscriber, device)
            standings = leaf_standings(desired, mirror)
        return DeviceView(
            id=device.id,
            subscriber_id=device.subscriber_id,
            imei=device.imei,
            manufacturer=device.manufacturer,
            model=device.model,
            software=device.software,
            values=_flat(device.overrides),
            last_seen_at=seen.get(device.id),
            omadm=self._omadm_view(household.subscriber, device),
            rcc14=_rcc14_view(device),
            leaves=[_leaf_view(standing) for standing in standings],
            operations=[_operation_view(operation) for operation in operations],
        )

    async def delete_device(self, call: Call) -> None:
        """Remove one device."""
        await self._inventory.delete_device(call.path["ref"])

    async def create_operation(self, call: Call) -> OperationView:
        """Queue one operation."""
        body: NewOperation = call.body
        operation = await self._inventory.enqueue(call.path["ref"], body.verb, body.uri, body.value, body.format)
        return _operation_view(operation)

    async def list_events(self, call: Call) -> Sequence[EventView]:
        """Events, a page at a time."""
        events = await self._store.load_events(
            subscriber_id=call.query.get("subscriber", ""),
            device_id=call.query.get("device", ""),
            after_seq=_number(call, "after", 0),
            limit=_limit(call),
        )
        return [EventView(**{name: getattr(event, name) for name in EventView.model_fields}) for event in events]

    async def _device_asked_for(self, call: Call) -> tuple[Household, Device]:
        """The device of the query, which must be one of the subscriber's, or else the only one."""
        device_id = call.query.get("device", "")
        if not device_id:
            return await self._inventory.find_device(call.path["ref"])
        household = await self._inventory.find(call.path["ref"])
        device = next((device for device in household.devices if device.id == device_id), None)
        if device is None:
            known = ", ".join(device.id for device in household.devices) or "none"
            raise NotFound(f"subscriber {household.subscriber.id} has no device {device_id!r}; devices: {known}")
        return household, device

    def _omadm_view(self, subscriber: Subscriber, device: Device) -> OmaDmView | None:
        state = device.omadm
        if state is None:
            return None
        return OmaDmView(
            loc_uri=state.loc_uri,
            auth=state.auth,
            last_session_at=state.last_session_at,
            up_to_date=state.synced == self._service.configuration_key(subscriber, device),
            failed_attempts=state.failed_attempts,
            refused_verbs=list(state.refused_verbs),
        )

    @web.middleware
    async def _guard(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        """The one gate: checks the token, and turns errors of the gateway into answers."""
        started = time.perf_counter()
        response = await self._guarded(request, handler)
        seconds = time.perf_counter() - started
        metrics.observe_http("admin", response.status, seconds)
        if request.path.startswith("/api/"):
            logger().info(
                "request_answered",
                frontend="admin",
                method=request.method,
                route=_route(request),
                status=response.status,
                ms=round(seconds * 1000, 2),
            )
        return response

    async def _guarded(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        if request.path.startswith("/api/") and not auth.is_bearer(
            request.headers.get("Authorization", ""), self._token_digest
        ):
            return _problem(
                HTTPStatus.UNAUTHORIZED,
                "send `Authorization: Bearer <token>`; the token is in admin.token of the data directory",
            )
        try:
            return await handler(request)
        except MogateError as error:
            status = next((status for kind, status in _STATUS_OF if isinstance(error, kind)), HTTPStatus.BAD_REQUEST)
            return _problem(status, str(error), headers=_retry_after(error))
        except web.HTTPException as error:
            allow = {"Allow": error.headers["Allow"]} if "Allow" in error.headers else None
            return _problem(HTTPStatus(error.status), f"{request.method} {request.path}: {error.reason}", headers=allow)
        except (web.RequestPayloadError, ConnectionError):
            return _problem(HTTPStatus.BAD_REQUEST, "the body did not arrive as its headers say")
        except Exception:
            fault = secrets.token_hex(6)
            logger().exception("request_failed", frontend="admin", route=_route(request), fault=fault)
            return _problem(
                HTTPStatus.INTERNAL_SERVER_ERROR, "the gateway failed; its log has the traceback", fault=fault
            )

    async def _handle_readyz(self, _: web.Request) -> web.Response:
        await self._store.load_device("")
        return web.Response(text="ready\n")


def _aiohttp_handler(route: Route) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def handle(request: web.Request) -> web.Response:
        unknown = set(request.query) - route.query.keys()
        if unknown:
            known = ", ".join(route.query) or "none"
            raise ConfigError(f"there is no query parameter {', '.join(sorted(unknown))}; known: {known}")
        body = _checked(route.takes, await request.read()) if route.takes is not None else None
        answer = await route.handler(Call(request.match_info, request.query, body))
        if answer is None:
            return web.Response(status=route.status)
        return web.Response(status=route.status, body=pydantic_core.to_json(answer), content_type="application/json")

    return handle


def _checked(model: type[Model], octets: bytes) -> Model:
    """The body. Raises: ConfigError naming the field."""
    try:
        return model.model_validate_json(octets)
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "body"
        raise ConfigError(first["msg"].removeprefix("Value error, "), key=place) from None


async def _handle_metrics(_: web.Request) -> web.Response:
    return web.Response(body=metrics.render(), headers={"Content-Type": metrics.CONTENT_TYPE})


async def _handle_livez(_: web.Request) -> web.Response:
    return web.Response(text="alive\n")


def _problem(
    status: HTTPStatus, error: str, *, fault: str = "", headers: Mapping[str, str] | None = None
) -> web.Response:
    body = pydantic_core.to_json(Problem(error=error, id=fault))
    return web.Response(status=status, body=body, content_type="application/json", headers=headers)


def _retry_after(error: MogateError) -> dict[str, str]:
    return {"Retry-After": str(error.retry_after_seconds)} if isinstance(error, Unavailable) else {}


def _route(request: web.Request) -> str:
    """The route without the names in it: whom a request is about is for the event log, not for the process's."""
    resource = request.match_info.route.resource
    return resource.canonical if resource else ""


def _number(call: Call, name: str, default: int) -> int:
    text = call.query.get(name, "")
    if text and not re.fullmatch("[0-9]{1,18}", text):
        raise ConfigError(f"{text[:40]!r} is not a number", key=name)
    return int(text) if text else default


def _limit(call: Call) -> int:
    return max(1, min(_number(call, "limit", 100), MAX_LISTED))


def _flat(overrides: Overrides) -> dict[str, str]:
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
        values=_flat(subscriber.overrides),
        state=subscriber.state.name.lower(),
        devices=[
            DeviceSummary(
                id=device.id,
                imei=device.imei,
                manufacturer=device.manufacturer,
                model=device.model,
                protocols=_protocols(device),
                last_seen_at=seen.get(device.id),
            )
            for device in household.devices
        ],
    )


def _protocols(device: Device) -> list[ProtocolName]:
    spoken: list[tuple[ProtocolName, object]] = [("omadm", device.omadm), ("rcc14", device.rcc14)]
    return [name for name, state in spoken if state is not None]


def _rcc14_view(device: Device) -> Rcc14View | None:
    state = device.rcc14
    return None if state is None else Rcc14View(**{name: getattr(state, name) for name in Rcc14View.model_fields})


def _leaf_view(standing: LeafStanding) -> LeafView:
    fact = standing.fact
    status = fact.status if fact else None
    return LeafView(
        node=standing.node,
        uri=standing.uri,
        wanted=standing.wanted,
        sent=fact.sent if fact else None,
        sent_at=fact.sent_at if fact else None,
        status=status,
        meaning=None if status is None else StatusCode(status).meaning,
        status_at=fact.status_at if fact else None,
        held=fact.effective if fact else None,
        read_at=fact.read_at if fact else None,
        standing=standing.standing.value,
    )


def _operation_view(operation: Operation) -> OperationView:
    return OperationView(
        id=operation.id,
        verb=operation.verb,
        uri=operation.uri,
        value=operation.value,
        created_at=operation.created_at,
        sent_at=operation.sent_at,
        status=operation.status,
        meaning=None if operation.status is None else StatusCode(operation.status).meaning,
        results=dict(operation.results),
    )
