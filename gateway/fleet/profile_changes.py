"""What a new edition of the profiles says otherwise than the one before: profile by profile, line by line.

Profiles are told apart by their names: one that is found in another file is the same one.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePath
from typing import NamedTuple

from gateway.fleet.profile import Profile

Match = Mapping[str, frozenset[str]]


class Change(enum.StrEnum):
    """What becomes of a profile. One that is restated says the same in other words or in another file."""

    ADDED = "added"
    CHANGED = "changed"
    DELETED = "deleted"
    RESTATED = "restated"


class Statement(NamedTuple):
    """One thing that a profile says otherwise; None where it does not say it.

    ``key`` is a node, ``unset`` and a node, ``match.`` and a facet, ``owners.`` and an MO, or ``layer``. ``line`` is
    where the new file says it, or where the old one did that no longer does; 0 when that is not known.
    """

    key: str
    line: int
    was: str | None
    now: str | None


class ProfileChange(NamedTuple):
    """What becomes of one profile. ``file`` is the name of its new file, or of its old one when it is deleted."""

    profile: str
    layer: str
    file: str
    change: Change
    statements: tuple[Statement, ...]


def profile_changes(
    was: Iterable[Profile], now: Iterable[Profile], texts_were: Mapping[str, str], texts: Mapping[str, str]
) -> list[ProfileChange]:
    """All that differs between two editions, weakest layer first, what is deleted last. ``texts`` are files by name."""
    before, after = ({profile.name: profile for profile in edition} for edition in (was, now))
    found = []
    for name, profile in after.items():
        old = before.get(name)
        statements = _differences(old, profile)
        if old is None:
            change = Change.ADDED
        elif statements:
            change = Change.CHANGED
        elif texts.get(_file(profile)) != texts_were.get(_file(profile)) or _file(old) != _file(profile):
            change = Change.RESTATED
        else:
            continue
        found.append(ProfileChange(name, profile.layer, _file(profile), change, statements))
    for name in before.keys() - after.keys():
        gone = before[name]
        found.append(ProfileChange(name, gone.layer, _file(gone), Change.DELETED, _differences(gone, None)))
    return found


def changed_matches(was: Iterable[Profile], now: Iterable[Profile]) -> list[Match]:
    """What the profiles match, before and after, that the two editions do not share. Nobody else's content changes."""
    before, after = ({profile.name: profile for profile in edition} for edition in (was, now))
    return [
        profile.match
        for name in {**before, **after}
        for profile in (before.get(name), after.get(name))
        if profile is not None and _content(before.get(name)) != _content(after.get(name))
    ]


def covering(matches: Sequence[Match]) -> Match:
    """One match of all that any of these is of, and perhaps of more; the empty one is of everybody."""
    first, *rest = matches
    shared = [facet for facet in first if all(facet in one for one in rest)]
    return {facet: frozenset().union(*(one[facet] for one in matches)) for facet in shared}


def _content(profile: Profile | None) -> object:
    """All by which a profile has a say in what a device holds."""
    if profile is None:
        return None
    values, unset = profile.content
    templates = {node: source.template for node, source in values.items()}
    owners = {mo: rule.protocol for mo, rule in profile.owners.items()}
    return profile.layer, profile.match, templates, set(unset), owners


def _differences(was: Profile | None, now: Profile | None) -> tuple[Statement, ...]:
    before, after = _says(was), _says(now)
    found = []
    for key in dict.fromkeys((*after, *before)):
        old, new = before.get(key), after.get(key)
        stated = new or old
        if stated is not None and (old and old[0]) != (new and new[0]):
            found.append(Statement(key, stated[1], old and old[0], new and new[0]))
    return tuple(found)


def _says(profile: Profile | None) -> dict[str, tuple[str, int]]:
    """All that a profile says: text and line by key."""
    if profile is None:
        return {}
    says = {"layer": (str(profile.layer), 0)}
    says |= {f"match.{facet}": (", ".join(sorted(values)), 0) for facet, values in profile.match.items()}
    says |= {f"owners.{mo}": (rule.protocol, _line(rule.place)) for mo, rule in profile.owners.items()}
    says |= {f"unset {node}": ("", _line(source.place)) for node, source in profile.content.unset.items()}
    says |= {str(node): (source.template or "", _line(source.place)) for node, source in profile.content.values.items()}
    return says


def _line(place: str) -> int:
    line = place.rpartition(":")[2]
    return int(line) if line.isdecimal() else 0


def _file(profile: Profile) -> str:
    return PurePath(profile.file).name
