"""Tables that commands read: CSV with the names of the columns on the first line."""

from __future__ import annotations

import csv
from collections.abc import Collection, Iterator
from pathlib import Path

from gateway.errors import ConfigError


def read_rows(file: Path, columns: Collection[str], *, free: str = "") -> Iterator[tuple[int, dict[str, str]]]:
    """Each row, without its empty fields, with the line it ends on. Columns that begin with ``free`` may be there too.

    Raises: ConfigError naming the line.
    """
    with file.open(encoding="utf-8-sig", newline="") as text:
        reader = csv.DictReader(text, strict=True)
        try:
            names = reader.fieldnames or ()
            unknown = [name for name in names if name not in columns and not (free and name.startswith(free))]
            if unknown or not names:
                known = ", ".join([*columns, *([f"{free}NAME"] if free else [])])
                raise ConfigError(f"columns are {known}; not {', '.join(unknown) or 'nothing'}", file=file, line=1)
            for row in reader:
                if None in row:
                    raise ConfigError("has more fields than the first line names", file=file, line=reader.line_num)
                yield reader.line_num, {name: value.strip() for name, value in row.items() if value and value.strip()}
        except (csv.Error, UnicodeDecodeError) as error:
            raise ConfigError(f"is no CSV in UTF-8: {error}", file=file, line=reader.line_num) from None
