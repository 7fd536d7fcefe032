"""Ranges of IMSIs and MSISDNs: who is in them.

Pure.
"""

from __future__ import annotations

import bisect
import re
from collections.abc import Collection, Iterable
from typing import NamedTuple

from gateway.errors import ConfigError

MAX_RANGES = 50_000
_RANGE = re.compile(r"(\+?)([0-9]{1,15})(?:-\+?([0-9]{1,15}))?", re.ASCII)


class _Numbers(NamedTuple):
    """Prefixes, and ranges between two numbers by how many digits those have: their firsts and lasts, ascending."""

    prefixes: frozenset[str]
    lengths: tuple[int, ...]
    spans: dict[int, tuple[list[int], list[int]]]

    def has(self, number: str) -> bool:
        """Whether the number, digits alone, is in one of them."""
        if any(number[:length] in self.prefixes for length in self.lengths):
            return True
        firsts, lasts = self.spans.get(len(number), ((), ()))
        place = bisect.bisect_right(firsts, int(number)) - 1 if firsts else -1
        return place >= 0 and int(number) <= lasts[place]


class Ranges(NamedTuple):
    """Ranges of IMSIs and of MSISDNs."""

    imsis: _Numbers
    msisdns: _Numbers

    def have(self, imsis: Iterable[str], msisdn: str) -> bool:
        """Whether one of these is in a range; what is no number is in none."""
        number = msisdn.removeprefix("+")
        return (_is_number(number) and self.msisdns.has(number)) or any(
            _is_number(imsi) and self.imsis.has(imsi) for imsi in imsis
        )


def parse_ranges(texts: Collection[str], *, key: str, file: object = None) -> Ranges:
    """The ranges that these texts state, each a prefix or ``first-last``: of MSISDNs with ``+``, of IMSIs without.

    Raises: ConfigError naming ``key`` and, where they come from one, ``file``.
    """
    if len(texts) > MAX_RANGES:
        raise ConfigError(f"has more than {MAX_RANGES} ranges", file=file, key=key)
    kinds: dict[str, tuple[list[str], list[tuple[str, str]]]] = {"": ([], []), "+": ([], [])}
    for text in texts:
        found = _RANGE.fullmatch(text.replace(" ", ""))
        if found is None:
            raise ConfigError(f"{text[:40]!r} is neither a prefix nor first-last", file=file, key=key)
        plus, first, last = found.groups()
        prefixes, spans = kinds[plus]
        if last is None:
            prefixes.append(first)
        elif len(first) == len(last) and first <= last:
            spans.append((first, last))
        else:
            raise ConfigError(f"{text[:40]!r}: both ends have as many digits, the lower first", file=file, key=key)
    return Ranges(_numbers(*kinds[""]), _numbers(*kinds["+"]))


def _numbers(prefixes: list[str], spans: list[tuple[str, str]]) -> _Numbers:
    by_length: dict[int, tuple[list[int], list[int]]] = {}
    for first, last in sorted(spans):
        firsts, lasts = by_length.setdefault(len(first), ([], []))
        if lasts and int(first) <= lasts[-1]:
            lasts[-1] = max(lasts[-1], int(last))
        else:
            firsts.append(int(first))
            lasts.append(int(last))
    return _Numbers(frozenset(prefixes), tuple(sorted(set(map(len, prefixes)))), by_length)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= 15
