"""Log-in at an OpenID provider over real sockets: who is let in, and what does not get a client in."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest
from openid_peer import CLIENT_ID, CLIENT_SECRET, Provider, serving
from stores import sqlite_octets

from adapters.rcc14.identity.openid import Claims
from adapters.rcc14.messages import Answer, Request
from adapters.rcc14.proving.openid import OpenidLogin
from adapters.rcc14.proving.proof import Call, Proof
from gateway.errors import Unavailable
from gateway.fleet.subscriber import Subscriber
from gateway.openid.flow import Client
from gateway.openid.provider import OpenidProvider
from gateway.sealing import Sealer
from gateway.serving.demo_tls import ensure_demo_certificates
from gateway.store.protocol import PutSubscriber
from gateway.store.sqlite import SqliteStore

ASKED = Request(vers=3, imei="004401020000017")
BACK = "https://acs.example/config"


class Lab:
    """The method, the provider, and a client without a browser between them."""

    def __init__(self, store: SqliteStore, provider: Provider, folder: Path) -> None:
        self.store = store
        self.provider = provider
        self._authority = folder / "ca.pem"
        self.edge = self.make_edge()
        self.login = self.make_login()

    def make_edge(self) -> OpenidProvider:
        client = Client(CLIENT_ID, BACK, "openid phone", ("RS256", "ES256"), "2")
        return OpenidProvider(
            self.provider.issuer, client, secret=CLIENT_SECRET, authority=self._authority, key="openid"
        )

    def make_login(self, *, imsi_claim: str = "", userinfo: bool = False) -> OpenidLogin:
        names = Claims("phone_number", imsi_claim)
        return OpenidLogin(self.store, self.edge, names, Sealer(b"s" * 32), seconds=600, with_userinfo=userinfo)

    async def leave(self) -> tuple[str, dict[str, str]]:
        """Be sent away: the cookie, and what the client was to tell the provider."""
        answer = await self.login.challenge(call(ASKED))
        assert answer.status == 302
        location = urlsplit(dict(answer.headers)["Location"])
        return answer.cookie, {name: values[0] for name, values in parse_qs(location.query).items()}

    async def come_back(self, cookie: str, told: dict[str, str], **changed: str) -> Proof | Answer:
        """Go to the provider and return with what it says, but for what is changed."""
        context = ssl.create_default_context(cafile=str(self._authority))
        url = f"{self.provider.issuer}/authorization_endpoint"
        async with (
            aiohttp.ClientSession() as http,
            http.get(url, params=told, ssl=context, allow_redirects=False) as response,
        ):
            location = urlsplit(response.headers["Location"])
        said = {name: values[0] for name, values in parse_qs(location.query).items()} | changed
        asked = Request(code=said.get("code", ""), state=said["state"], error=said.get("error", ""))
        assert self.login.is_reply(call(asked))
        return await self.login.check(call(asked, cookie))


def call(asked: Request, *cookies: str) -> Call:
    return Call(asked, {}, cookies, "192.0.2.1", datetime.now(UTC))


@pytest.fixture
async def lab(tmp_path: Path) -> AsyncIterator[Lab]:
    ensure_demo_certificates(tmp_path, ("localhost",), datetime.now(UTC))
    store = SqliteStore.open(tmp_path / "store.sqlite")
    await store.commit(PutSubscriber(Subscriber(id="ann", imsis=("001010000000001",), msisdn="+15550100001")))
    async with serving(tmp_path) as provider:
        lab = Lab(store, provider, tmp_path)
        yield lab
        await lab.edge.close()
    await store.close()


def refusal(outcome: Proof | Answer) -> str:
    """Why a client was not let in."""
    assert isinstance(outcome, Answer)
    assert outcome.status == 403
    return outcome.what


async def test_a_client_that_logged_in_is_known_by_its_number(lab: Lab) -> None:
    """Code flow with state, nonce and PKCE; what the client asked first is what is answered (RCC.14 2.8)."""
    cookie, told = await lab.leave()
    assert (told["response_type"], told["client_id"], told["redirect_uri"]) == ("code", CLIENT_ID, BACK)
    assert (told["scope"], told["acr_values"], told["code_challenge_method"]) == ("openid phone", "2", "S256")
    proof = await lab.come_back(cookie, told)
    assert isinstance(proof, Proof)
    assert (proof.household.subscriber.id, proof.asked) == ("ann", ASKED)


async def test_a_login_under_way_lies_sealed(lab: Lab, tmp_path: Path) -> None:
    """Whoever reads the store cannot finish somebody's login: neither state nor nonce is there in clear."""
    cookie, told = await lab.leave()
    kept = sqlite_octets(tmp_path)
    assert cookie.encode() in kept
    assert [name for name in ("state", "nonce") if told[name].encode() in kept] == []


async def test_state_replay(lab: Lab) -> None:
    """A return counts once, with the cookie it belongs to, and with the state that belongs to that."""
    cookie, told = await lab.leave()
    other_cookie, _ = await lab.leave()
    assert refusal(await lab.come_back(other_cookie, told)) == "the state is another client's"
    assert refusal(await lab.come_back("made-up", told)) == "no login waits for this return"
    assert isinstance(await lab.come_back(cookie, told), Proof)
    assert refusal(await lab.come_back(cookie, told)) == "no login waits for this return"


@pytest.mark.parametrize(
    ("claims", "why"),
    [
        ({"iss": "https://other.example"}, "id_token"),
        ({"aud": "another"}, "id_token"),
        ({"aud": [CLIENT_ID, "another"]}, "another party"),
        ({"exp": 1}, "id_token"),
        ({"nonce": "replayed"}, "id_token"),
        ({"phone_number": "+15550100099"}, "nobody who is known"),
        ({"phone_number": ""}, "names neither"),
        ({"phone_number_verified": False}, "did not verify"),
    ],
)
async def test_tokens_that_prove_nothing(lab: Lab, claims: dict[str, object], why: str) -> None:
    """Of another issuer, for another party, old, of another login, or of nobody (OpenID Connect Core 3.1.3.7)."""
    lab.provider.claims |= claims
    cookie, told = await lab.leave()
    assert why in refusal(await lab.come_back(cookie, told))


async def test_an_algorithm_that_is_not_on_the_list_is_refused(lab: Lab) -> None:
    """However good the signature is."""
    lab.provider.algorithm = "RS512"
    cookie, told = await lab.leave()
    assert "id_token" in refusal(await lab.come_back(cookie, told))


async def test_keys_may_change_at_any_time(lab: Lab) -> None:
    """A token with a key that is not known fetches the keys anew."""
    await lab.edge.keys("first", datetime.now(UTC) - timedelta(minutes=1))
    lab.provider.rotate()
    cookie, told = await lab.leave()
    assert isinstance(await lab.come_back(cookie, told), Proof)


async def test_errors_and_codes_that_are_not_the_providers(lab: Lab) -> None:
    """The user said no; and a code that the provider did not give for this login."""
    cookie, told = await lab.leave()
    assert "refused" in refusal(await lab.come_back(cookie, told, code="guessed"))
    lab.provider.error = "access_denied"
    cookie, told = await lab.leave()
    assert refusal(await lab.come_back(cookie, told)) == "the provider sent the client back without a code"


async def test_claims_may_come_from_userinfo(lab: Lab) -> None:
    """If it is the same user's; an IMSI is as good as a number."""
    lab.provider.claims = {}
    lab.provider.info |= {"imsi": "001010000000001"}
    lab.login = lab.make_login(imsi_claim="imsi", userinfo=True)
    cookie, told = await lab.leave()
    proof = await lab.come_back(cookie, told)
    assert isinstance(proof, Proof)
    assert proof.imsi == "001010000000001"
    lab.provider.info["sub"] = "another"
    cookie, told = await lab.leave()
    assert "somebody else" in refusal(await lab.come_back(cookie, told))


async def test_a_provider_that_is_down_is_no_refusal(lab: Lab) -> None:
    """503: the client may come back later."""
    lab.provider.issuer = "https://localhost:1"
    lab.edge = lab.make_edge()
    lab.login = lab.make_login()
    with pytest.raises(Unavailable):
        await lab.login.challenge(call(ASKED))
    await lab.edge.close()
