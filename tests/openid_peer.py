"""A small OpenID provider: real sockets, TLS, and tokens signed with real keys. It knows one user and asks nothing."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import secrets
import ssl
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from aiohttp import web
from aiohttp.typedefs import Handler
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, RSAKey

CLIENT_ID, CLIENT_SECRET = "mogate", "a-secret-of-OpenID"


class Provider:
    """What the provider does, to be bent by tests: ``claims`` go into each id_token, ``error`` in place of a code.

    ``answers`` are the octets with which an endpoint answers in place of what it would say, by its name.
    """

    def __init__(self) -> None:
        self.issuer = ""
        self.key: RSAKey | ECKey = RSAKey.generate_key(2048, {"kid": "first"})
        self.algorithm = "RS256"
        self.claims: dict[str, Any] = {"phone_number": "+15550100001"}
        self.info: dict[str, Any] = {"sub": "user"}
        self.error = ""
        self.unsigned = False
        self.asked: list[dict[str, str]] = []
        self.answers: dict[str, bytes] = {}
        self.codes: dict[str, dict[str, str]] = {}

    def rotate(self) -> None:
        """Sign with a new key of another kind from now on."""
        self.key, self.algorithm = ECKey.generate_key("P-256", {"kid": "second"}), "ES256"

    @web.middleware
    async def answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        octets = self.answers.get(request.path.strip("/"))
        if octets is None:
            return await handler(request)
        return web.Response(body=octets, content_type="application/json")

    async def describe(self, _: web.Request) -> web.Response:
        paths = ("authorization_endpoint", "token_endpoint", "jwks_uri", "userinfo_endpoint")
        return web.json_response({"issuer": self.issuer} | {name: f"{self.issuer}/{name}" for name in paths})

    async def keys(self, _: web.Request) -> web.Response:
        return web.json_response(KeySet([self.key]).as_dict(private=False))

    async def authorize(self, request: web.Request) -> web.Response:
        asked = dict(request.query)
        self.asked.append(asked)
        code = secrets.token_urlsafe(8)
        self.codes[code] = asked
        back = {"error": self.error} if self.error else {"code": code}
        location = f"{asked['redirect_uri']}?{urlencode(back | {'state': asked['state']})}"
        return web.Response(status=302, headers={"Location": location})

    async def token(self, request: web.Request) -> web.Response:
        form = await request.post()
        basic = base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
        asked = self.codes.pop(str(form["code"]), None)
        digest = hashlib.sha256(str(form["code_verifier"]).encode()).digest()
        proven = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        if (
            request.headers["Authorization"] != f"Basic {basic}"
            or asked is None
            or asked["code_challenge"] != proven
            or asked["redirect_uri"] != form["redirect_uri"]
        ):
            return web.json_response({"error": "invalid_grant"}, status=400)
        now = int(time.time())
        claims = {"iss": self.issuer, "aud": CLIENT_ID, "sub": "user", "iat": now, "exp": now + 60}
        claims |= {"nonce": asked["nonce"]} | self.claims
        signed = jwt.encode({"alg": self.algorithm, "kid": self.key.kid}, claims, self.key, [self.algorithm])
        if self.unsigned:
            head, body = (
                base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()
                for part in ({"alg": "none"}, claims)
            )
            signed = f"{head}.{body}."
        return web.json_response({"access_token": "opaque", "token_type": "Bearer", "id_token": signed})

    async def userinfo(self, request: web.Request) -> web.Response:
        assert request.headers["Authorization"] == "Bearer opaque"
        return web.json_response(self.info)


@contextlib.asynccontextmanager
async def serving(folder: Path) -> AsyncIterator[Provider]:
    """A provider with the certificate in that folder (``server.pem`` and ``server.key``, for localhost)."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem", folder / "server.key")
    provider = Provider()
    app = web.Application(middlewares=[provider.answer])
    app.router.add_get("/.well-known/openid-configuration", provider.describe)
    app.router.add_get("/jwks_uri", provider.keys)
    app.router.add_get("/authorization_endpoint", provider.authorize)
    app.router.add_post("/token_endpoint", provider.token)
    app.router.add_get("/userinfo_endpoint", provider.userinfo)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    provider.issuer = f"https://localhost:{runner.addresses[0][1]}"
    try:
        yield provider
    finally:
        await runner.cleanup()
