"""Whom an OpenID provider knows a client as.

Spec: OpenID Connect Core 5.1, RCC.14 2.8
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from adapters.rcc14.messages import Request, parse_msisdn
from gateway.errors import AuthError, DecodeError
from gateway.openid.flow import Attempt


class Login(msgspec.Struct, frozen=True):
    """A client that is away at the provider: what it asked, and what its return is known by."""

    asked: Request
    attempt: Attempt


class Claims(NamedTuple):
    """The names of the claims with the subscriber's identities; empty is not looked for."""

    number: str
    imsi: str = ""


class Identity(NamedTuple):
    """Whom the provider knows the client as."""

    msisdn: str = ""
    imsi: str = ""


def identity_in(said: Sequence[Mapping[str, Any]], names: Claims) -> Identity:
    """Who the claims say it is; of several sets the first that has a claim counts.

    Raises: AuthError when they name nobody, or a number that the provider did not verify.
    """
    found = {name: value for one in reversed(said) for name, value in one.items()}
    if found.get("phone_number_verified") is False and names.number == "phone_number":
        raise AuthError("the provider did not verify the number")
    number = str(found.get(names.number, "")) if names.number else ""
    imsi = str(found.get(names.imsi, "")) if names.imsi else ""
    try:
        msisdn = parse_msisdn(number) if number else ""
    except DecodeError:
        msisdn = ""
    if not msisdn and not imsi:
        raise AuthError("the provider names neither number nor IMSI")
    return Identity(msisdn, imsi)
