"""How rows of another server's export become rows of ours: a table of columns, in TOML, with a few transformations.

Pure.
"""

from __future__ import annotations

import base64
import binascii
import re
import tomllib
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Literal, NamedTuple

import msgspec

from gateway.errors import ConfigError

MAX_TEXT = 4096
Kind = Literal["subscribers", "devices", "tokens"]

FIELDS: Mapping[Kind, tuple[str, ...]] = {
    "subscribers": ("id", "imsis", "msisdn", "tenant", "plan", "groups"),
    "devices": (
        "subscriber", "loc_uri", "imei", "manufacturer", "model", "auth", "server_auth", "client_name",
        "client_password", "client_digest", "client_nonce", "server_name", "server_password", "server_digest",
        "server_nonce",
    ),
    "tokens": ("subscriber", "imei", "token", "expires_at"),
}  # fmt: skip
"""What each kind of row may have, in the order in which kinds are imported."""

ATTRIBUTE = "attribute."
LISTS = ("imsis", "groups")

_PLACEHOLDER = re.compile(r"\{([^{}]+)\}")
_HEX = re.compile(r"(?:[0-9A-Fa-f]{2})+")


def _international(text: str) -> str:
    digits = re.sub(r"[ ()./-]", "", text)
    return "+" + digits.removeprefix("+").removeprefix("00") if digits else ""


def _octets_of_hex(text: str) -> str:
    if not _HEX.fullmatch(text):
        raise ValueError("is not hexadecimal")
    return base64.b64encode(bytes.fromhex(text)).decode()


def _padded_base64(text: str) -> str:
    padded = text.replace("-", "+").replace("_", "/").rstrip("=")
    padded += "=" * (-len(padded) % 4)
    try:
        base64.b64decode(padded, validate=True)
    except binascii.Error:
        raise ValueError("is not base64") from None
    return padded


def _text_of_base64(text: str) -> str:
    try:
        return base64.b64decode(_padded_base64(text)).decode()
    except UnicodeDecodeError:
        raise ValueError("is no text in base64") from None


def _time_of_seconds(text: str) -> str:
    if not re.fullmatch("[0-9]{1,11}", text):
        raise ValueError("is no number of seconds since 1970")
    return datetime.fromtimestamp(int(text), UTC).isoformat()


TRANSFORMATIONS: Mapping[str, Callable[[str], str]] = {
    "lower": str.lower,
    "upper": str.upper,
    "digits": lambda text: re.sub("[^0-9]", "", text),
    "international": _international,
    "hex-to-base64": _octets_of_hex,
    "text-to-base64": lambda text: base64.b64encode(text.encode()).decode(),
    "base64-to-text": _text_of_base64,
    "pad-base64": _padded_base64,
    "seconds-to-time": _time_of_seconds,
}
"""What can be done to a value, by name; they are done in the order in which a mapping names them."""


class Condition(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which rows count: those with one of these values in that column, or with any."""

    column: str
    is_: tuple[str, ...] = msgspec.field(name="is", default=())

    def holds(self, row: Mapping[str, str]) -> bool:
        """Whether the row counts."""
        text = row.get(self.column, "").strip()
        return text in self.is_ if self.is_ else bool(text)


class Field(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where one field comes from: a column, or a text with ``{COLUMN}`` in it.

    ``with_`` are transformations, ``values`` puts texts in place of others, ``default`` stands where there is nothing;
    ``split`` is what separates several. A field that is ``required`` makes a row without it fail.
    """

    column: str = ""
    text: str = ""
    with_: tuple[str, ...] = msgspec.field(name="with", default=())
    values: dict[str, str] = {}
    default: str = ""
    split: str = ""
    required: bool = False

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns it is made of."""
        return (self.column,) if self.column else tuple(_PLACEHOLDER.findall(self.text))


class Table(NamedTuple):
    """How rows of one kind are made."""

    kind: Kind
    fields: Mapping[str, Field]
    when: tuple[Condition, ...]


class RowMapping(NamedTuple):
    """The tables, in the order in which to import; ``delimiter`` and ``encoding`` are those of CSV files."""

    tables: tuple[Table, ...]
    delimiter: str = ","
    encoding: str = "utf-8-sig"

    @property
    def columns(self) -> frozenset[str]:
        """The columns that it names."""
        fields = {column for table in self.tables for field in table.fields.values() for column in field.columns}
        return frozenset(fields | {one.column for table in self.tables for one in table.when})


class _Read(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    delimiter: str = ","
    encoding: Literal["utf-8", "latin-1"] = "utf-8"
    subscribers: dict[str, Any] = {}
    devices: dict[str, Any] = {}
    tokens: dict[str, Any] = {}


def parse_mapping(text: str, file: object) -> RowMapping:
    """The mapping that a file states; ``file`` is what messages call it.

    Raises: ConfigError naming the key.
    """
    try:
        read = msgspec.convert(tomllib.loads(text), _Read)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise ConfigError(f"is no mapping of rows: {error}", file=file) from None
    if len(read.delimiter) != 1:
        raise ConfigError("is one character", file=file, key="delimiter")
    tables = [_table(kind, getattr(read, kind), file) for kind in FIELDS if getattr(read, kind)]
    if not tables:
        raise ConfigError(f"says nothing of {', '.join(FIELDS)}: it needs a table for one of them", file=file)
    return RowMapping(tuple(tables), read.delimiter, "utf-8-sig" if read.encoding == "utf-8" else read.encoding)


def _table(kind: Kind, stated: dict[str, Any], file: object) -> Table:
    conditions, fields = [], {}
    for name, said in stated.items():
        key = f"{kind}.{name}"
        try:
            if name == "when":
                conditions = msgspec.convert(said if isinstance(said, list) else [said], list[Condition])
                continue
            fields[name] = Field(column=said) if isinstance(said, str) else msgspec.convert(said, Field)
        except msgspec.ValidationError as error:
            raise ConfigError(str(error), file=file, key=key) from None
        _check(kind, name, fields[name], file, key)
    return Table(kind, fields, tuple(conditions))


def _check(kind: Kind, name: str, field: Field, file: object, key: str) -> None:
    if name not in FIELDS[kind] and not (kind == "subscribers" and name.startswith(ATTRIBUTE)):
        raise ConfigError(f"there is no such field; there are {', '.join(FIELDS[kind])}", file=file, key=key)
    unknown = [one for one in field.with_ if one not in TRANSFORMATIONS]
    if unknown:
        raise ConfigError(f"{unknown[0]!r} is none of {', '.join(TRANSFORMATIONS)}", file=file, key=f"{key}.with")
    if bool(field.column) == bool(field.text) and not field.default:
        raise ConfigError("comes from a column or from a text: say one of them", file=file, key=key)
    if field.split and name not in LISTS:
        raise ConfigError(f"only {' and '.join(LISTS)} are several", file=file, key=f"{key}.split")


def map_row(table: Table, row: Mapping[str, str]) -> dict[str, Any] | None:
    """The row of ours that one of theirs makes; None when it is not meant. What is empty, or not there, is left out.

    Raises: ConfigError naming the field, never its value.
    """
    if not all(one.holds(row) for one in table.when):
        return None
    made: dict[str, Any] = {}
    for name, field in table.fields.items():
        text = _value(name, field, row)
        if not text:
            if field.required:
                raise ConfigError("is empty", key=name)
        elif name.startswith(ATTRIBUTE):
            made.setdefault("attributes", {})[name.removeprefix(ATTRIBUTE)] = text
        elif name in LISTS:
            made[name] = [one.strip() for one in text.split(field.split or None) if one.strip()]
        else:
            made[name] = text
    return made


def _value(name: str, field: Field, row: Mapping[str, str]) -> str:
    values = [row.get(column, "").strip() for column in field.columns]
    if not all(values):
        return field.default
    text = values[0] if field.column else _PLACEHOLDER.sub(lambda found: row[found[1]].strip(), field.text)
    if len(text) > MAX_TEXT:
        raise ConfigError(f"is longer than {MAX_TEXT} characters", key=name)
    if field.values:
        if text not in field.values and not field.default:
            raise ConfigError("has a value that the mapping does not know", key=name)
        text = field.values.get(text, field.default)
    for transformation in field.with_:
        try:
            text = TRANSFORMATIONS[transformation](text)
        except ValueError as error:
            raise ConfigError(str(error), key=name) from None
    return text or field.default


def flat(value: Mapping[str, Any]) -> dict[str, str]:
    """A JSON object as a row: what is inside of another is named by both with a dot, lists have blanks between."""
    found: dict[str, str] = {}
    stack: list[tuple[str, Any]] = [("", value)]
    while stack:
        name, one = stack.pop()
        if isinstance(one, Mapping):
            stack += [(f"{name}.{key}" if name else str(key), inner) for key, inner in one.items()]
        elif isinstance(one, list):
            found[name] = " ".join(map(_plain, one))
        else:
            found[name] = _plain(one)
    return found


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)
