"""Which subscribers this server serves while a fleet moves to it, or back: ranges of numbers, in a file of its own.

Pure.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from typing import Literal, NamedTuple

import msgspec

from gateway.errors import ConfigError
from gateway.fleet.ranges import Ranges, parse_ranges

Way = Literal["redirect", "proxy"]


class Cutover(NamedTuple):
    """Who is served here. Ranges of ``elsewhere`` go before those of ``here``, and ``default`` is for all others.

    ``by`` says how the others get to the other server: they are sent there, or their requests are passed on.
    """

    here: Ranges
    elsewhere: Ranges
    default: Literal["here", "elsewhere"]
    by: Way

    def serves(self, imsis: Iterable[str], msisdn: str) -> bool | None:
        """Whether the one with these identities is served here; None where no range says so."""
        imsis = tuple(imsis)
        if self.elsewhere.have(imsis, msisdn):
            return False
        return True if self.here.have(imsis, msisdn) else None


class _Read(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    here: tuple[str, ...] = ()
    elsewhere: tuple[str, ...] = ()
    default: Literal["here", "elsewhere"] = "here"
    by: Way = "redirect"


def parse_cutover(text: str, file: object) -> Cutover:
    """What a file of ranges states; ``file`` is what messages call it.

    A range is a prefix or ``first-last``: of MSISDNs with ``+``, of IMSIs without.

    Raises: ConfigError naming the key.
    """
    try:
        read = msgspec.convert(tomllib.loads(text), _Read)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise ConfigError(f"says nothing of ranges: {error}", file=file) from None
    here, elsewhere = (parse_ranges(getattr(read, key), key=key, file=file) for key in ("here", "elsewhere"))
    return Cutover(here, elsewhere, read.default, read.by)
