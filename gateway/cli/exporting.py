"""Commands that write subscribers, devices and values out as they are taken over."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, TextIO

import click

from gateway.admin import client
from gateway.cli.bulk import JSON_LINES, VALUE_FIELDS
from gateway.cli.common import api, printing, settings
from gateway.errors import ConfigError
from gateway.fleet.row_mapping import ATTRIBUTE, FIELDS, LISTS
from gateway.fleet.table import format_cell

_Row = dict[str, Any]
_file_argument = click.argument("file", type=click.Path(dir_okay=False, path_type=Path))


@click.command("export")
@_file_argument
@click.option("--values", is_flag=True, help="What is set on subscribers and devices, as import values reads it.")
@printing
def export_subscribers(file: Path, values: bool) -> tuple[object, str]:
    """Write all subscribers into FILE as `mogate import subscribers` reads them: CSV, or JSON lines by the name's end.

    For tables and other systems; all that is kept of them, with all secrets, is in `mogate export` alone.
    """
    if values:
        return _written(file, "values", VALUE_FIELDS, lambda: _lines("/values"))
    return _written(file, "subscribers", FIELDS["subscribers"], lambda: _lines("/subscribers"), free="attributes")


@click.command("export")
@_file_argument
@printing
def export_devices(file: Path) -> tuple[object, str]:
    """Write all devices with an OMA DM account into FILE as `mogate import devices` reads them: CSV or JSON lines.

    With the digests and nonces by which a device and its server know each other: who has the file can take their
    places. It is for another server that is to go on with these devices.
    """
    return _written(file, "devices", FIELDS["devices"], _accounts)


def _lines(path: str) -> Iterator[_Row]:
    """All of a list, as it comes."""
    rest = b""
    for chunk in client.download(settings(), path, "application/jsonl"):
        *lines, rest = (rest + chunk).split(b"\n")
        yield from map(json.loads, lines)


def _accounts() -> Iterator[_Row]:
    after, page = "", None
    while page is None or after:
        page = api("POST", "/devices/accounts", body={"after": after})
        after = page["after"]
        yield from page["accounts"]


def _written(
    file: Path, what: str, columns: Sequence[str], rows: Callable[[], Iterable[_Row]], free: str = ""
) -> tuple[object, str]:
    """Have it all written to a new file that this user alone can read. A table is gone through twice for ``free``."""
    try:
        opened = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(opened, "w", encoding="utf-8", newline="") as out:
            write = _write_lines if file.suffix in JSON_LINES else _write_table
            try:
                count = write(out, columns, rows, free)
            except BaseException:
                file.unlink()  # half of them could be taken for all
                raise
    except FileExistsError:
        raise ConfigError("is there already; name another file", file=file) from None
    except OSError as error:
        raise ConfigError(f"cannot be written: {error.strerror}", file=file) from None
    return {"file": str(file), "count": count}, f"{file}: {count} {what}"


def _write_lines(out: TextIO, columns: Sequence[str], rows: Callable[[], Iterable[_Row]], free: str) -> int:
    count = 0
    for one in rows():
        given = {name: one[name] for name in (*columns, free) if one.get(name) or name in VALUE_FIELDS}
        out.write(json.dumps(given, ensure_ascii=False) + "\n")
        count += 1
    return count


def _write_table(out: TextIO, columns: Sequence[str], rows: Callable[[], Iterable[_Row]], free: str) -> int:
    # Which attributes there are is known when everybody was looked at.
    own = sorted({name for one in rows() for name in one[free]}) if free else []
    # With the lines' end of RFC 4180 a cell with either half of it is quoted.
    table = csv.writer(out)
    table.writerow([*columns, *(ATTRIBUTE + name for name in own)])
    count = 0
    for one in rows():
        cells = [" ".join(one[name]) if name in LISTS else one.get(name, "") for name in columns]
        table.writerow(map(format_cell, [*cells, *(one[free].get(name, "") for name in own)]))
        count += 1
    return count
