"""Commands that keep the state: all of a gateway in one file and back, or what its store has into another store."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import click
import msgspec

from gateway import app, archive, backup
from gateway.cli.common import printing, progress, settings
from gateway.editions import EDITIONS_FOLDER, Editions
from gateway.errors import ConfigError
from gateway.sealing import Sealer
from gateway.store.opening import open_store
from gateway.store.sealed import SealedStore


@click.command("backup")
@click.argument("file", type=click.Path(path_type=Path))
@printing
def back_up(file: Path) -> tuple[object, str]:
    """Write all of this gateway into FILE, a compressed tar, and read it again. The gateway may go on serving.

    In it are the state of the store, whichever it is, the seal key, and the data directory with packages, certificates
    and editions, among them the profiles as they are now. Not in it are settings, mappings and DDFs, sessions under
    way, traces and one-time passwords. FILE opens every secret: keep it as the data directory is kept. No file is
    replaced.
    """
    chosen = settings()
    with progress(file.name) as went:
        made = asyncio.run(backup.back_up(chosen, file, app.now(), went))
    octets = file.stat().st_size
    return _machine(file, made) | {"octets": octets}, f"{file}: {_people(made)}; {octets} octets, read again"


@click.command("restore")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@printing
def restore(file: Path) -> tuple[object, str]:
    """Put what is in FILE, of `mogate backup`, into the data directory and the store that the settings name.

    Both have to be empty: nothing is replaced, and nothing is written before all of FILE is found to be whole. No
    gateway may serve there meanwhile.
    """
    chosen = settings()
    with progress(file.name) as went:
        found = asyncio.run(backup.restore(chosen, file, went))
    text = [f"restored of {found.head.at:%Y-%m-%d %H:%M:%S} UTC: {_people(found)}"]
    now, _ = Editions(chosen.profiles, chosen.data / EDITIONS_FOLDER).snapshot(app.now())
    if now != f"{found.head.edition}.json":
        text.append(
            f"the profiles in {chosen.profiles} are others than those of then; `mogate profile export DIR --edition"
            f" {found.head.edition}` writes those down, and `mogate apply DIR` makes them the gateway's"
        )
    return _machine(file, found), "\n".join(text)


def _machine(file: Path, contents: backup.Contents) -> dict[str, object]:
    return {"file": str(file), **msgspec.to_builtins(contents._asdict())}


def _people(contents: backup.Contents) -> str:
    state = contents.state
    return (
        f"{state.households} households, {state.events} events and {state.records} records, the seal key, and"
        f" {len(contents.files)} files of the data directory"
    )


@click.command("export")
@click.argument("file", type=click.Path(path_type=Path))
@printing
def export(file: Path) -> tuple[object, str]:
    """Write all that the store keeps for long into FILE, as lines of JSON. The gateway may go on serving.

    That is subscribers, devices, events, people, tokens, the audit log, campaigns, webhooks, phone models and work that
    waits. Secrets stay sealed: to use them, the store that imports the file needs the same seal key.
    """
    count, octets = asyncio.run(_export(file))
    return {"file": str(file), "lines": count, "octets": octets}, f"{file}: {count} lines, {octets} octets"


@click.command("state")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@printing
def import_state(file: Path) -> tuple[object, str]:
    """Put what `mogate export` wrote into the store that the settings name. What is there already is left alone.

    A line that cannot be read is told with its number, and all others are taken.
    """
    taken = asyncio.run(_import(file, file.stat().st_size))
    text = [f"{taken.households} households and {taken.events} events imported, and {taken.records} records"]
    text += [f"left alone, for it or an identity of its is there already: {one}" for one in taken.present]
    if taken.records_present:
        text.append(f"{taken.records_present} records left alone, for they are there already")
    if taken.events_left_out:
        text.append(f"{taken.events_left_out} events left out, for the log here has its own")
    text += [f"{file}:{fault.line}: {fault.why}" for fault in taken.faults]
    return msgspec.to_builtins(taken), "\n".join(text)


async def _export(file: Path) -> tuple[int, int]:
    chosen = settings()
    key = Sealer.load(chosen.seal_key).fingerprint
    store, _ = await open_store(chosen.store, chosen.data)
    count = octets = 0
    # Nobody takes half a file for a whole one.
    part = file.with_name(f"{file.name}.part")
    try:
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as out:
            with progress(file.name) as went:
                async for line in archive.export_lines(store, key, app.now()):
                    out.write(line)
                    count, octets = count + 1, octets + len(line)
                    went(1)
            out.flush()
            os.fsync(out.fileno())
        part.replace(file)
    except OSError as error:
        raise ConfigError(f"cannot be written: {error.strerror}", file=file) from None
    finally:
        await store.close()
        part.unlink(missing_ok=True)
    return count, octets


async def _import(file: Path, size: int) -> archive.Taken:
    chosen = settings()
    sealer = Sealer.load(chosen.seal_key)
    store, _ = await open_store(chosen.store, chosen.data)
    try:
        with file.open("rb") as lines, progress(file.name, size) as went:
            return await archive.import_lines(SealedStore(store, sealer), sealer.fingerprint, lines, went)
    finally:
        await store.close()
