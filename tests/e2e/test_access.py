"""Who may do what with a running gateway: every route that it has, whoever added it."""

from __future__ import annotations

import json
import re
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
from live_gateway import Gateway, serving


class Operation(NamedTuple):
    method: str
    path: str
    permission: str
    public: bool


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with serving(tmp_path_factory.mktemp("gateway")) as one:
        yield one


def call(gateway: Gateway, method: str, path: str, body: object = None, token: str = "") -> tuple[int, Any]:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    request = urllib.request.Request(
        gateway.url("admin", path), None if body is None else json.dumps(body).encode(), headers, method=method
    )
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            status, octets = answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            status, octets = error.code, error.read()
    return status, json.loads(octets) if octets else None


@pytest.fixture(scope="module")
def operations(gateway: Gateway) -> list[Operation]:
    """All there are, with names filled in that name nobody."""
    document = call(gateway, "GET", "/openapi.json")[1]
    return [
        Operation(
            method.upper(), re.sub(r"{\w+}", "nobody", path), one.get("x-permission", ""), one.get("security") == []
        )
        for path, methods in document["paths"].items()
        for method, one in methods.items()
    ]


def token(gateway: Gateway, **body: Any) -> str:
    status, made = call(gateway, "POST", "/api/v1/tokens", {"name": "t", **body}, gateway.token)
    assert status == 201, made
    return str(made["token"])


def test_no_route_answers_one_whom_nobody_knows(gateway: Gateway, operations: list[Operation]) -> None:
    """Without a token, and with one that is wrong: 401, whatever the request is. What is public is this short list."""
    for one in operations:
        if not one.public:
            assert call(gateway, one.method, one.path)[0] == 401, one
            assert call(gateway, one.method, one.path, {}, "0123456789ab.wrong")[0] == 401, one
    assert {one.path for one in operations if one.public} == {
        "/api/v1/session",
        "/api/v1/session/ways",
        "/api/v1/setup",
    }


def test_whatever_can_be_changed_can_be_read(operations: list[Operation]) -> None:
    """Whatever has a name: so there is an ETag for If-Match, and a state before and after in the audit log."""
    named = [one for one in operations if "/nobody" in one.path]
    shown = {one.path for one in named if one.method == "GET"}
    changed = {one.path for one in named if one.method in ("PUT", "PATCH", "DELETE")}
    assert changed
    assert {path for path in changed if not any(f"{path}/".startswith(f"{one}/") for one in shown)} == set()


def test_no_route_answers_one_who_lacks_its_permission(gateway: Gateway, operations: list[Operation]) -> None:
    """Each has a permission, and with every other permission but that one it answers 403."""
    for permission in {one.permission for one in operations} - {""}:
        resource, _, verb = permission.partition(":")
        other = {"read": "write", "write": "read"}[verb]
        others = [f"{resource}:{other}"] + (["packages:*"] if resource != "packages" else ["events:*"])
        poor = token(gateway, permissions=others)
        for one in operations:
            if one.permission == permission:
                status, said = call(gateway, one.method, one.path, {}, poor)
                assert (status, permission in said["detail"]) == (403, True), one
    signed_in = {one.path for one in operations if not one.permission and not one.public}
    assert signed_in == {"/api/v1/session", "/api/v1/session/password"}


def test_a_caller_of_one_tenant_gets_at_nothing_of_another(gateway: Gateway, operations: list[Operation]) -> None:
    """Every route, asked about alice who is the operator's own: she is not there, or the route is not for them."""
    bound = token(gateway, role="admin", tenant="bluebird")
    for one in operations:
        if one.public or not one.permission:
            continue
        path = one.path.replace("/subscribers/nobody", "/subscribers/alice").replace(
            "/devices/nobody", "/devices/alice.1"
        )
        status, said = call(gateway, one.method, path, {}, bound)
        assert status in (403, 404, 422) or said == [] or "alice" not in json.dumps(said), (one, said)
    listed = call(gateway, "GET", "/api/v1/subscribers", token=bound)[1]
    assert [one["id"] for one in listed] == ["carol"]
    assert call(gateway, "GET", "/api/v1/subscribers/carol", token=bound)[0] == 200
    assert call(gateway, "GET", "/api/v1/subscribers/alice", token=bound)[0] == 404
    device = {"loc_uri": "IMEI:351234560000017"}
    own = call(gateway, "POST", "/api/v1/subscribers/carol/devices", device, gateway.token)[1]["device_id"]
    status, said = call(gateway, "GET", f"/api/v1/devices/{own}/trace/comparison?with=alice.1", token=bound)
    assert (status, "alice.1" in said["detail"]) == (404, True), said
    assert call(gateway, "GET", "/api/v1/events?subscriber=alice", token=bound)[0] == 403
    assert call(gateway, "GET", "/api/v1/events?subscriber=carol", token=bound)[0] == 200
    assert call(gateway, "POST", "/api/v1/subscribers", {"id": "mallory"}, bound)[0] == 403
    assert call(gateway, "PATCH", "/api/v1/subscribers/carol", {"tenant": ""}, bound)[0] == 403
    assert call(gateway, "PATCH", "/api/v1/subscribers/alice", {"plan": "basic"}, bound)[0] == 404


def test_who_may_not_see_who_it_is_sees_a_mask(gateway: Gateway) -> None:
    """A viewer gets no whole IMSI, IMEI or MSISDN from anywhere they may look."""
    viewer = token(gateway, role="viewer")
    whole = re.compile(r"(?<!\d)\d{14,16}(?!\d)|\+\d{7,15}")
    for path in ("/subscribers", "/subscribers/alice", "/devices/alice.1", "/events", "/subscribers/alice/explain"):
        status, said = call(gateway, "GET", f"/api/v1{path}", token=viewer)
        assert status == 200, path
        assert not whole.search(json.dumps(said)), path
    assert call(gateway, "GET", "/api/v1/subscribers/alice", token=viewer)[1]["msisdn"] == "+15******001"
    assert call(gateway, "GET", "/api/v1/subscribers/alice/document", token=viewer)[0] == 403
    helpdesk = token(gateway, role="helpdesk")
    assert call(gateway, "GET", "/api/v1/subscribers/alice", token=helpdesk)[1]["msisdn"] == "+15550100001"


def test_who_may_not_see_secrets_sees_a_cover(gateway: Gateway) -> None:
    """A secret that was set, an attribute that is one by its name, and why a value is what it is: the help desk gets
    none in clear, whoever may set them does."""
    secret = "s3cr3t-0f-alice"
    values = {
        "set": {"rcs/MESSAGING/FileTransfer/ftHTTPCSPwd": secret, "rcs/MESSAGING/FileTransfer/ftHTTPCSUser": "alice"}
    }
    assert call(gateway, "PATCH", "/api/v1/subscribers/alice/values", values, gateway.token)[0] == 200
    attributes = {"attributes": {"office_psk": secret}}
    assert call(gateway, "PATCH", "/api/v1/subscribers/alice", attributes, gateway.token)[0] in (200, 204)
    paths = ("/subscribers/alice", "/subscribers/alice/explain", "/devices/alice.1", "/values")
    for role, sees in (("helpdesk", False), ("viewer", False), ("provisioning", True)):
        caller = token(gateway, role=role)
        said = [json.dumps(call(gateway, "GET", f"/api/v1{path}", token=caller)[1]) for path in paths]
        assert any(secret in one for one in said) is sees, role
        assert [("***" in one, secret in one) for one in said[:2]] == [(not sees, sees)] * 2, role
    kept = call(gateway, "GET", "/api/v1/subscribers/alice", token=token(gateway, role="helpdesk"))[1]
    assert kept["values"]["rcs/MESSAGING/FileTransfer/ftHTTPCSUser"] == "alice"


def test_a_token_is_good_for_what_it_was_made_for(gateway: Gateway) -> None:
    """It is shown once, comes from its networks, says when it was used, and is worth nothing once revoked."""
    status, made = call(
        gateway, "POST", "/api/v1/tokens",
        {"name": "crm", "permissions": ["subscribers:read"], "networks": ["127.0.0.0/8"]}, gateway.token,
    )  # fmt: skip
    assert (status, made["permissions"], made["last_used_at"]) == (201, ["subscribers:read"], None)
    assert call(gateway, "GET", "/api/v1/subscribers", token=made["token"])[0] == 200
    shown = call(gateway, "GET", f"/api/v1/tokens/{made['id']}", token=gateway.token)[1]
    assert shown["last_used_at"] is not None
    assert made["token"].partition(".")[2] not in json.dumps(shown)
    assert call(gateway, "DELETE", f"/api/v1/tokens/{made['id']}", token=gateway.token)[0] == 204
    assert call(gateway, "GET", "/api/v1/subscribers", token=made["token"])[0] == 401
    far = token(gateway, role="viewer", networks=["192.0.2.0/24"])
    assert call(gateway, "GET", "/api/v1/subscribers", token=far)[0] == 401


def test_nobody_gives_what_they_lack(gateway: Gateway) -> None:
    """One who may make tokens and users makes none that may more than they do."""
    maker = token(gateway, permissions=["tokens:*", "users:*", "events:read"])
    ask = {"name": "t", "permissions": ["events:read"]}
    assert call(gateway, "POST", "/api/v1/tokens", ask, maker)[0] == 201
    assert call(gateway, "POST", "/api/v1/tokens", ask | {"permissions": ["events:*"]}, maker)[0] == 403
    assert call(gateway, "POST", "/api/v1/users", {"name": "eve", "role": "admin"}, maker)[0] == 403
