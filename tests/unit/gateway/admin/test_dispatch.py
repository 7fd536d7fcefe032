"""What every route gets without asking for it: the audit log, entity tags, keys for repeats, and lists as lines."""

from __future__ import annotations

import asyncio
import contextlib
import csv
import json
import sqlite3
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient

from gateway.access.audit import OPEN, OPEN_SECONDS, AuditLog, Entry
from gateway.admin import listing
from gateway.admin.models.base import Model
from gateway.errors import Conflict, Unavailable
from gateway.observe import metrics
from gateway.store.protocol import AUDIT, PutRecord, Record
from gateway.store.sqlite import SqliteStore

ANN = {"id": "ann", "imsis": ["001010000000001"], "msisdn": "+15550100001"}


async def ask(client: TestClient, method: str, path: str, body: object = None, **headers: str) -> tuple[int, Any, Any]:
    """Status, values and headers of an answer."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    async with client.request(method, f"/api/v1{path}", json=body, headers=named) as response:
        octets = await response.read()
        return response.status, json.loads(octets) if octets else None, response.headers


async def test_a_change_is_written_down(client: TestClient, clock: Any) -> None:
    """Who, from where, what, why, and what was so before and after; reading leaves nothing."""
    await ask(client, "POST", "/subscribers", ANN)
    await ask(client, "GET", "/subscribers/ann")
    clock.at += timedelta(seconds=1)
    await ask(client, "PATCH", "/subscribers/15550100001/values", {"set": {"ims/Timer_T1": "3000"}}, X_Reason="RT-4711")
    created, changed = (await ask(client, "GET", "/audit"))[1]
    assert (created["who"], created["address"], created["action"]) == ("admin.token", "127.0.0.1", "create_subscriber")
    assert (created["subject"], created["before"], created["after"]["msisdn"]) == ("ann", {}, "+15550100001")
    assert (changed["subject"], changed["reason"], changed["status"]) == ("ann", "RT-4711", 200)
    assert changed["asked"] == {"set": {"ims/Timer_T1": "3000"}, "unset": []}
    assert (changed["before"], changed["after"]) == ({"values": {}}, {"values": {"ims/Timer_T1": "3000"}})
    assert [one["subject"] for one in (await ask(client, "GET", "/audit?action=set_values"))[1]] == ["ann"]
    assert (await ask(client, "GET", f"/audit?after={changed['id']}"))[1] == []


async def test_changes_of_one_subscriber_and_device(client: TestClient, clock: Any) -> None:
    """Of a subscriber with all devices, also one that is gone; of a device with its subscriber, and of nobody else."""
    acts = [
        ("POST", "/subscribers", ANN),
        ("POST", "/subscribers", {"id": "anna", "imsis": ["001010000000077"]}),
        ("POST", "/subscribers/ann/devices", {"loc_uri": "IMEI:001015000000015", "imei": "001015000000015"}),
        ("POST", "/subscribers/ann/devices", {"loc_uri": "IMEI:001015000000023", "imei": "001015000000023"}),
        ("POST", "/devices/001015000000015/operations", {"verb": "Get", "uri": "./DevInfo"}),
        ("DELETE", "/devices/ann.2", None),
    ]
    for method, path, body in acts:
        assert (await ask(client, method, path, body))[0] < 300
        clock.at += timedelta(seconds=1)

    async def of(path: str) -> list[tuple[str, str]]:
        return [(one["action"], one["subject"]) for one in (await ask(client, "GET", f"{path}/changes"))[1]]

    whole = await of("/subscribers/15550100001")
    assert whole == [
        ("create_subscriber", "ann"),
        ("create_device", "ann"),
        ("create_device", "ann"),
        ("create_operation", "ann.1"),
        ("delete_device", "ann.2"),
    ]
    assert await of("/devices/ann.1") == whole[:-1]
    _, page, headers = await ask(client, "GET", "/devices/ann.1/changes?newest=true&limit=1")
    assert (page[0]["action"], "Link" in headers) == ("create_operation", True)
    assert (await ask(client, "GET", "/subscribers/nobody/changes"))[0] == 404


async def test_the_newest_changes_come_first(client: TestClient, clock: Any) -> None:
    """Page by page backwards where asked for, within a time, and whole as lines."""
    for number in range(5):
        await ask(client, "POST", "/subscribers", {"id": f"s{number}", "imsis": [f"00101000000000{number}"]})
        clock.at += timedelta(minutes=1)

    async def subjects(query: str) -> list[str]:
        return [one["subject"] for one in (await ask(client, "GET", f"/audit?{query}"))[1]]

    assert await subjects("newest=true") == ["s4", "s3", "s2", "s1", "s0"]
    _, page, headers = await ask(client, "GET", "/audit?newest=true&limit=2")
    assert [one["subject"] for one in page] == ["s4", "s3"]
    assert f"after={page[-1]['id']}" in headers["Link"]
    assert await subjects(f"newest=true&limit=2&after={page[-1]['id']}") == ["s2", "s1"]
    during = "since=2026-01-02T03:05:05Z&until=2026-01-02T03:07:05"
    assert await subjects(during) == ["s1", "s2"]
    assert await subjects(f"newest=true&{during}") == ["s2", "s1"]
    assert await subjects(f"newest=true&subject=s1&{during}") == ["s1"]
    async with client.get(
        "/api/v1/audit?newest=true&until=2026-01-02T03:05:05Z", headers={"Accept": "text/csv"}
    ) as one:
        assert [row["subject"] for row in csv.DictReader((await one.text()).splitlines())] == ["s0"]
    status, problem, _ = await ask(client, "GET", "/audit?since=yesterday")
    assert (status, problem["detail"]) == (422, "since: 'yesterday' is not a time, such as 2026-01-31T12:00:00Z")


async def test_no_secret_is_written_down(client: TestClient, store: SqliteStore) -> None:
    """Not what was sent, nor what was answered."""
    k = "00112233445566778899AABBCCDDEEFF"
    await ask(client, "POST", "/subscribers", ANN)
    await ask(client, "PUT", "/subscribers/ann/sims/001010000000001", {"k": k, "opc": k})
    account = (await ask(client, "POST", "/subscribers/ann/devices", {"loc_uri": "phone"}))[1]
    token = (await ask(client, "POST", "/tokens", {"name": "t", "role": "viewer"}))[1]["token"]
    await ask(client, "POST", "/users", {"name": "eve", "role": "viewer", "password": "correct horse battery"})
    written = json.dumps((await ask(client, "GET", "/audit"))[1])
    assert "set_sim" in written
    secrets = (k, account["client_password"], account["server_password"], token, "correct horse")
    assert not [secret for secret in secrets if secret in written]


def test_what_has_the_name_of_a_secret_is_declared_one() -> None:
    """So that it is starred in the log, whichever model it is in."""
    names = {"k", "opc", "old", "new", "secret", "password", "token", "csrf", "ha1"}
    models, found = [], [Model]
    while found:
        model = found.pop()
        models.append(model)
        found += model.__subclasses__()
    assert len(models) > 50
    for model in models:
        for field, info in model.model_fields.items():
            if (field in names or field.endswith(("_password", "_secret"))) and info.annotation is not bool:
                assert not info.repr, f"{model.__name__}.{field}"


async def test_a_refused_attempt_is_written_down(client: TestClient) -> None:
    """One who may not is on record with what was tried."""
    token = (await ask(client, "POST", "/tokens", {"name": "t", "role": "viewer"}))[1]["token"]
    assert (await ask(client, "DELETE", "/subscribers/ann", Authorization=f"Bearer {token}"))[0] == 403
    entry = (await ask(client, "GET", "/audit?who=token:t"))[1][0]
    assert (entry["action"], entry["status"], entry["subject"]) == ("delete_subscriber", 403, "ann")


async def test_nothing_is_changed_that_cannot_be_written_down(
    client: TestClient, store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the log takes nothing, the change is refused before it is made, and counted for the alert."""
    before = metrics.registry.get_sample_value("mogate_audit_write_failures_total") or 0

    async def fail(*_: object) -> Record:
        raise Unavailable("the log is full")

    with monkeypatch.context() as patch:
        patch.setattr(AuditLog, "begin", fail)
        assert (await ask(client, "POST", "/subscribers", ANN))[0] == 503
    metrics.render()
    assert metrics.registry.get_sample_value("mogate_audit_write_failures_total") == before + 1
    assert (await ask(client, "GET", "/subscribers/ann"))[0] == 404
    assert (await ask(client, "GET", "/audit"))[1] == []


async def test_a_change_is_on_record_though_its_entry_could_not_be_written(
    client: TestClient, store: SqliteStore, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was made and is answered so; housekeeping writes down that it was asked for, with what."""

    async def fail(*_: object) -> None:
        raise Unavailable("the log is full")

    with monkeypatch.context() as patch:
        patch.setattr(AuditLog, "end", fail)
        assert (await ask(client, "POST", "/subscribers", ANN))[0] == 201
    assert await AuditLog(store).settle(clock() + timedelta(seconds=OPEN_SECONDS)) == 1
    (entry,) = (await ask(client, "GET", "/audit"))[1]
    assert (entry["who"], entry["action"], entry["status"]) == ("admin.token", "create_subscriber", 0)
    assert entry["asked"]["id"] == "ann"


async def test_what_was_refused_or_failed_leaves_no_note(client: TestClient, store: SqliteStore) -> None:
    """A refusal changed nothing; a fault of the gateway is on record as one."""
    assert (await ask(client, "PATCH", "/subscribers/nobody/values", {"set": {"ims/Timer_T1": "1"}}))[0] == 404
    assert (await ask(client, "GET", "/audit"))[1] == []
    assert await store.load_records(OPEN) == []


async def test_the_log_is_only_added_to(client: TestClient, store: SqliteStore, clock: Any) -> None:
    """No route changes or removes an entry, nor does the store."""
    await AuditLog(store).add(Entry(at=clock(), who="x"), "n")
    (record,) = await store.load_records(AUDIT)
    with pytest.raises(Conflict):
        await store.commit(PutRecord(Record(kind=AUDIT, id=record.id, payload=b"", revision=record.revision)))
    assert (await ask(client, "DELETE", f"/audit/{record.id}"))[0] == 404


async def test_a_change_can_be_made_to_depend_on_what_was_read(client: TestClient) -> None:
    """With If-Match it goes through only if nobody has changed the thing since.

    Spec: RFC 9110 13.1.1
    """
    await ask(client, "POST", "/subscribers", ANN)
    tag = (await ask(client, "GET", "/subscribers/ann"))[2]["ETag"]
    assert (await ask(client, "GET", "/subscribers/ann", If_None_Match=tag))[0] == 304
    change = {"set": {"ims/Timer_T1": "3000"}}
    assert (await ask(client, "PATCH", "/subscribers/ann/values", change, If_Match=tag))[0] == 200
    assert (await ask(client, "PATCH", "/subscribers/ann/values", change, If_Match=tag))[0] == 412
    assert (await ask(client, "PATCH", "/subscribers/ann/values", change, If_Match="*"))[0] == 200
    assert (await ask(client, "DELETE", "/subscribers/ann", If_Match=tag))[0] == 412
    assert (await ask(client, "DELETE", "/subscribers/nobody", If_Match=tag))[0] == 412


async def test_a_repeat_with_its_key_is_carried_out_once(client: TestClient, tmp_path: Path) -> None:
    """It has the first answer, word for word; another request with that key is refused, a failed one tried again.

    Spec: draft-ietf-httpapi-idempotency-key-header-07
    """
    await ask(client, "POST", "/subscribers", ANN)
    path, body = "/subscribers/ann/devices", {"loc_uri": "phone"}
    assert (await ask(client, "POST", path, {"loc_uri": ""}, Idempotency_Key="1"))[0] == 422
    first = await ask(client, "POST", path, body, Idempotency_Key="1")
    again = await ask(client, "POST", path, body, Idempotency_Key="1")
    assert (again[0], again[1], again[2]["Idempotency-Replayed"]) == (201, first[1], "true")
    assert "Idempotency-Replayed" not in first[2]
    assert len((await ask(client, "GET", "/subscribers/ann"))[1]["devices"]) == 1
    assert (await ask(client, "POST", path, {"loc_uri": "other"}, Idempotency_Key="1"))[0] == 422
    assert (await ask(client, "DELETE", "/subscribers/ann", Idempotency_Key="2"))[0] == 204
    assert (await ask(client, "DELETE", "/subscribers/ann", Idempotency_Key="2"))[0] == 204
    with contextlib.closing(sqlite3.connect(tmp_path / "mogate.db")) as file:
        kept = file.execute("SELECT value FROM ephemeral WHERE key LIKE 'once/%'").fetchall()
    assert kept
    assert not any(first[1]["client_password"].encode() in value for (value,) in kept)


async def test_a_list_comes_whole_as_lines(client: TestClient) -> None:
    """As lines of JSON or as CSV, all pages in one answer; as JSON a page leads to the next."""
    for number in range(5):
        await ask(client, "POST", "/subscribers", {"id": f"s{number}", "attributes": {"a": "1,2"}})
    async with client.get("/api/v1/subscribers", headers={"Accept": "application/jsonl"}) as response:
        lines = [json.loads(line) for line in (await response.text()).splitlines()]
        assert (response.content_type, [one["id"] for one in lines]) == (
            "application/jsonl", [f"s{number}" for number in range(5)],
        )  # fmt: skip
    async with client.get("/api/v1/subscribers?limit=2", headers={"Accept": "text/csv"}) as response:
        rows = list(csv.DictReader((await response.text()).splitlines()))
    assert [(row["id"], json.loads(row["attributes"])) for row in rows] == [("s0", {"a": "1,2"}), ("s1", {"a": "1,2"})]
    seen, path = [], "/subscribers?limit=2"
    while path:
        _, page, headers = await ask(client, "GET", path)
        seen += [one["id"] for one in page]
        link = headers.get("Link", "")
        path = "/subscribers" + link.partition("<")[2].partition(">")[0] if link else ""
    assert seen == [f"s{number}" for number in range(5)]


async def test_what_is_new_is_told_as_it_happens(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stream begins with the next event, and a reader that comes again goes on where it was.

    Spec: HTML, Server-sent events 9.2.6
    """
    monkeypatch.setattr(listing, "POLL_SECONDS", 0.01)
    await ask(client, "POST", "/subscribers", {"id": "old"})
    accept = {"Accept": "text/event-stream"}
    async with client.get("/api/v1/events", headers=accept) as response:
        assert response.content_type == "text/event-stream"
        await response.content.readuntil(b": \n\n")
        await ask(client, "POST", "/subscribers", {"id": "new"})
        await response.content.readuntil(b"id: 2\n")
        told = json.loads((await response.content.readline()).removeprefix(b"data: "))
        assert (told["seq"], told["kind"], told["subscriber_id"]) == (2, "subscriber.created", "new")
    await ask(client, "POST", "/subscribers", {"id": "later"})
    async with client.get("/api/v1/events", headers=accept | {"Last-Event-ID": "2"}) as response:
        await response.content.readuntil(b"id: 3\n")
        assert b'"later"' in await response.content.readline()


async def test_what_is_watched_is_told_whenever_it_changed(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """All of it in the beginning and after each change, and nothing in between; a refusal is one at once.

    Spec: HTML, Server-sent events 9.2.6
    """
    monkeypatch.setattr(listing, "POLL_SECONDS", 0.01)
    accept = {"Accept": "text/event-stream"}
    async with client.get("/api/v1/metrics?name=mogate_audit_write", headers=accept) as response:
        assert (response.content_type, response.headers["X-Accel-Buffering"]) == ("text/event-stream", "no")

        async def told() -> list[dict[str, Any]]:
            await response.content.readuntil(b"data: ")
            found: list[dict[str, Any]] = json.loads(await response.content.readline())
            return found

        [before] = await told()
        metrics.count(metrics.audit_write_failures)
        [after] = await told()
    assert (after["name"], after["value"]) == ("mogate_audit_write_failures_total", before["value"] + 1)
    async with client.get("/api/v1/metrics?colour=red", headers=accept) as response:
        assert response.status == 422


async def test_metrics_are_values(client: TestClient) -> None:
    """Each series with its labels, by the beginnings of names; they are the same as on /metrics."""
    _, found, _ = await ask(client, "GET", "/metrics?name=mogate_build,mogate_otp_total")
    assert {one["name"] for one in found} == {"mogate_build_info", "mogate_otp_total"}
    assert {"commit", "python", "version"} == next(one for one in found if one["name"] == "mogate_build_info")[
        "labels"
    ].keys()
    async with client.get("/metrics") as response:
        lines = (await response.text()).splitlines()
    assert len(found) == sum(line.startswith(("mogate_build", "mogate_otp_total")) for line in lines)


async def test_devices_are_found_by_what_they_are(client: TestClient) -> None:
    """By facets as profiles match them, page by page, within a household and across them."""
    for owner, plan in (("ann", "basic"), ("bob", "premium")):
        await ask(client, "POST", "/subscribers", {"id": owner, "plan": plan})
        for number, model in enumerate(("B7", "B8", "B7")):
            await ask(client, "POST", f"/subscribers/{owner}/devices", {"loc_uri": f"{owner}{number}", "model": model})

    async def found(query: str) -> list[str]:
        return [one["id"] for one in (await ask(client, "GET", f"/devices?{query}"))[1]]

    assert await found("") == ["ann.1", "ann.2", "ann.3", "bob.1", "bob.2", "bob.3"]
    assert await found("match=model=B7") == ["ann.1", "ann.3", "bob.1", "bob.3"]
    assert await found("match=model=B7;plan=basic") == ["ann.1", "ann.3"]
    assert await found("match=model=B7;model=B8;plan=premium&limit=2") == ["bob.1", "bob.2"]
    assert await found("match=model=B7&after=ann.1&limit=2") == ["ann.3", "bob.1"]
    assert (await ask(client, "GET", "/devices?match=colour=red"))[0] == 422
    assert (await ask(client, "GET", "/devices?match=model"))[0] == 422


async def test_streams_end_with_the_process(client: TestClient) -> None:
    """At once, and not when the time that requests are given is over: their readers go on at another process."""
    accept = {"Accept": "text/event-stream"}
    async with client.get("/api/v1/metrics", headers=accept) as response:
        await response.content.readany()
        assert client.app is not None
        await client.app.shutdown()
        async with asyncio.timeout(60):
            await response.content.read()
        assert response.content.at_eof()
