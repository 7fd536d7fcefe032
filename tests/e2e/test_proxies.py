"""The nginx and HAProxy configurations as they are shipped, running in front of a real gateway.

Only addresses, paths and names that belong to a site are replaced.
"""

from __future__ import annotations

import contextlib
import datetime
import shutil
import ssl
import subprocess
import time
from collections.abc import Iterator
from email.message import Message
from http.client import HTTPConnection, HTTPSConnection
from pathlib import Path
from typing import NamedTuple

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from live_gateway import CONFIG, Gateway, free_ports, serving

DEPLOY = CONFIG.parent / "deploy"
HOST = "config.rcs.mnc001.mcc001.pub.3gppnetwork.org"
ALICE = {"X-MSISDN": "+15550100001", "X-IMSI": "001010000000001"}
PACKET_CORE, ELSEWHERE = "127.0.0.2", "127.0.0.3"
DEADLINE_SECONDS = 60


class Answer(NamedTuple):
    """What came back."""

    status: int
    headers: Message
    body: bytes


class Front:
    """A proxy with its shipped configuration; ``core``, ``internet`` and ``operators`` are the ports of its servers."""

    shipped: Path

    def __init__(self, folder: Path, gateway: Gateway) -> None:
        self.gateway = gateway
        self.core, self.internet, self.operators = free_ports(3)
        self.folder = folder
        tls = gateway.folder / "data" / "tls"
        (folder / "server.pem").write_bytes((tls / "server.pem").read_bytes() + (tls / "server.key").read_bytes())
        text = self.shipped.read_text()
        for shipped, here in {
            "198.51.100.0/24": f"{PACKET_CORE}/32",
            "192.0.2.10:80": f"127.0.0.1:{self.core}",
            "192.0.2.20:443": f"127.0.0.1:{self.internet}",
            "192.0.2.30:443": f"127.0.0.1:{self.operators}",
            "127.0.0.1:8080": f"127.0.0.1:{gateway.ports['plain']}",
            "127.0.0.1:8443": f"127.0.0.1:{gateway.ports['tls']}",
            "127.0.0.1:8081": f"127.0.0.1:{gateway.ports['admin']}",
            "tls/mogate-ca.pem": f"{tls}/ca.pem",
            "tls/operators-ca.pem": f"{tls}/ca.pem",
        }.items():
            assert shipped in text, f"{self.shipped.name} no longer says {shipped}"
            text = text.replace(f"/etc/{self.shipped.parent.name}/{shipped}", here).replace(shipped, here)
        self.text = text
        self.trust = ssl.create_default_context(cafile=tls / "ca.pem")

    def command(self) -> list[str]:
        """Write the configuration, have it checked, and give the command that starts the proxy."""
        raise NotImplementedError

    def plain(self, source: str, headers: dict[str, str]) -> Answer:
        """The answer to a plain request that comes from that address."""
        return _ask(
            HTTPConnection("127.0.0.1", self.core, timeout=DEADLINE_SECONDS, source_address=(source, 0)), "/", headers
        )

    def secure(self, headers: dict[str, str], path: str, body: bytes | None = None) -> Answer:
        """The answer to a request over TLS, with the server's certificate verified."""
        return _ask(
            HTTPSConnection("localhost", self.internet, timeout=DEADLINE_SECONDS, context=self.trust),
            path,
            headers,
            body,
        )

    def admin(self, context: ssl.SSLContext, headers: dict[str, str]) -> Answer:
        """The answer to an operator."""
        connection = HTTPSConnection("localhost", self.operators, timeout=DEADLINE_SECONDS, context=context)
        return _ask(connection, "/api/v1/subscribers", headers)


class Nginx(Front):
    """nginx."""

    shipped = DEPLOY / "nginx" / "mogate.conf"

    def command(self) -> list[str]:
        tls, folder = self.gateway.folder / "data" / "tls", self.folder
        text = self.text
        for shipped in ("/etc/nginx/tls/mogate", "/etc/nginx/tls/admin"):
            text = text.replace(shipped, f"{tls}/server")
        (folder / "nginx.conf").write_text(
            f"daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/error.log;\n"
            "user root;\nevents { worker_connections 256; }\n"
            f"http {{ access_log off; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;\n"
            f"fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;\n{text}\n}}\n"
        )
        base = [_found("nginx"), "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", f"{folder}/error.log"]
        _check([*base, "-t"])
        return base


class Haproxy(Front):
    """HAProxy."""

    shipped = DEPLOY / "haproxy" / "haproxy.cfg"

    def command(self) -> list[str]:
        text = self.text
        for shipped in ("/etc/haproxy/tls/mogate.pem", "/etc/haproxy/tls/admin.pem"):
            assert shipped in text
            text = text.replace(shipped, f"{self.folder}/server.pem")
        # The demo's gateway has its admin listener on another port than the shipped checks ask.
        text = text.replace("check port 8081", f"check port {self.gateway.ports['admin']}")
        (self.folder / "haproxy.cfg").write_text(text)
        base = [_found("haproxy"), "-f", str(self.folder / "haproxy.cfg")]
        _check([*base, "-c"])
        return [*base, "-db"]


def _found(program: str) -> str:
    found = shutil.which(program, path="/usr/sbin:/usr/local/sbin:/usr/bin")
    assert found, f"this test needs {program}: apt-get install it"
    return found


def _check(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def _ask(connection: HTTPConnection, path: str, headers: dict[str, str], body: bytes | None = None) -> Answer:
    with contextlib.closing(connection):
        connection.request("GET" if body is None else "POST", path, body, {"Host": HOST} | headers)
        response = connection.getresponse()
        return Answer(response.status, response.headers, response.read())


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with serving(tmp_path_factory.mktemp("behind")) as one:
        yield one


@pytest.fixture(scope="module", params=[Nginx, Haproxy], ids=lambda kind: kind.__name__.lower())
def front(
    request: pytest.FixtureRequest, gateway: Gateway, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Front]:
    front: Front = request.param(tmp_path_factory.mktemp("proxy"), gateway)
    proxy = subprocess.Popen(front.command())
    try:
        _wait_until_it_listens(front)
        yield front
    finally:
        proxy.terminate()
        proxy.wait(DEADLINE_SECONDS)


def _wait_until_it_listens(front: Front) -> None:
    end = time.monotonic() + DEADLINE_SECONDS
    while time.monotonic() < end:
        with contextlib.suppress(OSError), contextlib.closing(HTTPConnection("127.0.0.1", front.core)) as connection:
            connection.connect()
            return
        time.sleep(0.02)
    raise AssertionError("the proxy does not listen")


def test_a_configuration_goes_over_both_legs(front: Front) -> None:
    """The packet core's word is passed on, the cookie comes back through, and the document arrives over TLS.

    Spec: RCC.14 2.2.1
    """
    introduced = front.plain(PACKET_CORE, ALICE)
    assert (introduced.status, introduced.body) == (200, b"")
    cookie = introduced.headers["Set-Cookie"].partition(";")[0]
    answer = front.secure({"Cookie": cookie}, "/?vers=0&IMSI=001010000000001&IMEI=001015000000072&rcs_profile=UP_2.4")
    assert answer.status == 200
    assert b'<parm name="version" value="1"/>' in answer.body


@pytest.mark.parametrize("name", ["X-MSISDN", "x-msisdn", "X_MSISDN", "X-Msisdn"])
def test_nobody_else_can_say_who_calls(front: Front, name: str) -> None:
    """From any other address the header counts for nothing, however it is spelt.

    Spec: RCC.14 2.2.1
    """
    assert front.plain(ELSEWHERE, {name: ALICE["X-MSISDN"]}).status == 511


def test_an_underscored_twin_of_a_header_proves_nothing(front: Front) -> None:
    """From the packet core, too, only the header itself counts: its twin was the phone's own."""
    assert front.plain(PACKET_CORE, {"X_MSISDN": ALICE["X-MSISDN"]}).status == 511


def test_identity_headers_are_worth_nothing_over_tls(front: Front) -> None:
    """Who comes from the Internet proves who it is, or gets nothing.

    Spec: RCC.14 2.3
    """
    assert front.secure(ALICE, "/?vers=0&IMSI=001010000000001").status in (403, 511)


def test_an_oma_dm_phone_is_challenged_through_it(front: Front) -> None:
    """A phone's message reaches the gateway and the answer has the phone's media type."""
    message = (
        b"<SyncML><SyncHdr><VerDTD>1.2</VerDTD><VerProto>DM/1.2</VerProto><SessionID>1</SessionID><MsgID>1</MsgID>"
        b"<Target><LocURI>https://dm.example.net/omadm</LocURI></Target><Source><LocURI>IMEI:1</LocURI></Source>"
        b"</SyncHdr><SyncBody><Alert><CmdID>1</CmdID><Data>1201</Data></Alert><Final/></SyncBody></SyncML>"
    )
    answer = front.secure({"Content-Type": "application/vnd.syncml.dm+xml"}, "/omadm", message)
    assert (answer.status, answer.headers["Content-Type"]) == (200, "application/vnd.syncml.dm+xml")
    assert b"<Data>407</Data>" in answer.body


def test_a_giant_body_is_refused_at_the_door(front: Front) -> None:
    """Nothing larger than the gateway would take is even waited for."""
    with contextlib.closing(
        HTTPSConnection("localhost", front.internet, timeout=DEADLINE_SECONDS, context=front.trust)
    ) as connection:
        connection.putrequest("POST", "/omadm")
        connection.putheader("Content-Length", "300000")
        connection.endheaders()
        assert connection.getresponse().status == 413


def test_operators_need_a_certificate(front: Front) -> None:
    """Without one the admin listener does not answer; with one the token is still asked for."""
    assert front.admin(front.trust, {}).status == 400
    known = _operator(front.gateway.folder / "data" / "tls")
    assert front.admin(known, {}).status == 401
    assert front.admin(known, {"Authorization": f"Bearer {front.gateway.token}"}).status == 200


def _operator(tls: Path) -> ssl.SSLContext:
    """The context of somebody with a certificate of the authority in that directory."""
    authority = x509.load_pem_x509_certificate((tls / "ca.pem").read_bytes())
    authority_key = serialization.load_pem_private_key((tls / "ca.key").read_bytes(), None)
    assert isinstance(authority_key, ec.EllipticCurvePrivateKey)
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder(
            issuer_name=authority.subject,
            subject_name=x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "operator")]),
            public_key=key.public_key(),
            serial_number=x509.random_serial_number(),
            not_valid_before=now - datetime.timedelta(minutes=1),
            not_valid_after=now + datetime.timedelta(hours=1),
        )
        .add_extension(x509.ExtendedKeyUsage([x509.ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    (tls / "operator.pem").write_bytes(
        certificate.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.create_default_context(cafile=tls / "ca.pem")
    context.load_cert_chain(tls / "operator.pem")
    return context
