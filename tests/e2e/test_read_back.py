"""A phone whose tree changed, or was lost, while nobody looked."""

from __future__ import annotations

import json
from pathlib import Path

from live_gateway import serving


def test_a_phone_that_lost_its_tree_is_rebuilt(tmp_path: Path) -> None:
    """Read back by policy, a value that changed and an object that is gone are noticed, told and set again.

    What was set is read back at once, so every leaf is known from the phone itself.
    """
    env = {"MOGATE_OMADM__READ_BACK__SECONDS": "1", "MOGATE_OMADM__READ_BACK__CHANGES": "true"}
    with serving(tmp_path, **env) as gateway:
        phone = tmp_path / "phone.json"
        first = gateway.json("simulate", "omadm", "--state", str(phone))
        assert first["result"] == "ok"
        assert "Get ./3GPP_IMS/Timer_T1 200" in first["facts"]["commands"]
        leaves = gateway.json("device", "show", "alice.1")["leaves"]
        assert {leaf["standing"] for leaf in leaves} == {"read back"}
        memory = json.loads(phone.read_text())
        memory["tree"] = {uri: node for uri, node in memory["tree"].items() if not uri.startswith("./RCS")}
        memory["tree"]["./3GPP_IMS/Timer_T1"][1] = "7"
        phone.write_text(json.dumps(memory))
        again = gateway.json("simulate", "omadm", "--state", str(phone))
        assert again["result"] == "ok"
        assert {uri for uri in first["values"] if first["values"][uri] != again["values"].get(uri)} == set()
        assert "Replace ./3GPP_IMS/Timer_T1 200" in again["facts"]["commands"]
        kinds = [event["kind"] for event in gateway.json("events", "--device", "alice.1")]
        assert "value.drifted" in kinds
        assert "value.lost" in kinds
