"""What can be pushed to a device, rendered by the adapters that can and handed to what gets it there."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple, Protocol

from gateway.accounts import Accounts
from gateway.errors import ConfigError
from gateway.fleet.account import Account
from gateway.fleet.device import AuthType, Device
from gateway.fleet.push import PreparedPush, Push
from gateway.fleet.subscriber import Subscriber
from gateway.inventory import Inventory
from gateway.new_accounts import Issued, NewAccounts
from gateway.outreach.deliveries import Reach


class Server(NamedTuple):
    """What a new account tells a device of the gateway."""

    id: str
    name: str
    address: str


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

    def configure(
        self, subscriber: Subscriber, device: Device, security: str, pin: str, reference: int
    ) -> PreparedPush:
        """The push of that document. Raises: ConfigError."""
        ...


class ReconfigurationRenderer(Protocol):
    """Renders the message that makes an RCC.14 client ask anew."""

    def reconfiguration(
        self, subscriber: Subscriber, imsi: str, *, by_impi: bool, server: str = "", apps: Sequence[str] = ()
    ) -> PreparedPush:
        """The push to that SIM of the subscriber. Raises: ConfigError."""
        ...


class Ordered(NamedTuple):
    """A push, and where it goes: what is kept of its way, or None where it was only to be shown."""

    prepared: PreparedPush
    push: Push | None
    device_id: str


class Pushes:
    """Everything that is pushed to devices. Without ``reach`` it can only be shown."""

    def __init__(
        self,
        inventory: Inventory,
        reach: Reach | None,
        dm: NotificationRenderer,
        cp: CpRenderer,
        rcc14: ReconfigurationRenderer,
        server: Server,
        *,
        accounts: Accounts,
        new_accounts: NewAccounts,
    ) -> None:
        self._inventory = inventory
        self._accounts = accounts
        self._new_accounts = new_accounts
        self._reach = reach
        self._dm = dm
        self._cp = cp
        self._rcc14 = rcc14
        self._server = server

    @property
    def can_send(self) -> bool:
        """Whether a bearer carries short messages."""
        return self._reach is not None

    async def notify(
        self, device: Device, *, ui_mode: str = "not-specified", resync: bool = False, send: bool = True
    ) -> Ordered:
        """Package 0, which makes an OMA DM device call. Raises: ConfigError when it has no account to know it by."""
        session_id = 1 + secrets.randbelow(0xFFFF)
        prepared = self._dm.notification(device, session_id, ui_mode, _reference(), resync=resync)
        push = None
        if send:
            push = await self._sender().order(
                device.subscriber_id, prepared, "dm_notify", device_id=device.id, session_id=f"{session_id:X}"
            )
        return Ordered(prepared, push, device.id)

    async def bootstrap(
        self,
        reference: str,
        *,
        profile: str = "cp",
        security: str = "netwpin",
        pin: str = "",
        imei: str = "",
        auth: AuthType | None = None,
        send: bool = True,
        keep: bool = False,
    ) -> Ordered:
        """The bootstrap message with a new account, which is stored when it is on its way, or with ``keep`` anyhow.

        Raises: NotFound, ConfigError, Conflict.
        """
        if not pin and security != "netwpin":
            pin = f"{secrets.randbelow(10**6):06}"
        issued = await self._new_accounts.renew(reference, imei=imei, auth=auth, server_id=self._server.id)
        renderer: BootstrapRenderer = self._cp if profile == "cp" else self._dm
        prepared = renderer.bootstrap(
            issued.subscriber, issued.device, self._account(issued), security, pin, _reference()
        )
        push = None
        if send:
            push = await self._sender().order(
                issued.subscriber.id,
                prepared,
                "cp" if profile == "cp" else "dm_bootstrap",
                self._new_accounts.writes(issued),
                device_id=issued.device.id,
            )
        elif keep:
            await self._new_accounts.keep(issued)
        return Ordered(prepared, push, issued.device.id)

    async def bootstrap_again(self, device_id: str, now: datetime) -> Ordered:
        """The OMA CP message with an account for a phone that was reset, which it is to use before its old one ends.

        Raises: NotFound, ConfigError, Conflict.
        """
        household, device = await self._inventory.find_device(device_id)
        subscriber = household.subscriber
        given, client, server = self._accounts.issued(device, now)
        auth = given.omadm.auth if given.omadm else "md5"
        issued = Issued(subscriber, given, auth, client, server)
        prepared = self._cp.bootstrap(subscriber, given, self._account(issued), "netwpin", "", _reference())
        writes = self._new_accounts.writes(issued) if given is not device else []
        push = await self._sender().order(subscriber.id, prepared, "cp", writes, device_id=device.id)
        return Ordered(prepared, push, device.id)

    async def configure(self, subscriber: Subscriber, device: Device) -> Ordered:
        """The settings themselves by OMA CP, without an account, for a phone that takes nothing else."""
        prepared = self._cp.configure(subscriber, device, "netwpin", "", _reference())
        push = await self._sender().order(subscriber.id, prepared, "cp", device_id=device.id)
        return Ordered(prepared, push, device.id)

    async def reconfigure(
        self,
        subscriber: Subscriber,
        imsi: str,
        *,
        by_impi: bool,
        server: str = "",
        apps: Sequence[str] = (),
        send: bool = True,
    ) -> Ordered:
        """The message that makes RCC.14 clients ask anew, that server and about those AppIDs if any are given.

        Raises: ConfigError.
        """
        prepared = self._rcc14.reconfiguration(subscriber, imsi, by_impi=by_impi, server=server, apps=apps)
        push = await self._sender().order(subscriber.id, prepared, "rcscfg") if send else None
        return Ordered(prepared, push, "")

    def preview(self, subscriber: Subscriber, device: Device) -> tuple[str, bytes]:
        """The OMA CP document this device would get, without an account, as XML and as WBXML."""
        return self._cp.preview(subscriber, device)

    def _sender(self) -> Reach:
        if self._reach is None:
            raise ConfigError("no bearer carries short messages; sms.bearer is the setting that names one")
        return self._reach

    def _account(self, issued: Issued) -> Account:
        return Account(
            server_id=self._server.id,
            name=self._server.name,
            address=self._server.address,
            auth=issued.auth,
            client=issued.client,
            server=issued.server,
        )


def _reference() -> int:
    """What tells the parts of one message from another's."""
    return secrets.randbelow(1 << 16)
