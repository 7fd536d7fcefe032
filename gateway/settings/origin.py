"""Where each setting comes from, for people who wonder why it is what it is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from pydantic import BaseModel, SecretStr

from gateway.fleet.toml_lines import line_of
from gateway.settings.base import Address

PREFIX = "MOGATE_"


class Origin(NamedTuple):
    """One setting: its key, where it was said, and its value as text (a secret's is not shown)."""

    key: str
    origin: str
    value: str


def variable_for(key: tuple[str, ...], environment: Mapping[str, str]) -> str:
    """The environment variable that sets this key, or all of a table around it; empty when there is none."""
    for length in range(len(key), 0, -1):
        name = PREFIX + "__".join(key[:length]).upper()
        if name in environment:
            return name
    return ""


def origins(
    settings: BaseModel, file: Path, lines: Mapping[tuple[str, ...], int], environment: Mapping[str, str]
) -> list[Origin]:
    """Every setting, table by table; ``lines`` are those of the file's keys."""
    found = []
    for key, value in _leaves(settings, ()):
        variable = variable_for(key, environment)
        stated = line_of(lines, *key) if key in lines or any(part.isdigit() for part in key) else None
        origin = f"environment {variable}" if variable else f"{file}:{stated}" if stated else "default"
        found.append(Origin(".".join(key), origin, _shown(value)))
    return found


def _leaves(table: BaseModel, prefix: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], object]]:
    for name in type(table).model_fields:
        value, key = getattr(table, name), (*prefix, name)
        if isinstance(value, BaseModel) and not isinstance(value, Address):
            yield from _leaves(value, key)
        elif isinstance(value, tuple) and value and all(isinstance(one, BaseModel) for one in value):
            for number, one in enumerate(value):
                yield from _leaves(one, (*key, str(number)))
        else:
            yield key, value


def _shown(value: object) -> str:
    if isinstance(value, SecretStr):
        return "(secret)" if value.get_secret_value() else ""
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    return "" if value is None else str(value)
