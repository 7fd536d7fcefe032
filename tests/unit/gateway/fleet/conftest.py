"""A small catalogue, so that the tests say themselves what a node may be."""

from collections.abc import Callable

import pytest

from gateway.fleet.profile import Profile, ProfileSet, parse_profile
from gateway.mo.catalogue import Catalogue
from gateway.mo.definition import Definition, ManagementObject, Permitted, Provenance
from gateway.tree.format import Format

PROVISIONAL = Provenance("name-only")


def leaf(name: str, *formats: Format, permitted: Permitted | None = None, provisional: bool = False) -> Definition:
    provenance = PROVISIONAL if provisional else Provenance()
    return Definition(name, formats or (Format.CHR,), permitted=permitted or Permitted(), provenance=provenance)


def interior(name: str, *children: Definition) -> Definition:
    return Definition(name, (Format.NODE,), children=children)


IMS = interior(
    "",
    leaf("Name"),
    interior("Servers", interior("", leaf("Address"), leaf("Type", permitted=Permitted((("FQDN", ""), ("IPv4", "")))))),
    leaf("Timer_T1", Format.INT),
    leaf("Timer_T2", Format.INT),
    leaf("Reg", Format.INT, permitted=Permitted(low=5, high=15)),
    leaf("Guess", Format.INT, permitted=Permitted(low=5, high=15), provisional=True),
    leaf("SMS", Format.BOOL),
    leaf("Q", Format.FLOAT),
    leaf("Since", Format.DATE),
    leaf("At", Format.TIME),
    leaf("Key", Format.BIN),
    leaf("Either", Format.INT, Format.CHR),
)


@pytest.fixture
def catalogue() -> Catalogue:
    """Two MOs, ``ims`` (``urn:oma:mo:ext-3gpp-ims:1.0``) and ``nas``."""
    return Catalogue(
        [
            ManagementObject("ims", "urn:oma:mo:ext-3gpp-ims:1.0", IMS),
            ManagementObject("nas", "", interior("", leaf("Name"))),
        ]
    )


@pytest.fixture
def parse(catalogue: Catalogue) -> Callable[[str], Profile]:
    """The profile of this TOML text."""
    return lambda source: parse_profile(source, "profiles/test.toml", catalogue)


@pytest.fixture
def profiles(catalogue: Catalogue) -> Callable[..., ProfileSet]:
    """The set of the profiles of these TOML texts, which lie in files named 0.toml, 1.toml and so on."""
    return lambda *sources: ProfileSet(
        (parse_profile(source, f"{number}.toml", catalogue) for number, source in enumerate(sources)), catalogue
    )
