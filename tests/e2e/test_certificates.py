"""A phone that proves itself by its TLS certificate, in real handshakes."""

from __future__ import annotations

import datetime
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from live_gateway import Gateway

from adapters.simulator.omadm_device import run_session
from gateway.datadir import DemoPhone
from gateway.errors import Unavailable

PHONE = "IMEI:001015000000023"
PEM = serialization.Encoding.PEM


class Authority:
    """Issues certificates to phones."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder, self._key = folder, ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.certificate = self._sign(self._name, self._key, ca=True)

    def phone(self, common_name: str, file: str) -> Path:
        """A file with a new certificate and its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name(
            [
                x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Acme"),
                x509.NameAttribute(NameOID.COMMON_NAME, common_name),
            ]
        )
        secret = key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        (self._folder / file).write_bytes(secret + self._sign(name, key, ca=False).public_bytes(PEM))
        return self._folder / file

    def _sign(self, name: x509.Name, key: ec.EllipticCurvePrivateKey, *, ca: bool) -> x509.Certificate:
        now = datetime.datetime.now(datetime.UTC)
        builder = x509.CertificateBuilder(self._name, name, key.public_key(), x509.random_serial_number())
        builder = builder.not_valid_before(now - datetime.timedelta(days=1))
        builder = builder.not_valid_after(now + datetime.timedelta(days=1))
        builder = builder.add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        return builder.sign(self._key, hashes.SHA256())


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path, "Phones of Acme")


@pytest.fixture
def trusting(tmp_path: Path, authority: Authority) -> Iterator[Gateway]:
    """A gateway whose TLS listener takes the certificates of that authority."""
    gateway = Gateway(tmp_path)
    text = gateway.settings.read_text()
    key = 'key = "tls/server.key"\n'
    gateway.settings.write_text(text.replace(key, key + 'client_ca = "tls/phones.pem"\n'))
    gateway.run("init", "--demo")
    (tls,) = gateway.folder.rglob("server.key")
    (tls.parent / "phones.pem").write_bytes(authority.certificate.public_bytes(PEM))
    gateway.start()
    yield gateway
    assert gateway.stop() == 0


async def test_a_phone_is_known_by_the_subject_of_its_certificate(
    trusting: Gateway, authority: Authority, tmp_path: Path
) -> None:
    """A certificate that the authority issued to that subject proves the phone, and nothing else does.

    Not one issued to another, none of another authority, and no password without a certificate. Spec:
    OMA-TS-DM_Security-V1_2 5.2
    """
    subject = f"CN={PHONE},O=Acme"
    added = ("device", "add", "alice", "--loc-uri", PHONE, "--certificate-subject", subject, "--certificate-required")
    made = trusting.json(*added)
    account = DemoPhone(
        loc_uri=PHONE,
        imei="",
        manufacturer="Acme",
        server_id="mogate",
        model="B7",
        client_name=made["client_name"],
        client_password=made["client_password"],
        server_name=made["server_name"],
        server_password=made["server_password"],
    )
    url = trusting.url("tls", "/omadm")
    (ca,) = trusting.folder.rglob("ca.pem")

    async def outcome(certificate: Path | None) -> str:
        context = ssl.create_default_context(cafile=str(ca))
        if certificate is not None:
            context.load_cert_chain(certificate)
        try:
            return (await run_session(account, url, tmp_path / "phone.json", tls=context)).result
        except Unavailable:
            return "no handshake"

    assert await outcome(authority.phone(PHONE, "right.pem")) == "ok"
    assert trusting.json("device", "show", made["device_id"])["omadm"]["up_to_date"]
    assert await outcome(authority.phone(PHONE, "renewed.pem")) == "ok"
    assert await outcome(None) == "the gateway refused the phone: 401"
    assert await outcome(authority.phone("IMEI:001015000000031", "other.pem")) == "the gateway refused the phone: 401"
    forged = Authority(tmp_path, "Phones of Acme").phone(PHONE, "forged.pem")
    assert await outcome(forged) == "no handshake"
