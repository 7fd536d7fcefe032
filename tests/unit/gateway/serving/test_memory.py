"""What a process that has started does with its memory."""

from __future__ import annotations

import subprocess
import sys

from gateway.serving.memory import huge_ranges

MAPS = """\
00400000-00a00000 r-xp 00000000 fe:00 917637                             /usr/bin/python3.11
00c00000-01000000 rw-p 00800000 fe:00 917637                             /usr/bin/python3.11
01200001-01a00000 rw-p 00000000 00:00 0                                  [heap]
7f0000100000-7f00007ff000 rw-p 00000000 00:00 0
7f0000800000-7f00009ff000 rw-p 00000000 00:00 0
7f0001000000-7f0001400000 rw-s 00000000 00:01 1038                       /dev/zero (deleted)
7f0002000000-7f0002400000 rw-s 00000000 00:00 0
7f0003000000-7f0003400000 r--p 00000000 00:00 0
7ffd00000000-7ffd00400000 rw-p 00000000 00:00 0                          [stack]
"""


def test_whole_huge_pages_of_the_process_s_own_memory_are_put_together() -> None:
    """The heap and what is mapped from nowhere, privately and to be written; no file, no stack, no part of a page."""
    assert [hex(start) for start in huge_ranges(MAPS.splitlines())] == [
        "0x1400000",
        "0x1600000",
        "0x1800000",
        "0x7f0000200000",
        "0x7f0000400000",
    ]


def test_a_process_goes_on_as_it_was() -> None:
    """Whether the kernel can do it or not, what was loaded is still there, and out of the collector's way."""
    code = """
import gc
from gateway.serving.memory import settle
kept = [str(number) * 9 for number in range(400_000)]
settle()
assert kept == [str(number) * 9 for number in range(400_000)]
print(gc.get_freeze_count() > 0)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("True\n", "")
