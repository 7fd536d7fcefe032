"""One OpenID provider over HTTPS: its description, its keys, its tokens.

Description and keys are kept for a while; a token with a key that is not among them fetches them anew, so the provider
can change keys at any time.

Spec: OpenID Connect Discovery 4, OpenID Connect Core 3.1.3, 5.3, RFC 7517
"""

from __future__ import annotations

import base64
import json
import secrets
import ssl
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

import aiohttp
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from gateway.errors import AuthError, ConfigError, Unavailable
from gateway.observe import metrics
from gateway.openid.flow import Attempt, Client, authorization_url, check_id_token, key_id

Claims = Mapping[str, Any]

TIMEOUT_SECONDS = 10
MAX_ANSWER_BYTES = 262_144
KEPT_FOR = timedelta(hours=1)
NOT_AGAIN_FOR = timedelta(seconds=30)
"""How long after a key that was not known another one is not asked for: made-up names must not make a fetch each."""
SECRET_BYTES = 32


def new_attempt() -> Attempt:
    """Secrets for one log-in."""
    return Attempt(*(secrets.token_urlsafe(SECRET_BYTES) for _ in range(3)))


class OpenidProvider:
    """One provider, by its issuer, for the client that it knows.

    ``authority`` is the file of its certificate authority, None for the usual ones; ``key`` is the
    table of the settings.
    """

    def __init__(self, issuer: str, client: Client, *, secret: str, authority: Path | None, key: str) -> None:
        self.issuer = issuer
        self.client = client
        # Both are form-encoded first: RFC 6749 2.3.1.
        credentials = f"{quote_plus(client.client_id)}:{quote_plus(secret)}"
        self._basic = f"Basic {base64.b64encode(credentials.encode()).decode()}"
        try:
            self._tls = ssl.create_default_context(cafile=str(authority) if authority else None)
        except (OSError, ssl.SSLError) as error:
            raise ConfigError(f"no certificate authority: {error}", file=authority, key=f"{key}.authority") from None
        self._http: aiohttp.ClientSession | None = None
        self._described: tuple[datetime, Claims] | None = None
        self._keys: tuple[datetime, KeySet] | None = None
        self._missed_at: datetime | None = None

    async def endpoint(self, name: str, now: datetime) -> str:
        """One of the addresses in the provider's description.

        Raises: Unavailable when it cannot be had.
        """
        url = await self.offered(name, now)
        if not url:
            raise Unavailable(f"the OpenID provider has no {name} over https")
        return url

    async def offered(self, name: str, now: datetime) -> str:
        """The same; empty where the provider has none.

        Raises: Unavailable when its description cannot be had.
        """
        if self._described is None or now - self._described[0] > KEPT_FOR:
            described = await self._fetch("GET", f"{self.issuer.rstrip('/')}/.well-known/openid-configuration")
            if described.get("issuer") != self.issuer:
                raise Unavailable("the OpenID provider calls itself by another issuer")
            self._described = now, described
        url = self._described[1].get(name)
        return url if isinstance(url, str) and url.startswith("https://") and url.isprintable() else ""

    async def leave(self, attempt: Attempt, now: datetime) -> str:
        """Where a browser is to go to log in.

        Raises: Unavailable.
        """
        return authorization_url(await self.endpoint("authorization_endpoint", now), attempt, self.client)

    async def redeem(self, attempt: Attempt, code: str, now: datetime, *, with_userinfo: bool) -> Sequence[Claims]:
        """What the provider says of whoever came back with that code: the id_token's claims, and those of its userinfo.

        Raises: AuthError, Unavailable.
        """
        tokens = await self.exchange(code, attempt.verifier, now)
        token = tokens.get("id_token")
        if not isinstance(token, str):
            raise AuthError("the provider gave no id_token")
        keys = await self.keys(key_id(token), now)
        said = check_id_token(token, keys, attempt, self.client, issuer=self.issuer, now=now)
        if not with_userinfo:
            return (said,)
        more = await self.userinfo(str(tokens.get("access_token", "")), now)
        if more.get("sub") != said.get("sub"):
            raise AuthError("the provider's userinfo is somebody else's")
        return said, more

    async def keys(self, key_id: str, now: datetime) -> KeySet:
        """The provider's keys; fetched again when none has that id.

        Raises: Unavailable.
        """
        if self._keys is not None:
            fetched_at, keys = self._keys
            known = not key_id or any(key.kid == key_id for key in keys.keys)
            if known and now - fetched_at < KEPT_FOR:
                return keys
            if not known:
                if self._missed_at is not None and now - self._missed_at < NOT_AGAIN_FOR:
                    return keys
                self._missed_at = now
        answer = await self._fetch("GET", await self.endpoint("jwks_uri", now))
        try:
            self._keys = now, KeySet.import_key_set(answer)  # type: ignore[arg-type]
        except (JoseError, ValueError, KeyError, TypeError) as error:
            raise Unavailable(f"the OpenID provider's keys cannot be read: {error}") from None
        return self._keys[1]

    async def exchange(self, code: str, verifier: str, now: datetime) -> Claims:
        """The tokens that the code stands for.

        Raises: AuthError when the provider refuses the code, Unavailable.
        """
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.client.redirect_uri,
            "code_verifier": verifier,
        }
        return await self._fetch("POST", await self.endpoint("token_endpoint", now), form=form)

    async def userinfo(self, access_token: str, now: datetime) -> Claims:
        """The claims that the provider gives for the access token.

        Raises: AuthError, Unavailable.
        """
        return await self._fetch("GET", await self.endpoint("userinfo_endpoint", now), bearer=access_token)

    async def close(self) -> None:
        """Release the connections."""
        if self._http is not None:
            await self._http.close()

    async def _fetch(
        self, method: str, url: str, *, form: Mapping[str, str] | None = None, bearer: str = ""
    ) -> Mapping[str, Any]:
        with metrics.asking("openid"):
            return await self._ask(method, url, form, bearer)

    async def _ask(self, method: str, url: str, form: Mapping[str, str] | None, bearer: str) -> Mapping[str, Any]:
        if self._http is None:
            timeout = aiohttp.ClientTimeout(total=TIMEOUT_SECONDS)
            self._http = aiohttp.ClientSession(timeout=timeout, cookie_jar=aiohttp.DummyCookieJar())
        headers = {"Accept": "application/json"}
        if form is not None or bearer:
            headers["Authorization"] = f"Bearer {bearer}" if bearer else self._basic
        try:
            async with self._http.request(
                method, url, data=form, headers=headers, ssl=self._tls, allow_redirects=False
            ) as response:
                body = await response.content.read(MAX_ANSWER_BYTES + 1)
                while not response.content.at_eof() and len(body) <= MAX_ANSWER_BYTES:
                    body += await response.content.read(MAX_ANSWER_BYTES)
                status = response.status
        except (aiohttp.ClientError, TimeoutError) as error:
            raise Unavailable(f"the OpenID provider does not answer: {type(error).__name__}") from None
        except ValueError:
            raise AuthError("the OpenID provider gave an access token that no header can carry") from None
        if status in (400, 401, 403):
            raise AuthError(f"the OpenID provider refused with {status}")
        try:
            answer = json.loads(body) if status == 200 and len(body) <= MAX_ANSWER_BYTES else None
        except (ValueError, RecursionError):
            answer = None
        if not isinstance(answer, dict):
            raise Unavailable(f"the OpenID provider's answer cannot be read (HTTP {status})")
        return answer
