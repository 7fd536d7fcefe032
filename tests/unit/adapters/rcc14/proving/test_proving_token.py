"""The tokens that a gateway hands out."""

from __future__ import annotations

from pathlib import Path

import pytest

from adapters.rcc14.proving.token import Tokens
from gateway.store.sqlite import SqliteStore

KEY = b"k" * 32
# printf alice.1.1 | openssl dgst -sha256 -hmac kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk -binary | head -c 24 | openssl base64
FIRST_TOKEN = "alice.1.1.5toNDlPnvoY96Vq4B7Bvz4UbiAoM4a00"
SECOND_TOKEN = "alice.1.2.GrS8JeY8BBsv5dyizCdLeVutaem9lVke"


@pytest.mark.parametrize("proven", ["", FIRST_TOKEN, SECOND_TOKEN, "alice.1.22.x", "alice.2.2.x", "of-another-server"])
async def test_whatever_a_device_proved_itself_by_it_gets_the_token_of_its_serial(tmp_path: Path, proven: str) -> None:
    """That of the newest serial, computed or as it was shown (RCC.14 TOKEN)."""
    store = SqliteStore.open(tmp_path / "store.sqlite")
    try:
        assert Tokens(store, key=KEY, life_seconds=1000).issue("alice.1", 2, proven) == SECOND_TOKEN
    finally:
        await store.close()
