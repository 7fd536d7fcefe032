from pathlib import Path

import pytest

from adapters.provisioning.mapping import Mapping
from gateway.mo.catalogue import Catalogue

ROOT = Path(__file__).parents[4]


@pytest.fixture(scope="session")
def vectors() -> Path:
    return ROOT / "tests" / "vectors" / "provisioning"


@pytest.fixture(scope="session")
def catalogue() -> Catalogue:
    """The DDF files the gateway is shipped with."""
    return Catalogue.load(ROOT / "config" / "mo", identifiers={})


@pytest.fixture(scope="session")
def mapping(catalogue: Catalogue) -> Mapping:
    """The mapping the gateway is shipped with."""
    return Mapping.load(ROOT / "config" / "mapping", catalogue)
