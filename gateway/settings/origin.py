"""Where each setting comes from, for people who wonder why it is what it is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from pydantic import BaseModel, SecretStr

from gateway.fleet.toml_lines import line_of
from gateway.settings.base import Address

PREFIX = "MOGATE_"
SECRET_FILES = frozenset(
    {"password_file", "sentinel_password_file", "secret_file", "authorization_file", "secret", "key", "seal_key"}
)
"""How the settings are called that name a file with a secret."""


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


class Secret(NamedTuple):
    """One setting that is a secret, or that names the file with one: whether it is set, and how it is changed."""

    key: str
    origin: str
    is_set: bool
    file: Path | None
    rotate: str


def secret_settings(settings: BaseModel, said: Sequence[Origin]) -> list[Secret]:
    """Every setting that is a secret; ``said`` are the origins of the same settings."""
    by_key = {one.key: one.origin for one in said}
    found = []
    for parts, value in _leaves(settings, ()):
        key = ".".join(parts)
        if isinstance(value, SecretStr):
            is_set, file = bool(value.get_secret_value()), None
        elif parts[-1] in SECRET_FILES and (value is None or isinstance(value, Path)):
            is_set, file = value is not None, value
        else:
            continue
        found.append(Secret(key, by_key.get(key, ""), is_set, file, _rotation(parts)))
    return found


def _rotation(key: tuple[str, ...]) -> str:
    if key == ("seal_key",):
        return "it stays: what is stored opens with it alone"
    if key[0] == "listeners":
        return "write the new certificate and key, then `mogate reload`"
    return "say the new one in its place, then restart the gateway"


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
