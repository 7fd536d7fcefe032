"""The admin API's routes for what is pushed to phones: notifications, bootstrap, and OMA CP documents."""

from __future__ import annotations

import secrets
from typing import Protocol

from gateway.admin.models import CpDocument, NewBootstrap, PushRecord, PushView
from gateway.admin.routes import Call, Route
from gateway.errors import ConfigError
from gateway.fleet.account import Account
from gateway.fleet.device import Device
from gateway.fleet.push import PreparedPush, Push
from gateway.fleet.subscriber import Subscriber
from gateway.inventory import Inventory
from gateway.reach import Reach, find_push
from gateway.store.protocol import Store

NO_BEARER = (
    "no bearer carries short messages, so nothing was sent and nothing changed; sms.bearer is the setting that names"
    " one. dry_run=true (--dry-run) shows the octets"
)
UI_MODES = ("not-specified", "background", "informative", "user-interaction")


class BootstrapRenderer(Protocol):
    """Renders the bootstrap message of one profile; the adapters that can are handed in at start."""

    def bootstrap(
        self, subscriber: Subscriber, device: Device, account: Account, security: str, pin: str, reference: int
    ) -> PreparedPush:
        """The push for that device. Raises: ConfigError."""
        ...


class NotificationRenderer(BootstrapRenderer, Protocol):
    """Renders package 0, and the bootstrap message of the DM profile."""

    def notification(
        self, device: Device, session_id: int, ui_mode: str, reference: int, *, resync: bool
    ) -> PreparedPush:
        """The push for that device. Raises: ConfigError."""
        ...


class CpRenderer(BootstrapRenderer, Protocol):
    """Renders OMA CP documents, and the bootstrap message of the CP profile."""

    def preview(self, subscriber: Subscriber, device: Device) -> tuple[str, bytes]:
        """The device's document without an account, as XML and as WBXML."""
        ...


class ReconfigurationRenderer(Protocol):
    """Renders the message that makes an RCC.14 client ask anew."""

    def reconfiguration(self, subscriber: Subscriber, imsi: str, *, by_impi: bool) -> PreparedPush:
        """The push to that SIM of the subscriber. Raises: ConfigError."""
        ...


class PushRoutes:
    """What can be pushed to devices, and what became of it."""

    def __init__(
        self,
        store: Store,
        inventory: Inventory,
        reach: Reach | None,
        dm: NotificationRenderer,
        cp: CpRenderer,
        rcc14: ReconfigurationRenderer,
        *,
        server_id: str,
        server_name: str,
        server_address: str,
    ) -> None:
        """Without ``reach``, nothing can be sent. ``server_…`` is what a new account tells of the gateway."""
        self._store = store
        self._inventory = inventory
        self._reach = reach
        self._dm = dm
        self._cp = cp
        self._rcc14 = rcc14
        self._server_id = server_id
        self._server_name = server_name
        self._server_address = server_address

    def routes(self) -> tuple[Route, ...]:
        """The route table."""
        dry_run = {"dry_run": "true: show the octets, send and change nothing"}
        return (
            Route(
                "POST", "/devices/{ref}/notification", self.notify, "Make a device call: OMA DM package 0",
                gives=PushView, query=dry_run | {
                    "ui_mode": "one of " + ", ".join(UI_MODES),
                    "resync": "true: for a device that lost its nonces",
                },
            ),
            Route(
                "POST", "/devices/{ref}/bootstrap", self.bootstrap, "Give a device its OMA DM account",
                takes=NewBootstrap, gives=PushView, query=dry_run | {
                    "by_hand": "true: store the account and give the octets to be carried by the caller",
                },
            ),
            Route(
                "POST", "/subscribers/{ref}/reconfiguration", self.reconfigure,
                "Make a subscriber's RCC.14 clients ask anew", gives=PushView, query=dry_run | {
                    "by": "imsi: they start from nothing; impi: they keep number and token",
                    "imsi": "the SIM, where the subscriber has several",
                },
            ),
            Route("GET", "/pushes/{id}", self.show_push, "What became of a push", gives=PushRecord),
            Route(
                "GET", "/subscribers/{ref}/cp-document", self.show_document, "The OMA CP document as it would be sent",
                gives=CpDocument, query={"device": "device id, where the subscriber has several devices"},
            ),
        )  # fmt: skip

    async def notify(self, call: Call) -> PushView:
        """Package 0 for one device."""
        reach = self._reach_for(call)
        ui_mode = call.query.get("ui_mode", "not-specified")
        if ui_mode not in UI_MODES:
            raise ConfigError(f"{ui_mode[:40]!r} is none of {', '.join(UI_MODES)}", key="ui_mode")
        _, device = await self._inventory.find_device(call.path["ref"])
        session_id = 1 + secrets.randbelow(0xFFFF)
        prepared = self._dm.notification(device, session_id, ui_mode, _reference(), resync=call.flag("resync"))
        if reach is None:
            return _shown(device.id, prepared)
        push = await reach.order(
            device.subscriber_id, prepared, "dm_notify", device_id=device.id, session_id=f"{session_id:X}"
        )
        return _sent(prepared, push)

    async def bootstrap(self, call: Call) -> PushView:
        """The bootstrap message with a new account, which is stored only when it is really on its way."""
        body: NewBootstrap = call.body
        by_hand = call.flag("by_hand") and not call.flag("dry_run")
        hint = "; by_hand=true (--by-hand) stores the account and leaves sending to you"
        reach = None if by_hand else self._reach_for(call, hint)
        pin = body.pin
        if not pin and body.security != "netwpin":
            pin = f"{secrets.randbelow(10**6):06}"
        issued = await self._inventory.renew_account(
            call.path["ref"], imei=body.imei, auth=body.auth, server_id=self._server_id
        )
        account = Account(
            server_id=self._server_id,
            name=self._server_name,
            address=self._server_address,
            auth=issued.auth,
            client=issued.client,
            server=issued.server,
        )
        renderer: BootstrapRenderer = self._cp if body.profile == "cp" else self._dm
        prepared = renderer.bootstrap(issued.subscriber, issued.device, account, body.security, pin, _reference())
        if by_hand:
            await self._inventory.keep_account(issued)
        if reach is None:
            return _shown(issued.device.id, prepared)
        push = await reach.order(
            issued.subscriber.id,
            prepared,
            "cp" if body.profile == "cp" else "dm_bootstrap",
            self._inventory.account_writes(issued),
            device_id=issued.device.id,
        )
        return _sent(prepared, push)

    async def reconfigure(self, call: Call) -> PushView:
        """The message that makes RCC.14 clients ask anew."""
        reach = self._reach_for(call)
        by = call.query.get("by", "imsi")
        if by not in ("imsi", "impi"):
            raise ConfigError(f"{by[:40]!r} is none of imsi, impi", key="by")
        subscriber = (await self._inventory.find(call.path["ref"])).subscriber
        imsi = call.query.get("imsi", subscriber.imsi)
        if not imsi or imsi not in subscriber.imsis:
            known = ", ".join(subscriber.imsis) or "none"
            raise ConfigError(f"{imsi[:20]!r} is no IMSI of subscriber {subscriber.id}; known: {known}", key="imsi")
        prepared = self._rcc14.reconfiguration(subscriber, imsi, by_impi=by == "impi")
        if reach is None:
            return _shown("", prepared)
        return _sent(prepared, await reach.order(subscriber.id, prepared, "rcscfg"))

    async def show_push(self, call: Call) -> PushRecord:
        """What became of one push."""
        _, push = await find_push(self._store, call.path["id"])
        return record_of(push)

    async def show_document(self, call: Call) -> CpDocument:
        """The OMA CP document of one device."""
        household, device = await self._inventory.find_device(call.path["ref"], call.query.get("device", ""))
        document, wbxml = self._cp.preview(household.subscriber, device)
        return CpDocument(document=document, wbxml=wbxml.hex().upper())

    def _reach_for(self, call: Call, hint: str = "") -> Reach | None:
        """What is to send the push, or None for a dry run. Raises: ConfigError when there is nothing that could."""
        if call.flag("dry_run"):
            return None
        if self._reach is None:
            raise ConfigError(NO_BEARER + hint)
        return self._reach


def record_of(push: Push) -> PushRecord:
    """A push as the API shows it."""
    shown = {name: getattr(push, name) for name in PushRecord.model_fields if name != "handed_over"}
    return PushRecord(**shown, handed_over=len(push.message_ids))


def _reference() -> int:
    """What tells the parts of one message from another's."""
    return secrets.randbelow(1 << 16)


def _sent(prepared: PreparedPush, push: Push) -> PushView:
    """A push that is on its way: its octets, which may open an account, are for the phone alone."""
    return PushView(
        id=push.id,
        device_id=push.device_id,
        kind=prepared.kind,
        fields=prepared.says,
        document="",
        entry=prepared.entry,
        body="",
        push="",
        segments=[],
    )


def _shown(device_id: str, prepared: PreparedPush) -> PushView:
    return PushView(
        id="",
        device_id=device_id,
        kind=prepared.kind,
        fields=prepared.says,
        document=prepared.document,
        entry=prepared.entry,
        body=prepared.body.hex().upper(),
        push=prepared.octets.hex().upper(),
        segments=[segment.hex().upper() for segment in prepared.segments],
    )
