"""No secret is in the files of a store, whichever way it came there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
import redis_servers
from live_gateway import Gateway, serving

IMS_PASSWORD, OTHER_PASSWORD = "ims-Passw0rd-of-Alice", "ims-Passw0rd-by-campaign"
QUEUED = {
    "plain": "queued-S3cret-alone",
    "atomic": "queued-S3cret-in-a-group",
    "subtree": "queued-S3cret-in-a-subtree",
    "campaign": "queued-S3cret-of-a-campaign",
}
TYPED, WLAN_KEY = "typed-S3cret-of-the-user", "wlan-S3cret-key"
SECRETS = (IMS_PASSWORD, OTHER_PASSWORD, *QUEUED.values(), TYPED, WLAN_KEY)
SUBTREE = (
    '<MgmtTree xmlns="syncml:dmddf1.2"><VerDTD>1.2</VerDTD><Node><NodeName>App</NodeName>'
    "<RTProperties><Format><node/></Format></RTProperties><Node><NodeName>AAuthSecret</NodeName>"
    "<RTProperties><Format><chr/></Format><Type><MIME>text/plain</MIME></Type></RTProperties>"
    f"<Value>{QUEUED['subtree']}</Value></Node></Node></MgmtTree>"
)


class Kept:
    """A gateway, and all octets that its store has by now."""

    def __init__(self, gateway: Gateway, url: str) -> None:
        self.gateway = gateway
        self._url = url

    def octets(self) -> bytes:
        if self._url:
            found = _dumped(self._url)
        else:
            found = b"".join(file.read_bytes() for file in (self.gateway.folder / "data").glob("mogate.db*"))
        # What Redis has is packed in part; an export has all of it laid open.
        export = self.gateway.folder / "export.jsonl"
        self.gateway.run("export", str(export))
        return found + export.read_bytes() + self.gateway.log().encode()

    def secrets(self) -> list[str]:
        octets = self.octets()
        return [secret for secret in SECRETS if secret.encode() in octets]


def _dumped(url: str) -> bytes:
    server, found = redis.Redis.from_url(url), b""
    for key in server.scan_iter():
        found += key
        match server.type(key):
            case b"string":
                found += server.get(key) or b""
            case b"hash":
                found += b"".join(name + value for name, value in server.hgetall(key).items())
            case b"stream":
                found += repr(server.xrange(key)).encode()
            case _:
                found += server.dump(key) or b""
    return found


@pytest.fixture(params=["sqlite", "redis"])
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Kept]:
    if request.param == "sqlite":
        with serving(tmp_path) as gateway:
            yield Kept(gateway, "")
        return
    server = redis_servers.RedisServer("appendonly yes", "appendfsync always", "maxmemory-policy noeviction").start()
    try:
        with serving(tmp_path, MOGATE_STORE__URL=server.url) as gateway:
            yield Kept(gateway, server.url)
    finally:
        server.kill()


def test_no_secret_lies_in_the_store_in_clear(kept: Kept) -> None:
    """Not of values, queued operations, subtrees, what users type, campaigns, nor of what a device said it holds.

    They are looked for where they wait, once the device has them, and after it told them.
    """
    gateway = kept.gateway
    gateway.run("trace", "alice.1", "--arm", "60")
    gateway.api("PATCH", "/subscribers/alice.1/values", {"set": {"ims/Ext/GSMA/UserPwd": IMS_PASSWORD}})
    prompt = {"kind": "input", "text": "Your password", "password": True}
    for operation in (
        {"verb": "Add", "uri": "./Secrets", "format": "node"},
        {"verb": "Add", "uri": "./Secrets/AuthPW", "value": QUEUED["plain"]},
        {
            "verb": "Atomic",
            "members": [{"verb": "Add", "uri": "./Secrets/AAuthData", "value": QUEUED["atomic"]}],
        },
        {
            "verb": "Add",
            "uri": "./Secrets/App",
            "format": "xml",
            "type": "application/vnd.syncml.dmtnds+xml",
            "value": SUBTREE,
        },
        {"verb": "Alert", "prompt": prompt},
        {"verb": "Get", "uri": "./Secrets/AAuthData"},
    ):
        gateway.api("POST", "/devices/alice.1/operations", operation)
    gateway.run("device", "wlan", "alice.1", "add", "Office", stdin=f"{WLAN_KEY}\n")
    campaign = {
        "name": "secrets",
        "target": {"devices": ["alice.1"]},
        "values": {"ims/Ext/GSMA/UserPwd": OTHER_PASSWORD},
        "operations": [{"verb": "Replace", "uri": "./Secrets/AuthPW", "value": QUEUED["campaign"]}],
    }
    made = gateway.api("POST", "/campaigns", {**campaign, "paused": True})
    waiting = {one["uri"]: one["value"] for one in gateway.api("GET", "/devices/alice.1")["operations"]}
    assert waiting["./Secrets/AuthPW"] == QUEUED["plain"]
    assert kept.secrets() == []

    simulate = ("simulate", "omadm", "--wbxml", "--no-ddf", "--answer", TYPED)
    told = gateway.json(*simulate)["values"]
    assert told["./3GPP_IMS/Ext/GSMA/UserPwd"] == IMS_PASSWORD
    assert {QUEUED["atomic"], WLAN_KEY} <= set(told.values())
    assert {one["status"] for one in gateway.api("GET", "/devices/alice.1")["operations"]} <= {200, 404}
    gateway.run("campaign", "resume", made["id"])
    gateway.until(lambda: gateway.api("GET", f"/campaigns/{made['id']}")["groups"][0]["started"])
    told = gateway.json(*simulate)["values"]
    assert told["./3GPP_IMS/Ext/GSMA/UserPwd"] == OTHER_PASSWORD
    assert told["./Secrets/AuthPW"] == QUEUED["campaign"]
    gateway.run("device", "send", "alice.1", "Get", "./Secrets")
    gateway.run("device", "send", "alice.1", "Get", "./Secrets?list=StructData")
    gateway.json(*simulate)
    operations = gateway.api("GET", "/devices/alice.1")["operations"]
    assert QUEUED["campaign"] in str(operations)
    assert kept.secrets() == []
    gateway.stop()
    gateway.start()
    assert "secrets" in gateway.run("campaign", "show", made["id"])
    assert kept.secrets() == []
