"""New OMA DM accounts that operators order for devices: given once in clear, kept sealed.

Those that the gateway makes of its own accord are in ``gateway.accounts``.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple

from cryptography import x509
from msgspec.structs import replace

from gateway.accounts import loc_uri_of, seal_login
from gateway.errors import ConfigError, Conflict
from gateway.fleet.account import NONCE_BYTES, Login
from gateway.fleet.device import AuthType, Credential, Device, OmaDmState
from gateway.fleet.model import UNKNOWN, Model
from gateway.fleet.subscriber import Subscriber
from gateway.inventory import Inventory, next_device_id
from gateway.sealing import Sealer
from gateway.store.protocol import Append, Event, PutDevice, Store, Write


class Issued(NamedTuple):
    """A new account, both directions in clear: the one time anyone sees them. ``device`` is as it is to be stored."""

    subscriber: Subscriber
    device: Device
    auth: AuthType
    client: Login
    server: Login


class NewAccounts:
    """New accounts for devices of subscribers in the inventory; ``clock`` gives aware UTC times.

    ``model`` is what is known beforehand of a device's like.
    """

    def __init__(
        self,
        store: Store,
        inventory: Inventory,
        sealer: Sealer,
        clock: Callable[[], datetime],
        model: Callable[[Device], Model] = lambda _: UNKNOWN,
    ) -> None:
        self._store = store
        self._inventory = inventory
        self._sealer = sealer
        self._clock = clock
        self._model = model

    async def add_device(
        self,
        reference: str,
        *,
        loc_uri: str,
        imei: str = "",
        manufacturer: str = "",
        model: str = "",
        auth: AuthType | None = None,
        server_auth: AuthType = "md5",
        certificate: str = "",
        certificate_subject: str = "",
        certificate_required: bool = False,
        client_name: str = "",
        server_name: str = "",
        client_password: str = "",
        server_password: str = "",
        client_digest: str = "",
        server_digest: str = "",
        client_nonce: bytes = b"",
        server_nonce: bytes = b"",
    ) -> Issued:
        """A device of the subscriber with a new OMA DM account; passwords not given are made here and shown this once.

        ``auth`` None is what the device's model has, or md5.
        An account that the device has already may come with digests of its passwords in their place, and with the
        nonces that were last agreed.
        A device of that IMEI that another protocol already knows gets the account added. ``certificate`` is the SHA-256
        fingerprint of the device's TLS certificate in hexadecimal, with or without colons, ``certificate_subject`` the
        subject of its certificates as RFC 4514 writes it.

        Raises: NotFound, Conflict when the LocURI is another device's, ConfigError for a subject that is none.
        """
        subject = _canonical_subject(certificate_subject)
        household = await self._inventory.find(reference)
        client = Login(
            client_name or loc_uri, client_password or secrets.token_urlsafe(18), client_nonce, client_digest
        )
        server = Login(
            server_name or "mogate", server_password or secrets.token_urlsafe(18), server_nonce, server_digest
        )
        known = next((device for device in household.devices if imei and device.imei == imei), None)
        device = known or Device(id=next_device_id(household), imei=imei)
        device = replace(device, manufacturer=manufacturer or device.manufacturer, model=model or device.model)
        auth = auth or self._model(device).auth or "md5"
        blank = OmaDmState(
            loc_uri=loc_uri,
            client=Credential(name="", secret=b""),
            server_auth=server_auth,
            certificate=certificate.replace(":", "").lower(),
            certificate_subject=subject,
            certificate_required=certificate_required,
        )
        device = self._with_account(replace(device, omadm=blank), loc_uri, auth, client, server)
        added = self._event("device.added", device)
        try:
            await self._store.commit(PutDevice(device), added)
        except Conflict:
            holder = await self._store.load_contact(loc_uri, self._clock())
            if holder is None or holder.device.id == device.id:
                raise
            raise Conflict(f"another device has the LocURI {loc_uri} already") from None
        return Issued(household.subscriber, device, auth, client, server)

    async def renew(self, reference: str, *, imei: str, auth: AuthType | None, server_id: str) -> Issued:
        """A new OMA DM account for a device: that of the IMEI, known or not, or what ``Inventory.find_device`` finds.

        Both directions have nonces, so that either side can prove itself in the first message. ``auth`` None is the
        device's own, that of its model, or md5. Nothing is stored: ``writes`` are for that.

        Raises: NotFound, ConfigError when nothing names the device.
        """
        household = await self._inventory.find(reference)
        known = next((device for device in household.devices if imei and device.imei == imei), None)
        if known is None and imei:
            known = Device(id=next_device_id(household), imei=imei)
        device = known or (await self._inventory.find_device(reference))[1]
        state = device.omadm
        if state is None and not device.imei:
            raise ConfigError(f"device {device.id} has no IMEI to be known by; give one", key="imei")
        loc_uri = state.loc_uri if state else loc_uri_of(device.imei)
        auth = auth or (state.auth if state else self._model(device).auth) or "md5"
        client, server = (
            Login(name, secrets.token_urlsafe(18), secrets.token_bytes(NONCE_BYTES)) for name in (loc_uri, server_id)
        )
        device = self._with_account(device, loc_uri, auth, client, server)
        return Issued(household.subscriber, device, auth, client, server)

    def writes(self, issued: Issued) -> list[Write]:
        """What keeps a new account, in place of the one the device had."""
        return [PutDevice(issued.device), self._event("account.renewed", issued.device)]

    async def keep(self, issued: Issued) -> None:
        """Keep a new account. Raises: Conflict when the device was changed meanwhile."""
        await self._store.commit(*self.writes(issued))

    def _with_account(self, device: Device, loc_uri: str, auth: AuthType, client: Login, server: Login) -> Device:
        state = device.omadm or OmaDmState(loc_uri=loc_uri, client=Credential(name="", secret=b""))
        state = replace(
            state,
            loc_uri=loc_uri,
            auth=auth,
            client=seal_login(self._sealer, client),
            server=seal_login(self._sealer, server, in_clear=state.server_auth == "basic"),
            account_made_at=None,
            pending=None,
        )
        return replace(device, omadm=state)

    def _event(self, kind: str, device: Device) -> Append:
        return Append(Event(at=self._clock(), kind=kind, subscriber_id=device.subscriber_id, device_id=device.id))


def _canonical_subject(text: str) -> str:
    """The one spelling of a certificate's subject.

    Raises: ConfigError when it is none.
    """
    try:
        return x509.Name.from_rfc4514_string(text).rfc4514_string() if text else ""
    except ValueError as error:
        raise ConfigError(
            f"{text!r} is no subject ({error}); write for example CN=IMEI:490154203237518,O=Acme",
            key="certificate_subject",
        ) from None
