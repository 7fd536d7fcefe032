"""People at a browser: who gets in, what a session may do, and how it ends."""

from __future__ import annotations

import ipaddress
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer

from gateway.access.people import People, User
from gateway.access.roles import Role
from gateway.admin.api import AdminApi
from gateway.admin.passwords import hash_password
from gateway.store.sqlite import SqliteStore

PASSWORD = "correct horse battery"
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
NO_TOKEN = {"Authorization": ""}


@pytest.fixture
async def anna(store: SqliteStore) -> User:
    user = User(name="anna", role=Role.PROVISIONING, password_hash=await hash_password(PASSWORD), created_at=NOW)
    await People(store).save(user)
    return user


async def log_in(client: TestClient, password: str = PASSWORD, name: str = "anna") -> tuple[int, dict[str, Any], str]:
    """The status, the answer and the cookie."""
    async with client.post("/api/v1/session", json={"name": name, "password": password}, headers=NO_TOKEN) as response:
        return response.status, await response.json(), response.headers.get("Set-Cookie", "")


async def status_of(client: TestClient, method: str, path: str, **arguments: Any) -> int:
    async with client.request(method, f"/api/v1{path}", **arguments) as response:
        return response.status


def headers(cookie: str, csrf: str = "") -> dict[str, str]:
    return {"Authorization": "", "Cookie": cookie.partition(";")[0]} | ({"X-CSRF-Token": csrf} if csrf else {})


async def test_a_session_is_a_cookie_no_script_reads(client: TestClient, anna: User) -> None:
    """HttpOnly, of this site alone, and with an end; who it is of and what they may do comes as the answer.

    Spec: RFC 6265bis 5.6.7
    """
    status, said, cookie = await log_in(client)
    assert status == 200
    assert (said["name"], said["role"], said["tenant"]) == ("user:anna", "provisioning", "")
    assert "subscribers:write" in said["permissions"]
    assert "users:read" not in said["permissions"]
    assert {"HttpOnly", "SameSite=Strict", "Path=/", "Max-Age=3600"} <= {part.strip() for part in cookie.split(";")}
    assert re.match(r"mogate_session=[\w-]{43};", cookie)
    async with client.get("/api/v1/session", headers=headers(cookie)) as response:
        assert await response.json() == said


async def test_a_session_changes_things_only_with_its_csrf_token(client: TestClient, anna: User) -> None:
    """Reading needs the cookie alone; a page of another site that could send it along still changes nothing."""
    _, said, cookie = await log_in(client)
    assert await status_of(client, "GET", "/subscribers", headers=headers(cookie)) == 200
    body = {"id": "bob"}
    assert await status_of(client, "POST", "/subscribers", json=body, headers=headers(cookie)) == 403
    assert await status_of(client, "POST", "/subscribers", json=body, headers=headers(cookie, "x")) == 403
    assert await status_of(client, "POST", "/subscribers", json=body, headers=headers(cookie, said["csrf"])) == 201


async def test_a_session_ends(client: TestClient, anna: User, clock: Any) -> None:
    """By logging out, and by itself; the cookie is worth nothing then."""
    _, said, cookie = await log_in(client)
    assert await status_of(client, "DELETE", "/session", headers=headers(cookie, said["csrf"])) == 204
    assert await status_of(client, "GET", "/session", headers=headers(cookie)) == 401
    _, _, cookie = await log_in(client)
    clock.at += timedelta(seconds=3601)
    assert await status_of(client, "GET", "/session", headers=headers(cookie)) == 401


async def test_a_new_password_ends_all_sessions(client: TestClient, anna: User) -> None:
    """The old one has to be given, and opens nothing any more."""
    _, said, cookie = await log_in(client)
    path, new = "/session/password", "another long password"
    bad = {"old": "guess", "new": new}
    assert await status_of(client, "PUT", path, json=bad, headers=headers(cookie, said["csrf"])) == 401
    good = {"old": PASSWORD, "new": new}
    assert await status_of(client, "PUT", path, json=good, headers=headers(cookie, said["csrf"])) == 204
    assert await status_of(client, "GET", "/session", headers=headers(cookie)) == 401
    assert (await log_in(client))[0] == 401
    assert (await log_in(client, new))[0] == 200


@pytest.mark.parametrize(("name", "password"), [("anna", "wrong"), ("nobody", PASSWORD), ("off", PASSWORD)])
async def test_what_is_wrong_is_not_told(
    client: TestClient, store: SqliteStore, anna: User, name: str, password: str
) -> None:
    """A wrong password, an unknown name and a disabled user look alike."""
    off = User(name="off", role=Role.ADMIN, password_hash=anna.password_hash, created_at=NOW, disabled=True)
    await People(store).save(off)
    status, said, cookie = await log_in(client, password, name)
    assert (status, said["detail"], cookie) == (401, "the name or the password is wrong", "")


async def test_passwords_cannot_be_tried_without_end(client: TestClient, anna: User, clock: Any) -> None:
    """After ten wrong ones even the right one waits, and how long is said."""
    assert {(await log_in(client, "wrong"))[0] for _ in range(10)} == {401}
    assert (await log_in(client))[0] == 429
    clock.at += timedelta(minutes=16)
    assert (await log_in(client))[0] == 200


async def from_address(api: AdminApi, address: str, password: str, name: str = "anna") -> int:
    """The status of a log-in that a trusted proxy brings from that address."""
    application = api.application((ipaddress.ip_network("127.0.0.0/8"),))
    async with (
        TestClient(TestServer(application)) as client,
        client.post(
            "/api/v1/session", json={"name": name, "password": password}, headers={"X-Forwarded-For": address}
        ) as response,
    ):
        return response.status


async def test_a_stranger_locks_nobody_out(api: AdminApi, anna: User, held_back: list[float]) -> None:
    """Who fails at a name from one address is refused at that address; the name's owner gets in from another."""
    assert {await from_address(api, "203.0.113.9", "wrong") for _ in range(10)} == {401}
    assert await from_address(api, "203.0.113.9", PASSWORD) == 429
    assert await from_address(api, "198.51.100.7", PASSWORD) == 200
    assert held_back == []


async def test_a_name_that_is_failed_at_from_everywhere_becomes_slow(
    api: AdminApi, anna: User, held_back: list[float], clock: Any
) -> None:
    """After twenty wrong ones each attempt at the name is held back, the owner's too, and none is refused for it."""
    assert {await from_address(api, f"203.0.113.{place}", "wrong") for place in range(20)} == {401}
    assert held_back == []
    assert await from_address(api, "198.51.100.7", PASSWORD) == 200
    assert held_back == [3.0]
    assert await from_address(api, "198.51.100.7", "x", "nobody") == 401
    clock.at += timedelta(minutes=16)
    assert await from_address(api, "198.51.100.7", PASSWORD) == 200
    assert held_back == [3.0]


async def test_one_address_cannot_try_name_after_name(api: AdminApi, anna: User) -> None:
    """Fifty wrong ones from one address, at whatever names, are the last for a while."""
    assert {await from_address(api, "203.0.113.9", "wrong", f"name{place}") for place in range(50)} == {401}
    assert await from_address(api, "203.0.113.9", PASSWORD) == 429


async def test_behind_a_proxy_that_ends_tls_the_cookie_is_for_tls_alone(api: AdminApi, anna: User) -> None:
    """The browser spoke TLS, whatever the proxy speaks behind it; to anybody else clear text is clear text."""
    for proxies, marks in (((ipaddress.ip_network("127.0.0.0/8"),), ["Secure"]), ((), [])):
        async with TestClient(TestServer(api.application(proxies))) as client:
            _, _, cookie = await log_in(client)
        assert [part.strip() for part in cookie.split(";") if part.strip() == "Secure"] == marks


async def test_a_disabled_user_is_out_at_once(client: TestClient, store: SqliteStore, anna: User) -> None:
    """A session that was begun before is over."""
    _, _, cookie = await log_in(client)
    people = People(store)
    user = await people.user("anna")
    await people.save(User(name="anna", role=Role.ADMIN, password_hash=user.password_hash, created_at=NOW,
                           disabled=True, revision=user.revision))  # fmt: skip
    assert await status_of(client, "GET", "/session", headers=headers(cookie)) == 401


async def test_the_first_user_is_made_with_the_set_up_token(client: TestClient, tmp_path: Path) -> None:
    """It works once, for one who can read the data directory; there is no password before."""
    body = {"token": "t0ken", "name": "root", "password": PASSWORD}
    assert await status_of(client, "POST", "/setup", json=body, headers=NO_TOKEN) == 403
    (tmp_path / "setup.token").write_text("t0ken\n")
    assert await status_of(client, "POST", "/setup", json=body | {"token": "guess"}, headers=NO_TOKEN) == 401
    assert await status_of(client, "POST", "/setup", json=body | {"password": "short"}, headers=NO_TOKEN) == 422
    async with client.post("/api/v1/setup", json=body, headers=NO_TOKEN) as response:
        said, cookie = await response.json(), response.headers["Set-Cookie"]
    assert (said["name"], said["role"]) == ("user:root", "admin")
    assert await status_of(client, "GET", "/subscribers", headers=headers(cookie)) == 200
    assert not (tmp_path / "setup.token").exists()
    (tmp_path / "setup.token").write_text("t0ken\n")
    assert await status_of(client, "POST", "/setup", json=body | {"name": "two"}, headers=NO_TOKEN) == 403


async def test_the_set_up_token_cannot_be_tried_without_end(client: TestClient, tmp_path: Path) -> None:
    """After ten wrong ones from an address even the right one waits, and nobody was made."""
    (tmp_path / "setup.token").write_text("t0ken\n")
    body = {"token": "t0ken", "name": "root", "password": PASSWORD}
    guesses = [body | {"token": f"guess{number}"} for number in range(10)]
    assert {await status_of(client, "POST", "/setup", json=guess, headers=NO_TOKEN) for guess in guesses} == {401}
    assert await status_of(client, "POST", "/setup", json=body, headers=NO_TOKEN) == 429
    assert (tmp_path / "setup.token").exists()
