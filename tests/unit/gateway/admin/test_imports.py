"""Many at once: each row for itself, nothing overwritten, and again without harm."""

from __future__ import annotations

import json
import time
from typing import Any

from aiohttp.test_utils import TestClient


async def send(client: TestClient, what: str, rows: list[Any]) -> list[dict[str, Any]]:
    lines = "\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows)
    async with client.post(f"/api/v1/{what}/bulk", data=lines.encode()) as response:
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


async def test_thousands_take_seconds(client: TestClient) -> None:
    """Commits are shared, so 2,000 take no longer than a person waits; sent again, all are there."""
    rows = [{"imsis": [f"0010100{number:08}"], "msisdn": f"+1555{number:07}"} for number in range(2000)]
    began = time.process_time()
    assert {one["outcome"] for one in await send(client, "subscribers", rows)} == {"created"}
    assert time.process_time() - began < 10
    assert {one["outcome"] for one in await send(client, "subscribers", rows)} == {"present"}
