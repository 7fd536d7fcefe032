"""Tables that commands read: CSV with the names of the columns on the first line."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path

from gateway.fleet.table import parse_rows


def read_rows(
    file: Path, columns: Collection[str], *, free: str = "", verbatim: Collection[str] = ()
) -> Iterator[tuple[int, dict[str, str]]]:
    """Each row, without its empty fields, with the line it ends on. Columns that begin with ``free`` may be there too.

    Those that are ``verbatim`` keep their spaces, and are never left out.

    Raises: ConfigError naming the line.
    """
    with file.open(encoding="utf-8-sig", newline="") as text:
        yield from parse_rows(text, columns, file, free=free, verbatim=verbatim)
