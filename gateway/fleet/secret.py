"""Which values are secrets by the name of their node: never traced, never written into a log, sealed where stored.

Names that standards give are listed; what a maker calls its own nodes is told by how such names end.

Spec: OMA-TS-DM_StdObj-V1_2 5.3 (AAuthSecret, AAuthData); OMA-DDS-DM_ConnMO-V1_0 (AuthSecret, AuthPW);
RCC.15 and RCC.07 Annex A (passwords)
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from typing import Any

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
_ENDINGS = (
    "secret",
    "password",
    "passwd",
    "passphrase",
    "passcode",
    "pwd",
    "private-?key",
    "wep-?key",
    r"pre-?sh(?:ared)?-?key",
    "(?-i:PSK|Psk)",
    "(?<![A-Za-z])(?:psk|pw)",
    "(?-i:(?<=[a-z0-9])PW)",
)
"""How names end that nobody listed and that sound like a secret's: ``WifiPassword``, ``WPA2_PSK``, ``MailPwd``."""
_SOUNDS = re.compile(rf"(?:{'|'.join(_ENDINGS)})[-_]?(?:ascii|hex|value|data|[0-9]{{1,3}})?$", re.IGNORECASE)
_FOLDED = frozenset(name.casefold() for name in SECRET_NAMES)
_PLACES = ("uri", "node", "key")
_TEXTS = ("value", "wanted", "sent", "held", "template", "was", "now")
_NODE_NAME = re.compile(r"<NodeName>\s*([^<]*?)\s*<", re.IGNORECASE)
"""The name of a node in a serialized subtree (OMA-TS-DM_TNDS-V1_2)."""
_STATED = re.compile(r"""(?m)^(\s*["']?([^"'\n=]+?)["']?\s*=\s*).+$""")
"""A line of TOML that states a value."""
_REMEMBERED_URIS = 16_384
_LONGEST_ENDING = 32


# The URIs of a fleet are few, and each is looked at whenever a tree that has it is stored.
@functools.lru_cache(_REMEMBERED_URIS)
def is_secret(uri: str) -> bool:
    """Whether the node at that URI holds a secret."""
    name = uri.partition("?")[0].rpartition("/")[2]
    return name.casefold() in _FOLDED or _ends_as_one(name)


def _ends_as_one(name: str) -> bool:
    # Endings are looked for at the end alone, or a name could make this slow.
    return _SOUNDS.search(name[-_LONGEST_ENDING:]) is not None


def covered(plain: Any, *, beside: bool = False) -> Any:
    """Plain values (as of JSON) in which every secret is covered, whether its node is beside it or is its key.

    What users answered to prompts may be a password, and is covered too. ``beside`` says that the node of a secret
    stands with what these are a part of.
    """
    if isinstance(plain, Mapping):
        if plain.get("verb") == "Alert" and plain.get("answers"):
            plain = {**plain, "answers": [COVER]}
        beside = beside or any(isinstance(uri := plain.get(place), str) and is_secret(uri) for place in _PLACES)
        return {
            name: COVER
            if isinstance(one, str) and one and _is_told(name, one, beside=beside)
            else covered(one, beside=beside)
            for name, one in plain.items()
        }
    return [covered(one, beside=beside) for one in plain] if isinstance(plain, list | tuple) else plain


def covered_file(text: str) -> str:
    """A file of a profile in which the value of every secret is covered, each with the comment behind it."""
    return _STATED.sub(lambda stated: f'{stated[1]}"{COVER}"' if is_secret(stated[2]) else stated[0], text)


def covered_line(text: str) -> int | None:
    """The first line of a profile's file that states a secret as ``covered_file`` shows it; None when none does."""
    for stated in _STATED.finditer(text):
        if is_secret(stated[2]) and stated[0] == f'{stated[1]}"{COVER}"':
            return text.count("\n", 0, stated.start(2)) + 1
    return None


def _is_told(name: str, text: str, *, beside: bool) -> bool:
    if name in _TEXTS:
        return beside or any(map(is_secret, _NODE_NAME.findall(text)))
    return is_secret(name)
