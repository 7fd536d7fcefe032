"""Pushes to phones of a make that reads the specifications in a way of its own."""

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
