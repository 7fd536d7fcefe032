"""Many devices at once: within what the gateway can do all are served, beyond it the rest is turned away, at once."""

from __future__ import annotations

import contextlib
import json
import re
import socket
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from live_gateway import Gateway, serving
from raw_requests import exchange, request, status_of

from adapters.simulator.fleet import MAX_OPEN

CLIENTS = 60
MAX_IN_FLIGHT = 20


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway with some subscribers, that takes little at once."""
    folder = tmp_path_factory.mktemp("load")
    with serving(
        folder,
        MOGATE_LOAD__MAX_IN_FLIGHT=f"{MAX_IN_FLIGHT}",
        MOGATE_LOAD__MAX_LAG_SECONDS="20",
        MOGATE_TRACE__MODE="off",
    ) as one:
        rows = [
            {"id": f"s{number}", "imsis": [f"00101000020{number:04}"], "msisdn": f"+1555020{number:04}"}
            for number in range(CLIENTS)
        ]
        for row in rows:
            _api(one, "/subscribers", row)
        yield one


def _api(gateway: Gateway, path: str, body: Any) -> Any:
    request = urllib.request.Request(
        gateway.url("admin", f"/api/v1{path}"),
        data=json.dumps(body).encode(),
        headers={"Authorization": f"Bearer {gateway.token}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def _fleet(gateway: Gateway, rate: int, seconds: int) -> dict[str, Any]:
    found: dict[str, Any] = gateway.json(
        "simulate", "fleet", "rcc14", "--msisdn", "+15550200000", "--count", str(CLIENTS), "--rate", str(rate),
        "--seconds", str(seconds),
    )  # fmt: skip
    return found


@contextlib.contextmanager
def _under_way(gateway: Gateway, count: int) -> Iterator[None]:
    """So many messages are under way: their bodies are still to come."""
    with contextlib.ExitStack() as held:
        for _ in range(count):
            slow = held.enter_context(socket.create_connection(("127.0.0.1", gateway.ports["plain"])))
            slow.sendall(b"POST /omadm HTTP/1.1\r\nHost: x\r\nContent-Type: application/vnd.syncml.dm+xml\r\n")
            slow.sendall(b"Content-Length: 100\r\n\r\n")
        yield


def _metric(gateway: Gateway, pattern: str) -> float:
    with urllib.request.urlopen(gateway.url("admin", "/metrics")) as answer:
        return float(re.findall(pattern, answer.read().decode())[0])


def _memory(gateway: Gateway) -> int:
    assert gateway.process is not None
    return int(re.findall(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{gateway.process.pid}/status").read_text())[0])


def test_a_moderate_load_is_served_whole(gateway: Gateway) -> None:
    """Everybody gets a document, and then word that nothing changed."""
    told = _fleet(gateway, 10, 7)
    assert told["statuses"] == {"200": 70}
    assert told["not_begun"] == 0
    assert set(told["milliseconds"]) == {"document", "unchanged"}


def test_too_much_is_turned_away_at_once(gateway: Gateway) -> None:
    """Beyond capacity some get 503 with a spread Retry-After, the others are served; memory and service stay."""
    before = _memory(gateway)
    with _under_way(gateway, MAX_IN_FLIGHT - 1):
        # One more is served, and of two at a time one is not.
        gateway.until(lambda: _metric(gateway, r"\nmogate_http_requests_in_flight (\S+)") >= MAX_IN_FLIGHT - 1)
        told = _fleet(gateway, 3000, 2)
    assert told["statuses"]["503"] > 0
    assert told["statuses"]["200"] > 0
    assert set(told["statuses"]) <= {"200", "503", "511"}
    assert len(told["retries_after"]) > 5
    assert min(map(int, told["retries_after"])) >= 30
    assert max(map(int, told["retries_after"])) <= 60
    assert gateway.json("simulate", "rcc14")["result"] == "ok"
    assert gateway.json("simulate", "omadm")["result"] == "ok"
    # What grows is the connections: up to MAX_OPEN of them, with TLS at some 60 kB each.
    assert _memory(gateway) - before < MAX_OPEN * 80
    assert _metric(gateway, r'mogate_requests_shed_total\{frontend="acs"\} (\S+)') > 0


def test_phones_come_for_whole_sessions(gateway: Gateway) -> None:
    """OMA DM phones are told what to change, and are up to date when they come again."""
    account = json.loads((gateway.folder / "data" / "demo.json").read_text())["omadm"]
    file = gateway.folder / "phones.jsonl"
    file.write_text(json.dumps(account) + "\n")
    told = gateway.json("simulate", "fleet", "omadm", "--accounts", str(file), "--rate", "1", "--seconds", "3")
    assert told["statuses"] == {"200": 3}
    assert "session" in told["milliseconds"]


SYNCML = (
    "<SyncML xmlns='SYNCML:SYNCML1.2'><SyncHdr><VerDTD>1.2</VerDTD><VerProto>DM/1.2</VerProto><SessionID>1</SessionID>"
    "<MsgID>1</MsgID><Target><LocURI>x</LocURI></Target><Source><LocURI>IMEI:1</LocURI></Source></SyncHdr>"
    "<SyncBody><Alert><CmdID>1</CmdID><Data>{alert}</Data></Alert><Final/></SyncBody></SyncML>"
)


def test_a_phone_that_is_turned_away_comes_again(tmp_path: Path) -> None:
    """Who begins a session in a moment of overload gets 503 and a time of its own to ask again; then it is served.

    Sessions under way go on. What was to be told is not lost.

    Spec: OMA-TS-SyncML_HTTPBinding-V1_2
    """

    def ask(gateway: Gateway, alert: int) -> bytes:
        headers: dict[str, str | bytes] = {"Content-Type": "application/vnd.syncml.dm+xml"}
        return exchange(gateway, "plain", request("POST", "/omadm", headers, SYNCML.format(alert=alert).encode()))

    with serving(tmp_path, MOGATE_LOAD__MAX_IN_FLIGHT="3", MOGATE_LOAD__MAX_LAG_SECONDS="60") as gateway:
        with _under_way(gateway, 4):
            gateway.until(lambda: status_of(ask(gateway, 1201)) == 503)
            told = [ask(gateway, 1200) for _ in range(20)]
            assert {status_of(one) for one in told} == {503}
            waits = {int(re.findall(rb"Retry-After: (\d+)", one)[0]) for one in told}
            assert len(waits) > 1
            assert waits <= set(range(5, 11))
            assert status_of(ask(gateway, 1222)) == 200
            assert gateway.json("simulate", "omadm")["result"] == "gateway answered HTTP 503"
        gateway.until(lambda: status_of(ask(gateway, 1201)) == 200)
        served = gateway.json("simulate", "omadm")
        assert (served["result"], served["values"]["./3GPP_IMS/Timer_T1"]) == ("ok", "2000")
