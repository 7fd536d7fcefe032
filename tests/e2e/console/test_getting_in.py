"""Signing in to the console, and what a role may there."""

from __future__ import annotations

import csv

from browsing import sign_in, visit
from live_gateway import Gateway
from playwright.sync_api import Page, expect


def test_signing_in_with_a_token(gateway: Gateway, page: Page) -> None:
    """Nothing is shown without the token, which the browser keeps nowhere."""
    expect(page).to_have_url(gateway.url("admin", "/console/"))
    sign_in(page, "a guess")
    expect(page.get_by_role("alert")).to_contain_text("the token is wrong")
    page.get_by_label("Token").fill(gateway.token)
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_role("link", name="alice")).to_be_visible()
    kept = page.evaluate("() => [{...localStorage}, {...sessionStorage}, document.cookie, location.href]")
    assert gateway.token not in str(kept)
    page.reload()
    expect(page.get_by_role("button", name="Sign in", exact=True)).to_be_visible()


def test_the_first_administrator_makes_himself(gateway: Gateway, page: Page) -> None:
    """With the set-up token; the session outlives a reload, and ends with signing out."""
    page.get_by_role("button", name="Set up for the first time").click()
    page.get_by_label("Set-up token").fill((gateway.folder / "data" / "setup.token").read_text().strip())
    page.get_by_label("Name").fill("ada")
    page.get_by_label("New password").fill("correct horse battery")
    page.get_by_role("button", name="Make the first administrator").click()
    expect(page.get_by_text("ada (admin)")).to_be_visible()
    page.reload()
    expect(page.get_by_text("ada (admin)")).to_be_visible()
    page.get_by_role("button", name="Sign out").click()
    page.get_by_label("Name").fill("ada")
    page.get_by_label("Password").fill("a guess that is wrong")
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_role("alert")).to_have_text("the name or the password is wrong")
    page.get_by_label("Password").fill("correct horse battery")
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_text("ada (admin)")).to_be_visible()


def test_a_person_gets_in_with_a_role(gateway: Gateway, console: Page) -> None:
    """Made by an administrator; may do what the role says and no more; who made whom is written down."""
    visit(console, "#/access")
    people = console.get_by_label("People").first
    people.get_by_label("Name").fill("hilde")
    people.get_by_label("Role").first.select_option("viewer")
    people.get_by_label("Password").fill("a very long password")
    people.get_by_role("button", name="Add").click()
    expect(people.get_by_role("row", name="hilde")).to_be_visible()
    visit(console, "#/audit")
    expect(console.get_by_role("row", name="create user").first).to_contain_text("hilde")
    assert "a very long password" not in console.content()
    visit(console, "#/audit?who=user:nobody")
    expect(console.get_by_text("Nobody has changed anything.")).to_be_visible()
    form = console.get_by_role("search", name="Audit")
    form.get_by_label("Who").fill("admin.token")
    form.get_by_label("Did").fill("create user")
    form.get_by_role("button", name="Find").click()
    expect(console.get_by_role("row")).to_have_count(2)
    with console.expect_download() as exported:
        form.get_by_role("button", name="Export").click()
    rows = list(csv.DictReader(exported.value.path().read_text().splitlines()))
    assert [(row["who"], row["action"], row["subject"]) for row in rows] == [("admin.token", "create_user", "hilde")]
    console.get_by_role("button", name="Sign out").click()
    console.get_by_label("Name").fill("hilde")
    console.get_by_label("Password").fill("a very long password")
    console.get_by_role("button", name="Sign in", exact=True).click()
    expect(console.get_by_text("hilde (viewer)")).to_be_visible()
    expect(console.get_by_role("navigation", name="Screens").get_by_role("link")).to_have_text(
        [
            *("Subscribers", "Devices", "Overview", "Profiles", "Editions", "Campaigns", "Packages"),
            *("Events", "Rules", "Messaging", "Exports"),
        ]
    )
    visit(console, "#/subscribers/alice/alice.1")
    expect(console.get_by_role("button", name="Wake over OMA DM")).to_be_disabled()
    expect(console.get_by_text("+15550100001")).to_have_count(0)
    visit(console, "#/audit")
    expect(console.get_by_text("This screen needs the permission audit:read")).to_be_visible()


def test_a_program_gets_a_token(gateway: Gateway, console: Page) -> None:
    """Shown once, and good for what is listed alone."""
    visit(console, "#/access")
    tokens = console.get_by_label("Tokens of programs")
    tokens.get_by_label("For").fill("crm")
    tokens.get_by_label("Or these permissions").fill("devices:read, pushes:write")
    tokens.get_by_role("button", name="Make").click()
    expect(tokens.get_by_role("status")).to_contain_text("This is shown once: ")
    tokens.get_by_role("button", name="Copy the token").click()
    expect(console.locator("#said")).to_have_text("Copied the token")
    token = console.evaluate("() => navigator.clipboard.readText()")
    assert token
    assert token in tokens.get_by_role("status").inner_text()
    expect(tokens.get_by_role("row", name="crm")).to_contain_text("devices:read, pushes:write")


def test_what_is_in_the_way_says_how_to_go_on(gateway: Gateway, console: Page) -> None:
    """A gateway that is gone can be asked again; a session that is over leads back to where one was."""
    console.route("**/api/v1/**", lambda route: route.abort())
    visit(console, "#/profiles/premium")
    expect(console.get_by_role("alert")).to_contain_text("The gateway does not answer.")
    console.unroute("**/api/v1/**")
    console.get_by_role("button", name="Try again").click()
    expect(console.get_by_label("Values")).to_be_visible()
    refusal = {"status": 401, "content_type": "application/problem+json", "json": {"detail": "the session is over"}}
    console.route("**/api/v1/devices*", lambda route: route.fulfill(**refusal))
    visit(console, "#/devices")
    expect(console.get_by_role("status")).to_contain_text("Your session is over.")
    console.unroute("**/api/v1/devices*")
    sign_in(console, gateway.token)
    expect(console.get_by_role("link", name="alice.1")).to_be_visible()
    expect(console.get_by_role("main")).to_be_visible()
