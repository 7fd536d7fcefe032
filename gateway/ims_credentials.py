"""Digest credentials for IMS that the gateway makes for devices without a SIM of their subscriber's.

The password is computed from the gateway's key and a serial number, as those of OMA DM accounts are, so nothing is kept
of it. The HSS has to know it too: what it needs is the digest H(A1).

Spec: RCC.15 2.1.2; 3GPP TS 33.203 Annex N (SIP Digest); RFC 7616 3.4.2
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from typing import NamedTuple

from msgspec.structs import replace

from gateway.fleet.device import Device, Rcc14State
from gateway.sealing import Sealer

_PASSWORD_BYTES = 18


class ImsCredential(NamedTuple):
    """What a device registers with. ``username`` is a private identity that no other device has."""

    username: str
    realm: str
    password: str

    @property
    def ha1(self) -> str:
        """H(A1) in hexadecimal: all that an HSS needs to hold (MD5, as SIP Digest has it)."""
        a1 = f"{self.username}:{self.realm}:{self.password}"
        return hashlib.md5(a1.encode(), usedforsecurity=False).hexdigest()

    @property
    def variables(self) -> dict[str, str]:
        """The credential as variables of a profile."""
        return {"ims_username": self.username, "ims_realm": self.realm, "ims_password": self.password}


class ImsCredentials:
    """Knows the credential of every device that has one."""

    def __init__(self, sealer: Sealer) -> None:
        self._key = sealer.derive("ims-credential")

    def credential(self, device: Device, variables: Mapping[str, str]) -> ImsCredential | None:
        """The device's newest credential; None when none was made, or its subscriber has no home domain.

        ``variables`` are those of the device: its ``uuid`` and its ``home_domain`` are in the username.
        """
        serial = device.rcc14.ims_serial if device.rcc14 else 0
        realm = variables.get("home_domain", "")
        if not serial or not realm:
            return None
        mac = hmac.digest(self._key, f"{device.id}.{serial}".encode(), hashlib.sha256)
        password = base64.urlsafe_b64encode(mac[:_PASSWORD_BYTES]).decode()
        return ImsCredential(f"{variables['uuid']}@{realm}", realm, password)


def with_new_credential(device: Device) -> Device:
    """The device with another password than it had; its next document has it."""
    state = device.rcc14 or Rcc14State()
    changed = replace(state, ims_serial=state.ims_serial + 1)
    return replace(device, rcc14=changed, content_revision=device.content_revision + 1)
