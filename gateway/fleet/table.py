"""Tables as CSV: the names of the columns on the first line.

A cell that a spreadsheet would take for a formula, which a device or a stranger may have given, is written with an
apostrophe before it, as a person types it to have text; reading takes that away.

Pure.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Collection, Iterable, Iterator

from gateway.errors import ConfigError

_FORMULA = re.compile("'*(?:[=@\uff1d\uff20\t\r\n]|[+\uff0b\uff0d-](?![0-9.]+\\Z))")
"""How a formula begins. What is a number or an MSISDN is none."""


def format_cell(text: str) -> str:
    """The text as a cell, which no spreadsheet works out."""
    return f"'{text}" if _FORMULA.match(text) else text


def parse_cell(cell: str) -> str:
    """The text that was written as this cell."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell


def parse_rows(
    lines: Iterable[str], columns: Collection[str], file: object, *, free: str = "", verbatim: Collection[str] = ()
) -> Iterator[tuple[int, dict[str, str]]]:
    """Each row, without its empty fields, with the line it ends on; ``file`` is what messages call it.

    Columns that begin with ``free`` may be there too. Those that are ``verbatim`` keep their spaces, and are never
    left out.

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
            cells = {name: cell if name in verbatim else cell.strip() for name, cell in row.items() if cell is not None}
            yield reader.line_num, {name: parse_cell(cell) for name, cell in cells.items() if cell or name in verbatim}
    except (csv.Error, UnicodeDecodeError) as error:
        raise ConfigError(f"is no CSV in UTF-8: {error}", file=file, line=reader.line_num) from None
