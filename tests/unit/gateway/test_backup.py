"""Backups: all of a gateway in one file, checked on both ways, and never over what is there."""

from __future__ import annotations

import gzip
import io
import tarfile
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gateway import archive, backup, datadir
from gateway.editions import EDITIONS_FOLDER, Editions
from gateway.errors import ConfigError
from gateway.settings import Settings
from gateway.store.opening import served_alone

CONFIG = Path(__file__).parents[3] / "config"
NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def settings_in(data: Path, profiles: Path = CONFIG / "profiles") -> Settings:
    return Settings(data=data, seal_key=data / "seal.key", mo=CONFIG / "mo", profiles=profiles)


def nobody(_: int) -> None:
    pass


@pytest.fixture
async def settings(tmp_path: Path) -> Settings:
    made = settings_in(tmp_path / "data")
    await datadir.initialise(made, demo=True)
    package = made.data / "packages" / "0a" / "fw.bin"
    package.parent.mkdir(parents=True)
    package.write_bytes(bytes(range(256)) * 5000)
    return made


def contents(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def repacked(file: Path, members: dict[str, bytes]) -> Path:
    """The backup with members replaced or added."""
    with tarfile.open(file) as tar:
        known = {one.name: tar.extractfile(one).read() for one in tar}  # type: ignore[union-attr]
    other = file.with_name("other.tar.gz")
    with tarfile.open(other, "w:gz") as tar:
        for name, content in (known | members).items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return other


async def test_all_comes_back_where_nothing_was(settings: Settings, tmp_path: Path) -> None:
    """State, key, tokens, packages, and the profiles as an edition that can be asked for; for this user alone."""
    file, lines = tmp_path / "b.tar.gz", []
    made = await backup.back_up(settings, file, NOW, lines.append)
    assert (made.state.households, len(lines)) == (3, 3 + made.state.events + made.state.records + 2)
    assert file.stat().st_mode & 0o777 == 0o600
    assert set(contents(tmp_path)) - {f"data/{name}" for name in contents(settings.data)} == {"b.tar.gz"}

    other = settings_in(tmp_path / "deep" / "other")
    assert await backup.restore(other, file, nobody) == made
    was, now = contents(settings.data), contents(other.data)
    own = {"mogate.db", "mogate.db-wal", "mogate.db-shm", "mogate.lock", f"editions/{made.head.edition}.json"}
    assert {name: now[name] for name in now if name not in own} == {n: was[n] for n in was if n not in own}
    assert "packages/0a/fw.bin" in now
    assert all((other.data / name).stat().st_mode & 0o077 == 0 for name in now if name not in own)
    editions = Editions(other.profiles, other.data / EDITIONS_FOLDER)
    assert editions.load(made.head.edition) == editions.current()
    assert await backup.back_up(other, tmp_path / "again.tar.gz", NOW, nobody) == made


async def test_nothing_is_replaced(settings: Settings, tmp_path: Path) -> None:
    """No file by a backup; by a restore no file of other content, no store with somebody in it, and no server's."""
    file = tmp_path / "b.tar.gz"
    await backup.back_up(settings, file, NOW, nobody)
    before = file.read_bytes()
    with pytest.raises(ConfigError, match="is there already"):
        await backup.back_up(settings, file, NOW, nobody)
    assert file.read_bytes() == before
    with pytest.raises(ConfigError, match="part of itself"):
        await backup.back_up(settings, settings.data / "b.tar.gz", NOW, nobody)
    with pytest.raises(ConfigError, match="store is not empty"):
        await backup.restore(settings, file, nobody)

    other = settings_in(tmp_path / "other")
    await datadir.initialise(other, demo=False)
    kept = contents(other.data)
    with pytest.raises(ConfigError, match=r"other/seal\.key, .*other/admin\.token"):
        await backup.restore(other, file, nobody)
    assert contents(other.data) == kept

    third = settings_in(tmp_path / "third")
    third.data.mkdir()
    with served_alone(third.store, third.data), pytest.raises(ConfigError, match="another gateway serves"):
        await backup.restore(third, file, nobody)


async def test_what_is_damaged_is_refused_before_anything_is_written(settings: Settings, tmp_path: Path) -> None:
    """Cut off anywhere, altered anywhere, something else, of a later format, or with a way out of the directory."""
    file = tmp_path / "b.tar.gz"
    await backup.back_up(settings, file, NOW, nobody)
    octets, other = file.read_bytes(), settings_in(tmp_path / "other")
    damaged = tmp_path / "damaged.tar.gz"
    cases = [octets[:end] for end in (0, 5, len(octets) // 2, len(octets) - 1)]
    # The last but a few octets are the checksum; none before is read for nothing.
    cases += [
        octets[:at] + bytes([octets[at] ^ 1]) + octets[at + 1 :] for at in (60, len(octets) // 2, len(octets) - 6)
    ]
    cases += [b"#!/bin/sh\n", gzip.compress(b"no tar"), gzip.compress(b"")]
    for case in cases:
        damaged.write_bytes(case)
        with pytest.raises(ConfigError, match=r"damaged\.tar\.gz|state\.jsonl"):
            await backup.restore(other, damaged, nobody)
    altered: list[dict[str, bytes]] = [
        {"data/../../outside": b"x"},
        {"/etc/passwd": b"x"},
        {"state.jsonl": b""},
        {"mogate-backup.json": b'{"format":9,"version":"9","at":"2026-03-01T12:00:00Z","edition":""}'},
    ]
    for members in altered:
        with pytest.raises(ConfigError):
            await backup.restore(other, repacked(file, members), nobody)
    assert not other.data.exists()


async def test_an_export_that_miscounts_or_has_faults_is_not_whole(settings: Settings, tmp_path: Path) -> None:
    """What is read again after it was written is read line by line, and the last line counts the others."""
    file = tmp_path / "b.tar.gz"
    await backup.back_up(settings, file, NOW, nobody)
    with tarfile.open(file) as tar:
        lines = tar.extractfile("state.jsonl").readlines()  # type: ignore[union-attr]

    def survey(lines: list[bytes]) -> archive.Tail:
        (tmp_path / "lines").write_bytes(b"".join(lines))
        with (tmp_path / "lines").open("rb") as opened:
            return archive.survey(opened)[1]

    assert survey(lines).households == 3
    for bad in (lines[:-1], lines[:1] + lines[2:], [*lines[:2], b"{\n", *lines[3:]], lines[1:], [*lines[:2], *lines]):
        with pytest.raises(ConfigError):
            survey(bad)
