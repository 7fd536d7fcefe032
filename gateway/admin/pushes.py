"""The admin API's routes for what is pushed to phones: notifications, bootstrap, and OMA CP documents."""

from __future__ import annotations

import secrets
from typing import Protocol

from gateway.admin.models import CpDocument, NewBootstrap, PushView
from gateway.admin.routes import Call, Route
from gateway.errors import ConfigError
from gateway.fleet.account import Account
from gateway.fleet.device import Device
from gateway.fleet.push import PreparedPush
from gateway.fleet.subscriber import Subscriber
from gateway.inventory import Inventory

NO_BEARER = (
    "no bearer carries pushes yet, so nothing was sent and nothing changed; sms.bearer is the setting that will name"
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
    """What can be pushed to devices, shown before it is sent."""

    def __init__(
        self,
        inventory: Inventory,
        dm: NotificationRenderer,
        cp: CpRenderer,
        rcc14: ReconfigurationRenderer,
        *,
        server_id: str,
        server_name: str,
        server_address: str,
    ) -> None:
        """``server_…`` is what a new account tells of the gateway."""
        self._inventory = inventory
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
            Route(
                "GET", "/subscribers/{ref}/cp-document", self.show_document, "The OMA CP document as it would be sent",
                gives=CpDocument, query={"device": "device id, where the subscriber has several devices"},
            ),
        )  # fmt: skip

    async def notify(self, call: Call) -> PushView:
        """Package 0 for one device, shown and not sent."""
        if not call.flag("dry_run"):
            raise ConfigError(NO_BEARER)
        ui_mode = call.query.get("ui_mode", "not-specified")
        if ui_mode not in UI_MODES:
            raise ConfigError(f"{ui_mode[:40]!r} is none of {', '.join(UI_MODES)}", key="ui_mode")
        _, device = await self._inventory.find_device(call.path["ref"])
        session_id = 1 + secrets.randbelow(0xFFFF)
        prepared = self._dm.notification(device, session_id, ui_mode, _reference(), resync=call.flag("resync"))
        return _push_view(device.id, prepared)

    async def bootstrap(self, call: Call) -> PushView:
        """The bootstrap message with a new account, which is stored only when it is really on its way."""
        body: NewBootstrap = call.body
        by_hand = call.flag("by_hand")
        if not call.flag("dry_run") and not by_hand:
            raise ConfigError(NO_BEARER + "; by_hand=true (--by-hand) stores the account and leaves sending to you")
        pin = body.pin
        if not pin and body.security != "netwpin":
            pin = f"{secrets.randbelow(10**6):06}"
        keep = by_hand and not call.flag("dry_run")
        # Rendered first from an account that is not kept: what cannot be rendered must not cost a device its account.
        for stored in (False, True) if keep else (False,):
            issued = await self._inventory.renew_account(
                call.path["ref"], imei=body.imei, auth=body.auth, server_id=self._server_id, keep=stored
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
        return _push_view(issued.device.id, prepared)

    async def reconfigure(self, call: Call) -> PushView:
        """The message that makes RCC.14 clients ask anew, shown and not sent."""
        if not call.flag("dry_run"):
            raise ConfigError(NO_BEARER)
        by = call.query.get("by", "imsi")
        if by not in ("imsi", "impi"):
            raise ConfigError(f"{by[:40]!r} is none of imsi, impi", key="by")
        subscriber = (await self._inventory.find(call.path["ref"])).subscriber
        imsi = call.query.get("imsi", subscriber.imsi)
        if not imsi or imsi not in subscriber.imsis:
            known = ", ".join(subscriber.imsis) or "none"
            raise ConfigError(f"{imsi[:20]!r} is no IMSI of subscriber {subscriber.id}; known: {known}", key="imsi")
        return _push_view("", self._rcc14.reconfiguration(subscriber, imsi, by_impi=by == "impi"))

    async def show_document(self, call: Call) -> CpDocument:
        """The OMA CP document of one device."""
        household, device = await self._inventory.find_device(call.path["ref"], call.query.get("device", ""))
        document, wbxml = self._cp.preview(household.subscriber, device)
        return CpDocument(document=document, wbxml=wbxml.hex().upper())


def _reference() -> int:
    """What tells the parts of one message from another's."""
    return secrets.randbelow(1 << 16)


def _push_view(device_id: str, prepared: PreparedPush) -> PushView:
    return PushView(
        device_id=device_id,
        kind=prepared.kind,
        fields=prepared.says,
        document=prepared.document,
        entry=prepared.entry,
        body=prepared.body.hex().upper(),
        push=prepared.octets.hex().upper(),
        segments=[segment.hex().upper() for segment in prepared.segments],
    )
