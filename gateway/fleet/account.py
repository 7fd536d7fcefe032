"""An OMA DM account in clear, as long as it takes to tell the device: only digests of its passwords are kept."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import urlsplit

from gateway.fleet.device import AuthType

AUTH_TYPE_NAMES: dict[AuthType, str] = {"basic": "BASIC", "md5": "DIGEST", "mac": "HMAC"}
"""What AAuthType, and AAUTHTYPE of OMA CP, call each way to prove oneself. Spec: OMA-TS-DM_StdObj-V1_2 5.3"""

CLIENT_SECRET, SERVER_SECRET = "{dm_client_secret}", "{dm_server_secret}"
"""Stand in an operation for the passwords of a device's newest account, which are filled in as the message goes out."""

_DEFAULT_PORTS = {"http": 80, "https": 443}


class Login(NamedTuple):
    """One direction: who says it is whom. ``nonce`` are raw octets, empty where none is agreed."""

    name: str
    password: str
    nonce: bytes = b""


class Account(NamedTuple):
    """What the device is told: where the server is, and how each side proves itself to the other.

    ``client`` proves the device to the server by ``auth``, ``server`` the server to the device. ``name`` is for the
    device's user.

    Spec: OMA-TS-DM_StdObj-V1_2 5.3 (DMAcc)
    """

    server_id: str
    name: str
    address: str
    auth: AuthType
    client: Login
    server: Login

    @property
    def server_auth(self) -> AuthType:
        """How the server proves itself: it never sends a password, even where the device may."""
        return "md5" if self.auth == "basic" else self.auth

    @property
    def port(self) -> int:
        """The TCP port of the address."""
        parts = urlsplit(self.address)
        return parts.port or _DEFAULT_PORTS.get(parts.scheme, 443)
