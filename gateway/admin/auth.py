"""Who may use the admin API: the bearer of the token that was made when the data directory was."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from pathlib import Path

from gateway.errors import ConfigError
from gateway.sealing import write_secret

TOKEN_FILE = "admin.token"  # noqa: S105 - the file's name, not a token
SETUP_FILE = "setup.token"


def create_token(data: Path) -> None:
    """Make the admin token of this data directory; an existing one is left alone."""
    write_secret(data / TOKEN_FILE, secrets.token_urlsafe(32).encode() + b"\n")


def create_setup_token(data: Path) -> None:
    """Make the token that the first user is made with, once, unless there is one or it has been used."""
    if not (data / TOKEN_FILE).exists():
        write_secret(data / SETUP_FILE, secrets.token_urlsafe(32).encode() + b"\n")


def read_setup_token(data: Path) -> str:
    """The set-up token, or the empty string when it was used up."""
    try:
        return (data / SETUP_FILE).read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return ""


def load_token(data: Path) -> str:
    """The admin token of this data directory.

    Raises: ConfigError when there is none.
    """
    file = data / TOKEN_FILE
    try:
        token = file.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"no admin token ({error}); `mogate init` creates one", file=file) from None
    if not token:
        raise ConfigError("the admin token is empty; remove the file and run `mogate init`", file=file)
    return token


def is_bearer(authorization: str, token_digest: bytes) -> bool:
    """Whether the ``Authorization`` header carries the token with that SHA-256; compared in constant time."""
    scheme, _, given = authorization.partition(" ")
    digest = hashlib.sha256(given.strip().encode("utf-8", "surrogateescape")).digest()
    return hmac.compare_digest(digest, token_digest) and scheme.lower() == "bearer"
