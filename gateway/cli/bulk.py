"""Commands that take over subscribers, devices, tokens and values in bulk."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import click

from gateway.cli.common import api, printing, progress
from gateway.cli.tables import read_rows
from gateway.errors import ConfigError
from gateway.fleet.row_mapping import ATTRIBUTE, FIELDS, LISTS

ROWS_AT_ONCE = 2000
MAX_PART_BYTES = 900_000
JSON_LINES = (".jsonl", ".ndjson")
VALUE_FIELDS = ("of", "node", "value")
_file_argument = click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))


@click.command("subscribers")
@_file_argument
@printing
def import_subscribers(file: Path) -> tuple[object, str, int]:
    """Create the subscribers of FILE, which is CSV or JSON lines.

    The columns are id, imsis, msisdn, tenant, plan, groups and attribute.NAME; several IMSIs or groups have spaces
    between them. Those who are there already are counted and stay as they are: an import that was cut off is run again.
    """
    return send(file, "/subscribers/bulk", _rows(file, FIELDS["subscribers"], free=ATTRIBUTE))


@click.command("devices")
@_file_argument
@printing
def import_devices(file: Path) -> tuple[object, str, int]:
    """Add the devices of FILE with the OMA DM accounts they have: CSV or JSON lines.

    A row has subscriber (anything that names one), loc_uri, imei, manufacturer, model, auth, server_auth, client_name,
    client_password or client_digest, client_nonce, and the same of the server. A digest is B64(MD5(name:password)), and
    nonces are in base64. Devices that are there already stay as they are.
    """
    return send(file, "/devices/bulk", _rows(file, FIELDS["devices"]))


@click.command("tokens")
@_file_argument
@printing
def import_tokens(file: Path) -> tuple[object, str, int]:
    """Let clients in with the tokens of FILE, which another RCC.14 server gave them: CSV or JSON lines.

    A row has subscriber (anything that names one), token, imei (the token counts for that phone alone) and expires_at
    (2026-12-31T00:00:00Z; thirty days from now if it is not there). Each lets its client in once, which then has a
    token of the gateway's. What was taken over already is counted, and ends when it is said to end now.
    """
    return send(file, "/rcc14/tokens/bulk", _rows(file, FIELDS["tokens"]))


@click.command("values")
@_file_argument
@printing
def import_values(file: Path) -> tuple[object, str, int]:
    """Set the values of FILE on subscribers and single devices: CSV or JSON lines.

    A row has of (anything that names a subscriber, or the id of a device), node and value. Those of one are set
    together. What is set already changes nothing, so an import that was cut off is run again.
    """
    return send(file, "/values/bulk", _rows(file, VALUE_FIELDS, verbatim=("value",)))


class Fault(NamedTuple):
    """A row that is not sent, by its line, and why."""

    line: int
    why: str


def send(
    file: Path,
    path: str,
    rows: Iterator[tuple[int, str]],
    faults: Sequence[Fault] = (),
    query: Mapping[str, str] | None = None,
) -> tuple[dict[str, Any], str, int]:
    """What became of the rows of a file, each JSON with its line, for machines and for people.

    ``faults`` fills up as they are read. The route at ``path`` tells the outcome of each, and why one failed.
    The last is the exit status: 1 when a row failed.
    """
    counts: Counter[str] = Counter()
    failed: list[dict[str, Any]] = []
    done = 0
    with progress(file.name, _count_lines(file)) as went:
        for part in _parts(rows):
            lines = "\n".join(line for _, line in part)
            for one in api("POST", path, body=lines.encode(), query=dict(query or {})):
                counts[one["outcome"]] += 1
                if one["outcome"] == "failed":
                    failed.append({"line": part[one["row"] - 1][0], "why": one["why"]})
            went(part[-1][0] - done)
            done = part[-1][0]
    if faults:
        counts["failed"] += len(faults)
        failed = sorted([*failed, *(one._asdict() for one in faults)], key=lambda one: int(one["line"]))
    text = [f"{file}: " + (", ".join(f"{number} {outcome}" for outcome, number in counts.items()) or "no rows")]
    text += [f"{file}:{one['line']}: {one['why']}" for one in failed]
    return {"file": str(file), "outcomes": counts, "failed": failed}, "\n".join(text), int(bool(failed))


def as_lines(rows: Iterable[tuple[int, Mapping[str, Any]]]) -> Iterator[tuple[int, str]]:
    """The rows as ``send`` takes them."""
    return ((number, json.dumps(row)) for number, row in rows)


def _parts(rows: Iterator[tuple[int, str]]) -> Iterator[list[tuple[int, str]]]:
    """The rows in parts that fit into one request."""
    part: list[tuple[int, str]] = []
    size = 0
    for number, line in rows:
        octets = len(line.encode()) + 1
        if part and (len(part) == ROWS_AT_ONCE or size + octets > MAX_PART_BYTES):
            yield part
            part, size = [], 0
        part.append((number, line))
        size += octets
    if part:
        yield part


def _count_lines(file: Path) -> int:
    with file.open("rb") as octets:
        return sum(chunk.count(b"\n") for chunk in iter(lambda: octets.read(1 << 20), b""))


def _rows(
    file: Path, fields: Collection[str], free: str = "", verbatim: Collection[str] = ()
) -> Iterator[tuple[int, str]]:
    """Each row of the file as a line of JSON, with the line it is from."""
    if file.suffix in JSON_LINES:
        try:
            with file.open(encoding="utf-8") as lines:
                yield from ((number, line.strip()) for number, line in enumerate(lines, 1) if line.strip())
        except UnicodeDecodeError as error:
            raise ConfigError(f"is not in UTF-8: {error}", file=file) from None
        return
    for number, row in read_rows(file, fields, free=free, verbatim=verbatim):
        given: dict[str, Any] = {name: text for name, text in row.items() if not name.startswith(ATTRIBUTE)}
        for name in set(LISTS) & given.keys():
            given[name] = given[name].split()
        attributes = {name.removeprefix(ATTRIBUTE): one for name, one in row.items() if name.startswith(ATTRIBUTE)}
        yield number, json.dumps(given | ({"attributes": attributes} if attributes else {}))
