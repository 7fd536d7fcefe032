"""The demo's certificates: good enough for a strict client, and of no use elsewhere."""

from __future__ import annotations

import stat
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from gateway.serving.demo_tls import ensure_demo_certificates

NOW = datetime(2026, 1, 2, tzinfo=UTC)
HOSTS = ("config.rcs.mnc001.mcc001.pub.3gppnetwork.org", "localhost")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    ensure_demo_certificates(tmp_path / "tls", HOSTS, NOW)
    return tmp_path / "tls"


def verify(folder: Path, name: x509.DNSName | x509.IPAddress, at: datetime = NOW) -> None:
    certificate = x509.load_pem_x509_certificate((folder / "server.pem").read_bytes())
    authority = x509.load_pem_x509_certificate((folder / "ca.pem").read_bytes())
    PolicyBuilder().store(Store([authority])).time(at).build_server_verifier(name).verify(certificate, [])


@pytest.mark.parametrize(
    "name", [*map(x509.DNSName, HOSTS), x509.IPAddress(ip_address("127.0.0.1")), x509.IPAddress(ip_address("::1"))]
)
def test_the_server_certificate_verifies_by_every_name(folder: Path, name: x509.DNSName | x509.IPAddress) -> None:
    """A verifier that applies the rules of the web accepts it for each name, against the demo CA alone."""
    verify(folder, name)


def test_it_is_good_for_nothing_else(folder: Path) -> None:
    """Another name, or a time after its end, is refused; the CA signs no further CA."""
    with pytest.raises(VerificationError):
        verify(folder, x509.DNSName("example.net"))
    with pytest.raises(VerificationError):
        verify(folder, x509.DNSName(HOSTS[0]), NOW + timedelta(days=398))
    authority = x509.load_pem_x509_certificate((folder / "ca.pem").read_bytes())
    assert authority.extensions.get_extension_for_class(x509.BasicConstraints).value.path_length == 0


def test_keys_fit_and_are_for_this_user_alone(folder: Path) -> None:
    """Each key is the one its certificate names, readable by nobody else."""
    for name in ("ca", "server"):
        key = load_pem_private_key((folder / f"{name}.key").read_bytes(), None)
        certificate = x509.load_pem_x509_certificate((folder / f"{name}.pem").read_bytes())
        assert key.public_key() == certificate.public_key()
        assert stat.S_IMODE((folder / f"{name}.key").stat().st_mode) == 0o600


@pytest.mark.parametrize(("days", "renewed"), [(1, False), (366, False), (368, True), (500, True)])
def test_a_server_certificate_is_renewed_near_its_end(folder: Path, days: int, renewed: bool) -> None:
    """Within 30 days of its end a new one is made by the same CA; before, everything stays as it is."""
    before = {file.name: file.read_bytes() for file in folder.iterdir()}
    ensure_demo_certificates(folder, HOSTS, NOW + timedelta(days=days))
    after = {file.name: file.read_bytes() for file in folder.iterdir()}
    changed = {name for name in before if before[name] != after[name]}
    assert changed == ({"server.pem", "server.key"} if renewed else set())
    verify(folder, x509.DNSName(HOSTS[0]), NOW + timedelta(days=days))


def test_an_interrupted_run_is_made_good(folder: Path) -> None:
    """Keys whose certificates were never written are replaced together with them."""
    (folder / "ca.pem").unlink()
    (folder / "server.pem").unlink()
    ensure_demo_certificates(folder, HOSTS, NOW)
    for name in ("ca", "server"):
        key = load_pem_private_key((folder / f"{name}.key").read_bytes(), None)
        certificate = x509.load_pem_x509_certificate((folder / f"{name}.pem").read_bytes())
        assert key.public_key() == certificate.public_key()
    verify(folder, x509.DNSName(HOSTS[0]))
