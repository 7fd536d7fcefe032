"""The gateway as EIR, in a process of its own: a Diameter peer asks, is answered, and what it said is detected."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest
from live_gateway import DEADLINE_SECONDS, Gateway, free_ports, serving
from mme_peer import VENDOR, Mme, avps_of

ALICE = "001010000000001"


class Eir:
    """A process that serves as EIR beside a gateway."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway
        (self.port,) = free_ports(1)
        with gateway.settings.open("a") as settings:
            settings.write(
                f'[eir]\naddress = "127.0.0.1:{self.port}"\nblack = ["35666666"]\ngrey = ["35777777"]\n'
                '[[eir.peers]]\nhost = "mme.example.net"\nrealm = "example.net"\n'
            )
        self.process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        command = [sys.executable, "-m", "gateway", "serve-eir"]
        log = (self.gateway.folder / "eir.log").open("a")
        with log:
            self.process = subprocess.Popen(
                command, env=self.gateway.environment, stdout=subprocess.PIPE, stderr=log, text=True
            )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert "serves as EIR" in line, (self.gateway.folder / "eir.log").read_text()

    def stop(self, number: int = signal.SIGTERM) -> int:
        assert self.process is not None
        assert self.process.stdout is not None
        self.process.send_signal(number)
        status = self.process.wait(30)
        self.process.stdout.close()
        return status


@pytest.fixture(scope="module")
def eir(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Eir]:
    spool = {"MOGATE_DETECTION__SPOOL": "spool", "MOGATE_DETECTION__SPOOL_POLL_SECONDS": "0.05"}
    with serving(tmp_path_factory.mktemp("eir"), **spool) as gateway:
        yield Eir(gateway)


def detected(gateway: Gateway, count: int) -> list[tuple[str, str, str]]:
    """Cause, source and IMEI of what was detected of alice, once there are so many."""
    end = time.monotonic() + DEADLINE_SECONDS
    while True:
        events = gateway.json("events", "--subscriber", "alice")
        details = [event["detail"] for event in events if event["kind"] == "device.detected"]
        if len(details) >= count or time.monotonic() > end:
            return [(detail["cause"], detail["source"], detail["imei"]) for detail in details]


def test_an_mme_is_answered_and_the_phone_detected(eir: Eir) -> None:
    """Each list has its answer (3GPP TS 29.272 6.2.1.1); an attach with IMSI is a sighting, told once."""
    eir.start()
    mme = Mme(eir.port)
    assert mme.introduce().number(268) == 2001
    answers = [
        mme.check("35123456000001", ALICE, "01"),
        mme.check("35123456000001", ALICE, "02"),
        mme.check("35666666000001"),
        mme.check("35777777000001"),
    ]
    assert [answer.number(268) for answer in answers] == [2001] * 4
    assert [answer.number(1445, VENDOR) for answer in answers] == [0, 0, 1, 2]
    assert mme.check("none", ALICE).number(268) == 5004
    assert mme.check("35123456000001", realm="other.example").number(268) == 3003
    mme.close()
    assert detected(eir.gateway, 1) == [("first-imei", "s13", "3512345600000101")]


def test_an_eir_that_is_killed_loses_nothing(eir: Eir) -> None:
    """What it had answered is detected once it is started again; strangers are turned away."""
    mme = Mme(eir.port)
    mme.introduce()
    mme.check("35888888000001", ALICE, "01")
    eir.stop(signal.SIGKILL)
    mme.close()
    eir.gateway.environment["MOGATE_EIR__OTHERS"] = "unknown"
    eir.start()
    assert detected(eir.gateway, 2)[1:] == [("changed-imei", "s13", "3588888800000101")]
    stranger = Mme(eir.port, "mme.stranger.example")
    assert stranger.introduce().number(268) == 3010
    stranger.close()
    mme = Mme(eir.port)
    mme.introduce()
    answer = mme.check("35123456000001")
    assert answer.number(268) is None
    assert avps_of(answer.avps[0, 297])[0, 298] == (5422).to_bytes(4)
    mme.close()
    assert eir.stop() == 0
