"""Secrets at rest: sealed with the gateway's own key, which lives in the data directory and nowhere else."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import secrets
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from gateway.errors import ConfigError

_KEY_BYTES = 32
_NONCE_BYTES = 12


class Sealer:
    """Seals and opens small secrets (AES-256-GCM), and derives keys for message authentication."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._cipher = AESGCM(key)

    @classmethod
    def load(cls, path: Path) -> Sealer:
        """The sealer whose key is kept in that file.

        Raises: ConfigError when the file is missing, is readable by others, or holds no key.
        """
        try:
            mode = path.stat().st_mode
            text = path.read_text(encoding="ascii")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"no key to open secrets with ({error}); `mogate init` creates one", file=path) from None
        if mode & 0o077:
            raise ConfigError("other users may read the key; run `chmod 600` on it", file=path)
        try:
            key = base64.b64decode(text, validate=False)
        except binascii.Error:
            key = b""
        if len(key) != _KEY_BYTES:
            raise ConfigError(f"does not hold {_KEY_BYTES} base64 octets; restore it from a backup", file=path)
        return cls(key)

    @staticmethod
    def create(path: Path) -> None:
        """Write a new random key, for this user only; an existing file is left alone."""
        write_secret(path, base64.b64encode(secrets.token_bytes(_KEY_BYTES)) + b"\n")

    def seal(self, secret: bytes, purpose: str) -> bytes:
        """The secret sealed for one purpose; opening it takes the same purpose."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, secret, purpose.encode())

    def unseal(self, sealed: bytes, purpose: str) -> bytes:
        """What was sealed.

        Raises: ConfigError when it was sealed with another key or for another purpose, or was altered.
        """
        try:
            return self._cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], purpose.encode())
        except (InvalidTag, ValueError):
            raise ConfigError(f"a stored secret ({purpose}) does not open with this data directory's key") from None

    @property
    def fingerprint(self) -> str:
        """What tells this key from others and betrays nothing of it."""
        return self.derive("fingerprint")[:8].hex()

    def derive(self, purpose: str) -> bytes:
        """A 32-octet key for that purpose alone; stable as long as the key file is."""
        return hmac.digest(self._key, b"derive:" + purpose.encode(), hashlib.sha256)


def write_secret(path: Path, content: bytes) -> bool:
    """Create the file with mode 0600; False when it already exists, which leaves it untouched."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return False
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    return True
