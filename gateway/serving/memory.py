"""Memory as a process that has started leaves it: out of the collector's way, and in pages that are cheap to find."""

from __future__ import annotations

import contextlib
import ctypes
import gc
from collections.abc import Iterable, Iterator
from pathlib import Path

_MAPS = Path("/proc/self/maps")
_HUGE_BYTES = 2 * 1024 * 1024
_MADV_COLLAPSE = 25
"""Since Linux 6.1; ``mmap`` has no name for it."""


def settle() -> None:
    """Call this once, when all is loaded: what is there now stays.

    It is kept out of garbage collections, and those become rarer: requests leave next to nothing to collect, reference
    counts free it all. On Linux its small pages are put together to huge ones. A request goes through some megabytes of
    code objects and tables, and looking up where their pages are costs several percent of its time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)
    # Another system, or one that does not let us see: it works as well, only slower.
    with contextlib.suppress(OSError, AttributeError):
        _collapse(_MAPS.read_text().splitlines())


def _collapse(maps: Iterable[str]) -> None:
    madvise = ctypes.CDLL(None).madvise
    madvise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
    for start in huge_ranges(maps):
        # The kernel refuses where nothing is there to be put together, or no memory is left: all stays as it is.
        madvise(start, _HUGE_BYTES, _MADV_COLLAPSE)


def huge_ranges(maps: Iterable[str]) -> Iterator[int]:
    """Where each range starts that can be one huge page: the process's own writable memory, stacks left out.

    ``maps`` are lines as the kernel writes them.

    Spec: proc_pid_maps(5)
    """
    for line in maps:
        addresses, access, _, _, inode, *name = line.split(maxsplit=5)
        if inode != "0" or not access.startswith("rw") or not access.endswith("p") or name not in ([], ["[heap]"]):
            continue
        first, end = (int(address, 16) for address in addresses.split("-"))
        yield from range(-(-first // _HUGE_BYTES) * _HUGE_BYTES, end - _HUGE_BYTES + 1, _HUGE_BYTES)
