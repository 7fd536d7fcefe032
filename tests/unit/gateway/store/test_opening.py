"""Who may use the embedded store of a data directory at the same time."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.errors import ConfigError
from gateway.settings import Store as StoreSettings
from gateway.store.opening import LOCK_FILE, open_store, served_alone

HOLDER = """
import sys
from pathlib import Path
from gateway.settings import Store
from gateway.store.opening import served_alone
with served_alone(Store(), Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_second_server_on_one_directory_is_refused(tmp_path: Path) -> None:
    """It is told what to do; a server whose predecessor was killed by kill -9 begins at once."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as first:
        assert first.stdout is not None
        assert first.stdout.readline() == "held\n"
        with (
            pytest.raises(ConfigError, match="another gateway serves this data directory: stop it") as refused,
            served_alone(StoreSettings(), tmp_path),
        ):
            pass
        assert refused.value.file == tmp_path / LOCK_FILE
        first.kill()
        first.wait()
    with served_alone(StoreSettings(), tmp_path):
        assert (tmp_path / LOCK_FILE).stat().st_mode & 0o777 == 0o600


def test_commands_work_beside_a_server(tmp_path: Path) -> None:
    """Reading and writing beside a running gateway stays possible; so do many gateways on Redis."""

    async def look() -> None:
        store, _ = await open_store(StoreSettings(), tmp_path)
        await store.close()

    with served_alone(StoreSettings(), tmp_path):
        asyncio.run(look())
    elsewhere = StoreSettings(url="redis://127.0.0.1:1")
    with served_alone(elsewhere, tmp_path), served_alone(elsewhere, tmp_path):
        pass
