"""Editions of the profiles, and a rollout of one: some devices have the new edition already, the others the old one.

Pure.
"""

from __future__ import annotations

import enum
import hashlib
from collections.abc import Mapping
from pathlib import Path

import msgspec

DIGEST_CHARACTERS = 16


class Edition(msgspec.Struct, frozen=True, kw_only=True):
    """The texts of all profiles, by the names of their files; ``digest`` is the same wherever they are the same."""

    digest: str
    files: dict[str, str]

    @classmethod
    def of(cls, files: Mapping[str, str]) -> Edition:
        """The edition that these texts are, by the paths of their files."""
        whole = hashlib.sha256()
        for path in sorted(files, key=lambda one: Path(one).name):
            for part in (Path(path).name.encode(), files[path].encode()):
                whole.update(len(part).to_bytes(8))
                whole.update(part)
        return cls(digest=whole.hexdigest()[:DIGEST_CHARACTERS], files=dict(files))


class RolloutState(enum.StrEnum):
    """``done`` when everybody has the new edition, ``undone`` when everybody has the old one again."""

    ROLLING = "rolling"
    DONE = "done"
    UNDONE = "undone"


class Rollout(msgspec.Struct, frozen=True, kw_only=True):
    """The rollout by a campaign from one edition to another, each said by its digest.

    A device whose ``edition`` is the campaign's id has the new one, and everybody else the old one.
    """

    campaign: str
    old: str
    new: str
    state: RolloutState = RolloutState.ROLLING

    def holds_back(self, digest: str) -> bool:
        """Whether files with that digest are not what everybody gets, though they are what a gateway reads."""
        return self.state is RolloutState.ROLLING or (self.state is RolloutState.UNDONE and digest == self.new)

    def refuses(self, digest: str) -> bool:
        """Whether files with that digest have no place while this goes on."""
        return self.state is RolloutState.ROLLING and digest not in (self.old, self.new)
