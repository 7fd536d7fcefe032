"""Which values are secrets by the name of their node: never shown, never traced.

Spec: OMA-TS-DM_StdObj-V1_2 5.3 (AAuthSecret, AAuthData); OMA-DDS-DM_ConnMO-V1_0 (AuthSecret, AuthPW);
RCC.15 and RCC.07 Annex A (passwords)
"""

from __future__ import annotations

COVER = "***"
"""What is shown in place of a secret."""

SECRET_NAMES = (
    "AAuthSecret",
    "AAuthData",
    "AuthSecret",
    "AuthPW",
    "ClientPW",
    "ClientNonce",
    "ServerPW",
    "ServerNonce",
    "UserPwd",
    "ftHTTPCSPwd",
    "MsgStoreUserPwd",
    "XCAPAuthenticationSecret",
    "Password",
    "PXAUTH-PW",
    "PROXY-PW",
    "WEPKeyData",
    "WPA-PreShKeyASCII",
    "WPA-PreShKeyHEX",
)
_FOLDED = frozenset(name.casefold() for name in SECRET_NAMES)


def is_secret(uri: str) -> bool:
    """Whether the node at that URI holds a secret."""
    return uri.partition("?")[0].rpartition("/")[2].casefold() in _FOLDED
