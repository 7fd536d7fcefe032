"""A campaign by the commands users have, over a gateway that is killed in the middle of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from live_gateway import Gateway


def campaign_when(gateway: Gateway, campaign_id: str, true: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """The campaign when this is true of it."""

    def found() -> dict[str, Any] | None:
        one: dict[str, Any] = gateway.api("GET", f"/campaigns/{campaign_id}")
        return one if true(one) else None

    campaign: dict[str, Any] = gateway.until(found)
    return campaign


def test_a_campaign_goes_on_where_it_stood_and_can_be_undone(gateway: Gateway) -> None:
    """Canary first; the gateway is killed while devices wait; what was done is not done again; undo gives it back."""
    before = gateway.json("simulate", "omadm")["values"]["./3GPP_IMS/Timer_T1"]
    for number in range(4):
        gateway.api(
            "POST", "/subscribers", {"id": f"c{number}", "imsis": [f"0010100001000{number:02}"], "plan": "gold"}
        )
        gateway.api("POST", f"/subscribers/c{number}/devices", {"loc_uri": f"IMEI:{number}"})
    made = gateway.json(
        "campaign", "create", "timers", "--device", "alice.1", "--match", "plan=gold", "--set", "ims/Timer_T1=2750",
        "--groups", "1,100%", "--success", "100", "--rate", "6000",
    )  # fmt: skip
    found = campaign_when(gateway, made["id"], lambda one: one["groups"][0]["started"] == 1)
    assert (found["total"], [group["size"] for group in found["groups"]]) == (5, [1, 4])
    gateway.stop(9)
    gateway.start()
    assert gateway.json("simulate", "omadm")["values"]["./3GPP_IMS/Timer_T1"] == "2750"
    found = campaign_when(gateway, made["id"], lambda one: one["groups"][1]["started"] == 4)
    assert (found["groups"][0]["ok"], found["state"]) == (1, "running")
    assert "group 2, 4 devices: started 4" in gateway.run("campaign", "show", made["id"])
    gateway.run("campaign", "pause", made["id"])
    assert "it is paused, not running" in gateway.run("campaign", "pause", made["id"], fails=True)
    gateway.run("campaign", "undo", made["id"])
    found = campaign_when(gateway, made["id"], lambda one: one["state"] == "undone")
    assert [group["undone"] for group in found["groups"]] == [1, 4]
    assert gateway.json("simulate", "omadm")["values"]["./3GPP_IMS/Timer_T1"] == before
    assert made["id"] in gateway.run("campaign", "list")
