"""Tables as CSV: the names of the columns on the first line.

Pure.
"""

from __future__ import annotations

import csv
from collections.abc import Collection, Iterable, Iterator

from gateway.errors import ConfigError


def parse_rows(
    lines: Iterable[str], columns: Collection[str], file: object, *, free: str = ""
) -> Iterator[tuple[int, dict[str, str]]]:
    """Each row, without its empty fields, with the line it ends on; ``file`` is what messages call it.

    Columns that begin with ``free`` may be there too.

    Raises: ConfigError naming the line.
    """
    reader = csv.DictReader(lines, strict=True)
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
