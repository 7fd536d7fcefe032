"""What phones of one model refuse is not tried on the others of it."""

from __future__ import annotations

import asyncio
from pathlib import Path

from live_gateway import Gateway, serving

from adapters.simulator.omadm_device import run_session
from gateway.datadir import DemoPhone

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
        assert (learnt["manufacturer"], learnt["model"]) == ("Acme", "B7")
        assert said in learnt["findings"]
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


def session(gateway: Gateway, number: int, limits: tuple[int, int, int]) -> list[str]:
    """What a new phone of bob's is asked in its first session; nothing of it is refused."""
    name = f"IMEI:00101500000{number:04}"
    made = gateway.api("POST", "/subscribers/bob/devices", {"loc_uri": name, "manufacturer": "Acme", "model": "B7"})
    account = {key: made[key] for key in ("client_name", "client_password", "server_name", "server_password")}
    phone = DemoPhone(loc_uri=name, imei="", manufacturer="Acme", model="B7", server_id="mogate", **account)
    state = gateway.folder / f"phone{number}.json"
    done = asyncio.run(run_session(phone, gateway.url("plain", "/omadm"), state, uri_limits=limits)).as_json()
    assert done["result"] == "ok"
    commands: list[str] = done["facts"]["commands"]
    assert not any(command.endswith(" 414") for command in commands)
    return commands


def test_a_phone_of_a_known_model_is_not_asked_for_its_limits(tmp_path: Path) -> None:
    """What keeps to those of its model is sent without a question; what does not waits for its own answer.

    Spec: OMA-TS-DM_StdObj-V1_2 5.2 (MaxDepth, MaxTotLen, MaxSegLen)
    """
    with serving(tmp_path, MOGATE_OMADM__MODEL_REFUSALS="1") as gateway:
        assert any("DevDetail/URI/MaxDepth" in command for command in session(gateway, 101, (9, 0, 50)))
        (learnt,) = gateway.json("model", "list")
        held = {one["verb"] for one in learnt["findings"] if one["held_back"]}
        assert held >= {"MaxDepth=9", "MaxTotLen=0", "MaxSegLen=50", "LrgObj=true"}
        assert not any("DevDetail/URI" in command for command in session(gateway, 102, (9, 0, 50)))

        assert "are asked for" in gateway.run("model", "say", "Acme", "B7", "limits", "forget")
        assert any("DevDetail/URI/MaxDepth" in command for command in session(gateway, 103, (4, 0, 18)))
        tight = session(gateway, 104, (9, 0, 50))
        assert any("DevDetail/URI/MaxDepth" in command for command in tight)
        assert any("./3GPP_IMS/Private_user_identity" in command for command in tight)
