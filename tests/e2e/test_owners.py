"""One phone with two stacks: which protocol owns an object is said once, and neither undoes what the other set."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from live_gateway import CONFIG, Gateway, serving
from rcc14_caller import Caller, Subscriber

ALICE = Subscriber("alice", "001010000000001", "+15550100001", "001015000000015")
"""With the phone that is her OMA DM device."""
TIMER = "Timer_T1"


class Phone:
    """Both stacks of the phone, and the values that they were brought."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway
        self._client = Caller(gateway)

    def over_omadm(self) -> tuple[str, list[str]]:
        """What its tree holds after a session, and the commands of the session that were about the IMS object."""
        said: dict[str, Any] = self.gateway.json("simulate", "omadm")
        assert said["result"] == "ok"
        (held,) = [value for uri, value in said["values"].items() if uri.endswith(f"IMS/{TIMER}")]
        return held, [one for one in said["facts"]["commands"] if "IMS" in one and not one.startswith("Get")]

    def over_rcc14(self) -> tuple[str | None, int]:
        """What its document says, None where that is without the IMS application, and its version."""
        heard = self._client.configure(ALICE, "vers=0&rcs_profile=UP_2.4&provisioning_version=5.0")
        said = [value for path, value in heard.parms.items() if path.endswith(f"/{TIMER}")]
        return (said[0] if said else None), heard.version

    def owner(self) -> dict[str, str]:
        """Who owns the IMS object on it."""
        owners = self.gateway.api("GET", "/devices/alice.1")["owners"]
        return {one["mo"]: one["protocol"] for one in owners}


@pytest.fixture
def phone(tmp_path: Path) -> Iterator[Phone]:
    """A gateway whose profiles may be edited, and Alice's phone."""
    shutil.copytree(CONFIG / "profiles", tmp_path / "profiles")
    with serving(tmp_path, MOGATE_PROFILES=str(tmp_path / "profiles")) as gateway:
        yield Phone(gateway)


def _let_own(phone: Phone, protocol: str) -> None:
    text = f'name = "stacks"\nlayer = "operator"\n[owners]\nims = "{protocol}"\n'
    (phone.gateway.folder / "profiles" / "stacks.toml").write_text(text)
    assert phone.gateway.api("POST", "/reload")["changed"]


def test_two_stacks_do_not_fight_over_one_value(phone: Phone) -> None:
    """The owner brings a change; the other stack gets neither a command nor an application for it, and when the owner
    changes, so does who brings the next one. Nothing is deleted on the phone for it."""
    _let_own(phone, "rcc14")
    # Met over OMA DM alone: nobody else could bring it.
    held, commands = phone.over_omadm()
    assert (held, bool(commands), phone.owner()) == ("2000", True, {})
    said, version = phone.over_rcc14()
    assert (said, phone.owner()) == ("2000", {"ims": "rcc14"})

    phone.gateway.run("set", "alice.1", f"ims/{TIMER}=3000")
    assert phone.over_omadm() == ("2000", [])
    assert phone.over_rcc14() == ("3000", version + 1)
    assert phone.over_omadm() == ("2000", [])

    _let_own(phone, "omadm")
    assert phone.owner() == {"ims": "omadm"}
    assert phone.over_rcc14() == (None, version + 2)
    held, commands = phone.over_omadm()
    assert (held, len(commands)) == ("3000", 1)
    phone.gateway.run("set", "alice.1", f"ims/{TIMER}=4000")
    assert phone.over_rcc14() == (None, version + 2)
    assert phone.over_omadm()[0] == "4000"
    assert phone.over_omadm() == ("4000", [])
