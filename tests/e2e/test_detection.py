"""First use from outside: what a network tells, by every way in, becomes events and records of a running gateway."""

from __future__ import annotations

import json
import signal
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from live_gateway import Gateway, serving
from map_messages import invoked, packed, update_location

ALICE, BOB = "001010000000001", "001010000000002"


RULES = """
[rules.pilot]
causes = ["first-imei", "changed-imei"]
match.tac = ["35777777"]
join = ["staff-pilot"]
webhook = true
reach = true
"""


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    folder = tmp_path_factory.mktemp("detection")
    (folder / "rules.toml").write_text(RULES)
    settings = {"RULES": "rules.toml", "SPOOL": "spool", "SPOOL_POLL_SECONDS": "0.05"}
    with serving(folder, **{f"MOGATE_DETECTION__{name}": value for name, value in settings.items()}) as gateway:
        yield gateway


def detected(gateway: Gateway, subscriber: str) -> list[tuple[str, str, str]]:
    """Cause, source and IMEI of what was detected of a subscriber."""
    events: list[dict[str, Any]] = gateway.json("events", "--subscriber", subscriber)
    details = [event["detail"] for event in events if event["kind"] == "device.detected"]
    return [(detail["cause"], detail["source"], detail.get("imei", "")) for detail in details]


def has(gateway: Gateway, subscriber: str, kind: str) -> bool:
    """Whether one of the subscriber's events is of that kind."""
    return any(event["kind"] == kind for event in gateway.json("events", "--subscriber", subscriber))


def test_the_rules_in_force_are_told(gateway: Gateway) -> None:
    """As their file says them."""
    (rule,) = gateway.api("GET", "/detections/rules")
    assert (rule["name"], rule["causes"], rule["sources"]) == ("pilot", ["changed-imei", "first-imei"], [])
    assert rule["match"] == {"tac": ["35777777"]}
    assert (rule["join"], rule["leave"], rule["plan"]) == (["staff-pilot"], [], None)
    assert (rule["reach"], rule["webhook"]) == (True, True)


def test_one_sighting_by_command(gateway: Gateway) -> None:
    """It is told once, shows in the events, and makes the phone's record."""
    assert "detected   subscriber alice" in gateway.run("detect", "--imsi", ALICE, "--imei", "3512345600000101")
    assert gateway.run("detect", "--imsi", ALICE, "--imei", "3512345600000101").startswith("known")
    assert detected(gateway, "alice") == [("first-imei", "rest", "3512345600000101")]
    assert gateway.json("device", "show", "351234560000010")["imei"] == "351234560000010"
    assert "imei" in gateway.run("detect", "--imsi", ALICE, "--imei", "12", fails=True)


def test_many_from_a_file(gateway: Gateway, tmp_path: Path) -> None:
    """Rows that are none are told with their line, and do not stop the others."""
    file = tmp_path / "seen.csv"
    file.write_text(
        "imsi,imei,apns,seen_at\n"
        f"{BOB},3577777700000101,internet ims,2026-05-01T12:00:00Z\n"
        "999990000000000,3577777700000101,,\n"
        f"{BOB},12,,\n"
        f"{BOB},3588888800000101,ims,\n"
    )
    done = gateway.done("detect", "--from", str(file))
    assert (done.returncode, done.stdout.splitlines()[0]) == (1, f"{file}: 2 detected, 1 unknown, 1 failed")
    assert f"{file}:4: imei" in done.stdout
    assert detected(gateway, "bob") == [
        ("first-imei", "csv", "3577777700000101"),
        ("changed-imei", "csv", "3588888800000101"),
        ("changed-apns", "csv", "3588888800000101"),
    ]
    file.write_text("imsi,colour\n1,2\n")
    assert f"{file}:1" in gateway.run("detect", "--from", str(file), fails=True)


def test_rules_do_what_they_say(gateway: Gateway, tmp_path: Path) -> None:
    """A rule that matched has set the group and is told as an event; others can be tried on what was detected."""
    assert gateway.json("subscriber", "show", "bob")["groups"] == ["staff-pilot"]
    events = gateway.json("events", "--subscriber", "bob")
    assert [event["detail"]["rule"] for event in events if event["kind"] == "detection.matched"] == ["pilot"]
    gateway.until(lambda: has(gateway, "bob", "activation.requested"))
    replayed = {one["seq"]: one["rules"] for one in gateway.json("detect", "--replay", "--dry-run")}
    assert list(replayed.values()).count(["pilot"]) == 1
    other = tmp_path / "other.toml"
    other.write_text(RULES.replace("35777777", "35888888").replace("pilot", "other"))
    assert "join staff-other" in gateway.run("detect", "--replay", "--dry-run", "--rules", str(other))
    assert "--dry-run" in gateway.run("detect", "--replay", fails=True)
    other.write_text(RULES.replace("join", "joyn"))
    assert "rules:5: rules.pilot.joyn" in gateway.run(
        "detect", "--replay", "--dry-run", "--rules", str(other), fails=True
    )


def post(gateway: Gateway, path: str, octets: bytes) -> tuple[int, Any]:
    """Status and answer of the admin API."""
    headers = {"Authorization": f"Bearer {gateway.token}", "Content-Type": "application/octet-stream"}
    request = urllib.request.Request(gateway.url("admin", f"/api/v1{path}"), octets, headers)
    try:
        with urllib.request.urlopen(request, timeout=30) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def test_map_messages_by_http(gateway: Gateway) -> None:
    """In TCAP, or an argument alone; what is broken is refused whole, with its place."""
    argument = update_location(**{"add-info": {"imeisv": packed("3566666600000101")}})
    status, found = post(gateway, "/detections/map", invoked(2, argument))
    assert (status, [one["outcome"] for one in found]) == (200, ["detected"])
    status, found = post(gateway, "/detections/map?operation=update-location", argument)
    assert (status, [one["outcome"] for one in found]) == (200, ["known"])
    status, problem = post(gateway, "/detections/map", invoked(2, argument)[:-2])
    assert (status, "at byte" in str(problem)) == (400, True)


def test_a_spool_outlives_a_gateway_that_is_killed(gateway: Gateway) -> None:
    """A file of many rows: the gateway is killed in the middle and started again; each is told once, and in order."""
    folder = gateway.folder / "data" / "spool"
    phones = [f"{35990000000000 + number}01" for number in range(400)]
    part = folder / "carol.csv.part"
    part.write_text("imsi,imei\n" + "".join(f"001010000000003,{imei}\n" for imei in phones))
    part.rename(folder / "carol.csv")
    gateway.until(lambda: has(gateway, "carol", "device.detected"))
    gateway.stop(signal.SIGKILL)
    gateway.start()
    gateway.until(lambda: list((folder / "done").iterdir()))
    told = gateway.json("events", "--subscriber", "carol", "--limit", "1000")
    assert [one["detail"]["imei"] for one in told if one["kind"] == "device.detected"] == phones


def test_a_table_of_models_names_new_phones(gateway: Gateway, tmp_path: Path) -> None:
    """A row that is none is told with its line; what the table says is in the record of a phone that is new."""
    file = tmp_path / "tac.csv"
    file.write_text("tac,manufacturer,model,protocols,capabilities\n35444444,Acme,Nova 6,rcc14 omacp,volte\n12,x,y,,\n")
    done = gateway.done("tac", "import", str(file))
    assert (done.returncode, done.stdout.splitlines()[0]) == (1, f"{file}: 1 created, 1 failed")
    assert f"{file}:3: tac" in done.stdout
    gateway.run("detect", "--imsi", BOB, "--imei", "3544444400000101")
    device = gateway.json("device", "show", "354444440000018")
    assert (device["manufacturer"], device["model"], device["tac"]["protocols"]) == (
        "Acme",
        "Nova 6",
        ["rcc14", "omacp"],
    )
    assert "Nova 6" in gateway.run("tac", "show", "35444444")


def test_phones_that_show_up_by_themselves(gateway: Gateway) -> None:
    """An RCC.14 client and an OMA DM phone are detections too, by the gateway's own protocols; once."""
    for _ in range(2):
        gateway.run("simulate", "omadm")
        gateway.run("simulate", "rcc14")
    sources = [source for _, source, _ in detected(gateway, "alice") + detected(gateway, "bob")]
    assert sources.count("omadm") == 1
    assert sources.count("rcc14") == 1
