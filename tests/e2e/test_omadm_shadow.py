"""MOGate beside another OMA DM server, which is a second gateway: a phone calls it through the first."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from live_gateway import Gateway, free_ports, serving

TIMER = "./3GPP_IMS/Timer_T1"


class Site(NamedTuple):
    """The other server, and the gateway beside it, which the phone knows as its server."""

    old: Gateway
    new: Gateway
    phone: Path

    def session(self, *options: str) -> dict[str, Any]:
        """One session of the phone with the other server."""
        done = self.old.done("simulate", "omadm", "--json", *options, MOGATE_CONFIG=str(self.phone))
        return dict(json.loads(done.stdout))

    def finding(self) -> dict[str, Any]:
        """What is found of the phone, which is forgotten."""
        (found,) = self.new.until(lambda: self.new.api("GET", "/shadow?protocol=omadm"))
        assert self.new.api("DELETE", "/shadow") == {"count": 1}
        return dict(found)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Two gateways that are set up alike, and a phone of the first that finds the second at its address."""
    (port,) = free_ports(1)
    with serving(tmp_path_factory.mktemp("old")) as old:
        phone = old.folder / "phone.toml"
        phone.write_text(old.settings.read_text().replace(f":{old.ports['plain']}", f":{port}"))
        new = Gateway(tmp_path_factory.mktemp("new"))
        new.settings.write_text(
            f"{new.settings.read_text()}\n"
            f'[[listeners]]\nname = "beside"\naddress = "127.0.0.1:{port}"\nserves = ["omadm-shadow"]\n'
            f'[omadm.old_server]\nurl = "{old.url("plain")}"\ntimeout_seconds = 30\n'
        )
        new.run("init", "--demo")
        new.start()
        yield Site(old, new, phone)
        assert new.stop() == 0
        assert '"level":"error"' not in new.log(), new.log()[-3000:]


def test_the_old_server_manages_the_phone_and_differences_are_told(site: Site) -> None:
    """A first session, in XML: all goes as without a gateway in between, both sides proven. What the other server told
    otherwise is found, by node; no device, mirror or event of this gateway's changes."""
    site.old.run("set", "alice", "ims/Timer_T1=3000")
    before = site.new.api("GET", "/devices/alice.1"), site.new.api("GET", "/events?limit=1000")
    done = site.session()
    assert (done["result"], done["values"][TIMER]) == ("ok", "3000")
    site.new.until(lambda: site.new.api("GET", "/shadow?protocol=omadm"))
    listed = site.new.run("shadow", "list", "--protocol", "omadm", "--outcome", "differing")
    assert f"changed: {TIMER}: '3000' there, '2000' here" in listed
    found = site.finding()
    assert (found["outcome"], found["subscriber"], found["device"]) == ("differing", "alice", "alice.1")
    assert [one for one in found["differences"] if one["kind"] != "unseen"] == [
        {"kind": "changed", "place": TIMER, "theirs": "3000", "ours": "2000"}
    ]
    assert (site.new.api("GET", "/devices/alice.1"), site.new.api("GET", "/events?limit=1000")) == before


def test_wbxml_and_macs_go_through_as_they_are(site: Site) -> None:
    """A session in WBXML that is signed in both directions: one octet that changed would break it."""
    site.new.run("set", "alice", "ims/Timer_T1=3500")
    site.old.run("set", "alice", "ims/Timer_T1=3500")
    done = site.session("--wbxml", "--auth", "mac")
    assert (done["result"], done["values"][TIMER]) == ("ok", "3500")
    found = site.finding()
    assert (found["protocol"], found["outcome"]) == ("omadm", "same")


def test_without_the_old_server_the_phone_hears_so(site: Site) -> None:
    """503; the gateway does not answer in its place."""
    site.old.stop()
    assert "503" in site.session()["result"]
    site.old.start()
