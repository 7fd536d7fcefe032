"""The commit of the running build: told where it is known, and never made up."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gateway.observe import build

SHA = "0123456789abcdef0123456789abcdef01234567"


class Installed:
    """A package as pip left it."""

    def __init__(self, direct_url: str | None) -> None:
        self._direct_url = direct_url

    def read_text(self, _: str) -> str | None:
        return self._direct_url


@pytest.mark.parametrize(
    ("written", "direct_url", "is_"),
    [
        (SHA + "\n", None, SHA),
        (None, {"url": "https://a.example/mogate", "vcs_info": {"vcs": "git", "commit_id": SHA}}, SHA),
        ("fedcba9\n", {"vcs_info": {"commit_id": SHA}}, "fedcba9"),
        ("unknown\n", {"vcs_info": {"commit_id": SHA}}, SHA),
        (None, {"url": "file:///src", "dir_info": {}}, "unknown"),
        ("", None, "unknown"),
        ("v1 of somebody", "no object", "unknown"),
    ],
)
def test_the_commit_is_what_was_written_or_fetched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, written: str | None, direct_url: object, is_: str
) -> None:
    """A file of the package first, then pip's record of where it came from, else "unknown". PEP 610"""
    if written is not None:
        (tmp_path / build.COMMIT_FILE).write_text(written)
    record = None if direct_url is None else json.dumps(direct_url)
    monkeypatch.setattr(build, "files", lambda _: tmp_path)
    monkeypatch.setattr(build, "distribution", lambda _: Installed(record))
    assert build.commit() == is_
