"""The profiles' files as a whole: replaced by another edition all at once, with the one before kept.

The files stay where the settings say, and may still be edited by hand. A new edition is first written down whole;
should the process end while the files are replaced, the next start goes on with it, so no mixture of two editions is
served.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import msgspec

from gateway.errors import ConfigError, Conflict, NotFound
from gateway.fleet.profile import read_profiles

EDITIONS_FOLDER = "editions"
KEPT = 20
"""Editions; the oldest go first."""

_DIGEST_CHARACTERS = 12
_COMING = "coming"


class Kept(NamedTuple):
    """An edition that was replaced, and when."""

    edition: str
    replaced_at: datetime
    files: int


class _Edition(msgspec.Struct, frozen=True):
    """An edition as it is kept: files by name."""

    at: datetime
    profiles: dict[str, str]


class Editions:
    """The files in the directory ``profiles``; earlier editions are in ``folder``."""

    def __init__(self, profiles: Path, folder: Path) -> None:
        self._profiles = profiles
        self._folder = folder

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Nobody else replaces the files while the context is open, in any process. Raises: Conflict, ConfigError."""
        with _writing(self._folder):
            self._folder.mkdir(mode=0o700, exist_ok=True)
            lock = os.open(self._folder / "lock", os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise Conflict("somebody else is applying profiles; make another plan when that is done") from None
            yield
        finally:
            os.close(lock)

    def current(self) -> dict[str, str]:
        """The files by name. Raises: ConfigError."""
        return read_profiles(self._profiles)

    def replace(self, texts: Mapping[str, str], at: datetime) -> None:
        """Make these the files, and keep those before. Raises: ConfigError when they cannot be written."""
        before = self.current()
        with _writing(self._folder):
            self._folder.mkdir(mode=0o700, exist_ok=True)
            _write(self._folder / f"{edition_of(before)}.json", msgspec.json.encode(_Edition(at, before)))
            _write(self._folder / _COMING, msgspec.json.encode(_Edition(at, dict(texts))))
        self._bring(texts)
        for old in self.kept()[KEPT:]:
            (self._folder / f"{old.edition}.json").unlink(missing_ok=True)

    def recover(self) -> None:
        """Finish what an earlier process began to replace. Raises: ConfigError."""
        with contextlib.suppress(FileNotFoundError):
            self._bring(_read(self._folder / _COMING).profiles)

    def kept(self) -> list[Kept]:
        """The editions before, newest first."""
        found = [(file.stem, _read(file)) for file in self._folder.glob("*.json")]
        listed = [Kept(name, edition.at, len(edition.profiles)) for name, edition in found]
        return sorted(listed, key=lambda one: one.replaced_at, reverse=True)

    def load(self, edition: str) -> dict[str, str]:
        """The files of an edition before, by name; those that are there now when it is the empty text.

        Raises: NotFound.
        """
        if not edition:
            return self.current()
        if edition not in {one.edition for one in self.kept()}:
            raise NotFound(f"there is no edition {edition!r}; `mogate profile editions` lists those that are kept")
        return _read(self._folder / f"{edition}.json").profiles

    def snapshot(self, at: datetime) -> tuple[str, bytes]:
        """The files as they are now, as an edition is kept: its name in ``folder``, and its octets."""
        now = self.current()
        return f"{edition_of(now)}.json", msgspec.json.encode(_Edition(at, now))

    def _bring(self, texts: Mapping[str, str]) -> None:
        """Put each file in its place, and then the word away that this is to be done."""
        with _writing(self._profiles):
            for name, text in texts.items():
                _write(self._profiles / name, text.encode())
            for file in self._profiles.glob("*.toml"):
                if file.name not in texts:
                    file.unlink(missing_ok=True)
            _sync(self._profiles)
        (self._folder / _COMING).unlink(missing_ok=True)


def edition_of(texts: Mapping[str, str]) -> str:
    """What identifies these files, by their names and texts."""
    return hashlib.sha256(msgspec.msgpack.encode(sorted(texts.items()))).hexdigest()[:_DIGEST_CHARACTERS]


@contextlib.contextmanager
def _writing(place: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ConfigError(
            f"cannot be written ({error.strerror}): the gateway needs a directory of profiles that it may write; name "
            "one with the setting profiles",
            file=place,
        ) from None


def _write(file: Path, octets: bytes) -> None:
    part = file.with_name(f".{file.name}.{os.getpid()}.part")
    with part.open("wb") as out:
        out.write(octets)
        out.flush()
        os.fsync(out.fileno())
    part.replace(file)
    _sync(file.parent)


def _sync(folder: Path) -> None:
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def _read(file: Path) -> _Edition:
    try:
        return msgspec.json.decode(file.read_bytes(), type=_Edition)
    except msgspec.MsgspecError as error:
        raise ConfigError(f"is no edition of profiles: {error}", file=file) from None
