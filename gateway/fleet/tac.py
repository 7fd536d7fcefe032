"""Models of phones by Type Allocation Code: what the first eight digits of an IMEI say.

Pure.

Spec: 3GPP TS 23.003 6.2
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from gateway.fleet.fields import fault_of

COLUMNS = ("tac", "manufacturer", "model", "protocols", "capabilities")
SPOKEN = ("omadm", "rcc14", "omacp")

Word = Annotated[str, Meta(pattern=r"^[^\s\x00-\x1f]{1,60}$")]
Name = Annotated[str, Meta(max_length=200, pattern=r"^[^\x00-\x1f]*$")]


class PhoneModel(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """One row of the table. ``protocols`` are those that phones of this model are said to speak."""

    tac: Annotated[str, Meta(pattern="^[0-9]{8}$")]
    manufacturer: Name = ""
    model: Name = ""
    protocols: tuple[Literal["omadm", "rcc14", "omacp"], ...] = ()
    capabilities: Annotated[tuple[Word, ...], Meta(max_length=50)] = ()


def parse_model(fields: Mapping[str, Any]) -> PhoneModel:
    """The row of these fields; protocols and capabilities are lists, or text with blanks between them.

    Raises: DecodeError naming the field.
    """
    given = {name: value.split() if name in COLUMNS[3:] and isinstance(value, str) else value
             for name, value in fields.items()}  # fmt: skip
    try:
        return msgspec.convert(given, PhoneModel)
    except msgspec.ValidationError as error:
        raise fault_of(error) from None
