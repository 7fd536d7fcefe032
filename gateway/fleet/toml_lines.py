"""Where the keys of a TOML document stand: what tomllib does not say, for messages that name a line."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping

Path = tuple[str, ...]


def key_lines(source: str) -> dict[Path, int]:
    """The line on which each table and each key begins, by its names from the top; ``source`` is valid TOML.

    The names of what stands in a table of an array have its number in them, as text, after the array's.
    Keys of an inline table with several keys are not told apart: ``line_of`` gives the table's line for them.
    """
    lines: dict[Path, int] = {}
    table: Path = ()
    counts: dict[Path, int] = {}
    statement, start = "", 1
    # No proper beginning of a TOML statement is itself valid TOML, so the first that parses is the whole of it.
    for number, line in enumerate(source.split("\n"), start=1):
        statement += line + "\n"
        try:
            content = tomllib.loads(statement)
        except tomllib.TOMLDecodeError:
            continue
        names = _names(content)
        if statement.lstrip().startswith("["):
            table = names = _numbered(names, counts, begins=statement.lstrip().startswith("[["))
        else:
            names = (*table, *names)
        for length in range(1, len(names) + 1):
            lines.setdefault(names[:length], start)
        statement, start = "", number + 1
    return lines


def line_of(lines: Mapping[Path, int], *names: str) -> int | None:
    """The line of that key, else of the nearest table around it, else None."""
    for length in range(len(names), 0, -1):
        if names[:length] in lines:
            return lines[names[:length]]
    return None


def _numbered(names: Path, counts: dict[Path, int], *, begins: bool) -> Path:
    """The names of a table with the numbers of the arrays it is in; one that ``begins`` is a further one."""
    if begins:
        counts[names] = counts.get(names, -1) + 1
    numbered: list[str] = []
    for length, name in enumerate(names, start=1):
        numbered.append(name)
        if names[:length] in counts:
            numbered.append(str(counts[names[:length]]))
    return tuple(numbered)


def _names(content: Mapping[str, object]) -> Path:
    names: list[str] = []
    node: object = content
    while isinstance(node, dict) and len(node) == 1:
        name, node = next(iter(node.items()))
        names.append(name)
    return tuple(names)
