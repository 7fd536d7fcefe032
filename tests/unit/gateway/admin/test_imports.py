"""Many at once: each row for itself, nothing overwritten, and again without harm."""

from __future__ import annotations

import json
from typing import Any

from aiohttp.test_utils import TestClient

from gateway.observe import metrics


async def send(client: TestClient, what: str, rows: list[Any], query: str = "") -> list[dict[str, Any]]:
    lines = "\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows)
    async with client.post(f"/api/v1/{what}/bulk{query}", data=lines.encode()) as response:
        found: list[dict[str, Any]] = await response.json()
        assert response.status == 200, found
        return found


async def show(client: TestClient, path: str) -> Any:
    async with client.get(f"/api/v1{path}") as response:
        return await response.json()


async def test_each_row_has_an_outcome_of_its_own(client: TestClient) -> None:
    """What is made, what is there and what is wrong is told row by row; a wrong row keeps none of the others back."""
    ann = {"id": "ann", "imsis": ["001010000000001"], "msisdn": "+15550100001", "plan": "basic"}
    await client.post("/api/v1/subscribers", json=ann)
    told = await send(client, "subscribers", [
        ann | {"plan": "premium"},
        {"msisdn": "+15550100001"},
        {"id": "bob", "attributes": {"a": "b"}},
        {"id": "eve", "imsis": ["001010000000001"]},
        {"id": "a/b"},
        "{",
        {"plan": "basic"},
    ])  # fmt: skip
    outcomes = ["present", "present", "created", "failed", "failed", "failed", "failed"]
    assert [one["outcome"] for one in told] == outcomes
    assert [one["id"] for one in told[:3]] == ["ann", "ann", "bob"]
    assert "ann" in told[3]["why"]
    assert told[4]["why"].startswith("id: ")
    assert (await show(client, "/subscribers/ann"))["plan"] == "basic"
    assert (await show(client, "/subscribers/bob"))["attributes"] == {"a": "b"}


async def test_a_dry_run_tells_what_would_become_of_each_row(client: TestClient) -> None:
    """The same outcomes as the import that follows, also of rows that build on earlier ones; nobody is made."""
    rows = [
        {"id": "ann", "imsis": ["001010000000001"], "msisdn": "+15550100001"},
        {"msisdn": "+15550100001"},
        {"msisdn": "+15550100007"},
        {"id": "eve", "imsis": ["001010000000001"]},
        {"id": "bob", "imsis": ["1"]},
        {"plan": "basic"},
    ]
    told = await send(client, "subscribers", rows, "?dry_run=true")
    assert [one["outcome"] for one in told] == ["created", "present", "created", "failed", "failed", "failed"]
    assert told[3]["why"] == "imsi 001010000000001 belongs to subscriber ann already"
    assert await show(client, "/subscribers") == []
    assert (await show(client, "/audit"))[0]["asked"]["dry_run"] == "true"
    made = await send(client, "subscribers", rows)
    assert [one["outcome"] for one in made] == [one["outcome"] for one in told]
    told = await send(client, "subscribers", rows, "?dry_run=true")
    assert [one["outcome"] for one in told] == ["present", "present", "present", "failed", "failed", "failed"]


async def test_devices_come_with_the_accounts_they_have(client: TestClient) -> None:
    """Two of one subscriber too; what is there stays, and no answer has a password."""
    await send(client, "subscribers", [{"id": "ann", "msisdn": "+15550100001"}])
    phone = {"subscriber": "15550100001", "client_password": "c1ient", "server_password": "s3rver"}
    rows = [phone | {"loc_uri": "A"}, phone | {"loc_uri": "B"}, phone | {"loc_uri": "C", "subscriber": "nobody"}]
    told = await send(client, "devices", rows)
    assert [(one["outcome"], one["id"]) for one in told] == [("created", "ann.1"), ("created", "ann.2"), ("failed", "")]
    told = await send(client, "devices", rows)
    assert [one["outcome"] for one in told] == ["present", "present", "failed"]
    assert "c1ient" not in json.dumps([told, await show(client, "/devices/ann.1"), await show(client, "/audit")])


async def test_an_account_comes_with_digests_and_nonces_in_place_of_passwords(client: TestClient) -> None:
    """MD5(name:password) is all that md5 needs; a side with neither or both, or basic without one, is refused."""
    await send(client, "subscribers", [{"id": "ann", "msisdn": "+15550100001"}])
    digest = "lHkHUBQBQpuMqGzW0/7q2g=="
    both = {"client_digest": digest, "client_nonce": "bm9uY2U=", "server_digest": digest}
    phone = {"subscriber": "ann"}
    told = await send(client, "devices", [
        phone | both | {"loc_uri": "A"},
        phone | both | {"loc_uri": "B", "client_password": "x"},
        phone | {"loc_uri": "C", "client_digest": digest},
        phone | both | {"loc_uri": "D", "client_digest": "short"},
        phone | both | {"loc_uri": "E", "server_auth": "basic"},
        phone | both | {"loc_uri": "F", "client_nonce": "%"},
    ])  # fmt: skip
    assert [one["outcome"] for one in told] == ["created", *["failed"] * 5]
    assert "only one of them" in told[1]["why"]
    assert "server_password" in told[2]["why"]
    assert digest not in json.dumps([told, await show(client, "/devices/ann.1"), await show(client, "/audit")])


async def test_tokens_of_another_server_are_taken_in(client: TestClient) -> None:
    """Each for a subscriber who is there; told again it is there already, and one that has ended is refused."""
    await send(client, "subscribers", [{"id": "ann", "msisdn": "+15550100001"}])
    rows = [
        {"subscriber": "ann", "token": "f3a9c1", "imei": "490154203237518"},
        {"subscriber": "nobody", "token": "f3a9c2"},
        {"subscriber": "ann", "token": "f3a9c3", "expires_at": "2001-01-01T00:00:00Z"},
    ]
    told = await send(client, "rcc14/tokens", rows)
    assert [(one["outcome"], one["id"]) for one in told] == [("created", "ann"), ("failed", ""), ("failed", "")]
    assert (await send(client, "rcc14/tokens", rows))[0]["outcome"] == "present"
    assert "f3a9c1" not in json.dumps([told, await show(client, "/audit")])


async def test_thousands_share_commits(client: TestClient) -> None:
    """Scores of them share a commit, so 2,000 take no longer than a person waits; sent again, all are there."""

    def commits() -> float:
        return metrics.registry.get_sample_value("mogate_store_commit_seconds_count") or 0

    rows = [{"imsis": [f"0010100{number:08}"], "msisdn": f"+1555{number:07}"} for number in range(2000)]
    before = commits()
    assert {one["outcome"] for one in await send(client, "subscribers", rows)} == {"created"}
    assert commits() - before < 100
    assert {one["outcome"] for one in await send(client, "subscribers", rows)} == {"present"}


async def test_values_are_set_on_subscribers_and_devices(client: TestClient) -> None:
    """Those of one together, each row with an outcome of its own; again they are there, and another value counts."""
    await send(client, "subscribers", [{"id": "ann", "msisdn": "+15550100001"}])
    await send(
        client, "devices", [{"subscriber": "ann", "loc_uri": "A", "client_password": "c", "server_password": "s"}]
    )
    rows = [
        {"of": "+15550100001", "node": "ims/Timer_T1", "value": "2500"},
        {"of": "+15550100001", "node": "ims/Timer_T1x", "value": "1"},
        {"of": "ann.1", "node": "ims/Timer_T2", "value": "17000"},
        {"of": "+15550100001", "node": "ims/Timer_T2", "value": "soon"},
        {"of": "nobody", "node": "ims/Timer_T1", "value": "1"},
        {"of": "ann", "value": "1"},
    ]
    told = await send(client, "values", rows)
    assert [one["outcome"] for one in told] == ["created", "failed", "created", "failed", "failed", "failed"]
    assert [one["id"] for one in told[:3:2]] == ["ann", "ann.1"]
    assert "Timer_T1" in told[1]["why"]
    assert "soon" in told[3]["why"]
    assert (await show(client, "/subscribers/ann"))["values"] == {"ims/Timer_T1": "2500"}
    assert (await show(client, "/devices/ann.1"))["values"] == {"ims/Timer_T2": "17000"}
    assert [one["outcome"] for one in await send(client, "values", rows)][:3] == ["present", "failed", "present"]
    assert (await send(client, "values", [rows[0] | {"value": "3000"}]))[0]["outcome"] == "created"
