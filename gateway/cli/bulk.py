"""Commands that take over subscribers and devices in bulk."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import click

from gateway.cli.common import api, printing, progress
from gateway.cli.tables import read_rows
from gateway.errors import ConfigError

ROWS_AT_ONCE = 2000
_SUBSCRIBER = ("id", "imsis", "msisdn", "tenant", "plan", "groups")
_DEVICE = (
    "subscriber", "loc_uri", "imei", "manufacturer", "model", "auth", "server_auth", "client_name", "client_password",
    "server_name", "server_password",
)  # fmt: skip
_ATTRIBUTE = "attribute."
_file_argument = click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))


@click.command("subscribers")
@_file_argument
@printing
def import_subscribers(file: Path) -> tuple[object, str]:
    """Create the subscribers of FILE, which is CSV or JSON lines.

    The columns are id, imsis, msisdn, tenant, plan, groups and attribute.NAME; several IMSIs or groups have spaces
    between them. Those who are there already are counted and stay as they are: an import that was cut off is run again.
    """
    return _send(file, "/subscribers/bulk", _rows(file, _SUBSCRIBER))


@click.command("devices")
@_file_argument
@printing
def import_devices(file: Path) -> tuple[object, str]:
    """Add the devices of FILE with the OMA DM accounts they have: CSV or JSON lines.

    A row has subscriber (anything that names one), loc_uri, imei, manufacturer, model, auth, server_auth, client_name,
    client_password, server_name and server_password. Devices that are there already stay as they are.
    """
    return _send(file, "/devices/bulk", _rows(file, _DEVICE))


def _send(file: Path, path: str, rows: Iterator[tuple[int, str]]) -> tuple[object, str]:
    counts: Counter[str] = Counter()
    failed: list[dict[str, Any]] = []
    done = 0
    with progress(file.name, _count_lines(file)) as went:
        while part := list(islice(rows, ROWS_AT_ONCE)):
            for one in api("POST", path, body="\n".join(line for _, line in part).encode()):
                counts[one["outcome"]] += 1
                if one["outcome"] == "failed":
                    failed.append({"line": part[one["row"] - 1][0], "why": one["why"]})
            went(part[-1][0] - done)
            done = part[-1][0]
    text = [f"{file}: " + (", ".join(f"{number} {outcome}" for outcome, number in counts.items()) or "no rows")]
    text += [f"{file}:{one['line']}: {one['why']}" for one in failed]
    return {"file": str(file), "outcomes": counts, "failed": failed}, "\n".join(text)


def _count_lines(file: Path) -> int:
    with file.open("rb") as octets:
        return sum(chunk.count(b"\n") for chunk in iter(lambda: octets.read(1 << 20), b""))


def _rows(file: Path, columns: tuple[str, ...]) -> Iterator[tuple[int, str]]:
    """Each row of the file as a line of JSON, with the line it is from."""
    if file.suffix in (".jsonl", ".ndjson"):
        try:
            with file.open(encoding="utf-8") as lines:
                yield from ((number, line.strip()) for number, line in enumerate(lines, 1) if line.strip())
        except UnicodeDecodeError as error:
            raise ConfigError(f"is not in UTF-8: {error}", file=file) from None
        return
    for number, row in read_rows(file, columns, free=_ATTRIBUTE if columns is _SUBSCRIBER else ""):
        given: dict[str, Any] = {name: text for name, text in row.items() if not name.startswith(_ATTRIBUTE)}
        for name in {"imsis", "groups"} & given.keys():
            given[name] = given[name].split()
        attributes = {name.removeprefix(_ATTRIBUTE): one for name, one in row.items() if name.startswith(_ATTRIBUTE)}
        yield number, json.dumps(given | ({"attributes": attributes} if attributes else {}))
