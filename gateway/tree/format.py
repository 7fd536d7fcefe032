"""Formats of leaf values: how a value is written as text, and when two texts mean the same value.

Spec: OMA-TS-DM_TND-V1_2 7.7.4 (Format), OMA-TS-SyncML_MetaInfo-V1_2 5.2
"""

from __future__ import annotations

import base64
import binascii
import datetime
import enum
import math
import re

_INTEGER = re.compile(r"[+-]?[0-9]{1,20}", re.ASCII)
_BOOLEANS = {"true": "true", "1": "true", "false": "false", "0": "false"}
_VALUELESS = frozenset({"node", "null"})


class Format(enum.StrEnum):
    """The format of a node; ``NODE`` is an interior node."""

    B64 = "b64"
    BIN = "bin"
    BOOL = "bool"
    CHR = "chr"
    DATE = "date"
    FLOAT = "float"
    INT = "int"
    NODE = "node"
    NULL = "null"
    TIME = "time"
    XML = "xml"

    @classmethod
    def parse(cls, text: str) -> Format:
        """The format of that name; ``chr`` when the name is empty or not one of the specification's.

        Devices report formats of their own invention, and a value of unknown format is text.
        """
        return _BY_NAME.get(text) or _BY_NAME.get(text.strip().lower(), _TEXT)

    def canonical(self, text: str) -> str:
        """The one text that stands for this value; equal values have equal canonical texts.

        ``bin`` and ``b64`` values are base64 text; interior and null nodes have the empty text.

        Raises: ValueError when the text is not a value of this format.
        """
        if self in _VALUELESS:
            if text.strip():
                raise ValueError(f"a {self} node has no value")
            return ""
        reader = _READERS.get(self)
        return reader(text) if reader else text

    def same(self, one: str | None, other: str | None) -> bool:
        """Whether both texts stand for the same value; None equals only None, unreadable text only itself."""
        if one == other:
            return True
        if one is None or other is None or self not in _READERS:
            return False
        try:
            return self.canonical(one) == self.canonical(other)
        except ValueError:
            return False


_TEXT = Format.CHR
_BY_NAME = {"": _TEXT} | {format_.value: format_ for format_ in Format}


def _integer(text: str) -> str:
    if not _INTEGER.fullmatch(text.strip()):
        raise ValueError(f"{text!r} is not a whole number")
    return str(int(text))


def _boolean(text: str) -> str:
    try:
        return _BOOLEANS[text.strip().lower()]
    except KeyError:
        raise ValueError(f"{text!r} is neither true nor false") from None


def _float(text: str) -> str:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ValueError(f"{text!r} is not a finite number")
    return repr(value)


def _base64(text: str) -> str:
    try:
        return base64.b64encode(base64.b64decode("".join(text.split()), validate=True)).decode()
    except (binascii.Error, ValueError):
        raise ValueError(f"{text[:40]!r} is not base64") from None


def _date(text: str) -> str:
    try:
        return datetime.date.fromisoformat(text.strip()).isoformat()
    except ValueError:
        raise ValueError(f"{text!r} is not an ISO 8601 date") from None


def _time(text: str) -> str:
    try:
        return datetime.time.fromisoformat(text.strip()).isoformat()
    except ValueError:
        raise ValueError(f"{text!r} is not an ISO 8601 time") from None


_READERS = {
    Format.INT: _integer,
    Format.BOOL: _boolean,
    Format.FLOAT: _float,
    Format.BIN: _base64,
    Format.B64: _base64,
    Format.DATE: _date,
    Format.TIME: _time,
}
