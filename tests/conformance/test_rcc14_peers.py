"""Interoperability where others prove who a client is: an OpenID provider, and the operator's BSF.

The Digest of GBA is computed here apart from the gateway's own code, after RFC 2617 3.2.2.1.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import aiohttp
import bsf_peer
import openid_peer
import pytest
from live_gateway import Gateway
from rcc14_caller import HOST, Caller, Heard

AGENT = ("User-Agent", "UP_2.4 3gpp-gba")
NUMBER = "+15550100001"


class Peers:
    """A caller of a gateway that asks one of them, and the provider to bend."""

    def __init__(self, caller: Caller, provider: openid_peer.Provider) -> None:
        self.provider = provider
        self._caller = caller

    async def secure(self, query: str, *headers: tuple[str, str], cookie: str = "") -> Heard:
        return await asyncio.to_thread(self._caller.secure, query, *headers, cookie=cookie)

    async def log_in(self) -> tuple[Heard, dict[str, str]]:
        """Where the gateway sends a client that proves nothing, and what the provider is asked."""
        sent = await self.secure("vers=0")
        assert (sent.status, sent.headers["Location"].startswith(f"{self.provider.issuer}/")) == (302, True)
        asked = parse_qs(urlsplit(sent.headers["Location"]).query)
        return sent, {name: values[0] for name, values in asked.items()}


@pytest.fixture
async def peers(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Peers]:
    gateway = Gateway(tmp_path)
    await asyncio.to_thread(gateway.run, "init", "--demo")
    tls = tmp_path / "data" / "tls"
    (tmp_path / "data" / "openid.secret").write_text(openid_peer.CLIENT_SECRET)
    async with openid_peer.serving(tls) as provider, bsf_peer.serving(tls) as bsf:
        settings = {
            "gba": {"BSF": bsf, "NAF": HOST},
            "openid": {
                "ISSUER": provider.issuer,
                "CLIENT_ID": openid_peer.CLIENT_ID,
                "SECRET": "openid.secret",
                "REDIRECT_URI": f"https://{HOST}/",
            },
        }[request.param]
        settings["AUTHORITY"] = "tls/ca.pem"
        gateway.environment |= {f"MOGATE_{request.param.upper()}__{name}": text for name, text in settings.items()}
        await asyncio.to_thread(gateway.start)
        try:
            yield Peers(Caller(gateway), provider)
        finally:
            assert await asyncio.to_thread(gateway.stop) == 0


@pytest.mark.parametrize("peers", ["openid"], indirect=True)
async def test_openid(peers: Peers) -> None:
    """The provider's code with the state of this very client is a proof; another state, another cookie or an ``error``
    is none, and the code is good once (RCC.14 2.8; RFC 6749 4.1.2, 10.12)."""
    sent, asked = await peers.log_in()
    assert asked["redirect_uri"] == f"https://{HOST}/"
    assert sent.body == b""
    mine, code = sent.cookie, await code_for(peers, sent)
    other, theirs = await peers.log_in()
    for query, cookie in (
        (f"code={code}&state={theirs['state']}", mine),
        (f"code={code}&state={asked['state']}", other.cookie),
        (f"code={code}&state={asked['state']}", ""),
        (f"error=access_denied&state={theirs['state']}", other.cookie),
    ):
        refused = await peers.secure(query, cookie=cookie)
        assert (refused.status, refused.body) == (403, b""), query
    fresh, again = await peers.log_in()
    returned = f"code={await code_for(peers, fresh)}&state={again['state']}"
    document = await peers.secure(returned, cookie=fresh.cookie)
    assert (document.status, document.parms["User/msisdn"]) == (200, NUMBER)
    assert (await peers.secure(returned, cookie=fresh.cookie)).status == 403


async def code_for(peers: Peers, sent: Heard) -> str:
    """Go to the provider with what the gateway said, and take the code that it sends back."""
    async with (
        aiohttp.ClientSession() as http,
        http.get(sent.headers["Location"], ssl=False, allow_redirects=False) as answer,
    ):
        return parse_qs(urlsplit(answer.headers["Location"]).query)["code"][0]


def digest(challenge: str, *, key: str = bsf_peer.KEY, uri: str = "/?vers=0", nonce: str = "") -> tuple[str, str]:
    """The Authorization with which a phone that bootstrapped this key answers the challenge."""
    said = dict(re.findall(r'(\w+)="([^"]*)"', challenge))
    realm, nonce = said["realm"].partition(";")[0], nonce or said["nonce"]

    def md5(text: str) -> str:
        return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()

    response = md5(f"{md5(f'btid@bsf:{realm}:{key}')}:{nonce}:00000001:0a4f113b:auth:{md5(f'GET:{uri}')}")
    return "Authorization", (
        f'Digest username="btid@bsf", realm="{realm}", nonce="{nonce}", uri="{uri}", response="{response}", '
        'qop=auth, nc=00000001, cnonce="0a4f113b", algorithm=MD5'
    )


@pytest.mark.parametrize("peers", ["gba"], indirect=True)
async def test_gba(peers: Peers) -> None:
    """The phone is challenged under the gateway's name; the bootstrapped key answers it once, another key never, and a
    stale nonce gets the next challenge (TS 33.222 5, TS 24.109 5)."""
    challenged = await peers.secure("vers=0", AGENT)
    challenge = challenged.headers["WWW-Authenticate"]
    assert (challenged.status, challenged.body) == (401, b"")
    assert challenge.startswith(f'Digest realm="3GPP-bootstrapping@{HOST}", nonce="')
    wrong = await peers.secure("vers=0", AGENT, digest(challenge, key="another"))
    assert (wrong.status, wrong.body) == (401, b"")
    right = digest(wrong.headers["WWW-Authenticate"])
    document = await peers.secure("vers=0", AGENT, right)
    assert (document.status, document.parms["User/msisdn"]) == (200, NUMBER)
    replayed = await peers.secure("vers=0", AGENT, right)
    assert (replayed.status, "stale=true" in replayed.headers["WWW-Authenticate"]) == (401, True)
    assert (await peers.secure("vers=0", AGENT, digest(challenge, uri="/?vers=1"))).status == 400
