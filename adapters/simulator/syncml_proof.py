"""How the simulated phone proves itself to the gateway and checks the gateway's proof: md5 credentials or a MAC.

Worked out here once more, apart from the gateway's own code.

Spec: OMA-TS-DM_Security-V1_2 5.3 (md5), 5.4 (MAC)
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re

MAC_HEADER = "x-syncml-hmac"
TYPES = {"md5": "syncml:auth-md5", "mac": "syncml:auth-MAC"}

_MAC = re.compile(r'username="(?P<name>[^"]*)".*\bmac=(?P<mac>[A-Za-z0-9+/=]+)')


def md5_credentials(name: str, password: str, nonce: bytes) -> str:
    """The Data of md5 credentials."""
    return _digest(_digest(f"{name}:{password}".encode()) + b":" + nonce).decode()


def mac_header(name: str, password: str, nonce: bytes, octets: bytes) -> str:
    """The header that goes with the octets of a message."""
    return f'algorithm=MD5, username="{name}", mac={_mac(name, password, nonce, octets)}'


def is_signed(header: str, name: str, password: str, nonce: bytes, octets: bytes) -> bool:
    """Whether the header that came with the octets is of the owner of the account."""
    found = _MAC.search(header)
    if found is None or found["name"] != name:
        return False
    return hmac.compare_digest(found["mac"], _mac(name, password, nonce, octets))


def _mac(name: str, password: str, nonce: bytes, octets: bytes) -> str:
    account = _digest(f"{name}:{password}".encode())
    return _digest(b":".join((account, nonce, _digest(octets)))).decode()


def _digest(octets: bytes) -> bytes:
    return base64.b64encode(hashlib.md5(octets, usedforsecurity=False).digest())
