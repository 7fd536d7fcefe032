"""The one gate of the admin API: who is let in, what is refused, and how that is said."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from aiohttp.test_utils import TestClient
from structlog.testing import LogCapture

from gateway.errors import Unavailable
from gateway.observe.logs import logger
from gateway.store.sqlite import SqliteStore

JSON = {"Content-Type": "application/json"}


@pytest.fixture
def log() -> Iterator[LogCapture]:
    capture = LogCapture()
    before = structlog.get_config()
    structlog.configure(processors=[capture], cache_logger_on_first_use=False)
    logger.cache_clear()
    yield capture
    structlog.configure(**before)
    logger.cache_clear()


async def refused(client: TestClient, method: str, path: str, status: int, **arguments: Any) -> dict[str, Any]:
    """The refusal, which has the shape of every refusal."""
    async with client.request(method, path, **arguments) as response:
        problem: dict[str, Any] = await response.json()
        assert (response.status, response.content_type) == (status, "application/problem+json"), problem
    assert problem.keys() == {"type", "title", "status", "detail", "id", "file", "line", "key"}
    assert problem["status"] == status
    assert problem["detail"]
    return problem


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "says"),
    [
        ("GET", "/nothing", None, 404, "/nothing"),
        ("PUT", "/subscribers", None, 405, "PUT"),
        ("GET", "/subscribers?colour=1", None, 422, "colour"),
        ("GET", "/subscribers?colour=1", None, 422, "after, limit"),
        ("GET", "/devices/ann.1?limit=1", None, 422, "limit"),
        ("GET", "/subscribers?limit=many", None, 422, "limit"),
        ("GET", "/subscribers?limit=-1", None, 422, "limit"),
        ("GET", f"/events?after={'9' * 5000}", None, 422, "after"),
        ("GET", "/subscribers/ann/document?layout=C", None, 422, "layout"),
        ("GET", "/subscribers/bob", None, 404, "bob"),
        ("GET", "/subscribers/ann/explain?device=bob.1", None, 404, "bob.1"),
        ("GET", "/subscribers/ann/explain?device=eve.1", None, 404, "ann.1"),
        ("GET", "/devices/nobody", None, 404, "nobody"),
        ("DELETE", "/subscribers/bob", None, 404, "bob"),
        ("POST", "/subscribers", b"", 422, "body"),
        ("POST", "/subscribers", b"{", 422, "body"),
        ("POST", "/subscribers", b"[]", 422, "body"),
        ("POST", "/subscribers", b'{"colour": 1}', 422, "colour"),
        ("POST", "/subscribers", b'{"id": "a/b"}', 422, "id"),
        ("POST", "/subscribers", b'{"imsis": ["12"]}', 422, "imsis.0"),
        ("POST", "/subscribers", b'{"msisdn": "0155"}', 422, "msisdn"),
        ("POST", "/subscribers", b'{"id": "ann"}', 409, "already"),
        ("POST", "/subscribers", b'{"imsis": ["001010000000001"]}', 409, "already"),
        ("POST", "/subscribers", b" " * (1 << 20) + b"{}", 413, "Too Large"),
        ("POST", "/subscribers/ann/devices", b"{}", 422, "loc_uri"),
        ("POST", "/subscribers/ann/devices", b'{"loc_uri": "x", "auth": "hmac"}', 422, "auth"),
        ("PATCH", "/subscribers/ann/values", b'{"set": {"ims/Timer_T9": "1"}}', 404, "Timer_T9"),
        ("PATCH", "/subscribers/ann/values", b'{"set": {"ims/Timer_T1": "soon"}}', 422, "soon"),
        ("PATCH", "/subscribers/ann/values", b'{"set": {"ims/Timer_T1": 1}}', 422, "Timer_T1"),
        ("POST", "/devices/ann.1/operations", b'{"verb": "Map", "uri": "./A"}', 422, "verb"),
        ("POST", "/devices/ann.1/operations", b'{"verb": "Get", "uri": "./A//B"}', 422, "uri"),
        ("POST", "/devices/ann.1/operations", b'{"verb": "Get", "uri": "./A?what=1"}', 422, "uri"),
        ("POST", "/devices/ann.1/operations", b'{"verb": "Add", "uri": "./A", "format": "bytes"}', 422, "format"),
    ],
)
async def test_every_refusal_is_a_problem_that_names_the_thing(
    client: TestClient, method: str, path: str, body: bytes | None, status: int, says: str
) -> None:
    """Whatever is wrong, the answer is a Problem that says what; unknown parameters and fields are not passed over."""
    await client.post("/api/v1/subscribers", json={"id": "ann", "imsis": ["001010000000001"]})
    await client.post("/api/v1/subscribers", json={"id": "eve"})
    for owner in ("ann", "eve"):
        await client.post(f"/api/v1/subscribers/{owner}/devices", json={"loc_uri": f"phone of {owner}"})
    problem = await refused(client, method, f"/api/v1{path}", status, data=body and io.BytesIO(body), headers=JSON)
    assert says in problem["detail"]


async def test_what_may_be_done_instead_is_said(client: TestClient) -> None:
    """A wrong method is answered with the right ones.

    Spec: RFC 9110 15.5.6
    """
    async with client.put("/api/v1/subscribers") as response:
        assert set(response.headers["Allow"].split(",")) >= {"GET", "POST"}


async def test_without_the_token_nothing_is_told(client: TestClient) -> None:
    """The token is asked for before anything else: what exists and what does not look alike."""
    for path in ("/subscribers", "/subscribers/bob", "/nothing", "/subscribers?colour=1"):
        problem = await refused(client, "GET", f"/api/v1{path}", 401, headers={"Authorization": "Bearer no"})
        assert "admin.token" in problem["detail"]


async def test_a_fault_has_an_id_and_tells_nothing_else(client: TestClient, log: LogCapture) -> None:
    """The caller gets an id that the log has with the traceback; the log's route names nobody."""
    await client.post("/api/v1/subscribers", json={"id": "ann", "imsis": ["001010000000001"]})
    await client.post("/api/v1/subscribers/ann/devices", json={"loc_uri": "phone"})
    problem = await refused(client, "GET", "/api/v1/subscribers/001010000000001/document", 500)
    assert "render" not in problem["detail"]
    (failed,) = [entry for entry in log.entries if entry["event"] == "request_failed"]
    assert failed["fault"] == problem["id"]
    assert failed["route"] == "/api/v1/subscribers/{ref}/document"
    assert failed["exc_info"]


async def test_each_request_is_one_line_of_the_log(client: TestClient, log: LogCapture) -> None:
    """With the method, the route without names, the status and the time; probes and scrapes are not written."""
    await client.get("/api/v1/subscribers/001010000000001")
    await client.get("/livez")
    await client.get("/metrics")
    (entry,) = log.entries
    assert (entry["event"], entry["method"], entry["route"], entry["status"]) == (
        "request_answered",
        "GET",
        "/api/v1/subscribers/{ref}",
        404,
    )
    assert "001010000000001" not in json.dumps(entry)


async def test_a_store_that_is_down_says_when_to_come_back(
    client: TestClient, store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """503 with Retry-After, for readiness as for the API; liveness needs no store."""

    async def gone(*_: object) -> None:
        raise Unavailable("the disk is away", 7)

    monkeypatch.setattr(store, "load_household", gone)
    monkeypatch.setattr(store, "load_owned", gone)
    async with client.get("/api/v1/subscribers/ann") as response:
        assert (response.status, response.headers["Retry-After"]) == (503, "7")
    async with client.get("/readyz") as response:
        assert (response.status, await response.text()) == (503, "not ready: store: the disk is away\n")
    async with client.get("/livez") as response:
        assert response.status == 200
