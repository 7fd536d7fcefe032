"""OpenID Connect as values: where a client is sent, and what the id_token that comes of it proves.

Spec: OpenID Connect Core 3.1 (authorization code flow), RFC 7636 (PKCE), RCC.14 2.8
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from urllib.parse import urlencode

import msgspec
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from adapters.rcc14.messages import Request, parse_msisdn
from gateway.errors import AuthError, DecodeError

LEEWAY_SECONDS = 30
MAX_TOKEN_CHARACTERS = 16_384


class Login(msgspec.Struct, frozen=True):
    """A client that is away at the provider: what it asked, and the secrets that its return is known by."""

    asked: Request
    state: str
    nonce: str
    verifier: str


class Relying(NamedTuple):
    """The gateway as the provider knows it, and what it believes of an id_token.

    ``number_claim`` and ``imsi_claim`` name the claims with the subscriber's identities; empty is not looked for.
    """

    client_id: str
    redirect_uri: str
    scope: str
    acr_values: str
    algorithms: tuple[str, ...]
    number_claim: str
    imsi_claim: str


class Identity(NamedTuple):
    """Whom the provider knows the client as."""

    msisdn: str = ""
    imsi: str = ""


def authorization_url(endpoint: str, login: Login, relying: Relying) -> str:
    """Where the client is to go."""
    challenge = base64.urlsafe_b64encode(hashlib.sha256(login.verifier.encode()).digest()).rstrip(b"=").decode()
    parameters = {
        "response_type": "code",
        "client_id": relying.client_id,
        "redirect_uri": relying.redirect_uri,
        "scope": relying.scope,
        "state": login.state,
        "nonce": login.nonce,
        "code_challenge": challenge,
        "code_challenge_method": "S256",
    }
    if relying.acr_values:
        parameters["acr_values"] = relying.acr_values
    return f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(parameters)}"


def is_return_of(login: Login, state: str) -> bool:
    """Whether a client that brings this state is the one that was sent away so; compared in constant time."""
    return hmac.compare_digest(login.state.encode(), state.encode())


def header_of(token: str) -> Mapping[str, Any]:
    """What a token's header says, before anything is checked.

    Raises: DecodeError when it is no token.
    """
    first = token.partition(".")[0]
    try:
        header = msgspec.json.decode(base64.urlsafe_b64decode(first + "=" * (-len(first) % 4)))
    except (ValueError, msgspec.MsgspecError):
        raise DecodeError("not a token") from None
    if not isinstance(header, dict):
        raise DecodeError("not a token")
    return header


def check_id_token(
    token: str, keys: KeySet, login: Login, relying: Relying, *, issuer: str, now: datetime
) -> Mapping[str, Any]:
    """The claims of a token that this provider made for this client of the gateway, just now and for this login.

    Raises: AuthError.
    Spec: OpenID Connect Core 3.1.3.7
    """
    if len(token) > MAX_TOKEN_CHARACTERS:
        raise AuthError("the id_token is too long")
    try:
        claims = jwt.decode(token, keys, algorithms=list(relying.algorithms)).claims
        jwt.JWTClaimsRegistry(
            now=int(now.timestamp()),
            leeway=LEEWAY_SECONDS,
            iss={"essential": True, "value": issuer},
            aud={"essential": True, "value": relying.client_id},
            exp={"essential": True},
            iat={"essential": True},
            nonce={"essential": True, "value": login.nonce},
        ).validate(claims)
    except (JoseError, ValueError, TypeError) as error:
        raise AuthError(f"the id_token is not good: {error}") from None
    audience = claims["aud"]
    if isinstance(audience, list) and len(audience) > 1 and claims.get("azp") != relying.client_id:
        raise AuthError("the id_token is for another party")
    return claims


def identity_in(claims: Sequence[Mapping[str, Any]], relying: Relying) -> Identity:
    """Who the claims say it is; of several sets the first that has a claim counts.

    Raises: AuthError when they name nobody, or a number that the provider did not verify.
    """
    found = {name: value for one in reversed(claims) for name, value in one.items()}
    if found.get("phone_number_verified") is False and relying.number_claim == "phone_number":
        raise AuthError("the provider did not verify the number")
    number = str(found.get(relying.number_claim, "")) if relying.number_claim else ""
    imsi = str(found.get(relying.imsi_claim, "")) if relying.imsi_claim else ""
    try:
        msisdn = parse_msisdn(number.removeprefix("tel:")) if number else ""
    except DecodeError:
        msisdn = ""
    if not msisdn and not imsi:
        raise AuthError("the provider names neither number nor IMSI")
    return Identity(msisdn, imsi)
