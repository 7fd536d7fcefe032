"""What the operator's files say: DDFs, profiles and mappings, read and checked together."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import NamedTuple

from adapters.omacp.mapping import CpMapping
from adapters.provisioning.mapping import Mapping
from gateway.fleet.consistency import load_rules
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
    digest: str


def load_catalogue(settings: Settings) -> Catalogue:
    """The DDFs that the settings name.

    Raises: ConfigError.
    """
    return Catalogue.load(*_mo_directories(settings), identifiers=settings.catalogue.identifiers)


def load_configuration(settings: Settings) -> Configuration:
    """The DDFs, profiles and mappings that the settings name.

    Raises: ConfigError naming file, line and key of what is wrong.
    """
    # Before the files are read: what is written meanwhile looks like what it is, a change.
    digest = _digest(*_mo_directories(settings), settings.mapping, settings.profiles)
    catalogue = load_catalogue(settings)
    return Configuration(
        catalogue,
        load_profiles(settings.profiles, catalogue, load_rules(_mo_directories(settings), catalogue)),
        Mapping.load(settings.mapping, catalogue),
        CpMapping.load(settings.mapping / "omacp", catalogue),
        digest,
    )


def _mo_directories(settings: Settings) -> tuple[Path, ...]:
    return (settings.mo, *settings.catalogue.directories)


def _digest(*folders: Path) -> str:
    """What identifies the files in these folders, by their names below the folder and their octets."""
    whole = hashlib.sha256()
    for number, folder in enumerate(folders):
        for file in sorted(one for one in folder.rglob("*") if one.suffix in (".toml", ".xml") and one.is_file()):
            for part in (str(number).encode(), str(file.relative_to(folder)).encode(), file.read_bytes()):
                whole.update(len(part).to_bytes(8))
                whole.update(part)
    return whole.hexdigest()[:DIGEST_CHARACTERS]
