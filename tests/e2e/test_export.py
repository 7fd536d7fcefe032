"""What one gateway writes out, another takes over."""

from __future__ import annotations

import csv
import hashlib
import json
from base64 import b64encode
from pathlib import Path

import pytest
from live_gateway import Gateway

COUNT = 1010
"""More than are read at once."""
ODD = ("=1+1", "'=2", "@x", "+1-2", "-", 'a "b", c;d', " both ends ", "é\u4e16", "two\nlines", "x\ty", "'")
"""Texts that a table may spoil."""
WHAT = {
    "subscribers": ("subscriber", "export"),
    "devices": ("device", "export"),
    "values": ("subscriber", "export", "--values"),
}


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_a_fleet_goes_from_one_gateway_to_another(tmp_path: Path, form: str) -> None:
    """Subscribers, devices with the accounts they have, and values are the same there, text for text, and written out
    there are the same files; a file with digests is for its owner alone."""
    files = {}
    for name in ("old", "new", "again"):
        (tmp_path / name).mkdir()
        files[name] = {what: tmp_path / name / f"{what}.{form}" for what in WHAT}
    old, new = (Gateway(tmp_path / name) for name in ("old", "new"))
    try:
        for gateway in (old, new):
            gateway.run("init", "--demo")
            gateway.start()
            for one in gateway.api("GET", "/subscribers"):
                gateway.run("subscriber", "delete", one["id"])
        _fill(old, tmp_path)
        for gateway, name in ((old, "new"), (new, "again")):
            for what, command in WHAT.items():
                gateway.run(*command, str(files[name][what]))
            if gateway is old:
                for what, file in files["new"].items():
                    told = new.json("import", what, str(file))
                    assert told["outcomes"].keys() == {"created"}, told
        taken = new.api("GET", "/subscribers/e0001")
        device = new.api("GET", "/devices/e0002.1")
    finally:
        for gateway in (old, new):
            if gateway.process is not None:
                gateway.stop()
    assert (taken["attributes"], taken["groups"]) == ({"note": "=cmd|x"}, ["a", "b"])
    assert [taken["values"][f"ims/ICSI_List/{n}/ICSI"] for n in range(1, len(ODD) + 1)] == list(ODD)
    assert (device["values"], device["model"]) == ({"ims/Timer_T1": "2500"}, "=B7")
    for what, file in files["new"].items():
        assert file.read_bytes() == files["again"][what].read_bytes()
        assert file.stat().st_mode & 0o777 == 0o600
    if form == "csv":
        with files["new"]["devices"].open(newline="") as table:
            rows = list(csv.DictReader(table))
        assert len(rows) == COUNT
        digest = hashlib.md5(b"user2:c2", usedforsecurity=False).digest()
        assert rows[2]["client_digest"] == b64encode(digest).decode()
        assert {row["model"] for row in rows} == {"'=B7"}
        assert not [cell for row in rows for cell in row.values() if cell[:1] in ("=", "@")]


def _fill(gateway: Gateway, folder: Path) -> None:
    people = [
        {"id": f"e{n:04}", "msisdn": f"+1557{n:07}", "attributes": {"note": "=cmd|x"}, "groups": ["a", "b"]}
        for n in range(COUNT)
    ]
    phones = [
        {"subscriber": f"e{n:04}", "loc_uri": f"IMEI:35000001{n:06}0", "imei": f"35000001{n:06}0", "model": "=B7"}
        | {"client_name": f"user{n}", "client_password": f"c{n}", "client_nonce": "AAE=", "server_password": f"s{n}"}
        | ({"server_auth": "basic"} if n % 2 else {})
        for n in range(COUNT)
    ]
    values = [{"of": "e0001", "node": f"ims/ICSI_List/{n}/ICSI", "value": text} for n, text in enumerate(ODD, 1)]
    values += [{"of": f"e{n:04}.1", "node": "ims/Timer_T1", "value": "2500"} for n in range(2, COUNT)]
    for what, rows in (("subscribers", people), ("devices", phones), ("values", values)):
        file = folder / f"{what}.jsonl"
        file.write_text("".join(json.dumps(row) + "\n" for row in rows))
        told = gateway.json("import", what, str(file))
        assert told["outcomes"] == {"created": len(rows)}, told["failed"][:3]
