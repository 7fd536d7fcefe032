"""Four eyes over a campaign, by the commands that people have."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from live_gateway import Gateway, serving


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway whose campaigns need approval."""
    folder = tmp_path_factory.mktemp("gateway")
    with serving(folder, MOGATE_ADMIN__CAMPAIGN_APPROVAL="required") as one:
        one.json("simulate", "omadm")
        yield one


class Program:
    """Commands of a program with a token of its own, for that role."""

    def __init__(self, gateway: Gateway, name: str, role: str) -> None:
        self._gateway = gateway
        self._token = gateway.api("POST", "/tokens", {"name": name, "role": role})["token"]

    def run(self, *arguments: str) -> tuple[int, str]:
        done = self._gateway.done(*arguments, MOGATE_ADMIN__TOKEN=self._token)
        return done.returncode, done.stdout + done.stderr


def waiting(gateway: Gateway, campaign_id: str) -> dict[str, Any]:
    def found() -> dict[str, Any] | None:
        one: dict[str, Any] = gateway.api("GET", f"/campaigns/{campaign_id}")
        return one if one["state"] == "waiting" else None

    campaign: dict[str, Any] = gateway.until(found)
    return campaign


def test_a_campaign_begins_once_somebody_else_approved_it(gateway: Gateway) -> None:
    """Who made it, and who lacks the permission, cannot let it begin; what it would do is there to be looked at; and
    who approved it is in the log of events and of changes.
    """
    noc, other = Program(gateway, "noc", "noc"), Program(gateway, "other", "noc")
    planner = Program(gateway, "planner", "provisioning")
    status, said = noc.run("campaign", "create", "timers", "--device", "alice.1", "--set", "ims/Timer_T1=2750")
    assert status == 0, said
    campaign_id = said.split()[1]
    found = waiting(gateway, campaign_id)
    assert (found["total"], found["values"], found["authors"]) == (1, {"ims/Timer_T1": "2750"}, ["token:noc"])
    assert "needs the approval of somebody else" in noc.run("campaign", "approve", campaign_id)[1]
    assert "the permission approvals:write" in planner.run("campaign", "approve", campaign_id)[1]
    assert "it is waiting, not paused" in other.run("campaign", "resume", campaign_id)[1]
    assert gateway.json("simulate", "omadm")["values"]["./3GPP_IMS/Timer_T1"] != "2750"
    status, said = other.run("--reason", "CHG-17", "campaign", "approve", campaign_id)
    assert status == 0, said
    assert "approved by token:other" in said
    gateway.until(lambda: gateway.api("GET", f"/campaigns/{campaign_id}")["groups"][0]["started"])
    assert gateway.json("simulate", "omadm")["values"]["./3GPP_IMS/Timer_T1"] == "2750"
    gateway.until(lambda: gateway.api("GET", f"/campaigns/{campaign_id}")["state"] == "finished")
    (entry,) = gateway.api("GET", f"/audit?subject={campaign_id}&action=approve_campaign&who=token:other")
    assert (entry["reason"], entry["before"]["state"]) == ("CHG-17", "waiting")
    (told,) = [one for one in gateway.api("GET", "/events?limit=1000") if one["kind"] == "campaign.approved"]
    assert (told["detail"]["campaign"], told["detail"]["by"]) == (campaign_id, "token:other")


def test_a_change_needs_approval_again_and_a_rejection_says_why(gateway: Gateway) -> None:
    """An approval is of what was looked at, not of what became of it since. Who reads the campaign reads the reason."""
    noc, other = Program(gateway, "first", "noc"), Program(gateway, "second", "noc")
    made = gateway.json(
        "campaign", "create", "reads", "--device", "alice.1", "--paused",
        "--operations", str(_operations(gateway)), "--rate", "1",
    )  # fmt: skip
    found = waiting(gateway, made["id"])
    assert [(one["verb"], one["uri"]) for one in found["asks"]] == [("Get", "./DevDetail/SwV")]
    assert noc.run("campaign", "approve", made["id"])[0] == 0
    assert gateway.api("GET", f"/campaigns/{made['id']}")["state"] == "paused"
    assert noc.run("campaign", "change", made["id"], "--rate", "6000", "--window", "01:00-05:00")[0] == 0
    found = waiting(gateway, made["id"])
    assert (found["rate_per_minute"], found["window"]["end"], found["approval"]) == (6000, "05:00:00", None)
    assert "needs the approval of somebody else" in noc.run("campaign", "approve", made["id"])[1]
    assert "say why" in other.run("campaign", "reject", made["id"])[1]
    assert other.run("--reason", "not at night", "campaign", "reject", made["id"])[0] == 0
    assert "rejected by token:second: not at night" in gateway.run("campaign", "show", made["id"])


def _operations(gateway: Gateway) -> Any:
    file = gateway.folder / "operations.json"
    file.write_text('[{"verb": "Get", "uri": "./DevDetail/SwV"}]')
    return file
