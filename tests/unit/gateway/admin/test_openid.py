"""People who log in at an OpenID provider, over real sockets: who gets in as what, and what gets nobody in."""

from __future__ import annotations

import hashlib
import re
import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest
from aiohttp.test_utils import TestClient, TestServer
from joserfc.jwk import ECKey
from msgspec.structs import replace
from openid_peer import CLIENT_ID, CLIENT_SECRET, Provider, serving

from gateway.access.audit import AuditLog
from gateway.access.people import People, User
from gateway.access.roles import Role
from gateway.admin.api import AdminApi
from gateway.admin.caller import Callers
from gateway.admin.dispatch import Parts
from gateway.admin.openid import OpenidFront
from gateway.admin.people import PeopleRoutes
from gateway.admin.sessions import SessionRoutes
from gateway.inventory import Inventory
from gateway.mo.catalogue import Catalogue
from gateway.observe.health import Health
from gateway.openid.flow import Client
from gateway.openid.provider import OpenidProvider
from gateway.sealing import Sealer
from gateway.serving.demo_tls import ensure_demo_certificates
from gateway.settings import PeopleOpenid
from gateway.store.sqlite import SqliteStore

BACK = "https://mogate.example/openid/return"
ANNA = {"preferred_username": "anna", "groups": ["staff", "noc-people"]}
ROLES = (
    {"group": "admins", "role": "admin"},
    {"group": "noc-people", "role": "noc"},
    {"group": "bluebird", "role": "helpdesk", "tenant": "bluebird"},
)


class Answer(NamedTuple):
    """What a page was answered with."""

    status: int
    location: str
    text: str


class Lab:
    """The log-in, its provider, and one browser, which goes where it is sent."""

    def __init__(self, store: SqliteStore, provider: Provider, folder: Path) -> None:
        self.store, self.provider, self.people = store, provider, People(store)
        self._folder = folder
        self.ahead = timedelta()
        self.configure()

    def configure(self, **settings: Any) -> None:
        """Set the log-in up, with these settings besides."""
        rules = PeopleOpenid(
            **{"issuer": self.provider.issuer, "client_id": CLIENT_ID, "secret": CLIENT_SECRET, "redirect_uri": BACK,
               "name": "ACME", "roles": ROLES} | settings
        )  # fmt: skip
        client = Client(rules.client_id, rules.redirect_uri, rules.scope, rules.algorithms)
        self.edge = OpenidProvider(
            rules.issuer, client, secret=CLIENT_SECRET, authority=self._folder / "ca.pem", key="admin.openid"
        )
        sealer = Sealer(bytes(32))
        callers = Callers(self.store, token_digest=hashlib.sha256(b"t").digest(), clock=self.now, session_seconds=3600)
        inventory = Inventory(self.store, Catalogue({}), sealer, self.now)
        self.api = AdminApi(
            PeopleRoutes(self.store, self.now).routes(),
            SessionRoutes(
                self.store, callers, self._folder, self.now, passwords=not settings, provider=rules.name
            ).routes(),
            callers=callers,
            parts=Parts(inventory, self.store, sealer, self.now, needs_reason=False, data=Path()),
            health=Health(self.store),
            openid=OpenidFront(self.store, callers, self.edge, rules, sealer, self.now),
        )  # fmt: skip

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    async def leave(self, browser: TestClient, **query: str) -> dict[str, str]:
        """Be sent away; what the browser is to tell the provider."""
        away = await get(browser, "/openid/leave", query)
        assert away.status == 302, away
        return {name: values[0] for name, values in parse_qs(urlsplit(away.location).query).items()}

    async def answer_of(self, told: dict[str, str]) -> dict[str, str]:
        """What the provider sends the browser back with."""
        context = ssl.create_default_context(cafile=str(self._folder / "ca.pem"))
        url = f"{self.provider.issuer}/authorization_endpoint"
        async with (
            aiohttp.ClientSession() as http,
            http.get(url, params=told, ssl=context, allow_redirects=False) as response,
        ):
            return {name: one[0] for name, one in parse_qs(urlsplit(response.headers["Location"]).query).items()}

    async def log_in(self, browser: TestClient, **changed: str) -> Answer:
        """Leave, and come back with what the provider says, but for what is changed."""
        told = await self.leave(browser)
        return await get(browser, "/openid/return", await self.answer_of(told) | changed)


async def get(browser: TestClient, path: str, query: dict[str, str] | None = None) -> Answer:
    async with browser.get(path, params=query or {}, allow_redirects=False) as response:
        return Answer(response.status, response.headers.get("Location", ""), await response.text())


async def session_of(browser: TestClient) -> dict[str, Any] | None:
    """Who the browser's session is of."""
    async with browser.get("/api/v1/session") as response:
        return await response.json() if response.status == 200 else None


@pytest.fixture
async def lab(tmp_path: Path) -> AsyncIterator[Lab]:
    ensure_demo_certificates(tmp_path, ("localhost",), datetime.now(UTC))
    store = SqliteStore.open(tmp_path / "store.sqlite")
    async with serving(tmp_path) as provider:
        provider.claims = dict(ANNA)
        lab = Lab(store, provider, tmp_path)
        yield lab
        await lab.edge.close()
    await store.close()


@pytest.fixture
async def browser(lab: Lab) -> AsyncIterator[TestClient]:
    async with TestClient(TestServer(lab.api.application())) as client:
        yield client


async def test_a_person_gets_the_role_of_their_group(lab: Lab, browser: TestClient) -> None:
    """Code flow with state, nonce and PKCE; the session is like any other, and the log-in is on record with it."""
    told = await lab.leave(browser, to="/subscribers/alice")
    assert (told["response_type"], told["client_id"], told["redirect_uri"]) == ("code", CLIENT_ID, BACK)
    assert told["code_challenge_method"] == "S256"
    assert told["scope"].split()[0] == "openid"
    back = await get(browser, "/openid/return", await lab.answer_of(told))
    assert (back.status, back.location) == (302, "../console/#/subscribers/alice")
    session = await session_of(browser)
    assert session is not None
    assert (session["name"], session["role"], session["tenant"], session["by"]) == ("user:anna", "noc", "", "openid")
    [entry] = await AuditLog(lab.store).load(limit=10)
    assert (entry.who, entry.role, entry.action, entry.address) == ("user:anna", "noc", "log_in", "127.0.0.1")
    assert entry.after == {"role": "noc", "tenant": ""}


async def test_a_person_of_a_tenant_gets_no_further(lab: Lab, browser: TestClient) -> None:
    """The group says which tenant's subscribers are theirs."""
    lab.provider.claims["groups"] = "bluebird"
    assert (await lab.log_in(browser)).status == 302
    session = await session_of(browser)
    assert session is not None
    assert (session["role"], session["tenant"]) == ("helpdesk", "bluebird")


async def test_the_role_follows_the_groups_at_each_log_in(lab: Lab, browser: TestClient) -> None:
    """The first of the settings' roles counts, and another one is on record with what it was before."""
    await lab.log_in(browser)
    lab.provider.claims["groups"] = ["noc-people", "admins"]
    await lab.log_in(browser)
    session = await session_of(browser)
    assert session is not None
    assert session["role"] == "admin"
    entries = await AuditLog(lab.store).load(limit=10)
    assert (entries[-1].before, entries[-1].after) == ({"role": "noc"}, {"role": "admin"})


async def test_a_person_without_a_role_is_told_so(lab: Lab, browser: TestClient) -> None:
    """A page says whom to ask and what for; there is no session and no user, and it is on record."""
    lab.provider.claims["groups"] = ["<b>staff</b>"]
    refused = await lab.log_in(browser)
    assert refused.status == 403
    assert "anna has no role here" in refused.text
    assert "&lt;b&gt;staff&lt;/b&gt;" in refused.text
    assert await session_of(browser) is None
    assert await lab.people.users() == []
    [entry] = await AuditLog(lab.store).load(limit=10)
    assert (entry.status, "anna has no role here" in entry.reason) == (403, True)


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "https://other.example"},
        {"aud": "another"},
        {"aud": [CLIENT_ID, "another"]},
        {"azp": "another"},
        {"exp": 1},
        {"iat": 99999999999},
        {"nonce": "replayed"},
    ],
)
async def test_a_token_of_another_log_in_gets_nobody_in(lab: Lab, browser: TestClient, claims: dict[str, Any]) -> None:
    """Of another issuer, for another party, old, of the future, or of another log-in (OpenID Connect Core 3.1.3.7)."""
    lab.provider.claims |= claims
    refused = await lab.log_in(browser)
    assert (refused.status, "Not signed in with ACME" in refused.text) == (403, True)
    assert "the id_token is" in refused.text
    assert await session_of(browser) is None


async def test_a_token_needs_a_signature_of_the_list(lab: Lab, browser: TestClient) -> None:
    """None is no algorithm, and one that the settings do not name is not either (RFC 8725 3.1)."""
    lab.provider.unsigned = True
    assert (await lab.log_in(browser)).status == 403
    lab.provider.unsigned, lab.provider.algorithm = False, "RS512"
    assert (await lab.log_in(browser)).status == 403
    assert await session_of(browser) is None


async def test_keys_may_change_at_any_time(lab: Lab, browser: TestClient) -> None:
    """A key that is not known is asked for, though not again and again; one that the provider has not is none."""
    await lab.log_in(browser)
    lab.provider.rotate()
    assert (await lab.log_in(browser)).status == 302
    lab.provider.key = ECKey.generate_key("P-256", {"kid": "third"})
    assert (await lab.log_in(browser)).status == 403
    lab.ahead = timedelta(seconds=31)
    lab.provider.claims["exp"] = int(lab.now().timestamp()) + 60
    assert (await lab.log_in(browser)).status == 302


async def test_an_answer_is_good_in_its_browser_once(lab: Lab, browser: TestClient) -> None:
    """Not with another state, not in a browser that began nothing, not twice, not late, and not of another provider."""
    assert (await lab.log_in(browser, state="made-up")).status == 403
    assert "another provider" in (await lab.log_in(browser, iss="https://other.example")).text
    answer = await lab.answer_of(await lab.leave(browser))
    async with TestClient(TestServer(lab.api.application())) as other:
        assert "no log-in was begun in this browser" in (await get(other, "/openid/return", answer)).text
    assert (await get(browser, "/openid/return", answer)).status == 302
    assert (await get(browser, "/openid/return", answer)).status == 403
    answer = await lab.answer_of(await lab.leave(browser))
    lab.ahead = timedelta(seconds=601)
    assert "took longer" in (await get(browser, "/openid/return", answer)).text


async def test_a_code_that_was_used_gets_nobody_in(lab: Lab, browser: TestClient) -> None:
    """The provider gives nothing for it, whatever log-in it is brought to."""
    first = await lab.answer_of(await lab.leave(browser))
    await get(browser, "/openid/return", first)
    assert "refused with 400" in (await lab.log_in(browser, code=first["code"])).text
    assert "let nobody in (access_denied)" in (await lab.log_in(browser, code="", error="access_denied")).text


@pytest.mark.parametrize("to", ["https://evil.example/", "//evil.example", "/x\r\nSet-Cookie: a=b", "javascript:1"])
async def test_nobody_is_led_elsewhere(lab: Lab, browser: TestClient, to: str) -> None:
    """Wherever a link to the log-in says that it wants to get to, it gets to the console (RFC 9700 4.11)."""
    back = await get(browser, "/openid/return", await lab.answer_of(await lab.leave(browser, to=to)))
    assert back.status == 302
    assert re.fullmatch(r"\.\./console/(#//evil\.example)?", back.location)


async def test_a_provider_that_is_down_is_named(lab: Lab, browser: TestClient) -> None:
    """On the way there and on the way back, with 503 and the advice to try again."""
    answer = await lab.answer_of(await lab.leave(browser))
    lab.edge.issuer = "https://localhost:1"
    lab.edge._described = None
    for page in (
        await get(browser, "/openid/leave"),
        await get(browser, "/openid/return", answer | {"iss": "https://localhost:1"}),
    ):
        assert page.status == 503
        assert "does not answer" in page.text


async def test_nobody_takes_over_a_user_by_a_name(lab: Lab, browser: TestClient) -> None:
    """A user with a password, or another person of that name at the provider, stays who it is."""
    local = User(name="anna", role=Role.ADMIN, password_hash="x", created_at=datetime.now(UTC))
    await lab.people.save(local)
    assert "somebody else" in (await lab.log_in(browser)).text
    lab.provider.claims |= {"preferred_username": "bob"}
    assert (await lab.log_in(browser)).status == 302
    lab.provider.claims |= {"sub": "another"}
    assert "somebody else" in (await lab.log_in(browser)).text
    bob = await lab.people.user("bob")
    assert bob.subject == f"{lab.provider.issuer} user"
    await lab.people.remove(bob)
    assert (await lab.log_in(browser)).status == 302


async def test_a_session_does_not_outlive_whom_it_is_of(lab: Lab, browser: TestClient) -> None:
    """When a user is removed and the name becomes another person's, the session of the first is over."""
    await lab.log_in(browser)
    await lab.people.remove(await lab.people.user("anna"))
    lab.provider.claims |= {"sub": "another"}
    async with TestClient(TestServer(lab.api.application())) as other:
        assert (await lab.log_in(other)).status == 302
    assert await session_of(browser) is None


async def test_a_disabled_person_stays_out(lab: Lab, browser: TestClient) -> None:
    """Whatever the provider says."""
    await lab.log_in(browser)
    anna = await lab.people.user("anna")
    await lab.people.save(replace(anna, disabled=True))
    assert await session_of(browser) is None
    assert "anna is disabled here" in (await lab.log_in(browser)).text


@pytest.mark.parametrize(
    ("settings", "claims", "says"),
    [
        ({"email_domains": ["example.net"]}, {"email": "anna@example.net", "email_verified": True}, ""),
        ({"email_domains": ["example.net"]}, {"email": "anna@example.net"}, "verified address of example.net"),
        ({"email_domains": ["example.net"]}, {"email": "a@evil.example", "email_verified": True}, "verified address"),
        ({"groups_claim": "realm_access.roles"}, {"realm_access": {"roles": ["admins"]}}, ""),
        ({"groups_claim": "realm_access.roles"}, {"realm_access": 1}, "has no role here"),
        ({"name_claim": "email"}, {"email": "anna@example.net"}, ""),
        ({"name_claim": "email"}, {"email": "Anna <x>"}, "nobody that could be a user here"),
        ({"name_claim": "email"}, {}, "nobody that could be a user here"),
    ],
)
async def test_which_claims_count_is_set(lab: Lab, settings: dict[str, Any], claims: dict[str, Any], says: str) -> None:
    """Name, groups and, where it is asked for, an address that the provider verified."""
    lab.configure(**settings)
    lab.provider.claims |= claims
    async with TestClient(TestServer(lab.api.application())) as browser:
        back = await lab.log_in(browser)
        assert (back.status == 302) == (not says)
        assert says in back.text


async def test_claims_may_come_with_userinfo(lab: Lab) -> None:
    """Where the id_token has none, and only of the same person (OpenID Connect Core 5.3.2)."""
    lab.configure(userinfo=True)
    lab.provider.claims = {}
    lab.provider.info = {"sub": "user", **ANNA}
    async with TestClient(TestServer(lab.api.application())) as browser:
        assert (await lab.log_in(browser)).status == 302
        lab.provider.info["sub"] = "another"
        assert "somebody else" in (await lab.log_in(browser)).text


async def test_passwords_can_be_refused(lab: Lab) -> None:
    """Then log-in, set-up and changes of passwords are, and the console can tell before anybody types one."""
    lab.configure(scope="openid")
    async with TestClient(TestServer(lab.api.application())) as browser:
        async with browser.get("/api/v1/session/ways") as response:
            assert await response.json() == {"passwords": False, "provider": "ACME"}
        async with browser.post("/api/v1/session", json={"name": "anna", "password": "x"}) as response:
            assert (response.status, "use ACME" in (await response.json())["detail"]) == (403, True)
        setup = {"token": "t", "name": "root", "password": "correct horse battery"}
        async with browser.post("/api/v1/setup", json=setup) as response:
            assert response.status == 403
        await lab.log_in(browser)
        session = await session_of(browser)
        assert session is not None
        body, headers = {"old": "x", "new": "correct horse battery"}, {"X-CSRF-Token": session["csrf"]}
        async with browser.put("/api/v1/session/password", json=body, headers=headers) as response:
            assert response.status == 403


async def test_a_person_of_the_provider_gets_no_password(lab: Lab, browser: TestClient) -> None:
    """Else there would be a second way in, which the provider does not know of."""
    await lab.log_in(browser)
    body, token = {"password": "correct horse battery"}, {"Authorization": "Bearer t"}
    async with browser.patch("/api/v1/users/anna", json=body, headers=token) as response:
        assert (response.status, "has no password here" in (await response.json())["detail"]) == (422, True)


async def test_a_provider_that_ends_no_sessions_is_not_asked_to(lab: Lab, browser: TestClient) -> None:
    """Who logs out stays at the console then."""
    assert (await get(browser, "/openid/log-out")).location == "../console/"


async def test_addresses_cannot_make_the_gateway_ask_without_end(lab: Lab, browser: TestClient) -> None:
    """Fifty answers that come to nothing are the last from one address for a while."""
    for _ in range(50):
        await get(browser, "/openid/return", {"state": "x", "code": "y"})
    assert (await lab.log_in(browser)).status == 429
