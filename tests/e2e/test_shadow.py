"""MOGate beside another RCC.14 server, which is a second gateway: nginx as it is shipped in front of both."""

from __future__ import annotations

import contextlib
import shutil
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator
from http.client import HTTPConnection, HTTPSConnection
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from live_gateway import CONFIG, Gateway, free_ports, serving
from rcc14_caller import Caller

SHIPPED = CONFIG.parent / "deploy" / "nginx" / "shadow.conf"
HOST = "config.rcs.mnc001.mcc001.pub.3gppnetwork.org"
PACKET_CORE = "127.0.0.2"
DEADLINE_SECONDS = 60


class Phone(NamedTuple):
    """A phone with its SIM."""

    imsi: str
    msisdn: str
    imei: str


ALICE = Phone("001010000000001", "+15550100001", "001015000000072")
BOB = Phone("001010000000002", "+15550100002", "001015000000080")
DAVE = Phone("001010000000009", "+15550100009", "001015000000098")


class Site(NamedTuple):
    """The other server, the gateway beside it, and what clients reach."""

    old: Gateway
    new: Gateway
    plain: int
    secure: int
    trust: ssl.SSLContext

    def configure(self, phone: Phone) -> tuple[int, bytes]:
        """What a phone on mobile data gets, by both legs."""
        names = {"Host": HOST, "X-IMSI": phone.imsi, "X-MSISDN": phone.msisdn}
        core = HTTPConnection("127.0.0.1", self.plain, timeout=DEADLINE_SECONDS, source_address=(PACKET_CORE, 0))
        with contextlib.closing(core):
            core.request("GET", "/", headers=names)
            answer = core.getresponse()
            answer.read()
            cookie = answer.headers.get("Set-Cookie", "").partition(";")[0]
        tls = HTTPSConnection("localhost", self.secure, timeout=DEADLINE_SECONDS, context=self.trust)
        with contextlib.closing(tls):
            # Without IMSI: whose it is, the cookie says.
            target = f"/?vers=0&IMEI={phone.imei}&rcs_profile=UP_2.4&provisioning_version=5.0"
            tls.request("GET", target, headers={"Host": HOST, "Cookie": cookie})
            document = tls.getresponse()
            return document.status, document.read()


def _wait(condition: Callable[[], Any], what: str) -> Any:
    end = time.monotonic() + DEADLINE_SECONDS
    while time.monotonic() < end:
        if found := condition():
            return found
        time.sleep(0.05)
    raise AssertionError(f"waited in vain for {what}")


def _listens(port: int) -> bool:
    with contextlib.suppress(OSError), contextlib.closing(HTTPConnection("127.0.0.1", port)) as connection:
        connection.connect()
        return True
    return False


def _settings(old: Gateway, ports: list[int]) -> str:
    return f"""
[[listeners]]
name = "shadow-plain"
address = "127.0.0.1:{ports[0]}"
serves = ["rcc14-shadow-http"]
trusted_gateways = ["127.0.0.1/32"]
trusted_proxies = ["127.0.0.1/32"]

[[listeners]]
name = "shadow-tls"
address = "127.0.0.1:{ports[1]}"
serves = ["rcc14-shadow-https"]
certificate = "tls/server.pem"
key = "tls/server.key"
trusted_proxies = ["127.0.0.1/32"]

[rcc14.old_server]
http = "{old.url("plain")}"
https = "{old.url("tls")}"
authority = "{old.folder}/data/tls/ca.pem"
server_name = "localhost"
"""


def _nginx(folder: Path, old: Gateway, new: Gateway, ports: list[int]) -> list[str]:
    """The command that starts nginx with the shipped configuration, this site's addresses put in."""
    authorities = folder / "authorities.pem"
    authorities.write_text("".join((one.folder / "data/tls/ca.pem").read_text() for one in (old, new)))
    text = SHIPPED.read_text()
    for shipped, here in {
        "198.51.100.0/24": f"{PACKET_CORE}/32",
        "192.0.2.10:80": f"127.0.0.1:{ports[2]}",
        "192.0.2.20:443": f"127.0.0.1:{ports[3]}",
        "192.0.2.40:80": f"127.0.0.1:{old.ports['plain']}",
        "192.0.2.40:443": f"127.0.0.1:{old.ports['tls']}",
        "127.0.0.1:8090": f"127.0.0.1:{ports[0]}",
        "127.0.0.1:8491": f"127.0.0.1:{ports[1]}",
        f"proxy_ssl_name {HOST}": "proxy_ssl_name localhost",
        "/etc/nginx/tls/authorities.pem": str(authorities),
        "/etc/nginx/tls/mogate": f"{new.folder}/data/tls/server",
    }.items():
        assert shipped in text, f"{SHIPPED.name} no longer says {shipped}"
        text = text.replace(shipped, here)
    (folder / "nginx.conf").write_text(
        f"daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/error.log;\n"
        "user root;\nevents { worker_connections 256; }\n"
        f"http {{ access_log off; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;\n"
        f"fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;\n{text}\n}}\n"
    )
    program = shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/usr/bin")
    assert program, "this test needs nginx: apt-get install it"
    return [program, "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", f"{folder}/error.log"]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Two gateways that are set up alike, but for what the test changes, and nginx in front of the second."""
    ports = free_ports(4)
    folder = tmp_path_factory.mktemp("nginx")
    with serving(tmp_path_factory.mktemp("old")) as old:
        new = Gateway(tmp_path_factory.mktemp("new"))
        new.settings.write_text(new.settings.read_text() + _settings(old, ports))
        new.run("init", "--demo")
        new.start()
        proxy = subprocess.Popen(_nginx(folder, old, new, ports))
        try:
            _wait(lambda: _listens(ports[3]), "nginx")
            trust = ssl.create_default_context(cafile=new.folder / "data/tls/ca.pem")
            yield Site(old, new, ports[2], ports[3], trust)
        finally:
            proxy.terminate()
            proxy.wait(30)
            if new.process is not None:
                assert new.stop() == 0
        assert '"level":"error"' not in new.log(), new.log()[-3000:]


def test_the_old_server_answers_and_differences_are_told(site: Site) -> None:
    """Clients get what the other server says; what the gateway would have said otherwise is told, and nothing else is
    left behind: no device, no event, no version."""
    site.old.api("POST", "/subscribers", {"id": "dave", "imsis": [DAVE.imsi], "msisdn": DAVE.msisdn, "plan": "basic"})
    site.old.run("set", "alice", "ims/Timer_T1=3000")
    before = site.new.api("GET", "/devices"), site.new.api("GET", "/events?limit=1000")

    for phone in (ALICE, BOB, DAVE):
        status, document = site.configure(phone)
        assert status == 200
        assert b'<parm name="version" value="1"/>' in document
    assert b'name="Timer_T1" value="3000"' in site.configure(ALICE)[1]

    summary = _wait(
        lambda: (found := site.new.json("shadow", "summary"))["outcomes"]["unknown"] and found, "the last finding"
    )
    assert summary["outcomes"] == {"same": 1, "differing": 1, "unknown": 1, "unchanged": 0, "not_compared": 0}
    (place,) = summary["places"]
    assert (place["kind"], place["clients"]) == ("changed", 1)
    assert place["place"].endswith("/Timer_T1")
    assert place["samples"] == [{"subscriber": "alice", "theirs": "3000", "ours": "2000"}]
    assert "'3000' there, '2000' here" in site.new.run("shadow", "list", "--outcome", "differing")
    (unknown,) = site.new.api("GET", "/shadow?outcome=unknown")
    assert unknown["subscriber"] == DAVE.imsi

    assert (site.new.api("GET", "/devices"), site.new.api("GET", "/events?limit=1000")) == before
    assert "3 findings are forgotten" in site.new.run("shadow", "clear")
    assert site.new.json("shadow", "list") == []


def test_a_mended_profile_makes_the_difference_go(site: Site) -> None:
    """The finding of a client is replaced when it comes again: what is left is what differs now."""
    site.new.run("set", "alice", "ims/Timer_T1=3000")
    site.new.run("shadow", "clear")
    site.configure(ALICE)
    summary = _wait(
        lambda: sum((found := site.new.json("shadow", "summary"))["outcomes"].values()) and found, "the finding"
    )
    assert summary["outcomes"]["same"] == 1
    assert summary["places"] == []


def test_a_service_that_is_off_there_and_on_here_differs(site: Site) -> None:
    """What VERS says of the service is compared too."""
    Caller(site.old).admin("PUT", "/subscribers/bob/state", {"state": "disabled_permanently"})
    site.new.run("shadow", "clear")
    site.configure(BOB)
    (found,) = _wait(lambda: site.new.api("GET", "/shadow"), "the finding")
    assert [(one["kind"], one["theirs"], one["ours"]) for one in found["differences"]] == [("state", "-1", "active")]


def test_clients_are_served_while_the_gateway_is_down(site: Site) -> None:
    """The shipped configuration asks the other server itself when nobody stands in between."""
    assert site.new.stop() == 0
    status, document = site.configure(ALICE)
    assert status == 200
    assert b"Timer_T1" in document
    site.new.start()
