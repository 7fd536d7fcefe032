"""Firmware, software, lock and capabilities, from the operator's command to what the phone says in the end."""

from __future__ import annotations

import json
import urllib.request
from pathlib import Path
from typing import Any

from live_gateway import Gateway, serving


def add_package(gateway: Gateway, kind: str, name: str, content: bytes) -> None:
    file = Path(gateway.folder) / f"{name}.bin"
    file.write_bytes(content)
    gateway.run(kind, "add", str(file), "--name", name, "--version", "2.0")


def last_job(gateway: Gateway) -> dict[str, Any]:
    jobs: list[dict[str, Any]] = gateway.json("device", "jobs", "alice.1")
    return jobs[-1]


def test_a_firmware_update_end_to_end(gateway: Gateway) -> None:
    """From `mogate firmware add` to State "update successful": fetched in parts, by a link, after a restart."""
    add_package(gateway, "firmware", "b7", b"B7 2.0\n" + bytes(range(256)) * 800)
    started = gateway.json("device", "firmware", "update", "alice.1", "b7")
    assert gateway.json("device", "firmware", "update", "alice.1", "b7")["id"] == started["id"]
    gateway.stop()
    gateway.start()
    transcript = gateway.json("simulate", "omadm")
    assert transcript["values"]["./DevDetail/FwV"] == "B7 2.0"
    ended = last_job(gateway)
    assert (ended["state"], ended["percent"], ended["code"]) == ("done", 100, 200)
    assert ended["meaning"] == "success; State 100 update successful, no data"
    assert "firmware update b7@2.0  done 100 %" in gateway.run("device", "show", "alice.1")
    assert gateway.log().count('"event":"package_fetched"') == 4


def test_a_package_that_is_needed_stays(gateway: Gateway) -> None:
    """What needs a package is told, and it is not removed as long as a job gives it to a device."""
    add_package(gateway, "firmware", "b7", b"B7 2.0")
    job = gateway.json("device", "firmware", "update", "alice.1", "b7")
    [package] = gateway.json("firmware", "list")
    assert package["jobs"] == [{"device": "alice.1", "id": job["id"], "kind": "firmware", "action": "update"}]
    assert "alice.1 (update)" in gateway.run("firmware", "list")
    assert [row["id"] for row in gateway.api("GET", f"/devices?match=package%3D{package['id']}")] == ["alice.1"]
    assert f"firmware update {job['id']} of device alice.1" in gateway.run("firmware", "remove", "b7", fails=True)
    gateway.run("device", "cancel", "alice.1", job["id"])
    assert gateway.run("firmware", "remove", "b7@2.0") == "removed b7@2.0\n"
    assert gateway.json("firmware", "list") == []


def test_a_package_of_the_settings_stays(gateway: Gateway) -> None:
    """It is not removed as long as a model's devices are given it when they ask for an update."""
    add_package(gateway, "firmware", "b7", b"B7 2.0")
    gateway.stop()
    settings = gateway.settings
    models = '[[omadm.models]]\nmanufacturer = "Acme"\nmodel = "B*"\nupdates = { "*" = "b7" }\n'
    settings.write_text(f"{settings.read_text()}\n{models}")
    gateway.start()
    assert gateway.json("firmware", "list")[0]["models"] == ["Acme B*"]
    assert "take it out of omadm.models" in gateway.run("firmware", "remove", "b7", fails=True)


def test_a_firmware_that_the_phone_refuses(gateway: Gateway) -> None:
    """The result code of FUMO is shown with its meaning, and the State the phone is in."""
    add_package(gateway, "firmware", "bad", b"BAD")
    gateway.run("device", "firmware", "update", "alice.1", "bad")
    gateway.run("simulate", "omadm", "--wbxml")
    ended = last_job(gateway)
    assert (ended["state"], ended["code"]) == ("failed", 404)
    assert ended["meaning"] == "signature or validation failed; State 80 update failed, no data"


def test_a_lock_takes_two_calls(gateway: Gateway) -> None:
    """The first call gives a code for this device and action alone; with it the phone is locked."""
    asked = gateway.json("device", "lock", "alice.1")
    assert (asked["state"], gateway.json("device", "jobs", "alice.1")) == ("unconfirmed", [])
    wrong = gateway.run("device", "wipe", "alice.1", "--confirm", asked["confirm"], fails=True)
    assert "does not confirm wipe" in wrong
    gateway.run("device", "lock", "alice.1", "--confirm", asked["confirm"])
    assert gateway.json("simulate", "omadm")["values"]["./LAWMO/State"] == "10"
    assert last_job(gateway)["meaning"] == "OK; State 10 fully locked"
    request = urllib.request.Request(
        gateway.url("admin", "/api/v1/events?device=alice.1"), headers={"Authorization": f"Bearer {gateway.token}"}
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        kinds = {event["kind"] for event in json.load(answer)}
    assert {"job.started", "job.done"} <= kinds


def test_software_comes_and_goes(gateway: Gateway) -> None:
    """A component is installed, stands in the inventory, and is removed by its id; a capability is switched off."""
    add_package(gateway, "software", "mail", b"mail client")
    gateway.run("device", "software", "install", "alice.1", "mail")
    gateway.run("device", "capability", "alice.1", "disable", "camera")
    transcript = gateway.json("simulate", "omadm", "--wbxml")
    assert transcript["values"]["./DCMO/Camera/Enabled"] == "false"
    jobs = {job["kind"]: job for job in gateway.json("device", "jobs", "alice.1")}
    assert jobs["software"]["components"][0]["id"] == "mail"
    assert (jobs["software"]["state"], jobs["capability"]["state"]) == ("done", "done")
    gateway.run("device", "software", "remove", "alice.1", "mail")
    gateway.run("simulate", "omadm", "--wbxml")
    removed = last_job(gateway)
    assert (removed["state"], removed["code"], removed["components"]) == ("done", 1200, [])


def test_a_diagnostic_function_tells_what_it_measured(gateway: Gateway) -> None:
    """Given its parameters and started by its name; the phone alerts when it is done, and what it measured is shown.

    Spec: OMA-TS-DiagMon-V1_0 5
    """
    gateway.run("device", "diagnostics", "alice.1", "start", "battery", "--set", "Interval=60", "--set", "Log/Mode=all")
    again = gateway.run("device", "diagnostics", "alice.1", "start", "battery", "--set", "Interval=5", fails=True)
    assert "runs already" in again
    phone = gateway.json("simulate", "omadm")
    config = "./DiagMon/1/DiagMonConfig/ConfigParms"
    held = [phone["values"][f"{config}/{leaf}"] for leaf in ("Interval", "Log/Mode")]
    assert (phone["result"], held) == ("ok", ["60", "all"])
    assert (last_job(gateway)["code"], last_job(gateway)["meaning"]) == (1200, "success; Status 1; 1 values read")
    read = last_job(gateway)["read"]
    assert (read["./DiagMon/1/DiagMonData/Level"], read[f"{config}/Interval"]) == ("83", "60")
    assert "say which function to stop" in gateway.run("device", "diagnostics", "alice.1", "stop", fails=True)


def test_a_job_can_be_ended(gateway: Gateway) -> None:
    """A cancelled job sends nothing any more; another of its kind may start then."""
    started = gateway.json("device", "unlock", "alice.1")
    assert gateway.json("device", "cancel", "alice.1", started["id"])["state"] == "cancelled"
    assert not any("LAWMO" in command for command in gateway.json("simulate", "omadm")["facts"]["commands"])
    assert gateway.json("device", "unlock", "alice.1")["state"] == "running"


def test_a_wlan_is_given_and_its_key_is_told_to_nobody_else(gateway: Gateway) -> None:
    """The phone has the network and its key; no file of the gateway and nothing that it shows has the key in clear.

    Spec: OMA-DDS-DM_ConnMO-V1_0 (NAP)
    """
    key = "correct horse battery"
    gateway.run("device", "wlan", "alice.1", "add", "Office", stdin=f"{key}\n")
    gateway.run("trace", "alice.1", "--arm", "60")
    before = (gateway.folder / "data").rglob("*")
    assert not [file for file in before if file.is_file() and key.encode() in file.read_bytes()]
    met = gateway.json("simulate", "omadm", "--wbxml")
    (job,) = gateway.json("device", "jobs", "alice.1")
    assert (job["state"], job["meaning"]) == ("done", "the device has the WLAN Office")
    assert met["values"][f"./NAP/{job['id']}/Bearer/WLAN/WPA-PreShKeyASCII"] == key
    kept = [file for file in (gateway.folder / "data").rglob("*") if file.is_file() and "simulator" not in file.parts]
    assert not [file for file in kept if key.encode() in file.read_bytes()]
    for shown in (
        ("device", "show", "alice.1"),
        ("trace", "alice.1", "--last", "100"),
        ("events",),
        ("audit", "export"),
    ):
        assert key not in gateway.run(*shown)
    gateway.run("device", "wlan", "alice.1", "remove", "Office")
    values = gateway.json("simulate", "omadm")["values"]
    assert {uri.split("/")[2] for uri in values if uri.startswith("./NAP/")} == {"internet"}


def test_credentials_are_rotated_without_stranding_the_phone(gateway: Gateway) -> None:
    """The old account holds until the new one was used; a phone that refuses half of it keeps the old one whole."""
    gateway.run("device", "rotate", "alice.1")
    gateway.run("simulate", "omadm")
    assert (last_job(gateway)["state"], last_job(gateway)["percent"]) == ("running", 75)
    assert gateway.json("simulate", "omadm", "--wbxml")["result"] == "ok"
    assert (last_job(gateway)["state"], last_job(gateway)["code"]) == ("done", 212)
    gateway.run("device", "rotate", "alice.1")
    refused = gateway.json("simulate", "omadm", "--refuse", "./DMAcc/mogate/AppAuth/2/AAuthSecret=500")
    assert refused["result"] == "ok"
    assert (last_job(gateway)["state"], last_job(gateway)["code"]) == ("failed", 507)
    assert gateway.json("simulate", "omadm")["result"] == "ok"
    flash = json.loads((gateway.folder / "data" / "simulator" / "omadm.json").read_text())
    secret = flash["tree"]["./DMAcc/mogate/AppAuth/1/AAuthSecret"][1].encode()
    assert secret.decode() not in gateway.run("trace", "alice.1", "--raw", "--last", "100")
    kept = b"".join(file.read_bytes() for file in (gateway.folder / "data").glob("mogate.db*"))
    assert secret not in kept


def test_packages_are_handed_over_in_the_tree(tmp_path: Path) -> None:
    """To a model that takes them so, firmware and software go as large objects, in both encodings; nothing is fetched.

    Spec: OMA-TS-DM_FUMO-V1_0 5; OMA-TS-DM-SCOMO-V1_0 5
    """
    with serving(tmp_path, MOGATE_OMADM__MODELS='[{"manufacturer": "Acme", "packages": "tree"}]') as gateway:
        add_package(gateway, "firmware", "b7", b"B7 3.0\n" + bytes(range(256)) * 100)
        gateway.run("device", "firmware", "update", "alice.1", "b7")
        transcript = gateway.json("simulate", "omadm", "--wbxml")
        assert transcript["values"]["./DevDetail/FwV"] == "B7 3.0"
        assert transcript["facts"]["parts_received"] > 1
        assert last_job(gateway)["meaning"] == "success; State 100 update successful, no data"
        add_package(gateway, "software", "app", bytes(range(256)) * 100)
        gateway.run("device", "software", "install", "alice.1", "app")
        assert gateway.json("simulate", "omadm")["facts"]["parts_received"] > 1
        ended = last_job(gateway)
        assert (ended["state"], ended["code"], ended["components"][0]["name"]) == ("done", 1200, "app@2.0")
        assert "package_fetched" not in gateway.log()


def test_a_phone_moves_to_another_address_and_is_not_stranded(tmp_path: Path) -> None:
    """Where nobody answers it goes back to its old account; where the gateway does, the old account is dropped.

    Spec: OMA-TS-DM_StdObj-V1_2 5.3
    """
    with serving(tmp_path, MOGATE_OMADM__PATHS='["/omadm", "/dm2"]') as gateway:
        gateway.run("device", "move", "alice.1", "http://127.0.0.1:1/dm")
        assert gateway.json("simulate", "omadm")["result"] == "ok"
        back = gateway.json("simulate", "omadm")
        assert (back["result"], back["steps"][1]["line"]) == ("ok", "no answer: the phone goes back to its old account")
        assert (last_job(gateway)["state"], last_job(gateway)["percent"]) == ("running", 75)
        gateway.run("device", "cancel", "alice.1", last_job(gateway)["id"])
        new = gateway.url("plain", "/dm2")
        flash = gateway.folder / "data" / "simulator" / "omadm.json"
        memory = json.loads(flash.read_text())
        memory["tree"] = {uri: node for uri, node in memory["tree"].items() if not uri.startswith("./DMAcc/m")
                          or uri.startswith("./DMAcc/mogate")}  # fmt: skip
        flash.write_text(json.dumps(memory))
        gateway.run("device", "move", "alice.1", new)
        assert gateway.json("simulate", "omadm")["result"] == "ok"
        moved = gateway.json("simulate", "omadm")
        assert (moved["result"], moved["steps"][0]["line"].split()[1]) == ("ok", new)
        assert (last_job(gateway)["state"], last_job(gateway)["code"]) == ("done", 212)
        assert [value for uri, value in moved["values"].items() if uri.endswith("/AppAddr/1/Addr")] == [new]
        assert not any(uri.startswith("./DMAcc/mogate") for uri in moved["values"])
        assert gateway.json("simulate", "omadm")["facts"]["commands"] == []


def test_phones_of_a_range_move_as_a_campaign_and_back(tmp_path: Path) -> None:
    """The campaign is over when they have called the other address, and its undoing when they call the one before."""
    with serving(tmp_path, MOGATE_OMADM__PATHS='["/omadm", "/dm2"]') as gateway:

        def addresses() -> list[str]:
            values = gateway.json("simulate", "omadm")["values"]
            return [value for uri, value in values.items() if uri.endswith("/AppAddr/1/Addr")]

        before, after = gateway.url("plain", "/omadm"), gateway.url("plain", "/dm2")
        assert addresses() == []
        flash = gateway.folder / "data" / "simulator" / "omadm.json"
        memory = json.loads(flash.read_text())
        account = "./DMAcc/mogate/AppAddr"
        memory["tree"] |= {
            account: ["node", None],
            f"{account}/1": ["node", None],
            f"{account}/1/Addr": ["chr", before],
        }
        flash.write_text(json.dumps(memory))
        made = gateway.json("campaign", "create", "move", "--range", "+15550100001", "--move", after)
        gateway.until(lambda: last_job(gateway)["subject"] == after)
        assert set(addresses()) == {before, after}
        assert addresses() == [after]
        gateway.until(lambda: gateway.api("GET", f"/campaigns/{made['id']}")["state"] == "finished")
        gateway.run("campaign", "undo", made["id"])
        gateway.until(lambda: last_job(gateway)["subject"] == before)
        assert set(addresses()) == {before, after}
        assert addresses() == [before]
        assert (last_job(gateway)["state"], last_job(gateway)["code"]) == ("done", 212)


def test_a_firmware_update_that_the_user_asks_for(tmp_path: Path) -> None:
    """The phone's alert starts the update that its model is said to get, in the same session.

    Spec: OMA-TS-DM_FUMO-V1_0 (userrequest)
    """
    with serving(tmp_path, MOGATE_OMADM__MODELS='[{"manufacturer": "Acme", "updates": {"*": "b7"}}]') as gateway:
        add_package(gateway, "firmware", "b7", b"B7 2.0\n")
        phone = tmp_path / "phone.json"
        kind = "org.openmobilealliance.dm.firmwareupdate.userrequest"
        phone.write_text(json.dumps({"alerts": [{"type": kind, "source": "./FUMO", "data": "", "correlator": ""}]}))
        transcript = gateway.json("simulate", "omadm", "--state", str(phone))
        assert transcript["values"]["./DevDetail/FwV"] == "B7 2.0"
        ended = last_job(gateway)
        assert (ended["subject"], ended["state"], ended["code"]) == ("b7@2.0", "done", 200)
