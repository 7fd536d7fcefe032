"""The admin token: made once, compared whole."""

from __future__ import annotations

import hashlib
import stat
from pathlib import Path

import pytest

from gateway.admin.auth import TOKEN_FILE, create_token, is_bearer, load_token
from gateway.errors import ConfigError

DIGEST = hashlib.sha256(b"right").digest()


@pytest.mark.parametrize(
    ("header", "good"),
    [
        ("Bearer right", True),
        ("bearer  right ", True),
        ("Bearer wrong", False),
        ("Bearer righ", False),
        ("Bearer right x", False),
        ("Bearer", False),
        ("right", False),
        ("Basic right", False),
        ("", False),
        ("Bearer r\udcffght", False),
    ],
)
def test_only_the_bearer_of_the_token_is_let_in(header: str, good: bool) -> None:
    """The scheme in any case, the token exactly; octets that are no text are merely wrong.

    Spec: RFC 6750 2.1
    """
    assert is_bearer(header, DIGEST) is good


def test_a_token_is_made_once(tmp_path: Path) -> None:
    """It is long, only for this user, and stays."""
    create_token(tmp_path)
    token = load_token(tmp_path)
    create_token(tmp_path)
    assert load_token(tmp_path) == token
    assert len(token) >= 40
    assert stat.S_IMODE((tmp_path / TOKEN_FILE).stat().st_mode) == 0o600


@pytest.mark.parametrize("content", [None, b"", b" \n", b"\xff"])
def test_a_missing_token_is_named_with_the_mend(tmp_path: Path, content: bytes | None) -> None:
    """An absent, empty or garbled file is a configuration fault."""
    if content is not None:
        (tmp_path / TOKEN_FILE).write_bytes(content)
    with pytest.raises(ConfigError, match=r"admin\.token.*mogate init"):
        load_token(tmp_path)
