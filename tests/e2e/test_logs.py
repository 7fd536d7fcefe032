"""What a gateway writes while devices of all kinds come: no identity in its logs or metrics, and no secret anywhere."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from live_gateway import Gateway, serving


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway that was called in every way, rightly and wrongly."""
    with serving(tmp_path_factory.mktemp("logs")) as one:
        one.run("simulate", "omadm")
        one.run("simulate", "omadm", "--wbxml", "--misbehave", "wrong-nonce")
        one.run("simulate", "rcc14", "--state", str(one.folder / "cellular.json"))
        for by in ("otp", "eap"):
            state = str(one.folder / f"{by}.json")
            one.run("simulate", "rcc14", "--access", "wifi", "--by", by, "--state", state)
        one.run("simulate", "rcc14", "--misbehave", "wrong-cookie")
        one.run("set", "alice", "ims/Timer_T1=3000")
        one.run("bootstrap", "alice.1")
        one.run("push", "notify", "alice.1")
        one.run("subscriber", "show", "+15550100001")
        one.run("subscriber", "show", "+15550109999", fails=True)
        for path in (
            "/?IMSI=001010000000001&msisdn=%2B15550100001&token=x",
            "/omadm?s=001010000000001",
            "/+15550100001",
        ):
            subprocess.run(
                [sys.executable, "-c", "import sys, urllib.request; urllib.request.urlopen(sys.argv[1])",
                 one.url("internet", path)],
                capture_output=True, check=False, timeout=30,
            )  # fmt: skip
        yield one


def _identities() -> list[str]:
    return ["001010000000001", "15550100001", "001015000000015", "001015000000023", "15550109999"]


def _secrets(gateway: Gateway) -> list[str]:
    """Every password, key, code and token there is in the data directory and in the phones' memories."""
    data = gateway.folder / "data"
    demo = json.loads((data / "demo.json").read_text())
    found = [gateway.token, demo["omadm"]["client_password"], demo["omadm"]["server_password"]]
    found += [demo["rcc14"]["k"], demo["rcc14"]["opc"]]
    codes = [
        code
        for line in (data / "sms.jsonl").read_text().splitlines()
        for code in re.findall(r"\b\d{6}\b", json.loads(line)["text"])
    ]
    tokens = [
        memory["token"]
        for file in gateway.folder.glob("*.json")
        if (memory := json.loads(file.read_text())).get("token")
    ]
    assert codes
    assert len(tokens) == 3
    return [*found, *codes, *tokens]


def test_logs_name_nobody_and_tell_no_secret(gateway: Gateway) -> None:
    """Every identity of the run is masked in the log wherever it came from, and nothing of its secrets is in it."""
    log = gateway.log()
    assert log.count("request_answered") > 10
    assert log.count("message_answered") > 4
    for identity in _identities():
        assert identity not in log, f"{identity} in: {next(line for line in log.splitlines() if identity in line)}"
    for secret in _secrets(gateway):
        assert secret not in log, next(line for line in log.splitlines() if secret in line)


def test_metrics_name_nobody(gateway: Gateway) -> None:
    """No label holds an identity, a device, a subscriber, an address or a secret."""
    with urllib.request.urlopen(gateway.url("admin", "/metrics")) as answer:
        lines = [line for line in answer.read().decode().splitlines() if line[0] != "#"]
    labels = "\n".join(line.rpartition(" ")[0] for line in lines)
    for said in (*_identities(), *_secrets(gateway), "alice", "127.0.0.1", "IMEI"):
        assert said not in labels
    assert not re.search(r"\d{7}", re.sub(r'le="[^"]*"', "", labels))


def test_every_line_is_an_event(gateway: Gateway) -> None:
    """The log is lines of JSON with an event, a level and a time, and nothing else."""
    for line in gateway.log().splitlines():
        event = json.loads(line)
        assert {"event", "level", "timestamp"} <= event.keys()
    assert Path(gateway.folder / "serve.log").stat().st_size
