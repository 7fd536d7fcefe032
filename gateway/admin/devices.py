"""The admin API's routes for devices: the account, every leaf's standing, and queued operations."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from gateway.admin.jobs import job_view
from gateway.admin.models.devices import (
    CredentialReading,
    DeviceView,
    ImsCredentialView,
    LeafView,
    NewAccount,
    NewDevice,
    NewDeviceState,
    OmaDmView,
    Rcc14View,
    Revocation,
    SpeakingView,
)
from gateway.admin.models.operations import NewOperation, OperationView
from gateway.admin.pushes import record_of
from gateway.admin.routes import Call, Route
from gateway.admin.subscribers import flat, owner_views, state_of
from gateway.admin.tacs import tac_view
from gateway.errors import ConfigError
from gateway.fleet.activation import activation
from gateway.fleet.device import Device, Rcc14State
from gateway.fleet.operation import Condition, Operation, Prompt
from gateway.fleet.owners import speaking
from gateway.fleet.push import unanswered
from gateway.fleet.standing import LeafStanding, leaf_standings, other_leaves
from gateway.fleet.subscriber import ServiceState, Subscriber
from gateway.ims_credentials import ImsCredentials
from gateway.inventory import Inventory
from gateway.jobs import standings as job_standings
from gateway.new_accounts import NewAccounts
from gateway.observe import metrics
from gateway.service import Service
from gateway.status import StatusCode
from gateway.store.protocol import Store
from gateway.tacs import Tacs
from gateway.tree.uri import NO_LIMITS, UriLimits

_RCC14_FIELDS = Rcc14View.model_fields.keys() & set(Rcc14State.__struct_fields__)


def as_it_is(operation: Operation) -> Operation:
    """For where no serialized subtree can be read."""
    return operation


class DeviceRoutes:
    """What can be done with devices."""

    def __init__(
        self,
        store: Store,
        service: Service,
        inventory: Inventory,
        new_accounts: NewAccounts,
        ims: ImsCredentials,
        clock: Callable[[], datetime],
        lacking: Callable[[Device], Sequence[str]],
        laid_open: Callable[[Operation], Operation] = as_it_is,
    ) -> None:
        self._lacking = lacking
        self._laid_open = laid_open
        self._store = store
        self._service = service
        self._inventory = inventory
        self._new_accounts = new_accounts
        self._ims = ims
        self._clock = clock

    def routes(self) -> tuple[Route, ...]:
        """The route table."""
        return (
            Route(
                "POST", "/subscribers/{ref}/devices", self.create_device, "Add a device with an OMA DM account",
                takes=NewDevice, gives=NewAccount, status=201,
            ),
            Route("GET", "/devices/{ref}", self.show_device, "One device, leaf by leaf", gives=DeviceView),
            Route("DELETE", "/devices/{ref}", self.delete_device, "Remove a device", status=204),
            Route(
                "PUT", "/devices/{ref}/state", self.set_device_state, "Say what the network wants for one device",
                takes=NewDeviceState, status=204,
            ),
            Route(
                "POST", "/devices/{ref}/revocation", self.revoke_device, "Take a device's token, and its service, away",
                takes=Revocation, status=204,
            ),
            Route(
                "POST", "/devices/{ref}/ims-credential", self.read_credential,
                "Read a device's Digest credential for IMS, as an HSS needs it; an event tells that it was read",
                takes=CredentialReading, gives=ImsCredentialView, needs="credentials:write",
            ),
            Route(
                "POST", "/devices/{ref}/operations", self.create_operation, "Queue an operation for the next session",
                takes=NewOperation, gives=OperationView, status=201,
            ),
        )  # fmt: skip

    async def create_device(self, call: Call) -> NewAccount:
        """Add a device with a new OMA DM account."""
        body: NewDevice = call.body
        issued = await self._new_accounts.add_device(call.path["ref"], **body.model_dump())
        return NewAccount(
            device_id=issued.device.id,
            client_name=issued.client.name,
            client_password=issued.client.password,
            server_name=issued.server.name,
            server_password=issued.server.password,
        )

    async def show_device(self, call: Call) -> DeviceView:
        """One device with every leaf's standing and all its operations."""
        household, device = await self._inventory.find_device(call.path["ref"])
        mirror = await self._store.load_mirror(device.id)
        operations = await self._store.load_operations(device.id, pending_only=False)
        seen = await self._store.load_last_seen([device.id])
        standings: list[LeafStanding] = []
        if device.omadm is not None:
            desired = self._service.desired_mos(household.subscriber, device, mirror)
            standings = leaf_standings(desired, mirror)
        pushes = household.subscriber.pushes
        known = await Tacs(self._store).find(device.imei)
        return DeviceView(
            id=device.id,
            subscriber_id=device.subscriber_id,
            imei=device.imei,
            manufacturer=device.manufacturer,
            model=device.model,
            software=device.software,
            friendly_name=device.friendly_name,
            state=None if device.state is None else device.state.name.lower(),
            tac=None if known is None else tac_view(known),
            speaking=[
                SpeakingView(**one._asdict())
                for one in speaking(device, known.protocols if known else (), unanswered(pushes, device.id))
            ],
            owners=owner_views(self._service, household.subscriber, device),
            values=flat(device.overrides),
            last_seen_at=seen.get(device.id),
            omadm=self._omadm_view(household.subscriber, device),
            rcc14=_rcc14_view(household.subscriber, device),
            leaves=[_leaf_view(standing, _limits(device)) for standing in standings],
            others=[_leaf_view(standing, _limits(device)) for standing in other_leaves(standings, mirror)],
            jobs=[job_view(job) for job in job_standings(device.jobs, self._clock())],
            operations=[operation_view(operation, _limits(device)) for operation in operations],
            pushes=[record_of(push) for push in pushes if push.device_id in ("", device.id)],
        )

    async def delete_device(self, call: Call) -> None:
        """Remove one device."""
        await self._inventory.delete_device(call.path["ref"])

    async def set_device_state(self, call: Call) -> None:
        """Say what the network wants for one device."""
        body: NewDeviceState = call.body
        await self._inventory.set_device_state(call.path["ref"], state_of(body.state) if body.state else None)

    async def revoke_device(self, call: Call) -> None:
        """Take one device's token away, and unless that is to be all its service too."""
        body: Revocation = call.body
        _, device = await self._inventory.find_device(call.path["ref"])
        if body.token_only:
            await self._inventory.revoke_token(device.id)
        else:
            gone = ServiceState.DISABLED_PERMANENTLY
            await self._inventory.set_device_state(device.id, gone, revoke=True)
        if device.rcc14 is not None and device.rcc14.token_issued_at is not None:
            metrics.count(metrics.tokens, "revoked")

    async def read_credential(self, call: Call) -> ImsCredentialView:
        """The device's Digest credential, made anew before if that is wanted."""
        body: CredentialReading = call.body
        household, device = await self._inventory.read_credential(call.path["ref"], anew=body.rotate)
        credential = self._ims.credential(device, self._service.variables(household.subscriber, device))
        if credential is None:
            raise ConfigError(
                f"subscriber {household.subscriber.id} has neither an IMSI of ours nor the attribute home_domain",
                key="home_domain",
            )
        return ImsCredentialView(
            device_id=device.id,
            username=credential.username,
            realm=credential.realm,
            ha1=credential.ha1,
            password=credential.password if body.with_password else "",
            serial=device.rcc14.ims_serial if device.rcc14 else 0,
        )

    async def create_operation(self, call: Call) -> OperationView:
        """Queue one operation."""
        operation = await self._inventory.enqueue(call.path["ref"], self._laid_open(operation_of(call.body)))
        return operation_view(operation)

    def _omadm_view(self, subscriber: Subscriber, device: Device) -> OmaDmView | None:
        state = device.omadm
        if state is None:
            return None
        return OmaDmView(
            loc_uri=state.loc_uri,
            auth=state.auth,
            server_auth=state.server_auth,
            certificate=state.certificate,
            certificate_subject=state.certificate_subject,
            last_session_at=state.last_session_at,
            up_to_date=state.synced == self._service.configuration_key(subscriber, device),
            refused_verbs=list(state.refused_verbs),
            spared_verbs=[verb for verb in self._lacking(device) if verb not in state.refused_verbs],
            uri_limits={name: getattr(state.uri_limits, name) for name in ("depth", "total", "segment")}
            if state.uri_limits
            else {},
        )


def _limits(device: Device) -> UriLimits:
    return (device.omadm and device.omadm.uri_limits) or NO_LIMITS


def _meaning(status: int | None, uri: str, limits: UriLimits) -> str | None:
    """What a status means; why, where it is one that the gateway gave in the device's place."""
    if status is None:
        return None
    why = limits.breach(uri) if status == StatusCode.URI_TOO_LONG else ""
    return f"{StatusCode(status).meaning}: {why}" if why else StatusCode(status).meaning


def _rcc14_view(subscriber: Subscriber, device: Device) -> Rcc14View | None:
    state = device.rcc14
    if state is None:
        return None
    return Rcc14View(
        activation=activation(subscriber, device).value,
        role=device.role,
        has_token=state.token_issued_at is not None,
        **{name: getattr(state, name) for name in _RCC14_FIELDS},
    )


def _leaf_view(standing: LeafStanding, limits: UriLimits) -> LeafView:
    fact = standing.fact
    status = fact.status if fact else None
    return LeafView(
        node=standing.node,
        uri=standing.uri,
        wanted=standing.wanted,
        sent=fact.sent if fact else None,
        sent_at=fact.sent_at if fact else None,
        status=status,
        meaning=_meaning(status, standing.uri, limits),
        status_at=fact.status_at if fact else None,
        held=fact.effective if fact else None,
        read_at=fact.read_at if fact else None,
        standing=standing.standing.value,
    )


def operation_of(body: NewOperation) -> Operation:
    """The operation that a body asks for."""
    prompt, condition = body.prompt, body.condition
    return Operation(
        id="",
        verb=body.verb,
        uri=body.uri,
        format=body.format,
        type=body.type,
        value=body.value,
        source=body.source,
        members=tuple(map(operation_of, body.members)),
        prompt=Prompt(**prompt.model_dump() | {"choices": tuple(prompt.choices)}) if prompt else None,
        condition=Condition(condition.operation, tuple(condition.answers)) if condition else None,
        deadline_seconds=body.deadline_seconds,
    )


def operation_view(operation: Operation, limits: UriLimits = NO_LIMITS) -> OperationView:
    """An operation for the API."""
    return OperationView(
        id=operation.id,
        verb=operation.verb,
        uri=operation.uri,
        value=operation.value,
        created_at=operation.created_at,
        sent_at=operation.sent_at,
        accepted_at=operation.accepted_at,
        status=operation.status,
        meaning=_meaning(operation.status, operation.uri, limits),
        result=operation.result,
        results=dict(operation.results),
        answers=list(operation.answers),
        waits_for=operation.condition.operation if operation.condition else "",
        members=[operation_view(member, limits) for member in operation.members],
    )
