"""A fleet that moves from another RCC.14 server, a second gateway, by ranges of numbers, and back."""

from __future__ import annotations

import urllib.request
from collections.abc import Iterator

import pytest
from live_gateway import Gateway, serving
from rcc14_caller import Caller, Subscriber

ALICE = Subscriber("alice", "001010000000001", "+15550100001", "001015000000072")
BOB = Subscriber("bob", "001010000000002", "+15550100002", "001015000000080")
THERE, HERE = "3000", "2000"
"""What either server gives out as Timer_T1 of Bob and Alice."""

ALICE_MOVED = f"""
default = "elsewhere"
by = "proxy"
here = ["{ALICE.msisdn}"]
"""
BOTH_MOVED = ALICE_MOVED.replace("]", f', "{BOB.msisdn}"]')


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """The gateway that a fleet moves to; Alice's number has moved, and the server before serves on."""
    with serving(tmp_path_factory.mktemp("old")) as old:
        for one in (ALICE, BOB):
            old.run("set", one.id, f"ims/Timer_T1={THERE}")
        new = Gateway(tmp_path_factory.mktemp("new"))
        new.settings.write_text(
            f'{new.settings.read_text()}\n[rcc14.old_server]\nhttp = "{old.url("plain")}"\nhttps = "{old.url("tls")}"\n'
            f'authority = "{old.folder}/data/tls/ca.pem"\nserver_name = "localhost"\n'
        )
        (new.folder / "ranges.toml").write_text(ALICE_MOVED)
        new.environment["MOGATE_RCC14__RANGES"] = "ranges.toml"
        new.run("init", "--demo")
        new.start()
        try:
            yield new
        finally:
            assert new.stop() == 0
    assert '"level":"error"' not in new.log(), new.log()[-3000:]


def _timer(caller: Caller, phone: Subscriber) -> str:
    """What a phone on mobile data gets, by both legs."""
    (timer,) = {value for path, value in caller.configure(phone).parms.items() if path.endswith("/Timer_T1")}
    return timer


def _move(gateway: Gateway, ranges: str) -> None:
    (gateway.folder / "ranges.toml").write_text(ranges)
    assert gateway.api("POST", "/reload")["changed"]


def test_a_range_moves_and_moves_back(gateway: Gateway) -> None:
    """From one reload to the next its phones get their documents here, and after another one there again.

    What a phone holds of the server it has left lets it in nowhere: it is asked to start again, and does.
    """
    phone = Caller(gateway)
    assert (_timer(phone, ALICE), _timer(phone, BOB)) == (HERE, THERE)
    old_token = phone.configure(BOB).parms["TOKEN/token"]
    assert phone.secure(f"vers=1&token={old_token}&IMSI={BOB.imsi}&IMEI={BOB.imei}").status == 200

    _move(gateway, BOTH_MOVED)
    assert phone.secure(f"vers=1&token={old_token}&IMSI={BOB.imsi}&IMEI={BOB.imei}").status == 511
    assert (_timer(phone, ALICE), _timer(phone, BOB)) == (HERE, HERE)
    token = phone.configure(BOB).parms["TOKEN/token"]
    assert phone.secure(f"vers=1&token={token}&IMEI={BOB.imei}").status == 200

    _move(gateway, ALICE_MOVED)
    assert phone.secure(f"vers=1&token={token}&IMEI={BOB.imei}").status == 511
    assert (_timer(phone, ALICE), _timer(phone, BOB)) == (HERE, THERE)
    assert _passed_on(gateway) >= 8


def test_ranges_that_cannot_be_read_move_nobody(gateway: Gateway) -> None:
    """The reload is refused with the list and what stands there."""
    (gateway.folder / "ranges.toml").write_text(ALICE_MOVED.replace(ALICE.msisdn, "+1555-+2"))
    said = gateway.run("reload", fails=True)
    assert "ranges.toml: here: '+1555-+2': both ends have as many digits" in said
    phone = Caller(gateway)
    assert (_timer(phone, ALICE), _timer(phone, BOB)) == (HERE, THERE)


def _passed_on(gateway: Gateway) -> float:
    with urllib.request.urlopen(gateway.url("admin", "/metrics")) as answer:
        lines = answer.read().decode().splitlines()
    (line,) = (line for line in lines if line.startswith('mogate_acs_elsewhere_total{by="proxy"}'))
    return float(line.rpartition(" ")[2])
