"""Commands that move the state of a store: out of it, into a file, and into another."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import click
import msgspec

from gateway import app, archive
from gateway.cli.common import printing, progress, settings
from gateway.errors import ConfigError
from gateway.sealing import Sealer
from gateway.store.opening import open_store


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
    key = Sealer.load(chosen.seal_key).fingerprint
    store, _ = await open_store(chosen.store, chosen.data)
    try:
        with file.open("rb") as lines, progress(file.name, size) as went:
            return await archive.import_lines(store, key, lines, went)
    finally:
        await store.close()
