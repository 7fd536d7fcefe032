"""The EIR's way into the spool: whole files only, each sighting once in a while, nothing lost with a process."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from adapters.detection.journal import Journal
from gateway.errors import ConfigError


def finished(folder: Path) -> list[bytes]:
    return [line for file in sorted(folder.glob("*.jsonl")) for line in file.read_bytes().splitlines()]


def test_lines_come_in_whole_files(tmp_path: Path) -> None:
    """A file under work has a name that a spool leaves alone."""
    journal = Journal(tmp_path, seconds=60)
    assert journal.add("1", "a", b"one")
    journal.turn()
    assert finished(tmp_path) == []
    assert [file.suffix for file in tmp_path.iterdir()] == [".part"]
    journal.add("2", "a", b"two")
    journal.turn(now=True)
    journal.turn(now=True)
    assert finished(tmp_path) == [b"one", b"two"]


def test_the_same_again_is_not_told(tmp_path: Path) -> None:
    """Attaches repeat many times a day; another phone, or the one from before, is told at once."""
    journal = Journal(tmp_path, seconds=0)
    told = [journal.add("1", imei, imei.encode()) for imei in ("a", "a", "b", "a")]
    assert told == [True, False, True, True]


def test_what_a_dead_process_left_is_moved_in(tmp_path: Path) -> None:
    """And what a living one writes is left to it."""
    living = Journal(tmp_path, seconds=60)
    living.add("1", "a", b"living")
    left = tmp_path / "s13-1-1.jsonl.part"
    left.write_bytes(b"left\n")
    Journal(tmp_path)
    assert finished(tmp_path) == [b"left"]
    living.turn(now=True)
    assert sorted(finished(tmp_path)) == [b"left", b"living"]


def test_a_place_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    """With its name."""
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match=r"detection\.spool"):
        Journal(tmp_path / "file" / os.curdir)
