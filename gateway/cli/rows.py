"""The command that takes over another server's export, as a mapping of its columns says."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from gateway.cli.bulk import JSON_LINES, Fault, send
from gateway.cli.common import printing
from gateway.errors import ConfigError
from gateway.fleet.row_mapping import RowMapping, Table, flat, map_row, parse_mapping

PATHS = {"subscribers": "/subscribers/bulk", "devices": "/devices/bulk", "tokens": "/rcc14/tokens/bulk"}
_Row = tuple[int, Mapping[str, str] | str]
"""A line with what it says by column, or why it says nothing."""
_existing = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command("rows")
@click.argument("mapping", type=_existing)
@click.argument("file", type=_existing)
@printing
def import_rows(mapping: Path, file: Path) -> tuple[object, str, int]:
    """Take over the subscribers, devices and tokens in FILE, an export of another server in CSV or JSON lines.

    MAPPING is a TOML file that says from which column each field comes, and what is done to it. A row that cannot be
    taken is told with its line, and the others count; what is there already stays, so an import is run again.
    """
    try:
        stated = parse_mapping(mapping.read_text(encoding="utf-8"), mapping)
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot be read: {error}", file=mapping) from None
    told: dict[str, object] = {}
    texts, worst = [], 0
    for table in stated.tables:
        faults: list[Fault] = []
        value, text, status = send(file, PATHS[table.kind], _mapped(table, _read(file, stated), faults), faults)
        told[table.kind] = value
        texts.append(f"{table.kind}: {text}")
        worst = max(worst, status)
    return told, "\n".join(texts), worst


def _mapped(table: Table, rows: Iterator[_Row], faults: list[Fault]) -> Iterator[tuple[int, str]]:
    """The rows of ours as lines of JSON, with the line each is from; what cannot be made one goes to ``faults``."""
    for number, row in rows:
        if isinstance(row, str):
            faults.append(Fault(number, row))
            continue
        try:
            made = map_row(table, row)
        except ConfigError as error:
            faults.append(Fault(number, str(error)))
            continue
        if made is not None:
            yield number, json.dumps(made)


def _read(file: Path, stated: RowMapping) -> Iterator[_Row]:
    """Each row by column, or why it is none, with the line that it ends on."""
    try:
        with file.open(encoding=stated.encoding, newline="") as text:
            yield from _read_json(text) if file.suffix in JSON_LINES else _read_csv(text, stated, file)
    except UnicodeDecodeError as error:
        raise ConfigError(f"is not in the encoding that the mapping says: {error}", file=file) from None


def _read_json(lines: Iterator[str]) -> Iterator[_Row]:
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            found: Any = json.loads(line)
        except (ValueError, RecursionError) as error:
            yield number, f"is no JSON: {error}"
            continue
        yield number, flat(found) if isinstance(found, dict) else "is no JSON object"


def _read_csv(lines: Iterator[str], stated: RowMapping, file: Path) -> Iterator[_Row]:
    reader = csv.DictReader(lines, delimiter=stated.delimiter)
    try:
        unknown = stated.columns - set(reader.fieldnames or ())
        if unknown:
            raise ConfigError(f"has no column {', '.join(sorted(unknown))}, which the mapping names", file=file, line=1)
        for row in reader:
            if None in row or None in row.values():
                yield reader.line_num, f"has not the {len(reader.fieldnames or ())} fields that the first line names"
            else:
                yield reader.line_num, row
    except csv.Error as error:
        raise ConfigError(f"is no CSV: {error}", file=file, line=reader.line_num) from None
