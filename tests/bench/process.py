"""What a process uses: its CPU time, its memory, its core."""

from __future__ import annotations

import contextlib
import os
import re
import time
from collections.abc import Iterator
from pathlib import Path

_CPU_CLOCK = 2  # the clock of the time a process has run, all its threads together


def cpu_seconds(pid: int) -> float:
    """The CPU time that process has used in all its threads, to the nanosecond."""
    # What clock_getcpuclockid(3) would give.
    return time.clock_gettime((~pid << 3) | _CPU_CLOCK)


def resident_bytes(pid: int) -> int:
    """The memory of that process that is in RAM."""
    return _memory(pid, "VmRSS")


def own_bytes(pid: int) -> int:
    """The same without pages of files, which the kernel takes back when it wants them."""
    return _memory(pid, "RssAnon")


def _memory(pid: int, name: str) -> int:
    found = re.search(rf"{name}:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found is not None
    return int(found[1]) * 1024


def children_of(pid: int) -> list[int]:
    """The processes that the main thread of that process has started and that live."""
    return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def peer_ports(pid: int) -> set[int]:
    """The ports at the other ends of that process's TCP connections over IPv4."""
    files = set()
    for one in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # closed meanwhile
            files.add(str(one.readlink()))
    rows = (line.split() for line in Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:])
    return {
        int(peer.rpartition(":")[2], 16)
        for _, _, peer, *_, inode in (row[:10] for row in rows)
        if f"socket:[{inode}]" in files
    }


@contextlib.contextmanager
def on_server_core() -> Iterator[None]:
    """Start what is to be measured in here: it stays on the last core, and this process on the others."""
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) == 1:
        yield
        return
    os.sched_setaffinity(0, cores[-1:])
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores[:-1])
