"""Sightings as CSV: the first line names the columns, each other line is a sighting.

Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from gateway.fleet.table import parse_rows

COLUMNS = ("imsi", "imei", "msisdn", "apns", "former_imsi", "removed", "seen_at")


def read_csv(lines: Iterable[str], file: object) -> Iterator[tuple[int, dict[str, Any]]]:
    """Each row with the line it ends on, by column; what is empty is left out. ``file`` is what messages call it.

    Raises: ConfigError naming file and line, when it is no CSV or has other columns.
    """
    for line, row in parse_rows(lines, COLUMNS, file):
        given: dict[str, Any] = dict(row)
        if "apns" in given:
            given["apns"] = given["apns"].split()
        if "removed" in given:
            given["removed"] = given["removed"].lower() in ("1", "true", "yes")
        if given:
            yield line, given
