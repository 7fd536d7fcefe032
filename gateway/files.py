"""What the operator's files say: DDFs, profiles, mappings and rules, read and checked together."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from adapters.omacp.manual import ManualWords
from adapters.omacp.mapping import CpMapping
from adapters.provisioning import mapping
from adapters.rcc14.cutover import Cutover, parse_cutover
from gateway.errors import ConfigError
from gateway.fleet.consistency import Rule, load_rules
from gateway.fleet.detection_rules import Rule as DetectionRule
from gateway.fleet.detection_rules import load_rules as load_detection_rules
from gateway.fleet.profile import ProfileSet, parse_profiles, read_profiles
from gateway.fleet.rollout import Edition
from gateway.mo.catalogue import Catalogue
from gateway.settings import Settings

DIGEST_CHARACTERS = 12
"""Of the hexadecimal digest: a number of 48 bits, which a metric can carry whole."""


class Configuration(NamedTuple):
    """What the files say; ``digest`` is the same wherever the same files are read.

    ``edition`` is that of the profiles, ``frame`` the digest of all other files.
    """

    catalogue: Catalogue
    profiles: ProfileSet
    mapping: mapping.Mapping
    cp_mapping: CpMapping
    manual: ManualWords
    detection_rules: tuple[DetectionRule, ...]
    digest: str
    rules: tuple[Rule, ...]
    edition: Edition
    frame: str
    cutover: Cutover | None = None


def load_catalogue(settings: Settings) -> Catalogue:
    """The DDFs that the settings name.

    Raises: ConfigError.
    """
    return Catalogue.load(*_mo_directories(settings), identifiers=settings.catalogue.identifiers)


def load_configuration(settings: Settings, profiles: Mapping[str, str] | None = None) -> Configuration:
    """The DDFs, profiles, mappings and rules that the settings name.

    With ``profiles``, texts by the name of their file, it is as if just these were in the directory of profiles.

    Raises: ConfigError naming file, line and key of what is wrong.
    """
    # Before the files are read: what is written meanwhile looks like what it is, a change.
    detection, ranges = settings.detection.rules, settings.rcc14.ranges
    frame = (*_mo_directories(settings), settings.mapping, *filter(None, (detection, ranges)))
    frame_digest = _digest(*map(_files, frame))
    digest = _digest(*map(_files, frame), _profile_files(settings.profiles, profiles))
    catalogue = load_catalogue(settings)
    rules = tuple(load_rules(_mo_directories(settings), catalogue))
    if profiles is None:
        profiles = {str(settings.profiles / name): text for name, text in read_profiles(settings.profiles).items()}
    return Configuration(
        catalogue,
        parse_profiles(profiles, catalogue, rules),
        mapping.Mapping.load(settings.mapping, catalogue),
        CpMapping.load(settings.mapping / "omacp", catalogue),
        ManualWords.load(settings.mapping / "manual"),
        load_detection_rules(detection) if detection else (),
        digest,
        rules,
        Edition.of(profiles),
        frame_digest,
        load_cutover(ranges) if ranges else None,
    )


def load_cutover(file: Path) -> Cutover:
    """Who is served here, as the file says. Raises: ConfigError."""
    try:
        return parse_cutover(file.read_text(encoding="utf-8"), file)
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot be read: {error}", file=file) from None


def _mo_directories(settings: Settings) -> tuple[Path, ...]:
    return (settings.mo, *settings.catalogue.directories)


def _files(place: Path) -> Iterator[tuple[str, bytes]]:
    """This file, or those in this folder, by their names below it."""
    inside = (one for one in place.rglob("*") if one.suffix in (".toml", ".xml") and one.is_file())
    for file in [place] if place.is_file() else sorted(inside):
        yield str(file.relative_to(place)), file.read_bytes()


def _profile_files(folder: Path, texts: Mapping[str, str] | None) -> Iterator[tuple[str, bytes]]:
    """The folder's files, with these texts in place of those that profiles are read from."""
    if texts is None:
        return _files(folder)
    others = ((name, octets) for name, octets in _files(folder) if "/" in name or not name.endswith(".toml"))
    files = [*others, *((name, text.encode()) for name, text in texts.items())]
    return iter(sorted(files, key=lambda one: Path(one[0])))


def _digest(*places: Iterable[tuple[str, bytes]]) -> str:
    """What identifies the files of these places, by their names and octets."""
    whole = hashlib.sha256()
    for number, files in enumerate(places):
        for name, octets in files:
            for part in (str(number).encode(), name.encode(), octets):
                whole.update(len(part).to_bytes(8))
                whole.update(part)
    return whole.hexdigest()[:DIGEST_CHARACTERS]
