"""All of a gateway in one file, and the way back: its state, the key that opens its secrets, and its data directory.

The file is a compressed tar. It begins with a member that says what it is; then come the key, each file of the data
directory but the embedded store's own, and at the end the state as lines (gateway.archive), whatever store it is from.
The profiles are among the files as an edition. Settings, mappings and DDFs, which nobody writes but the operator, are
left out.
"""

from __future__ import annotations

import contextlib
import gzip
import io
import os
import tarfile
import zlib
from collections.abc import Callable, Iterator
from datetime import datetime
from importlib.metadata import version
from pathlib import Path, PurePosixPath
from typing import IO, NamedTuple, cast

import msgspec

from gateway import archive
from gateway.editions import EDITIONS_FOLDER, Editions
from gateway.errors import ConfigError
from gateway.sealing import Sealer
from gateway.settings import Settings
from gateway.store.opening import DATABASE_FILE, LOCK_FILE, open_store, served_alone
from gateway.store.sealed import SealedStore

FORMAT = 1
HEAD, KEY, DATA, STATE = "mogate-backup.json", "seal.key", "data", "state.jsonl"
"""The members: what it is, the key, the folder with the files of the data directory, and the state."""
MAX_HEAD_BYTES = 65_536
_BLOCK = 1 << 20
_COMPRESSION = 6

Went = Callable[[int], object]


class Head(msgspec.Struct, frozen=True):
    """The first member: ``edition`` names the profiles that were served."""

    format: int
    version: str
    at: datetime
    edition: str


class Contents(NamedTuple):
    """What is in a backup: of the state how much, and the files of the data directory by their names there."""

    head: Head
    state: archive.Tail
    files: tuple[str, ...]


async def back_up(settings: Settings, file: Path, now: datetime, went: Went) -> Contents:
    """Write the backup, read all of it again, and give it its name only then. The gateway may serve meanwhile.

    ``went`` hears of each line of the state.

    Raises: ConfigError when the file is there already or cannot be written; Unavailable.
    """
    _check_name(file, settings)
    key = Sealer.load(settings.seal_key).fingerprint
    edition, profiles = Editions(settings.profiles, settings.data / EDITIONS_FOLDER).snapshot(now)
    head = Head(FORMAT, version("mogate"), now, edition.removesuffix(".json"))
    part, state = (file.with_name(f"{file.name}.{end}") for end in ("part", "state"))
    store, _ = await open_store(settings.store, settings.data)
    try:
        with _private(state) as lines:
            async for line in archive.export_lines(store, key, now):
                lines.write(line)
                went(1)
        with (
            _private(part) as out,
            gzip.GzipFile("", "wb", _COMPRESSION, out, mtime=now.timestamp()) as packed,
            tarfile.open(fileobj=packed, mode="w|") as tar,
        ):
            _add(tar, HEAD, now, msgspec.json.encode(head))
            _add_file(tar, KEY, settings.seal_key)
            kept = f"{EDITIONS_FOLDER}/{edition}"
            _add(tar, f"{DATA}/{kept}", now, profiles)
            for name in _files_of(settings):
                if name != kept:
                    _add_file(tar, f"{DATA}/{name}", settings.data / name)
            _add_file(tar, STATE, state)
        contents = read(part)
        part.rename(file)
    except OSError as error:
        raise ConfigError(f"cannot be written: {error.strerror or error}", file=error.filename or file) from None
    finally:
        await store.close()
        for one in (part, state):
            one.unlink(missing_ok=True)
    return contents


def read(file: Path, settings: Settings | None = None) -> Contents:
    """What is in the backup, all of which is read and checked, and held against what these settings name.

    Raises: ConfigError naming what is damaged, or what is there already and differs.
    """
    head: Head | None = None
    state: archive.Tail | None = None
    files: list[str] = []
    differing: list[Path] = []
    for name, content in _members(file):
        if name == HEAD:
            head = _head(content.read(MAX_HEAD_BYTES), file)
        elif name == STATE:
            _, state = archive.survey(_Lines.of(content))
        if settings is not None and (place := _place(name, settings)) and place.exists() and not _is(place, content):
            differing.append(place)
        if name.startswith(f"{DATA}/"):
            files.append(name.removeprefix(f"{DATA}/"))
    if head is None or state is None:
        raise ConfigError("is no backup of mogate", file=file)
    if differing:
        raise ConfigError(
            f"a restore replaces nothing, and of another content is {', '.join(map(str, differing))}: move that away,"
            " or name an empty directory with MOGATE_DATA",
            file=file,
        )
    return Contents(head, state, tuple(files))


async def restore(settings: Settings, file: Path, went: Went) -> Contents:
    """Put what is in the backup into the data directory and the store that the settings name, which have to be empty.

    All of the backup is read and checked before anything is written. ``went`` hears of each line of the state by its
    octets.

    Raises: ConfigError; Unavailable.
    """
    contents = read(file, settings)
    try:
        settings.data.mkdir(mode=0o700, parents=True, exist_ok=True)
        with served_alone(settings.store, settings.data):
            store, _ = await open_store(settings.store, settings.data)
            try:
                if not await archive.is_empty(store):
                    raise ConfigError(
                        "a restore replaces nothing, and the store is not empty; name another with MOGATE_DATA or"
                        " MOGATE_STORE__URL",
                        file=file,
                    )
                for name, content in _members(file):
                    if place := _place(name, settings):
                        _bring(place, content)
                    elif name == STATE:
                        sealer = Sealer.load(settings.seal_key)
                        sealed = SealedStore(store, sealer)
                        taken = await archive.import_lines(sealed, sealer.fingerprint, _Lines.of(content), went)
            finally:
                await store.close()
    except OSError as error:
        raise ConfigError(f"cannot be restored: {error.strerror or error}", file=error.filename or file) from None
    if archive.Tail(taken.households, taken.events, taken.records) != contents.state:
        raise ConfigError(f"has {contents.state}, and the store took {taken}; restore into an empty one", file=file)
    return contents


def _check_name(file: Path, settings: Settings) -> None:
    if file.exists():
        raise ConfigError("is there already, and a backup replaces nothing; name another file", file=file)
    if settings.data.resolve() in file.resolve().parents:
        raise ConfigError(f"would be a part of itself: name a file outside {settings.data}", file=file)


class _Lines(io.BufferedReader):
    """The state in a backup. Tar's own files have no names before Python 3.13."""

    name = STATE

    @classmethod
    def of(cls, content: IO[bytes]) -> _Lines:
        """The member's content."""
        return cls(cast("io.BufferedReader", content))


def _members(file: Path) -> Iterator[tuple[str, IO[bytes]]]:
    """Each member with its content, in order; at the end all of the file has been read, and its checksum is right."""
    try:
        with gzip.open(file) as plain:
            with tarfile.open(fileobj=plain, mode="r|") as tar:
                for member in tar:
                    content = tar.extractfile(member) if member.isreg() else None
                    if content is None or not _is_ours(member.name):
                        raise ConfigError(f"has a member that no backup has: {member.name!r}", file=file)
                    yield member.name, content
            while plain.read(_BLOCK):
                pass
    except (tarfile.TarError, gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise ConfigError(f"is no backup of mogate, or damaged: {error}", file=file) from None


def _is_ours(name: str) -> bool:
    path = PurePosixPath(name)
    inside = path.parts[:1] == (DATA,) and len(path.parts) > 1 and ".." not in path.parts
    return inside or name in (HEAD, STATE, KEY)


def _place(name: str, settings: Settings) -> Path | None:
    """Where a member goes; None for those that are no file of the data directory."""
    if name == KEY:
        return settings.seal_key
    return settings.data / name.removeprefix(f"{DATA}/") if name.startswith(f"{DATA}/") else None


def _head(octets: bytes, file: Path) -> Head:
    try:
        head = msgspec.json.decode(octets, type=Head)
    except msgspec.MsgspecError as error:
        raise ConfigError(f"does not say what it is: {error}", file=file) from None
    if head.format > FORMAT:
        raise ConfigError(f"has format {head.format}, of mogate {head.version}; this one knows {FORMAT}", file=file)
    return head


def _is(place: Path, content: IO[bytes]) -> bool:
    """Whether the file has that content."""
    with place.open("rb") as there:
        while block := content.read(_BLOCK):
            if there.read(len(block)) != block:
                return False
        return not there.read(1)


def _bring(place: Path, content: IO[bytes]) -> None:
    """Write the file, for this user alone; one that is there has this content already."""
    place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    part = place.with_name(f"{place.name}.part")
    if place.exists():
        return
    with _private(part) as out:
        while block := content.read(_BLOCK):
            out.write(block)
    part.rename(place)


@contextlib.contextmanager
def _private(file: Path) -> Iterator[IO[bytes]]:
    """A new file for this user alone, on the disk when the context ends."""
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as out:
        yield out
        out.flush()
        os.fsync(out.fileno())


def _files_of(settings: Settings) -> list[str]:
    """The files of the data directory, but those of the embedded store, the key, locks, and what is half written."""
    store = {DATABASE_FILE + end for end in ("", "-wal", "-shm", "-journal")}
    left_out = {LOCK_FILE, f"{EDITIONS_FOLDER}/lock", *store}
    found = []
    for file in sorted(settings.data.rglob("*")):
        name = file.relative_to(settings.data).as_posix()
        if file.is_file() and name not in left_out and file.suffix != ".part" and file != settings.seal_key:
            found.append(name)
    return found


def _add(tar: tarfile.TarFile, name: str, at: datetime, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mode, member.mtime = len(content), 0o600, int(at.timestamp())
    tar.addfile(member, io.BytesIO(content))


def _add_file(tar: tarfile.TarFile, name: str, file: Path) -> None:
    """Add the file; one that is gone by now is left out."""
    with contextlib.suppress(FileNotFoundError), file.open("rb") as content:
        member = tarfile.TarInfo(name)
        found = os.fstat(content.fileno())
        member.size, member.mode, member.mtime = found.st_size, 0o600, int(found.st_mtime)
        tar.addfile(member, content)
