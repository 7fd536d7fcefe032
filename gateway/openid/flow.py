"""OpenID Connect's authorization code flow as values: where a browser is sent, and what the id_token then says.

Spec: OpenID Connect Core 3.1 (authorization code flow), RFC 7636 (PKCE), RFC 9207 (issuer of an answer)
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple
from urllib.parse import urlencode

import msgspec
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from gateway.errors import AuthError

LEEWAY_SECONDS = 30
MAX_TOKEN_CHARACTERS = 16_384
MAX_HEADER_CHARACTERS = 2048


class Attempt(msgspec.Struct, frozen=True):
    """The secrets of one log-in that is under way at the provider, by which its return is known."""

    state: str
    nonce: str
    verifier: str


class Client(NamedTuple):
    """The gateway as the provider knows it. ``algorithms`` are those that an id_token may be signed by."""

    client_id: str
    redirect_uri: str
    scope: str
    algorithms: tuple[str, ...]
    acr_values: str = ""


def authorization_url(endpoint: str, attempt: Attempt, client: Client) -> str:
    """Where the browser is to go."""
    challenge = base64.urlsafe_b64encode(hashlib.sha256(attempt.verifier.encode()).digest()).rstrip(b"=").decode()
    parameters = {
        "response_type": "code",
        "client_id": client.client_id,
        "redirect_uri": client.redirect_uri,
        "scope": client.scope,
        "state": attempt.state,
        "nonce": attempt.nonce,
        "code_challenge": challenge,
        "code_challenge_method": "S256",
    }
    if client.acr_values:
        parameters["acr_values"] = client.acr_values
    return with_query(endpoint, parameters)


def with_query(url: str, parameters: Mapping[str, str]) -> str:
    """The URL with these parameters behind those it has."""
    return f"{url}{'&' if '?' in url else '?'}{urlencode(parameters)}"


def is_return_of(attempt: Attempt, state: str) -> bool:
    """Whether a browser that brings this state is the one that was sent away so; compared in constant time."""
    return hmac.compare_digest(attempt.state.encode(), state.encode("utf-8", "surrogateescape"))


def key_id(token: str) -> str:
    """The key that a token says it is signed with, before anything is checked; empty when it does not say.

    Raises: AuthError when it is no token.
    """
    first = token[:MAX_HEADER_CHARACTERS].partition(".")[0]
    try:
        header = msgspec.json.decode(base64.urlsafe_b64decode(first + "=" * (-len(first) % 4)))
    except (ValueError, RecursionError, msgspec.MsgspecError):
        raise AuthError("the id_token is no token") from None
    if not isinstance(header, dict):
        raise AuthError("the id_token is no token")
    return str(header.get("kid", ""))


def check_id_token(
    token: str, keys: KeySet, attempt: Attempt, client: Client, *, issuer: str, now: datetime
) -> Mapping[str, Any]:
    """The claims of a token that this provider made for this client of its, just now and for this attempt.

    Raises: AuthError.
    Spec: OpenID Connect Core 3.1.3.7
    """
    if len(token) > MAX_TOKEN_CHARACTERS:
        raise AuthError("the id_token is too long")
    try:
        claims = jwt.decode(token, keys, algorithms=list(client.algorithms)).claims
        jwt.JWTClaimsRegistry(
            now=int(now.timestamp()),
            leeway=LEEWAY_SECONDS,
            iss={"essential": True, "value": issuer},
            aud={"essential": True, "value": client.client_id},
            exp={"essential": True},
            iat={"essential": True},
            nonce={"essential": True, "value": attempt.nonce},
        ).validate(claims)
    except (JoseError, ValueError, TypeError, RecursionError) as error:
        raise AuthError(f"the id_token is not good: {error}") from None
    audience, party = claims["aud"], claims.get("azp")
    several = isinstance(audience, list) and len(audience) > 1
    if party != client.client_id and (several or party is not None):
        raise AuthError("the id_token is for another party")
    return claims
