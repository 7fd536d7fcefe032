"""Tables of many thousand rows, as they come out of an operator's systems."""

from __future__ import annotations

import csv
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from live_gateway import Gateway

COUNT = 20_000
NOTE = "of the old system " * 9
COLUMNS = ("id", "imsis", "msisdn", "plan", "groups", "attribute.note")
WRONG = {2: "imsis", 10_001: "imsis", COUNT + 1: "msisdn"}
"""What is wrong with these lines of the file."""
CLIENT_KIB, SERVER_KIB = 10 * 1024, 40 * 1024
"""Far less than all rows take at once; the server's has pages of the store's file in it."""
WATCHED = """
import atexit, re, runpy, sys
atexit.register(lambda: print(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1], file=sys.stderr))
runpy.run_module("gateway", run_name="__main__")
"""


def test_twenty_thousand_rows_arrive_each_on_its_own(gateway: Gateway, tmp_path: Path) -> None:
    """Every row that is right is there as it was written, each that is wrong is told by its line, the same table again
    changes nothing, and neither side ever has the table in memory."""
    table, few = tmp_path / "subscribers.csv", tmp_path / "few.csv"
    rows = [
        (f"m{n:05}", f"0010130{n:08}", f"+1557{n:07}", "basic", "moved beta" if n % 2 else "", f"{n} {NOTE}")
        for n in range(COUNT)
    ]
    rows[0] = (rows[0][0], "12345-", *rows[0][2:])
    rows[9_999] = (rows[9_999][0], rows[5_000][1], *rows[9_999][2:])
    rows[-1] = (*rows[-1][:2], "no number", *rows[-1][3:])
    for file, some in ((table, rows), (few, rows[1:3])):
        with file.open("w", newline="") as text:
            csv.writer(text).writerows([COLUMNS, *some])
    _, small_kib = _imported(gateway, few)
    assert gateway.process is not None
    before_kib = _kib(gateway.process.pid, "VmRSS")

    told, kib = _imported(gateway, table)
    assert told["outcomes"] == {"created": COUNT - 5, "present": 2, "failed": 3}
    assert {one["line"]: one["why"].split(":")[0] for one in told["failed"]}.keys() == WRONG.keys()
    assert [one["why"].partition(".")[0].partition(":")[0] for one in told["failed"] if one["line"] != 10_001] == [
        "imsis", "msisdn",
    ]  # fmt: skip
    assert kib - small_kib < CLIENT_KIB
    assert _kib(gateway.process.pid, "VmHWM") - before_kib < SERVER_KIB

    first, again = tmp_path / "first.csv", tmp_path / "again.csv"
    gateway.run("subscriber", "export", str(first))
    with first.open(newline="") as text:
        found = {row["id"]: tuple(row[name] for name in COLUMNS) for row in csv.DictReader(text)}
    sent = {row[0]: row for number, row in enumerate(rows, 2) if number not in WRONG}
    assert {name: row for name, row in found.items() if name[0] == "m"} == {
        name: (*row[:5], row[5].strip()) for name, row in sent.items()
    }

    told, _ = _imported(gateway, table)
    assert told["outcomes"] == {"present": COUNT - 3, "failed": 3}
    gateway.run("subscriber", "export", str(again))
    assert again.read_bytes() == first.read_bytes()


def _imported(gateway: Gateway, file: Path) -> tuple[dict[str, Any], int]:
    """What the command told, and the most KiB of memory that it had."""
    command = [sys.executable, "-c", WATCHED, "import", "subscribers", str(file), "--json"]
    done = subprocess.run(command, env=gateway.environment, capture_output=True, text=True, check=False)
    told: dict[str, Any] = json.loads(done.stdout)
    assert done.returncode == ("failed" in told["outcomes"])
    return told, int(done.stderr.split()[-1])


def _kib(pid: int, name: str) -> int:
    found = re.search(rf"{name}:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found is not None
    return int(found[1])
