"""A store whose disk is full: what devices see, and that nothing answered is lost.

Run as a program, this file is one such scene, in a mount namespace of its own, where a small disk lies in memory.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
DISK_BYTES = 32 * 2**20


class SmallDisk:
    """A file system of its own that can be filled to the last octet, and be given room again."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "small", str(folder)], check=True)
        self.folder = folder
        self._ballast = folder / "ballast"

    def fill(self) -> None:
        with contextlib.suppress(OSError), self._ballast.open("wb", buffering=0) as file:
            while True:
                file.write(bytes(4096))
        assert os.statvfs(self.folder).f_bavail == 0

    def free(self) -> None:
        self._ballast.unlink()


async def sqlite(folder: Path) -> None:
    from fault_scene import scene

    disk = SmallDisk(folder / "data")
    async with scene(folder, "sqlite") as at_work:
        await at_work.during(disk.fill, disk.free)


async def redis(folder: Path) -> None:
    from fault_scene import scene
    from redis_servers import RedisServer

    disk = SmallDisk(folder / "redis")
    options = ("appendonly yes", "appendfsync always", 'save ""', f"dir {disk.folder}", f"logfile {folder}/redis.log")
    server = RedisServer(*options).start()

    def free_and_start() -> None:
        disk.free()
        server.kill()
        server.start()

    async with scene(folder, server.url) as at_work:
        server.cli("CONFIG", "SET", "appendfsync", "everysec")
        await at_work.during(disk.fill, disk.free)
        # With fsync before each answer Redis ends when it cannot write.
        server.cli("CONFIG", "SET", "appendfsync", "always")
        await at_work.during(disk.fill, free_and_start)
    server.kill()


SCENES: dict[str, Callable[[Path], Awaitable[None]]] = {"sqlite": sqlite, "redis": redis}


@pytest.mark.parametrize("store", SCENES)
def test_a_full_disk(store: str, tmp_path: Path) -> None:
    """503 with a time to come back, then success when there is room; what was answered is stored, once.

    A Redis that writes each second takes no writes and goes on by itself; one that writes before each answer ends, and
    has all that was answered when it is started again.
    """
    own_namespace = ["unshare", "--mount", *(["--map-root-user"] if os.geteuid() else [])]
    done = subprocess.run(
        [*own_namespace, sys.executable, __file__, store, str(tmp_path)],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


if __name__ == "__main__":
    sys.path.insert(0, str(TESTS))
    asyncio.run(SCENES[sys.argv[1]](Path(sys.argv[2])))
