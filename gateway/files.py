"""What the operator's files say: DDFs, profiles, mappings and rules, read and checked together."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import NamedTuple

from adapters.omacp.mapping import CpMapping
from adapters.provisioning.mapping import Mapping
from gateway.fleet.consistency import load_rules
from gateway.fleet.detection_rules import Rule as DetectionRule
from gateway.fleet.detection_rules import load_rules as load_detection_rules
from gateway.fleet.profile import ProfileSet, load_profiles
from gateway.mo.catalogue import Catalogue
from gateway.settings import Settings

DIGEST_CHARACTERS = 12
"""Of the hexadecimal digest: a number of 48 bits, which a metric can carry whole."""


class Configuration(NamedTuple):
    """What the files say; ``digest`` is the same wherever the same files are read."""

    catalogue: Catalogue
    profiles: ProfileSet
    mapping: Mapping
    cp_mapping: CpMapping
    detection_rules: tuple[DetectionRule, ...]
    digest: str


def load_catalogue(settings: Settings) -> Catalogue:
    """The DDFs that the settings name.

    Raises: ConfigError.
    """
    return Catalogue.load(*_mo_directories(settings), identifiers=settings.catalogue.identifiers)


def load_configuration(settings: Settings) -> Configuration:
    """The DDFs, profiles, mappings and rules that the settings name.

    Raises: ConfigError naming file, line and key of what is wrong.
    """
    # Before the files are read: what is written meanwhile looks like what it is, a change.
    rules = settings.detection.rules
    digest = _digest(*_mo_directories(settings), settings.mapping, settings.profiles, *([rules] if rules else []))
    catalogue = load_catalogue(settings)
    return Configuration(
        catalogue,
        load_profiles(settings.profiles, catalogue, load_rules(_mo_directories(settings), catalogue)),
        Mapping.load(settings.mapping, catalogue),
        CpMapping.load(settings.mapping / "omacp", catalogue),
        load_detection_rules(rules) if rules else (),
        digest,
    )


def _mo_directories(settings: Settings) -> tuple[Path, ...]:
    return (settings.mo, *settings.catalogue.directories)


def _digest(*places: Path) -> str:
    """What identifies these files, and those in these folders, by their names below the folder and their octets."""
    whole = hashlib.sha256()
    for number, place in enumerate(places):
        inside = (one for one in place.rglob("*") if one.suffix in (".toml", ".xml") and one.is_file())
        for file in [place] if place.is_file() else sorted(inside):
            for part in (str(number).encode(), str(file.relative_to(place)).encode(), file.read_bytes()):
                whole.update(len(part).to_bytes(8))
                whole.update(part)
    return whole.hexdigest()[:DIGEST_CHARACTERS]
