"""The console's gateway, one for all tests of a file, and pages of it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest
from browsing import opened, settle, sign_in
from live_gateway import CONFIG, Gateway, serving
from playwright.sync_api import Browser, Page, expect


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A demo operator whose phones have called; one of them refused a value."""
    folder = tmp_path_factory.mktemp("console")
    shutil.copytree(CONFIG / "profiles", folder / "profiles")
    with serving(folder, MOGATE_PROFILES=str(folder / "profiles"), MOGATE_ADMIN__BACKUPS=str(folder / "kept")) as one:
        one.json("simulate", "omadm")
        one.json("simulate", "rcc14")
        one.api("PATCH", "/subscribers/alice/values", {"set": {"ims/Timer_T2": "8000"}})
        one.json("simulate", "omadm", "--refuse", "./3GPP_IMS/Timer_T2=405")
        yield one


@pytest.fixture
def page(gateway: Gateway, browser: Browser) -> Iterator[Page]:
    """The console before anybody signed in."""
    with opened(gateway, browser) as page:
        yield page


@pytest.fixture
def console(gateway: Gateway, page: Page) -> Page:
    """The console after signing in."""
    sign_in(page, gateway.token)
    expect(page.get_by_role("heading", name="Subscribers")).to_be_visible()
    settle(page)
    return page
