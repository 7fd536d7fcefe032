"""Which protocol writes an MO to a device that speaks several, so that two of its stacks never undo each other's word.

Pure.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Literal, NamedTuple

from gateway.fleet.device import Device
from gateway.fleet.tac import SPOKEN

ProtocolWord = Literal["omadm", "rcc14", "omacp"]

CALLED_BY: tuple[ProtocolWord, ...] = ("omadm", "rcc14")
"""The protocols that a push can make a device come over."""
DISPROVING_PUSHES = 2
"""So many pushes that a device has, without coming, say that it does not speak their protocol."""

ALL = "all"
"""In place of a protocol: every protocol writes the MO, whatever the order says."""
WORDS = ("omadm", "rcc14", "omacp", ALL)


class OwnerRule(NamedTuple):
    """A profile's word on who owns an MO: a protocol or ``ALL``, and where that stands."""

    protocol: str
    layer: str
    profile: str
    place: str


class Owner(NamedTuple):
    """The protocol that writes an MO to a device, and why it is this one."""

    protocol: str
    why: str


class Ownership(NamedTuple):
    """What holds where no profile says anything: of the protocols a device speaks, the first in ``order`` that carries
    an MO owns it. With an empty order every protocol writes it.

    ``carried`` are the MOs that a protocol brings unasked. With ``documents`` "keep" RCC.14 documents have all of
    their applications, whoever owns them.
    """

    order: tuple[str, ...] = ()
    carried: Mapping[str, frozenset[str]] = {}
    documents: Literal["omit", "keep"] = "omit"


class Speaking(NamedTuple):
    """A protocol of a device: whether its model is said to speak it, whether it did, and that in words."""

    protocol: ProtocolWord
    speaks: bool
    declared: bool
    why: str


def spoken(device: Device) -> tuple[str, ...]:
    """The protocols that the device was met over: an account alone says nothing, for it may never be used."""
    found = ("omadm",) if device.omadm is not None and device.omadm.last_session_at is not None else ()
    return (*found, "rcc14") if device.rcc14 is not None and device.rcc14.sent_version else found


def owners(
    mos: Iterable[str], rules: Mapping[str, OwnerRule], ownership: Ownership, spoken: Sequence[str]
) -> dict[str, Owner]:
    """The owner of each MO that has one, on a device that speaks these protocols.

    A rule for a protocol that the device does not speak counts for nothing: somebody has to bring the values. Of OMA CP
    nobody hears whether a phone speaks it, so there the rule alone counts.
    """
    found: dict[str, Owner] = {}
    for mo in mos:
        rule = rules.get(mo)
        if rule is not None and (rule.protocol in (ALL, "omacp") or rule.protocol in spoken):
            if rule.protocol != ALL:
                found[mo] = Owner(rule.protocol, f"{rule.layer} {rule.profile} {rule.place}")
            continue
        first = next((one for one in ownership.order if one in spoken and mo in ownership.carried.get(one, ())), "")
        if first and len(spoken) > 1:
            found[mo] = Owner(first, f"it speaks {' and '.join(spoken)}, and {first} comes first in owners.order")
    return found


def newly_disproved(device: Device, unanswered: Mapping[str, int]) -> tuple[ProtocolWord, ...]:
    """The protocols that the device turns out not to speak: it had pushes by them, and came over others alone.

    Of one that never came at all nothing is known: it may be off.
    """
    speaks = spoken(device)
    found: list[ProtocolWord] = [
        one
        for one in CALLED_BY
        if speaks and one not in speaks and one not in device.disproved and unanswered.get(one, 0) >= DISPROVING_PUSHES
    ]
    return tuple(found)


def unspoken(device: Device, declared: Collection[str]) -> frozenset[str]:
    """The protocols that the device is known not to speak: its pushes disproved them, or its model is not said to.

    What it was met over it speaks, whatever is said of it; of a model that nothing is said of, nothing follows.
    """
    said = {one for one in SPOKEN if declared and one not in declared}
    return frozenset(said | set(device.disproved)) - frozenset(spoken(device))


def speaking(device: Device, declared: Sequence[str], unanswered: Mapping[str, int]) -> list[Speaking]:
    """What is known of every protocol that the device speaks or is said to speak.

    ``declared`` is what its model is said to speak, ``unanswered`` how many pushes of a protocol brought no contact.
    What it does goes before what is said of it.
    """
    met = {"omadm": device.omadm and device.omadm.last_session_at, "rcc14": device.rcc14 and device.rcc14.sent_at}
    found: list[Speaking] = []
    protocols: tuple[ProtocolWord, ...] = ("omadm", "rcc14", "omacp")
    for protocol in protocols:
        said, pushed, at = protocol in declared, unanswered.get(protocol, 0), met.get(protocol)
        if protocol in spoken(device):
            why = f"it did, last at {at.isoformat(timespec='seconds')}" if at else "it did"
            correction = "" if said or not declared else "; its model is not said to"
            found.append(Speaking(protocol, True, said, why + correction))
        elif protocol in device.disproved:
            found.append(Speaking(protocol, False, said, "pushes led to no contact, and it came over another"))
        elif said and pushed and spoken(device):
            why = f"its model is said to, but {pushed} {'push' if pushed == 1 else 'pushes'} led to no contact"
            found.append(Speaking(protocol, False, True, why))
        elif said:
            found.append(Speaking(protocol, True, True, "its model is said to"))
    return found
