"""What was said with a device can be seen, decoded, by those who ask for it."""

from __future__ import annotations

import base64
import json
import re
import select
import subprocess
import sys
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis_servers
from live_gateway import DEADLINE_SECONDS, Gateway


def test_a_refusal_is_shown_beside_its_command(gateway: Gateway) -> None:
    """`mogate trace` shows a session message by message, each Status with code and meaning beside its command."""
    gateway.run("simulate", "omadm")
    gateway.run("set", "alice", "ims/Timer_T2=8000")
    gateway.run("simulate", "omadm", "--wbxml", "--refuse", "./3GPP_IMS/Timer_T2=405")
    shown = gateway.run("trace", "alice.1")
    assert "Status 405 to Replace ./3GPP_IMS/Timer_T2 = 8000: command not allowed" in shown
    assert "* refused Replace ./3GPP_IMS/Timer_T2: 405 command not allowed" in shown
    assert "Status 407 to SyncHdr: missing credentials" in shown
    last = gateway.json("trace", "alice.1", "--last", "1")
    assert [message["direction"] for message in last[0]["messages"]] == ["received", "sent"]
    assert last[0]["protocol"] == "omadm-wbxml"


def test_a_trace_is_downloaded_as_text(gateway: Gateway) -> None:
    """Over the API as `mogate trace --raw` prints it: each message with its time and way, what it says, and as it
    travelled with its HTTP line and headers, octets as lines of hexadecimal. Who may not see identities sees none.
    """
    gateway.run("simulate", "omadm", "--wbxml")
    gateway.run("simulate", "rcc14")
    for device, travelled in (("alice.1", r"      \| 02[0-9a-f]{62}"), ("alice.2", r"      \| GET /\S*\?vers=0\S*")):
        shown = text_of(gateway, device, gateway.token)
        assert [line for line in shown.splitlines() if line] == [
            line for line in gateway.run("trace", device, "--raw").splitlines() if line
        ]
        assert re.search(rf"^{travelled}$", shown, re.MULTILINE)
        assert re.search(r"^--> \d{4}-\d\d-\d\dT\S+ \S+ ", shown)
        assert "\n    * " in shown
    assert "      | HTTP 200" in shown
    imsi = gateway.api("GET", "/subscribers/alice")["imsis"][0]
    assert imsi in shown
    noc = gateway.api("POST", "/tokens", {"name": "noc", "role": "noc"})["token"]
    masked = text_of(gateway, "alice.2", noc)
    assert "      | HTTP 200" in masked
    assert imsi not in masked


def text_of(gateway: Gateway, device: str, token: str) -> str:
    headers = {"Authorization": f"Bearer {token}", "Accept": "text/plain"}
    request = urllib.request.Request(gateway.url("admin", f"/api/v1/devices/{device}/trace"), headers=headers)
    with urllib.request.urlopen(request, timeout=DEADLINE_SECONDS) as answer:
        assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
        return str(answer.read().decode())


def test_two_sessions_are_compared(gateway: Gateway) -> None:
    """`--compare` tells in what a phone's last session differs from the one before; why it cannot be said, too."""
    gateway.run("simulate", "omadm")
    assert "no session ~1 of alice.1 is kept" in gateway.run("trace", "alice.1", "--compare", "alice.1~1", fails=True)
    gateway.run("set", "alice", "ims/Timer_T2=8000")
    gateway.run("simulate", "omadm", "--wbxml", "--refuse", "./3GPP_IMS/Timer_T2=405")
    assert gateway.run("trace", "alice.1", "--compare", "alice.1").endswith("no lines differ\n")
    shown = gateway.run("trace", "alice.1~1", "--compare", "alice.1").splitlines()
    assert "  - Add ./3GPP_IMS/Timer_T2 = 16000" in shown
    assert "  + Replace ./3GPP_IMS/Timer_T2 = 8000" in shown
    gateway.run("simulate", "rcc14")
    refused = gateway.run("trace", "alice.1", "--compare", "alice.2", fails=True)
    assert "a session of omadm and one of rcc14 have nothing to compare" in refused


def test_secrets_are_not_in_the_trace(gateway: Gateway) -> None:
    """Neither nonces nor digests of a session can be read from what is kept."""
    gateway.run("simulate", "omadm")
    gateway.run("simulate", "omadm", "--wbxml")
    flash = json.loads((gateway.folder / "data" / "simulator" / "omadm.json").read_text())
    exchanges = gateway.json("trace", "alice.1", "--last", "100")
    raw = [message["raw"] for exchange in exchanges for message in exchange["messages"]]
    assert any("syncml:auth-md5" in one for one in raw)
    for name in ("client_nonce", "server_nonce"):
        assert not any(flash[name] in one for one in raw)
        assert not any(flash[name].encode().hex() in one for one in raw)
        assert not any(base64.b64decode(flash[name]).hex() in one for one in raw)


def test_rcc14_is_shown_without_cookie_and_token(gateway: Gateway) -> None:
    """Both legs of a first query stand in the trace of the device, what was decided with them; no secret does."""
    transcript = gateway.json("simulate", "rcc14")
    flash = json.loads((gateway.folder / "data" / "simulator" / "rcc14.json").read_text())
    exchanges = gateway.json("trace", "alice.2")
    assert [exchange["decisions"] for exchange in exchanges] == [["introduced"], ["full"]]
    assert [exchange["owner"] for exchange in exchanges] == ["alice", "alice.2"]
    says = exchanges[1]["messages"][1]["says"]
    assert any(one.startswith("VERS/version = 1") for one in says)
    raw = "".join(message["raw"] for exchange in exchanges for message in exchange["messages"])
    assert "Cookie: ***" in raw
    assert flash["token"]
    assert flash["token"] not in raw
    gateway.run("simulate", "rcc14")
    again = gateway.json("trace", "alice.2", "--last", "1")[0]
    assert "token=***" in again["messages"][0]["raw"]
    assert flash["token"] not in again["messages"][0]["raw"]
    assert transcript["result"] == "ok"


def test_a_trace_is_armed_for_a_while(gateway: Gateway) -> None:
    """Arming says until when, 0 ends it, and both are in the event log."""
    assert gateway.json("trace", "alice.1", "--arm", "30")["traced_until"]
    assert gateway.run("trace", "alice.1", "--arm", "0").strip() == "no longer traced in full"
    assert gateway.run("trace", "alice.1").startswith("nothing was traced")


def test_a_client_that_nobody_knows_is_traced_from_its_first_contact_on(gateway: Gateway) -> None:
    """Whom the packet core names and nobody knows: refused, and to be seen; those who may not know whom see a mask."""
    made = gateway.json("trace", "--await", "imsi=001010000000099", "--arm", "30")
    request = urllib.request.Request(gateway.url("plain", "/?vers=0"), headers={"X-IMSI": "001010000000099"})
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request, timeout=DEADLINE_SECONDS)
    assert refused.value.code == 403
    refused.value.close()
    shown = gateway.run("trace", "--awaited", made["id"])
    assert "X-IMSI: 001010000000099" in shown
    assert "unknown subscriber" in shown
    (listed,) = gateway.api("GET", "/trace/awaited")
    assert (listed["by"], listed["exchanges"]) == ("admin.token", 1)
    viewer = gateway.api("POST", "/tokens", {"name": "watcher", "permissions": ["trace:read"]})["token"]
    for path in ("", f"/{made['id']}", f"/{made['id']}/exchanges"):
        asked = urllib.request.Request(gateway.url("admin", f"/api/v1/trace/awaited{path}"))
        asked.add_header("Authorization", f"Bearer {viewer}")
        with urllib.request.urlopen(asked, timeout=DEADLINE_SECONDS) as answer:
            assert "001010000000099" not in answer.read().decode()
    gateway.run("trace", "--awaited", made["id"], "--arm", "0")
    assert gateway.json("trace", "--awaited") == []
    assert "this is no IMSI; write for example" in gateway.run("trace", "--await", "imsi=alice", fails=True)


def stream(gateway: Gateway, query: str = "", **headers: str) -> Iterator[tuple[str, Any]]:
    """The exchanges with all devices as they happen, each with the id to go on from; first, that it has begun."""
    request = urllib.request.Request(gateway.url("admin", f"/api/v1/trace{query}"))
    request.add_header("Authorization", f"Bearer {gateway.token}")
    request.add_header("Accept", "text/event-stream")
    for name, value in headers.items():
        request.add_header(name.replace("_", "-"), value)
    with urllib.request.urlopen(request, timeout=DEADLINE_SECONDS) as answer:
        id_ = ""
        for line in answer:
            field, _, value = line.decode().rstrip().partition(": ")
            if field == ":" or not field:
                yield "", None
            elif field == "id":
                id_ = value
            elif field == "data":
                yield id_, json.loads(value)


def exchanges(events: Iterator[tuple[str, Any]], count: int) -> list[tuple[str, Any]]:
    """So many of them, whatever is said between."""
    found: list[tuple[str, Any]] = []
    while len(found) < count:
        id_, one = next(events)
        found += [(id_, one)] if one is not None else []
    return found


def test_what_is_said_with_all_devices_comes_as_it_happens(gateway: Gateway) -> None:
    """From the moment of asking on, in order, all of both protocols or one; who comes again goes on where he was."""
    gateway.run("simulate", "omadm")
    everything, ours, theirs = stream(gateway), stream(gateway, "?protocol=rcc14"), stream(gateway, "?subscriber=bob")
    for events in (everything, ours, theirs):
        assert next(events) == ("", None)
    gateway.run("simulate", "rcc14")
    gateway.run("simulate", "omadm")
    found = exchanges(everything, 3)
    assert [one["protocol"].partition("-")[0] for _, one in found] == ["rcc14", "rcc14", "omadm"]
    assert [one["owner"] for _, one in found] == ["alice", "alice.2", "alice.1"]
    assert [one for _, one in exchanges(ours, 2)] == [one for _, one in found[:2]]
    again = exchanges(stream(gateway, Last_Event_ID=found[0][0]), 2)
    assert again == found[1:]
    assert next(theirs) == ("", None)


def test_the_command_follows_all_devices(gateway: Gateway) -> None:
    """`mogate trace --follow` prints each exchange as it happens, until it is ended."""
    command = [sys.executable, "-m", "gateway", "trace", "--follow", "--json"]
    with subprocess.Popen(command, env=gateway.environment, stdout=subprocess.PIPE, text=True) as following:
        assert following.stdout is not None
        try:
            # It may still be starting: it is shown what is said once it listens.
            while not (shown := _line(following)):
                gateway.run("simulate", "omadm")
            assert json.loads(shown)["owner"] == "alice.1"
        finally:
            following.terminate()


def _line(following: subprocess.Popen[str]) -> str:
    assert following.stdout is not None
    ready, _, _ = select.select([following.stdout], [], [], 3)
    return following.stdout.readline() if ready else ""


@pytest.mark.parametrize(("query", "named"), [("?after=soon", "after"), ("?protocol=http", "protocol")])
def test_a_wrong_wish_for_exchanges_is_refused(gateway: Gateway, query: str, named: str) -> None:
    """The parameter is named, before anything streams."""
    with pytest.raises(urllib.error.HTTPError) as caught:
        next(stream(gateway, query))
    assert caught.value.code == 422
    assert named in caught.value.read().decode()


@pytest.fixture
def workers(tmp_path: Path) -> Iterator[Gateway]:
    """A gateway of two workers on one Redis."""
    made = Gateway(tmp_path)
    made.environment |= {
        "MOGATE_STORE__URL": redis_servers.single().url,
        "MOGATE_STORE__NAMESPACE": f"{uuid.uuid4().hex}:",
        "MOGATE_STORE__DURABILITY": "second",
    }
    made.run("init", "--demo")
    made.start("--workers", "2")
    yield made
    made.stop()


def test_a_stream_has_what_all_workers_said_and_names_nobody_to_whom_it_must_not(workers: Gateway) -> None:
    """Whichever worker streams and whichever answers a phone: each exchange comes once, in order, and to everybody.

    IMSI, IMEI and number are whole for whoever may see identities, and starred for others, in lines as in octets.
    """
    token = workers.json("token", "create", "watcher", "--permission", "trace:read")["token"]
    # So many that not all are at one worker, wherever the kernel sends each.
    seeing = [stream(workers) for _ in range(3)]
    covered = [stream(workers, Authorization=f"Bearer {token}") for _ in range(3)]
    for events in (*seeing, *covered):
        assert next(events) == ("", None)
    for number in range(2):
        workers.run("simulate", "omadm", "--wbxml")
        workers.run("simulate", "rcc14", "--state", str(workers.folder / f"{number}.json"))
    first, *others = (exchanges(events, 8) for events in seeing)
    assert all(found == first for found in others)
    assert len({id_ for id_, _ in first}) == 8
    assert [one["at"] for _, one in first] == sorted(one["at"] for _, one in first)
    plain, *starred = (json.dumps(found) for found in (first, *(exchanges(events, 8) for events in covered)))
    identities = ("001015000000015", "001010000000001")
    for identity in identities:
        assert identity in plain
    assert len(set(starred)) == 1
    said = starred[0] + "".join(_octets(json.loads(starred[0])))
    for identity in (*identities, "15550100001"):
        assert not re.findall(f".{{0,60}}{identity}.{{0,20}}", said)
        assert identity.encode().hex() not in said.lower()


def _octets(found: Any) -> Iterator[str]:
    """What messages hold that are shown in hexadecimal, as far as it is text."""
    for _, one in found:
        for message in one["messages"]:
            if re.fullmatch(r"(?:[0-9a-fA-F]{2})+", message.get("raw", "")):
                yield bytes.fromhex(message["raw"]).decode("latin-1")
