"""An OMA DM account in clear, as long as it takes to tell the device: only digests of its passwords are kept."""

from __future__ import annotations

import base64
from typing import NamedTuple
from urllib.parse import urlsplit

from gateway.fleet.device import AuthType

AUTH_TYPE_NAMES: dict[AuthType, str] = {"basic": "BASIC", "md5": "DIGEST", "mac": "HMAC"}
"""What AAuthType, and AAUTHTYPE of OMA CP, call each way to prove oneself. Spec: OMA-TS-DM_StdObj-V1_2 5.3"""

CLIENT_NAME, CLIENT_SECRET = "{dm_client_name}", "{dm_client_secret}"
SERVER_NAME, SERVER_SECRET = "{dm_server_name}", "{dm_server_secret}"
"""Stand in an operation for the device's newest account, which is filled in as the message goes out."""

NONCE_BYTES = 16
"""How long the nonces are that the gateway makes."""

_DEFAULT_PORTS = {"http": 80, "https": 443}


class Login(NamedTuple):
    """One direction: who says it is whom. ``nonce`` are raw octets, empty where none is agreed.

    ``digest`` is there in place of a password that nobody knows, as ``account_digest`` gives it.
    """

    name: str
    password: str
    nonce: bytes = b""
    digest: str = ""


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
        """How the server proves itself to the device."""
        return server_auth(self.auth)

    @property
    def port(self) -> int:
        """The TCP port of the address."""
        return port_of(self.address)


def server_auth(auth: AuthType) -> AuthType:
    """How the server proves itself where the device does so by ``auth``: never by a password, even if that may."""
    return "md5" if auth == "basic" else auth


def port_of(address: str) -> int:
    """The TCP port of a server's URL."""
    parts = urlsplit(address)
    return parts.port or _DEFAULT_PORTS.get(parts.scheme, 443)


def values_of(account: Account) -> dict[str, str]:
    """The account as the leaves of DMAcc: texts by path, octets as base64.

    Spec: OMA-TS-DM_StdObj-V1_2 5.3
    """
    values = {
        "AppID": "w7",
        "ServerID": account.server_id,
        "Name": account.name,
        "AppAddr/1/Addr": account.address,
        "AppAddr/1/AddrType": "URI",
        "AppAddr/1/Port/1/PortNbr": str(account.port),
        "AAuthPref": AUTH_TYPE_NAMES[account.auth],
    }
    directions = (("CLCRED", account.auth, account.client), ("SRVCRED", account.server_auth, account.server))
    for number, (level, auth, login) in enumerate(directions, start=1):
        told = {"Level": level, "Type": AUTH_TYPE_NAMES[auth], "Name": login.name, "Secret": login.password}
        if login.nonce and auth != "basic":
            told["Data"] = base64.b64encode(login.nonce).decode()
        values |= {f"AppAuth/{number}/AAuth{what}": text for what, text in told.items()}
    return values
