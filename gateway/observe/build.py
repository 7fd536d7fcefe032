"""Which commit the running gateway was built from, where somebody said so."""

from __future__ import annotations

import json
import re
from importlib.metadata import PackageNotFoundError, distribution
from importlib.resources import files

UNKNOWN = "unknown"
COMMIT_FILE = "commit"
"""Beside this module: whoever makes a package may write the commit into it, as the Dockerfile does."""
_COMMIT = re.compile(r"[0-9a-f]{7,64}")


def commit() -> str:
    """What the package was made from, else what pip fetched it from; "unknown" where neither is told."""
    for said in (_written(), _fetched()):
        if _COMMIT.fullmatch(said):
            return said
    return UNKNOWN


def _written() -> str:
    try:
        return files("gateway.observe").joinpath(COMMIT_FILE).read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return ""


def _fetched() -> str:
    """The commit of a package that pip got from a repository. Spec: PEP 610, direct_url.json"""
    try:
        said = json.loads(distribution("mogate").read_text("direct_url.json") or "{}")
        return str(said["vcs_info"]["commit_id"])
    except (PackageNotFoundError, ValueError, KeyError, TypeError):
        return ""
