"""Everything at once, as it is taken over elsewhere."""

from __future__ import annotations

import json
from typing import Any

from aiohttp.test_utils import TestClient


async def ask(client: TestClient, method: str, path: str, body: object = None, **headers: str) -> tuple[int, Any]:
    async with client.request(method, f"/api/v1{path}", json=body, headers=headers) as response:
        text = await response.text()
        return response.status, json.loads(text) if response.content_type == "application/json" else text


async def fill(client: TestClient) -> None:
    for name in ("ann", "bob"):
        tenant = {"tenant": "mvno"} if name == "bob" else {}
        await ask(client, "POST", "/subscribers", {"id": name, **tenant})
        await ask(client, "POST", f"/subscribers/{name}/devices", {"loc_uri": name})
        for of in (name, f"{name}.1"):
            told = await ask(client, "PATCH", f"/subscribers/{of}/values", {"set": {"ims/Timer_T1": "2500"}})
            assert told[0] == 200, told


async def test_values_of_one_subscriber_are_never_parted(client: TestClient) -> None:
    """A page goes on to the end of theirs, and the link leads to the next subscriber's; lines have them all."""
    await fill(client)
    async with client.get("/api/v1/values?limit=1") as response:
        assert [one["of"] for one in await response.json()] == ["ann", "ann.1"]
        following = response.links["next"]["url"].query
    async with client.get("/api/v1/values", params=following) as response:
        assert [one["of"] for one in await response.json()] == ["bob", "bob.1"]
    _, lines = await ask(client, "GET", "/values", Accept="application/jsonl")
    rows = [json.loads(line) for line in lines.splitlines()]
    assert rows[0] == {"of": "ann", "node": "ims/Timer_T1", "value": "2500"}
    assert [one["of"] for one in rows] == ["ann", "ann.1", "bob", "bob.1"]


async def test_accounts_are_for_who_may_read_credentials_and_reading_is_written_down(client: TestClient) -> None:
    """In parts that go on after each other; a viewer gets none, and whoever is of one tenant that one's alone."""
    await fill(client)
    _, first = await ask(client, "POST", "/devices/accounts", {"limit": 1})
    assert [one["subscriber"] for one in first["accounts"]] == ["ann"]
    _, second = await ask(client, "POST", "/devices/accounts", {"after": first["after"]})
    assert ([one["subscriber"] for one in second["accounts"]], second["after"]) == (["bob"], "")
    log = await ask(client, "GET", "/audit")
    assert [one["action"] for one in log[1]].count("read_accounts") == 2
    assert first["accounts"][0]["client_digest"] not in json.dumps(log)

    viewer = (await ask(client, "POST", "/tokens", {"name": "v", "role": "viewer"}))[1]["token"]
    theirs = (await ask(client, "POST", "/tokens", {"name": "t", "role": "admin", "tenant": "mvno"}))[1]["token"]
    as_viewer, as_tenant = ({"Authorization": f"Bearer {token}"} for token in (viewer, theirs))
    assert (await ask(client, "POST", "/devices/accounts", {}, **as_viewer))[0] == 403
    found = (await ask(client, "POST", "/devices/accounts", {}, **as_tenant))[1]["accounts"]
    assert [one["subscriber"] for one in found] == ["bob"]
    assert {one["of"] for one in (await ask(client, "GET", "/values", **as_tenant))[1]} == {"bob", "bob.1"}


async def test_a_table_that_people_open_has_no_formula_of_a_strangers(client: TestClient) -> None:
    """Whatever a device calls itself is text in CSV, and as it is in JSON."""
    await ask(client, "POST", "/subscribers", {"id": "eve", "msisdn": "+15550100001"})
    await ask(client, "POST", "/subscribers/eve/devices", {"loc_uri": "e", "model": "=1+1"})
    _, table = await ask(client, "GET", "/devices", Accept="text/csv")
    assert ",'=1+1," in table
    assert ",+15550100001," in (await ask(client, "GET", "/subscribers", Accept="text/csv"))[1]
    assert (await ask(client, "GET", "/devices"))[1][0]["model"] == "=1+1"
