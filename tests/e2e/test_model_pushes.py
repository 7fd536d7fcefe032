"""Phones of a make that reads the specifications in a way of its own: how they are called, proven and let in."""

from __future__ import annotations

import hashlib
import hmac
import json
from pathlib import Path

from live_gateway import serving

ACME = {"manufacturer": "Acme", "notification_version": 12, "resync_nonce": "text", "tnds": "xml", "imsi_key": "digits"}


def test_what_is_pushed_to_a_model_is_as_that_reads_it(tmp_path: Path) -> None:
    """Version and nonce of a notification, the form of serialized objects, and how the IMSI stands in the key of a MAC;
    a phone of another make gets what the settings for all say.

    Spec: OMA-TS-DM_Notification-V1_2 6; OMA-TS-DM_Bootstrap-V1_2; OMA-WAP-TS-ProvBoot-V1_1
    """
    with serving(tmp_path, MOGATE_OMADM__MODELS=json.dumps([ACME])) as gateway:
        gateway.api("POST", "/subscribers/bob/devices", {"loc_uri": "IMEI:001015000000098", "manufacturer": "Other"})
        shown = {}
        for device in ("alice.1", "bob.1"):
            called = gateway.json("push", "notify", device, "--dry-run", "--resync")
            shown[device] = gateway.json("bootstrap", device, "--dry-run", "--profile", "dm", "--security", "netwpin")
            version = "12" if device == "alice.1" else "11"
            assert called["fields"]["version"].startswith(version)
        assert "&lt;MgmtTree" in shown["alice.1"]["document"]
        assert "&lt;MgmtTree" not in shown["bob.1"]["document"]
        body = bytes.fromhex(shown["alice.1"]["body"])
        mac = hmac.new(b"001010000000001", body, hashlib.sha1).hexdigest().upper()
        assert shown["alice.1"]["fields"]["MAC"] == mac
        body = bytes.fromhex(shown["bob.1"]["body"])
        mac = hmac.new(bytes.fromhex("0910100000000020"), body, hashlib.sha1).hexdigest().upper()
        assert shown["bob.1"]["fields"]["MAC"] == mac


def test_a_model_has_its_own_way_to_prove_itself_and_its_own_versions(tmp_path: Path) -> None:
    """An account that is made without a word on it is for the way of the model, and only one that speaks OMA DM 1.1.2
    where the settings for all keep such phones out is let in.

    Spec: OMA-TS-DM_Security-V1_2 5.3; OMA-TS-DM_RepPro-V1_2 6.1 (VerDTD)
    """
    models = json.dumps([{"manufacturer": "Acme", "auth": "basic", "legacy": True}])
    with serving(tmp_path, MOGATE_OMADM__MODELS=models, MOGATE_OMADM__LEGACY="false") as gateway:
        ways = {}
        for number, made in enumerate(("Acme", "Other")):
            body = {"loc_uri": f"IMEI:00101500000009{number}", "manufacturer": made}
            device = gateway.api("POST", "/subscribers/bob/devices", body)["device_id"]
            ways[made] = gateway.api("GET", f"/devices/{device}")["omadm"]["auth"]
        assert ways == {"Acme": "basic", "Other": "md5"}
        old = ("simulate", "omadm", "--version", "1.1")
        assert gateway.json(*old)["result"] == "ok"
        gateway.stop()
        gateway.environment["MOGATE_OMADM__MODELS"] = "[]"
        gateway.start()
        assert gateway.json(*old)["result"] == "the gateway answered SyncHdr with 505"


def test_a_model_gets_xml_without_namespaces(tmp_path: Path) -> None:
    """All that it is sent in a session, and in one that finds nothing to do; without the model's word they are there.

    Spec: OMA-TS-SyncML_RepPro-V1_2 5
    """
    models = json.dumps([{"manufacturer": "Acme", "namespaces": False}])
    with serving(tmp_path, MOGATE_OMADM__MODELS=models, MOGATE_TRACE__MODE="all") as gateway:

        def sent() -> list[bool]:
            """Of each answer that is kept whether it declares namespaces."""
            messages = [message for one in gateway.json("trace", "alice.1") for message in one["messages"]]
            return ["xmlns=" in message["raw"] for message in messages if message["direction"] == "sent"]

        for _ in range(3):
            assert gateway.json("simulate", "omadm", "--state", str(tmp_path / "phone"))["result"] == "ok"
        assert (len(sent()) > 3, any(sent())) == (True, False)
        gateway.stop()
        gateway.environment["MOGATE_OMADM__MODELS"] = "[]"
        gateway.start()
        gateway.json("simulate", "omadm", "--state", str(tmp_path / "phone"))
        assert any(sent())
