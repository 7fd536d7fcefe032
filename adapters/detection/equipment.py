"""What an EIR says of equipment: which of its lists a phone is on.

Pure.

Spec: 3GPP TS 22.016 3 (white, grey and black list); 3GPP TS 29.272 7.3.51 (Equipment-Status)
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping
from typing import Literal

Answer = Literal["white", "grey", "black", "unknown"]


class EquipmentStatus(enum.IntEnum):
    """Spec: 3GPP TS 29.272 7.3.51"""

    WHITELISTED = 0
    BLACKLISTED = 1
    GREYLISTED = 2


STATUS: Mapping[Answer, EquipmentStatus | None] = {
    "white": EquipmentStatus.WHITELISTED,
    "black": EquipmentStatus.BLACKLISTED,
    "grey": EquipmentStatus.GREYLISTED,
    "unknown": None,
}
"""None stands for the error that the equipment is unknown."""


class Lists:
    """The lists, of Type Allocation Codes and of whole numbers; what names a phone more closely counts."""

    def __init__(self, white: Iterable[str], grey: Iterable[str], black: Iterable[str], others: Answer) -> None:
        """``others`` is the answer for phones on no list. A number on several is on the strictest of them."""
        named: dict[str, Answer] = {}
        lists: tuple[tuple[Answer, Iterable[str]], ...] = (("white", white), ("grey", grey), ("black", black))
        for answer, numbers in lists:
            named |= dict.fromkeys((number[:14] for number in numbers), answer)
        self._named = named
        self._others = others
        self._lengths = sorted({len(number) for number in named}, reverse=True)

    def answer(self, imei: str) -> Answer:
        """Which list the phone is on."""
        for length in self._lengths:
            found = self._named.get(imei[:length])
            if found is not None:
                return found
        return self._others
