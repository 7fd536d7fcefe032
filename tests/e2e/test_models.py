"""What phones of one model refuse is not tried on the others of it."""

from __future__ import annotations

from pathlib import Path

from live_gateway import serving

COPY = {"verb": "Copy", "uri": "./Vendor/Copy", "source": "./DevInfo/Lang"}


def test_what_phones_of_a_model_refuse_is_not_tried_on_the_others(tmp_path: Path) -> None:
    """One that answers 406 speaks for its model where one is enough; an operator's word goes before that, both ways.

    Spec: OMA-TS-DM_RepPro-V1_2 6.6 (406)
    """
    with serving(tmp_path, MOGATE_OMADM__MODEL_REFUSALS="1") as gateway:
        other = {"loc_uri": "IMEI:001015000000098", "manufacturer": "Acme", "model": "B7"}
        gateway.api("POST", "/subscribers/bob/devices", other)
        gateway.api("POST", "/devices/alice.1/operations", COPY)
        asked = gateway.json("simulate", "omadm", "--lacks", "Copy")["facts"]["commands"]
        assert [one[-3:] for one in asked if one.startswith("Copy")] == ["406"]
        (learnt,) = gateway.json("model", "list")
        said = {"verb": "Copy", "refused_by": 1, "word": None, "held_back": True}
        assert learnt == {"manufacturer": "Acme", "model": "B7", "findings": [said]}
        assert gateway.api("GET", "/devices/bob.1")["omadm"]["spared_verbs"] == ["Copy"]
        assert "others of its model do not: Copy" in gateway.run("device", "show", "bob.1")
        assert "sent" in gateway.run("model", "say", "Acme", "B7", "Copy", "forget")
        assert gateway.api("GET", "/devices/bob.1")["omadm"]["spared_verbs"] == []

        for word in ("lacks", "has"):
            gateway.run("model", "say", "acme", "b7", "Copy", word)
            operation = gateway.api("POST", "/devices/alice.1/operations", COPY)["id"]
            commands = gateway.json("simulate", "omadm")["facts"]["commands"]
            assert any("Copy" in command for command in commands) is (word == "has")
            shown = gateway.api("GET", "/devices/alice.1")["operations"]
            assert next(one["status"] == 406 for one in shown if one["id"] == operation) is (word == "lacks")
