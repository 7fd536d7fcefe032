"""Who the packet core says is calling: identities written into headers by the operator's own gateway.

Believed only on a listener that says so, and only from the peers it lists.

Spec: RCC.14 2.2.1 (configuration over 3GPP access)
"""

from __future__ import annotations

import enum
import functools
import re
from collections.abc import Iterable
from typing import NamedTuple

from adapters.rcc14.messages import parse_msisdn
from gateway.errors import DecodeError
from gateway.peers import Network, is_trusted

_IMSI = re.compile("[0-9]{6,15}", re.ASCII)


class Worth(enum.StrEnum):
    """What the headers of one request are worth."""

    TRUSTED = "trusted"
    MISSING = "missing"
    UNTRUSTED_SOURCE = "untrusted_source"
    MALFORMED = "malformed"
    MISMATCH = "mismatch"


class HeaderNames(NamedTuple):
    """The names that the operator's gateways write identities under, in lower case."""

    imsi: frozenset[str]
    msisdn: frozenset[str]

    @classmethod
    def of(cls, imsi: Iterable[str], msisdn: Iterable[str]) -> HeaderNames:
        """These, as the settings write them."""
        return cls(frozenset(name.lower() for name in imsi), frozenset(name.lower() for name in msisdn))

    @property
    def as_strangers_write(self) -> frozenset[str]:
        """The names, and with underscores for hyphens: what must not go on when whoever wrote it is not believed."""
        names = self.imsi | self.msisdn
        return names | {name.replace("-", "_") for name in names}

    def sort(self, headers: Iterable[tuple[str, str]]) -> tuple[dict[str, str], dict[str, str], list[str], bool]:
        """The IMSI and the MSISDN headers by name, what stands under a name that only looks like one of them, and
        whether one occurs twice."""
        imsis: dict[str, str] = {}
        msisdns: dict[str, str] = {}
        lookalikes: list[str] = []
        twice = False
        for written, value in headers:
            name = written.lower()
            found = imsis if name in self.imsi else msisdns if name in self.msisdn else None
            if found is not None:
                twice = twice or name in found
                found[name] = value.strip()
            elif name.replace("_", "-") in _spelt(self):
                lookalikes.append(value.strip())
        return imsis, msisdns, lookalikes, twice


class Enrichment(NamedTuple):
    """The identities of an enriched request; both empty unless ``worth`` is TRUSTED.

    ``contradicted`` when the request also carries another identity under a name that only looks like a trusted one, as
    a phone may that tries to pass for somebody else.
    """

    worth: Worth
    imsi: str = ""
    msisdn: str = ""
    contradicted: bool = False


def read_enrichment(
    peer: str, headers: Iterable[tuple[str, str]], names: HeaderNames, gateways: tuple[Network, ...]
) -> Enrichment:
    """The identity that one plain-leg request proves; ``headers`` are all of its headers.

    A header that occurs twice proves nothing: one of the two may have come from the phone. Headers of several names
    must agree. Names count in any case, but with each hyphen and underscore as it is configured.
    """
    imsis, msisdns, lookalikes, twice = names.sort(headers)
    given = {value for value in (*imsis.values(), *msisdns.values()) if value}
    if not given and not twice:
        return Enrichment(Worth.MISSING)
    if not is_trusted(peer, gateways):
        return Enrichment(Worth.UNTRUSTED_SOURCE)
    if twice:
        return Enrichment(Worth.MALFORMED)
    try:
        found_msisdns = {parse_msisdn(value) for value in msisdns.values() if value}
    except DecodeError:
        return Enrichment(Worth.MALFORMED)
    found_imsis = {value for value in imsis.values() if value}
    if not all(_IMSI.fullmatch(imsi) for imsi in found_imsis):
        return Enrichment(Worth.MALFORMED)
    if len(found_imsis) > 1 or len(found_msisdns) > 1:
        return Enrichment(Worth.MISMATCH)
    known = {value.removeprefix("+") for value in (*found_imsis, *found_msisdns)}
    contradicted = any(value.removeprefix("+") not in known for value in lookalikes)
    return Enrichment(Worth.TRUSTED, "".join(found_imsis), "".join(found_msisdns), contradicted)


@functools.cache
def _spelt(names: HeaderNames) -> frozenset[str]:
    """The trusted names with a hyphen for every underscore."""
    return frozenset(name.replace("_", "-") for name in names.imsi | names.msisdn)
