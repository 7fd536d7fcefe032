"""Secrets at rest."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.errors import ConfigError
from gateway.sealing import Sealer, write_secret


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    file = tmp_path / "seal.key"
    Sealer.create(file)
    return file


def test_what_is_sealed_opens_again(key_file: Path) -> None:
    """Sealing hides the secret, twice differently, and a later start of the gateway opens it."""
    first, second = (Sealer.load(key_file).seal(b"secret", "purpose") for _ in range(2))
    assert b"secret" not in first
    assert first != second
    assert Sealer.load(key_file).unseal(first, "purpose") == b"secret"


@pytest.mark.parametrize("spoil", [lambda octets: octets[:-1], lambda octets: b"", lambda octets: b"x" + octets[1:]])
def test_what_was_altered_does_not_open(key_file: Path, spoil: object) -> None:
    """A changed octet, a cut end or nothing at all is refused."""
    assert callable(spoil)
    sealer = Sealer.load(key_file)
    with pytest.raises(ConfigError, match="purpose"):
        sealer.unseal(spoil(sealer.seal(b"secret", "purpose")), "purpose")


def test_a_secret_serves_one_purpose(key_file: Path) -> None:
    """A sealed value moved to another field does not open there; derived keys differ by purpose."""
    sealer = Sealer.load(key_file)
    with pytest.raises(ConfigError):
        sealer.unseal(sealer.seal(b"secret", "one"), "other")
    assert sealer.derive("one") != sealer.derive("other")
    assert sealer.derive("one") == Sealer.load(key_file).derive("one")


def test_the_key_is_kept_and_private(key_file: Path) -> None:
    """A second init leaves the key; a key others can read, a short one and a missing one are refused."""
    before = key_file.read_bytes()
    Sealer.create(key_file)
    assert key_file.read_bytes() == before
    assert key_file.stat().st_mode & 0o777 == 0o600
    key_file.chmod(0o644)
    with pytest.raises(ConfigError, match="chmod 600"):
        Sealer.load(key_file)
    with pytest.raises(ConfigError, match="mogate init"):
        Sealer.load(key_file.with_name("absent"))
    assert write_secret(key_file.with_name("short"), b"AAAA")
    with pytest.raises(ConfigError, match="backup"):
        Sealer.load(key_file.with_name("short"))
