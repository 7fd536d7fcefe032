"""Pushes from outside: what is only shown changes nothing, and what is carried by hand makes a phone call."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from live_gateway import Gateway, serving
from tshark import dissect

PHONE = ("bob", "--imei", "001015000000098")
BOBS_IMSI = "001010000000002"


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with serving(tmp_path_factory.mktemp("pushes")) as one:
        yield one


def test_a_dry_run_changes_nothing(gateway: Gateway, tmp_path: Path) -> None:
    """Neither a device that has an account nor one that does not; the credentials shown are nobody's."""
    before = gateway.json("device", "show", "alice.1"), gateway.json("subscriber", "show", "bob")
    file = tmp_path / "message.json"
    file.write_text(gateway.run("bootstrap", "alice.1", "--dry-run", "--json"))
    gateway.run("bootstrap", *PHONE, "--dry-run", "--profile", "dm", "--security", "userpin")
    gateway.run("push", "notify", "alice.1", "--dry-run", "--ui-mode", "informative", "--resync")
    assert (gateway.json("device", "show", "alice.1"), gateway.json("subscriber", "show", "bob")) == before
    state = str(tmp_path / "phone.json")
    assert gateway.json("simulate", "cp", str(file), "--state", state)["result"] == "ok"
    assert "refused the phone" in gateway.json("simulate", "omadm", "--state", state)["result"]
    assert gateway.json("simulate", "omadm")["result"] == "ok"


def test_a_wlan_comes_with_the_account(gateway: Gateway) -> None:
    """Two access points go along in a message of the DM profile: the mobile network's and the WLAN's.

    Spec: OMA-DDS-DM_ConnMO; OMA-TS-DM_Bootstrap-V1_2 5.3
    """
    wlan = {"SSIDList/1/SSID": "Example Office", "SecMode": "WPA2", "WPA-PreShKeyASCII": "open sesame"}
    values = {f"Bearer/WLAN/{leaf}": value for leaf, value in wlan.items()}
    values |= {"NAPID": "office", "Name": "Office", "Bearer/BearerType": "WLAN"}
    said = [f"connmo-wlan/{leaf}={value}" for leaf, value in values.items()]
    gateway.run("set", "bob", *said)
    message = gateway.run("bootstrap", *PHONE, "--dry-run", "--profile", "dm", "--security", "userpin")
    assert message.count("urn:oma:mo:oma-connmo-nap:1.0") == 2
    assert "Example Office" in message
    gateway.run("unset", "bob", *(f"connmo-wlan/{leaf}" for leaf in values))


def test_without_a_bearer_nothing_is_sent(tmp_path: Path) -> None:
    """The refusal names the setting and the way to look at the octets, and nothing has changed."""
    with serving(tmp_path, MOGATE_SMS__BEARER="none") as gateway:
        before = gateway.json("device", "show", "alice.1")
        for command in (("push", "notify", "alice.1"), ("push", "rcscfg", "alice"), ("bootstrap", "alice.1")):
            refusal = gateway.run(*command, fails=True)
            assert "sms.bearer" in refusal
            assert "--dry-run" in refusal
        assert gateway.json("device", "show", "alice.1") == before


def test_a_phone_is_bootstrapped_and_called(gateway: Gateway, tmp_path: Path) -> None:
    """The account of the message opens the door at the first knock, both ways; the notification is believed."""
    file, state = tmp_path / "made.json", str(tmp_path / "phone.json")
    file.write_text(gateway.run("bootstrap", *PHONE, "--security", "usernetwpin", "--by-hand", "--json"))
    segments = [bytes.fromhex(one) for one in gateway.json("push", "notify", "bob.1", "--dry-run")["segments"]]
    assert "application/vnd.syncml.notification" in dissect(segments)
    made = json.loads(file.read_text())
    heard = gateway.json("simulate", "cp", str(file), "--imsi", BOBS_IMSI, "--entry", made["entry"], "--state", state)
    assert heard["result"] == "ok"
    session = gateway.json("simulate", "omadm", "--state", state)
    assert (session["result"], session["facts"]["server_authenticated"]) == ("ok", True)
    assert not any("407" in line or "401" in line for step in session["steps"] for line in step["says"])
    file.write_text(gateway.run("push", "notify", "bob.1", "--dry-run", "--json"))
    called = gateway.json("simulate", "omadm", "--state", state, "--notification", str(file))
    assert (called["result"], called["facts"]["resynchronises"]) == ("ok", False)
    assert any(line.startswith("Alert 1200") for step in called["steps"] for line in step["says"])


def test_another_phone_does_not_believe_it(gateway: Gateway, tmp_path: Path) -> None:
    """With another SIM, the message is refused, and a notification for another phone is ignored."""
    file, state = tmp_path / "made.json", str(tmp_path / "phone.json")
    file.write_text(gateway.run("bootstrap", "alice.1", "--dry-run", "--json"))
    refused = gateway.json("simulate", "cp", str(file), "--imsi", BOBS_IMSI, "--state", state)
    assert refused["result"].startswith("refused")
    file.write_text(gateway.run("bootstrap", "carol", "--imei", "001015000000097", "--by-hand", "--json"))
    file.write_text(gateway.run("push", "notify", "carol.1", "--dry-run", "--json"))
    assert gateway.json("simulate", "omadm", "--notification", str(file))["result"] == "ignored: the digest is wrong"


@pytest.mark.parametrize(
    ("command", "says"),
    [
        (("bootstrap", "bluebird", "--dry-run"), "no subscriber"),
        (("bootstrap", "alice.1", "--dry-run", "--profile", "dm", "--security", "userpinmac"), "netwpin, userpin"),
        (("bootstrap", "alice.1", "--dry-run", "--pin", "12"), "pin"),
        (("push", "notify", "nobody", "--dry-run"), "nobody"),
    ],
)
def test_mistakes_are_named(gateway: Gateway, command: tuple[str, ...], says: str) -> None:
    """The thing, and the mend."""
    assert says in gateway.run(*command, fails=True)
