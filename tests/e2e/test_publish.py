"""Profiles that are published: shown before, and then taken by just the devices that they change."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from live_gateway import CONFIG, Gateway, serving

DEADLINE_SECONDS = 60


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Gateway]:
    """One whose profiles can be edited."""
    profiles = tmp_path / "profiles"
    shutil.copytree(CONFIG / "profiles", profiles)
    with serving(tmp_path, MOGATE_PROFILES=str(profiles)) as one:
        yield one


def test_a_published_profile_reaches_those_it_changes(gateway: Gateway) -> None:
    """A dry run says how many and who, and serves nothing; the campaign is over when each of them has called."""
    assert gateway.json("simulate", "omadm")["result"] == "ok"
    before = gateway.json("simulate", "omadm")["values"]["./3GPP_IMS/Timer_T1"]
    text = 'name = "zz"\nlayer = "plan"\n[match]\nplan = "premium"\n[mo.ims]\nTimer_T1 = 2900\n'
    (gateway.folder / "profiles" / "zz.toml").write_text(text)
    shown = gateway.json("profile", "publish", "--dry-run")
    assert (shown["count"], shown["sample"], shown["campaign"]) == (1, ["alice.1"], "")
    assert gateway.json("simulate", "omadm")["values"]["./3GPP_IMS/Timer_T1"] == before
    assert "by campaign c" in gateway.run("profile", "publish", "--over", "0")
    (campaign,) = gateway.api("GET", "/campaigns")
    assert campaign["name"] == f"profiles {shown['digest']}"
    assert gateway.json("simulate", "omadm")["values"]["./3GPP_IMS/Timer_T1"] == "2900"
    ends = time.monotonic() + DEADLINE_SECONDS
    while (found := gateway.api("GET", f"/campaigns/{campaign['id']}"))["state"] != "finished":
        assert time.monotonic() < ends, found
        time.sleep(0.1)
    assert (found["groups"][0]["ok"], found["total"]) == (1, 1)
    again = gateway.json("profile", "publish")
    assert (again["count"], again["campaign"]) == (0, "")
    (gateway.folder / "profiles" / "zz.toml").write_text(text.replace("2900", '"many"'))
    assert "zz.toml:6" in gateway.run("profile", "publish", fails=True)
